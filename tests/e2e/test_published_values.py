"""The values that projects publish from a database, without AWS.

One process runs every project of `options.combinations()`. Some results are computed by hand. For the
other results, the test computes the expected values from `FACTS`, without SQL and without the engine.
"""

from __future__ import annotations

import csv
import io
import json
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path

import psycopg
import pytest

from extracts import preview
from local_cloud import database
from tests.support import options

L, M, D, A = "L" + "o" * 62, "M" + "e" * 62, "D" + "a" * 62, "A" + "c" * 62
K, I, N, O = "k" + "e" * 62, "i" + "d" * 62, "n" + "a" * 62, "o" + "w" * 62  # noqa: E741

STORE = f"""
CREATE TABLE "Bank" ("idBank" int PRIMARY KEY, "Name" text);
CREATE TABLE "Branch" ("idBranch" int PRIMARY KEY, "Bank_idBank" int, "Address" text);
CREATE TABLE "Client" ("idClient" int PRIMARY KEY, "Branch_idBranch" int);
CREATE TABLE "Account" ("idAccount" int PRIMARY KEY, "Client_idClient" int);
CREATE TABLE "Loans" ("idLoan" int PRIMARY KEY, "Amount" int, "Account_idAccount" int, loan_date date);
INSERT INTO "Bank" VALUES (1, 'First Bank');
INSERT INTO "Branch" VALUES (1, 1, '1 Main Street'), (2, 1, '2, "Old" Road');
INSERT INTO "Client" VALUES (1, 1);
INSERT INTO "Account" VALUES (1, 1);
INSERT INTO "Loans" VALUES (1, 70, 1, '2026-08-01'), (2, 90, 1, '2026-10-31'), (3, 500, 1, '2026-07-31');

CREATE SCHEMA shop;
CREATE TABLE shop."Till Slip" (till text, shop text, total numeric(9, 2), printed date);
INSERT INTO shop."Till Slip" VALUES
  ('t1', 'North', 10.10, '2026-10-01'), ('t1', 'North', 5.05, '2026-10-31'),
  ('t1', 'North', 99, '2026-09-30'), ('t2', 'North', NULL, '2026-10-02'), ('t3', 'South', 0.01, '2026-10-15');

CREATE TABLE "支店" (id int PRIMARY KEY, "銀行" text, "開設日" date);
CREATE TABLE "融資" ("金額" int, "支店_id" int);
INSERT INTO "支店" VALUES (1, '青銀行', '2026-09-01'), (2, '青銀行', '2026-11-01');
INSERT INTO "融資" VALUES (5, 1), (NULL, 1), (7, 1), (9, 2);

-- Each column of either key alone would lead to several rows, or to those of another owner.
CREATE TABLE "Owner" (country text, number int, name text, PRIMARY KEY (country, number));
CREATE TABLE "Salt and Pepper"
  ("and" int, "salt and pepper" text, country text, PRIMARY KEY ("and", "salt and pepper"));
CREATE TABLE "Tills" ("Takings" numeric(9, 2), day date, "and" int, "salt and pepper" text);
INSERT INTO "Owner" VALUES ('at', 1, 'Anna'), ('at', 2, 'Bert'), ('de', 1, 'Carl');
INSERT INTO "Salt and Pepper" VALUES (1, 'x', 'at'), (2, 'x', 'at'), (1, 'y', 'de');
INSERT INTO "Tills" VALUES
  (1.25, '2026-10-01', 1, 'x'), (2.50, '2026-10-31', 1, 'x'), (100, '2026-10-02', 2, 'x'),
  (1000, '2026-10-03', 1, 'y'), (7, '2026-09-30', 1, 'y');

CREATE TABLE "{A}" ("{I}" int PRIMARY KEY, "{K}" int, "{N}" text, "{O}" text);
CREATE TABLE "{L}" ("{M}" numeric(12, 4), "{K}" int, "{D}" date);
INSERT INTO "{A}" VALUES (1, 11, 'one', 'Owner');
INSERT INTO "{L}" VALUES (2.005, 1, '1999-01-01'), (3, 1, '2026-10-31'), (1, 1, '2026-11-01');
"""

