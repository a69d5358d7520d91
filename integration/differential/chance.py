"""Scripts by chance over few names, so that calls meet."""

COLUMNS = ["a int", "a bigint", "a int, b string", "b string", "a string#c", "a struct<x:int>, b double"]
KEYS = ["", "d string", "d string, n int", "D date"]
FILTERS = ["d = 'x'", "d != 'x'", "d > 'a b'", "d = 'x' and n = 1", "n >= 2", "d like 'x.*'", "(d) in ('x', 'y/z')", "d = ", ""]
VALUES = ["x", "y/z", "a b", "2026-01-01", "X", "%", "1"]
NUMBERS = ["1", "2", "10", "x"]
NAMES = ["d=x", "d=x/n=1", "d=y%2Fz", "d=y%2Fz/n=2", "D=x", "n=1/d=x", "d=X/n=10", "d=%25", "d", ""]


class Names:
    """Chooses names, with the wrong case and a missing one now and then."""

    def __init__(self, rng):
        self.rng = rng

    def one(self, *names):
        name = self.rng.choice(names)
        return repr(self.rng.choice([name] * 9 + [name.upper()]))

    def database(self):
        return self.one("d1", "d1", "d1", "d2", "nope")

    def table(self):
        return self.one("t1", "t1", "t1", "t2", "t2", "t3", "e1", "nope")

    def both(self):
        return f"{self.database()}, {self.table()}"

    def values(self, count=None):
        count = count or self.rng.choice([1, 1, 1, 2, 2, 3])
        return repr([self.rng.choice(VALUES)] + [self.rng.choice(NUMBERS) for _ in range(count - 1)])

    def names(self):
        return repr([self.rng.choice(NAMES) for _ in range(self.rng.choice([0, 1, 2, 2]))])

    def flag(self):
        return self.rng.choice(["True", "False"])

    def limit(self):
        return self.rng.choice(["-1", "0", "1", "2", "100"])

    def of(self, choices):
        return repr(self.rng.choice(choices))


def writes(n):
    """Returns the lines of writes, more likely ones more often."""
    external = ", tableType='EXTERNAL_TABLE', parameters={'EXTERNAL': 'TRUE'}"
    more = n.rng.choice(["", "", f"{external}, location=W + '/elsewhere'"])
    both, name = n.both(), n.of(NAMES)
    return [
        (2, f"c.create_database(database({n.database()}))"),
        (1, f"c.drop_database({n.database()}, {n.flag()}, {n.flag()})"),
        (1, f"c.alter_database('d1', changed(c.get_database('d1'), parameters={{'k': {n.of('12')}}}))"),
        (8, f"c.create_table(table({both}, {n.of(COLUMNS)}, keys={n.of(KEYS)}{more}))"),
        # those that lie in their database's folder have a name of their own: it stays where they are
        (1, f"c.create_table(table({n.database()}, 'e1', {n.of(COLUMNS)}, keys={n.of(KEYS)}{external}))"),
        (2, f"c.drop_table({n.both()}, {n.flag()})"),
        (3, f"c.alter_table({both}, changed(c.get_table({both}), columns={n.of(COLUMNS)}))"),
        (1, f"c.alter_table_with_environment_context({both}, changed(c.get_table({both}), columns={n.of(COLUMNS)}), environment(CASCADE='true'))"),
        (2, f"c.alter_table({both}, changed(c.get_table({both}), parameters={{'k': {n.of('123')}}}))"),
        (2, f"c.alter_table({both}, changed(c.get_table({both}), tableName={n.table()}))"),
        (8, f"c.add_partition(partition({n.both()}, {n.values()}))"),
        (3, f"c.add_partitions([partition({both}, {n.values()}), partition({both}, {n.values()})])"),
        (3, f"c.append_partition({n.both()}, {n.values()})"),
        (2, f"c.drop_partition({n.both()}, {n.values()}, {n.flag()})"),
        (2, f"c.rename_partition({both}, *(lambda v: (v, changed(c.get_partition({both}, v), values={n.values()})))({n.values()}))"),
        (2, f"c.alter_partition({both}, changed(c.get_partition({both}, {n.values()}), parameters={{'q': '1'}}))"),
        (1, f"c.alter_partitions({both}, [changed(c.get_partition({both}, {n.values()}), parameters={{'q': '2'}}), partition({both}, {n.values()})])"),
        (2, f"c.append_partition_by_name({n.both()}, {n.of(NAMES)})"),
        (1, f"c.drop_partition_by_name({n.both()}, {n.of(NAMES)}, {n.flag()})"),
        (2, f"c.add_partitions_req(AddPartitionsRequest({both}, [partition({both}, {n.values()}), partition({both}, {n.values()})], {n.flag()}, {n.flag()}))"),
        (1, f"c.drop_partitions_req(DropPartitionsRequest({both}, RequestPartsSpec(names={n.names()}), deleteData={n.flag()}, ifExists={n.flag()}))"),
        (1, f"c.alter_table({both}, changed(c.get_table({both}), location=W + '/moved'))"),
        (2, f"c.update_table_column_statistics(known(c.get_table({both}), numNulls={n.rng.choice([1, 2, 10])}))"),
        (2, f"c.update_partition_column_statistics(known(c.get_table({both}), {name}, numNulls={n.rng.choice([1, 2, 10])}))"),
        (1, f"c.set_aggr_stats_for(SetPartitionsStatsRequest([known(c.get_table({both}), {name}), known(c.get_table({both}), {name}, numNulls=7)]))"),
        (1, f"c.create_function(function({n.database()}, {n.of(['f1', 'f2'])}))"),
        (1, f"c.drop_function({n.database()}, {n.of(['f1', 'f2'])})"),
    ]


