"""The main job: Spark works on a branch while others work on `main`, and one merge lands columns, partitions and files.

    make demo [SPARK=3.5]

Every statement is Spark's own, sent by an unmodified PySpark. What is read is compared with rows computed without any
table, so that the end of it with code 0 proves that all went as it is told here.
"""

import contextlib
import os
import pathlib
import subprocess
import sys
import time

import pyspark
import skep

BEGAN = time.monotonic()
WIDENS = pyspark.__version__ >= "4"  # 3.5 cannot read a file of ints as bigint

CHECK = """\
name: no-negative-amounts
sql: select * from sales.orders where amount < 0
"""

TABLES = ("sales.orders", "web.clicks", "sales.customers")

# The rows, made of nothing but their numbers. Five days of 40,000 orders lie in 200,000; each day falls into four regions.
ORDERS = """
    select id, cast(id % 20000 as int) customer, cast(id * 7919 % 10000 + 1 as int) amount,
        cast(date_add(date'2026-01-01', cast(id div 40000 as int)) as string) dt,
        array('east', 'north', 'south', 'west')[id % 4] region
    from range({}, {})"""
CLICKS = """
    select id, concat('/item/', id % 500) page,
        cast(date_add(date'2026-01-01', cast(id div 20000 as int)) as string) dt,
        if(id % 3 = 0, 'phone', 'desktop') device
    from range({}, {})"""
CUSTOMERS = "select cast(id as int) id, concat('customer ', id) name from range(20000)"

FIVE_DAYS = ORDERS.format(0, 200_000)
SIXTH_DAY = ORDERS.format(200_000, 240_000)
SEVENTH_DAY = ORDERS.format(240_000, 280_000)
WEST_OF_THE_1ST = "dt = '2026-01-01' and region = 'west'"
NORTH_OF_THE_2ND = "dt = '2026-01-02' and region = 'north'"
LARGE = "cast(amount as bigint) * 1000000" if WIDENS else "amount"
FLIPPED_BY_MISTAKE = "id % 1000 = 6"

# What main has to hold once both sides are together.
MERGED = f"""
    select id, customer, cast(amount as bigint) amount, null channel, null discount, dt, region from ({FIVE_DAYS})
        where not ({WEST_OF_THE_1ST}) and not ({NORTH_OF_THE_2ND})
    union all select id, customer, amount * 2, 'phone', null, dt, region from ({FIVE_DAYS}) where {NORTH_OF_THE_2ND}
    union all select id, customer, {LARGE}, 'web', null, dt, region from ({SIXTH_DAY})
    union all select id, customer, amount, null, cast(id % 5 as int), dt, region from ({SEVENTH_DAY})"""
MERGED_COLUMNS = "id, customer, cast(amount as bigint), channel, discount, dt, region"


# ---------------------------------------------------------------- telling and checking


def chapter(title):
    print(f"\n{title}", flush=True)


@contextlib.contextmanager
def telling(text):
    """Tells what is being done, and how long it took."""
    print(f"  {time.monotonic() - BEGAN:6.1f} s  {text}", end="", flush=True)
    began = time.monotonic()
    yield
    print(f" ({time.monotonic() - began:.1f} s)", flush=True)


def show(text):
    """Shows what skep has answered."""
    print("\n".join(f"            | {line}" for line in text.splitlines()), flush=True)


def same(what, found, expected):
    if found != expected:
        sys.exit(f"\n{what}: found {found}, expected {expected}")


def mentions(what, text, *words):
    for word in words:
        if word not in text:
            sys.exit(f"\n{what} says nothing of {word!r}:\n{text}")


def refused(what, action, *words):
    try:
        action()
    except Exception as error:  # whatever the engine makes of it
        mentions(what, str(error), *words)
    else:
        sys.exit(f"\n{what} was not refused")


class Engine:
    """A Spark session, and what is asked of it more than once."""

    def __init__(self, session):
        self.session = session

    def afresh(self):
        """Returns another session, which has cached nothing."""
        return Engine(self.session.newSession())

    def sql(self, *statements):
        for statement in statements:
            self.session.sql(statement)

    def fingerprint(self, query, columns="*"):
        """Returns the number of rows and a sum of their hashes, which does not depend on their order."""
        return tuple(self.session.sql(f"select count(*), sum(cast(hash({columns}) as bigint)) from ({query})").first())

    def fingerprints(self, ref):
        """Returns the fingerprints of the three tables at `ref`, read afresh."""
        reader = self.afresh()
        return [reader.fingerprint(f"select * from {at(table, ref)}") for table in TABLES]


