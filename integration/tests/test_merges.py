"""What Spark reads after a merge, row by row, where both branches changed one table.

    spark.sh 4.0 python -m pytest test_merges.py

Spark works on `main` (ours) and on a branch (theirs); what its statements cannot say goes through plain Thrift or S3. Iceberg,
Delta and Hudi tables that diverged are in the tests of these.
"""

import re

import pytest
import skep


@pytest.fixture(scope="module")
def session():
    spark = skep.spark("merges", **{"spark.sql.sources.partitionOverwriteMode": "dynamic"})
    spark.sparkContext.setLogLevel("OFF")
    yield spark
    spark.stop()


class Sides:
    """A database on `main` and on a branch of the same name. Statements name their tables as `t` or another word in braces."""

    def __init__(self, session, client, name):
        self.session, self.client, self.name = session, client, name
        self.refs = {"base": "main", "ours": "main", "theirs": name}

    def database(self, side):
        return self.name if self.refs[side] == "main" else f"{self.name}@{self.name}"

    def sql(self, side, statement):
        """Runs a statement in a session that has cached nothing, and returns its rows."""
        named = re.sub(r"\{(\w+)\}", rf"`{self.database(side)}`.\1", statement)
        return [tuple(row) for row in self.session.newSession().sql(named).collect()]

    def base(self, *statements):
        """Runs statements on `main`, commits and makes the branch."""
        for statement in statements:
            self.sql("base", statement)
        skep.run("commit", "main", "-m", "base")
        skep.run("branch", "create", self.name, "--from", "main")

    def ours(self, *statements):
        for statement in statements:
            self.sql("ours", statement)

    def theirs(self, *statements):
        for statement in statements:
            self.sql("theirs", statement)

    def commit(self):
        for side in ("ours", "theirs"):
            skep.run("commit", self.refs[side], "-m", side)

    def merge(self):
        self.commit()
        skep.run("merge", self.name, "main")

    def conflicts(self):
        """Merges, which has to end in conflicts, and returns kind, table, and partition or column of each."""
        self.commit()
        before = skep.head("main")
        found = skep.answer("merge", self.name, "main", ends=skep.CONFLICT)["conflicts"]
        assert skep.head("main") == before
        return [(one["kind"], one.get("table"), one.get("partition") or one.get("column")) for one in found]

    def rows(self, select="select * from {t} order by 1", side="ours"):
        return self.sql(side, select)

    def columns(self, table="t", side="ours"):
        return [(column.name, column.type) for column in self.client.get_table(self.database(side), table).sd.cols]

    def alter(self, side, change, table="t", **context):
        """Changes a table as a Hive client does: read, changed by `change`, written."""
        found = self.client.get_table(self.database(side), table)
        change(found)
        types = skep.idl()
        context = types.EnvironmentContext(properties=context)
        self.client.alter_table_with_environment_context(self.database(side), table, found, context)

    def place(self, side, file, rows, table="t"):
        """Puts a Parquet file with rows of (id, v) into a table's folder, under the name that Hive would give it."""
        ref, folder = self.refs[side], f"tmp/{self.name}"
        frame = self.session.createDataFrame(rows, "id int, v string")
        frame.coalesce(1).write.mode("overwrite").parquet(f"s3a://{skep.REPOSITORY}/{ref}/{folder}")
        (made,) = [key for key, _, _ in skep.objects(ref, folder) if key.endswith(".parquet")]
        source = {"Bucket": skep.REPOSITORY, "Key": made}
        skep.s3().copy_object(Bucket=skep.REPOSITORY, Key=f"{ref}/warehouse/{self.name}.db/{table}/{file}", CopySource=source)

    def files(self, table="t"):
        folder = f"warehouse/{self.name}.db/{table}/"
        found = {key.rsplit("/", 1)[1]: size for key, size, _ in skep.objects("main", folder)}
        return {name: size for name, size in found.items() if name and not name.startswith(("_", "."))}


@pytest.fixture
def sides(session, client, name):
    session.sql(f"create database {name}")
    sides = Sides(session, client, name)
    yield sides
    skep.run("branch", "delete", name)
    session.sql(f"drop database {name} cascade")


CSV = "row format delimited fields terminated by ',' stored as textfile"


def field(name, type_name):
    return skep.idl().FieldSchema(name=name, type=type_name)


# ---------------------------------------------------------------- columns


def test_columns_of_two_sides_in_text_files_are_a_conflict(sides):
    sides.base(f"create table {{t}} (a int, b int) {CSV}", "insert into {t} values (1, 2)")
    sides.ours("alter table {t} add columns (c int)", "insert into {t} values (3, 4, 5)")
    sides.theirs("alter table {t} add columns (d string)", "insert into {t} values (6, 7, 'x')")
    assert sides.conflicts() == [("PositionalAdd", "t", None)]
    assert sides.rows() == [(1, 2, None), (3, 4, 5)]
    assert sides.rows(side="theirs") == [(1, 2, None), (6, 7, "x")]


