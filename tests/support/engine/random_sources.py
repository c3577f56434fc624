"""Random sources: settings, rows, tables and the spec that reads them.

One run of the engine takes seconds, even without rows. Therefore `STORES` small sources share one database,
and one run reads them all.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, LiteralString

import psycopg
from hypothesis import strategies as st
from psycopg import sql

from rolling_extract import Join

STORES = 40
Month = tuple[int, int]
# Types of a metric, and the digits after the decimal point of its values.
METRICS: dict[LiteralString, int] = {
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
MOST = {"smallint": 32_767, "integer": 2**31 - 1, "real": 999_999}  # a real has six exact digits
HOPS = ("Account", "Client", "Branch", "Head", "Bank")
ADDRESSES = ("Main St 1", "", "=SUM(A1)", 'say "hi", twice', "two\nlines", "Łódź", None)
# Times of the day in seconds: close to midnight in each of the time zones below.
SECONDS = (0, 1, 43200, 86399, 86399.999999, 79200, 79199, 36000, 35999, 14400, 18000, 16200)
# Conditions in SQL, and the same in Python.
CONDITIONS = ("none", "plain", "null is not true", "of two")
SQL = {
    "none": None,
    "plain": '"idLoan" % 3 <> 0',
    "null is not true": "kind <> 'b'",
    "of two": '(kind = \'b\' OR "Loans".kind IS NULL) AND "idLoan" > 4',
}


@dataclass
class Row:
    """A row of any table: its random source, its number in it, and the values that the oracle reads."""

    world: int
    number: int
    parent: int | None = None  # the number of the row that the first join from here reaches
    head: int | None = None  # of a branch: its head office, which is a branch too
    price: int | None = None  # of a loan: the row of Price, which may have its amount
    name: str | None = None  # the name of a bank, the address of a branch, or the kind of a loan
    moment: datetime | None = None  # UTC
    amount: Decimal | None = None


@dataclass
class Tables:
    Bank: dict[int, Row] = field(default_factory=dict)
    Branch: dict[int, Row] = field(default_factory=dict)
    Client: dict[int, Row] = field(default_factory=dict)
    Account: dict[int, Row] = field(default_factory=dict)
    Loans: dict[int, Row] = field(default_factory=dict)
    Price: dict[int, Row] = field(default_factory=dict)


@dataclass(frozen=True)
class Setting:
    """The options that all random sources of one run share."""

    seed: int
    metric: LiteralString
    date_type: LiteralString
    dated_by: str  # the table with the date
    measured_by: str  # the table with the metric
    time_zone: str
    aggregate: str
    window: int
    scale: int
    periods: int  # number of periods; the last one is October 2026
    optional: frozenset[str]
    by_head: bool  # whether the recipient is the bank of the head office instead of the bank of the branch
    composite: bool  # whether keys are unique within one random source only, and joins compare its number too
    indexed: bool  # whether the joined columns have unique indexes
    by_kind: bool  # whether rows are grouped by a column of the entity instead of by branch
    condition: str
    analysed: bool  # whether the planner has statistics, which changes its plan
    partitions: int  # of the parallel read in Spark
    by_key: bool  # whether partitions are ranges of a key instead of days

    @property
    def hops(self) -> tuple[str, ...]:
        return tuple(hop for hop in HOPS if hop != "Head" or self.by_head)

    @property
    def months(self) -> list[Month]:
        return [(2026, 10 - back) for back in reversed(range(self.periods))]


settings = st.builds(
    Setting,
    seed=st.integers(0, 2**32),
    metric=st.sampled_from(sorted(METRICS)),
    date_type=st.sampled_from(("date", "timestamp", "timestamptz")),
    dated_by=st.sampled_from(("Loans", "Loans", "Account")),
    measured_by=st.sampled_from(("Loans", "Price")),
    time_zone=st.sampled_from(("Etc/GMT", "Europe/Paris", "America/Havana", "Pacific/Kiritimati")),
    aggregate=st.sampled_from(("avg", "sum", "count", "min", "max")),
    window=st.integers(1, 24),
    scale=st.integers(0, 6),
    periods=st.integers(1, 4),
    optional=st.frozensets(st.sampled_from((*HOPS, "Price")), max_size=3),
    by_head=st.booleans(),
    composite=st.booleans(),
    indexed=st.booleans(),
    by_kind=st.booleans(),
    condition=st.sampled_from(CONDITIONS),
    analysed=st.booleans(),
    partitions=st.integers(1, 5),
    by_key=st.booleans(),
)


def tables(setting: Setting) -> Tables:
    """Return `STORES` independent random sources."""
    chance, made = random.Random(setting.seed), Tables()
    for world in range(STORES):
        fill(made, world, setting, chance)
    return made


def fill(made: Tables, world: int, setting: Setting, chance: random.Random) -> None:
    first = world * 1000

    def one_of(count: int) -> int | None:
        """Return the number of a random row; sometimes None, or the number of a missing row."""
        found = chance.random()
        return None if found < 0.06 else first + 999 if found < 0.1 else first + chance.randrange(count)

    banks, branches = chance.randint(1, 3), chance.randint(1, 4)
    clients, accounts, prices = chance.randint(1, 5), chance.randint(1, 6), chance.randint(1, 4)
    for i in range(first, first + banks):
        made.Bank[i] = Row(
            world, i, name=None if chance.random() < 0.05 else f"Store {world} Bank {i - first}"
        )
    for i in range(first, first + branches):
        head = one_of(branches)
        made.Branch[i] = Row(world, i, parent=one_of(banks), head=head, name=chance.choice(ADDRESSES))
    for i in range(first, first + clients):
        made.Client[i] = Row(world, i, parent=one_of(branches))
    for i in range(first, first + accounts):
        made.Account[i] = Row(world, i, parent=one_of(clients), moment=moment(chance))
    for i in range(first, first + prices):
        made.Price[i] = Row(world, i, amount=amount(setting, chance))
    for i in range(first, first + chance.randint(0, 14)):
        made.Loans[i] = Row(
            world,
            i,
            parent=one_of(accounts),
            price=one_of(prices),
            name=chance.choice(("a", "b", "B", None)),
            moment=moment(chance),
            amount=amount(setting, chance),
        )


def moment(chance: random.Random) -> datetime | None:
    """Return a time, mostly of the last 30 months and close to a boundary of days or months."""
    if chance.random() < 0.1:
        return chance.choice((None, datetime(2001, 10, 15, tzinfo=UTC), datetime(2031, 10, 15, tzinfo=UTC)))
    month = (
        2024 * 12 + 5 + chance.randint(0, 30) if chance.random() < 0.6 else 2026 * 12 + chance.randint(5, 10)
    )
    day = datetime(month // 12, month % 12 + 1, 1, tzinfo=UTC) + timedelta(days=chance.choice((-1, 0, 0, 14)))
    return day + timedelta(seconds=chance.choice(SECONDS))


def amount(setting: Setting, chance: random.Random) -> Decimal | None:
    if chance.random() < 0.1:
        return None
    if setting.metric == "double precision":
        return Decimal(repr(chance.choice((chance.uniform(-1e9, 1e9), chance.randint(-999, 999) / 10, 1e-7))))
    unit = Decimal(1).scaleb(-METRICS[setting.metric])
    most = MOST.get(setting.metric, 10**12)
    return chance.choice((chance.randint(-most, most), chance.randint(-9, 9), 1)) * unit


def load(connection: psycopg.Connection[tuple[object, ...]], setting: Setting, made: Tables) -> None:
    connection.execute('DROP TABLE IF EXISTS "Bank", "Branch", "Client", "Account", "Loans", "Price"')
    types = {"amount": sql.SQL(setting.metric), "date": sql.SQL(setting.date_type)}
    connection.execute(
        sql.SQL("""
        CREATE TABLE "Bank" (world int, "idBank" int, "Name" text);
        CREATE TABLE "Branch" (world int, "idBranch" int, "Bank_idBank" int, "Head" int, "Address" text);
        CREATE TABLE "Client" (world int, "idClient" int, "Branch_idBranch" int);
        CREATE TABLE "Account" (world int, "idAccount" int, "Client_idClient" int, loan_date {date});
        CREATE TABLE "Price" (world int, "idPrice" int, "Amount" {amount});
        CREATE TABLE "Loans" (world int, "idLoan" int, "Account_idAccount" int, "Price" int, kind text,
                              loan_date {date}, "Amount" {amount});
        """).format(**types)
    )

    def key(number: int | None) -> int | None:
        return number % 1000 if setting.composite and number is not None else number

    def copy(table: str, rows: Iterator[tuple[object, ...]]) -> None:
        with connection.cursor().copy(sql.SQL("COPY {} FROM STDIN").format(sql.Identifier(table))) as copy:
            for row in rows:
                copy.write_row(row)

    copy("Bank", ((r.world, key(r.number), r.name) for r in made.Bank.values()))
    copy(
        "Branch", ((r.world, key(r.number), key(r.parent), key(r.head), r.name) for r in made.Branch.values())
    )
    copy("Client", ((r.world, key(r.number), key(r.parent)) for r in made.Client.values()))
    copy(
        "Account",
        ((r.world, key(r.number), key(r.parent), written(setting, r)) for r in made.Account.values()),
    )
    copy(
        "Loans",
        (
            (r.world, r.number % 1000, key(r.parent), key(r.price), r.name, written(setting, r), r.amount)
            for r in made.Loans.values()
        ),
    )
    copy("Price", ((r.world, key(r.number), r.amount) for r in made.Price.values()))
    if setting.indexed:
        for table in ("Bank", "Branch", "Client", "Account", "Price"):
            columns = ["world", f"id{table}"] if setting.composite else [f"id{table}"]
            connection.execute(
                sql.SQL("CREATE UNIQUE INDEX ON {} ({})").format(
                    sql.Identifier(table), sql.SQL(", ").join(map(sql.Identifier, columns))
                )
            )
    if setting.analysed:
        connection.execute('ANALYZE "Branch"')


def written(setting: Setting, row: Row) -> object:
    if row.moment is None or setting.date_type == "timestamptz":
        return row.moment
    return row.moment.date() if setting.date_type == "date" else row.moment.replace(tzinfo=None)


def spec(setting: Setting) -> dict[str, Any]:
    """Return the fields of the spec for a setting."""

    def join(table: str, name: str, start: str, column: str) -> Join:
        left, right = f"{start}.{column}", f"id{table}"
        alias = name if name != table else None
        if setting.composite:
            return Join(table, (f"{start}.world", left), ("world", right), alias, name in setting.optional)
        return Join(table, left, right, alias, name in setting.optional)

    owner = "Head" if setting.by_head else "Branch"
    joins = [
        join("Account", "Account", "Loans", "Account_idAccount"),
        join("Client", "Client", "Account", "Client_idClient"),
        join("Branch", "Branch", "Client", "Branch_idBranch"),
        *([join("Branch", "Head", "Branch", "Head")] if setting.by_head else []),
        join("Bank", "Bank", owner, "Bank_idBank"),
        join("Price", "Price", "Loans", "Price"),
    ]
    branch = {"world": "Branch.world", "branch": "Branch.idBranch", "address": "Branch.Address"}
    return {
        "joins": tuple(joins),
        "group": {"kind": "kind"} if setting.by_kind else branch,
        "date_column": f"{setting.dated_by}.loan_date",
        "metric": f"{setting.measured_by}.Amount",
        "time_zone": setting.time_zone,
        "aggregate": setting.aggregate,
        "window_months": setting.window,
        "scale": setting.scale,
        "where": SQL[setting.condition],
        "max_orphan_rows": 10**9,
    }


def in_spark(setting: Setting) -> dict[str, Any]:
    by = "idLoan" if setting.by_key else None
    return {"aggregate_in": "spark", "partitions": setting.partitions, "partition_by": by}