def at(table, ref):
    """Returns the name of `table` at `ref`, as every engine can write it: the ref is a suffix of the database."""
    database, name = table.split(".")
    return f"`{database}@{ref}`.{name}"


def everything_on(ref):
    """Returns all that `ref` holds, as a stranger sees it: the newest commit, every object, every table and partition."""
    with skep.metastore() as client:
        tables = [
            (repr(client.get_table(database, name)), repr(client.get_partitions(database, name, -1)))
            for database in (f"sales@{ref}", f"web@{ref}")
            for name in client.get_all_tables(database)
        ]
    return skep.head(ref), skep.objects(ref), tables


# ---------------------------------------------------------------- the story


def load_main(spark):
    chapter("1. main is filled")
    with telling("two databases, three tables"):
        spark.sql(
            "create database sales",
            "create database web",
            "create table sales.orders (id bigint, customer int, amount int) partitioned by (dt string, region string) stored as parquet",
            "create table web.clicks (id bigint, page string, dt string, device string) using parquet partitioned by (dt, device)",
            "create table sales.customers (id int, name string) stored as parquet",
        )
    with telling("200,000 orders of five days, 100,000 clicks, 20,000 customers, by dynamic partitions"):
        spark.sql(
            f"insert into sales.orders select /*+ repartition(2, dt) */ * from ({FIVE_DAYS})",
            f"insert into web.clicks select /*+ repartition(2, dt) */ * from ({CLICKS.format(0, 100_000)})",
            f"insert into sales.customers {CUSTOMERS}",
        )
    with telling("commit, and tag v1"):
        commit = skep.answer("commit", "main", "-m", "the first five days")["id"]
        skep.run("tag", "create", "v1", "--at", "main")
    loaded = spark.fingerprints("main")
    same("orders on main", loaded[0], spark.fingerprint(FIVE_DAYS))
    same("clicks on main", loaded[1], spark.fingerprint(CLICKS.format(0, 100_000)))
    same("customers on main", loaded[2], spark.fingerprint(CUSTOMERS))
    return commit, loaded


def widen_amount(ref):
    """Makes orders.amount a bigint as any Thrift client can: Spark has no such DDL for Hive tables."""
    with skep.metastore() as client:
        table = client.get_table(f"sales@{ref}", "orders")
        next(column for column in table.sd.cols if column.name == "amount").type = "bigint"
        client.alter_table(f"sales@{ref}", "orders", table)


def work_on_etl(spark):
    chapter("2. a branch is changed, and main goes on")
    with telling("branch etl from main"):
        skep.run("branch", "create", "etl", "--from", "main")
    orders, clicks = at("sales.orders", "etl"), at("web.clicks", "etl")
    with telling("etl: a new column, orders.channel"):
        spark.sql(f"alter table {orders} add columns (channel string)")
    if WIDENS:
        with telling("etl: orders.amount becomes a bigint, by a plain Thrift client"):
            widen_amount("etl")
    with telling("etl: the 6th day of orders and of clicks"):
        insert_sixth_day(spark, f"if({FLIPPED_BY_MISTAKE}, -1, 1)")
        spark.sql(f"insert into {clicks} select * from ({CLICKS.format(100_000, 120_000)})")
    with telling("etl: one partition overwritten, one dropped"):
        spark.sql(
            f"insert overwrite {orders} partition (dt = '2026-01-02', region = 'north') "
            f"select id, customer, amount * 2, 'phone' from ({FIVE_DAYS}) where {NORTH_OF_THE_2ND}",
            f"alter table {orders} drop partition (dt = '2026-01-01', region = 'west')",
        )
    with telling("etl: customers are called clients now, by a job that knows of no branch: its metastore's port is bound to etl"):
        job_on_etl("alter table sales.customers rename to sales.clients")
    with telling("commit etl"):
        skep.run("commit", "etl", "-m", "channels, and the 6th day")


def job_on_etl(statement):
    """Runs spark-sql with nothing changed but the metastore's port. (Spark cannot rename in a database with an `@`.)"""
    settings = {"spark.hadoop.hive.metastore.uris": f"thrift://{skep.THRIFT_ETL}", **skep.S3A}
    options = [option for setting in settings.items() for option in ("--conf", "=".join(setting))]
    done = subprocess.run(["spark-sql", *options, "-e", statement], capture_output=True, text=True)
    same(statement, done.returncode, 0)


