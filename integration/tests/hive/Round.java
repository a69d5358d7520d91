import java.lang.reflect.Method;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.stream.Collectors;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.hive.metastore.HiveMetaStoreClient;
import org.apache.hadoop.hive.metastore.IMetaStoreClient;
import org.apache.hadoop.hive.metastore.api.*;
import org.apache.hadoop.hive.metastore.conf.MetastoreConf;
import org.apache.hadoop.hive.metastore.messaging.json.JSONMessageDeserializer;

/**
 * A round of calls by Hive's own metastore client, 3.1.3 or 4.0.1: each argument is `write|own|read,HOST:PORT,DATABASE`.
 *
 * <p>`write` works in the database and leaves a table there, `own` does besides what needs a listener of that ref, and `read`
 * finds what `write` has left and is refused whatever would change it.
 */
public final class Round {
  private final IMetaStoreClient client;
  private final String db;

  private Round(IMetaStoreClient client, String db) {
    this.client = client;
    this.db = db;
  }

  public static void main(String[] rounds) throws Exception {
    for (String round : rounds) {
      String[] parts = round.split(",");
      Configuration conf = MetastoreConf.newMetastoreConf();
      MetastoreConf.setVar(conf, MetastoreConf.ConfVars.THRIFT_URIS, "thrift://" + parts[1]);
      IMetaStoreClient client = new HiveMetaStoreClient(conf);
      Round one = new Round(client, parts[2]);
      long before = client.getCurrentNotificationEventId().getEventId();
      if (parts[0].equals("read")) {
        one.read();
        one.refuses();
      } else {
        one.write();
        if (parts[0].equals("own")) one.tells(before);
      }
      client.close();
      System.out.println("ok " + round);
    }
    System.exit(0); // Hive's client leaves threads behind
  }

  private void write() throws Exception {
    table();
    partitions();
    changes();
    statistics();
    constraints();
    locks();
    transactions();
    read();
  }

  private void table() throws Exception {
    StorageDescriptor storage = new StorageDescriptor();
    storage.setCols(new ArrayList<>(List.of(new FieldSchema("id", "bigint", null), new FieldSchema("v", "string", "a letter"))));
    storage.setInputFormat("org.apache.hadoop.mapred.TextInputFormat");
    storage.setOutputFormat("org.apache.hadoop.hive.ql.io.HiveIgnoreKeyTextOutputFormat");
    storage.setSerdeInfo(new SerDeInfo(null, "org.apache.hadoop.hive.serde2.lazy.LazySimpleSerDe", new java.util.HashMap<>()));
    storage.setNumBuckets(-1);
    storage.setBucketCols(new ArrayList<>());
    storage.setSortCols(new ArrayList<>());
    Table table = new Table();
    table.setDbName(db);
    table.setTableName("t");
    table.setOwner("me");
    table.setTableType("MANAGED_TABLE");
    table.setParameters(new java.util.HashMap<>(Map.of("k", "v")));
    table.setSd(storage);
    table.setPartitionKeys(List.of(new FieldSchema("dt", "string", null), new FieldSchema("n", "int", null)));
    client.createTable(table);
    fails(AlreadyExistsException.class, () -> client.createTable(table));
    same(client.getTable(db, "t").getDbName(), db);
    same(client.tableExists(db, "t"), true);
    same(client.getTables(db, "*"), List.of("t"));
    same(client.getTableObjectsByName(db, List.of("t", "nothing")).size(), 1);
    same(names(client.getSchema(db, "t")), List.of("id", "v", "dt", "n"));
  }

  private void partitions() throws Exception {
    same(client.add_partition(partition("2026-01-01", "1")).getValues(), List.of("2026-01-01", "1"));
    same(client.add_partitions(Arrays.asList(partition("2026-01-02", "2"), partition("2026-01-02", "10"))), 2);
    fails(AlreadyExistsException.class, () -> client.add_partition(partition("2026-01-01", "1")));
    client.appendPartition(db, "t", "dt=2026-01-03/n=3");
    same(client.listPartitionNames(db, "t", (short) -1),
        List.of("dt=2026-01-01/n=1", "dt=2026-01-02/n=10", "dt=2026-01-02/n=2", "dt=2026-01-03/n=3"));
    same(client.listPartitionNames(db, "t", List.of("2026-01-02"), (short) -1), List.of("dt=2026-01-02/n=10", "dt=2026-01-02/n=2"));
    same(values(client.listPartitionsByFilter(db, "t", "dt > \"2026-01-01\" and n > 2", (short) -1)), List.of("2026-01-02/10", "2026-01-03/3"));
    same(client.getNumPartitionsByFilter(db, "t", "n = 2"), 1);
    same(values(client.getPartitionsByNames(db, "t", List.of("dt=2026-01-02/n=2"))), List.of("2026-01-02/2"));
    same(client.dropPartition(db, "t", List.of("2026-01-02", "2"), true), true);
    Partition renamed = client.getPartition(db, "t", List.of("2026-01-03", "3"));
    renamed.setValues(List.of("2026-01-04", "4"));
    client.renamePartition(db, "t", List.of("2026-01-03", "3"), renamed);
    Partition changed = client.getPartition(db, "t", "dt=2026-01-04/n=4");
    changed.putToParameters("p", "q");
    client.alter_partition(db, "t", changed, null);
  }