# For each aggregate: the name of the shape, the window in months, the header, and the expected files.
MONTH = "2026-10,2026-10-01,2026-10-31"
EXPECTED: dict[str, tuple[str, str, str, dict[str, list[str]]]] = {
    "max": (
        "as by default",
        "3",
        "bank_name,branch_id,branch_address,period,window_start,window_end,loans_count,amount_sum,amount_max",
        {
            "FirstBank_20261031.csv": [
                "First Bank,1,1 Main Street,2026-10,2026-08-01,2026-10-31,2,160,90",
                'First Bank,2,"2, ""Old"" Road",2026-10,2026-08-01,2026-10-31,0,,',
            ]
        },
    ),
    "sum": (
        "without joins, outside the schema public",
        "1",
        "shop,till,period,window_start,window_end,till_slip_count,total_sum",
        {
            "North_20261031.csv": [f"North,t1,{MONTH},2,15.15", f"North,t2,{MONTH},0,"],
            "South_20261031.csv": [f"South,t3,{MONTH},1,0.01"],
        },
    ),
    "count": (
        "in another script, dated on a joined table",
        "2",
        "bank_name,branch_id,period,window_start,window_end,融資_count,金額_sum,金額_count",
        {
            "青銀行_20261031.csv": [
                "青銀行,1,2026-10,2026-09-01,2026-10-31,2,12,2",
                "青銀行,2,2026-10,2026-09-01,2026-10-31,0,,0",
            ]
        },
    ),
    "avg": (
        "over keys of several columns, one of them called and",
        "1",
        "owner,country,shop,period,window_start,window_end,tills_count,takings_sum,takings_avg",
        {
            "Anna_20261031.csv": [f"Anna,at,1,{MONTH},2,3.75,1.88"],
            "Bert_20261031.csv": [f"Bert,at,2,{MONTH},1,100.00,100.00"],
            "Carl_20261031.csv": [f"Carl,de,1,{MONTH},1,1000.00,1000.00"],
        },
    ),
    "min": (
        "with names as long as PostgreSQL allows them",
        "1200",
        f"{O},{K},{N},period,window_start,window_end,{L.lower()}_count,{M.lower()}_sum,{M.lower()}_min",
        {"Owner_20261031.csv": ["Owner,11,one,2026-10,1926-11-01,2026-10-31,2,5.01,2.01"]},
    ),
}


# The rows in the databases of this file, keyed by shape, recipient and group. A row has a day and a value.
FACTS: dict[str, dict[str, dict[tuple[str, ...], list[tuple[str, str | None]]]]] = {
    "as by default": {
        "First Bank": {
            ("1", "1 Main Street"): [("2026-08-01", "70"), ("2026-10-31", "90"), ("2026-07-31", "500")],
            ("2", '2, "Old" Road'): [],
        }
    },
    "without joins, outside the schema public": {
        "North": {
            ("t1",): [("2026-10-01", "10.10"), ("2026-10-31", "5.05"), ("2026-09-30", "99")],
            ("t2",): [("2026-10-02", None)],
        },
        "South": {("t3",): [("2026-10-15", "0.01")]},
    },
    "in another script, dated on a joined table": {
        "青銀行": {
            ("1",): [("2026-09-01", "5"), ("2026-09-01", None), ("2026-09-01", "7")],
            ("2",): [("2026-11-01", "9")],
        }
    },
    "over keys of several columns, one of them called and": {
        "Anna": {("at", "1"): [("2026-10-01", "1.25"), ("2026-10-31", "2.50")]},
        "Bert": {("at", "2"): [("2026-10-02", "100")]},
        "Carl": {("de", "1"): [("2026-10-03", "1000"), ("2026-09-30", "7")]},
    },
    "with names as long as PostgreSQL allows them": {
        "Owner": {("11", "one"): [("1999-01-01", "2.005"), ("2026-10-31", "3"), ("2026-11-01", "1")]}
    },
}
FILES = {
    "First Bank": "FirstBank_20261031.csv",
    "North": "North_20261031.csv",
    "South": "South_20261031.csv",
    "青銀行": "青銀行_20261031.csv",
    **{name: f"{name}_20261031.csv" for name in ("Anna", "Bert", "Carl")},
    "Owner": "Owner_20261031.csv",
}
# Delimiter and decimal mark in the files, keyed by the answer to the question `delimiter`. If the answer is
# `other`, the spec has the default marks until the user edits the spec.
MARKS = {"comma": (",", "."), "semicolon": (";", ","), "tab": ("\t", "."), "other": (",", ".")}
# Shapes whose metric is a column of whole numbers. The sum, the minimum and the maximum of such a column are
# whole numbers, too.
WHOLE = ("as by default", "in another script, dated on a joined table")
RUN_ALL = """
import json, runpy, sys
for script, url, output in json.load(sys.stdin):
    sys.argv = [script, "--database-url", url, "--output", output, "--period", "2026-10"]
    runpy.run_path(script, run_name="__main__")
"""
Answers = options.Answers
Files = dict[str, str]


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[database.Database]:
    with database.serve(tmp_path_factory.mktemp("store")) as found:
        with psycopg.connect(found.url) as connection:
            connection.execute(STORE)
        yield found


