"""Measure the memory of a run with ten million rows: `make bench-groups`.

`make bench-groups GROUPS=1000000` measures a run with another number of rows. This program is not a test. In
Spark's local mode, driver and executor are one Java process, so the memory of this process is the memory of
Spark. The engine is a Python process, which writes the files.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import psycopg

from extracts.preview import spark_environment
from local_cloud import database

PROJECT = Path(__file__).parents[1] / "examples/bank-loans"
SPEC = """
from rolling_extract import Extract, Join, Metric, run

run(Extract(
    entity="payment", date_column="day",
    joins=(
        Join("customer", left="payment.customer", right="id"),
        Join("region", left="customer.region", right="id"),
    ),
    recipient={"region": "region.name"},
    group_by={"customer_id": "customer.id", "customer_name": "customer.name"},
    metrics={
        "payment_count": Metric("count", "amount", window=3),
        "amount_sum": Metric("sum", "amount", window=3),
        "amount_avg": Metric("avg", "amount", window=3),
    },
))
"""
LOAD = """
create table region (id int primary key, name text);
create table customer (id int primary key, region int, name text);
create table payment (customer int, amount numeric(12, 2), day date);
insert into region select n, 'Region ' || n from generate_series(1, 4) n;
insert into customer select n, 1 + n % 4, 'Customer no. ' || n from generate_series(1, {groups}) n;
insert into payment
  select n, (n::bigint * 7919 % 5000000) / 100.0, date '2026-08-01' + n % 92
  from generate_series(1, {groups}) n;
analyze;
"""


class Watch:
    """Measure the highest resident sets of a process and its children, per program and in total, in bytes."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self.peaks: dict[str, int] = {}
        self.together = 0
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)
        self._thread.start()

    def end(self) -> None:
        self._ended.set()
        self._thread.join()

    def _look(self) -> None:
        while not self._ended.wait(0.25):
            now: dict[str, int] = {}
            for process in self._family():
                try:
                    status = (process / "status").read_text()
                except (FileNotFoundError, ProcessLookupError):
                    continue  # the process has ended in the meantime
                fields = dict(line.split(":", 1) for line in status.splitlines())
                size = int(fields.get("VmRSS", "0 kB").split()[0]) * 1024
                name = fields["Name"].strip()
                now[name] = now.get(name, 0) + size
            self.together = max(self.together, sum(now.values()))
            for name, size in now.items():
                self.peaks[name] = max(size, self.peaks.get(name, 0))

    def _family(self) -> list[Path]:
        parents = {}
        for status in Path("/proc").glob("[0-9]*/stat"):
            try:
                fields = status.read_text().rpartition(")")[2].split()
            except (FileNotFoundError, ProcessLookupError):
                continue
            parents[int(status.parent.name)] = int(fields[1])
        family = {self.pid}
        while more := {pid for pid, parent in parents.items() if parent in family} - family:
            family |= more
        return [Path("/proc") / str(pid) for pid in family]


def main() -> None:
    """Load the source, run the engine, and print the results."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--groups", type=int, default=10_000_000)
    groups = parser.parse_args().groups
    with tempfile.TemporaryDirectory() as name, database.serve(Path(name)) as served:
        folder = Path(name)
        with psycopg.connect(served.url) as connection:
            connection.execute(LOAD.format(groups=groups).encode())
        (folder / "etl.py").write_text(SPEC)
        output = ["--output", str(folder / "out"), "--period", "2026-10"]
        began = time.monotonic()
        run = subprocess.Popen(
            [sys.executable, folder / "etl.py", "--database-url", served.url, *output],
            env=spark_environment(PROJECT),
            stdout=subprocess.PIPE,
            text=True,
        )
        watch = Watch(run.pid)
        said = run.communicate()[0].splitlines()
        seconds = time.monotonic() - began
        watch.end()
        print(json.loads(said[-1])["message"])
        if run.returncode:
            sys.exit(run.returncode)
        size = sum(path.stat().st_size for path in (folder / "out").rglob("*.csv"))
    peaks = ", ".join(f"{name} {peak / 1e6:,.0f} MB" for name, peak in sorted(watch.peaks.items()))
    print(f"{groups:,} groups, {size / 1e6:,.0f} MB of files, {seconds:,.0f} s in total")
    print(f"highest resident set of all processes: {watch.together / 1e6:,.0f} MB ({peaks})")


if __name__ == "__main__":
    main()
