"""Random stores against an oracle in another technology: plain Python over the rows, no SQL and no Spark.

The oracle is naive on purpose. It walks every loan from hop to hop as a clerk with a card index would, and
divides fractions.

Every example is run both ways, aggregated in the database and in Spark, and both must give the same bytes.

A run of the engine costs seconds, whatever it reads, so many small stores share one: `STORES` of them lie
side by side in one database, each drawn on its own, and one run reads them all. What a run has one of (types,
window, time zone, aggregate, hops, condition, periods) is drawn per run. By default that is 13 runs: 520
random stores, but only 13 random settings, each asked for one to four periods. HYPOTHESIS_PROFILE=deep has
250 runs and so 10,000 stores.
"""

from __future__ import annotations

import random
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from decimal import ROUND_HALF_UP, Context, Decimal
from fractions import Fraction
from typing import Any, LiteralString
from zoneinfo import ZoneInfo

import hypothesis
import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st
from psycopg import sql

from rolling_extract import Join
from tests.support.bank import Delivered, Engine

STORES = 40
Month = tuple[int, int]

# Types of a metric, and the digits after the point of the values to try.
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
MOST = {"smallint": 32_767, "integer": 2**31 - 1, "real": 999_999}  # a real has six digits to rely on
HOPS = ("Account", "Client", "Branch", "Head", "Bank")
ADDRESSES = ("Main St 1", "", "=SUM(A1)", 'say "hi", twice', "two\nlines", "Łódź", None)
# Round midnight in every time zone below, to the microsecond.
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
    """A row of any table: its store, its number there, and what the oracle looks at."""

    world: int
    number: int
    parent: int | None = None  # the row that the first hop from here leads to, if it is there
    head: int | None = None  # of a branch: its head office, a branch itself
    price: int | None = None  # of a loan: the row of another table that may have its amount
    name: str | None = None  # of a bank; of a branch the address; of a loan its kind
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
    """What one run has one of."""

    seed: int
    metric: LiteralString
    date_type: LiteralString
    dated_by: str  # the table with the date
    measured_by: str  # the table with the metric
    time_zone: str
    aggregate: str
    window: int
    scale: int
    periods: int  # how many, the last of them October 2026
    optional: frozenset[str]
    by_head: bool  # whose branch a loan's money is: the branch's own bank, or that of its head office
    composite: bool  # numbers are unique within a store only, and hops compare the store as well
    indexed: bool  # whether unique indexes vouch for the hops
    by_kind: bool  # lines are kinds of loans, read off the entity, rather than branches
    condition: str
    analysed: bool  # whether the planner knows how small this is, and so how the result is fetched
    partitions: int  # of the read that Spark does
    by_key: bool  # whether those are ranges of a key instead of days

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


# -- random stores -----------------------------------------------------------------------------------------


def tables(setting: Setting) -> Tables:
    """`STORES` stores, none of which knows of another."""
    chance, made = random.Random(setting.seed), Tables()
    for world in range(STORES):
        fill(made, world, setting, chance)
    return made


def fill(made: Tables, world: int, setting: Setting, chance: random.Random) -> None:
    first = world * 1000

    def one_of(count: int) -> int | None:
        """One of the rows of a table; now and then none, or one that is not there."""
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
    """Mostly of the last two and a half years, on days and at times on which mistakes show."""
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
    """The same setting in the words of a spec."""

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


# -- the oracle --------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Expected:
    """What a period's publication must hold."""

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
    """By the group's key, numbers as numbers; what is not there comes first."""
    return place[0], [() if value is None else (value,) for value in place[1]]


def walk(setting: Setting, made: Tables, loan: Row, goal: str) -> Row | None:
    """The row that a loan reaches in the table called `goal`."""
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
    """Whose file a row's money, or a branch's line, is in; None for an orphan.

    The first hop that leads nowhere decides.
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
    """The calendar month that a row lies in, in the extract's time zone; January is 0."""
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
    """Walks up from the least value to the greatest, and stops at so much of the way."""
    values = [Fraction(amount) for amount in sorted(amounts)]
    way = Fraction(hundredths * (len(values) - 1), 100)
    whole = way.numerator // way.denominator
    return values[whole] + (way - whole) * (values[min(whole + 1, len(values) - 1)] - values[whole])


def label(value: object) -> str:
    written = "" if value is None else str(value)
    return f"'{written}" if written.startswith("=") else written


def text(value: Fraction | Decimal | int, scale: int) -> str:
    """Fixed-point, half up. A fraction becomes a decimal of 200 digits first: far beyond any tie here."""
    exact = Fraction(value)
    wide = Context(prec=200)
    quotient = wide.divide(Decimal(exact.numerator), Decimal(exact.denominator))
    rounded = quotient.quantize(Decimal(1).scaleb(-scale), rounding=ROUND_HALF_UP, context=wide)
    return f"{abs(rounded) if rounded == 0 else rounded:f}"


# -- the tests ---------------------------------------------------------------------------------------------


