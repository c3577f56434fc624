"""Random extracts, and random rows for the tables of their sources.

One run of the engine takes seconds in Spark, even without rows. So `SOURCES` small sources share one
database, and one run reads all of them.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import LiteralString

from hypothesis import strategies as st

from rolling_spec import Extract, Join
from rolling_spec import Metric as SpecMetric
from tests.support.engine.expressions import (
    Among,
    Column,
    Comparison,
    Condition,
    Logic,
    Missing,
    Node,
    Number,
    conditions,
    nodes,
)
from tests.support.engine.oracle import YEAR_TO_DATE, Case, Month, Step, written
from tests.support.engine.values import Metric

SOURCES = 40
NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
# For each type of an amount: the number of digits after the decimal point of its values.
AMOUNTS: dict[LiteralString, int] = {
    "smallint": 0,
    "integer": 0,
    "bigint": 0,
    "numeric(20,2)": 2,
    "numeric": 5,
    "numeric(30,20)": 20,
    "money": 2,
    "real": 3,
    "double precision": 17,
}
WHOLE = ("smallint", "integer", "bigint")
# The largest amount for the types with a small range. A real represents only six digits exactly.
MOST = {"smallint": 32_767, "integer": 2**31 - 1, "real": 999_999}
JOINS = ("Account", "Client", "Branch", "Head", "Bank", "Price")
MERGING = ("avg", "sum", "count", "min", "max", "stddev")
AGGREGATES = (*MERGING, *MERGING, "count_distinct", "median", "p1", "p90")
ADDRESSES = ("Main St 1", "", "=SUM(A1)", 'say "hi", twice', "two\nlines", "Łódź", None)
CODES = ("a", "B", "é", "Z", "_", "10", "9")
# Times of the day in seconds. Each is close to midnight in one of the time zones of the tests.
SECONDS = (0, 1, 43200, 86399, 86399.999999, 79200, 79199, 36000, 35999, 14400, 18000, 16200)
ZONES = ("Etc/GMT", "Europe/Paris", "America/Havana", "Pacific/Kiritimati")

Row = dict[str, object]
Tables = dict[str, list[Row]]


RATING = Column("Bank", "rating", whole=True)
# Conditions for recipients. Some recipients must fulfill them, because the engine refuses a run that has no
# recipients.
RECIPIENTS: tuple[Condition, ...] = (
    Comparison(">", RATING, Number(Decimal(0))),
    Missing(RATING, negated=True),
    Logic("NOT", (Among(RATING, (1, 2, 3), negated=False),)),
)


@dataclass(frozen=True)
class Setting:
    """One run on several random sources: the extract (`case`), and settings of the tables and the run."""

    seed: int
    case: Case
    amount: LiteralString
    periods: tuple[Month, ...]
    # If true, a key is unique only within one random source. So joins also compare the column `world`, which
    # contains the number of the random source.
    composite: bool
    indexed: bool  # whether the joined columns have unique indexes
    analyzed: bool  # whether the planner has statistics, which changes its plan
    partitions: int  # number of partitions of the parallel read in Spark
    partition_by: str | None


def amount_columns(amount: str) -> list[Column]:
    """Return the columns that contain numbers."""
    whole = amount in WHOLE
    return [
        Column("Loans", "Amount", whole),
        Column("Loans", "quantity", whole=True),
        Column("Loans", "discount"),
        Column("Account", "Balance", whole=True),
        Column("Price", "Amount", whole),
        Column("Price", "factor"),
        Column("Bank", "rating", whole=True),
        Column("Head", "rooms", whole=True),
    ]


KIND = Column("Loans", "kind", text=True)
BRANCH = {
    "world": Column("Branch", "world", whole=True),
    "branch": Column("Branch", "idBranch", whole=True),
    "address": Column("Branch", "Address", text=True),
}
GROUPS: dict[str, dict[str, Column]] = {
    "branch": BRANCH,
    "address": {"address": Column("Branch", "Address", text=True)},
    "kind": {"kind": KIND},
    "kind and branch": {**BRANCH, "kind": KIND},
    "client": {"client": Column("Client", "idClient", whole=True), "world": Column("Client", "world")},
    "price": {"price": Column("Price", "idPrice", whole=True)},
    "bank": {"rating": Column("Bank", "rating", whole=True)},
}
LISTED = {
    "loan": Column("Loans", "idLoan", whole=True),
    "source": Column("Loans", "world", whole=True),
    "kind": KIND,
    "quantity": Column("Loans", "quantity", whole=True),
    "discount": Column("Loans", "discount"),
    "address": Column("Branch", "Address", text=True),
    "factor": Column("Price", "factor"),
}


@st.composite
def settings(draw: st.DrawFn) -> Setting:
    """Return a random extract. All values of an option have about the same probability."""
    amount = draw(st.sampled_from(sorted(AMOUNTS)))
    numbers, texts = amount_columns(amount), [KIND]
    own = [column for column in numbers if column.table == "Loans"]
    optional = draw(st.frozensets(st.sampled_from(JOINS), max_size=3))
    composite, by_head = draw(st.booleans()), draw(st.booleans())
    by_code = draw(st.booleans())
    listing = draw(st.sampled_from((False, False, False, True)))
    of_entity = draw(st.sampled_from((False, False, False, True)))
    recipient = Column("Loans", "owner", text=True) if of_entity else Column("Bank", "Name", text=True)
    date = Column(draw(st.sampled_from(("Loans", "Loans", "Account"))), "loan_date")
    incomplete = draw(st.booleans())
    last = 10 + incomplete
    case = Case(
        steps=steps(optional, composite=composite, by_head=by_head),
        recipient=recipient,
        group_by={} if listing else draw(st.sampled_from(sorted(GROUPS.items())))[1],
        metrics={} if listing else draw(metrics(numbers, texts)),
        rows={**LISTED, "day": date} if listing else {},
        where=draw(st.one_of(st.none(), conditions(own, texts), conditions(numbers, texts))),
        recipients_where=None if of_entity else draw(st.sampled_from((None, None, *RECIPIENTS))),
        date=date,
        date_type=draw(st.sampled_from(("date", "timestamp", "timestamptz"))),
        time_zone=draw(st.sampled_from(ZONES)),
        key=("code",) if by_code else ("world", "idLoan"),
        cutoff=NOW if incomplete else None,
    )
    return Setting(
        seed=draw(st.integers(0, 2**32)),
        case=case,
        amount=amount,
        periods=tuple((2026, last - back) for back in reversed(range(draw(st.integers(1, 4))))),
        composite=composite,
        indexed=draw(st.booleans()),
        analyzed=draw(st.booleans()),
        partitions=draw(st.integers(1, 5)),
        partition_by=draw(st.sampled_from((None, "idLoan"))),
    )


@st.composite
def metrics(draw: st.DrawFn, numbers: list[Column], texts: list[Column]) -> dict[str, Metric]:
    """Return one to four metrics, with the same or with different expressions."""
    expressions = nodes(numbers, texts)
    shared = draw(expressions)
    made = {}
    for i in range(draw(st.integers(1, 4))):
        aggregate = draw(st.sampled_from(AGGREGATES))
        counted = aggregate in ("count", "count_distinct")
        expression: Node | None = draw(st.one_of(st.just(shared), st.just(shared), expressions))
        if counted and draw(st.booleans()):
            expression = None if aggregate == "count" and draw(st.booleans()) else KIND
        made[f"m{i}_{aggregate}"] = Metric(
            aggregate,
            expression,
            draw(st.one_of(st.integers(1, 24), st.just(3), st.just(YEAR_TO_DATE))),
            draw(st.one_of(st.none(), st.none(), conditions(numbers, texts))),
            None if counted else draw(st.one_of(st.none(), st.integers(0, 6))),
        )
    return made


def steps(optional: frozenset[str], *, composite: bool, by_head: bool) -> tuple[Step, ...]:
    """Return the joins. They lead to the bank of the branch, or to the bank of the branch's head office."""

    def step(table: str, name: str, start: str, column: str) -> Step:
        world = ("world",) if composite else ()
        return Step(name, table, start, (*world, column), (*world, f"id{table}"), name in optional)

    return (
        step("Account", "Account", "Loans", "Account_idAccount"),
        step("Client", "Client", "Account", "Client_idClient"),
        step("Branch", "Branch", "Client", "Branch_idBranch"),
        step("Branch", "Head", "Branch", "Head"),
        step("Bank", "Bank", "Head" if by_head else "Branch", "Bank_idBank"),
        step("Price", "Price", "Loans", "Price"),
    )


