"""Hudi tables by Spark 3.5, told to the metastore by Hudi's own sync: isolation, merges and their conflicts, a commit.

    FORMAT=hudi spark.sh 3.5 python -m pytest test_hudi.py

The writer is Spark's data source, which knows paths alone; the sync (mode `hms`) creates the table, adds its partitions
and its columns. It puts the name of a database unquoted into SQL, so a branch needs a listener of its own here. To skep a Hudi table is opaque: the change of one side is taken, changes of both are a conflict, since
the instants of both timelines have names of their own and a union of files would mix them without a word.
"""

import pytest
import skep

BRANCH = "etl"
METASTORES = {"main": skep.THRIFT, BRANCH: skep.THRIFT_ETL}
HUDI = {
    "spark.serializer": "org.apache.spark.serializer.KryoSerializer",
    "spark.sql.extensions": "org.apache.spark.sql.hudi.HoodieSparkSessionExtension",
    "spark.sql.catalog.spark_catalog": "org.apache.spark.sql.hudi.catalog.HoodieCatalog",
    "spark.kryo.registrator": "org.apache.spark.HoodieSparkKryoRegistrar",
}


@pytest.fixture(scope="module")
def spark():
    spark = skep.spark("hudi", **HUDI)
    spark.sparkContext.setLogLevel("OFF")
    yield spark
    spark.stop()


@pytest.fixture
def write(spark):
    """Returns what upserts rows into the table `t` of a database at a ref, and syncs it."""

    def write(database, ref, rows, columns="id bigint, v string, ts bigint, dt string", **options):
        settings = {
            "hoodie.table.name": "t",
            "hoodie.datasource.write.recordkey.field": "id",
            "hoodie.datasource.write.precombine.field": "ts",
            "hoodie.datasource.write.partitionpath.field": "dt",
            "hoodie.datasource.write.hive_style_partitioning": "true",
            "hoodie.datasource.write.reconcile.schema": "true",
            "hoodie.upsert.shuffle.parallelism": "1",
            "hoodie.datasource.meta.sync.enable": "true",
            "hoodie.datasource.hive_sync.enable": "true",
            "hoodie.datasource.hive_sync.mode": "hms",
            "hoodie.datasource.hive_sync.metastore.uris": f"thrift://{METASTORES[ref]}",
            "hoodie.datasource.hive_sync.database": database,
            "hoodie.datasource.hive_sync.table": "t",
            "hoodie.datasource.hive_sync.partition_fields": "dt",
            **options,
        }
        place = f"s3a://{skep.REPOSITORY}/{ref}/warehouse/{database}.db/t"
        spark.createDataFrame(rows, columns).write.format("hudi").options(**settings).mode("append").save(place)

    return write


@pytest.fixture
def read(spark):
    """Returns what reads the rows of a table by a session that has cached nothing."""
    return lambda table, columns="id, v, dt": [
        tuple(row) for row in spark.newSession().sql(f"select {columns} from {table} order by id").collect()
    ]


@pytest.fixture(autouse=True)
def branch(database, write):
    """Writes three rows into a table `t` on `main`, and makes the branch."""
    write(database, "main", [(1, "a", 1, "d1"), (2, "b", 1, "d1"), (3, "c", 1, "d2")])
    skep.run("commit", "main", "-m", "three rows")
    skep.run("branch", "create", BRANCH, "--from", "main")
    yield
    skep.run("branch", "delete", BRANCH)


FIRST = [(1, "a", "d1"), (2, "b", "d1"), (3, "c", "d2")]


def test_the_sync_tells_of_partitions_and_columns(client, database, write):
    assert client.get_partition_names(database, "t", -1) == ["dt=d1", "dt=d2"]
    write(database, "main", [(4, "d", 1, "d3", 7)], "id bigint, v string, ts bigint, dt string, z int")
    assert client.get_partition_names(database, "t", -1) == ["dt=d1", "dt=d2", "dt=d3"]
    names = [column.name for column in client.get_table(database, "t").sd.cols]
    assert names[-4:] == ["id", "v", "ts", "z"], names


def test_a_branch_is_isolated_and_lands_by_a_merge(client, database, write, read):
    there = f"`{database}@{BRANCH}`.t"
    before = skep.head("main")
    write(database, BRANCH, [(1, "z", 2, "d1"), (4, "new", 2, "d3")])
    changed = [(1, "z", "d1"), *FIRST[1:], (4, "new", "d3")]
    assert read(there) == changed
    assert read(f"{database}.t") == FIRST
    assert client.get_partition_names(database, "t", -1) == ["dt=d1", "dt=d2"]
    skep.run("commit", BRANCH, "-m", "changes")
    skep.run("merge", BRANCH, "main")
    assert read(f"{database}.t") == changed
    assert client.get_partition_names(database, "t", -1) == ["dt=d1", "dt=d2", "dt=d3"]
    assert read(f"`{database}@{before}`.t") == FIRST
    write(database, "main", [(5, "after", 3, "d1")])
    assert read(f"{database}.t") == [*changed, (5, "after", "d1")]


def test_changes_of_both_sides_are_a_conflict(database, write, read):
    there = f"`{database}@{BRANCH}`.t"
    write(database, BRANCH, [(4, "theirs", 2, "d1")])
    write(database, "main", [(5, "ours", 2, "d1")])
    skep.run("commit", BRANCH, "-m", "theirs")
    skep.run("commit", "main", "-m", "ours")
    told = skep.told("merge", BRANCH, "main", ends=skep.CONFLICT)
    assert f"{database}.t" in told, told
    assert read(f"{database}.t")[3:] == [(5, "ours", "d1")], "nothing of it has landed"
    assert read(there)[3:] == [(4, "theirs", "d1")]
