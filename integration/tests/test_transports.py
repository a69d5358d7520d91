"""The ways into the metastore, by clients that know nothing of skep: HTTP, TLS, SASL PLAIN, bearer tokens."""

import contextlib
import os
import ssl
import subprocess
import urllib.error
import urllib.request

import pytest
import skep
from skep import new_table


@pytest.mark.parametrize("protocol", ["binary", "compact"])
def test_a_table_lives_over_http(protocol, database):
    with skep.metastore_over_http(protocol=protocol) as client:
        client.create_table(new_table(database, "orders"))
        assert client.get_table(database, "orders").sd.location == f"s3a://lake/main/warehouse/{database}.db/orders"
        with pytest.raises(skep.idl().NoSuchObjectException):
            client.get_table(database, "nothing")
        client.drop_table(database, "orders", True)


def test_the_path_leads_to_a_branch(client, database, name):
    client.create_table(new_table(database, "orders"))
    branch = f"b-{name}"
    skep.run("branch", "create", branch, "--from", "main")
    with skep.metastore_over_http(path=f"/repositories/lake/refs/{branch}") as there:
        there.drop_table(database, "orders", True)
        assert there.get_all_tables(database) == []
    assert client.get_all_tables(database) == ["orders"]
    skep.run("branch", "delete", branch)


def test_the_header_says_who_calls(client, name):
    with skep.metastore_over_http(headers={"x-actor-username": "ann"}) as there:
        there.create_database(skep.idl().Database(name=name))
    assert client.get_database(name).ownerName == "ann"
    client.drop_database(name, True, True)


# ---------------------------------------------------------------- a skep that lets in only whom it knows

SETTINGS = """
http = "127.0.0.1:0"
s3 = "127.0.0.1:0"
[[thrift]]
listen = "127.0.0.1:0"
tls = { certificates = "chain.pem", key = "key.pem" }
[[thrift]]
listen = "127.0.0.1:0"
any_password = true
[[thrift_http]]
listen = "127.0.0.1:0"
tls = { certificates = "chain.pem", key = "key.pem" }
tokens_env = "TOKENS"
"""


@pytest.fixture(scope="module")
def secured(tmp_path_factory):
    """Starts a skep whose listeners are secured, and returns their addresses and the folder."""
    folder = tmp_path_factory.mktemp("secured")
    (folder / "skep.toml").write_text(SETTINGS)
    make = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost",
            "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1", "-keyout", "key.pem", "-out", "chain.pem"]
    subprocess.run(make, cwd=folder, check=True, capture_output=True)
    with subprocess.Popen(
        [os.environ["SKEP_BIN"], "serve", "--config", "skep.toml"], cwd=folder, stdout=subprocess.PIPE, text=True,
        env={**os.environ, "TOKENS": "ann:let-ann-in"},
    ) as server:
        addresses = []
        while len(addresses) < 3:
            line = server.stdout.readline()
            assert line, "ended while starting"
            if line.strip().startswith("metastore"):
                addresses.append(line.split("://")[1].split()[0].removesuffix("/metastore"))
        try:
            yield folder, addresses
        finally:
            server.terminate()


def trusting(folder):
    """Returns a TLS context that knows the certificate of `secured`."""
    return ssl.create_default_context(cafile=str(folder / "chain.pem"))


def test_tls(secured):
    from thriftpy2.rpc import make_client

    folder, (address, _, _) = secured
    host, port = address.split(":")
    client = make_client(skep.idl().ThriftHiveMetastore, host, int(port), ssl_context=trusting(folder), timeout=30_000)
    with contextlib.closing(client):
        assert client.get_all_databases() == ["default"]
    with pytest.raises(Exception), skep.metastore(address, timeout_s=5) as plain:
        plain.get_all_databases()


def test_tokens_over_https(secured):
    folder, (_, _, address) = secured
    headers = {"authorization": "Bearer let-ann-in"}
    with skep.metastore_over_http(
        address=address, scheme="https", ssl_context_factory=lambda: trusting(folder), headers=headers,
    ) as client:
        client.create_database(skep.idl().Database(name="anns"))
        assert client.get_database("anns").ownerName == "ann"
    request = urllib.request.Request(f"https://{address}/metastore", data=b"x", headers={"content-type": "application/x-thrift"})
    with pytest.raises(urllib.error.HTTPError) as told:
        urllib.request.urlopen(request, context=trusting(folder))
    assert (told.value.code, told.value.headers["www-authenticate"]) == (401, 'Bearer realm="skep"')


def test_sasl_plain(secured):
    from thriftpy2.protocol import TBinaryProtocolFactory
    from thriftpy2.rpc import TClient
    from thriftpy2.transport import TFramedTransportFactory, TSocket

    host, port = secured[1][1].split(":")
    connection = TSocket(host, int(port))
    connection.open()
    for status, payload in [(1, b"PLAIN"), (5, b"\0ben\0whatever")]:
        connection.write(bytes([status]) + len(payload).to_bytes(4, "big") + payload)
    assert connection.read(5) == b"\x05\0\0\0\0"
    # short answers are one frame of SASL, which looks like one of Thrift
    transport = TFramedTransportFactory().get_transport(connection)
    client = TClient(skep.idl().ThriftHiveMetastore, TBinaryProtocolFactory().get_protocol(transport))
    assert client.set_ugi("root", []) == ["ben"]
    client.close()