def by_hand() -> dict[str, Answers]:
    """Return the answers for each project whose results are computed by hand, keyed by aggregate."""
    return {
        aggregate: options.merged(options.SHAPES[shape], {"aggregate": aggregate, "window_months": months})
        for aggregate, (shape, months, _, _) in EXPECTED.items()
    }


@pytest.fixture(scope="module")
def delivered(
    served: database.Database, stamp_into: Callable[..., Path], tmp_path_factory: pytest.TempPathFactory
) -> list[tuple[Answers, Files]]:
    """Run the job of each project, and return its files. Projects with equal specs share one run."""
    folder = tmp_path_factory.mktemp("figures")
    specs: dict[bytes, tuple[Path, Answers]] = {}
    for number, answers in enumerate([*by_hand().values(), *options.combinations()]):
        project = stamp_into(folder / str(number), **answers)
        specs.setdefault((project / "Glue/etl.py").read_bytes(), (project, answers))
    projects = list(specs.values())
    order = [
        (str(project / "Glue/etl.py"), served.url, str(folder / f"{project.parent.name}.out"))
        for project, _ in projects
    ]
    done = subprocess.run(
        [sys.executable, "-c", RUN_ALL],
        input=json.dumps(order),
        capture_output=True,
        text=True,
        check=False,
        env=preview.environment(projects[0][0]),
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return [
        (answers, {path.name: path.read_bytes().decode() for path in Path(output).rglob("*.csv")})
        for (_, answers), (_, _, output) in zip(projects, order, strict=True)
    ]


@pytest.mark.parametrize("aggregate", EXPECTED)
def test_project_publishes_values_computed_by_hand(
    aggregate: str, delivered: list[tuple[Answers, Files]]
) -> None:
    _, _, header, files = EXPECTED[aggregate]
    [written] = [found for answers, found in delivered if answers == by_hand()[aggregate]]
    assert written == {
        name: "".join(f"{line}\r\n" for line in (header, *lines)) for name, lines in files.items()
    }


def test_every_project_publishes_correct_values(delivered: list[tuple[Answers, Files]]) -> None:
    tried = set()
    for given, written in delivered:
        answers = {question: options.default(question) for question in options.asked_for()} | given
        [shape] = [name for name, parts in options.SHAPES.items() if parts.items() <= answers.items()][-1:]
        tried.add((shape, answers["aggregate"]))
        marks = MARKS[answers["delimiter"]]
        assert written == expected(shape, answers["aggregate"], int(answers["window_months"]), *marks), given
    # Every aggregate is tested with every shape.
    assert len(tried) == len(options.SHAPES) * len(options.choices("aggregate") or ())


def expected(shape: str, aggregate: str, months: int, delimiter: str, decimal: str) -> Files:
    """Return the expected files of October 2026, computed from the facts."""
    end = date(2026, 11, 1)
    year, month = divmod(end.year * 12 + end.month - 1 - months, 12)
    start = date(year, month + 1, 1)
    [columns] = [header.split(",") for named, _, header, _ in EXPECTED.values() if named == shape]
    count = columns.index("window_end") + 1
    metric = columns[count + 1].removesuffix("_sum")
    # Every file has a column for the sum. If the aggregate is not sum, the metric has a second column.
    header = [*columns[: count + 1], *dict.fromkeys([f"{metric}_sum", f"{metric}_{aggregate}"])]
    found = {}
    for recipient, groups in FACTS[shape].items():
        text = io.StringIO()
        lines = csv.writer(text, delimiter=delimiter)
        lines.writerow(header)
        for group, facts in groups.items():
            values = [Decimal(v) for day, v in facts if v and start <= date.fromisoformat(day) < end]
            period = ("2026-10", start, end - timedelta(days=1), len(values))
            total, figure = figures(aggregate, values, whole=shape in WHOLE)
            sums = [str(value).replace(".", decimal) for value in (total, figure)]
            lines.writerow([recipient, *group, *period, *(sums if aggregate != "sum" else sums[:1])])
        found[FILES[recipient]] = text.getvalue()
    return found


def figures(aggregate: str, values: Sequence[Decimal], *, whole: bool) -> tuple[str, str]:
    """Return the sum and the metric as a file shows them.

    If there are no values, the sum is empty. Then a count is 0, and any other metric is empty.
    """
    if not values:
        return "", "0" if aggregate == "count" else ""
    total = sum(values, Decimal())
    shown = str(total) if whole else money(total)
    if aggregate == "count":
        return shown, str(len(values))
    found = {"avg": total / len(values), "sum": total, "min": min(values), "max": max(values)}
    value = found[aggregate]
    return shown, str(value) if whole and aggregate != "avg" else money(value)


def money(value: Decimal) -> str:
    return str(value.quantize(Decimal("0.01"), ROUND_HALF_UP))
