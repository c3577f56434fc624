"""Measure the engine's speed, compared with PostgreSQL and with other solutions.

This is not a test: `make bench`, or `make bench LOANS=1000000` for a source of another size. The source is
the banking model: loans of five years in the order of their creation, one account per client, and an index on
the date. The floor is the time of PostgreSQL for the best aggregate that we could write by hand. Run the
benchmark on a machine that does nothing else.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import psycopg
from rich.console import Console
from rich.table import Table

from extracts.preview import spark_environment
from local_cloud import database
from local_cloud.demo import store

ROOT = Path(__file__).parents[1]
PROJECT = ROOT / "examples/bank-loans"
LAST = "2026-10"
WARMED = 3  # measured tries inside one process, after one that warms it up

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
# Three metrics, two of them expressions over a joined table, in the engine and by hand.
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
# Compilation takes PostgreSQL half a second and saves nothing, so the floor is measured without it.
BEST = "set jit = off"

# The approach of the public solutions: read the five tables over JDBC and join them in Spark. They read all
# loans, compute a rolling average of monthly averages with a window function, and select the month at the
# end. An average of averages is another metric. With more experience of Spark, the date is filtered first,
# and Spark passes this filter to the database.
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
# The approach in a notebook.
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


# Changes of the example's spec.
ONE = "metrics={'amount_avg': EXTRACT.metrics['amount_avg']}"
WIDE = "metrics={n: dataclasses.replace(m, window=12) for n, m in EXTRACT.metrics.items()}"


@dataclass(frozen=True)
class Shape:
    """The size of a source with loans of `months` months. The last month is October 2026."""

    loans: int
    branches: int = 600
    months: int = 60
    clients: int = 0  # 0: one client for five loans, at most 2 million

    @property
    def accounts(self) -> int:
        return self.clients or max(self.branches, min(2_000_000, self.loans // 5))


@dataclass(frozen=True)
class Taken:
    """Seconds of a whole process, and seconds after its start-up."""

    whole: float
    after_start: float


@contextmanager
def loaded(shape: Shape) -> Iterator[database.Database]:
    with tempfile.TemporaryDirectory() as folder, database.serve(Path(folder)) as served:
        with psycopg.connect(served.url) as connection:
            connection.execute(store.TABLES)
            load = LOAD.format(
                loans=shape.loans, clients=shape.accounts, branches=shape.branches, months=shape.months
            )
            connection.execute(load)
            connection.execute(store.INDEXES)
        with psycopg.connect(served.url, autocommit=True) as connection:
            connection.execute("vacuum analyze")
        yield served


def floor(served: database.Database, window: int = 3, query: str = BY_HAND) -> float:
    """Return the median time of the aggregate by hand, with the connection, without the first try."""

    def by_hand() -> None:
        with psycopg.connect(served.url) as connection:
            connection.execute(BEST)
            connection.execute(query.format(window=window)).fetchall()

    return median(by_hand)


def copied(served: database.Database) -> float:
    """Return the time of PostgreSQL's COPY to a file."""

    def copy() -> None:
        with tempfile.TemporaryFile() as file, psycopg.connect(served.url) as connection:
            connection.execute(BEST)
            query = f"copy ({BY_HAND.format(window=3)}) to stdout (format csv, header)"
            with connection.cursor().copy(query) as blocks:
                for block in blocks:
                    file.write(block)

    return median(copy)


def median(work: Callable[[], object]) -> float:
    work()
    taken = []
    for _ in range(WARMED):
        began = time.monotonic()
        work()
        taken.append(time.monotonic() - began)
    return sorted(taken)[WARMED // 2]


def engine_run(served: database.Database, *arguments: str, changes: str = "") -> Taken:
    """Run the example's own script in a process. `changes` to its spec are keyword arguments.

    The start-up ends when the run has read its arguments, or when Spark has started. The login and the check
    of the spec come after it.
    """
    with tempfile.TemporaryDirectory() as output:
        spec = (PROJECT / "Glue/etl.py").read_text()
        script = Path(output) / "etl.py"
        script.write_text(
            spec.replace("run(EXTRACT)", f"import dataclasses; run(dataclasses.replace(EXTRACT, {changes}))")
        )
        command = [sys.executable, str(script), "--database-url", served.url, "--output", f"{output}/files"]
        began = time.monotonic()
        done = subprocess.run(
            [*command, *arguments], capture_output=True, text=True, check=True, env=spark_environment(PROJECT)
        )
        whole = time.monotonic() - began
    events = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    times = {event["event"]: datetime.fromisoformat(event["time"]) for event in events}
    after = datetime.fromisoformat(events[-1]["time"]) - times.get("spark_started", times["started"])
    return Taken(whole, after.total_seconds())


def preview(served: database.Database) -> Taken:
    """Run the tool, from its start until the page is written."""
    with tempfile.TemporaryDirectory() as output:
        command = [sys.executable, "-m", "extracts", "preview", str(PROJECT), "--output", output]
        given = ["--database-url", served.url, "--period", LAST, "--history", "0"]
        began = time.monotonic()
        subprocess.run([*command, *given], capture_output=True, check=True)
        whole = time.monotonic() - began
    return Taken(whole, whole)


def best_of(runs: int, work: Callable[[], Taken]) -> Taken:
    return min((work() for _ in range(runs)), key=lambda taken: taken.whole)


def other_way(program: str, *arguments: str) -> Taken:
    began = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-c", program, *arguments],
        capture_output=True,
        text=True,
        check=True,
        env=spark_environment(PROJECT),
    )
    return Taken(time.monotonic() - began, float(json.loads(done.stdout.splitlines()[-1])["seconds"]))