def test_a_column_that_no_text_file_has_stands_behind_one_that_some_have(sides):
    sides.base(f"create table {{t}} (a int, b int) {CSV}", "insert into {t} values (1, 2)")
    sides.ours("alter table {t} add columns (c int)")
    sides.theirs("alter table {t} add columns (d string)", "insert into {t} values (6, 7, 'x')")
    sides.merge()
    assert sides.rows("select a, b, c, d from {t} order by a") == [(1, 2, None, None), (6, 7, None, "x")]
    sides.ours("insert into {t} (a, b, c, d) values (8, 9, 10, 'y')")
    assert sides.rows("select a, b, c, d from {t} where a = 8") == [(8, 9, 10, "y")]


def test_a_column_is_renamed_by_one_side_and_widened_by_the_other(sides):
    def rename(table):
        table.sd.cols[0].name = "k"

    def widen(table):
        table.sd.cols[0].type = "bigint"

    sides.base(f"create table {{t}} (a int, b string) {CSV}", "insert into {t} values (1, 'x')")
    sides.alter("ours", rename)
    sides.ours("insert into {t} values (2, 'y')")
    sides.alter("theirs", widen)
    sides.merge()
    assert sides.columns() == [("k", "bigint"), ("b", "string")]
    sides.ours("insert into {t} values (5000000000, 'z')")
    assert sides.rows("select k, b from {t} order by k") == [(1, "x"), (2, "y"), (5_000_000_000, "z")]


def test_types_that_no_reader_reconciles_are_a_conflict(sides):
    sides.base("create table {t} (id int, v int) stored as parquet", "insert into {t} values (1, 2)")
    sides.alter("ours", lambda table: setattr(table.sd.cols[1], "type", "bigint"))
    sides.alter("theirs", lambda table: setattr(table.sd.cols[1], "type", "string"))
    assert sides.conflicts() == [("ColumnType", "t", "v")]
    assert sides.columns()[1] == ("v", "bigint")


def test_columns_of_two_sides_are_in_the_schema_that_spark_keeps(sides):
    sides.base("create table {t} (Id int, V string) using parquet", "insert into {t} values (1, 'base')")
    sides.ours("alter table {t} add columns (Ours int)", "insert into {t} values (2, 'ours', 20)")
    sides.theirs("alter table {t} add columns (Theirs string)", "insert into {t} values (3, 'theirs', 'x')")
    sides.merge()
    assert [row[0] for row in sides.rows("describe table {t}")] == ["Id", "V", "Ours", "Theirs"]
    select = "select Id, V, Ours, Theirs from {t} order by Id"
    merged = [(1, "base", None, None), (2, "ours", 20, None), (3, "theirs", None, "x")]
    assert sides.rows(select) == merged
    sides.ours("insert into {t} values (4, 'both', 40, 'y')")
    assert sides.rows(select) == [*merged, (4, "both", 40, "y")]


def test_a_cascade_reaches_partitions_that_the_other_side_added(sides):
    partitioned = "create table {t} (id int) partitioned by (p string) stored as parquet"
    sides.base(partitioned, "insert into {t} partition (p = '1') values (1)")
    sides.alter("ours", lambda table: table.sd.cols.append(field("z", "int")), CASCADE="true")
    sides.theirs("insert into {t} partition (p = '2') values (2)")
    sides.merge()
    for p in "12":
        columns = sides.client.get_partition(sides.name, "t", [p]).sd.cols
        assert [column.name for column in columns] == ["id", "z"], p
    sides.ours("insert into {t} partition (p = '2') values (3, 30)")
    assert sides.rows("select id, z, p from {t} order by id") == [(1, None, "1"), (2, None, "2"), (3, 30, "2")]


# ---------------------------------------------------------------- data


def test_files_of_one_name_by_both_sides_are_both_there(sides):
    sides.base("create table {t} (id int, v string) stored as parquet")
    sides.place("ours", "000000_0", [(1, "ours")])
    sides.place("theirs", "000000_0", [(2, "theirs")])
    sides.place("theirs", "000001_0", [(3, "theirs")])
    sides.merge()
    assert sorted(sides.files()) == ["000000_0", "000000_0_copy_1", "000001_0"]
    assert sides.rows() == [(1, "ours"), (2, "theirs"), (3, "theirs")]


def test_a_partition_that_both_sides_added_has_the_rows_of_both(sides):
    sides.base("create table {t} (id int) partitioned by (p string) stored as parquet")
    sides.ours("insert into {t} partition (p = '1') values (1), (2)")
    sides.theirs("insert into {t} partition (p = '1') values (3)", "insert into {t} partition (p = '2') values (4)")
    sides.merge()
    assert sides.rows() == [(1, "1"), (2, "1"), (3, "1"), (4, "2")]


