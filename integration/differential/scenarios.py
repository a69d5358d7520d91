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
    "locks": [
        *TABLE, "c.lock(lock('d', 't', 3)).state", "c.lock(lock('d', 't', 3)).state", "c.lock(lock('d', 'other', 1)).state",
        "[c.unlock(UnlockRequest(lockid=one.lockid)) for one in c.show_locks(ShowLocksRequest()).locks]",
        "c.heartbeat(HeartbeatRequest(lockid=999999)) and None", "c.check_lock(CheckLockRequest(lockid=999999))",
    ],
}