  private void changes() throws Exception {
    Table table = client.getTable(db, "t");
    table.getSd().addToCols(new FieldSchema("z", "int", null));
    table.putToParameters("k", "w");
    client.alter_table(db, "t", table);
    table.setTableName("u");
    client.alter_table(db, "t", table);
    fails(NoSuchObjectException.class, () -> client.getTable(db, "t"));
    table.setTableName("t");
    client.alter_table(db, "u", table);
    client.truncateTable(db, "t", List.of("dt=2026-01-01/n=1"));
  }

  private void statistics() throws Exception {
    LongColumnStatsData numbers = new LongColumnStatsData(1, 7);
    numbers.setLowValue(-5);
    numbers.setHighValue(50);
    ColumnStatisticsDesc of = new ColumnStatisticsDesc(false, db, "t");
    of.setPartName("dt=2026-01-01/n=1");
    ColumnStatistics all =
        new ColumnStatistics(of, List.of(new ColumnStatisticsObj("id", "bigint", ColumnStatisticsData.longStats(numbers))));
    try {
      ColumnStatistics.class.getMethod("setEngine", String.class).invoke(all, "hive"); // Hive 4 wants to know
    } catch (NoSuchMethodException absent) {
      // Hive 3 has one engine
    }
    same(client.updatePartitionColumnStatistics(all), true);
  }

  private void constraints() throws Exception {
    SQLPrimaryKey key = new SQLPrimaryKey();
    key.setTable_db(db);
    key.setTable_name("t");
    key.setColumn_name("id");
    key.setKey_seq(1);
    key.setPk_name("k");
    key.setEnable_cstr(true);
    key.setValidate_cstr(false);
    key.setRely_cstr(true);
    client.addPrimaryKey(List.of(key));
    client.dropConstraint(db, "t", "k");
  }

  /** Calls the method that Hive 4 has given one argument more. */
  @SuppressWarnings("unchecked")
  private Map<String, List<ColumnStatisticsObj>> partitionStatistics(List<String> names, List<String> columns) throws Exception {
    try {
      return (Map<String, List<ColumnStatisticsObj>>)
          IMetaStoreClient.class
              .getMethod("getPartitionColumnStatistics", String.class, String.class, List.class, List.class, String.class)
              .invoke(client, db, "t", names, columns, "hive");
    } catch (NoSuchMethodException absent) {
      return (Map<String, List<ColumnStatisticsObj>>)
          IMetaStoreClient.class
              .getMethod("getPartitionColumnStatistics", String.class, String.class, List.class, List.class)
              .invoke(client, db, "t", names, columns);
    }
  }

  private LockRequest exclusive() {
    LockComponent component = new LockComponent(LockType.EXCLUSIVE, LockLevel.TABLE, db);
    component.setTablename("t");
    return new LockRequest(Collections.singletonList(component), "me", "here");
  }

  private void locks() throws Exception {
    LockResponse first = client.lock(exclusive());
    same(first.getState(), LockState.ACQUIRED);
    LockResponse second = client.lock(exclusive());
    same(second.getState(), LockState.WAITING);
    client.heartbeat(0, first.getLockid());
    client.unlock(first.getLockid());
    same(client.checkLock(second.getLockid()).getState(), LockState.ACQUIRED);
    client.unlock(second.getLockid());
  }

  private void transactions() throws Exception {
    long done = client.openTxn("me");
    long id = client.allocateTableWriteId(done, db, "t"); // the first here; counted by name, for all refs
    client.commitTxn(done);
    long undone = client.openTxn("me");
    same(client.allocateTableWriteId(undone, db, "t"), id + 1);
    client.rollbackTxn(undone);
    String now = client.getValidTxns(0).writeToString();
    TableValidWriteIds valid = client.getValidWriteIds(List.of(db + ".t"), now).get(0);
    same(valid.getWriteIdHighWaterMark(), id + 1);
    same(valid.getInvalidWriteIds().contains(id), false);
    same(valid.getInvalidWriteIds().contains(id + 1), true);
    fails(TxnAbortedException.class, () -> client.commitTxn(undone));
  }

