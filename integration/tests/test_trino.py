"""Trino's statements: Hive tables, Iceberg and Delta; on `main`, on a branch by its port and by suffix, and on a tag.

Each list below is one story, run statement by statement; a statement stands alone or with the rows it has to give.
"""

import os

import pytest
import skep
import trino

# How a story reaches a ref: the suffix of the catalog, that of the schema, and the ref.
MAIN, PORT = ("", "", "main"), ("_etl", "", "etl")


@pytest.fixture(scope="module", autouse=True)
def branch():
    """Creates the branch that one of the listeners is bound to."""
    if "etl" not in [branch["name"] for branch in skep.answer("branch", "list")]:
        skep.run("branch", "create", "etl", "--from", "main")


@pytest.fixture(scope="module")
def sql():
    """Returns what runs a statement and gives its rows."""
    host, port = os.environ["TRINO"].split(":")
    connection = trino.dbapi.connect(host=host, port=int(port), user="test", request_timeout=300)

    def sql(statement):
        cursor = connection.cursor()
        cursor.execute(statement)
        return [tuple(row) for row in cursor.fetchall()]

    yield sql
    connection.close()


def run(sql, story):
    """Runs the statements of `story`; those in a pair with rows have to give these."""
    for number, step in enumerate(story, 1):
        statement, expected = step if isinstance(step, tuple) else (step, None)
        try:
            found = sql(statement)
        except Exception as error:
            raise AssertionError(f"statement {number}, {statement}: {str(error)[:1000]}") from None
        assert expected is None or found == expected, f"statement {number}, {statement}"


@pytest.fixture
def schema(sql, name, request):
    """Creates a schema on a ref and returns its name without the catalog."""
    suffix, _, ref = request.param
    sql(f"create schema hive{suffix}.{name} with (location = 's3://lake/{ref}/warehouse/{name}.db')")
    yield name
    sql(f"drop schema hive{suffix}.{name} cascade")


def on(*places):
    ids = {MAIN: "main", PORT: "port"}
    return pytest.mark.parametrize("schema, place", [pytest.param(p, p, id=ids[p]) for p in places], indirect=["schema"])


# ---------------------------------------------------------------- the stories; {} is catalog and schema


def hive_tables(s):
    return [
        f"create table {s}.t (id int, v varchar, p varchar) with (format = 'PARQUET', partitioned_by = array['p'])",
        f"insert into {s}.t values (1, 'a', 'x'), (2, 'b', 'y'), (3, 'c', 'y')",
        (f"select * from {s}.t order by 1", [(1, "a", "x"), (2, "b", "y"), (3, "c", "y")]),
        (f"select count(*) from {s}.t where p = 'y'", [(2,)]),
        (f'select * from {s}."t$partitions" order by 1', [("x",), ("y",)]),
        f"insert into {s}.t values (4, 'd', 'x'), (5, 'e', 'a b/c=d')",
        (f'select * from {s}."t$partitions" order by 1', [("a b/c=d",), ("x",), ("y",)]),
        (f"select p, count(*), sum(id) from {s}.t group by p order by p", [("a b/c=d", 1, 5), ("x", 2, 5), ("y", 2, 5)]),
        f"delete from {s}.t where p = 'x'",
        (f"select p, count(*) from {s}.t group by p order by p", [("a b/c=d", 1), ("y", 2)]),
        f"alter table {s}.t add column z bigint comment 'later'",
        f"insert into {s}.t values (6, 'f', 60, 'x')",
        (f"select id, z from {s}.t order by id", [(2, None), (3, None), (5, None), (6, 60)]),
        f"comment on table {s}.t is 'about it'",
        f"comment on column {s}.t.v is 'a letter'",
        (f"show columns from {s}.t",
         [("id", "integer", "", ""), ("v", "varchar", "", "a letter"), ("z", "bigint", "", "later"), ("p", "varchar", "partition key", "")]),
        f"alter table {s}.t rename to {s}.t2",
        (f"select count(*) from {s}.t2", [(4,)]),
        f"insert into {s}.t2 values (7, 'g', 70, 'w')",
        (f"select id from {s}.t2 where p in ('w', 'x') order by id", [(6,), (7,)]),
        f"drop table {s}.t2",
        (f"show tables from {s}", []),
    ]


def parts_of(s):
    """Returns catalog and schema of what may be quoted."""
    catalog, schema = s.split(".")
    return catalog, schema.strip('"')


