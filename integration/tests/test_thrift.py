"""The metastore, by a client that knows nothing of skep but the IDL: thriftpy2 in all its protocols and transports."""

import errno
import socket
import struct

import pytest
import skep
from skep import new_partition, new_table

WIRES = [("binary", "buffered"), ("binary", "framed"), ("compact", "buffered"), ("compact", "framed")]
DAYS = ["2026-01-01", "2026-01-02", "2026-01-10"]
REGIONS = ["a=b/c", "north"]
# a value's special characters are escaped in the name
NAMES = [f"dt={day}/region={region}" for day in DAYS for region in ("a%3Db%2Fc", "north")]

CALL, REPLY, EXCEPTION = 1, 2, 3
UNKNOWN_METHOD = 1


def filled(client, database):
    """Creates a table with six partitions, added in an order that is not theirs."""
    client.create_table(new_table(database, "orders"))
    table = client.get_table(database, "orders")
    assert client.add_partitions([new_partition(table, day, region) for day in reversed(DAYS) for region in REGIONS]) == 6
    return table


@pytest.mark.parametrize("wire", WIRES, ids="-".join)
def test_a_table_lives_over_every_wire(wire, database):
    with skep.metastore(None, *wire) as client:
        table = filled(client, database)
        assert table.sd.location == f"s3a://lake/main/warehouse/{database}.db/orders"
        assert (table.owner, table.tableType, table.parameters["made.by"]) == ("someone", "MANAGED_TABLE", "a test")
        assert [(c.name, c.type, c.comment) for c in table.sd.cols] == [("id", "bigint", None), ("amount", "int", None)]
        assert (table.viewOriginalText, table.viewExpandedText) == (None, None)

        assert client.get_partition_names(database, "orders", -1) == NAMES
        assert client.get_partition_names(database, "orders", 2) == NAMES[:2]
        assert client.get_partition_names_ps(database, "orders", ["", "north"], -1) == NAMES[1::2]
        one = client.get_partition(database, "orders", ["2026-01-02", "a=b/c"])
        assert one.sd.location == f"{table.sd.location}/{NAMES[2]}"
        assert [p.values for p in client.get_partitions(database, "orders", -1)] == [[d, r] for d in DAYS for r in REGIONS]

        table.sd.cols.append(skep.idl().FieldSchema(name="channel", type="string", comment="how"))
        client.alter_table(database, "orders", table)
        assert [c.name for c in client.get_table(database, "orders").sd.cols] == ["id", "amount", "channel"]
        assert len(client.get_partition(database, "orders", DAYS[:1] + REGIONS[1:]).sd.cols) == 2, "partitions keep their columns"

        assert client.drop_partition(database, "orders", ["2026-01-10", "north"], True)
        assert client.get_partition_names(database, "orders", -1) == NAMES[:-1]
        client.drop_table(database, "orders", True)
        assert client.get_all_tables(database) == []


def test_every_wire_says_the_same(client, database):
    filled(client, database)
    answers = []
    for wire in WIRES:
        with skep.metastore(None, *wire) as other:
            answers.append((other.get_table(database, "orders"), other.get_partitions(database, "orders", -1)))
    assert all(answer == answers[0] for answer in answers)


@pytest.mark.parametrize("text, expected", [
    ("dt = '2026-01-02'", NAMES[2:4]),
    ("dt = \"2026-01-02\" and region = \"north\"", NAMES[3:4]),
    ("region != 'north'", NAMES[0::2]),
    ("dt > '2026-01-01' and dt <= '2026-01-02'", NAMES[2:4]),
    ("(dt = '2026-01-01' or dt = '2026-01-10') and region = 'north'", [NAMES[1], NAMES[5]]),
    ("'2026-01-10' <= dt", NAMES[4:]),
    ("dt between '2026-01-02' and '2026-01-10'", NAMES[2:]),
    ("(dt) in ('2026-01-01', '2026-01-09')", NAMES[:2]),
    ("dt like '2026-01-0.*'", NAMES[:4]),
    ("", NAMES),
    ("dt = 'never'", []),
])
def test_filters(client, database, text, expected):
    filled(client, database)
    found = client.get_partitions_by_filter(database, "orders", text, -1)
    named = {tuple(p.values): n for p, n in zip(client.get_partitions(database, "orders", -1), NAMES)}
    assert [named[tuple(p.values)] for p in found] == expected


