"""Spark's statements on Hive tables: on `main`, on a branch by suffix, on a branch by its port, and on a tag.

    spark.sh 4.0 python -m pytest test_spark.py -m main      or magic, or port

Each list below is one story, run statement by statement; a statement stands alone or with the rows it has to give. The
same stories pass against the original metastore.
"""

import json

import pyspark
import pytest
import skep

MAGIC = {
    "spark.hadoop.fs.s3a.committer.name": "magic",
    "spark.hadoop.fs.s3a.committer.magic.enabled": "true",
    "spark.hadoop.mapreduce.outputcommitter.factory.scheme.s3a": "org.apache.hadoop.fs.s3a.commit.S3ACommitterFactory",
    "spark.sql.sources.commitProtocolClass": "org.apache.spark.internal.io.cloud.PathOutputCommitProtocol",
    "spark.sql.parquet.output.committer.class": "org.apache.spark.internal.io.cloud.BindingParquetOutputCommitter",
}

# What a session is started with: where it works, and how it commits to S3.
SESSIONS = {"main": {}, "magic": MAGIC, "port": {"address": skep.THRIFT_ETL, "ref": "etl"}}
STARTED = set()


@pytest.fixture(scope="module")
def session(request):
    """Starts Spark as one of SESSIONS."""
    STARTED.add(request.param)
    assert len(STARTED) == 1, "one session a process, since a JVM keeps the settings of the first: -m main"
    if request.param == "port" and "etl" not in [branch["name"] for branch in skep.answer("branch", "list")]:
        skep.run("branch", "create", "etl", "--from", "main")
    spark = skep.spark("test", **SESSIONS[request.param])
    spark.sparkContext.setLogLevel("OFF")
    yield spark
    spark.stop()


def in_session(name, *more):
    return pytest.param(name, *more, marks=getattr(pytest.mark, name), id="-".join([name, *(story.__name__ for story in more)]))


def on(name):
    """Runs a test in this session."""
    return pytest.mark.parametrize("session", [in_session(name)], indirect=True, scope="module")


@pytest.fixture
def spark(session):
    """Returns a session that has cached nothing."""
    return session.newSession()


@pytest.fixture
def database(spark, name):
    spark.sql(f"create database {name}")
    yield name
    spark.sql(f"drop database {name} cascade")


def run(spark, story):
    """Runs the statements of `story`; those in a pair with rows have to give these."""
    for number, step in enumerate(story, 1):
        statement, expected = step if isinstance(step, tuple) else (step, None)
        try:
            found = [tuple(row) for row in spark.sql(statement).collect()]
        except Exception as error:
            raise AssertionError(f"statement {number}, {statement}: {str(error)[:1000]}") from None
        assert expected is None or found == expected, f"statement {number}, {statement}"


# ---------------------------------------------------------------- the stories; {} is the database


def hive_tables(db):
    return [
        f"create table {db}.t (id int, v string) partitioned by (p string) stored as parquet",
        f"insert into {db}.t partition (p) select id, cast(id as string), cast(id % 3 as string) from range(99)",
        f"insert overwrite {db}.t partition (p = '0') select id, cast(id as string) from range(7)",
        (f"select p, count(*) from {db}.t group by p order by p", [("0", 7), ("1", 33), ("2", 33)]),
        (f"select count(*) from {db}.t where p = '1'", [(33,)]),
        (f"select count(*) from {db}.t where p > '0' and p like '%2'", [(33,)]),
        (f"show partitions {db}.t", [("p=0",), ("p=1",), ("p=2",)]),
        f"alter table {db}.t add columns (z int)",
        f"insert into {db}.t values (1, 'one', 11, '9')",
        (f"select count(*), count(z), sum(z) from {db}.t", [(74, 1, 11)]),
        f"alter table {db}.t change column v v string comment 'a comment'",
        f"comment on table {db}.t is 'about it'",
        f"alter table {db}.t partition (p = '9') rename to partition (p = '8')",
        (f"select id, v, z, p from {db}.t where p = '8'", [(1, "one", 11, "8")]),
        f"alter table {db}.t drop partition (p = '2')",
        f"alter table {db}.t add if not exists partition (p = '7') partition (p = '1')",
        (f"show partitions {db}.t", [("p=0",), ("p=1",), ("p=7",), ("p=8",)]),
        f"truncate table {db}.t partition (p = '1')",
        (f"select p, count(*) from {db}.t group by p order by p", [("0", 7), ("8", 1)]),
        f"analyze table {db}.t compute statistics for all columns",
        f"msck repair table {db}.t",
        f"create table {db}.like like {db}.t",
        (f"select * from {db}.like", []),
        f"drop table {db}.t",
        (f"select count(*) from {db}.like", [(0,)]),
    ]


