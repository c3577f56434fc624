"""How fast the engine is: one table of ratios from one run, against the floor and the alternatives.

Not a test and never part of one: `make bench`, or `make bench LOANS=20000000` for as large a store as wanted.
The store is the banking model: five years of loans, an account per client, an index on the date.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path

import psycopg
from rich.console import Console
from rich.table import Table

from extracts.demo import store
from extracts.local import database
from extracts.preview import spark_environment

ROOT = Path(__file__).parents[2]
PROJECT = ROOT / "examples/bank-loans"
LAST = "2026-10"

LOAD = """
insert into "Bank" select n, 'Bank ' || n, n from generate_series(1, 3) n;
insert into "Branch" select n, 1 + n % 3, n || ' Main Road' from generate_series(1, {branches}) n;
insert into "Client" select n, 'x', 'y', 1 + n % {branches} from generate_series(1, {clients}) n;
insert into "Account" select n, 0, n, date '2020-01-01' from generate_series(1, {clients}) n;
insert into "Loans" select n, (n * 7919::bigint) % 500000, 1 + (n * 104729::bigint) % {clients},
  date '2021-11-01' + (n * 15485863::bigint % 1826)::int from generate_series(1, {loans}) n;
"""
# The best that was found by hand: reduce the window per account first, join the dimensions to what is left.
BY_HAND = """
select k."Name", b."idBranch", b."Address", count(l."Amount"), sum(l."Amount"), round(avg(l."Amount"), 2)
from "Loans" l join "Account" a on a."idAccount" = l."Account_idAccount"
join "Client" c on c."idClient" = a."Client_idClient" join "Branch" b on b."idBranch" = c."Branch_idBranch"
join "Bank" k on k."idBank" = b."Bank_idBank"
where l.loan_date >= date '2026-08-01' and l.loan_date < date '2026-11-01'
group by 1, 2, 3 order by 1, 2
"""
# What the public solutions do: read the five tables over JDBC and join them in Spark.
IN_SPARK = """
import json, os, sys, time
from pyspark.sql import SparkSession, functions as F
url, user, password = sys.argv[1:4]
spark = SparkSession.builder.getOrCreate()
spark.range(1).count()
began = time.monotonic()
read = lambda t: spark.read.jdbc(url, f'"{t}"', properties={"user": user, "password": password,
    "driver": "org.postgresql.Driver", "fetchsize": "10000"})
loans, account, client, branch, bank = map(read, ("Loans", "Account", "Client", "Branch", "Bank"))
bank = bank.withColumnRenamed("Name", "bank_name")
rows = (loans.filter((F.col("loan_date") >= "2026-08-01") & (F.col("loan_date") < "2026-11-01"))
    .join(account, F.col("Account_idAccount") == F.col("idAccount"))
    .join(client, F.col("Client_idClient") == F.col("idClient"))
    .join(branch, F.col("Branch_idBranch") == F.col("idBranch"))
    .join(bank, F.col("Bank_idBank") == F.col("idBank"))
    .groupBy("bank_name", "idBranch", "Address").agg(F.count("Amount"), F.sum("Amount"), F.avg("Amount"))
    .collect())
print(json.dumps({"rows": len(rows), "seconds": time.monotonic() - began}))
"""


def seconds(work: Callable[[], object], times: int = 3) -> float:
    """The median of a few tries, the first of which warms what there is to warm."""
    work()
    taken = []
    for _ in range(times):
        began = time.monotonic()
        work()
        taken.append(time.monotonic() - began)
    return sorted(taken)[times // 2]


def run_engine(served: database.Database, arguments: Sequence[str]) -> tuple[float, float]:
    """Seconds of the whole process, and of the part after Spark is up and the contract is checked."""
    with tempfile.TemporaryDirectory() as output:
        command = [
            sys.executable,
            str(PROJECT / "Glue/etl.py"),
            "--database-url",
            served.url,
            "--output",
            output,
        ]
        began = time.monotonic()
        done = subprocess.run(
            [*command, *arguments], capture_output=True, text=True, check=True, env=spark_environment(PROJECT)
        )
        whole = time.monotonic() - began
    events = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    times = {event["event"]: datetime.fromisoformat(event["time"]) for event in events}
    return whole, (datetime.fromisoformat(events[-1]["time"]) - times["contract_checked"]).total_seconds()


def run_in_spark(served: database.Database) -> tuple[float, float]:
    """The same for the way of the public solutions."""
    url = f"jdbc:postgresql://{served.host}:{served.port}/{served.name}"
    began = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-c", IN_SPARK, url, served.user, served.password],
        capture_output=True,
        text=True,
        check=True,
        env=spark_environment(PROJECT),
    )
    return time.monotonic() - began, float(json.loads(done.stdout.splitlines()[-1])["seconds"])


def copy_out(connection: psycopg.Connection) -> int:
    """PostgreSQL's own way into a file; its size in bytes."""
    with tempfile.TemporaryFile() as file:
        with connection.cursor().copy(f"copy ({BY_HAND}) to stdout (format csv, header)") as copy:
            for block in copy:
                file.write(block)
        return file.tell()


def main() -> None:
    """Load, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--loans", type=int, default=1_000_000)
    loans = parser.parse_args().loans
    clients = min(2_000_000, loans // 5)
    with tempfile.TemporaryDirectory() as folder, database.serve(Path(folder)) as served:
        with psycopg.connect(served.url) as connection:
            connection.execute(store.TABLES)
            connection.execute(LOAD.format(loans=loans, clients=clients, branches=600))
            connection.execute(store.INDEXES)
        with psycopg.connect(served.url) as connection:
            floor = seconds(lambda: connection.execute(BY_HAND).fetchall())
            copy = seconds(lambda: copy_out(connection), 1)
        month = min(run_engine(served, ["--period", LAST]) for _ in range(2))
        year = run_engine(served, ["--from", "2025-11", "--to", LAST])
        peers = run_in_spark(served)
    table = Table(
        title=f"{loans:,} loans, {clients:,} clients, 600 branches, 3 months, {os.cpu_count()} cores"
    )
    for column in ("way", "after start", "x floor", "whole process", "x engine"):
        table.add_column(column, justify="left" if column == "way" else "right")

    def row(way: str, after: float, whole: float | None = None) -> None:
        compared = f"{whole / month[0]:.1f}" if whole else ""
        table.add_row(
            way, f"{after:.2f} s", f"{after / floor:.1f}", f"{whole:.1f} s" if whole else "", compared
        )

    row("floor: the aggregate by hand, in PostgreSQL", floor)
    row("PostgreSQL's COPY of it to a file", copy)
    row("engine, one month", month[1], month[0])
    row("engine, back-fill of 12 months in one read", year[1], year[0])
    row("five tables over JDBC, joined in Spark", peers[1], peers[0])
    Console(width=110).print(table)


if __name__ == "__main__":
    main()
