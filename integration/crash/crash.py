"""kill -9 under load: what was acknowledged is there afterwards, and nothing is half there.

    crash.sh [--rounds N] [--seed S]

Each round starts a skep on the same folder, lets several writers work by Thrift, S3 and REST, kills it at a random
moment (at times while it starts), and verifies the folder with `skep fsck` and, after the next start, by reading.

A writer owns what it writes and does one thing at a time. So what it owns is, after a crash, either as its last
acknowledged write left it or as the one write would have left it whose answer never came: a `Record` knows both.
A commit holds of each record one of the states that it went through meanwhile, and is the same for ever.
"""

import argparse
import collections
import contextlib
import hashlib
import http.client
import json
import os
import pathlib
import random
import signal
import socket
import subprocess
import sys
import threading
import time

import skep
from botocore.exceptions import ConnectionError as ConnectionLost
from botocore.exceptions import HTTPClientError
from thriftpy2.transport import TTransportException

DATABASE = "crash"
PARTITIONS_MAX = 200  # a table that has more is dropped and begins anew
FILES_MAX = 60
PART_BYTES_MIN = 5 << 20  # of all parts of an upload but the last
START_LIMIT_S = 60
OLD_COMMITS_A_ROUND = 4
COMMITS_AT_THE_END = 300
# what a client raises that got no answer
LOST = (OSError, EOFError, http.client.HTTPException, ConnectionLost, HTTPClientError, TTransportException)


class Wrong(Exception):
    """What must not be."""


class Moved(Exception):
    """A merge was refused, since the branch moved too fast: nothing was changed."""


# ---------------------------------------------------------------- the server


def free_ports(n):
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(n)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]


class Server:
    """A skep on one folder and always the same ports, started and killed again and again."""

    def __init__(self, folder):
        self.folder, self.data, self.log = folder, folder / "data", folder / "log"
        self.rest, self.s3, self.thrift = (f"127.0.0.1:{port}" for port in free_ports(3))
        skep.S3 = f"http://{self.s3}"
        self.process, self.s3_client = None, None
        self.killed = threading.Event()

    def spawn(self):
        self.killed.clear()
        arguments = ["serve", "--data", self.data, "--http", self.rest, "--s3", self.s3, "--thrift", self.thrift]
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen([os.environ["SKEP_BIN"], *arguments], stdout=log, stderr=log, stdin=subprocess.DEVNULL)

    def start(self):
        self.spawn()
        limit = time.monotonic() + START_LIMIT_S
        while b"skep is up" not in self.log.read_bytes():
            if self.process.poll() is not None:
                raise Wrong(f"the server did not start:\n{self.log.read_text()}")
            if time.monotonic() > limit:
                raise Wrong(f"the server is not up after {START_LIMIT_S} s")
            time.sleep(0.01)
        self.s3_client = skep.s3(attempts=1)  # made once, for threads may share but not make one

    def end(self, how):
        """Sends a signal, and returns how the process ended."""
        if self.process.poll() is None:
            self.killed.set()
            self.process.send_signal(how)
        ended = self.process.wait(60)
        log = self.log.read_text(errors="replace")
        with open(self.folder / "log.all", "a") as all_logs:
            all_logs.write(log)
        if "panicked" in log:
            raise Wrong(f"the server panicked:\n{log[-3000:]}")
        return ended

    def kill(self):
        if self.end(signal.SIGKILL) != -signal.SIGKILL:
            raise Wrong(f"the server ended before it was killed:\n{self.log.read_text()[-3000:]}")

    def fsck(self):
        if not (self.data / "refs.db").exists():
            return  # killed before it had made anything
        done = subprocess.run([os.environ["SKEP_BIN"], "fsck", "--data", self.data], capture_output=True, text=True)
        killed_at_birth = "repository" in done.stderr and "not found" in done.stderr
        if done.returncode != 0 and not killed_at_birth:
            raise Wrong(f"skep fsck:\n{done.stdout}{done.stderr}")