def insert_sixth_day(spark, sign):
    spark.sql(
        f"insert overwrite {at('sales.orders', 'etl')} partition (dt = '2026-01-06', region) "
        f"select id, customer, {LARGE} * {sign}, 'web', region from ({SIXTH_DAY}) distribute by region"
    )


def work_on_main(spark, loaded):
    with telling("main has seen nothing of it: the same rows, the same columns"):
        same("main while etl is changed", spark.fingerprints("main"), loaded)
    with telling("main: comments, another column, orders.discount, and the 7th day"):
        spark.sql(
            "comment on table sales.orders is 'one row an order'",
            "alter table sales.orders change column customer customer int comment 'who bought'",
            "alter table sales.orders add columns (discount int)",
            f"insert into sales.orders select id, customer, amount, cast(id % 5 as int), dt, region from ({SEVENTH_DAY})",
        )
    with telling("main: a check is put into the repository, and the branch protected"):
        skep.s3().put_object(Bucket=skep.REPOSITORY, Key="main/.skep/checks/no-negative.yaml", Body=CHECK.encode())
        skep.run("commit", "main", "-m", "the 7th day, discounts, and a check on amounts")
        skep.run("branch", "protect", "main")
        refused("an insert into protected main", lambda: spark.sql("insert into sales.customers values (-1, 'nobody')"), "protected")


def merge(spark):
    chapter("3. the merge")
    with telling("skep diff main etl"):
        changes = skep.told("diff", "main", "etl")
    show(changes)
    mentions("the diff", changes, "channel", "amount" if WIDENS else "channel", "dt=2026-01-06/region=east",
             "dt=2026-01-02/region=north", "dt=2026-01-01/region=west", "clients", "dt=2026-01-06/device=phone")
    before = everything_on("main")
    with telling("skep merge etl main: there are negative amounts, the check refuses"):
        verdict = skep.told("merge", "etl", "main", "-m", "etl", ends=skep.REFUSED)
    show(verdict)
    mentions("the refusal", verdict, "no-negative-amounts")
    with telling("main is unchanged to the byte"):
        same("main after the refusal", everything_on("main"), before)
    with telling("etl: the 6th day is written again, mended, and committed"):
        insert_sixth_day(spark, "1")
        skep.run("commit", "etl", "-m", "amounts mended")
    with telling("skep merge etl main"):
        report = skep.told("merge", "etl", "main", "-m", "channels, and the 6th day")
    show(report)


def read_again(spark, commit, loaded):
    chapter("4. what is read afterwards")
    with telling("main has the changes of both sides"):
        reader = spark.afresh()
        same("columns of orders", reader.session.table("sales.orders").columns,
             ["id", "customer", "amount", "discount", "channel", "dt", "region"])
        same("orders", reader.fingerprint("select * from sales.orders", MERGED_COLUMNS), reader.fingerprint(MERGED, MERGED_COLUMNS))
        same("clicks", reader.fingerprint("select * from web.clicks"), reader.fingerprint(CLICKS.format(0, 120_000)))
        same("clients", reader.fingerprint("select * from sales.clients"), reader.fingerprint(CUSTOMERS))
        same("tables", [row.tableName for row in reader.session.sql("show tables in sales").collect()], ["clients", "orders"])
        described = reader.session.sql("describe table extended sales.orders").collect()
        mentions("the table's description", str(described), "one row an order", "who bought")
    with telling("tag v1 and the old commit give the rows they gave, to the checksum"):
        same("v1", spark.fingerprints("v1"), loaded)
        same("the old commit", spark.fingerprints(commit[:16]), loaded)
    with telling("and cannot be written"):
        refused("an insert into v1", lambda: spark.sql(f"insert into {at('sales.customers', 'v1')} values (-1, 'nobody')"), "read-only")