  /** Checks that the listener's branch tells of what was done since the event `before`. */
  private void tells(long before) throws Exception {
    List<String> told = new ArrayList<>();
    for (NotificationEvent event : client.getNextNotification(before, 1000, null).getEvents()) {
      if (!db.equals(event.getDbName())) continue;
      told.add(event.getEventType());
      understands(event);
    }
    for (String type : List.of("CREATE_TABLE", "ADD_PARTITION", "DROP_PARTITION", "ALTER_PARTITION", "ALTER_TABLE",
        "UPDATE_PART_COL_STAT_EVENT", "ADD_PRIMARYKEY", "DROP_CONSTRAINT")) {
      same(told.contains(type) ? type : told.toString(), type);
    }
  }

  /** Reads messages with Hive's own classes. */
  private static void understands(NotificationEvent event) throws Exception {
    JSONMessageDeserializer reader = new JSONMessageDeserializer();
    String message = event.getMessage();
    switch (event.getEventType()) {
      case "ADD_PRIMARYKEY":
        same(reader.getAddPrimaryKeyMessage(message).getPrimaryKeys().get(0).getColumn_name(), "id");
        break;
      case "DROP_CONSTRAINT":
        same(reader.getDropConstraintMessage(message).getConstraint(), "k");
        break;
      case "UPDATE_PART_COL_STAT_EVENT":
        same(partitionOf(reader, message), "dt=2026-01-01/n=1");
        break;
      default:
    }
  }

  /** Returns the partition whose statistics a message tells of; Hive 3 knows no such message. */
  private static String partitionOf(JSONMessageDeserializer reader, String message) throws Exception {
    Method read;
    try {
      read = reader.getClass().getMethod("getUpdatePartitionColumnStatMessage", String.class);
    } catch (NoSuchMethodException absent) {
      return "dt=2026-01-01/n=1";
    }
    Object told = read.invoke(reader, message);
    ColumnStatistics all = (ColumnStatistics) told.getClass().getMethod("getColumnStatistics").invoke(told);
    return all.getStatsDesc().getPartName();
  }

  private void read() throws Exception {
    same(client.getAllTables(db), List.of("t"));
    same(client.getDatabase(db).getName(), db);
    Table table = client.getTable(db, "t");
    same(names(table.getSd().getCols()), List.of("id", "v", "z"));
    same(table.getParameters().get("k"), "w");
    same(table.getOwner(), "me");
    same(values(client.listPartitions(db, "t", (short) -1)), List.of("2026-01-01/1", "2026-01-02/10", "2026-01-04/4"));
    Partition altered = client.getPartition(db, "t", List.of("2026-01-04", "4"));
    same(altered.getParameters().get("p"), "q");
    same(altered.getSd().getLocation().startsWith(table.getSd().getLocation() + "/"), true);
    String name = "dt=2026-01-01/n=1";
    LongColumnStatsData numbers =
        partitionStatistics(List.of(name), List.of("id")).get(name).get(0).getStatsData().getLongStats();
    same(List.of(numbers.getNumNulls(), numbers.getNumDVs(), numbers.getLowValue(), numbers.getHighValue()), List.of(1L, 7L, -5L, 50L));
    fails(NoSuchObjectException.class, () -> client.getPartition(db, "t", List.of("2026-01-02", "2")));
    fails(NoSuchObjectException.class, () -> client.getTable(db, "nothing"));
  }

  private void refuses() throws Exception {
    Table table = client.getTable(db, "t");
    fails(MetaException.class, () -> client.add_partition(partition("2026-01-09", "9")));
    fails(MetaException.class, () -> client.dropPartition(db, "t", List.of("2026-01-01", "1"), true));
    fails(InvalidOperationException.class, () -> client.alter_table(db, "t", table));
    fails(MetaException.class, () -> client.dropTable(db, "t"));
    read();
  }

  private Partition partition(String... values) throws Exception {
    Partition partition = new Partition();
    partition.setDbName(db);
    partition.setTableName("t");
    partition.setValues(List.of(values));
    partition.setSd(client.getTable(db, "t").getSd().deepCopy());
    partition.getSd().unsetLocation();
    partition.setParameters(new java.util.HashMap<>());
    return partition;
  }

  private static List<String> names(List<FieldSchema> columns) {
    return columns.stream().map(FieldSchema::getName).collect(Collectors.toList());
  }

  private static List<String> values(List<Partition> partitions) {
    return partitions.stream().map(one -> String.join("/", one.getValues())).sorted().collect(Collectors.toList());
  }

  private static void same(Object found, Object expected) {
    if (!Objects.equals(found, expected)) throw new AssertionError("found " + found + ", expected " + expected);
  }

  private interface Step {
    void run() throws Exception;
  }

  private static void fails(Class<? extends Exception> expected, Step step) {
    try {
      step.run();
    } catch (Exception error) {
      if (expected.isInstance(error)) return;
      throw new AssertionError("expected " + expected, error);
    }
    throw new AssertionError("expected " + expected + ", and all went well");
  }
}
