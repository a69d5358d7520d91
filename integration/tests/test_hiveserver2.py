"""HiveServer2's statements: on `main`, on a branch by its port and by suffix, and on a commit.

Each list below is one story, run statement by statement; a statement stands alone or with the rows it has to give.
"""

import os

import pytest
import skep
from impala.dbapi import connect
from impala.error import Error

PORTS = {"main": "HIVE", "etl": "HIVE_ETL"}


@pytest.fixture(scope="module", autouse=True)
def branch():
    """Creates the branch that one of the listeners is bound to."""
    if "etl" not in [branch["name"] for branch in skep.answer("branch", "list")]:
        skep.run("branch", "create", "etl", "--from", "main")


@pytest.fixture(scope="module")
def sql(request):
    """Returns what runs a statement on the HiveServer2 of a ref and gives its rows."""
    connections = {}

    def cursor(ref):
        if ref not in connections:
            host, port = os.environ[PORTS[ref]].split(":")
            connections[ref] = connect(host=host, port=int(port), auth_mechanism="NOSASL", timeout=300)
        return connections[ref].cursor()

    def sql(statement, ref="main"):
        with cursor(ref) as at:
            at.execute(statement)
            return [tuple(row) for row in at.fetchall()] if at.has_result_set else []

    yield sql
    for connection in connections.values():
        connection.close()


def run(sql, ref, story):
    """Runs the statements of `story` at `ref`; those in a pair with rows have to give these."""
    for number, step in enumerate(story, 1):
        statement, expected = step if isinstance(step, tuple) else (step, None)
        try:
            found = sql(statement, ref)
        except Exception as error:
            raise AssertionError(f"statement {number}, {statement}: {str(error)[:1000]}") from None
        assert expected is None or found == expected, f"statement {number}, {statement}"


def tables(db):
    return [
        f"create table {db}.t (id int, v string) partitioned by (p string) stored as parquet",
        f"insert into {db}.t partition (p = 'x') values (1, 'a'), (2, 'b')",
        "set hive.exec.dynamic.partition.mode = nonstrict",
        f"insert into {db}.t partition (p) values (3, 'c', 'y'), (4, 'd', 'z')",
        (f"select id, v, p from {db}.t order by id", [(1, "a", "x"), (2, "b", "x"), (3, "c", "y"), (4, "d", "z")]),
        (f"show partitions {db}.t", [("p=x",), ("p=y",), ("p=z",)]),
        (f"select count(*) from {db}.t where p > 'x' and p <> 'z'", [(1,)]),
        f"insert overwrite table {db}.t partition (p = 'x') values (5, 'e')",
        f"alter table {db}.t drop partition (p = 'z')",
        f"alter table {db}.t add columns (n bigint)",
        f"insert into {db}.t partition (p = 'w') values (6, 'f', 60)",
        (f"select id, n, p from {db}.t order by id", [(3, None, "y"), (5, None, "x"), (6, 60, "w")]),
        f"analyze table {db}.t partition (p) compute statistics",
        f"analyze table {db}.t compute statistics for columns",
        (f"select count(*), max(id) from {db}.t", [(3, 6)]),
        f"alter table {db}.t partition (p = 'w') rename to partition (p = 'q')",
        f"msck repair table {db}.t",
        (f"show partitions {db}.t", [("p=q",), ("p=x",), ("p=y",)]),
        f"create table {db}.c stored as orc as select id from {db}.t",
        f"create view {db}.w as select count(*) c from {db}.c",
        (f"select c from {db}.w", [(3,)]),
        f"drop view {db}.w",
        f"truncate table {db}.c",
        (f"select count(*) from {db}.c", [(0,)]),
        f"drop table {db}.c",
    ]


@pytest.mark.parametrize("ref", ["main", "etl"], ids=["main", "port"])
def test_a_story(sql, name, ref):
    # Hive 4 puts managed tables below a place of their own, which is its warehouse where none is said
    there = f"s3a://lake/{ref}/warehouse/{name}"
    sql(f"create database {name} location '{there}.db' managedlocation '{there}.managed'", ref)
    run(sql, ref, tables(name))
    assert sql(f"select id from {name}.t where p = 'x'", ref) == [(5,)]
    if ref != "main":
        assert skep.objects("main", f"warehouse/{name}") == []
    sql(f"drop database {name} cascade", ref)


def test_a_branch_by_suffix_and_a_commit(sql, database):
    branch = f"b-{database}"
    skep.run("branch", "create", branch, "--from", "main")
    there = f"`{database}@{branch}`"
    sql(f"create table {there}.t (id int) partitioned by (p string) stored as parquet")
    sql(f"insert into {there}.t partition (p = 'x') values (1), (2)")
    assert sql(f"show tables in {database}") == []
    commit = skep.answer("commit", branch, "-m", "two rows")["id"]
    sql(f"insert into {there}.t partition (p = 'y') values (3)")
    assert sql(f"select id, p from {there}.t order by id") == [(1, "x"), (2, "x"), (3, "y")]
    at = f"`{database}@{commit}`"
    assert sql(f"select id, p from {at}.t order by id") == [(1, "x"), (2, "x")]
    for statement in (f"alter table {at}.t add columns (n int)", f"drop table {at}.t", f"alter table {at}.t drop partition (p = 'x')"):
        with pytest.raises(Error):
            sql(statement)
    skep.run("commit", branch, "-m", "three rows")
    skep.run("merge", branch, "main")
    assert sql(f"select id, p from {database}.t order by id") == [(1, "x"), (2, "x"), (3, "y")]
    skep.run("branch", "delete", branch)
