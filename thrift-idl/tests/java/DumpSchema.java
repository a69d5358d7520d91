/*
 * Prints what the Thrift classes of a Hive client know of the protocol, found by reflection.
 *
 * Run as `java -cp 'JARS/*' DumpSchema.java`. Each line is one fact, its words parted by tabs:
 *   struct|exception|union NAME
 *   field   OWNER ID NAME REQUIREMENT TYPE
 *   value   ENUM NAME NUMBER
 *   method  NAME call|oneway
 *   arg     METHOD ID NAME TYPE
 *   result  METHOD ID NAME TYPE        (id 0 is the value returned, others are exceptions)
 */

import java.lang.reflect.Field;
import java.lang.reflect.Method;
import java.lang.reflect.ParameterizedType;
import java.lang.reflect.Type;
import java.net.URL;
import java.nio.ByteBuffer;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.jar.JarFile;
import org.apache.thrift.TBase;
import org.apache.thrift.TEnum;
import org.apache.thrift.TFieldIdEnum;
import org.apache.thrift.TUnion;
import org.apache.thrift.meta_data.EnumMetaData;
import org.apache.thrift.meta_data.FieldMetaData;
import org.apache.thrift.meta_data.FieldValueMetaData;
import org.apache.thrift.meta_data.ListMetaData;
import org.apache.thrift.meta_data.MapMetaData;
import org.apache.thrift.meta_data.SetMetaData;
import org.apache.thrift.meta_data.StructMetaData;
import org.apache.thrift.protocol.TType;

public class DumpSchema {
    private static final String API = "org.apache.hadoop.hive.metastore.api.";

    public static void main(String[] args) throws Exception {
        dumpTypes(API + "ThriftHiveMetastore");
        dumpService(API + "ThriftHiveMetastore");
        dumpService("com.facebook.fb303.FacebookService");
    }

    private static void dumpTypes(String neighbour) throws Exception {
        for (String name : classesBeside(Class.forName(neighbour))) {
            Class<?> type = Class.forName(name);
            if (TEnum.class.isAssignableFrom(type) && type.isEnum()) {
                dumpEnum(type);
            } else if (TBase.class.isAssignableFrom(type)) {
                dumpStruct(type);
            }
        }
        dumpEnum(Class.forName("com.facebook.fb303.fb_status"));
    }

    private static Set<String> classesBeside(Class<?> type) throws Exception {
        URL jar = type.getProtectionDomain().getCodeSource().getLocation();
        Set<String> names = new TreeSet<>();
        try (JarFile file = new JarFile(jar.getPath())) {
            for (var entry : Collections.list(file.entries())) {
                String name = entry.getName();
                if (name.endsWith(".class") && !name.contains("$")) {
                    String dotted = name.substring(0, name.length() - 6).replace('/', '.');
                    if (dotted.startsWith(API) && dotted.indexOf('.', API.length()) < 0) {
                        names.add(dotted);
                    }
                }
            }
        }
        return names;
    }

    private static void dumpEnum(Class<?> type) {
        for (Object value : type.getEnumConstants()) {
            line("value", type.getSimpleName(), ((Enum<?>) value).name(), ((TEnum) value).getValue());
        }
    }

    private static void dumpStruct(Class<?> type) throws Exception {
        String kind = TUnion.class.isAssignableFrom(type) ? "union"
            : Throwable.class.isAssignableFrom(type) ? "exception" : "struct";
        line(kind, type.getSimpleName());
        for (var field : metaData(type).entrySet()) {
            FieldMetaData meta = (FieldMetaData) field.getValue();
            String requirement = switch (meta.requirementType) {
                case 1 -> "required";
                case 2 -> "optional";
                default -> "default";
            };
            line("field", type.getSimpleName(), id(field.getKey()), meta.fieldName, requirement, typeOf(type, meta));
        }
    }

    private static void dumpService(String service) throws Exception {
        Set<String> names = new TreeSet<>();
        for (Method method : Class.forName(service + "$Iface").getDeclaredMethods()) {
            names.add(method.getName());
        }
        for (String name : names) {
            Class<?> result = find(service + "$" + name + "_result");
            line("method", name, result == null ? "oneway" : "call");
            dumpMembers("arg", name, Class.forName(service + "$" + name + "_args"));
            if (result != null) {
                dumpMembers("result", name, result);
            }
        }
    }

    private static void dumpMembers(String word, String method, Class<?> type) throws Exception {
        for (var field : metaData(type).entrySet()) {
            FieldMetaData meta = (FieldMetaData) field.getValue();
            line(word, method, id(field.getKey()), meta.fieldName, typeOf(type, meta));
        }
    }

    private static Class<?> find(String name) {
        try {
            return Class.forName(name);
        } catch (ClassNotFoundException e) {
            return null;
        }
    }

    private static Map<?, ?> metaData(Class<?> type) throws Exception {
        return (Map<?, ?>) type.getField("metaDataMap").get(null);
    }

    private static int id(Object field) {
        return ((TFieldIdEnum) field).getThriftFieldId();
    }

    /* The declared Java type tells more than the meta data, which is vague about forward references;
       unions declare no Java fields, so there the meta data has to do. */
    private static String typeOf(Class<?> owner, FieldMetaData meta) throws Exception {
        if (TUnion.class.isAssignableFrom(owner)) {
            return typeOf(meta.valueMetaData);
        }
        Field field = owner.getDeclaredField(meta.fieldName);
        return typeOf(field.getGenericType());
    }

    private static String typeOf(Type type) {
        if (type instanceof ParameterizedType generic) {
            Type[] inner = generic.getActualTypeArguments();
            if (generic.getRawType() == Map.class) {
                return "map<" + typeOf(inner[0]) + "," + typeOf(inner[1]) + ">";
            }
            return (generic.getRawType() == List.class ? "list<" : "set<") + typeOf(inner[0]) + ">";
        }
        Class<?> plain = (Class<?>) type;
        if (plain == boolean.class || plain == Boolean.class) return "bool";
        if (plain == byte.class || plain == Byte.class) return "i8";
        if (plain == short.class || plain == Short.class) return "i16";
        if (plain == int.class || plain == Integer.class) return "i32";
        if (plain == long.class || plain == Long.class) return "i64";
        if (plain == double.class || plain == Double.class) return "double";
        if (plain == String.class) return "string";
        if (plain == ByteBuffer.class || plain == byte[].class) return "binary";
        return plain.getSimpleName();
    }

    private static String typeOf(FieldValueMetaData value) {
        if (value instanceof StructMetaData struct) return struct.structClass.getSimpleName();
        if (value instanceof EnumMetaData named) return named.enumClass.getSimpleName();
        if (value instanceof ListMetaData list) return "list<" + typeOf(list.elemMetaData) + ">";
        if (value instanceof SetMetaData set) return "set<" + typeOf(set.elemMetaData) + ">";
        if (value instanceof MapMetaData map) {
            return "map<" + typeOf(map.keyMetaData) + "," + typeOf(map.valueMetaData) + ">";
        }
        return switch (value.type) {
            case TType.BOOL -> "bool";
            case TType.BYTE -> "i8";
            case TType.I16 -> "i16";
            case TType.I32 -> "i32";
            case TType.I64 -> "i64";
            case TType.DOUBLE -> "double";
            case TType.STRING -> value.isBinary() ? "binary" : "string";
            default -> value.getTypedefName();
        };
    }

    private static void line(Object... words) {
        StringBuilder text = new StringBuilder();
        for (Object word : words) {
            text.append(text.length() == 0 ? "" : "\t").append(word);
        }
        System.out.println(text);
    }
}
