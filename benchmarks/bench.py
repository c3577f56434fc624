"""Measure the engine's speed, compared with PostgreSQL and with other solutions.

`make bench` runs this program, and `make bench LOANS=1000000` runs it with another number of loans. This
program is not a test. The source follows the banking model: loans of five years in the order of their
creation, one account per client, and an index on the date. In the results, "floor" is the time that
PostgreSQL needs for the fastest aggregate query that we could write by hand. If the machine also does other
work, compare the processor times: see `measure.py`.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

import psycopg
from rich.console import Console
from rich.table import Table

from benchmarks import measure
from benchmarks.measure import Cost
from extracts import spark
from extracts.preview import spark_environment
from local_cloud import database
from local_cloud.demo import store

ROOT = Path(__file__).parents[1]
PROJECT = ROOT / "examples/bank-loans"
LAST = "2026-10"

LOAD = """
insert into "Bank" select n, 'Bank ' || n, n from generate_series(1, 3) n;
insert into "Branch" select n, 1 + n % 3, n || ' Main Road' from generate_series(1, {branches}) n;
insert into "Client" select n, 'x', 'y', 1 + n % {branches} from generate_series(1, {clients}) n;
insert into "Account" select n, 0, n, date '2020-01-01' from generate_series(1, {clients}) n;
insert into "Loans" select n, (n * 7919::bigint) % 500000, 1 + (n * 104729::bigint) % {clients},
  (date '2026-11-01' - interval '{months} months')::date
  + ((n - 1) * (date '2026-11-01' - (date '2026-11-01' - interval '{months} months')::date)::bigint
     / {loans})::int
  from generate_series(1, {loans}) n;
"""
BY_HAND = """
select k."Name", b."idBranch", b."Address", f.n, f.s, round(f.s::numeric / nullif(f.n, 0), 2)
from "Branch" b join "Bank" k on k."idBank" = b."Bank_idBank" left join (
  select c."Branch_idBranch" branch, count(l."Amount") n, sum(l."Amount") s
  from "Loans" l join "Account" a on a."idAccount" = l."Account_idAccount"
  join "Client" c on c."idClient" = a."Client_idClient"
  where l.loan_date >= date '2026-11-01' - interval '{window} months' and l.loan_date < date '2026-11-01'
  group by 1
) f on f.branch = b."idBranch" order by 1, 2
"""
# Three metrics for the engine, then the same metrics in SQL that is written by hand. Two of the metrics are
# expressions over a joined table.
EXPRESSIONS = """metrics={
    'loans_count': EXTRACT.metrics['loans_count'],
    'interest': type(EXTRACT.metrics['amount_avg'])('sum', 'Amount * Account.Balance / 100', window=3),
    'open': type(EXTRACT.metrics['amount_avg'])('avg', 'Amount - Account.Balance', window=3),
}"""
EXPRESSIONS_BY_HAND = """
select k."Name", b."idBranch", b."Address", f.n, round(f.s / 100, 2), round(f.m, 2)
from "Branch" b join "Bank" k on k."idBank" = b."Bank_idBank" left join (
  select c."Branch_idBranch" branch, count(l."Amount") n, sum(l."Amount"::numeric * a."Balance") s,
    avg(l."Amount"::numeric - a."Balance") m
  from "Loans" l join "Account" a on a."idAccount" = l."Account_idAccount"
  join "Client" c on c."idClient" = a."Client_idClient"
  where l.loan_date >= date '2026-11-01' - interval '{window} months' and l.loan_date < date '2026-11-01'
  group by 1
) f on f.branch = b."idBranch" order by 1, 2
"""
# The queries that are written by hand run without JIT compilation, because the compilation would take half a
# second and make the queries no faster.
BEST = "set jit = off"

# This Spark program follows solutions that other authors have published for the same task. It reads the five
# tables of the banking model over JDBC and joins them in Spark. The published solutions read all loans,
# compute a rolling average of monthly averages with a window function, and select the month at the end. An
# average of averages is not the metric that the engine computes. The variant "filtered" selects the dates
# first, as experienced users of Spark do. Spark passes this filter to the database.
IN_SPARK = """
import json, os, sys, time
from pyspark.sql import SparkSession, Window, functions as F
url, user, password, way = sys.argv[1:5]
spark = SparkSession.builder.config("spark.driver.memory", "4g").getOrCreate()
spark.range(1).count()
began = time.monotonic()
read = lambda t: spark.read.jdbc(url, f'"{t}"', properties={"user": user, "password": password,
    "driver": "org.postgresql.Driver", "fetchsize": "10000"})
