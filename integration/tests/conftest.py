"""What the tests of this folder share."""

import itertools
import time

import pytest
import skep


def pytest_configure(config):
    for session in ("main", "magic", "port"):
        config.addinivalue_line("markers", f"{session}: the Spark session that a test runs in")


NUMBERS = itertools.count(1)


@pytest.fixture
def name():
    """Returns a name that nothing has yet: the tests of one run share a server, and a server may see many runs."""
    return f"t{time.time_ns() // 1_000_000 % 10**9}_{next(NUMBERS)}"


@pytest.fixture
def client():
    """Returns a plain Thrift client of `main`."""
    with skep.metastore() as client:
        yield client


@pytest.fixture
def database(client, name):
    """Creates a database on `main` and returns its name."""
    client.create_database(skep.idl().Database(name=name, locationUri=f"s3a://lake/main/warehouse/{name}.db"))
    yield name
    client.drop_database(name, True, True)


def new_table(database, name, columns="id bigint, amount int", keys="dt string, region string"):
    """Returns a Parquet table as a client would create it."""
    idl = skep.idl()

    def fields(text):
        return [idl.FieldSchema(name=n, type=t) for n, t in (pair.split() for pair in text.split(", ") if pair)]

    return idl.Table(
        tableName=name, dbName=database, owner="someone", tableType="MANAGED_TABLE", parameters={"made.by": "a test"},
        partitionKeys=fields(keys),
        sd=idl.StorageDescriptor(
            cols=fields(columns), numBuckets=-1, bucketCols=[], sortCols=[], parameters={}, compressed=False,
            inputFormat="org.apache.hadoop.hive.ql.io.parquet.MapredParquetInputFormat",
            outputFormat="org.apache.hadoop.hive.ql.io.parquet.MapredParquetOutputFormat",
            serdeInfo=idl.SerDeInfo(serializationLib="org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe", parameters={}),
        ),
    )


def new_partition(table, *values):
    """Returns a partition of `table`, at its default location."""
    idl = skep.idl()
    storage = idl.StorageDescriptor(**{slot[1]: getattr(table.sd, slot[1]) for slot in table.sd.thrift_spec.values()})
    storage.location = None
    return idl.Partition(values=list(values), dbName=table.dbName, tableName=table.tableName, sd=storage, parameters={})
