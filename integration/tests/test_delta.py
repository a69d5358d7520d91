"""Delta tables by Spark 4.0 and the Hive catalog: isolation, merges and their conflicts, and reading at a commit.

    FORMAT=delta spark.sh 4.0 python -m pytest test_delta.py

To skep a Delta table is opaque: the change of one side is taken, changes of both are a conflict.
"""

import pytest
import skep

DELTA = {
    "spark.sql.extensions": "io.delta.sql.DeltaSparkSessionExtension",
    "spark.sql.catalog.spark_catalog": "org.apache.spark.sql.delta.catalog.DeltaCatalog",
}


@pytest.fixture(scope="module")
def session():
    spark = skep.spark("delta", **DELTA)
    spark.sparkContext.setLogLevel("OFF")
    yield spark
    spark.stop()


@pytest.fixture
def sql(session):
    """Returns what runs a statement, by a session that has cached nothing, and gives its rows."""
    return lambda statement: [tuple(row) for row in session.newSession().sql(statement).collect()]


@pytest.fixture
def branch(sql, name):
    """Creates a table with three rows on `main`, and a branch; both have the name that is returned."""
    sql(f"create database {name}")
    sql(f"create table {name}.t (id bigint, v string) using delta")
    sql(f"insert into {name}.t values (1, 'a'), (2, 'b'), (3, 'c')")
    skep.run("commit", "main", "-m", "three rows")
    skep.run("branch", "create", name, "--from", "main")
    yield name
    skep.run("branch", "delete", name)
    sql(f"drop database {name} cascade")


def rows(sql, table):
    return sql(f"select id, v from {table} order by id")


def test_a_branch_is_isolated_and_lands_by_a_merge(sql, branch):
    there = f"`{branch}@{branch}`.t"
    before = skep.head("main")
    sql(f"update {there} set v = 'z' where id = 1")
    sql(f"delete from {there} where id = 2")
    sql(f"merge into {there} t using (select 3L id union all select 4L) s on t.id = s.id"
        " when matched then update set v = 'merged' when not matched then insert (id, v) values (s.id, 'new')")
    sql(f"alter table {there} add columns (z int)")
    changed = [(1, "z"), (3, "merged"), (4, "new")]
    assert rows(sql, there) == changed
    assert rows(sql, f"{branch}.t") == [(1, "a"), (2, "b"), (3, "c")]
    skep.run("commit", branch, "-m", "changes")
    skep.run("merge", branch, "main")
    assert rows(sql, f"{branch}.t") == changed
    assert [column[0] for column in sql(f"describe table {branch}.t")] == ["id", "v", "z"]
    assert rows(sql, f"`{branch}@{before}`.t") == [(1, "a"), (2, "b"), (3, "c")]
    sql(f"insert into {branch}.t values (5, 'after', 50)")
    assert rows(sql, f"{branch}.t") == [*changed, (5, "after")]


def test_changes_of_both_sides_are_a_conflict(sql, branch):
    there = f"`{branch}@{branch}`.t"
    sql(f"insert into {there} values (4, 'theirs')")
    sql(f"insert into {branch}.t values (5, 'ours')")
    skep.run("commit", branch, "-m", "theirs")
    skep.run("commit", "main", "-m", "ours")
    told = skep.told("merge", branch, "main", ends=skep.CONFLICT)
    assert branch in told, told
    assert rows(sql, f"{branch}.t")[3:] == [(5, "ours")], "nothing of it has landed"
    assert rows(sql, there)[3:] == [(4, "theirs")]


def test_a_commit_is_read_and_not_written(sql, branch):
    commit = skep.head("main")
    sql(f"delete from {branch}.t")
    at = f"`{branch}@{commit}`.t"
    assert rows(sql, at) == [(1, "a"), (2, "b"), (3, "c")]
    for statement in (f"insert into {at} values (9, 'x')", f"delete from {at}", f"drop table {at}"):
        with pytest.raises(Exception):  # py4j and Spark wrap it in many ways
            sql(statement)
    assert rows(sql, at) == [(1, "a"), (2, "b"), (3, "c")]
    assert rows(sql, f"{branch}.t") == []