def sources(setting: Setting) -> Tables:
    """Return the tables of `SOURCES` independent random sources."""
    chance = random.Random(setting.seed)
    made: Tables = {name: [] for name in ("Bank", "Branch", "Client", "Account", "Price", "Loans")}
    for world in range(SOURCES):
        _fill(made, world, setting, chance)
    return made


def _fill(made: Tables, world: int, setting: Setting, chance: random.Random) -> None:
    first = 0 if setting.composite else world * 1000

    def one_of(count: int) -> int | None:
        """Return the ID of a random row. Rarely, return None or the ID of a row that does not exist."""
        found = chance.random()
        return None if found < 0.06 else first + 999 if found < 0.1 else first + chance.randrange(count)

    def add(table: str, number: int, **values: object) -> None:
        made[table].append({"world": world, f"id{table}": first + number, **values})

    def whole() -> int | None:
        return chance.choice((None, 0, 1, 2, 3, -1, 5, chance.randint(-999, 999)))

    banks, branches = chance.randint(1, 3), chance.randint(1, 4)
    clients, accounts, prices = chance.randint(1, 5), chance.randint(1, 6), chance.randint(1, 4)
    for i in range(banks):
        name = None if chance.random() < 0.05 else f"Source {world} Bank {i}"
        add("Bank", i, Name=name, rating=whole())
    for i in range(branches):
        keys = {"Bank_idBank": one_of(banks), "Head": one_of(branches)}
        add("Branch", i, **keys, Address=chance.choice(ADDRESSES), rooms=whole())
    for i in range(clients):
        add("Client", i, Branch_idBranch=one_of(branches))
    for i in range(accounts):
        add(
            "Account", i, Client_idClient=one_of(clients), Balance=whole(), loan_date=_moment(setting, chance)
        )
    for i in range(prices):
        factor = None if chance.random() < 0.1 else Decimal(chance.randint(-2000, 2000)).scaleb(-3)
        add("Price", i, Amount=_amount(setting, chance), factor=factor)
    for i in range(chance.randint(0, 14)):
        owner = chance.choice((None, *[f"Source {world} Owner {j}" for j in range(3)] * 3))
        discount = None if chance.random() < 0.1 else Decimal(chance.randint(-5, 9999)).scaleb(-4)
        loan = {
            "code": f"{chance.choice(CODES)}{world}-{i}",
            "Account_idAccount": one_of(accounts),
            "Price": one_of(prices),
            "kind": chance.choice(("a", "b", "B", "x", "", None)),
            "owner": owner,
            "loan_date": _moment(setting, chance),
            "Amount": _amount(setting, chance),
            "quantity": whole(),
            "discount": discount,
        }
        made["Loans"].append({"world": world, "idLoan": i, **loan})