def columns_and_statistics(s):
    catalog, schema = parts_of(s)
    return [
        f"create table {s}.n with (format = 'ORC') as select nationkey, name, regionkey from tpch.tiny.nation",
        (f"select count(*), max(name) from {s}.n", [(25, "VIETNAM")]),
        f"analyze {s}.n",
        (f"show stats for {s}.n", [
            ("nationkey", None, 25.0, 0.0, None, "0", "24"),
            ("name", 177.0, 25.0, 0.0, None, None, None),
            ("regionkey", None, 5.0, 0.0, None, "0", "4"),
            (None, None, None, None, 25.0, None, None)]),
        f"alter table {s}.n add column extra bigint",
        f"alter table {s}.n rename column extra to more",
        f"insert into {s}.n values (99, 'skep', 9, 900)",
        (f"select name, more from {s}.n where nationkey > 23 order by 1", [("UNITED STATES", None), ("skep", 900)]),
        f"alter table {s}.n drop column more",
        (f"select * from {s}.n where nationkey = 99", [(99, "skep", 9)]),
        (f"show columns from {s}.n", [("nationkey", "bigint", "", ""), ("name", "varchar(25)", "", ""), ("regionkey", "bigint", "", "")]),
        f"create table {s}.p with (partitioned_by = array['regionkey']) as select nationkey, name, regionkey from tpch.tiny.nation",
        f"analyze {s}.p with (partitions = array[array['1'], array['2']])",
        (f"select count(*), sum(nationkey) from {s}.p where regionkey between 1 and 2", [(10, 1 + 2 + 3 + 17 + 24 + 8 + 9 + 12 + 18 + 21)]),
        f"analyze {s}.p",
        (f"show stats for (select * from {s}.p where regionkey = 2)", [
            ("nationkey", None, 5.0, 0.0, None, "8", "21"),
            ("name", 31.0, 5.0, 0.0, None, None, None),
            ("regionkey", None, 1.0, 0.0, None, "2", "2"),
            (None, None, None, None, 5.0, None, None)]),
        f"call {catalog}.system.drop_stats('{schema}', 'p', array[array['2']])",
        (f"show tables from {s}", [("n",), ("p",)]),
    ]


def views(s):
    catalog, schema = parts_of(s)
    return [
        f"create table {s}.of as select nationkey from tpch.tiny.nation",
        f"create view {s}.v as select count(*) c from {s}.of",
        (f"select * from {s}.v", [(25,)]),
        f"create or replace view {s}.v comment 'more' as select count(*) + 1 c from {s}.of",
        (f"select * from {s}.v", [(26,)]),
        f"alter view {s}.v rename to {s}.w",
        (f"select * from {s}.w", [(26,)]),
        (f"select table_name, table_type from {catalog}.information_schema.tables where table_schema = '{schema}' order by 1",
         [("of", "BASE TABLE"), ("w", "VIEW")]),
        f"drop view {s}.w",
        (f"show tables from {s}", [("of",)]),
    ]


def other_formats(s):
    types = "id int, d date, ts timestamp(3), n decimal(10,2), a array(int), m map(varchar, bigint), r row(x int, y varchar), b boolean"
    row = "1, date '2026-01-02', timestamp '2026-01-02 03:04:05.678', 1.25, array[1, 2], map(array['k'], array[7]), row(3, 'y'), true"
    told = f"select id, cast(d as varchar), cast(ts as varchar), cast(n as varchar), a[2], m['k'], r.y, b from {s}"
    rows = [(1, "2026-01-02", "2026-01-02 03:04:05.678", "1.25", 2, 7, "y", True)]
    story = []
    for form in ("PARQUET", "ORC", "AVRO", "JSON", "RCBINARY", "TEXTFILE"):
        table = form.lower()
        story += [
            f"create table {s}.{table} ({types}) with (format = '{form}')",
            f"insert into {s}.{table} values ({row})",
            (f"{told}.{table}", rows),
        ]
    return story + [
        f"create table {s}.csv (a varchar, b varchar) with (format = 'CSV', csv_separator = ';', skip_header_line_count = 0)",
        f"insert into {s}.csv values ('x;y', 'z')",
        (f"select * from {s}.csv", [("x;y", "z")]),
        f"create table {s}.buckets (id int, v varchar) with (bucketed_by = array['id'], bucket_count = 3)",
        f"insert into {s}.buckets values (1, 'a'), (2, 'b'), (3, 'c'), (4, 'd')",
        (f"select count(*), max(v) from {s}.buckets where id in (2, 4)", [(2, "d")]),
        f"create table {s}.dates (id int, day date, n int) with (partitioned_by = array['day', 'n'])",
        f"insert into {s}.dates values (1, date '2026-01-01', 9), (2, date '2026-01-02', 10), (3, null, null)",
        (f"select id from {s}.dates where day > date '2026-01-01'", [(2,)]),
        (f"select id from {s}.dates where n between 5 and 9", [(1,)]),
        (f"select id from {s}.dates where day is null", [(3,)]),
    ]


