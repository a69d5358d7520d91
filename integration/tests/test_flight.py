"""Arrow Flight SQL by ADBC: rows and lists of `main`, of a branch by a header and by suffix, and of a commit; statements about branches.

    python.sh flight python -m pytest test_flight.py
"""

import io

import adbc_driver_flightsql.dbapi
import adbc_driver_manager
import pyarrow
import pyarrow.parquet
import pytest
import skep

HEADER = "adbc.flight.sql.rpc.call_header."


def connect(**headers):
    """Connects by ADBC, with headers such as `ref`."""
    options = {f"{HEADER}x-skep-{name}": value for name, value in headers.items()}
    return adbc_driver_flightsql.dbapi.connect(f"grpc://{skep.FLIGHT}", db_kwargs=options, autocommit=True)


def rows(connection, sql):
    with connection.cursor() as cursor:
        cursor.execute(sql)
        return cursor.fetchall()


def fails(status, words, connection, sql):
    with pytest.raises(adbc_driver_manager.Error) as told:
        rows(connection, sql)
    assert told.value.status_code == status and words in str(told.value), told.value


@pytest.fixture
def main():
    with connect() as connection:
        yield connection


def put(ref, database, name, ids, notes):
    """Puts a file of rows into the table `orders`."""
    content = io.BytesIO()
    columns = {"id": pyarrow.array(ids, pyarrow.int64()), "note": pyarrow.array(notes, pyarrow.string())}
    pyarrow.parquet.write_table(pyarrow.table(columns), content)
    key = f"{ref}/warehouse/{database}.db/orders/{name}.parquet"
    skep.s3().put_object(Bucket=skep.REPOSITORY, Key=key, Body=content.getvalue())


@pytest.fixture
def orders(client, database):
    """Makes the table `orders` with two rows on `main`, and returns the name of its database."""
    client.create_table(skep.new_table(database, "orders", "id bigint, note string", keys=""))
    put("main", database, "a", [1, 2], ["one", None])
    skep.run("commit", "main", "-m", "orders")
    return database


def test_rows_of_main_of_a_branch_and_of_a_commit(main, orders, name):
    branch = f"b-{name}"
    commit = skep.head("main")
    assert rows(main, f"create branch {branch!r}")[0][2] == "created"
    put(branch, orders, "b", [3], ["three"])
    count = f"select count(*), sum(id) from {orders}.orders"
    assert rows(main, count) == [(2, 3)]
    with connect(ref=branch) as there, connect(ref=commit) as then, connect(repository="lake", ref=f"{branch}@") as before:
        assert rows(there, count) == [(3, 6)]
        assert rows(then, count) == rows(before, count) == [(2, 3)]
    assert rows(main, f'select id, note from "{orders}@{branch}".orders order by id') == [(1, "one"), (2, None), (3, "three")]
    with connect(ref=branch) as there:
        assert rows(there, "commit 'three'")[0][2] == "committed"
    assert rows(main, f"merge branch {branch!r} into main")[0][2] == "merged"
    assert rows(main, count) == [(3, 6)]
    with main.cursor() as cursor:
        cursor.adbc_statement.set_sql_query(f"drop branch {branch!r}")
        cursor.adbc_statement.execute_update()
    assert branch not in [found["name"] for found in skep.answer("branch", "list")]


def test_rows_come_as_arrow_however_many(main, orders):
    with main.cursor() as cursor:
        cursor.execute("select value as n, cast(value as varchar) as text from generate_series(1, 1000000)")
        table = cursor.fetch_arrow_table()
    assert table.num_rows == 1_000_000 and set(table["text"].to_pylist()) == {str(n) for n in range(1, 1_000_001)}
    assert table.schema.field("text").type == pyarrow.string()
    with main.cursor() as cursor:
        cursor.execute(f"select * from {orders}.orders where id = 2")
        assert cursor.fetch_arrow_table().to_pylist() == [{"id": 2, "note": None}]


def test_a_result_that_is_left_is_no_harm(main):
    for _ in range(3):
        with main.cursor() as cursor:
            cursor.execute("select a.value from generate_series(1, 1000000) a, generate_series(1, 1000000) b")
            assert len(cursor.fetchmany(10)) == 10
    assert rows(main, "select 1") == [(1,)]


def test_lists(main, client, orders, name):
    client.create_table(skep.new_table(orders, "keyed", "id bigint", keys="dt string"))
    found = main.adbc_get_objects(depth="all", db_schema_filter=orders).read_all().to_pylist()
    assert [catalog["catalog_name"] for catalog in found] == ["skep"]
    (schema,) = found[0]["catalog_db_schemas"]
    tables = {table["table_name"]: table for table in schema["db_schema_tables"]}
    assert schema["db_schema_name"] == orders and set(tables) == {"orders", "keyed"}
    assert {table["table_type"] for table in tables.values()} == {"TABLE"}
    assert [column["column_name"] for column in tables["keyed"]["table_columns"]] == ["id", "dt"]
    assert set(main.adbc_get_table_types()) == {"TABLE", "VIEW"}
    schema = main.adbc_get_table_schema("orders", db_schema_filter=orders)
    assert schema.names == ["id", "note"] and schema.types == [pyarrow.int64(), pyarrow.string()]
    info = main.adbc_get_info()
    assert info["vendor_name"] == "skep" and info["vendor_version"]
    with pytest.raises(adbc_driver_manager.Error):
        main.adbc_get_table_schema("nothing", db_schema_filter=orders)
    skep.run("branch", "create", f"b-{name}", "--from", "main")
    client.drop_table(orders, "keyed", True)
    at = f"{orders}@b-{name}"
    assert main.adbc_get_table_schema("keyed", db_schema_filter=at).names == ["id", "dt"]
    skep.run("branch", "delete", f"b-{name}")


def test_prepared_statements(main, orders):
    with main.cursor() as cursor:
        schema = cursor.adbc_prepare(f"select * from {orders}.orders where id = 1")
        assert not schema
        cursor.execute(f"select * from {orders}.orders where id = 1")
        assert cursor.fetchall() == [(1, "one")]
    with main.cursor() as cursor, pytest.raises(adbc_driver_manager.Error) as told:
        cursor.execute("select $1", parameters=(1,))
    assert "parameters" in str(told.value)


def test_errors(main, orders):
    status = adbc_driver_manager.AdbcStatusCode
    fails(status.INVALID_ARGUMENT, "Line: 1, Column: 14", main, "select 1 fro m x")
    fails(status.INVALID_ARGUMENT, "x-skep-ref", main, "use branch main")
    fails(status.NOT_FOUND, "nothing", main, f"select * from {orders}.nothing")
    fails(status.NOT_FOUND, "gone", main, f'select * from "{orders}@gone".orders')
    fails(status.ALREADY_EXISTS, "main", main, "create branch main")
    fails(status.UNAUTHORIZED, "only what reads", main, f"drop table {orders}.orders")
    for headers in ({"ref": "gone"}, {"repository": "gone"}):
        with connect(**headers) as connection:
            fails(status.NOT_FOUND, "gone", connection, "select 1")