class Clients:
    """The doors of one running server, for one writer: a connection to the metastore, S3, REST."""

    def __init__(self, server, stack):
        self.server, self.s3 = server, server.s3_client
        self.thrift = stack.enter_context(skep.metastore(server.thrift))

    def rest(self, method, path, body=None, also=()):
        """Returns status and body of an answer; a status of no success that is not in `also` must not be."""
        connection = http.client.HTTPConnection(self.server.rest, timeout=60)
        with contextlib.closing(connection):
            sent = None if body is None else json.dumps(body)
            connection.request(method, f"/api/v1/repositories/{skep.REPOSITORY}{path}", sent, {"content-type": "application/json"})
            answer = connection.getresponse()
            text = answer.read()
        if answer.status >= 300 and answer.status not in also:
            raise Wrong(f"{method} {path} was answered with {answer.status}: {text.decode()}")
        return answer.status, json.loads(text) if text else None

    def log(self, ref, limit=200):
        return self.rest("GET", f"/refs/{ref}/commits?limit={limit}")[1]["commits"]


# ---------------------------------------------------------------- what is written


def body(seed, size):
    return random.Random(seed).randbytes(size)


def md5(content):
    return hashlib.md5(content).hexdigest()


class Content:
    """A table and a folder of files that one writer owns. A state of them is one flat dict, so that states compare:
    `table` tells its counter, `p/VALUE/VALUE` the token of a partition, `f/KEY` entity tag and size of a file."""

    def __init__(self, name):
        self.name = name
        self.bodies = {}  # what a file with this entity tag holds: (seed, size)
        self.numbers = 0

    def number(self):
        self.numbers += 1
        return self.numbers

    def state_at(self, clients, ref):
        """Reads the state at a ref."""
        state, database = {}, f"{DATABASE}@{ref}"
        try:
            table = clients.thrift.get_table(database, self.name)
        except skep.idl().NoSuchObjectException:
            table = None
        if table:
            state["table"] = table.parameters.get("n")
            for partition in clients.thrift.get_partitions(database, self.name, -1):
                state["p/" + "/".join(partition.values)] = partition.parameters.get("token")
        prefix = f"{ref}/files/{self.name}/"
        for page in clients.s3.get_paginator("list_objects_v2").paginate(Bucket=skep.REPOSITORY, Prefix=prefix):
            for found in page.get("Contents", []):
                state[f"f/{found['Key'].removeprefix(prefix)}"] = f"{found['ETag'].strip(chr(34))} {found['Size']}"
        return state

    def path(self, ref, key):
        return {"Bucket": skep.REPOSITORY, "Key": f"{ref}/files/{self.name}/{key}"}

    def check_bytes(self, clients, ref, state, keys):
        """Reads files and compares every byte."""
        for key in keys:
            if f"f/{key}" not in state:
                continue
            etag, size = state[f"f/{key}"].split()
            found = clients.s3.get_object(**self.path(ref, key))["Body"].read()
            if found != body(*self.bodies[etag]):
                raise Wrong(f"{self.name}: the file {key} at {ref} has other bytes than were written ({size} of them)")


class Record:
    """What one writer owns at one place: how it was left, and how the write would leave it that is under way."""

    def __init__(self, name, read):
        self.name, self.read = name, read
        self.state, self.pending = {}, None
        self.history = [self.state]  # since the last start

    def write(self, after, call):
        """Makes a write, after which the state is `after`."""
        self.pending = after
        answer = call()
        self.state, self.pending = after, None
        self.history.append(after)
        COUNTS["acknowledged"] += 1
        return answer

    def possible(self, first=0, last=None):
        """Returns the states from the `first` to the `last` of this run, and the one that was begun last."""
        begun = [] if self.pending is None else [self.pending]
        return (self.history + begun)[first:last]

    def check(self, clients):
        """Reads what is there after a restart: it has to be as it was left, or as the write would leave it that was
        under way. What it is counts from now on."""
        found = self.read(clients)
        if self.pending is not None and self.pending != self.state:
            COUNTS["unacknowledged, done" if found == self.pending else "unacknowledged, not done"] += 1
        if found not in (self.state, self.pending):
            raise Wrong(f"{self.name} is not as it was left\n{differences(self.state, found, 'left')}"
                        + (f"\n and a write was under way:\n{differences(self.pending, found, 'begun')}" if self.pending else ""))
        self.state, self.pending, self.history = found, None, [found]


