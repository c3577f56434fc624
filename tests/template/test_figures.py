"""What a stamped project computes, from a database alone: figures that were worked out by hand."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest
from tests.template import options

from extracts.local import database

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

CREATE TABLE "{A}" ("{I}" int PRIMARY KEY, "{K}" int, "{N}" text, "{O}" text);
CREATE TABLE "{L}" ("{M}" numeric(12, 4), "{K}" int, "{D}" date);
INSERT INTO "{A}" VALUES (1, 11, 'one', 'Owner');
INSERT INTO "{L}" VALUES (2.005, 1, '1999-01-01'), (3, 1, '2026-10-31'), (1, 1, '2026-11-01');
"""

# The shape of the answers, the figure and its months, and the files that must come out.
MONTH = "2026-10,2026-10-01,2026-10-31"
EXPECTED: dict[str, tuple[str, str, str, dict[str, list[str]]]] = {
    "max": (
        "as by default",
        "3",
        "bank_name,branch_id,branch_address,period,window_start,window_end,loans_count,amount_sum,amount_max",
        {
            "FirstBank_20261031.csv": [
                "First Bank,1,1 Main Street,2026-10,2026-08-01,2026-10-31,2,160.00,90.00",
                'First Bank,2,"2, ""Old"" Road",2026-10,2026-08-01,2026-10-31,0,,',
            ]
        },
    ),
    "sum": (
        "without hops, outside the schema public",
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
                "青銀行,1,2026-10,2026-09-01,2026-10-31,2,12.00,2",
                "青銀行,2,2026-10,2026-09-01,2026-10-31,0,,",
            ]
        },
    ),
    "min": (
        "with names as long as PostgreSQL takes them",
        "1200",
        f"{O},{K},{N},period,window_start,window_end,{L.lower()}_count,{M.lower()}_sum,{M.lower()}_min",
        {"Owner_20261031.csv": ["Owner,11,one,2026-10,1926-11-01,2026-10-31,2,5.01,2.01"]},
    ),
}


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[database.Database]:
    with database.serve(tmp_path_factory.mktemp("store")) as found:
        with psycopg.connect(found.url) as connection:
            connection.execute(STORE)
        yield found


@pytest.mark.parametrize("aggregate", EXPECTED)
def test_a_stamped_project_gives_the_right_figures(
    aggregate: str, served: database.Database, stamp: Callable[..., Path], tmp_path: Path
) -> None:
    shape, months, header, files = EXPECTED[aggregate]
    answers = options.merged(options.SHAPES[shape], {"aggregate": aggregate, "window_months": months})
    project = stamp(**answers)
    command = (sys.executable, "-m", "extracts", "preview", str(project), "--period", "2026-10")
    done = subprocess.run(
        [*command, "--database-url", served.url, "--output", str(tmp_path / "out")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    written = {path.name: path.read_bytes().decode() for path in (tmp_path / "out").rglob("*.csv")}
    assert written == {
        name: "".join(f"{line}\r\n" for line in (header, *lines)) for name, lines in files.items()
    }


def test_every_aggregate_is_tried() -> None:
    # The average is what bank-loans reports: its figures are compared row by row where the demo is.
    assert {*EXPECTED, "avg"} == set(options.choices("aggregate") or ())