def test_an_append_to_a_partition_that_the_other_side_dropped_is_a_conflict(sides):
    partitioned = "create table {t} (id int) partitioned by (p string) stored as parquet"
    sides.base(partitioned, "insert into {t} values (1, '1'), (2, '2')")
    sides.ours("alter table {t} drop partition (p = '1')")
    sides.theirs("insert into {t} partition (p = '1') values (3)")
    assert sides.conflicts() == [("DropModify", "t", "p=1")]
    assert sides.rows() == [(2, "2")]
    assert sides.rows(side="theirs") == [(1, "1"), (2, "2"), (3, "1")]


def test_an_append_to_what_the_other_side_rewrote_is_a_conflict_in_that_partition_alone(sides):
    partitioned = "create table {t} (id int) partitioned by (p string) stored as parquet"
    sides.base(partitioned, "insert into {t} values (1, '1'), (2, '2')")
    sides.ours("insert overwrite {t} partition (p = '1') values (10)", "insert overwrite {t} partition (p = '2') values (20)")
    sides.theirs("insert into {t} partition (p = '1') values (11)")
    assert sides.conflicts() == [("AppendRewrite", "t", "p=1")]
    assert sides.rows() == [(10, "1"), (20, "2")]


def test_partitions_that_one_side_overwrote_and_the_other_added(sides):
    partitioned = "create table {t} (id int, p string) using parquet partitioned by (p)"
    sides.base(partitioned, "insert into {t} values (1, '1'), (2, '2'), (3, '3')")
    sides.ours("insert overwrite {t} partition (p) values (10, '1'), (40, '4')")
    sides.theirs("insert into {t} values (21, '2'), (50, '5')", "alter table {t} drop partition (p = '3')")
    sides.merge()
    assert sides.rows() == [(2, "2"), (10, "1"), (21, "2"), (40, "4"), (50, "5")]


def test_statistics_of_both_sides_are_not_believed(sides):
    sides.base("create table {t} (id int, v string) stored as parquet", "insert into {t} values (1, 'base')",
               "analyze table {t} compute statistics for all columns")
    sides.ours("insert into {t} values (2, 'ours'), (3, 'ours')", "analyze table {t} compute statistics for all columns")
    sides.theirs("insert into {t} values (4, 'theirs')", "analyze table {t} compute statistics for all columns")
    sides.merge()
    assert sides.rows("select count(*), min(id), max(id) from {t}") == [(4, 1, 4)]
    parameters = sides.client.get_table(sides.name, "t").parameters
    told = {key: value for key, value in parameters.items() if key == "numRows" or "statistics" in key.lower()}
    assert not told, "each counts the rows of one side"
    request = skep.idl().TableStatsRequest(dbName=sides.name, tblName="t", colNames=["id", "v"])
    assert sides.client.get_table_statistics_req(request).tableStats == []
    files = sides.files()
    assert (parameters["numFiles"], parameters["totalSize"]) == (str(len(files)), str(sum(files.values())))
    sides.ours("analyze table {t} compute statistics")
    (told,) = [row[1] for row in sides.rows("describe extended {t}") if row[0] == "Statistics"]
    assert told.endswith("4 rows"), told


# ---------------------------------------------------------------- tables


def test_rows_that_were_added_to_a_table_follow_its_new_name(sides):
    sides.base("create table {t} (id int) stored as parquet", "insert into {t} values (1)")
    sides.sql("ours", f"alter table {{t}} rename to `{sides.name}`.renamed")
    sides.theirs("insert into {t} values (2)")
    sides.merge()
    assert sides.rows("select * from {renamed} order by 1") == [(1,), (2,)]
    assert sides.client.get_all_tables(sides.name) == ["renamed"]


def test_a_table_that_was_made_anew_does_not_take_rows_of_the_old_one(sides):
    sides.base("create table {t} (id int) stored as parquet", "insert into {t} values (1)")
    sides.ours("drop table {t}", "create table {t} (id int) stored as parquet", "insert into {t} values (10)")
    sides.theirs("insert into {t} values (2)")
    assert ("DropModify", "t", None) in sides.conflicts()
    assert sides.rows() == [(10,)]
    assert sides.rows(side="theirs") == [(1,), (2,)]


def test_a_table_that_both_sides_made_alike_is_one(sides):
    sides.base()
    sides.ours("create table {t} (id int, v string) stored as parquet", "insert into {t} values (1, 'ours')")
    sides.theirs("create table {t} (id int, v string) stored as parquet", "insert into {t} values (2, 'theirs')")
    sides.merge()
    assert sides.rows() == [(1, "ours"), (2, "theirs")]


def test_tables_of_one_name_that_are_not_alike_are_a_conflict(sides):
    sides.base()
    sides.ours("create table {t} (id int) stored as parquet")
    sides.theirs("create table {t} (id string, w int) stored as parquet")
    assert [kind for kind, _, _ in sides.conflicts()] == ["AddAdd"]