def differences(expected, found, word):
    keys = sorted(key for key in expected.keys() | found.keys() if expected.get(key) != found.get(key))
    lines = [f"  {key}: {word} {expected.get(key)}, found {found.get(key)}" for key in keys[:20]]
    return "\n".join(lines + ([f"  and {len(keys) - 20} more"] if len(keys) > 20 else []))


COUNTS = collections.Counter()


# ---------------------------------------------------------------- the writers


class Writer:
    """Does one thing after the other, chosen at random, until the connection is lost."""

    def __init__(self, name, rng):
        self.name, self.rng = name, rng
        self.failure = None

    def actions(self):
        """Returns (weight, action) pairs."""
        raise NotImplementedError

    def run(self, server):
        try:
            with contextlib.ExitStack() as stack:
                self.clients = Clients(server, stack)
                while not server.killed.is_set():
                    weights, actions = zip(*self.actions())
                    self.rng.choices(actions, weights)[0]()
        except Exception as error:
            if not isinstance(error, LOST) or not server.killed.wait(2):
                self.failure = error

    def checks(self, clients):
        """Verifies what the writer owns, after a restart."""
        raise NotImplementedError


class Tables(Writer):
    """Writes a table with partitions, and files, at one branch."""

    def __init__(self, name, rng, ref, table=10, files=10, pause_s=0.0):
        super().__init__(name, rng)
        self.ref, self.table, self.files, self.pause_s = ref, table, files, pause_s
        self.content = Content(name)
        self.record = Record(f"{name} on {ref}", lambda clients: self.content.state_at(clients, ref))
        self.touched = set()
        self.upload = None  # of several parts: key, id, acknowledged parts

    @property
    def database(self):
        return f"{DATABASE}@{self.ref}"

    def actions(self):
        yield self.table, self.change_table if "table" in self.record.state else self.create_table
        yield self.files, self.change_files
        if self.pause_s:
            yield 5, lambda: time.sleep(self.rng.random() * self.pause_s)

    def changed(self, **entries):
        """Returns the state with these entries changed, or removed where they are None."""
        state = {**self.record.state, **entries}
        return {key: value for key, value in state.items() if value is not None}

    # ------------------------------------------------ tables

    def create_table(self):
        number = str(self.content.number())
        table = skep.new_table(self.database, self.name)
        table.parameters["n"] = number
        self.record.write(self.changed(table=number), lambda: self.clients.thrift.create_table(table))

    def change_table(self):
        there = [key for key in self.record.state if key.startswith("p/")]
        if len(there) > PARTITIONS_MAX or self.rng.random() < 0.01:
            return self.drop_table(there)
        self.rng.choices([self.add_partitions, self.drop_partition, self.alter_table], [6, 2 if there else 0, 3])[0]()

    def drop_table(self, partitions):
        after = self.changed(table=None, **dict.fromkeys(partitions))
        self.record.write(after, lambda: self.clients.thrift.drop_table(self.database, self.name, True))

    def add_partitions(self):
        table = self.clients.thrift.get_table(self.database, self.name)
        batch, entries = [], {}
        for _ in range(self.rng.randint(1, 20)):
            number = self.content.number()
            partition = skep.new_partition(table, f"d{number:06}", self.rng.choice(["north", "south"]))
            partition.parameters["token"] = f"{number * 7919 % 10007}"
            batch.append(partition)
            entries["p/" + "/".join(partition.values)] = partition.parameters["token"]
        self.record.write(self.changed(**entries), lambda: self.clients.thrift.add_partitions(batch))

    def drop_partition(self):
        entry = self.rng.choice([key for key in self.record.state if key.startswith("p/")])
        values = entry.split("/")[1:]
        after = self.changed(**{entry: None})
        self.record.write(after, lambda: self.clients.thrift.drop_partition(self.database, self.name, values, True))

    def alter_table(self):
        table = self.clients.thrift.get_table(self.database, self.name)
        table.parameters["n"] = str(self.content.number())
        after = self.changed(table=table.parameters["n"])
        self.record.write(after, lambda: self.clients.thrift.alter_table(self.database, self.name, table))

    # ------------------------------------------------ files

    def change_files(self):
        there = [key[2:] for key in self.record.state if key.startswith("f/")]
        if len(there) > FILES_MAX:
            return self.delete(there)
        self.rng.choices(
            [lambda: self.put(there), lambda: self.delete(there), lambda: self.copy(there), self.go_on_with_upload],
            [10, 3 if there else 0, 2 if there else 0, 2],
        )[0]()

    def put(self, there):
        key = self.rng.choice(there) if there and self.rng.random() < 0.3 else f"k{self.content.number() % 400:03}"
        content = self.fresh(self.rng.choice([0, 1, 700, 5_000, 60_000, 300_000]))
        self.store(key, f"{md5(content)} {len(content)}",
                   lambda: self.clients.s3.put_object(**self.content.path(self.ref, key), Body=content))

    def fresh(self, size):
        seed = self.rng.getrandbits(60)
        content = body(seed, size)
        self.content.bodies[md5(content)] = (seed, size)
        return content

    def store(self, key, told, call):
        self.touched.add(key)
        self.record.write(self.changed(**{f"f/{key}": told}), call)

    def delete(self, there):
        key = self.rng.choice(there)
        self.store(key, None, lambda: self.clients.s3.delete_object(**self.content.path(self.ref, key)))

    def copy(self, there):
        key, other = self.rng.choice(there), f"c{self.content.number() % 100:02}"
        told = self.record.state[f"f/{key}"]
        if key == other or "-" in told:
            return  # of several parts the copy's entity tag is another
        source = self.content.path(self.ref, key)
        self.store(other, told, lambda: self.clients.s3.copy_object(**self.content.path(self.ref, other), CopySource=source))

    def go_on_with_upload(self):
        """Takes the next step of an upload: its parts are acknowledged in one run, and completed perhaps in another."""
        s3 = self.clients.s3
        if self.upload is None:
            key = f"m{self.content.number() % 100:02}"
            upload = s3.create_multipart_upload(**self.content.path(self.ref, key))["UploadId"]
            sizes = [PART_BYTES_MIN, 1000] if self.rng.random() < 0.2 else [self.rng.choice([1, 40_000])]
            self.upload = {"key": key, "id": upload, "seed": self.rng.getrandbits(60), "sizes": sizes, "parts": []}
            COUNTS["acknowledged"] += 1
            return
        key, sizes, parts = (self.upload[name] for name in ("key", "sizes", "parts"))
        whole = body(self.upload["seed"], sum(sizes))
        named = {**self.content.path(self.ref, key), "UploadId": self.upload["id"]}
        if len(parts) < len(sizes):
            begin = sum(sizes[:len(parts)])
            part = whole[begin:begin + sizes[len(parts)]]
            etag = s3.upload_part(**named, PartNumber=len(parts) + 1, Body=part)["ETag"]
            parts.append({"PartNumber": len(parts) + 1, "ETag": etag, "md5": md5(part)})
            COUNTS["acknowledged"] += 1
            return
        digests = b"".join(bytes.fromhex(part["md5"]) for part in parts)
        etag = f"{md5(digests)}-{len(parts)}"
        self.content.bodies[etag] = (self.upload["seed"], len(whole))
        listed = {"Parts": [{name: part[name] for name in ("PartNumber", "ETag")} for part in parts]}
        complete = lambda: s3.complete_multipart_upload(**named, MultipartUpload=listed)
        self.upload["told"] = f"{etag} {len(whole)}"
        self.store(key, self.upload["told"], complete)
        self.upload = None

    # ------------------------------------------------ afterwards

    def checks(self, clients):
        begun = self.record.pending or {}
        self.record.check(clients)
        if self.upload and begun.get(f"f/{self.upload['key']}") == self.upload.get("told") and begun == self.record.state:
            self.upload = None  # completed, though nobody was told
        there = [key[2:] for key in self.record.state if key.startswith("f/")]
        sample = self.touched | set(self.rng.sample(there, min(5, len(there))))
        self.content.check_bytes(clients, self.ref, self.record.state, sorted(sample))
        self.touched.clear()


