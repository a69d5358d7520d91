"""hmsclient of PyPI, whose classes were generated from Hive 2's IDL: on `main`, on a branch, and on a tag and a commit.

    python.sh hmsclient python -m pytest test_hmsclient.py
"""

import pytest
import skep
from hmsclient.genthrift.hive_metastore import ttypes
from hmsclient.hmsclient import HMSClient


@pytest.fixture(scope="module", autouse=True)
def branch():
    """Creates the branch that one of the listeners is bound to."""
    if "etl" not in [branch["name"] for branch in skep.answer("branch", "list")]:
        skep.run("branch", "create", "etl", "--from", "main")


def names(partitions):
    return sorted("/".join(partition.values) for partition in partitions)


def work(client, database):
    """Creates a table with partitions in `database`, and checks each step by what the client reads."""
    client.create_table(
        ttypes.Table(
            tableName="t", dbName=database, owner="me", parameters={"k": "v"}, tableType="MANAGED_TABLE",
            partitionKeys=HMSClient.make_schema(["dt", "n:int"]),
            sd=ttypes.StorageDescriptor(
                cols=HMSClient.make_schema(["id:bigint", "v"]), inputFormat="org.apache.hadoop.mapred.TextInputFormat",
                outputFormat="org.apache.hadoop.hive.ql.io.HiveIgnoreKeyTextOutputFormat", numBuckets=-1,
                serdeInfo=ttypes.SerDeInfo(serializationLib="org.apache.hadoop.hive.serde2.lazy.LazySimpleSerDe", parameters={})),
        )
    )
    table = client.get_table(database, "t")
    assert (table.owner, table.parameters["k"], table.dbName) == ("me", "v", database)
    assert list(HMSClient.parse_schema(client.get_schema(database, "t"))) == ["id\tbigint", "v\tstring", "dt\tstring", "n\tint"]
    client.add_partition(table, ["2026-01-01", "1"])
    client.add_partitions([HMSClient.make_partition(table, ["2026-01-02", str(n)]) for n in (2, 10)])
    with pytest.raises(ttypes.AlreadyExistsException):
        client.add_partition(table, ["2026-01-01", "1"])
    assert client.get_partition_names(database, "t", -1) == ["dt=2026-01-01/n=1", "dt=2026-01-02/n=10", "dt=2026-01-02/n=2"]
    assert names(client.get_partitions_by_filter(database, "t", 'dt > "2026-01-01" and n > 2', -1)) == ["2026-01-02/10"]
    assert names(client.get_partitions_ps(database, "t", ["2026-01-02"], -1)) == ["2026-01-02/10", "2026-01-02/2"]
    client.drop_partition(database, "t", ["2026-01-02", "2"], True)
    table.sd.cols += HMSClient.make_schema(["z:int"])
    table.parameters["k"] = "w"
    client.alter_table(database, "t", table)
    read(client, database)


def read(client, database):
    """Checks what `work` has left."""
    assert client.get_all_tables(database) == ["t"]
    table = client.get_table(database, "t")
    assert [column.name for column in table.sd.cols] == ["id", "v", "z"]
    assert table.parameters["k"] == "w"
    assert names(client.get_partitions(database, "t", -1)) == ["2026-01-01/1", "2026-01-02/10"]
    (partition,) = client.get_partitions_by_names(database, "t", ["dt=2026-01-02/n=10"])
    assert partition.sd.location == f"{table.sd.location}/dt=2026-01-02/n=10"
    assert client.get_partition(database, "t", ["2026-01-01", "1"]).dbName == database
    with pytest.raises(ttypes.NoSuchObjectException):
        client.get_partition(database, "t", ["2026-01-02", "2"])
    with pytest.raises(ttypes.NoSuchObjectException):
        client.get_table(database, "nothing")


@pytest.mark.parametrize("address, ref", [(skep.THRIFT, "main"), (skep.THRIFT_ETL, "etl")], ids=["main", "port"])
def test_databases_tables_and_partitions(name, address, ref):
    with HMSClient(host=address) as client:
        client.create_database(ttypes.Database(name=name, description="d", locationUri=f"s3a://lake/{ref}/warehouse/{name}.db"))
        assert name in client.get_all_databases()
        assert client.get_database(name).locationUri == f"s3a://lake/{ref}/warehouse/{name}.db"
        work(client, name)
        client.drop_database(name, True, True)
        assert name not in client.get_all_databases()


def test_a_branch_by_suffix_a_tag_and_a_commit(database):
    branch, tag = f"b-{database}", f"v-{database}"
    skep.run("branch", "create", branch, "--from", "main")
    with HMSClient(host=skep.THRIFT) as client:
        work(client, f"{database}@{branch}")
        assert client.get_all_tables(database) == []
        commit = skep.answer("commit", branch, "-m", "a table")["id"]
        skep.run("tag", "create", tag, "--at", branch)
        client.drop_table(f"{database}@{branch}", "t", True)
        for ref in (tag, commit):
            read(client, f"{database}@{ref}")
            table = client.get_table(f"{database}@{ref}", "t")
            with pytest.raises(ttypes.MetaException):
                client.add_partition(table, ["2026-01-03", "1"])
            with pytest.raises(ttypes.MetaException):
                client.drop_table(f"{database}@{ref}", "t", True)
        skep.run("merge", tag, "main")
        read(client, database)
    skep.run("branch", "delete", branch)
