"""Calls of a metastore as lines of text: a line is run on any server, and what it ended in is compared field by field.

A line is a Python expression over `c`, a plain Thrift client, and the builders below. So a script is a list of lines,
and what is printed of a failing one can be pasted.
"""

import os
import pathlib
import re
import shutil

import skep
from thriftpy2.thrift import TApplicationException, TException

TEXT = "org.apache.hadoop.mapred.TextInputFormat"
HIVE_TEXT = "org.apache.hadoop.hive.ql.io.HiveIgnoreKeyTextOutputFormat"
SIMPLE = "org.apache.hadoop.hive.serde2.lazy.LazySimpleSerDe"
TIMES = {"createTime", "lastAccessTime", "grantTime", "lastAnalyzed", "eventTime", "acquiredat", "lastheartbeat", "createdTime"}
TIME_PARAMETERS = {"transient_lastDdlTime", "last_modified_time", "impala.lastComputeStatsTime"}
AFTER_1973 = 100_000_000


class Calls:
    """A client that asks by a request for what Hive 4 serves no other way, and is as any other else."""

    def __init__(self, client):
        self.client = client

    def __getattr__(self, name):
        return getattr(self.client, name)

    def get_table(self, database, name):
        request = skep.idl().GetTableRequest(dbName=database, tblName=name)
        return self.client.get_table_req(request).table

    def get_table_objects_by_name(self, database, names):
        request = skep.idl().GetTablesRequest(dbName=database, tblNames=names)
        return self.client.get_table_objects_by_name_req(request).tables


class Server:
    """A metastore with a warehouse in a local folder, and one client of it."""

    def __init__(self, name, address, warehouse, stack):
        self.name, self.warehouse = name, pathlib.Path(warehouse)
        # Hive 4 has a warehouse of its own for external tables, and makes all tables that
        self.external = pathlib.Path(f"{warehouse}-external")
        self.external = self.external if name == "4.0.1" else self.warehouse
        self.client = stack.enter_context(skep.metastore(address, timeout_s=120))
        self.client.set_ugi("lab", ["lab"])
        self.env = {**{name: getattr(skep.idl(), name) for name in dir(skep.idl()) if not name.startswith("_")}}
        self.env |= {name: value for name, value in globals().items() if name[0] != "_"}
        self.env |= {"c": Calls(self.client) if name == "4.0.1" else self.client, "W": f"file:{self.external}", "there": self.there,
                     "put": self.put, "inside": self.inside}

    def there(self, path):
        """Whether a folder of the warehouse is there."""
        return (self.warehouse / path).is_dir()

    def put(self, path):
        """Puts a file into the warehouse."""
        (self.warehouse / path).write_text("1\n")

    def inside(self, path):
        """Returns the names in a folder of the warehouse."""
        return sorted(os.listdir(self.warehouse / path))

    def folders(self):
        """Returns the folders of the warehouse, those of nothing but hidden names left out. Each is found, so that each that
        differs is a difference of its own."""
        found = []
        for root in {self.warehouse, self.external}:
            for folder, names, _ in os.walk(root):
                names[:] = [name for name in names if name[0] not in "._"]
                found += [os.path.relpath(os.path.join(folder, name), root) for name in names]
        return dict.fromkeys(sorted(found), "found")

    def run(self, line):
        """Runs a line and returns what it ended in, with all that differs by nature made the same."""
        if line == "folders()":
            return self.plain(self.folders())
        try:
            return self.plain(eval(line, self.env))  # noqa: S307 (lines are ours)
        except TApplicationException as error:
            return {"!": "TApplicationException", "message": self.words(error.message or "")}
        except TException as error:
            if not hasattr(error, "message"):
                raise
            return {"!": type(error).__name__, "message": self.words(error.message or "")}

    def words(self, text):
        text = text.replace(f"file:{self.external}", "file:$WH").replace(f"file:{self.warehouse}", "file:$WH").replace(str(self.warehouse), "$WH")
        return re.sub(r"\b1[5-9]\d{8}\b", "<TS>", text)

    def plain(self, value, name=None):
        """Returns a value as dicts, lists and scalars; what is unset is left out."""
        if hasattr(value, "thrift_spec"):
            fields = {slot[1]: getattr(value, slot[1], None) for slot in value.thrift_spec.values()}
            return {key: self.plain(field, key) for key, field in fields.items() if field is not None}
        if isinstance(value, dict):
            return {str(key): "<TS>" if key in TIME_PARAMETERS else self.plain(one, key) for key, one in value.items()}
        if isinstance(value, (list, tuple)):
            return [self.plain(one, name) for one in value]
        if isinstance(value, set):
            return sorted(self.plain(one, name) for one in value)
        if isinstance(value, str):
            return self.words(value)
        if isinstance(value, int) and name in TIMES and value > AFTER_1973:
            return "<TS>"
        return value

    def clear(self):
        """Drops all databases and what the database `default` holds, and empties the warehouse."""
        for database in self.client.get_all_databases():
            if database != "default":
                self.client.drop_database(database, True, True)
        for table in self.client.get_all_tables("default"):
            self.client.drop_table("default", table, True)
        for root in {self.warehouse, self.external}:  # data of external tables stays
            for folder in root.iterdir() if root.is_dir() else ():
                shutil.rmtree(folder, ignore_errors=True)