class Refs:
    """Tags and branches that one writer makes, all at commits whose ids it knows."""

    def __init__(self, name, rng):
        self.name, self.rng = name, rng
        self.record = Record(f"refs of {name}", self.read)
        self.numbers = 0

    def read(self, clients):
        tags, branches = clients.rest("GET", "/tags")[1], clients.rest("GET", "/branches")[1]
        found = {f"tag/{tag['name']}": tag["commit"] for tag in tags} | {f"branch/{one['name']}": one["head"] for one in branches}
        return {key: value for key, value in found.items() if key.split("/")[1].startswith(f"{self.name}-")}

    def make(self, clients, commit):
        """Tags a commit, makes a branch there, or removes a branch."""
        self.numbers += 1
        name, state = f"{self.name}-{self.numbers}", self.record.state
        old = [key for key in state if key.startswith("branch/")]
        if self.rng.random() < 0.5:
            after = {**state, f"tag/{name}": commit}
            self.record.write(after, lambda: clients.rest("POST", "/tags", {"name": name, "at": commit}))
        elif len(old) < 6:
            after = {**state, f"branch/{name}": commit}
            self.record.write(after, lambda: clients.rest("POST", "/branches", {"name": name, "from": commit}))
        else:
            gone = self.rng.choice(old)
            after = {key: value for key, value in state.items() if key != gone}
            self.record.write(after, lambda: clients.rest("DELETE", f"/branches/{gone.removeprefix('branch/')}"))