@pytest.mark.parametrize("text", ["dt = ", "nothing = 'x'", "dt ==== 'x'", "dt = 'open", "(" * 5000])
def test_a_malformed_filter_is_told(client, database, text):
    filled(client, database)
    with pytest.raises(skep.idl().MetaException):
        client.get_partitions_by_filter(database, "orders", text, -1)
    assert client.get_partition_names(database, "orders", -1) == NAMES


def test_errors_have_the_types_that_clients_go_by(client, database):
    idl = skep.idl()
    for error, action in [
        (idl.NoSuchObjectException, lambda: client.get_table(database, "nothing")),
        (idl.NoSuchObjectException, lambda: client.get_database("nothing")),
        (idl.NoSuchObjectException, lambda: client.drop_table(database, "nothing", True)),
        (idl.InvalidOperationException, lambda: client.alter_table(database, "nothing", new_table(database, "nothing"))),
        (idl.InvalidObjectException, lambda: client.create_table(new_table("nothing", "orders"))),
        (idl.InvalidObjectException, lambda: client.create_table(new_table(database, "a b"))),
        (idl.InvalidObjectException, lambda: client.create_database(idl.Database(name="a b"))),
        (idl.AlreadyExistsException, lambda: client.create_database(idl.Database(name=database))),
    ]:
        with pytest.raises(error):
            action()
    table = filled(client, database)
    with pytest.raises(idl.AlreadyExistsException):
        client.create_table(new_table(database, "ORDERS"))
    with pytest.raises(idl.AlreadyExistsException):
        client.add_partitions([new_partition(table, "2026-02-01", "x"), new_partition(table, "2026-01-01", "north")])
    assert client.get_partition_names(database, "orders", -1) == NAMES, "all or nothing"
    with pytest.raises(idl.NoSuchObjectException):
        client.get_partition(database, "orders", ["2026-02-01", "x"])
    with pytest.raises(idl.InvalidOperationException):
        client.drop_database(database, True, False)


def call_unknown(client):
    """Sends a call of a method that no server has, and returns the type of its exception."""
    from thriftpy2.thrift import TApplicationException

    out, back = client._oprot, client._iprot
    out.write_message_begin("no_such_method", CALL, 7)
    out.write_struct(skep.idl().ThriftHiveMetastore.get_table_args(dbname="some", tbl_name="thing"))
    out.write_message_end()
    out.trans.flush()
    told, kind, number = back.read_message_begin()
    assert (told, kind, number) == ("no_such_method", EXCEPTION, 7)
    error = TApplicationException()
    back.read_struct(error)
    back.read_message_end()
    return error.type


@pytest.mark.parametrize("wire", WIRES, ids="-".join)
def test_an_unknown_method_leaves_the_connection_in_step(wire, database):
    with skep.metastore(None, *wire) as client:
        for _ in range(3):
            assert call_unknown(client) == UNKNOWN_METHOD
            assert client.get_database(database).name == database


# ---------------------------------------------------------------- bad input

STRICT_CALL = b"\x80\x01\x00\x01"
BAD = {
    "garbage": b"\xde\xad\xbe\xef" * 64,
    "text": b"GET / HTTP/1.1\r\nHost: x\r\n\r\n" * 3,
    "huge name": STRICT_CALL + struct.pack(">i", 0x7FFFFFFF) + b"get_table",
    "negative name": STRICT_CALL + struct.pack(">i", -5),
    "huge string": STRICT_CALL + struct.pack(">i", 9) + b"get_table" + struct.pack(">ibhi", 1, 11, 1, 0x7FFFFFF0) + b"x",
    "huge list": STRICT_CALL + struct.pack(">i", 14) + b"add_partitions" + struct.pack(">ibhbi", 1, 15, 1, 12, 0x7FFFFFF0),
    "deep nesting": STRICT_CALL + struct.pack(">i", 9) + b"get_table" + struct.pack(">i", 1) + b"\x0c\x00\x01" * 100_000,
    "huge frame": struct.pack(">i", 0x7FFFFFFF) + STRICT_CALL,
    "invalid text": STRICT_CALL + struct.pack(">i", 12) + b"get_database" + struct.pack(">ibhi", 1, 11, 1, 2) + b"\xff\xfe\x00",
}


