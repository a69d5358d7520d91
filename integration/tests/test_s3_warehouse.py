"""A plain warehouse in a bucket of an S3 server that is not ours: folders as Hadoop's s3a has them, and what becomes of data."""

import os

import boto3
import pytest
import skep

WAREHOUSE = os.environ["WAREHOUSE"]
BUCKET, ROOT = WAREHOUSE.removeprefix("s3a://").split("/", 1)
ANOTHER = "another"

service = boto3.client("s3", endpoint_url=os.environ["MOTO_URL"], region_name="us-east-1")


def keys(below, bucket=BUCKET):
    """Returns what follows `below` in the keys that begin with it."""
    pages = service.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=below)
    return sorted(found["Key"].removeprefix(below) for page in pages for found in page.get("Contents", []))


def put(key, bucket=BUCKET):
    service.put_object(Bucket=bucket, Key=key, Body=b"data")


def create(client, database, name):
    """Creates a table with one partition whose value is odd, and returns both."""
    table = skep.new_table(database, name, keys="p string")
    client.create_table(table)
    partition = client.add_partition(skep.new_partition(table, "a b/c'é"))
    return client.get_table(database, name), partition


@pytest.fixture
def plain(client, name):
    """Creates a database in the warehouse and returns its name."""
    client.create_database(skep.idl().Database(name=name))
    yield name
    client.drop_database(name, True, True)


def test_folders_are_made_where_the_original_makes_them(client, plain):
    assert client.get_database(plain).locationUri == f"{WAREHOUSE}/{plain}.db"
    assert keys(f"{ROOT}/{plain}.db") == ["/"]
    table, partition = create(client, plain, "t")
    assert table.sd.location == f"{WAREHOUSE}/{plain}.db/t"
    assert partition.sd.location == f"{table.sd.location}/p=a b%2Fc%27é"
    assert keys(f"{ROOT}/{plain}.db/") == ["", "t/", "t/p=a b%2Fc%27é/"]
    assert keys(f"{ROOT}/").count("") == 1
    assert client.get_database("default").locationUri == WAREHOUSE


def test_a_rename_moves_the_data(client, plain):
    table, _ = create(client, plain, "t")
    put(f"{ROOT}/{plain}.db/t/p=a b%2Fc%27é/file 1")
    table.tableName = "u"
    client.alter_table(plain, "t", table)
    moved = client.get_table(plain, "u").sd.location
    assert moved == f"{WAREHOUSE}/{plain}.db/u"
    assert client.get_partition(plain, "u", ["a b/c'é"]).sd.location == f"{moved}/p=a b%2Fc%27é"
    assert keys(f"{ROOT}/{plain}.db/") == ["", "u/", "u/p=a b%2Fc%27é/", "u/p=a b%2Fc%27é/file 1"]


def test_what_is_dropped_is_gone(client, plain):
    create(client, plain, "t")
    put(f"{ROOT}/{plain}.db/t/p=a b%2Fc%27é/file")
    for number in range(1100):
        put(f"{ROOT}/{plain}.db/t/p=many/{number}")
    client.drop_partition(plain, "t", ["a b/c'é"], True)
    assert len(keys(f"{ROOT}/{plain}.db/t/p=")) == 1100
    client.drop_table(plain, "t", True)
    assert keys(f"{ROOT}/{plain}.db") == ["/"]


def test_data_that_a_branch_has_stays(client, plain):
    create(client, plain, "t")
    put(f"{ROOT}/{plain}.db/t/file")
    skep.run("commit", "main", "-m", "a table")
    skep.run("branch", "create", f"of-{plain}")
    client.drop_table(plain, "t", True)
    assert "t/file" in keys(f"{ROOT}/{plain}.db/")
    assert client.get_table(f"{plain}@of-{plain}", "t").tableName == "t"
    skep.run("branch", "delete", f"of-{plain}")


