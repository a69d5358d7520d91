"""What the tests of this folder share."""

import itertools
import time

import pytest
import skep


def pytest_configure(config):
    for session in ("main", "magic", "port"):
        config.addinivalue_line("markers", f"{session}: the Spark session that a test runs in")


NUMBERS = itertools.count(1)


@pytest.fixture
def name():
    """Returns a name that nothing has yet: the tests of one run share a server, and a server may see many runs."""
    return f"t{time.time_ns() // 1_000_000 % 10**9}_{next(NUMBERS)}"


@pytest.fixture
def client():
    """Returns a plain Thrift client of `main`."""
    with skep.metastore() as client:
        yield client


@pytest.fixture
def database(client, name):
    """Creates a database on `main` and returns its name."""
    client.create_database(skep.idl().Database(name=name, locationUri=f"s3a://lake/main/warehouse/{name}.db"))
    yield name
    client.drop_database(name, True, True)