loans, account, client, branch, bank = map(read, ("Loans", "Account", "Client", "Branch", "Bank"))
bank = bank.withColumnRenamed("Name", "bank_name")
if way == "filtered":
    loans = loans.filter((F.col("loan_date") >= "2026-08-01") & (F.col("loan_date") < "2026-11-01"))
joined = (loans.join(account, F.col("Account_idAccount") == F.col("idAccount"))
    .join(client, F.col("Client_idClient") == F.col("idClient"))
    .join(branch, F.col("Branch_idBranch") == F.col("idBranch"))
    .join(bank, F.col("Bank_idBank") == F.col("idBank")))
keys = ["bank_name", "idBranch", "Address"]
if way == "filtered":
    rows = joined.groupBy(*keys).agg(F.count("Amount"), F.sum("Amount"), F.avg("Amount")).collect()
else:
    months = (joined.groupBy(*keys, F.date_trunc("month", "loan_date").alias("month"))
        .agg(F.avg("Amount").alias("amount")))
    rolling = Window.partitionBy(*keys).orderBy("month").rowsBetween(-2, 0)
    rows = (months.withColumn("moving_average", F.avg("amount").over(rolling))
        .filter(F.col("month") == "2026-10-01").collect())
print(json.dumps({"rows": len(rows), "seconds": time.monotonic() - began}))
"""
# A pandas program, as a data engineer writes it in a notebook.
IN_PANDAS = """
import json, sys, time
import pandas, psycopg
began = time.monotonic()
with psycopg.connect(sys.argv[1]) as connection:
    def read(query):
        cursor = connection.execute(query)
        return pandas.DataFrame(cursor.fetchall(), columns=[column.name for column in cursor.description])
    loans = read('''select "Amount", "Account_idAccount" from "Loans"
                    where loan_date >= '2026-08-01' and loan_date < '2026-11-01' ''')
    account = read('select "idAccount", "Client_idClient" from "Account"')
    client = read('select "idClient", "Branch_idBranch" from "Client"')
    branch = read('select "idBranch", "Bank_idBank", "Address" from "Branch"')
    bank = read('select "idBank", "Name" from "Bank"')
rows = (loans.merge(account, left_on="Account_idAccount", right_on="idAccount")
    .merge(client, left_on="Client_idClient", right_on="idClient")
    .merge(branch, left_on="Branch_idBranch", right_on="idBranch")
    .merge(bank, left_on="Bank_idBank", right_on="idBank")
    .groupby(["Name", "idBranch", "Address"])["Amount"].agg(["count", "sum", "mean"]))
print(json.dumps({"rows": len(rows), "seconds": time.monotonic() - began}))
"""


# Two changes to the spec of the example: ONE removes all metrics except `amount_avg`, and WIDE sets the
# windows of all metrics to 12 months.
ONE = "metrics={'amount_avg': EXTRACT.metrics['amount_avg']}"
WIDE = "metrics={n: dataclasses.replace(m, window=12) for n, m in EXTRACT.metrics.items()}"


@dataclass(frozen=True)
class Shape:
    """The size of a source. Its loans have dates in `months` months, of which the last is October 2026."""

    loans: int
    branches: int = 600
    months: int = 60
    # 0 means the default: one client for every five loans, at most 2 million, and at least one client per
    # branch.
    clients: int = 0

    @property
    def accounts(self) -> int:
        return self.clients or max(self.branches, min(2_000_000, self.loans // 5))


@contextmanager
def loaded(shape: Shape) -> Iterator[database.Database]:
    with tempfile.TemporaryDirectory() as folder, database.serve(Path(folder)) as served:
        with psycopg.connect(served.url) as connection:
            connection.execute(store.TABLES)
            load = LOAD.format(
                loans=shape.loans, clients=shape.accounts, branches=shape.branches, months=shape.months
            )
            # Load without checks of the foreign keys. The keys are correct, and the checks would take most of
            # the time.
            connection.execute("set session_replication_role = replica")
            connection.execute(load)
            connection.execute("set session_replication_role = origin")
            connection.execute(store.INDEXES)
        with psycopg.connect(served.url, autocommit=True) as connection:
            connection.execute("vacuum analyze")
        yield served


def floor(served: database.Database, window: int = 3, query: str = BY_HAND) -> Cost:
    """Return the cost of the aggregate that is written by hand, including the connection."""

    def by_hand() -> None:
        with psycopg.connect(served.url) as connection:
            connection.execute(BEST)
            connection.execute(query.format(window=window)).fetchall()

    return started(measure.cost_of(by_hand, served.pid))


def copied(served: database.Database) -> Cost:
    """Return the cost of PostgreSQL's COPY to a file."""

    def copy() -> None:
        with tempfile.TemporaryFile() as file, psycopg.connect(served.url) as connection:
            connection.execute(BEST)
            query = f"copy ({BY_HAND.format(window=3)}) to stdout (format csv, header)"
            with connection.cursor().copy(query) as blocks:
                for block in blocks:
                    file.write(block)

    return started(measure.cost_of(copy, served.pid))