def iceberg(s):
    return [
        f"create table {s}.t with (partitioning = array['regionkey']) as select * from tpch.tiny.nation",
        f"insert into {s}.t values (99, 'skep', 9, 'new')",
        f"delete from {s}.t where nationkey = 1",
        f"update {s}.t set name = 'z' where nationkey = 2",
        f"merge into {s}.t t using (values 3, 77) s (k) on t.nationkey = s.k when matched then delete"
        " when not matched then insert (nationkey, name, regionkey, comment) values (s.k, 'merged', 9, '')",
        (f"select count(*), count_if(name = 'z'), count_if(regionkey = 9) from {s}.t", [(25, 1, 2)]),
        f"alter table {s}.t add column extra integer",
        f"alter table {s}.t rename column comment to remark",
        f"insert into {s}.t values (100, 'more', 9, 'newer', 5)",
        (f"select nationkey, remark, extra from {s}.t where nationkey >= 99 order by 1", [(99, "new", None), (100, "newer", 5)]),
        (f'select count(*) from {s}."t$snapshots"', [(6,)]),
        f"analyze {s}.t",
        f"alter table {s}.t execute optimize",
        (f"select count(*) from {s}.t", [(26,)]),
        f"alter table {s}.t rename to {s}.t2",
        (f"select count(*), sum(extra) from {s}.t2", [(26, 5)]),
        f"create view {s}.v as select count(*) c from {s}.t2",
        (f"select * from {s}.v", [(26,)]),
        f"drop view {s}.v",
        f"drop table {s}.t2",
    ]


def delta(s):
    catalog, schema = parts_of(s)
    return [
        f"create table {s}.t as select * from tpch.tiny.region",
        f"insert into {s}.t values (9, 'x', 'y')",
        f"delete from {s}.t where regionkey = 0",
        f"update {s}.t set name = 'z' where regionkey = 1",
        f"merge into {s}.t t using (values 2, 77) s (k) on t.regionkey = s.k when matched then update set comment = 'merged'"
        " when not matched then insert values (s.k, 'merged', 'merged')",
        (f"select count(*), count_if(name = 'z'), count_if(comment = 'merged') from {s}.t", [(6, 1, 2)]),
        f"alter table {s}.t add column extra integer",
        f"insert into {s}.t values (10, 'x', 'y', 5)",
        (f"select count(*), sum(extra) from {s}.t", [(7, 5)]),
        (f'select version, operation from {s}."t$history" order by 1 limit 2', [(0, "CREATE TABLE AS SELECT"), (1, "WRITE")]),
        f"create table {s}.p (id bigint, p varchar) with (partitioned_by = array['p'])",
        f"insert into {s}.p values (1, 'x'), (2, 'y')",
        f"delete from {s}.p where p = 'x'",
        (f"select * from {s}.p", [(2, "y")]),
        f"call {catalog}.system.vacuum('{schema}', 'p', '7d')",
        (f"show stats for {s}.p", [("id", None, 1.0, 0.0, None, "2", "2"), ("p", None, 1.0, 0.0, None, None, None), (None, None, None, None, 1.0, None, None)]),
        f"drop table {s}.p",
        f"drop table {s}.t",
    ]


STORIES = {hive_tables: "hive", columns_and_statistics: "hive", views: "hive", other_formats: "hive", iceberg: "iceberg", delta: "delta"}


@pytest.mark.parametrize("story", STORIES, ids=lambda story: story.__name__)
@on(MAIN, PORT)
def test_a_story(sql, schema, place, story):
    run(sql, story(f"{STORIES[story]}{place[0]}.{schema}"))


# ---------------------------------------------------------------- refs


@on(MAIN)
@pytest.mark.parametrize("story", STORIES, ids=lambda story: story.__name__)
def test_a_story_on_a_branch_by_suffix(sql, schema, place, story):
    skep.run("branch", "create", f"b-{schema}", "--from", "main")
    run(sql, story(f'{STORIES[story]}."{schema}@b-{schema}"'))
    assert sql(f"show tables from hive.{schema}") == [], "main has none of it"
    sql(f'drop schema hive."{schema}@b-{schema}" cascade')
    skep.run("branch", "delete", f"b-{schema}")


@on(PORT)
def test_what_a_port_of_a_branch_does_stays_on_the_branch(sql, schema, place):
    sql(f"create table hive_etl.{schema}.t as select 1 a")
    assert (schema,) not in sql("show schemas from hive")
    assert sql(f'select * from hive."{schema}@etl".t') == [(1,)]
    assert skep.objects("main", f"warehouse/{schema}.db") == []