class Committer(Writer):
    """Commits `main`, and names its commits."""

    def __init__(self, name, rng, records):
        super().__init__(name, rng)
        self.records = records  # of all who write to main
        self.refs = Refs(name, rng)
        self.commits = {}  # acknowledged since the last start: which states were possible

    def actions(self):
        return [(3, self.commit), (2, self.name_one), (4, lambda: time.sleep(self.rng.random() * 0.3))]

    def commit(self):
        first = {record.name: len(record.history) - 1 for record in self.records}
        commit = self.clients.rest("POST", "/branches/main/commits", {"message": "by hand"})[1]["id"]
        # and the write that may be under way
        last = {record.name: len(record.history) + 1 for record in self.records}
        self.commits[commit] = (first, last)
        COUNTS["commits"] += 1

    def name_one(self):
        if self.commits:
            self.refs.make(self.clients, self.rng.choice(list(self.commits)))

    def checks(self, clients):
        self.refs.record.check(clients)


class Etl(Tables):
    """Writes to a staged branch, commits it, and merges it into `main`."""

    def __init__(self, name, rng, commits):
        super().__init__(name, rng, "etl")
        self.commits = commits
        self.refs = Refs(name, rng)
        self.landed = Record(f"{name} on main", lambda clients: self.content.state_at(clients, "main"))
        self.head, self.committed = None, {}
        self.moving = False  # whether the head may have moved without an answer

    def actions(self):
        yield from super().actions()
        yield 3, self.commit
        yield 2, self.merge
        yield 1, self.catch_up
        if self.commits.of("etl"):
            yield 1, lambda: self.refs.make(self.clients, self.rng.choice(self.commits.of("etl")))

    def commit(self):
        words = {"message": "a step", "allow_empty": True}
        self.move(lambda: self.clients.rest("POST", "/branches/etl/commits", words)[1]["id"])

    def move(self, call):
        """Does what moves the head of the branch to the id that `call` returns."""
        self.moving = True
        head = call()
        self.moving = False
        self.moved(head)
        COUNTS["commits"] += 1

    def moved(self, head):
        self.head, self.committed = head, self.record.state
        self.commits.add("etl", head, {self.content.name: self.committed})

    def merge(self):
        """Merges into main, which then holds what is committed here."""
        if self.landed.state == self.committed:
            return
        try:
            self.landed.write(self.committed, lambda: self.merged("main", "etl"))
            COUNTS["merges"] += 1
        except Moved:
            self.landed.pending = None

    def catch_up(self):
        """Takes over what is on main, once all is committed."""
        self.commit()
        self.move(lambda: self.merged("etl", "main"))

    def merged(self, into, source):
        """Merges and returns the new head."""
        status, answer = self.clients.rest("POST", f"/branches/{into}/merges", {"source": source}, also=[409])
        if status != 409:
            return answer["commit"]
        if answer.get("conflicts") or "moved" not in answer.get("detail", ""):
            raise Wrong(f"the merge of {source} into {into} is refused: {answer}")
        COUNTS["merges refused"] += 1
        raise Moved

    def checks(self, clients):
        super().checks(clients)
        self.landed.check(clients)
        self.refs.record.check(clients)
        found = clients.rest("GET", "/branches/etl")[1]["head"]
        if found == self.head:
            return
        newest = clients.log("etl", 1)[0]
        if not self.moving or newest["parents"][:1] != [self.head]:
            raise Wrong(f"the head of etl is {found}, and its parents {newest['parents']}; it was {self.head}")
        self.moved(found)
        self.moving = False