def started(cost: Cost) -> Cost:
    """Return the cost, but set `after_start` to the whole wall time, which includes the start-up."""
    return replace(cost, after_start=cost.wall)


def engine_run(served: database.Database, *arguments: str, changes: str = "") -> Cost:
    """Run the `etl.py` of the example project in a process. `changes` are new values for fields of the spec.

    The start-up ends when the run has read its arguments, or when Spark has started. The login and the check
    of the spec come after the start-up.
    """
    with tempfile.TemporaryDirectory() as output:
        spec = (PROJECT / "Glue/etl.py").read_text()
        script = Path(output) / "etl.py"
        script.write_text(
            spec.replace("run(EXTRACT)", f"import dataclasses; run(dataclasses.replace(EXTRACT, {changes}))")
        )
        command = [sys.executable, str(script), "--database-url", served.url, "--output", f"{output}/files"]
        cost, said = run([*command, *arguments], served)
    events = [json.loads(line) for line in said if line.startswith("{")]
    times = {event["event"]: datetime.fromisoformat(event["time"]) for event in events}
    after = datetime.fromisoformat(events[-1]["time"]) - times.get("spark_started", times["started"])
    return replace(cost, after_start=after.total_seconds())


def preview(served: database.Database) -> Cost:
    """Run `extracts preview`, from its start until the page is written."""
    with tempfile.TemporaryDirectory() as output:
        command = [sys.executable, "-m", "extracts", "preview", str(PROJECT), "--output", output]
        given = ["--database-url", served.url, "--period", LAST, "--history", "0"]
        return started(run([*command, *given], served)[0])


def run(
    command: Sequence[str], served: database.Database, variables: Mapping[str, str] | None = None
) -> tuple[Cost, list[str]]:
    """Run a process, and return its cost and the lines that it printed."""
    said: list[str] = []
    variables = variables or spark_environment(PROJECT)

    def work() -> None:
        done = subprocess.run(command, capture_output=True, text=True, check=True, env=variables)
        said.extend(done.stdout.splitlines())

    return measure.cost_of(work, served.pid), said


def other_way(program: str, served: database.Database, *arguments: str) -> Cost:
    # Our tool makes an archive of Java classes, with which Spark starts faster. Other solutions do not have
    # it.
    variables = {**os.environ, **spark.environment(Path(), archived=False)}
    cost, said = run([sys.executable, "-c", program, *arguments], served, variables)
    return replace(cost, after_start=float(json.loads(said[-1])["seconds"]))


def in_spark(served: database.Database, way: str) -> Cost:
    url = f"jdbc:postgresql://{served.host}:{served.port}/{served.name}"
    return other_way(IN_SPARK, served, url, served.user, served.password, way)