def test_a_repository_that_keeps_and_one_with_trash(client, name):
    keeps, bins = (f"{what}-{name.replace('_', '-')}" for what in ("keeps", "bins"))
    skep.run("repository", "create", keeps, "--warehouse", f"s3://{ANOTHER}/kept")
    skep.run("repository", "create", bins, "--warehouse", f"s3a://{ANOTHER}/binned",
             "--warehouse-delete", "immediate", "--warehouse-trash", f"s3a://{ANOTHER}/trash")
    for repository, root in (keeps, "kept"), (bins, "binned"):
        database = f"@{repository}#d"
        client.create_database(skep.idl().Database(name="d", catalogName=repository))
        table = skep.new_table("d", "t", keys="")
        table.catName = repository
        client.create_table(table)
        put(f"{root}/d.db/t/file", ANOTHER)
        client.drop_table(database, "t", True)
    assert keys("kept/d.db/", ANOTHER) == ["", "t/", "t/file"]
    assert keys("binned/d.db/", ANOTHER) == [""]
    assert keys("trash/", ANOTHER) == ["Current/binned/d.db/t/", "Current/binned/d.db/t/file"]


@pytest.mark.parametrize("flags, words", [
    (["--warehouse", "s3a://missing/w"], ["bucket missing is not there", "create it"]),
    (["--warehouse-endpoint", "http://127.0.0.1:1"], ["http://127.0.0.1:1 cannot be reached", "warehouse_endpoint"]),
    (["--warehouse", "s3a://lake/w"], ["bucket of the repository's name"]),
])
def test_a_server_that_cannot_use_its_bucket_says_so(tmp_path, flags, words):
    doors = [flag for door in ("--http", "--s3", "--thrift") for flag in (door, "127.0.0.1:0")]
    done = skep.subprocess.run([os.environ["SKEP_BIN"], "serve", "--data", tmp_path / "data", *doors, *flags],
                               capture_output=True, text=True)
    assert done.returncode != 0
    assert all(word in done.stderr for word in words), done.stderr
    assert os.environ["AWS_SECRET_ACCESS_KEY"] not in done.stderr
    assert not (tmp_path / "data").exists()


def test_spark_writes_reads_renames_and_drops(client, name):
    session = skep.spark("s3-warehouse", **{
        "spark.sql.warehouse.dir": WAREHOUSE,
        "spark.hadoop.fs.s3a.endpoint": os.environ["MOTO_URL"],
        "spark.hadoop.fs.s3a.access.key": os.environ["AWS_ACCESS_KEY_ID"],
        "spark.hadoop.fs.s3a.secret.key": os.environ["AWS_SECRET_ACCESS_KEY"],
    })
    session.sql(f"CREATE DATABASE {name}")
    session.sql(f"CREATE TABLE {name}.t (id INT) PARTITIONED BY (p STRING) STORED AS PARQUET")
    session.sql(f"INSERT INTO {name}.t PARTITION (p) VALUES (1, 'a b'), (2, 'c/d')")
    session.sql(f"ALTER TABLE {name}.t RENAME TO {name}.u")
    session.sql(f"INSERT INTO {name}.u PARTITION (p) VALUES (3, 'a b')")
    rows = session.sql(f"SELECT id, p FROM {name}.u ORDER BY id").collect()
    assert [tuple(row) for row in rows] == [(1, "a b"), (2, "c/d"), (3, "a b")]
    assert client.get_table(name, "u").sd.location == f"{WAREHOUSE}/{name}.db/u"
    assert not keys(f"{ROOT}/{name}.db/t/")
    files = [key for key in keys(f"{ROOT}/{name}.db/u/") if key.endswith(".parquet")]
    assert sorted({key.split("/")[0] for key in files}) == ["p=a b", "p=c%2Fd"]
    session.sql(f"CREATE TABLE {name}.d USING parquet AS SELECT 7 AS n")
    session.sql(f"ALTER TABLE {name}.d RENAME TO {name}.e")
    assert session.sql(f"SELECT n FROM {name}.e").collect()[0][0] == 7
    for table in "u", "e":
        session.sql(f"DROP TABLE {name}.{table}")
        assert not [key for key in keys(f"{ROOT}/{name}.db/{table}") if not key.startswith("-")]
    session.sql(f"DROP DATABASE {name}")
    assert keys(f"{ROOT}/{name}.db") == []