def data_source_tables(db):
    return [
        f"create table {db}.ds using parquet partitioned by (p, q) as select id, id % 2 p, cast(id % 5 as string) q from range(50)",
        f"alter table {db}.ds add columns (z int)",
        (f"select count(*), count(z) from {db}.ds where p = 1", [(25, 0)]),
        f"insert into {db}.ds partition (p = 7, q = 'x/y=z') select id, 5 from range(3)",
        (f"select q, count(*), sum(z) from {db}.ds where p = 7 group by q", [("x/y=z", 3, 15)]),
        (f"show partitions {db}.ds partition (p = 7)", [("p=7/q=x%2Fy%3Dz",)]),
        f"alter table {db}.ds drop partition (p = 0)",
        (f"select count(*) from {db}.ds", [(25 + 3,)]),
        f"analyze table {db}.ds compute statistics",
        f"insert overwrite {db}.ds select id, 1, 4, '4' from range(9)",
        (f"select count(*), max(p) from {db}.ds", [(9, 4)]),
        f"create table {db}.plain using parquet as select id, named_struct('a', id, 'B', array(id)) s from range(10)",
        (f"select sum(s.B[0]) from {db}.plain", [(45,)]),
        f"truncate table {db}.plain",
        (f"select * from {db}.plain", []),
    ]


def dynamic_overwrite(db):
    return [
        f"create table {db}.ds using parquet partitioned by (p, q) as select id, id % 2 p, cast(id % 5 as string) q from range(50)",
        "set spark.sql.sources.partitionOverwriteMode = dynamic",
        f"insert overwrite {db}.ds select id, 0, '0' from range(2)",
        "set spark.sql.sources.partitionOverwriteMode = static",
        (f"select count(*) from {db}.ds", [(50 - 5 + 2,)]),
    ]


def views(db):
    return [
        f"create table {db}.of stored as parquet as select id from range(73)",
        f"create view {db}.v as select count(*) c from {db}.of",
        (f"select * from {db}.v", [(73,)]),
        f"alter view {db}.v as select count(*) + 1 c from {db}.of",
        (f"select * from {db}.v", [(74,)]),
        f"drop view {db}.v",
    ]


def other_formats(db):
    return [
        f"create table {db}.csv (id int, v string) row format delimited fields terminated by ',' stored as textfile",
        f"insert into {db}.csv values (1, 'one'), (2, null)",
        (f"select * from {db}.csv order by id", [(1, "one"), (2, None)]),
        f"create table {db}.orc (id int) partitioned by (day date, n int) stored as orc",
        f"insert into {db}.orc partition (day, n) values (1, date'2026-01-01', 9), (2, date'2026-01-02', 10), (3, null, null)",
        (f"select id from {db}.orc where day > date'2026-01-01'", [(2,)]),
        (f"select id from {db}.orc where n > 9 and n < 100", [(2,)]),
        (f"select id from {db}.orc where day is null", [(3,)]),
        (f"select id from {db}.orc where n in (9, 11)", [(1,)]),
    ]


def renames(db):
    """Renames of all three kinds of tables. (Spark cannot do it where the database's name has to be quoted.)"""
    return [
        f"create table {db}.a stored as parquet as select id from range(50)",
        f"create table {db}.b using parquet as select id from range(60)",
        f"create table {db}.c using parquet partitioned by (p) as select id, id % 2 p from range(70)",
        f"alter table {db}.a rename to {db}.a2",
        f"alter table {db}.b rename to {db}.b2",
        f"alter table {db}.c rename to {db}.c2",
        (f"select count(*) from {db}.a2", [(50,)]),
        (f"select count(*) from {db}.b2", [(60,)]),
        (f"select count(*), sum(p) from {db}.c2", [(70, 35)]),
        f"insert into {db}.a2 values (1)",
        f"insert into {db}.b2 values (1)",
        f"insert into {db}.c2 values (1, 5)",
        (f"select (select count(*) from {db}.a2), (select count(*) from {db}.b2), (select count(*) from {db}.c2)", [(51, 61, 71)]),
        f"create table {db}.b using parquet as select id from range(5)",
        (f"select (select count(*) from {db}.b), (select count(*) from {db}.b2)", [(5, 61)]),
        f"drop table {db}.b2",
        (f"select count(*) from {db}.b", [(5,)]),
    ]