def in_spark(served: database.Database, way: str) -> Taken:
    url = f"jdbc:postgresql://{served.host}:{served.port}/{served.name}"
    return other_way(IN_SPARK, url, served.user, served.password, way)


def table(title: str, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    made = Table(title=title, title_justify="left")
    for number, column in enumerate(columns):
        made.add_column(column, justify="right" if number else "left")
    for row in rows:
        made.add_row(*row)
    Console(width=110).print(made)


def ways(served: database.Database, shape: Shape) -> None:
    """Compare all ways to compute one month."""
    lowest = floor(served)
    month = best_of(2, lambda: engine_run(served, "--period", LAST))
    rows = [("floor: the aggregate by hand, in PostgreSQL", f"{lowest:.2f} s", "1.0", "", "")]

    def row(way: str, taken: Taken) -> None:
        rows.append(
            (
                way,
                f"{taken.after_start:.2f} s",
                f"{taken.after_start / lowest:.2f}",
                f"{taken.whole:.1f} s",
                f"{taken.whole / month.whole:.1f}",
            )
        )

    row("PostgreSQL's COPY of it into a file", Taken(copy := copied(served), copy))
    row("engine, in the database", month)
    row(
        "the same, one metric instead of three",
        best_of(2, lambda: engine_run(served, "--period", LAST, changes=ONE)),
    )
    row("preview, in the database", best_of(2, lambda: preview(served)))
    row("engine, in Spark", engine_run(served, "--period", LAST, changes='aggregate_in="spark"'))
    row("five tables over JDBC, as the public solutions", in_spark(served, "as published"))
    row("the same, the loans filtered by their date", in_spark(served, "filtered"))
    row("the window and four tables, joined in pandas", other_way(IN_PANDAS, served.url))
    lowest = floor(served, query=EXPRESSIONS_BY_HAND)
    rows.append(("two expressions over joined tables, by hand", f"{lowest:.2f} s", "1.0", "", ""))
    row("the same, engine", best_of(2, lambda: engine_run(served, "--period", LAST, changes=EXPRESSIONS)))
    table(
        f"{shape.loans:,} loans, {shape.accounts:,} clients, {shape.branches:,} branches,"
        f" a window of 3 months, {os.cpu_count()} cores",
        ("way", "once it is up", "x floor", "whole process", "x engine"),
        rows,
    )


def growth(served: database.Database, shape: Shape) -> None:
    """Show how larger inputs change the time after the start-up, as a ratio."""
    month = best_of(2, lambda: engine_run(served, "--period", LAST))
    rows = []

    def row(what: str, base: float, grown: float) -> None:
        rows.append((what, f"{base:.2f} s", f"{grown:.2f} s", f"{grown / base:.2f}"))

    # As many clients as in the long history, so that only the history differs.
    with loaded(Shape(shape.loans // 10, months=shape.months // 10, clients=shape.accounts)) as short:
        before = best_of(2, lambda: engine_run(short, "--period", LAST))
        row("history: 6 months -> 5 years, as many loans a month", before.after_start, month.after_start)
    wide = best_of(2, lambda: engine_run(served, "--period", LAST, changes=WIDE))
    row("window: 3 -> 12 months", month.after_start, wide.after_start)
    year = best_of(2, lambda: engine_run(served, "--from", "2025-11", "--to", LAST))
    row("periods: 1 -> 12 in one backfill", month.after_start, year.after_start)
    periods = [f"2025-{m:02d}" for m in (11, 12)] + [f"2026-{m:02d}" for m in range(1, 11)]
    single = [engine_run(served, "--period", period).whole for period in periods]
    row("one backfill of 12 compared with 12 runs, whole processes", year.whole, sum(single))
    with loaded(Shape(shape.loans, branches=600_000)) as many:
        groups = engine_run(many, "--period", LAST)
        row("groups: 600 -> 600,000", month.after_start, groups.after_start)
        by_hand = floor(many)
        row("the same for the floor", floor(served), by_hand)
    table(f"What more costs, at {shape.loans:,} loans", ("what grows", "before", "after", "ratio"), rows)


def main() -> None:
    """Load, measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--loans", type=int, nargs="+", default=[1_000_000, 5_000_000, 20_000_000])
    sizes = [Shape(loans) for loans in parser.parse_args().loans]
    for shape in sizes:
        with loaded(shape) as served:
            ways(served, shape)
            if shape == sizes[-1]:
                growth(served, shape)


if __name__ == "__main__":
    main()