@on(MAIN)
def test_a_schema_without_a_location_lies_on_its_ref(sql, schema, place):
    sql(f"create schema hive.{schema}_bare")
    sql(f"create table hive.{schema}_bare.t as select 1 a")
    assert len(skep.objects("main", f"{schema}_bare.db/t")) == 1
    sql(f"drop schema hive.{schema}_bare cascade")


@on(MAIN)
def test_partitions_are_synced_with_the_folders_of_a_ref(sql, schema, place):
    sql(f"create table hive.{schema}.t (id int, p varchar) with (partitioned_by = array['p'])")
    sql(f"insert into hive.{schema}.t values (1, 'a'), (2, 'b')")
    skep.run("branch", "create", f"b-{schema}", "--from", "main")
    files, there = skep.s3(), f"b-{schema}/warehouse/{schema}.db/t"
    (one,) = [key for key, _, _ in skep.objects(f"b-{schema}", f"warehouse/{schema}.db/t/p=a")]
    files.copy_object(Bucket="lake", Key=f"{there}/p=c/file", CopySource=f"lake/{one}")
    files.delete_object(Bucket="lake", Key=one)
    for mode, left in (("ADD", ["a", "b", "c"]), ("DROP", ["b", "c"]), ("FULL", ["b", "c"])):
        sql(f"call hive.system.sync_partition_metadata('{schema}@b-{schema}', 't', '{mode}')")
        assert sql(f'select * from hive."{schema}@b-{schema}"."t$partitions" order by 1') == [(value,) for value in left]
    assert sql(f'select * from hive."{schema}@b-{schema}".t order by 1') == [(1, "c"), (2, "b")]
    assert sql(f"select * from hive.{schema}.t order by 1") == [(1, "a"), (2, "b")]
    skep.run("branch", "delete", f"b-{schema}")


@pytest.fixture
def v1():
    """Lets a test tag `v1`, for the catalogs that read it."""
    yield
    skep.run("tag", "delete", "v1")


@on(MAIN)
def test_a_tag_is_read_as_it_was_and_written_by_no_one(sql, schema, place, v1):
    for connector in ("hive", "iceberg", "delta"):
        sql(f"create table {connector}.{schema}.{connector} as select nationkey from tpch.tiny.nation")
    sql(f"create view hive.{schema}.v as select count(*) c from hive.{schema}.hive")
    commit = skep.answer("commit", "main", "-m", "25 rows")["id"]
    skep.run("tag", "create", "v1", "--at", "main")
    sql(f"drop table hive.{schema}.hive")
    sql(f"insert into iceberg.{schema}.iceberg values (99)")
    sql(f"delete from delta.{schema}.delta")
    for connector, now in (("iceberg", 26), ("delta", 0)):
        assert sql(f"select count(*) from {connector}.{schema}.{connector}") == [(now,)]
    for connector in ("hive", "iceberg", "delta"):
        for there in (f"{connector}_v1.{schema}", f'{connector}."{schema}@v1"', f'{connector}."{schema}@{commit[:12]}"'):
            assert sql(f"select count(*), sum(nationkey) from {there}.{connector}") == [(25, 300)], there
            with pytest.raises(trino.exceptions.TrinoQueryError):
                sql(f"alter table {there}.{connector} add column z integer")
    for statement in ("insert into {}.hive values (1)", "drop table {}.hive", "create table {}.u as select 1 a", "create view {}.u as select 1 a"):
        with pytest.raises(trino.exceptions.TrinoQueryError):
            sql(statement.format(f"hive_v1.{schema}"))
    assert sql(f"select count(*) from hive_v1.{schema}.hive") == [(25,)]
    assert sql(f"show tables from hive_v1.{schema}") == [("delta",), ("hive",), ("iceberg",), ("v",)]
    sql(f"drop table iceberg.{schema}.iceberg")
    sql(f"drop table delta.{schema}.delta")


@on(PORT)
def test_both_sides_of_a_merge_are_read(sql, schema, place):
    there = f"hive_etl.{schema}"
    sql(f"create table {there}.t (id int, p varchar) with (partitioned_by = array['p'])")
    sql(f"insert into {there}.t values (1, 'a')")
    skep.run("commit", "etl", "-m", "a table")
    skep.run("merge", "etl", "main")
    sql(f"alter table {there}.t add column v varchar")
    sql(f"insert into {there}.t values (2, 'two', 'b')")
    sql(f"insert into hive.{schema}.t values (3, 'c')")
    skep.run("commit", "etl", "-m", "a column and a partition")
    skep.run("merge", "etl", "main")
    assert sql(f"select * from hive.{schema}.t order by id") == [(1, None, "a"), (2, "two", "b"), (3, None, "c")]
    assert sql(f"select * from {there}.t order by id") == [(1, None, "a"), (2, "two", "b")]
    sql(f"drop schema hive.{schema} cascade")