def contradict(spark):
    with telling("a second branch, hotfix from v1, contradicts main in four places"):
        skep.run("branch", "create", "hotfix", "--from", "v1")
        orders = at("sales.orders", "hotfix")
        spark.sql(
            f"insert overwrite {orders} partition (dt = '2026-01-02', region = 'north') values (1, 1, 1)",
            f"insert into {orders} partition (dt = '2026-01-01', region = 'west') values (2, 2, 2)",
            f"alter table {orders} add columns (channel int)",
        )
        with skep.metastore() as client:
            customers = client.get_table("sales@hotfix", "customers")
            customers.tableName = "patrons"
            client.alter_table("sales@hotfix", "customers", customers)
        skep.run("commit", "hotfix", "-m", "contradictions")
    before = everything_on("main")
    with telling("skep merge hotfix main: all conflicts are listed"):
        verdict = skep.told("merge", "hotfix", "main", "-m", "hotfix", ends=skep.CONFLICT)
    show(verdict)
    mentions("the list of conflicts", verdict, "dt=2026-01-02/region=north", "dt=2026-01-01/region=west", "channel", "patrons")
    same("conflicts", len(skep.answer("merge", "hotfix", "main", "--dry-run", ends=skep.CONFLICT)["conflicts"]), 4)
    with telling("and nothing has changed"):
        same("main after the conflicts", everything_on("main"), before)


def decide(spark):
    """Decides the four conflicts one by one, a column, a name and two partitions, and finishes the merge."""
    (waiting,) = [merge for merge in skep.answer("merge", "list") if merge["state"] == "conflicts"]
    conflicts = skep.answer("merge", "show", waiting["id"])["conflict_list"]
    choices = {"channel": "ours", "patrons": "theirs", "region=north": "theirs", "region=west": "ours"}
    with telling("they are decided one by one: our type of channel, their name, their north, our drop of west"):
        for conflict in conflicts:
            (choice,) = [choice for word, choice in choices.items() if word in conflict["message"]]
            skep.run("merge", "resolve", waiting["id"], conflict["id"], choice)
    show(skep.told("merge", "show", waiting["id"]))
    with telling("skep merge finish: the check passes, and it lands"):
        report = skep.told("merge", "finish", waiting["id"])
    show(report)
    with telling("main has what was decided, row by row"):
        reader = spark.afresh()
        expected = f"""
            select * from ({MERGED}) where not ({NORTH_OF_THE_2ND})
            union all select 1, 1, 1, null, null, '2026-01-02', 'north'"""
        same("orders", reader.fingerprint("select * from sales.orders", MERGED_COLUMNS), reader.fingerprint(expected, MERGED_COLUMNS))
        same("columns of orders", reader.session.table("sales.orders").columns,
             ["id", "customer", "amount", "discount", "channel", "dt", "region"])
        same("tables", [row.tableName for row in reader.session.sql("show tables in sales").collect()], ["orders", "patrons"])
        same("patrons", reader.fingerprint("select * from sales.patrons"), reader.fingerprint(CUSTOMERS))


def ask_skep(spark, commit):
    chapter("5. the same reads without an engine, by skep sql")
    query = "select count(*) as orders, sum(id) as ids, sum(amount) as amounts, max(dt) as newest from {}"
    show(skep.told("sql", "--ref", "main", query.format("sales.orders")))
    for ref in ("main", "etl", "v1", commit[:16]):
        with telling(f"{ref}: the sums of Spark"):
            by_spark = spark.afresh().session.sql(query.format(at("sales.orders", ref))).first()
            same(f"orders at {ref}", skep.rows(ref, query.format("sales.orders")), [by_spark.asDict()])
    with telling("skep fsck finds nothing"):
        skep.run("fsck")


def main():
    print(f"The main job of skep, with Spark {pyspark.__version__}. Metastore {skep.THRIFT}, S3 {skep.S3}", flush=True)
    with telling("Spark starts"):
        spark = Engine(skep.spark("demo"))
    commit, loaded = load_main(spark)
    work_on_etl(spark)
    work_on_main(spark, loaded)
    merge(spark)
    read_again(spark, commit, loaded)
    contradict(spark)
    decide(spark)
    ask_skep(spark, commit)
    spark.session.stop()
    program = os.path.relpath(os.environ["SKEP_BIN"])
    data = pathlib.Path(os.environ["SKEP_LOG"]).with_name("data")
    again = ", the data being kept" if os.environ.get("KEEP") else ", have it kept by KEEP=1 make demo, which then says"
    print(f"""
All as it has to be, after {time.monotonic() - BEGAN:.0f} s. To look around{again}:
  {program} serve --data {data}
  {program} log main                       what has become of main
  {program} diff v1 main                   what has changed since v1
  {program} sql --ref v1 "select region, count(*) from sales.orders group by region"
  integration/engines/spark.sh {pyspark.__version__[:3]} spark-sql …          with the settings of README.md; then: select * from `sales@v1`.orders""")


if __name__ == "__main__":
    main()