def reads(n):
    both = n.both()
    return [
        (2, f"c.get_database({n.database()})"),
        (2, f"sorted(c.get_all_tables({n.database()}))"),
        (3, f"c.get_table({both})"),
        (2, f"sorted(c.get_tables({n.database()}, {n.of(['*', 't*', 'T1|t2', '*2'])}))"),
        (1, f"sorted(c.get_databases({n.of(['*', 'd*', 'D1'])}))"),
        (1, f"c.get_fields({both})"),
        (1, f"c.get_schema({both})"),
        (3, f"sorted(c.get_partition_names({both}, -1))"),
        (1, f"len(c.get_partition_names({both}, {n.limit()}))"),
        (3, f"sorted(c.get_partitions({both}, -1), key=lambda p: p.values)"),
        (1, f"len(c.get_partitions({both}, {n.limit()}))"),
        (2, f"c.get_partition({both}, {n.values()})"),
        (3, f"sorted(joined(c.get_partitions_by_filter({both}, {n.of(FILTERS)}, -1)))"),
        (2, f"sorted(c.get_partition_names_ps({both}, {n.values()}, -1))"),
        (1, f"c.get_partition_by_name({both}, {n.of(NAMES)})"),
        (1, f"sorted(joined(c.get_partitions_by_names({both}, {n.names()})))"),
        (1, f"sorted(joined(c.get_partitions_ps({both}, {n.values()}, -1)))"),
        (1, f"sorted(one.tableName for one in c.get_table_meta({n.of(['*', 'd1', 'D1|d2'])}, {n.of(['*', 't*', 'T1|e*'])}, None))"),
        (1, f"sorted(one.tableName for one in c.get_table_objects_by_name({n.database()}, [{n.table()}, {n.table()}]))"),
        (1, f"c.get_num_partitions_by_filter({both}, {n.of(FILTERS)})"),
        (1, f"c.get_table_statistics_req(TableStatsRequest({both}, ['a', 'b'], engine='hive')).tableStats"),
        (1, f"c.get_partitions_statistics_req(PartitionsStatsRequest({both}, ['a', 'b'], {n.names()}, engine='hive')).partStats"),
        (1, f"c.get_aggr_stats_for(PartitionsStatsRequest({both}, ['a', 'b'], {n.names()}, engine='hive'))"),
        (1, f"sorted(c.get_functions({n.database()}, '*'))"),
        (1, "folders()"),
    ]


def script(rng, length=25):
    """Returns a script: two databases and a table to begin with, then writes and reads, and all that is there at the end."""
    names = Names(rng)
    lines = ["c.create_database(database('d1'))", "c.create_database(database('d2'))",
             f"c.create_table(table('d1', 't1', 'a int', keys={names.of(KEYS)}))"]
    for _ in range(length):
        weights, choices = zip(*(writes(names) if rng.random() < 0.6 else reads(names)))
        lines.append(rng.choices(choices, weights)[0])
    for table in ("t1", "t2", "t3", "e1"):
        lines += [f"c.get_table('d1', '{table}')", f"sorted(c.get_partitions('d1', '{table}', -1), key=lambda p: p.values)"]
    return [*lines, "folders()"]