class Commits:
    """What each commit holds, which must never change."""

    def __init__(self, rng):
        self.rng, self.lock = rng, threading.Lock()
        self.held = {}  # id: {name of the content: state}
        self.by_branch = collections.defaultdict(list)

    def add(self, branch, commit, held):
        with self.lock:
            if commit not in self.held:
                self.by_branch[branch].append(commit)
            self.held[commit] = held

    def of(self, branch):
        return self.by_branch[branch]

    def check(self, clients, contents, commit):
        for name, state in self.held[commit].items():
            found = contents[name].state_at(clients, commit)
            if found != state:
                raise Wrong(f"{name} at commit {commit} is not what it was\n{differences(state, found, 'was')}")

    def check_some(self, clients, contents, n):
        known = list(self.held)
        for commit in self.rng.sample(known, min(n, len(known))):
            self.check(clients, contents, commit)
            COUNTS["commits read again"] += 1


# ---------------------------------------------------------------- rounds


class Lake:
    """All writers, and what they know."""

    def __init__(self, rng):
        new = lambda: random.Random(rng.getrandbits(60))
        self.commits = Commits(new())
        mains = [
            Tables("m0", new(), "main", table=10, files=1),
            Tables("m1", new(), "main", table=10, files=3, pause_s=0.02),
            Tables("m2", new(), "main", table=1, files=10),
        ]
        self.etl = Etl("e0", new(), self.commits)
        self.on_main = [(writer.content, writer.record) for writer in mains] + [(self.etl.content, self.etl.landed)]
        self.committer = Committer("c0", new(), [record for _, record in self.on_main])
        self.writers = [*mains, self.etl, self.committer]
        self.contents = {content.name: content for content, _ in self.on_main}
        self.main_head = None

    def found(self, clients):
        """Makes what all writers need."""
        clients.thrift.create_database(skep.idl().Database(name=DATABASE, locationUri=f"s3a://{skep.REPOSITORY}/main/warehouse/{DATABASE}.db"))
        self.main_head = clients.rest("POST", "/branches/main/commits", {"message": "begun"})[1]["id"]
        clients.rest("POST", "/branches", {"name": "etl", "from": self.main_head})
        self.etl.head = self.main_head

    def check(self, clients):
        """Verifies everything after a restart. The history of main goes first: it is compared with what was possible."""
        self.check_main_history(clients)
        for writer in self.writers:
            writer.checks(clients)
        self.commits.check_some(clients, self.contents, OLD_COMMITS_A_ROUND)

    def check_main_history(self, clients):
        """Verifies every commit of main since the last time, those too that the server made on its own."""
        acknowledged, new = self.committer.commits, []
        for commit in clients.log("main", 1000):
            if commit["id"] == self.main_head:
                break
            new.append(commit["id"])
        else:
            raise Wrong(f"the history of main has lost commit {self.main_head}")
        lost = acknowledged.keys() - set(new) - self.commits.held.keys() - {self.main_head}
        if lost:
            raise Wrong(f"acknowledged commits of main are lost: {sorted(lost)}")
        for commit in reversed(new):
            held = {}
            first, last = acknowledged.get(commit, ({}, {}))
            for content, record in self.on_main:
                state = content.state_at(clients, commit)
                if state not in record.possible(first.get(record.name, 0), last.get(record.name)):
                    raise Wrong(f"commit {commit} holds {content.name} as it never was then\n{differences(record.state, state, 'left')}")
                held[content.name] = state
            self.commits.add("main", commit, held)
            self.main_head = commit
        acknowledged.clear()

    def work(self, server, seconds):
        """Lets all writers work, and kills the server after so many seconds."""
        threads = [threading.Thread(target=writer.run, args=[server], daemon=True) for writer in self.writers]
        for thread in threads:
            thread.start()
        time.sleep(seconds)
        server.kill()
        for writer, thread in zip(self.writers, threads):
            thread.join(60)
            if thread.is_alive():
                raise Wrong(f"the writer {writer.name} hangs though its server is gone")
        for writer in self.writers:
            if writer.failure:
                raise Wrong(f"the writer {writer.name}: {writer.failure!r}") from writer.failure


