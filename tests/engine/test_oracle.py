"""Random stores against an oracle in another technology: plain Python over the rows, no SQL and no Spark.

The oracle is naive on purpose. It walks every loan for every branch and month, and divides fractions.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import ROUND_HALF_UP, Context, Decimal
from fractions import Fraction
from pathlib import Path
from typing import LiteralString
from zoneinfo import ZoneInfo

import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.engine.bank import TABLES, Engine

FIRST, LAST = (2026, 7), (2026, 10)
# Days on which mistakes show: edges of months and of windows, a leap day's absence, the far past and future.
DAYS = (
    date(2026, 1, 1),
    date(2026, 4, 30),
    *(date(2026, month, day) for month in range(5, 12) for day in (1, 15, 28)),
    *(date(2026, month, 1) - timedelta(days=1) for month in range(6, 12)),
    date(2025, 10, 15),
    date(2031, 10, 15),
)
ADDRESSES = ("Main St 1", "", "=SUM(A1)", 'say "hi", twice', "two\nlines", "Łódź", None)


@dataclass(frozen=True)
class Loan:
    amount: Decimal | None
    branch: int | None
    moment: datetime | None  # UTC


@dataclass(frozen=True)
class Case:
    """A store, and the questions to ask of it."""

    banks: int
    branches: tuple[tuple[int, str | None], ...]  # bank's index, address
    loans: tuple[Loan, ...]
    digits: int  # of the amounts, after the point
    date_type: LiteralString
    time_zone: str
    aggregate: str
    window: int
    scale: int
    analysed: bool  # whether the planner knows how small this is, and so how the result is fetched


@st.composite
def cases(draw: st.DrawFn) -> Case:
    banks = draw(st.integers(1, 4))
    branches = draw(
        st.lists(st.tuples(st.integers(0, banks - 1), st.sampled_from(ADDRESSES)), min_size=1, max_size=6)
    )
    digits = draw(st.sampled_from((0, 2, 5)))
    date_type: LiteralString = draw(st.sampled_from(("date", "timestamp", "timestamptz")))
    zone = draw(st.sampled_from(("Etc/GMT", "Europe/Paris", "America/Havana", "Pacific/Kiritimati")))
    unit = Decimal(1).scaleb(-digits)
    amount = st.one_of(st.none(), st.integers(-(10**12), 10**12).map(lambda n: n * unit), st.just(unit))
    moment = st.builds(
        lambda day, seconds: datetime(day.year, day.month, day.day, tzinfo=UTC) + timedelta(seconds=seconds),
        st.sampled_from(DAYS),
        # Round midnight in every zone above, to the microsecond.
        st.sampled_from((0, 1, 43200, 86399, 86399.999999, 79200, 79199, 36000, 35999, 14400, 18000, 16200)),
    )
    loan = st.builds(
        Loan, amount, st.integers(0, len(branches) - 1), st.one_of(moment, moment, moment, st.none())
    )
    return Case(
        banks=banks,
        branches=tuple(branches),
        loans=tuple(draw(st.lists(loan, max_size=40))),
        digits=digits,
        date_type=date_type,
        time_zone=zone,
        aggregate=draw(st.sampled_from(("avg", "sum", "count", "min", "max"))),
        window=draw(st.integers(1, 5)),
        scale=draw(st.integers(0, 6)),
        analysed=draw(st.booleans()),
    )


def month_of(case: Case, loan: Loan) -> tuple[int, int] | None:
    """The calendar month that a loan lies in, in the extract's time zone."""
    if loan.moment is None:
        return None
    moment = loan.moment
    if case.date_type == "timestamptz":
        moment = moment.astimezone(ZoneInfo(case.time_zone))
    return moment.year, moment.month


def text(value: Fraction | Decimal | int, scale: int) -> str:
    """Fixed-point, half up. A fraction becomes a decimal of 200 digits first: far beyond any tie here."""
    exact = Fraction(value)
    wide = Context(prec=200)
    quotient = wide.divide(Decimal(exact.numerator), Decimal(exact.denominator))
    rounded = quotient.quantize(Decimal(1).scaleb(-scale), rounding=ROUND_HALF_UP, context=wide)
    return f"{abs(rounded) if rounded == 0 else rounded:f}"