@pytest.mark.parametrize("bytes_sent", BAD.values(), ids=BAD.keys())
def test_bad_input_harms_nobody(client, database, bytes_sent):
    host, port = skep.THRIFT.split(":")
    with socket.create_connection((host, int(port)), timeout=30) as peer:
        try:
            peer.sendall(bytes_sent)
            peer.shutdown(socket.SHUT_WR)
            while peer.recv(65536):  # an exception, or nothing, and then the end: never silence for ever
                pass
        except (ConnectionError, OSError) as ended:
            assert isinstance(ended, ConnectionError) or ended.errno == errno.ENOTCONN
    assert client.get_database(database).name == database


def test_half_open_connections_hinder_nobody(client, database):
    host, port = skep.THRIFT.split(":")
    idle = [socket.create_connection((host, int(port))) for _ in range(200)]
    for peer in idle:
        peer.sendall(STRICT_CALL + b"\x00\x00")
    assert client.get_database(database).name == database
    for peer in idle:
        peer.close()


# ---------------------------------------------------------------- refs


@pytest.fixture
def branch(name):
    """Returns the name of a branch of `main` that is yet to be created."""
    yield f"b-{name}"
    skep.run("branch", "delete", f"b-{name}")


def test_a_suffix_leads_to_a_branch(client, database, branch):
    filled(client, database)
    skep.run("branch", "create", branch, "--from", "main")
    there = f"{database}@{branch}"
    table = client.get_table(there, "orders")
    assert (table.dbName, table.sd.location) == (there, f"s3a://lake/{branch}/warehouse/{database}.db/orders")
    assert client.get_database(there).name == there

    client.drop_partition(there, "orders", ["2026-01-01", "north"], True)
    client.create_table(new_table(there, "new"))
    assert client.get_partition_names(there, "orders", -1) == [NAMES[0], *NAMES[2:]]
    assert client.get_partition_names(database, "orders", -1) == NAMES
    assert (client.get_all_tables(there), client.get_all_tables(database)) == (["new", "orders"], ["orders"])

    skep.run("commit", branch, "-m", "one partition less, a table more")
    skep.run("merge", branch, "main", "-m", "both")
    assert client.get_partition_names(database, "orders", -1) == [NAMES[0], *NAMES[2:]]
    assert client.get_all_tables(database) == ["new", "orders"]


def test_a_location_of_another_branch_is_refused(client, database, branch):
    skep.run("branch", "create", branch, "--from", "main")
    stray = new_table(database, "stray")
    stray.sd.location = f"s3a://lake/{branch}/somewhere"
    with pytest.raises((skep.idl().InvalidOperationException, skep.idl().MetaException, skep.idl().InvalidObjectException)) as told:
        client.create_table(stray)
    assert branch in told.value.message


def test_a_protected_branch_refuses_direct_writes(client, database, branch):
    skep.run("branch", "create", branch, "--from", "main")
    there = f"{database}@{branch}"
    skep.run("branch", "protect", branch)
    with pytest.raises((skep.idl().MetaException, skep.idl().InvalidOperationException)) as told:
        client.create_table(new_table(there, "orders"))
    assert "protected" in told.value.message
    skep.run("branch", "unprotect", branch)
    client.create_table(new_table(there, "orders"))
    assert client.get_all_tables(there) == ["orders"]


def test_tags_and_commits_are_read_only(client, database, name):
    filled(client, database)
    commit = skep.answer("commit", "main", "-m", "six partitions")["id"]
    skep.run("tag", "create", f"v-{name}", "--at", "main")
    client.drop_table(database, "orders", True)
    idl = skep.idl()
    for ref in (f"v-{name}", commit, commit[:12]):
        there = f"{database}@{ref}"
        table = client.get_table(there, "orders")
        assert client.get_partition_names(there, "orders", -1) == NAMES
        for change in (
            lambda: client.drop_table(there, "orders", True),
            lambda: client.create_table(new_table(there, "new")),
            lambda: client.alter_table(there, "orders", table),
            lambda: client.add_partitions([new_partition(table, "2026-02-01", "x")]),
            lambda: client.drop_database(there, True, True),
        ):
            with pytest.raises((idl.MetaException, idl.InvalidOperationException)) as told:
                change()
            assert "read-only" in told.value.message
    with pytest.raises(idl.NoSuchObjectException):
        client.get_database(f"{database}@no-such-ref")
