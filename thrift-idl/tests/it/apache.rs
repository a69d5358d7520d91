//! Apache's codec, reading and writing values without Rust types.

use thrift::protocol::{
    TBinaryInputProtocol, TBinaryOutputProtocol, TCompactInputProtocol, TCompactOutputProtocol,
    TFieldIdentifier, TInputProtocol, TListIdentifier, TMapIdentifier, TMessageIdentifier, TMessageType,
    TOutputProtocol, TSetIdentifier, TStructIdentifier, TType,
};
use thrift_idl::{Protocol, WireType};

use crate::dynamic::Dyn;

type Done<T> = thrift::Result<T>;

/// Encodes a struct; `backwards` writes its fields from the highest id down.
pub(crate) fn encode(protocol: Protocol, value: &Dyn, backwards: bool) -> Vec<u8> {
    let mut bytes = Vec::new();
    match protocol {
        Protocol::Binary => write(
            &mut TBinaryOutputProtocol::new(&mut bytes, true),
            value,
            backwards,
        ),
        Protocol::Compact => write(&mut TCompactOutputProtocol::new(&mut bytes), value, backwards),
    }
    .unwrap();
    bytes
}

/// Decodes a struct.
pub(crate) fn decode(protocol: Protocol, mut bytes: &[u8]) -> Dyn {
    match protocol {
        Protocol::Binary => read(&mut TBinaryInputProtocol::new(&mut bytes, true), TType::Struct),
        Protocol::Compact => read(&mut TCompactInputProtocol::new(&mut bytes), TType::Struct),
    }
    .unwrap()
}

/// Encodes a message of no arguments.
pub(crate) fn call(protocol: Protocol, strict: bool, name: &str, seq: i32) -> Vec<u8> {
    let mut bytes = Vec::new();
    let head = TMessageIdentifier::new(name, TMessageType::Call, seq);
    let empty = Dyn::Struct([].into());
    match protocol {
        Protocol::Binary => {
            let mut to = TBinaryOutputProtocol::new(&mut bytes, strict);
            to.write_message_begin(&head)
                .and_then(|()| write(&mut to, &empty, false))
                .unwrap();
        }
        Protocol::Compact => {
            let mut to = TCompactOutputProtocol::new(&mut bytes);
            to.write_message_begin(&head)
                .and_then(|()| write(&mut to, &empty, false))
                .unwrap();
        }
    }
    bytes
}

/// Decodes the head of a message.
pub(crate) fn head(protocol: Protocol, strict: bool, mut bytes: &[u8]) -> (String, TMessageType, i32) {
    let head = match protocol {
        Protocol::Binary => TBinaryInputProtocol::new(&mut bytes, strict).read_message_begin(),
        Protocol::Compact => TCompactInputProtocol::new(&mut bytes).read_message_begin(),
    }
    .unwrap();
    (head.name, head.message_type, head.sequence_number)
}

fn code(wire: WireType) -> TType {
    match wire {
        WireType::Bool => TType::Bool,
        WireType::I8 => TType::I08,
        WireType::I16 => TType::I16,
        WireType::I32 => TType::I32,
        WireType::I64 => TType::I64,
        WireType::Double => TType::Double,
        WireType::String => TType::String,
        WireType::Struct => TType::Struct,
        WireType::List => TType::List,
        WireType::Set => TType::Set,
        WireType::Map => TType::Map,
    }
}

fn write(to: &mut dyn TOutputProtocol, value: &Dyn, backwards: bool) -> Done<()> {
    let element = |wire: &Option<crate::dynamic::Wire>| wire.map_or(TType::I32, |wire| code(wire.into()));
    match value {
        Dyn::Bool(it) => to.write_bool(*it),
        Dyn::I8(it) => to.write_i8(*it),
        Dyn::I16(it) => to.write_i16(*it),
        Dyn::I32(it) => to.write_i32(*it),
        Dyn::I64(it) => to.write_i64(*it),
        Dyn::Double(bits) => to.write_double(f64::from_bits(*bits)),
        Dyn::String(bytes) => to.write_bytes(bytes),
        Dyn::List(wire, values) => {
            to.write_list_begin(&TListIdentifier::new(element(wire), values.len() as i32))?;
            values.iter().try_for_each(|value| write(to, value, backwards))
        }
        Dyn::Set(wire, values) => {
            to.write_set_begin(&TSetIdentifier::new(element(wire), values.len() as i32))?;
            values.iter().try_for_each(|value| write(to, value, backwards))
        }
        Dyn::Map(wires, values) => {
            let (key, value) = wires.map_or((TType::I32, TType::I32), |(k, v)| {
                (code(k.into()), code(v.into()))
            });
            to.write_map_begin(&TMapIdentifier::new(key, value, values.len() as i32))?;
            values.iter().try_for_each(|(key, value)| {
                write(to, key, backwards)?;
                write(to, value, backwards)
            })
        }
        Dyn::Struct(fields) => {
            to.write_struct_begin(&TStructIdentifier::new("any"))?;
            let mut fields: Vec<_> = fields.iter().collect();
            if backwards {
                fields.reverse();
            }
            for (id, value) in fields {
                to.write_field_begin(&TFieldIdentifier::new("any", code(value.wire()), *id))?;
                write(to, value, backwards)?;
                to.write_field_end()?;
            }
            to.write_field_stop()?;
            to.write_struct_end()
        }
    }
}

fn read(from: &mut dyn TInputProtocol, ty: TType) -> Done<Dyn> {
    Ok(match ty {
        TType::Bool => Dyn::Bool(from.read_bool()?),
        TType::I08 => Dyn::I8(from.read_i8()?),
        TType::I16 => Dyn::I16(from.read_i16()?),
        TType::I32 => Dyn::I32(from.read_i32()?),
        TType::I64 => Dyn::I64(from.read_i64()?),
        TType::Double => Dyn::Double(from.read_double()?.to_bits()),
        TType::String => Dyn::String(from.read_bytes()?),
        TType::List => {
            let head = from.read_list_begin()?;
            Dyn::list(
                (0..head.size)
                    .map(|_| read(from, head.element_type))
                    .collect::<Done<_>>()?,
            )
        }
        TType::Set => {
            let head = from.read_set_begin()?;
            Dyn::set(
                (0..head.size)
                    .map(|_| read(from, head.element_type))
                    .collect::<Done<_>>()?,
            )
        }
        TType::Map => {
            let head = from.read_map_begin()?;
            let (key, value) = (
                head.key_type.unwrap_or(TType::I32),
                head.value_type.unwrap_or(TType::I32),
            );
            let mut pair = || Ok((read(from, key)?, read(from, value)?));
            Dyn::map((0..head.size).map(|_| pair()).collect::<Done<_>>()?)
        }
        TType::Struct => {
            from.read_struct_begin()?;
            let mut fields = std::collections::BTreeMap::new();
            loop {
                let head = from.read_field_begin()?;
                if head.field_type == TType::Stop {
                    break;
                }
                fields.insert(head.id.unwrap(), read(from, head.field_type)?);
            }
            from.read_struct_end()?;
            Dyn::Struct(fields)
        }
        other => panic!("no value has type {other:?}"),
    })
}