@given(setting=settings)
def test_every_file_of_every_month_is_what_the_oracle_says_either_way(
    setting: Setting, engine: Engine
) -> None:
    made = tables(setting)
    load(engine.store.connection, setting, made)
    there, here = (engine.folder.with_name(name) for name in ("there", "here"))
    for folder in (there, here):
        shutil.rmtree(folder, ignore_errors=True)
    arguments = span(setting)
    by_database = replace(engine, folder=there)(*arguments, **spec(setting))
    check(setting, made, by_database)
    by_spark = replace(engine, folder=here)(*arguments, **spec(setting), **in_spark(setting))
    assert by_spark.paths == by_database.paths
    for path in by_spark.paths:
        assert (here / path).read_bytes() == (there / path).read_bytes()
    for month in months(setting):
        ours, theirs = (done.manifest(month) for done in (by_spark, by_database))
        for part in ("source", "orphans", "totals"):
            # Sums as numbers: one way writes 0.10 where the other writes 0.1.
            assert {**ours[part], "sum": 0} == {**theirs[part], "sum": 0}
            assert Fraction(ours[part]["sum"]) == Fraction(theirs[part]["sum"])
        assert ours["groups_without_recipient"] == theirs["groups_without_recipient"]


@hypothesis.settings(max_examples=3)
@given(setting=settings, aggregate=st.sampled_from(("median", "p1", "p90")))
def test_every_percentile_is_what_the_oracle_says(setting: Setting, aggregate: str, engine: Engine) -> None:
    setting = replace(setting, aggregate=aggregate)
    made = tables(setting)
    load(engine.store.connection, setting, made)
    shutil.rmtree(engine.folder, ignore_errors=True)
    check(setting, made, engine(*span(setting), **spec(setting), **in_spark(setting)))


def months(setting: Setting) -> list[str]:
    return [f"{year}-{month:02d}" for year, month in setting.months]


def span(setting: Setting) -> tuple[str, ...]:
    return ("--from", months(setting)[0], "--to", months(setting)[-1])


def check(setting: Setting, made: Tables, delivered: Delivered) -> None:
    for month, period in zip(setting.months, months(setting), strict=True):
        expected = oracle(setting, made, month)
        manifest = delivered.manifest(period)
        assert {entry["recipient"] for entry in manifest["files"]} == set(expected.files)
        for bank, lines in expected.files.items():
            assert delivered.lines(bank.replace(" ", ""), period) == lines
        source, orphans = manifest["source"], manifest["orphans"]
        assert (source["rows"], Fraction(source["sum"])) == (expected.rows, expected.total)
        assert (orphans["rows"], orphans["undated_rows"]) == (expected.orphans, expected.undated)


def test_the_oracle_itself_says_what_a_person_would() -> None:
    """One case worked out by hand, so that engine and oracle cannot be wrong together."""
    setting = Setting(
        seed=0,
        metric="bigint",
        date_type="date",
        dated_by="Loans",
        measured_by="Loans",
        time_zone="Etc/GMT",
        aggregate="avg",
        window=3,
        scale=1,
        periods=1,
        optional=frozenset({"Account"}),
        by_head=False,
        composite=False,
        indexed=True,
        by_kind=False,
        condition="none",
        analysed=False,
        partitions=1,
        by_key=False,
    )
    noon = datetime(2026, 10, 1, 12, tzinfo=UTC)
    made = Tables(
        Bank={0: Row(0, 0, name="A")},
        Branch={0: Row(0, 0, parent=0, name="=x")},
        Client={0: Row(0, 0, parent=0), 1: Row(0, 1)},
        Account={0: Row(0, 0, parent=0), 1: Row(0, 1, parent=1)},
        Loans={
            0: Row(0, 0, parent=0, moment=noon, amount=Decimal(10)),
            1: Row(0, 1, parent=0, moment=noon, amount=Decimal(5)),
            2: Row(0, 2, parent=0, moment=noon),  # no amount
            3: Row(0, 3, parent=0, moment=noon.replace(month=7), amount=Decimal(1)),  # before the window
            4: Row(0, 4, parent=1, moment=noon, amount=Decimal(3)),  # an orphan: its client has no branch
            5: Row(0, 5, moment=noon, amount=Decimal(7)),  # no account, which is optional
        },
    )
    common = {"period": "2026-12", "window_start": "2026-10-01", "window_end": "2026-12-31"}
    assert oracle(setting, made, (2026, 12)) == Expected(
        files={
            "A": [
                {"bank_name": "A", "world": "0", "branch": "0", "address": "'=x", **common}
                | {"loans_count": "2", "amount_sum": "15.0", "amount_avg": "7.5"}
            ],
            "Unassigned": [
                {"bank_name": "Unassigned", "world": "", "branch": "", "address": "", **common}
                | {"loans_count": "1", "amount_sum": "7.0", "amount_avg": "7.0"}
            ],
        },
        rows=5,
        total=Fraction(25),
        orphans=1,
        undated=0,
    )


@pytest.mark.parametrize(
    ("value", "scale", "written"),
    [(Fraction(1, 200), 2, "0.01"), (Fraction(-1, 200), 2, "-0.01"), (Fraction(-1, 300), 2, "0.00")],
)
def test_the_oracle_rounds_half_up(value: Fraction, scale: int, written: str) -> None:
    assert text(value, scale) == written
