"""Iceberg tables in the shared namespace, by Spark and PyIceberg as they come: on `main`, on branches, on tags and commits.

    FORMAT=iceberg spark.sh 4.0 python -m pytest test_iceberg.py
"""

import concurrent.futures

import pyarrow
import pytest
import skep

EXTENSIONS = "org.apache.iceberg.spark.extensions.IcebergSparkSessionExtensions"
ATTEMPTS_MAX = 30


def spark_catalog(name, address, ref):
    prefix = f"spark.sql.catalog.{name}"
    return {
        prefix: "org.apache.iceberg.spark.SparkCatalog",
        f"{prefix}.type": "hive",
        f"{prefix}.uri": f"thrift://{address}",
        f"{prefix}.warehouse": f"s3a://{skep.REPOSITORY}/{ref}/warehouse",
        f"{prefix}.cache-enabled": "false",  # merges move tables behind Spark's back
    }


@pytest.fixture(scope="session")
def spark():
    if "etl" not in [branch["name"] for branch in skep.answer("branch", "list")]:
        skep.run("branch", "create", "etl", "--from", "main")
    settings = {
        "spark.sql.extensions": EXTENSIONS,
        **spark_catalog("ice", skep.THRIFT, "main"),
        **spark_catalog("etl", skep.THRIFT_ETL, "etl"),
    }
    session = skep.spark("iceberg", **settings)
    session.sparkContext.setLogLevel("OFF")
    yield session
    session.stop()


@pytest.fixture
def sql(spark):
    """Returns what runs a statement and gives its rows."""

    def run(statement):
        try:
            return [tuple(row) for row in spark.sql(statement).collect()]
        except Exception as error:
            raise AssertionError(f"{statement}: {str(error)[:1000]}") from None

    return run


@pytest.fixture
def db(sql, name):
    """Creates a database of the shared layout on `main` and returns its name."""
    sql(f"create database ice.{name} with dbproperties ('skep.layout' = 'shared')")
    return name


def pyiceberg(address=None):
    from pyiceberg.catalog import load_catalog

    return load_catalog("skep", **{
        "type": "hive",
        "uri": f"thrift://{address or skep.THRIFT}",
        "s3.endpoint": skep.S3,
        "s3.region": "us-east-1",
        "s3.access-key-id": skep.KEY,
        "s3.secret-access-key": skep.SECRET,
    })


def batch(*ids):
    return pyarrow.table({"id": pyarrow.array(ids, pyarrow.int64())})


def ids(table):
    """Returns what PyIceberg reads of a table."""
    return sorted(table.scan().to_arrow()["id"].to_pylist())


def branch(name, *statements, sql):
    """Makes a branch from `main`, runs the statements, in which {b} is its suffix, and commits it."""
    skep.run("branch", "create", name, "--from", "main")
    for statement in statements:
        sql(statement.format(b=f"@{name}"))
    skep.run("commit", name, "-m", "work on a branch")


# ---------------------------------------------------------------- Spark


def story(db):
    return [
        f"create table {db}.t (id bigint, v string) using iceberg partitioned by (v)",
        f"insert into {db}.t select id, cast(id % 3 as string) from range(9)",
        f"update {db}.t set v = '9' where id = 5",
        f"delete from {db}.t where id = 0",
        f"merge into {db}.t t using (select 6L k union all select 99L) u on t.id = u.k"
        " when matched then update set v = 'six' when not matched then insert (id, v) values (k, 'new')",
        (f"select id, v from {db}.t order by id",
         [(1, "1"), (2, "2"), (3, "0"), (4, "1"), (5, "9"), (6, "six"), (7, "1"), (8, "2"), (99, "new")]),
        f"alter table {db}.t add column z int",
        f"alter table {db}.t rename column v to w",
        f"insert into {db}.t values (100, 'x', 7)",
        (f"select w, z from {db}.t where id >= 99 order by id", [("new", None), ("x", 7)]),
        f"alter table {db}.t replace partition field w with bucket(4, id)",
        f"insert into {db}.t values (101, 'y', 8)",
        (f"select count(*), sum(id) from {db}.t where id > 50", [(3, 300)]),
        (f"select distinct spec_id from {db}.t.files order by spec_id", [(0,), (1,)]),
        (f"select operation from {db}.t.snapshots order by committed_at",
         [("append",), ("overwrite",), ("overwrite",), ("overwrite",), ("append",), ("append",)]),
        f"alter table {db}.t rename to {db}.u",
        (f"select count(*) from {db}.u", [(11,)]),
        f"drop table {db}.u purge",
        f"create table {db}.u using iceberg as select id from range(5)",
        (f"select count(*) from {db}.u", [(5,)]),
    ]


