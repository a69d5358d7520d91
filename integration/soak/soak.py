"""Many clients on one table at once; see soak.sh. What they did is written down, and judged by `history`."""

import argparse
import concurrent.futures
import json
import random
import sys
import threading
import time

import skep
from history import ABSENT, Operation, faults

DATABASE, TABLE = "soak", "orders"
KEYS = [("2026-01-01", f"r{number}") for number in range(40)]
EVENTS_A_CALL = 1000
KINDS = {"ADD_PARTITION": "add", "DROP_PARTITION": "drop", "ALTER_PARTITION": "alter"}


class Worker:
    """One client, and what it has done."""

    def __init__(self, number, seed, ends):
        self.number, self.rng, self.ends = number, random.Random(seed * 1000 + number), ends
        self.operations, self.numbers = [], 0

    def run(self):
        with skep.metastore(timeout_s=120) as self.client:
            self.table = self.client.get_table(DATABASE, TABLE)
            steps = [self.add, self.drop, self.alter, self.read, self.list, self.change_table]
            while time.monotonic() < self.ends:
                self.rng.choices(steps, [30, 15, 15, 25, 10, 2])[0]()
        return self.operations

    def token(self):
        self.numbers += 1
        return f"{self.number}.{self.numbers}"

    def note(self, key, kind, token, call):
        """Makes a call and writes down how it ended; what it may be refused with tells of the key too."""
        types, called = skep.idl(), time.monotonic_ns()
        try:
            call()
        except (types.AlreadyExistsException, types.NoSuchObjectException, types.InvalidOperationException):
            done = False
        else:
            done = True
        self.operations.append(Operation("/".join(key), kind, token, called, time.monotonic_ns(), done))

    def partition(self, key, token):
        partition = skep.new_partition(self.table, *key)
        partition.parameters = {"token": token}
        return partition

    def add(self):
        key, token = self.rng.choice(KEYS), self.token()
        self.note(key, "add", token, lambda: self.client.add_partitions([self.partition(key, token)]))

    def drop(self):
        key = self.rng.choice(KEYS)
        self.note(key, "drop", ABSENT, lambda: self.client.drop_partition(DATABASE, TABLE, list(key), True))

    def alter(self):
        key, token = self.rng.choice(KEYS), self.token()
        partition = self.partition(key, token)
        partition.sd.location = f"{self.table.sd.location}/dt={key[0]}/region={key[1]}"
        self.note(key, "alter", token, lambda: self.client.alter_partition(DATABASE, TABLE, partition))

    def saw(self, key, token, called):
        self.operations.append(Operation("/".join(key), "read", token, called, time.monotonic_ns()))

    def read(self):
        key, called = self.rng.choice(KEYS), time.monotonic_ns()
        try:
            self.saw(key, self.client.get_partition(DATABASE, TABLE, list(key)).parameters["token"], called)
        except skep.idl().NoSuchObjectException:
            self.saw(key, ABSENT, called)

    def list(self):
        called = time.monotonic_ns()
        there = {tuple(p.values): p.parameters["token"] for p in self.client.get_partitions(DATABASE, TABLE, -1)}
        for key in KEYS:
            self.saw(key, there.get(key, ABSENT), called)

    def change_table(self):
        """Alters the table, or makes and drops another, beside the partitions."""
        if self.rng.random() < 0.5:
            table = self.client.get_table(DATABASE, TABLE)
            table.parameters = {**table.parameters, "n": self.token()}
            self.client.alter_table(DATABASE, TABLE, table)
        else:
            other = f"t{self.number}"
            self.client.create_table(skep.new_table(DATABASE, other))
            self.client.drop_table(DATABASE, other, True)


def notifications(client, after):
    """Returns the events since `after`, those of no partition as (id, None, None, None)."""
    types, events = skep.idl(), []
    while True:
        last = events[-1][0] if events else after
        found = client.get_next_notification(types.NotificationEventRequest(lastEvent=last, maxEvents=EVENTS_A_CALL)).events
        if not found:
            return events
        events += [event for one in found for event in told(one)]


def told(event):
    kind = KINDS.get(event.eventType)
    if kind is None:
        return [(event.eventId, None, None, None)]
    body = json.loads(event.message)
    if kind == "drop":
        values = [one for partition in body["partitions"] for one in [tuple(partition.values())]]
        assert len(values) == 1, "one call drops one"
        return [(event.eventId, kind, "/".join(values[0]), ABSENT)]
    text = body["partitionObjAfterJson"] if kind == "alter" else body["partitionListJson"][0]
    return [(event.eventId, kind, *key_and_token(json.loads(text)))]


def key_and_token(partition):
    """Reads a partition in Thrift's JSON: field 1 has the values, field 7 the parameters."""
    values, parameters = partition["1"]["lst"][2:], partition["7"]["map"][3]
    return "/".join(values), parameters["token"]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=int, default=600)
    parser.add_argument("--clients", type=int, default=64)
    parser.add_argument("--seed", type=int, default=time.time_ns() % 10**6)
    arguments = parser.parse_args()
    print(f"seed {arguments.seed}, {arguments.clients} clients, {arguments.seconds} s", flush=True)
    threading.stack_size(1 << 20)
    with skep.metastore(timeout_s=600) as client:
        client.create_database(skep.idl().Database(name=DATABASE))
        client.create_table(skep.new_table(DATABASE, TABLE))
        begins = client.get_current_notificationEventId().eventId
        ends = time.monotonic() + arguments.seconds
        workers = [Worker(number, arguments.seed, ends) for number in range(arguments.clients)]
        with concurrent.futures.ThreadPoolExecutor(arguments.clients) as pool:
            operations = [one for done in pool.map(Worker.run, workers) for one in done]
        events = notifications(client, begins)
        final = [("/".join(p.values), p.parameters["token"]) for p in client.get_partitions(DATABASE, TABLE, -1)]
    found = faults(operations, events, final, begins)
    print(*found[:20], sep="\n")
    writes = sum(one.done and one.kind != "read" for one in operations)
    seen = sum(one.kind == "read" for one in operations)
    refused = sum(not one.done for one in operations)
    print(f"{writes} writes, {seen} keys read, {refused} calls refused, {len(events)} notifications, {len(final)} partitions at the end")
    print(f"{len(operations)} passed, {len(found)} failed")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