STORIES = {
    "main": [hive_tables, data_source_tables, dynamic_overwrite, views, other_formats, renames],
    "suffix": [hive_tables, data_source_tables, dynamic_overwrite, views, other_formats],
    "magic": [hive_tables, data_source_tables],  # by its protocol Spark has no dynamic overwrite
    "port": [hive_tables, data_source_tables, renames],
}
HOLDS = {hive_tables: ["like"], data_source_tables: ["ds", "plain"]}



@pytest.mark.parametrize(
    "session, story", [in_session(name, story) for name in SESSIONS for story in STORIES[name]],
    indirect=["session"], scope="module")
def test_a_story(spark, database, story):
    run(spark, story(database))
    tables = [row.tableName for row in spark.sql(f"show tables in {database}").collect()]
    assert tables == HOLDS.get(story, tables)


@on("magic")
def test_the_magic_committer_is_at_work(spark, database):
    spark.sql(f"create table {database}.t using parquet as select id from range(5)")
    success = skep.s3().get_object(Bucket=skep.REPOSITORY, Key=f"main/warehouse/{database}.db/t/_SUCCESS")
    assert json.loads(success["Body"].read())["committer"] == "magic"


# ---------------------------------------------------------------- refs


@on("main")
@pytest.mark.parametrize("story", STORIES["suffix"], ids=lambda story: story.__name__)
def test_a_story_on_a_branch_by_suffix(spark, database, story):
    skep.run("branch", "create", f"b-{database}", "--from", "main")
    run(spark, story(f"`{database}@b-{database}`"))
    assert spark.sql(f"show tables in {database}").collect() == [], "main has none of it"
    spark.sql(f"drop database `{database}@b-{database}` cascade")
    skep.run("branch", "delete", f"b-{database}")


@on("port")
def test_what_a_port_of_a_branch_does_stays_on_the_branch(spark, database):
    spark.sql(f"create table {database}.t using parquet as select id from range(5)")
    with skep.metastore() as main:
        assert database not in main.get_all_databases()
        assert main.get_all_tables(f"{database}@etl") == ["t"]
    assert skep.objects("main", f"warehouse/{database}.db") == []


@on("main")
def test_a_tag_is_read_only(spark, database):
    spark.sql(f"create table {database}.t (id bigint) partitioned by (p string) stored as parquet")
    spark.sql(f"insert into {database}.t select id, cast(id % 3 as string) from range(99)")
    skep.run("commit", "main", "-m", "99 rows")
    tag = f"v-{database}"
    skep.run("tag", "create", tag, "--at", "main")
    spark.sql(f"truncate table {database}.t")
    there = f"`{database}@{tag}`.t"
    assert spark.sql(f"select count(*), sum(id) from {there} where p = '1'").first()[:] == (33, 1617)
    for statement in (
        f"insert into {there} values (1, '1')",
        f"insert overwrite {there} values (1, '1')",
        f"alter table {there} drop partition (p = '1')",
        f"alter table {there} add columns (z int)",
        f"drop table {there}",
        f"create table `{database}@{tag}`.u (id int) stored as parquet",
    ):
        with pytest.raises(Exception):  # py4j and Spark wrap it in many ways
            spark.sql(statement)
    assert spark.newSession().sql(f"select count(*) from {there}").first()[:] == (99,)
    assert spark.newSession().sql(f"select count(*) from {database}.t").first()[:] == (0,)


@pytest.mark.skipif(pyspark.__version__ < "4", reason="Spark 3.5 cannot read a file of ints as bigint")
@on("main")
def test_a_column_is_widened_by_another_client(spark, database):
    spark.sql(f"create table {database}.t stored as parquet as select cast(id as int) n from range(3)")
    with skep.metastore() as client:
        table = client.get_table(database, "t")
        table.sd.cols[0].type = "bigint"
        client.alter_table(database, "t", table)
    spark = spark.newSession()
    spark.sql(f"insert into {database}.t values (5000000000)")
    assert spark.sql(f"select sum(n) from {database}.t").first()[:] == (5_000_000_003,)