def _moment(setting: Setting, chance: random.Random) -> datetime | None:
    """Return a time. Most times are in the last 30 months and close to a boundary of days or months.

    If the type of the date column is `date`, the time is midnight and has no time zone.
    """
    if chance.random() < 0.1:
        found = chance.choice((None, datetime(2001, 10, 15), datetime(2031, 10, 15)))
    elif chance.random() < 0.05:
        found = NOW.replace(tzinfo=None) + timedelta(seconds=chance.choice((-1, 0, 1, 50000)))
    else:
        recent = chance.random() < 0.4
        month = 2026 * 12 + chance.randint(5, 10) if recent else 2024 * 12 + 5 + chance.randint(0, 30)
        day = datetime(month // 12, month % 12 + 1, 1) + timedelta(days=chance.choice((-1, 0, 0, 14)))
        found = day + timedelta(seconds=chance.choice(SECONDS))
    if found is None or setting.case.date_type == "timestamp":
        return found
    if setting.case.date_type == "timestamptz":
        return found.replace(tzinfo=UTC)
    return datetime(found.year, found.month, found.day)


def _amount(setting: Setting, chance: random.Random) -> Decimal | None:
    if chance.random() < 0.1:
        return None
    if setting.amount == "double precision":
        return Decimal(repr(chance.choice((chance.uniform(-1e9, 1e9), chance.randint(-999, 999) / 10, 1e-7))))
    unit = Decimal(1).scaleb(-AMOUNTS[setting.amount])
    most = MOST.get(setting.amount, 10**12)
    return chance.choice((chance.randint(-most, most), chance.randint(-9, 9), 1)) * unit


def other_schema(schema: str) -> str:
    """Return the schema of the table Price."""
    return f"{schema}_prices"


def spec(setting: Setting, schema: str) -> Extract:
    """Return the extract of a setting, in the form in which a user writes it."""
    case = setting.case

    def text(condition: Condition | None) -> str | None:
        return None if condition is None else condition.sql()

    joins = []
    for step in case.steps:
        table = f"{other_schema(schema)}.Price" if step.table == "Price" else step.table
        lefts = tuple(f"{step.start}.{left}" for left in step.lefts)
        alias = step.name if step.name != step.table else None
        one = len(lefts) == 1
        joins.append(
            Join(
                table,
                left=lefts[0] if one else lefts,
                right=step.rights[0] if one else step.rights,
                alias=alias,
                optional=step.optional,
            )
        )
    made = {
        name: SpecMetric(
            metric.aggregate,
            None if metric.expression is None else metric.expression.sql(),
            window=metric.window,
            where=text(metric.where),
            scale=metric.scale,
        )
        for name, metric in case.metrics.items()
    }
    label = "bank_name" if case.recipient.table == "Bank" else "owner_name"
    return Extract(
        entity="Loans",
        date_column=case.date.sql(),
        recipient={label: case.recipient.sql()},
        group_by={name: column.sql() for name, column in case.group_by.items()} or None,
        metrics=made or None,
        rows={name: column.sql() for name, column in case.rows.items()} or None,
        joins=tuple(joins),
        where=text(case.where),
        recipients_where=text(case.recipients_where),
        time_zone=case.time_zone,
        schema=schema,
        max_orphan_rows=10**9,
        max_undated_rows=10**9,
    )


def in_spark(setting: Setting, extract: Extract) -> Extract:
    return replace(
        extract, aggregate_in="spark", partitions=setting.partitions, partition_by=setting.partition_by
    )


def arguments(setting: Setting) -> Iterator[str]:
    """Yield the arguments of a run for all periods of the setting."""
    months = written(setting.periods)
    yield from ("--from", months[0], "--to", months[-1])
    if setting.case.cutoff is not None:
        yield "--allow-incomplete"