def expected(case: Case, period: tuple[int, int]) -> dict[str, list[dict[str, str]]]:
    """Bank to the lines of its file."""
    year, month = period
    months = {divmod(year * 12 + month - 1 - back, 12) for back in range(case.window)}
    inside = {(y, m + 1) for y, m in months}
    first, outside = min(inside), date(year + month // 12, month % 12 + 1, 1)
    files: dict[str, list[dict[str, str]]] = {f"Bank {bank}": [] for bank in range(case.banks)}
    for branch, (bank, address) in enumerate(case.branches):
        amounts = [
            loan.amount
            for loan in case.loans
            if loan.branch == branch and month_of(case, loan) in inside and loan.amount is not None
        ]
        total = sum((Fraction(amount) for amount in amounts), Fraction(0))
        line = {
            "bank_name": f"Bank {bank}",
            "branch_id": str(branch),
            "branch_address": f"'{address}" if address and address[0] == "=" else address or "",
            "period": f"{year}-{month:02d}",
            "window_start": f"{first[0]}-{first[1]:02d}-01",
            "window_end": (outside - timedelta(days=1)).isoformat(),
            "loans_count": str(len(amounts)),
            "amount_sum": text(total, case.scale) if amounts else "",
        }
        if case.aggregate != "sum":
            figure = ""
            if amounts:
                figure = {
                    "avg": text(total / len(amounts), case.scale),
                    "count": str(len(amounts)),
                    "min": text(min(amounts), case.scale),
                    "max": text(max(amounts), case.scale),
                }[case.aggregate]
            line[f"amount_{case.aggregate}"] = figure
        files[f"Bank {bank}"].append(line)
    return files


def load(connection: psycopg.Connection[tuple[object, ...]], case: Case) -> None:
    amount: LiteralString = {0: "bigint", 2: "numeric(20,2)", 5: "numeric"}[case.digits]
    connection.execute('DROP TABLE IF EXISTS "Bank", "Branch", "Client", "Account", "Loans"')
    connection.execute(TABLES.format(amount=amount, date=case.date_type))
    rows = connection.cursor()
    rows.executemany('INSERT INTO "Bank" VALUES (%s, %s)', [(i, f"Bank {i}") for i in range(case.banks)])
    rows.executemany(
        'INSERT INTO "Branch" VALUES (%s, %s, %s)', [(i, *branch) for i, branch in enumerate(case.branches)]
    )
    rows.executemany(
        'INSERT INTO "Client" VALUES (%s, %s, %s, %s)', [(i, "a", "b", i) for i in range(len(case.branches))]
    )
    rows.executemany(
        'INSERT INTO "Account" VALUES (%s, 0, %s)', [(i, i // 2) for i in range(2 * len(case.branches))]
    )
    rows.executemany(
        'INSERT INTO "Loans" VALUES (%s, %s, %s, %s)',
        [
            (i, loan.amount, None if loan.branch is None else 2 * loan.branch + i % 2, written(case, loan))
            for i, loan in enumerate(case.loans)
        ],
    )

    if case.analysed:
        connection.execute('ANALYZE "Branch"')


def written(case: Case, loan: Loan) -> object:
    if loan.moment is None or case.date_type == "timestamptz":
        return loan.moment
    return loan.moment.date() if case.date_type == "date" else loan.moment.replace(tzinfo=None)


@given(case=cases())
def test_every_file_of_every_month_is_what_the_oracle_says(case: Case, engine: Engine) -> None:
    load(engine.store.connection, case)
    shutil.rmtree(engine.folder, ignore_errors=True)
    delivered = engine(
        *("--from", f"{FIRST[0]}-{FIRST[1]:02d}", "--to", f"{LAST[0]}-{LAST[1]:02d}"),
        aggregate=case.aggregate,
        window_months=case.window,
        scale=case.scale,
        time_zone=case.time_zone,
    )
    for month in range(FIRST[1], LAST[1] + 1):
        period = f"2026-{month:02d}"
        found = {
            bank: delivered.lines(bank.replace(" ", ""), period) for bank in expected(case, (2026, month))
        }
        assert found == expected(case, (2026, month))
        assert_totals(case, (2026, month), delivered.manifest(period))


def assert_totals(case: Case, period: tuple[int, int], manifest: dict[str, dict[str, object]]) -> None:
    """The manifest's totals are those of the rows, whatever became of them."""
    months = {divmod(period[0] * 12 + period[1] - 1 - back, 12) for back in range(case.window)}
    inside = [loan for loan in case.loans if month_of(case, loan) in {(y, m + 1) for y, m in months}]
    total = sum((Fraction(loan.amount) for loan in inside if loan.amount is not None), Fraction(0))
    source = manifest["source"]
    assert (source["rows"], Fraction(str(source["sum"]))) == (len(inside), total)
    assert manifest["totals"] == source


def test_the_oracle_itself_says_what_a_person_would(tmp_path: Path) -> None:
    """One case worked out by hand, so that engine and oracle cannot be wrong together."""
    noon = datetime(2026, 10, 1, 12, tzinfo=UTC)
    loans = (Loan(Decimal(10), 0, noon), Loan(Decimal(5), 0, noon), Loan(None, 0, noon))
    case = Case(1, ((0, "=x"),), loans, 0, "date", "Etc/GMT", "avg", 3, 1, False)
    assert expected(case, (2026, 12)) == {
        "Bank 0": [
            {
                "bank_name": "Bank 0",
                "branch_id": "0",
                "branch_address": "'=x",
                "period": "2026-12",
                "window_start": "2026-10-01",
                "window_end": "2026-12-31",
                "loans_count": "2",
                "amount_sum": "15.0",
                "amount_avg": "7.5",
            }
        ]
    }


@pytest.mark.parametrize(
    ("value", "scale", "written"),
    [(Fraction(1, 200), 2, "0.01"), (Fraction(-1, 200), 2, "-0.01"), (Fraction(-1, 300), 2, "0.00")],
)
def test_the_oracle_rounds_half_up(value: Fraction, scale: int, written: str) -> None:
    assert text(value, scale) == written
