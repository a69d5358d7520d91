"""usage: skep.sh DIR python3 idle.py [CONNECTIONS]

Opens so many connections to the metastore, makes one call on each, leaves them open, and tells what they cost the server.
Ends with 1 if the server then takes more than 200 MB.
"""

import os
import pathlib
import resource
import socket
import struct
import sys

LIMIT_MB = 200
# get_all_databases in the strict binary protocol
CALL = b"\x80\x01\x00\x01" + struct.pack(">i", 17) + b"get_all_databases" + b"\x00\x00\x00\x01\x00"


def rss_kb():
    """Returns how much memory the server has."""
    pid = pathlib.Path(os.environ["SKEP_LOG"]).with_name("pid").read_text().strip()
    status = pathlib.Path(f"/proc/{pid}/status").read_text()
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS"))


def call(connection):
    """Makes a call, and reads the beginning of its answer, which is all of it."""
    connection.sendall(CALL)
    assert connection.recv(4096)[:4] == b"\x80\x01\x00\x02"


def main():
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    host, port = os.environ["SKEP_THRIFT"].split(":")
    with socket.create_connection((host, int(port))) as first:
        call(first)
    before = rss_kb()
    connections = [socket.create_connection((host, int(port))) for _ in range(count)]
    opened = rss_kb()
    for connection in connections:
        call(connection)
    after = rss_kb()
    each = (after - before) * 1024 // count
    print(f"{count} connections: {before // 1024} MB before, {opened // 1024} MB opened, {after // 1024} MB after a call on each")
    print(f"{each} bytes for each that is idle")
    sys.exit(after > LIMIT_MB * 1024)


if __name__ == "__main__":
    main()