def verified(server, lake, old_commits=0):
    """Starts the server and verifies all."""
    server.fsck()
    server.start()
    with contextlib.ExitStack() as stack:
        clients = Clients(server, stack)
        if lake.main_head is None:
            lake.found(clients)
        lake.check(clients)
        lake.commits.check_some(clients, lake.contents, old_commits)


def one_round(server, lake, rng):
    if rng.random() < 0.2:  # it need not be up to be killed
        server.spawn()
        time.sleep(rng.random() * 0.2)
        server.kill()
        COUNTS["killed while starting"] += 1
    verified(server, lake)
    lake.work(server, rng.uniform(0.2, 2.5))


def last_round(server, lake):
    """After the last kill all is read once more; then the server ends as it should, and nothing is wrong either."""
    verified(server, lake, COMMITS_AT_THE_END)
    if server.end(signal.SIGTERM) != 0:
        raise Wrong(f"the server did not end well:\n{server.log.read_text()[-3000:]}")
    server.fsck()


def tell(first, last, began):
    told = ", ".join(f"{n} {what}" for what, n in sorted(COUNTS.items()))
    print(f"rounds {first} to {last}, {time.monotonic() - began:.0f} s: {told}", flush=True)
    COUNTS.clear()


def run(arguments):
    rng, began, told = random.Random(arguments.seed), time.monotonic(), 0
    server, lake, passed = Server(arguments.folder), Lake(rng), 0
    try:
        for number in range(1, arguments.rounds + 1):
            one_round(server, lake, rng)
            if number == arguments.rounds:
                last_round(server, lake)
            passed = number
            if number % 10 == 0 or number == arguments.rounds:
                tell(told + 1, number, began)
                told = number
    except Exception as error:
        print(f"round {passed + 1}, seed {arguments.seed}: {error if isinstance(error, Wrong) else repr(error)}", flush=True)
        if not isinstance(error, Wrong):
            raise
    finally:
        if server.process and server.process.poll() is None:
            server.process.kill()
        print(f"{passed} passed, {0 if passed == arguments.rounds else 1} failed", flush=True)
    return 0 if passed == arguments.rounds else 1


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--seed", type=int, default=time.time_ns() % 10**9)
    parser.add_argument("--folder", type=pathlib.Path, required=True)
    arguments = parser.parse_args()
    print(f"seed {arguments.seed}", flush=True)
    return run(arguments)


if __name__ == "__main__":
    sys.exit(main())