def differences(theirs, ours, path=""):
    """Yields (path, theirs, ours) wherever two plain values differ."""
    if isinstance(theirs, dict) and isinstance(ours, dict):
        for key in sorted(theirs.keys() | ours.keys()):
            yield from differences(theirs.get(key), ours.get(key), f"{path}.{key}" if path else key)
    elif isinstance(theirs, list) and isinstance(ours, list) and len(theirs) == len(ours):
        for number, (one, other) in enumerate(zip(theirs, ours)):
            yield from differences(one, other, f"{path}[{number}]")
    elif theirs != ours:
        yield path, theirs, ours


# ---------------------------------------------------------------- what lines are made of


def fields(text):
    """Reads columns such as `a int:comment, b string`."""
    found = []
    for one in filter(None, text.split(", ")):
        name, kind = one.split(" ", 1)
        kind, _, comment = kind.partition("#")
        found.append(skep.idl().FieldSchema(name=name, type=kind, comment=comment or None))
    return found


def storage(columns="a int", location=None, **more):
    types = skep.idl()
    return types.StorageDescriptor(**{
        "cols": fields(columns) if isinstance(columns, str) else columns, "location": location, "inputFormat": TEXT,
        "outputFormat": HIVE_TEXT, "compressed": False, "numBuckets": -1, "bucketCols": [], "sortCols": [], "parameters": {},
        "serdeInfo": types.SerDeInfo(serializationLib=SIMPLE, parameters={}), **more,
    })


def table(database, name, columns="A int#c", keys="", location=None, **more):
    """Returns a table as a client would send it."""
    return skep.idl().Table(**{
        "tableName": name, "dbName": database, "owner": "o", "sd": storage(columns, location), "partitionKeys": fields(keys),
        "parameters": {}, "tableType": "MANAGED_TABLE", **more,
    })


def partition(database, name, values, columns="A int#c", location=None, **more):
    """Returns a partition as a client would send it."""
    return skep.idl().Partition(**{
        "values": values, "dbName": database, "tableName": name, "sd": storage(columns, location), "parameters": {}, **more,
    })


def database(name, **more):
    return skep.idl().Database(**{"name": name, "parameters": {}, **more})


def environment(**properties):
    return skep.idl().EnvironmentContext(properties=properties)


def changed(value, **more):
    """Changes fields of a struct that was read: `parameters` adds, `columns` replaces those of its storage."""
    for key, new in more.items():
        if key == "parameters":
            value.parameters = {**(value.parameters or {}), **new}
        elif key == "columns":
            value.sd.cols = fields(new)
        elif key in ("location", "numBuckets"):
            setattr(value.sd, key, new)
        else:
            setattr(value, key, new)
    return value


def joined(partitions):
    return ["/".join(p.values) for p in partitions]


def first(*values):
    """Returns the last of several calls that are made in this order."""
    return values[-1]


def known(table_, name=None, **more):
    """Returns statistics of all columns of a table that was read, or of a partition of it, and nothing else."""
    of = {"int": long_statistics, "bigint": long_statistics, "string": string_statistics}
    about = table_.dbName, table_.tableName
    all_ = [of[column.type](*about, column.name, name, **more) for column in table_.sd.cols if column.type in of]
    return skep.idl().ColumnStatistics(
        statsDesc=string_statistics(*about, "", name).statsDesc, statsObj=[one for each in all_ for one in each.statsObj])


def string_statistics(database_, table_, column, name=None, engine=None, **more):
    """Returns statistics of a string column of a table, or of its partition `name`."""
    types = skep.idl()
    data = types.StringColumnStatsData(**{"maxColLen": 3, "avgColLen": 1.5, "numNulls": 0, "numDVs": 2, **more})
    one = types.ColumnStatisticsObj(colName=column, colType="string", statsData=types.ColumnStatisticsData(stringStats=data))
    return types.ColumnStatistics(
        statsDesc=types.ColumnStatisticsDesc(isTblLevel=name is None, dbName=database_, tableName=table_, partName=name),
        statsObj=[one], engine=engine)


def long_statistics(database_, table_, column, name=None, engine=None, **more):
    types = skep.idl()
    data = types.LongColumnStatsData(**{"lowValue": 1, "highValue": 9, "numNulls": 0, "numDVs": 2, **more})
    one = types.ColumnStatisticsObj(colName=column, colType="int", statsData=types.ColumnStatisticsData(longStats=data))
    return types.ColumnStatistics(
        statsDesc=types.ColumnStatisticsDesc(isTblLevel=name is None, dbName=database_, tableName=table_, partName=name),
        statsObj=[one], engine=engine)


def function(database_, name, **more):
    types = skep.idl()
    return types.Function(**{
        "functionName": name, "dbName": database_, "className": "x.Y", "ownerName": "o",
        "ownerType": 1, "functionType": 1, "resourceUris": [], **more,
    })


def lock(database_, table_, kind, level=2):
    types = skep.idl()
    part = types.LockComponent(type=kind, level=level, dbname=database_, tablename=table_, isTransactional=False)
    return types.LockRequest(component=[part], user="lab", hostname="h")