def table(title: str, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    made = Table(title=title, title_justify="left")
    for number, column in enumerate(columns):
        made.add_column(column, justify="right" if number else "left")
    for row in rows:
        made.add_row(*row)
    Console(width=110).print(made)


def ways(served: database.Database, shape: Shape, rounds: int) -> None:
    """Compare all ways to compute the metrics of one month."""

    def engine(changes: str = "") -> Callable[[], Cost]:
        return lambda: engine_run(served, "--period", LAST, changes=changes)

    by_hand, expressions, with_expressions = (
        "aggregate query written by hand, in PostgreSQL",
        "query written by hand, two expressions",
        "engine, in the database, two expressions",
    )
    costs = measure.rounds(
        rounds,
        {
            by_hand: lambda: floor(served),
            "COPY of the aggregate query to a file": lambda: copied(served),
            "engine, in the database": engine(),
            "engine, in the database, one metric": engine(ONE),
            "preview, in the database": lambda: preview(served),
            expressions: lambda: floor(served, query=EXPRESSIONS_BY_HAND),
            with_expressions: engine(EXPRESSIONS),
        },
    )
    slow = measure.rounds(
        max(1, rounds // 3),
        {
            "engine, in Spark": engine('aggregate_in="spark"'),
            "Spark joins the tables, loans filtered by date": lambda: in_spark(served, "filtered"),
            "Spark joins the tables, like public solutions": lambda: in_spark(served, "as published"),
            "pandas joins the tables, loans filtered by date": lambda: other_way(
                IN_PANDAS, served, served.url
            ),
        },
    )
    rows = []
    for way, cost in {**costs, **slow}.items():
        lowest = costs[expressions if way == with_expressions else by_hand]
        times = f"{cost.after_start:.2f} s", f"{cost.cpu:.2f} s", f"{cost.wall:.1f} s"
        ratios = f"{cost.after_start / lowest.after_start:.2f}", f"{cost.cpu / lowest.cpu:.2f}"
        rows.append((way, times[0], ratios[0], times[2], times[1], ratios[1]))
    table(
        f"{shape.loans:,} loans, {shape.accounts:,} clients, {shape.branches:,} branches,"
        f" a window of 3 months, {os.cpu_count()} cores; each value is the lowest of {rounds} rounds",
        ("way", "after start-up", "x floor", "whole process", "CPU", "x floor"),
        rows,
    )


def growth(served: database.Database, shape: Shape, rounds: int) -> None:
    """Show how larger inputs change the time after the start-up and the processor time, as ratios."""
    rows = []

    def best(work: Callable[[], Cost]) -> Cost:
        return measure.rounds(rounds, {"": work})[""]

    def row(what: str, base: Cost, grown: Cost) -> None:
        times = f"{base.after_start:.2f} s", f"{grown.after_start:.2f} s"
        rows.append(
            (what, *times, f"{grown.after_start / base.after_start:.2f}", f"{grown.cpu / base.cpu:.2f}")
        )

    month = best(lambda: engine_run(served, "--period", LAST))

    # The source with the short history has as many clients as the other source, so only the history differs.
    with loaded(Shape(shape.loans // 10, months=shape.months // 10, clients=shape.accounts)) as short:
        before = best(lambda: engine_run(short, "--period", LAST))
        row("history: 6 months -> 5 years, the same number of loans per month", before, month)
    wide = best(lambda: engine_run(served, "--period", LAST, changes=WIDE))
    row("window: 3 -> 12 months", month, wide)
    year = best(lambda: engine_run(served, "--from", "2025-11", "--to", LAST))
    row("periods: 1 -> 12 in one backfill", month, year)
    periods = [f"2025-{m:02d}" for m in (11, 12)] + [f"2026-{m:02d}" for m in range(1, 11)]
    single = [engine_run(served, "--period", period) for period in periods]
    total = Cost(*(sum(parts) for parts in zip(*((c.wall, c.client, c.server) for c in single), strict=True)))
    row("12 periods: one backfill -> 12 runs, including the start-up", started(year), started(total))
    with loaded(Shape(shape.loans, branches=600_000)) as many:
        names = "engine", "floor", "engine of many", "floor of many"
        found = measure.rounds(
            rounds,
            {
                names[0]: lambda: engine_run(served, "--period", LAST),
                names[1]: lambda: floor(served),
                names[2]: lambda: engine_run(many, "--period", LAST),
                names[3]: lambda: floor(many),
            },
        )
        row("groups: 600 -> 600,000, engine", found[names[0]], found[names[2]])
        row("groups: 600 -> 600,000, query written by hand", found[names[1]], found[names[3]])
    table(
        f"Cost of larger inputs, at {shape.loans:,} loans",
        ("what grows", "before", "after", "ratio", "of CPU"),
        rows,
    )


def main() -> None:
    """Load the sources, measure, and print the results."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--loans", type=int, nargs="+", default=[1_000_000, 5_000_000, 20_000_000])
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    spark.prepare()
    sizes = [Shape(loans) for loans in given.loans]
    for shape in sizes:
        with loaded(shape) as served:
            ways(served, shape, given.rounds)
            if shape == sizes[-1]:
                growth(served, shape, given.rounds)


if __name__ == "__main__":
    main()