@pytest.mark.parametrize("catalog, steps", [("ice", None), ("etl", 6)])
def test_a_story(sql, name, catalog, steps):
    """All of it on `main`, and its first steps on a branch by its port."""
    sql(f"create database {catalog}.{name} with dbproperties ('skep.layout' = 'shared')")
    for step in story(f"{catalog}.{name}")[:steps]:
        statement, expected = step if isinstance(step, tuple) else (step, None)
        found = sql(statement)
        assert expected is None or found == expected, statement
    if catalog == "etl":
        with skep.metastore() as main:
            assert name not in main.get_all_databases()


def test_files_lie_in_the_shared_namespace(sql, db):
    sql(f"create table ice.{db}.t using iceberg as select id from range(3)")
    with skep.metastore() as client:
        place = client.get_database(db).locationUri
        there = client.get_table(f"{db}@main", "t").parameters["metadata_location"]
    assert place.startswith(f"s3a://{skep.REPOSITORY}/_shared/") and there.startswith(f"{place}/t/metadata/")
    assert skep.objects("main", f"warehouse/{db}.db") == []


def test_a_branch_keeps_to_itself_until_it_is_merged(sql, db):
    sql(f"create table ice.{db}.t (id bigint) using iceberg")
    sql(f"insert into ice.{db}.t values (1)")
    name = f"b-{db}"
    branch(name, f"insert into ice.`{db}{{b}}`.t values (2), (3)", f"alter table ice.`{db}{{b}}`.t add column z int", sql=sql)
    on_branch = f"ice.`{db}@{name}`.t"
    assert sql(f"select * from {on_branch} order by id") == [(1, None), (2, None), (3, None)]
    assert sql(f"select * from ice.{db}.t") == [(1,)]
    skep.run("tag", "create", f"v-{db}", "--at", "main")
    commit = skep.head("main")[:12]
    skep.run("merge", name, "main")
    assert sql(f"select * from ice.{db}.t order by id") == [(1, None), (2, None), (3, None)]
    sql(f"insert into ice.{db}.t values (4, 5)")
    for ref in (f"v-{db}", commit):
        assert sql(f"select * from ice.`{db}@{ref}`.t") == [(1,)], ref
        with pytest.raises(AssertionError, match="read-only"):
            sql(f"insert into ice.`{db}@{ref}`.t values (9)")
    assert ids(pyiceberg().load_table((f"{db}@{commit}", "t"))) == [1]
    assert ids(pyiceberg().load_table((db, "t"))) == [1, 2, 3, 4]


def test_what_went_apart_is_a_named_conflict(sql, db):
    sql(f"create table ice.{db}.t (id bigint) using iceberg")
    name = f"b-{db}"
    branch(name, f"insert into ice.`{db}{{b}}`.t values (2)", sql=sql)
    sql(f"insert into ice.{db}.t values (1)")
    answer = skep.answer("merge", name, "main", ends=skep.CONFLICT)
    assert [(c["kind"], c["database"], c["table"]) for c in answer["conflicts"]] == [("IcebergDiverged", db, "t")]
    message = answer["conflicts"][0]["message"]
    assert message.count("metadata.json") == 2 and "make a branch of ours" in message
    assert sql(f"select * from ice.{db}.t") == [(1,)]


