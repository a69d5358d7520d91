"""What the demo and the tests share: the skep beside which they run, its command line, a Thrift client, S3 and Spark.

`skep.sh` starts that skep and tells by the environment where it is. The Thrift client takes nothing of ours but the IDL.
"""

import contextlib
import json
import os
import pathlib
import subprocess

REPOSITORY = "lake"
KEY = os.environ.get("SKEP_ACCESS_KEY", "skep")
SECRET = os.environ.get("SKEP_SECRET_KEY", "skep-secret")
URL, S3, THRIFT, THRIFT_ETL, THRIFT_V1, THRIFT_HTTP, FLIGHT = (
    os.environ.get(f"SKEP_{name}") for name in ("URL", "S3", "THRIFT", "THRIFT_ETL", "THRIFT_V1", "THRIFT_HTTP", "FLIGHT")
)
IDL = pathlib.Path(os.environ.get("SKEP_IDL", pathlib.Path(__file__).parents[2] / "thrift-idl/idl/hive_metastore.thrift"))

# Spark's settings for the gateway, which are those of any S3 server.
S3A = {
    "spark.hadoop.fs.s3a.endpoint": S3,
    "spark.hadoop.fs.s3a.endpoint.region": "us-east-1",
    "spark.hadoop.fs.s3a.path.style.access": "true",
    "spark.hadoop.fs.s3a.connection.ssl.enabled": "false",
    "spark.hadoop.fs.s3a.access.key": KEY,
    "spark.hadoop.fs.s3a.secret.key": SECRET,
    "spark.hadoop.fs.s3a.attempts.maximum": "2",
}

# How the command line ends.
DONE, FAILED, WRONG_USE, CONFLICT, REFUSED = 0, 1, 2, 3, 4


# ---------------------------------------------------------------- the command line


def run(*args, ends=DONE):
    """Runs `skep ARGS...` and returns the finished process, which has to end with the code `ends`."""
    done = subprocess.run([os.environ["SKEP_BIN"], *args], capture_output=True, text=True, env={**os.environ, "NO_COLOR": "1"})
    if done.returncode != ends:
        raise AssertionError(f"skep {' '.join(args)}: ended with {done.returncode}, not {ends}\n{done.stdout}{done.stderr}")
    return done


def told(*args, ends=DONE):
    """Returns all that `skep ARGS...` tells a person."""
    done = run(*args, ends=ends)
    return (done.stdout + done.stderr).rstrip()


def answer(*args, ends=DONE):
    """Returns what `skep ARGS... --output json` answers."""
    return json.loads(run(*args, "--output", "json", ends=ends).stdout)


def head(ref):
    """Returns the id of the newest commit of `ref`."""
    return answer("log", ref)[0]["id"]


def rows(ref, query):
    """Returns the rows of `skep sql`, each by the names of its columns."""
    found = answer("sql", "--ref", ref, query)
    return found["rows"] if isinstance(found, dict) else found


# ---------------------------------------------------------------- the metastore


def idl():
    """Returns the module that thriftpy2 makes of the IDL."""
    import thriftpy2

    return thriftpy2.load(str(IDL), module_name="hive_metastore_thrift")


@contextlib.contextmanager
def metastore(address=None, protocol="binary", transport="buffered", timeout_s=30):
    """Opens a plain Thrift connection to the metastore."""
    from thriftpy2.protocol import TBinaryProtocolFactory, TCompactProtocolFactory
    from thriftpy2.rpc import make_client
    from thriftpy2.transport import TBufferedTransportFactory, TFramedTransportFactory

    host, port = (address or THRIFT).split(":")
    client = make_client(
        idl().ThriftHiveMetastore, host, int(port), timeout=timeout_s * 1000,
        proto_factory={"binary": TBinaryProtocolFactory, "compact": TCompactProtocolFactory}[protocol](),
        trans_factory={"buffered": TBufferedTransportFactory, "framed": TFramedTransportFactory}[transport](),
    )
    try:
        yield client
    finally:
        client.close()


@contextlib.contextmanager
def metastore_over_http(path="/metastore", protocol="binary", address=None, timeout_s=30, headers=None, **options):
    """Opens the metastore at `path` over HTTP."""
    from thriftpy2.http import THttpHeaderFactory, make_client
    from thriftpy2.protocol import TBinaryProtocolFactory, TCompactProtocolFactory

    host, port = (address or THRIFT_HTTP).split(":")
    client = make_client(
        idl().ThriftHiveMetastore, host, int(port), path=path, timeout=timeout_s * 1000,
        proto_factory={"binary": TBinaryProtocolFactory, "compact": TCompactProtocolFactory}[protocol](),
        http_header_factory=THttpHeaderFactory(headers), **options,
    )
    try:
        yield client
    finally:
        client.close()


def new_table(database, name, columns="id bigint, amount int", keys="dt string, region string"):
    """Returns a Parquet table as a client would create it."""
    types = idl()

    def fields(text):
        return [types.FieldSchema(name=n, type=t) for n, t in (pair.split() for pair in text.split(", ") if pair)]

    return types.Table(
        tableName=name, dbName=database, owner="someone", tableType="MANAGED_TABLE", parameters={"made.by": "a test"},
        partitionKeys=fields(keys),
        sd=types.StorageDescriptor(
            cols=fields(columns), numBuckets=-1, bucketCols=[], sortCols=[], parameters={}, compressed=False,
            inputFormat="org.apache.hadoop.hive.ql.io.parquet.MapredParquetInputFormat",
            outputFormat="org.apache.hadoop.hive.ql.io.parquet.MapredParquetOutputFormat",
            serdeInfo=types.SerDeInfo(serializationLib="org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe", parameters={}),
        ),
    )


def new_partition(table, *values):
    """Returns a partition of `table`, at its default location."""
    types = idl()
    storage = types.StorageDescriptor(**{slot[1]: getattr(table.sd, slot[1]) for slot in table.sd.thrift_spec.values()})
    storage.location = None
    return types.Partition(values=list(values), dbName=table.dbName, tableName=table.tableName, sd=storage, parameters={})


# ---------------------------------------------------------------- S3


def s3(key=KEY, secret=SECRET, attempts=2):
    """Returns a boto3 client of the gateway, which sends a request so many times before it gives up."""
    import boto3
    from botocore.config import Config

    return boto3.client(
        "s3", endpoint_url=S3, aws_access_key_id=key, aws_secret_access_key=secret, region_name="us-east-1",
        config=Config(signature_version="s3v4", s3={"addressing_style": "path"}, retries={"total_max_attempts": attempts}),
    )


def objects(ref, prefix=""):
    """Returns name, size and entity tag of every object of `ref` below `prefix`."""
    pages = s3().get_paginator("list_objects_v2").paginate(Bucket=REPOSITORY, Prefix=f"{ref}/{prefix}")
    return [(o["Key"], o["Size"], o["ETag"]) for page in pages for o in page.get("Contents", [])]


# ---------------------------------------------------------------- Spark


def spark(name, address=None, ref="main", **settings):
    """Starts a Spark session: no line of it knows of skep but the two addresses and the warehouse."""
    from pyspark.sql import SparkSession

    builder = SparkSession.builder.appName(name).enableHiveSupport()
    for key, value in {
        "spark.hadoop.hive.metastore.uris": f"thrift://{address or THRIFT}",
        "spark.hadoop.hive.exec.dynamic.partition.mode": "nonstrict",
        "spark.sql.warehouse.dir": f"s3a://{REPOSITORY}/{ref}/warehouse",
        **S3A,
        **settings,
    }.items():
        builder = builder.config(key, value)
    return builder.getOrCreate()
