"""Hive's own metastore client in Java, 3.1.3 and 4.0.1: on `main`, on a branch by its port and by suffix, on a tag and a commit.

What it calls and expects stands in `hive/Round.java`.
"""

import pathlib
import subprocess

import pytest
import skep

HERE = pathlib.Path(__file__).parent


@pytest.fixture(scope="module", autouse=True)
def branch():
    """Creates the branch that one of the listeners is bound to."""
    if "etl" not in [branch["name"] for branch in skep.answer("branch", "list")]:
        skep.run("branch", "create", "etl", "--from", "main")


def rounds(version, *rounds):
    """Runs rounds of (what, address, database) in one process of Java."""
    rounds = [",".join(one) for one in rounds]
    command = [HERE / "../engines/hive-java.sh", version, HERE / "hive/Round.java", *rounds]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stdout + done.stderr
    assert [line for line in done.stdout.splitlines() if line.startswith("ok ")] == [f"ok {one}" for one in rounds]


@pytest.mark.parametrize("version", ["3.1.3", "4.0.1"])
def test_a_round_of_calls(client, database, version):
    on_port, branch, tag = f"{database}_port", f"b-{database}", f"v-{database}"
    with skep.metastore(skep.THRIFT_ETL) as etl:
        etl.create_database(skep.idl().Database(name=on_port, locationUri=f"s3a://lake/etl/warehouse/{on_port}.db"))
    skep.run("branch", "create", branch, "--from", "main")
    on_branch = f"{database}@{branch}"
    rounds(version, ("write", skep.THRIFT, on_branch), ("own", skep.THRIFT_ETL, on_port))
    assert client.get_all_tables(database) == [], "main has none of it"
    rounds(version, ("own", skep.THRIFT, database))
    commit = skep.answer("commit", branch, "-m", "a round")["id"]
    skep.run("tag", "create", tag, "--at", branch)
    client.drop_table(on_branch, "t", True)
    rounds(version, ("read", skep.THRIFT, f"{database}@{tag}"), ("read", skep.THRIFT, f"{database}@{commit}"))
    with skep.metastore(skep.THRIFT_ETL) as etl:
        etl.drop_database(on_port, True, True)
    skep.run("branch", "delete", branch)
