"""Scripts by hand, one for each part of the protocol, each from nothing."""

DATABASE = ["c.create_database(database('d'))"]
TABLE = [*DATABASE, "c.create_table(table('d', 't', 'a int, b string', keys='k string, n int'))"]
VALUES = ["['x', '1']", "['y/z', '2']", "['__HIVE_DEFAULT_PARTITION__', '3']", "['a b', '10']", "['%', '-5']", "['', '7']"]
PARTITIONS = [*TABLE, *[f"c.add_partition(partition('d', 't', {values}))" for values in VALUES]]

ALL = {
    "databases": [
        *DATABASE, "c.create_database(database('D'))", "c.get_database('D')", "c.get_database('nope')",
        "c.create_database(database('e', description='x', locationUri=W + '/elsewhere', parameters={'p': 'q'}))",
        "c.get_database('e')", "sorted(c.get_databases('*'))", "c.get_databases('d|e')", "sorted(c.get_all_databases())",
        "c.alter_database('d', changed(c.get_database('d'), parameters={'k': 'v'}))", "c.get_database('d')", "folders()",
        "c.create_table(table('d', 't'))", "c.drop_database('d', True, False)", "c.drop_database('d', True, True)",
        "c.drop_database('nope', True, True)", "c.drop_database('default', True, True)", "folders()",
    ],
    "databases of external tables": [
        "c.create_database(database('far'))",
        "c.create_table(table('far', 'ext', location=W + '/ext', tableType='EXTERNAL_TABLE', parameters={'EXTERNAL': 'TRUE'}))",
        "c.drop_database('far', True, True)", "folders()", "c.create_database(database('holds'))", "c.create_table(table('holds', 't'))",
        "c.create_table(table('holds', 'inside', tableType='EXTERNAL_TABLE', parameters={'EXTERNAL': 'TRUE'}))",
        "c.drop_database('holds', True, True)", "folders()",
    ],
    "tables": [
        *TABLE, "c.get_table('d', 'T')", "c.create_table(table('d', 't'))", "c.create_table(table('nope', 't'))",
        "c.create_table(table('d', 'plain'))", "c.get_table('d', 'plain')", "c.get_fields('d', 't')", "c.get_schema('d', 't')",
        "c.create_table(table('d', 'ext', location=W + '/ext', tableType='EXTERNAL_TABLE', parameters={'EXTERNAL': 'TRUE'}))",
        "c.get_table('d', 'ext')", "c.create_table(table('d', 'v', tableType='VIRTUAL_VIEW', viewOriginalText='select 1', viewExpandedText='select 1'))",
        "c.get_table('d', 'v')", "sorted(c.get_tables('d', '*'))", "sorted(c.get_all_tables('d'))", "c.get_tables_by_type('d', '*', 'VIRTUAL_VIEW')",
        "c.get_table_objects_by_name('d', ['plain'])", "c.get_table('d', 'nope')", "c.get_table('nope', 't')",
        "c.drop_table('d', 'nope', True)", "c.drop_table('d', 'ext', True)", "c.drop_table('d', 'plain', True)",
        "c.drop_table('d', 'v', True)", "sorted(c.get_all_tables('d'))", "folders()",
    ],
    "alterations": [
        *TABLE, "c.alter_table('d', 't', changed(c.get_table('d', 't'), columns='a bigint, b string, c int'))", "c.get_table('d', 't')",
        "c.add_partition(partition('d', 't', ['x', '1'], 'a int, b string'))",
        "c.alter_table('d', 't', changed(c.get_table('d', 't'), columns='a bigint, b string, c int, e int'))",
        "c.get_partition('d', 't', ['x', '1']).sd.cols",
        "c.alter_table_with_environment_context('d', 't', changed(c.get_table('d', 't'), columns='a bigint, b string, z int'), environment(CASCADE='true'))",
        "c.get_partition('d', 't', ['x', '1']).sd.cols",
        "c.alter_table('d', 't', changed(c.get_table('d', 't'), columns='a map<int,int>'))",
        "c.alter_table('d', 't', changed(c.get_table('d', 't'), tableName='u'))", "c.get_table('d', 'u')", "c.get_table('d', 't')",
        "c.get_partition('d', 'u', ['x', '1'])", "folders()", "c.alter_table('d', 'nope', table('d', 'nope'))",
        "c.create_table(table('d', 't'))", "c.alter_table('d', 'u', changed(c.get_table('d', 'u'), tableName='t'))",
        "c.alter_table('d', 'u', changed(c.get_table('d', 'u'), partitionKeys=fields('k string, m int')))",
        "c.alter_table('d', 'u', changed(c.get_table('d', 'u'), tableName='a b!'))",
    ],
    "partitions": [
        *PARTITIONS, "sorted(c.get_partition_names('d', 't', -1))", "sorted(c.get_partitions('d', 't', -1), key=lambda p: p.values)",
        "c.get_partition('d', 't', ['y/z', '2'])", "c.get_partition_by_name('d', 't', 'k=y%2Fz/n=2')", "c.get_partition('d', 't', ['no', '1'])",
        f"c.add_partition(partition('d', 't', {VALUES[0]}))", "c.add_partition(partition('d', 't', ['x']))",
        "c.add_partition(partition('d', 'nope', ['x', '1']))", "c.append_partition('d', 't', ['q', '4'])", "c.add_partition(partition('D', 'T', ['upper', '1']))",
        "c.append_partition_by_name('d', 't', 'k=r/n=4')", "c.append_partition_by_name('d', 't', 'k=r')",
        "c.add_partitions([partition('d', 't', ['m', '1']), partition('d', 't', ['x', '1'])])",
        "c.add_partitions([partition('d', 't', ['m', '1']), partition('d', 't', ['m', '1'])])",
        "c.add_partitions([partition('d', 't', ['m', '1']), partition('d', 't', ['m', '2'])])",
        "sorted(c.get_partition_names_ps('d', 't', ['m', ''], -1))", "sorted(c.get_partition_names_ps('d', 't', ['m'], -1))",
        "len(c.get_partition_names('d', 't', 2))", "len(c.get_partitions('d', 't', 3))", "c.get_partitions('d', 't', 0)",
        "c.rename_partition('d', 't', ['m', '1'], changed(c.get_partition('d', 't', ['m', '1']), values=['m', '9']))",
        "c.get_partition('d', 't', ['m', '9'])", "folders()",
        "c.alter_partition('d', 't', changed(c.get_partition('d', 't', ['m', '9']), parameters={'q': '1'}))",
        "c.get_partition('d', 't', ['m', '9'])", "c.alter_partition('d', 't', partition('d', 't', ['no', '1'], location=W + '/no'))",
        "sorted(c.get_partition_names('d', 'nope', -1))",
        "c.drop_partition('d', 't', ['m', '9'], True)", "c.drop_partition('d', 't', ['m', '9'], True)",
        "c.drop_partition_by_name('d', 't', 'k=y%2Fz/n=2', True)", "folders()", "c.drop_table('d', 't', True)", "folders()",
    ],
    "renamed partitions": [
        *PARTITIONS, *[f"c.rename_partition('d', 't', {old}, changed(c.get_partition('d', 't', ['x', '1']), values={new}, parameters={{'q': {q}}}))"
            for old, new, q in (
                ("['x', '1']", "['x', '1']", "'own'"), ("['x', '1']", "['a b', '10']", "'taken'"), ("['no', '1']", "['no', '2']", "'missing'"),
                ("[]", "['x', '1']", "'without old ones'"), ("[]", "['no', '1']", "'missing without'"), ("['x', '1']", "['x', '01']", "'as a number'"))],
        "c.get_partition('d', 't', ['x', '01'])", "sorted(c.get_partition_names('d', 't', -1))", "folders()",
    ],
    "partitions by name": [
        *PARTITIONS, "c.create_table(table('d', 'p'))",
        *[f"c.{call}" for table in ("t", "p", "nope") for name in ("", "k", "k=x", "K=x/n=1", "n=1/k=x", "k=x/n=1/o=2") for call in (
            f"get_partition_by_name('d', '{table}', '{name}')", f"append_partition_by_name('d', '{table}', '{name}')")],
        *[f"c.drop_partition_by_name('d', '{table}', '{name}', True)" for table in ("t", "p", "nope") for name in (
            "", "k", "k=x", "K=x/n=1", "n=3/k=__HIVE_DEFAULT_PARTITION__", "k=x/n=1/o=2", "k=x/n=1")],
        "c.add_partitions_req(AddPartitionsRequest('d', 'nope', [], True, True))", "c.add_partitions_req(AddPartitionsRequest('d', 't', [], True, True))",
        "c.add_partitions_req(AddPartitionsRequest('d', 't', [partition('d', 't', ['req', '1']), partition('d', 't', ['x', '1'])], True, True))",
        "c.get_num_partitions_by_filter('d', 'nope', 'k = ')", "c.get_num_partitions_by_filter('d', 'nope', \"k = 'x'\")",
        "sorted(c.get_partition_names('d', 't', -1))", "folders()",
        "c.add_partitions_req(AddPartitionsRequest('d', 't', [partition('D', 'T', ['upper', '1'])], True, True))",
    ],
    "partitions that fail together": [
        *TABLE, "c.add_partition(partition('d', 't', ['x', '1']))",
        "c.add_partitions([partition('d', 't', ['m', '1']), partition('d', 't', ['x', '1'])])",
        "c.add_partitions([partition('d', 't', ['m', '2']), partition('d', 't', ['q'])])",
        "sorted(c.get_partition_names('d', 't', -1))", "folders()",
    ],
    "filters": [
        *PARTITIONS,
        *[f"sorted(joined(c.get_partitions_by_filter('d', 't', {text!r}, -1)))" for text in (
            "k = 'x'", 'k = "y/z"', "k != 'x'", "k > 'a'", "n = 1", "n > 2", "n < 0", "n = 1 or k = 'a b'", "k = 'x' and n = 1",
            "k like 'x'", "k like '.*b'", "(k) in ('x', 'a b')", "k between 'a' and 'y'", "n between 1 and 3", "zz = 1", "k = ", "")],
        "c.create_table(table('d', 'dated', keys='D date'))", "joined(c.get_partitions_by_filter('d', 'dated', \"d > 'a b'\", -1))",
        "c.get_partitions_by_filter('d', 'nope', \"k = 'x'\", -1)", "c.get_num_partitions_by_filter('d', 't', \"k > 'a'\")",
    ],
    "functions": [
        *DATABASE, "c.create_function(function('d', 'f'))", "c.get_function('d', 'f')", "c.create_function(function('d', 'f'))",
        "c.get_functions('d', '*')", "c.get_function('d', 'no')", "c.drop_function('d', 'no')", "c.drop_function('d', 'f')",
        "c.get_functions('d', '*')", "c.create_function(function('nope', 'f'))",
    ],
    "statistics": [
        *TABLE, "c.create_table(table('d', 'p', 'a int, b string'))", "c.update_table_column_statistics(string_statistics('d', 'p', 'b'))",
        "c.get_table_column_statistics('d', 'p', 'b').statsObj", "c.get_table_column_statistics('d', 'p', 'a')",
        "c.update_table_column_statistics(string_statistics('d', 'p', 'zz'))", "c.update_table_column_statistics(string_statistics('d', 'nope', 'b'))",
        "c.get_table_statistics_req(TableStatsRequest(dbName='d', tblName='p', colNames=['a', 'b'], engine='hive')).tableStats",
        "c.add_partition(partition('d', 't', ['x', '1'], 'a int, b string'))",
        "c.update_partition_column_statistics(long_statistics('d', 't', 'a', 'k=x/n=1'))",
        "c.get_partition_column_statistics('d', 't', 'k=x/n=1', 'a').statsObj", "c.delete_table_column_statistics('d', 'p', 'b', 'hive')",
        "c.delete_table_column_statistics('d', 'p', 'b', 'hive')",
    ],
    "statistics of partitions": [
        *PARTITIONS,
        *[f"c.update_partition_column_statistics(long_statistics({of}, 'a', {name!r}))" for of, name in (
            ("'d', 'nope'", "k=x/n=1"), ("'nope', 't'", "k=x/n=1"), ("'d', 't'", "k=x/n=1"), ("'d', 't'", "K=x/N=1"), ("'d', 't'", "k=a b/n=10/o=2"),
            ("'d', 't'", ""), ("'d', 't'", "k"), ("'d', 't'", "k=x"), ("'d', 't'", "k=no/n=1"), ("'d', 't'", None))],
        "c.create_table(table('d', 'p', 'a int, b string'))", "c.update_partition_column_statistics(long_statistics('d', 'p', 'a', 'k=x/n=1'))",
        *[f"c.get_partitions_statistics_req(PartitionsStatsRequest('d', 't', ['a', 'b'], [{name!r}], engine='hive')).partStats" for name in (
            "k=x/n=1", "K=x/n=1", "k", "", "k=no/n=1")],
        *[f"c.get_aggr_stats_for(PartitionsStatsRequest('d', 't', ['A'], [{name!r}], engine='hive'))" for name in ("k=x/n=1", "K=x/n=1", "k", "")],
        *[f"c.get_partition_column_statistics('d', {table!r}, {name!r}, 'A').statsObj" for table, name in (
            ("t", "k=x/n=1"), ("t", "K=x/N=1"), ("t", ""), ("t", "k=no/n=1"), ("nope", "k=x/n=1"))],
        "c.set_aggr_stats_for(SetPartitionsStatsRequest([long_statistics('d', 't', 'a', 'k=x/n=1', numNulls=7), string_statistics('d', 't', 'b', 'k=x/n=1')]))",
        "c.set_aggr_stats_for(SetPartitionsStatsRequest([long_statistics('d', 't', 'a', 'k=x/n=1', numNulls=7), long_statistics('d', 't', 'a', 'k=no/n=1')]))",
        "c.set_aggr_stats_for(SetPartitionsStatsRequest([long_statistics('d', 'p', 'a'), string_statistics('d', 'p', 'b')]))",
        "c.set_aggr_stats_for(SetPartitionsStatsRequest([long_statistics('d', 'p', 'a')]))", "c.set_aggr_stats_for(SetPartitionsStatsRequest([]))",
        "c.update_table_column_statistics(long_statistics('d', 'p', 'a', 'k=x/n=1', numNulls=9))",
        "c.get_table_statistics_req(TableStatsRequest(dbName='d', tblName='p', colNames=['a', 'b'], engine='hive')).tableStats",
        "c.get_table('d', 'p')", "sorted(c.get_partition_column_statistics('d', 't', 'k=x/n=1', 'a').statsObj, key=lambda one: one.colName)",
        *[f"c.delete_partition_column_statistics('d', {table!r}, {name!r}, {column!r}, 'hive')" for table, name, column in (
            ("nope", "k=x/n=1", "a"), ("t", "k", "a"), ("t", "", "a"), ("t", "k=x", "a"), ("t", "k=no/n=1", "a"), ("t", "k=x/n=1", "zz"),
            ("t", "k=x/n=1", ""), ("t", "K=x/n=1", "a"), ("t", "k=x/n=1", "a"))],
        "c.get_partitions_statistics_req(PartitionsStatsRequest('d', 't', ['a', 'b'], ['k=x/n=1'], engine='hive')).partStats",
        *[f"c.update_{of}_column_statistics_req(SetPartitionsStatsRequest([{'long_statistics(%s), ' % about * count}], {merges}))"
            for of, about in (("table", "'d', 'p', 'a'"), ("partition", "'d', 't', 'a', 'k=x/n=1'"))
            for count, merges in ((0, False), (1, False), (1, True), (2, False))],
        "joined(c.get_partitions_by_names('d', 't', ['k=x/n=1', 'K=a b/n=10', 'n=3/k=x', 'k=x/n=1/o=2', 'k', '']))",
        "c.create_table(table('d', 'none', 'a double'))", "c.update_table_column_statistics(known(c.get_table('d', 'none')))",
        "c.get_partitions_statistics_req(PartitionsStatsRequest('d', 'nope', ['a'], [''], engine='hive'))",
        "c.get_partitions_statistics_req(PartitionsStatsRequest('d', 'nope', ['a'], [], engine='hive')).partStats",
        "c.set_aggr_stats_for(SetPartitionsStatsRequest([long_statistics('d', 't', 'a', 'k=no/n=1')]))",
        "c.get_partitions_by_names('d', 'nope', ['k=x/n=1'])", "len(c.get_partition_names('d', 't', 0))",
    ],
    "tables of a place of their own": [
        *DATABASE, "c.create_table(table('d', 'placed', keys='k string', location=W + '/own'))", "c.append_partition('d', 'placed', ['1'])",
        "c.alter_table('d', 'placed', changed(c.get_table('d', 'placed'), parameters={'k': 'v'}))", "c.get_table('d', 'placed').sd.location",
        "c.alter_table('d', 'placed', changed(c.get_table('d', 'placed'), tableName='renamed'))", "c.get_table('d', 'renamed').sd.location",
        "c.get_partition('d', 'renamed', ['1']).sd.location", "c.drop_table('d', 'renamed', True)",
        *[f"c.create_table(table('d', '{name}', location=W + '/shared', tableType='EXTERNAL_TABLE', parameters={{'EXTERNAL': 'TRUE'}}))"
            for name in ("first", "second")],
        "c.get_table('d', 'second')", "folders()",
    ],
    "locks": [
        *TABLE, "c.lock(lock('d', 't', 3)).state", "c.lock(lock('d', 't', 3)).state", "c.lock(lock('d', 'other', 1)).state",
        "[c.unlock(UnlockRequest(lockid=one.lockid)) for one in c.show_locks(ShowLocksRequest()).locks]",
        "c.heartbeat(HeartbeatRequest(lockid=999999)) and None", "c.check_lock(CheckLockRequest(lockid=999999))",
    ],
}
