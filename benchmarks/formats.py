"""Measure what the formats of a file cost: `make bench-formats`.

With GROUPS=10000000 FORMATS="delimiter,fixed width,gzip" ROUNDS=2, the program measures ten million rows and
only these formats. It is not a test. The source is the same as in `groups.py`: a file has one row for each
customer. The source is loaded once. A ratio compares a whole run, including the query, with a run that writes
the default file.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from functools import partial
from pathlib import Path

import psycopg
from rich.console import Console
from rich.table import Table

from benchmarks import groups, measure
from benchmarks.measure import Cost
from extracts.preview import environment
from local_cloud import database

FORMATS = {
    "the default": "File()",
    "CSV with another delimiter": 'File(format=Csv(delimiter=";"))',
    "CSV for Germany": 'File(format=Csv(delimiter=";", decimal=",", thousands=".", date_format="%d.%m.%Y"))',
    "CSV with all values in quotes": 'File(format=Csv(quoting="all"))',
    "fixed width": """File(format=FixedWidth({"region": 12, "customer_id": -10, "customer_name": 24,
        "period": 7, "window_start": 10, "window_end": 10, "payment_count": -8,
        "amount_sum": Field(-15, fill="0"),
        "amount_avg": Field(-15, fill="0", implied=True)}))""",
    "gzip": 'File(compression="gzip")',
    "CSV with totals in the first record": 'File(header_record="H{rows:0>9}{sum[amount_sum]:0>18}")',
}


def run(script: Path, served: database.Database, folder: Path) -> Cost:
    """Run a script that writes its files to a new folder. Return the cost."""
    with tempfile.TemporaryDirectory(dir=folder) as output:
        given = ["--database-url", served.url, "--output", output, "--period", "2026-10"]
        peaks: list[int] = []
        command = [sys.executable, str(script), *given]
        work = partial(measure.peak_of, command, environment(groups.PROJECT))
        cost = measure.cost_of(lambda: peaks.append(work()), served.pid)
    cost = Cost(cost.wall, cost.client, cost.server, peaks[0])
    print(f"{script.stem}: {cost}", file=sys.stderr, flush=True)
    return cost


def chosen_formats(parts: str) -> dict[str, str]:
    """Return the default format, and the formats whose label contains one of the comma-separated `parts`."""
    default = next(iter(FORMATS))
    found = {label for label in FORMATS if any(part in label for part in parts.split(","))}
    return {label: form for label, form in FORMATS.items() if label in {default, *found}}


def main() -> None:
    """Load the source, run all formats, and print the results."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--groups", type=int, default=2_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument(
        "--formats",
        default="",
        help="formats to measure: parts of their labels, separated by commas; default: all formats",
    )
    given = parser.parse_args()
    chosen = chosen_formats(given.formats)
    with tempfile.TemporaryDirectory() as name, database.serve(Path(name)) as served:
        with psycopg.connect(served.url) as connection:
            connection.execute(groups.LOAD.format(groups=given.groups).encode())
        works = {}
        for number, (label, form) in enumerate(chosen.items()):
            script = Path(name) / f"etl{number}.py"
            imports = "from rolling_extract import Csv, Field, File, FixedWidth\n"
            script.write_text(imports + groups.SPEC.replace("run(Extract(", f"run(Extract(file={form},"))
            works[label] = partial(run, script, served, Path(name))
        costs = measure.rounds(given.rounds, works)
    title = f"{given.groups:,} rows; each value is the lowest of {given.rounds} rounds"
    table = Table(title=title, title_justify="left")
    titles = ("file", "CPU time", "CPU time of the process", "x default", "wall", "x default", "memory")
    for number, column in enumerate(titles):
        table.add_column(column, justify="right" if number else "left")
    default = next(iter(costs.values()))
    for label, cost in costs.items():
        seconds = (
            f"{cost.cpu:.1f} s",
            f"{cost.client:.1f} s",
            f"{cost.cpu / default.cpu:.2f}",
            f"{cost.wall:.1f} s",
            f"{cost.wall / default.wall:.2f}",
        )
        table.add_row(label, *seconds, f"{cost.peak / 1e6:,.0f} MB")
    Console(width=110).print(table)


if __name__ == "__main__":
    main()
