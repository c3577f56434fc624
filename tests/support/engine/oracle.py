"""The expected files of random sources, computed in plain Python without SQL and Spark.

The oracle is naive on purpose. It follows the joins of each loan one by one, and divides fractions.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Context, Decimal
from fractions import Fraction
from zoneinfo import ZoneInfo

from tests.support.engine.random_sources import (
    Month,
    Row,
    Setting,
    Tables,
)


@dataclass(frozen=True)
class Expected:
    """The expected publication of one period."""

    files: dict[str, list[dict[str, str]]]
    rows: int  # of the source, in the window
    total: Fraction
    orphans: int
    undated: int


Group = tuple[object, ...]


def oracle(setting: Setting, made: Tables, period: Month) -> Expected:
    inside = {divmod(period[0] * 12 + period[1] - 1 - back, 12) for back in range(setting.window)}
    amounts: dict[tuple[str, Group], list[Decimal]] = {}
    rows = orphans = undated = 0
    total = Fraction(0)
    for branch in made.Branch.values() if not setting.by_kind else ():
        if (owner := recipient(setting, made, "Branch", branch)) is not None:
            amounts[owner, group_of(setting, branch)] = []
    for loan in made.Loans.values():
        if not counts(setting, loan):
            continue
        dated: Row | None = loan
        if setting.dated_by == "Account":
            dated = made.Account.get(loan.parent) if loan.parent is not None else None
        if dated is None:
            undated += 1
            continue
        month = month_of(setting, dated)
        if month is None or month > (period[0], period[1] - 1):
            continue
        owner, measured = recipient(setting, made, "Loans", loan), loan
        if setting.measured_by == "Price":
            measured = made.Price.get(-1 if loan.price is None else loan.price, Row(loan.world, -1))
            if measured.number == -1 and "Price" not in setting.optional:
                owner = None
        branch_row = walk(setting, made, loan, "Branch")
        key = (loan.name,) if setting.by_kind else group_of(setting, branch_row)
        if month not in inside:
            if setting.by_kind and owner is not None:
                amounts.setdefault((owner, key), [])
            continue
        rows += 1
        total += Fraction(measured.amount or 0)
        if owner is None:
            orphans += 1
        else:
            found = amounts.setdefault((owner, key), [])
            if measured.amount is not None:
                found.append(measured.amount)
    files: dict[str, list[dict[str, str]]] = {row.name: [] for row in made.Bank.values() if row.name}
    if setting.optional & set(setting.hops):
        files["Unassigned"] = []
    for owner, key in sorted(amounts, key=in_order):
        files[owner].append(line(setting, period, owner, key, amounts[owner, key]))
    return Expected(files, rows, total, orphans, undated)


def in_order(place: tuple[str, Group]) -> tuple[str, list[tuple[object, ...]]]:
    """Return the sort key of a row: numbers as numbers, and missing values first."""
    return place[0], [() if value is None else (value,) for value in place[1]]


def walk(setting: Setting, made: Tables, loan: Row, goal: str) -> Row | None:
    """Return the row of the table `goal` that a loan reaches through the joins, or None."""
    row: Row | None = loan
    for hop in setting.hops[: setting.hops.index(goal) + 1]:
        row = follow(made, row, hop)
    return row


def follow(made: Tables, row: Row | None, hop: str) -> Row | None:
    if row is None:
        return None
    key = row.head if hop == "Head" else row.parent
    table: dict[int, Row] = getattr(made, "Branch" if hop == "Head" else hop)
    return table.get(key) if key is not None else None


def recipient(setting: Setting, made: Tables, start: str, row: Row) -> str | None:
    """Return the recipient of a loan or a branch, or None for an orphan row.

    The first join that finds no row decides.
    """
    hops = setting.hops if start == "Loans" else setting.hops[setting.hops.index(start) + 1 :]
    for hop in hops:
        reached = follow(made, row, hop)
        if reached is None:
            return "Unassigned" if hop in setting.optional else None
        row = reached
    return row.name


def group_of(setting: Setting, branch: Row | None) -> Group:
    if branch is None:
        return None, None, None
    return branch.world, branch.number % 1000 if setting.composite else branch.number, branch.name


def counts(setting: Setting, loan: Row) -> bool:
    number = loan.number % 1000
    match setting.condition:
        case "plain":
            return number % 3 != 0
        case "null is not true":
            return loan.name is not None and loan.name != "b"
        case "of two":
            return loan.name in ("b", None) and number > 4
        case _:
            return True


def month_of(setting: Setting, row: Row) -> Month | None:
    """Return the calendar month of a row in the time zone of the extract; January is 0."""
    if row.moment is None:
        return None
    moment = row.moment
    if setting.date_type == "timestamptz":
        moment = moment.astimezone(ZoneInfo(setting.time_zone))
    return moment.year, moment.month - 1


def line(setting: Setting, period: Month, owner: str, key: Group, amounts: list[Decimal]) -> dict[str, str]:
    year, month = period
    first = divmod(year * 12 + month - setting.window, 12)
    outside = date(year + month // 12, month % 12 + 1, 1)
    labels = ("kind",) if setting.by_kind else ("world", "branch", "address")
    total = sum((Fraction(amount) for amount in amounts), Fraction(0))
    made = {
        "bank_name": owner,
        **{name: label(value) for name, value in zip(labels, key, strict=True)},
        "period": f"{year}-{month:02d}",
        "window_start": f"{first[0]}-{first[1] + 1:02d}-01",
        "window_end": (outside - timedelta(days=1)).isoformat(),
        "loans_count": str(len(amounts)),
        "amount_sum": text(total, setting.scale) if amounts else "",
    }
    if setting.aggregate != "sum":
        figures = {
            "avg": lambda: text(total / len(amounts), setting.scale),
            "count": lambda: str(len(amounts)),
            "min": lambda: text(min(amounts), setting.scale),
            "max": lambda: text(max(amounts), setting.scale),
            "median": lambda: text(percentile(amounts, 50), setting.scale),
            "p1": lambda: text(percentile(amounts, 1), setting.scale),
            "p90": lambda: text(percentile(amounts, 90), setting.scale),
        }
        made[f"amount_{setting.aggregate}"] = figures[setting.aggregate]() if amounts else ""
    return made


def percentile(amounts: list[Decimal], hundredths: int) -> Fraction:
    """Return the percentile, interpolated linearly between the two nearest values."""
    values = [Fraction(amount) for amount in sorted(amounts)]
    way = Fraction(hundredths * (len(values) - 1), 100)
    whole = way.numerator // way.denominator
    return values[whole] + (way - whole) * (values[min(whole + 1, len(values) - 1)] - values[whole])


def label(value: object) -> str:
    written = "" if value is None else str(value)
    return f"'{written}" if written.startswith("=") else written


def text(value: Fraction | Decimal | int, scale: int) -> str:
    """Return the value in fixed-point notation, rounded half up.

    The division has 200 digits, more than enough to recognize a tie.
    """
    exact = Fraction(value)
    wide = Context(prec=200)
    quotient = wide.divide(Decimal(exact.numerator), Decimal(exact.denominator))
    rounded = quotient.quantize(Decimal(1).scaleb(-scale), rounding=ROUND_HALF_UP, context=wide)
    return f"{abs(rounded) if rounded == 0 else rounded:f}"