def test_a_state_that_goes_on_from_ours_is_taken(sql, db):
    """The branch's first commit is picked to main, so both sides moved the table; its second goes on from that."""
    sql(f"create table ice.{db}.t (id bigint) using iceberg tblproperties ('write.metadata.compression-codec' = 'gzip')")
    name = f"b-{db}"
    with skep.metastore() as client:
        assert client.get_table(db, "t").parameters["metadata_location"].endswith(".gz.metadata.json")
    branch(name, f"insert into ice.`{db}{{b}}`.t values (1)", sql=sql)
    skep.run("cherry-pick", skep.head(name), "main")
    assert sql(f"select * from ice.{db}.t") == [(1,)]
    sql(f"insert into ice.`{db}@{name}`.t values (2)")
    skep.run("commit", name, "-m", "more")
    skep.run("merge", name, "main")
    assert sql(f"select * from ice.{db}.t order by id") == [(1,), (2,)]


def test_other_formats_are_refused_there_with_a_hint(sql, db):
    with pytest.raises(AssertionError, match="skep.layout"):
        sql(f"create table {db}.h (id bigint) stored as parquet")


def test_a_table_bound_to_its_ref_is_not_merged(sql, name):
    sql(f"create database ice.{name}")
    skep.run("branch", "create", f"b-{name}", "--from", "main")
    there = f"ice.`{name}@b-{name}`.t"
    sql(f"create table {there} using iceberg as select id from range(3)")
    assert sql(f"select count(*) from {there}") == [(3,)]
    skep.run("commit", f"b-{name}", "-m", "bound")
    answer = skep.answer("merge", f"b-{name}", "main", ends=skep.CONFLICT)
    assert [c["kind"] for c in answer["conflicts"]] == ["IcebergBoundToRef"]
    assert "skep.layout=shared" in answer["conflicts"][0]["message"]
    assert "bound to their ref" in skep.told("diff", "main", f"b-{name}")


# ---------------------------------------------------------------- PyIceberg


def test_pyiceberg_on_a_branch_on_main_and_on_a_commit(spark, name):
    main = pyiceberg()
    main.create_namespace(name, {"skep.layout": "shared"})
    table = main.create_table((name, "t"), schema=batch().schema)
    table.append(batch(1))
    skep.run("commit", "main", "-m", "one row")
    commit = skep.head("main")[:12]
    skep.run("branch", "create", f"b-{name}", "--from", "main")
    there = main.load_table((f"{name}@b-{name}", "t"))
    there.append(batch(2, 3))
    there.delete("id == 2")
    assert ids(main.load_table((name, "t"))) == [1]
    assert ids(main.load_table((f"{name}@b-{name}", "t"))) == [1, 3]
    skep.run("commit", f"b-{name}", "-m", "two more, one less")
    skep.run("merge", f"b-{name}", "main")
    merged = main.load_table((name, "t"))
    assert ids(merged) == [1, 3]
    merged.append(batch(4))
    assert ids(main.load_table((f"{name}@{commit}", "t"))) == [1]
    main.rename_table((name, "t"), (name, "u"))
    assert ids(main.load_table((name, "u"))) == [1, 3, 4]
    assert spark.sql(f"select count(*) from ice.{name}.u").first()[:] == (3,)
    main.drop_table((name, "u"))
    main.drop_namespace(name)


# ---------------------------------------------------------------- both at once


def append(catalog, identifier, number):
    """Appends a row by PyIceberg, which leaves it to its caller to try again on a newer state."""
    for _ in range(ATTEMPTS_MAX):
        try:
            catalog.load_table(identifier).append(batch(number))
            return
        except Exception as error:
            if type(error).__name__ != "CommitFailedException" and "has been modified" not in str(error):
                raise
    raise AssertionError(f"{number} was not appended")


@pytest.mark.parametrize("locks", ["true", "false"])
def test_appends_of_two_clients_are_all_there(spark, sql, db, locks):
    """With locks of the metastore, and with its compare-and-set alone."""
    sql(f"create table ice.{db}.t (id bigint) using iceberg tblproperties"
        f" ('engine.hive.lock-enabled' = '{locks}', 'commit.retry.num-retries' = '30')")
    rows = range(5)
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        done = [pool.submit(append, pyiceberg(), (db, "t"), 100 + row) for row in rows]
        done += [pool.submit(sql, f"insert into ice.{db}.t values ({row})") for row in rows]
        for one in done:
            one.result(timeout=180)
    found = [id for (id,) in sql(f"select id from ice.{db}.t order by id")]
    assert found == [*rows, *(100 + row for row in rows)]
