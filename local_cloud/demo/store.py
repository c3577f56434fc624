"""The source of a banking group: the example's data model, filled with seeded, realistic rows.

The rows deliberately contain cases that a simple extract gets wrong: see `Store`.
"""

from __future__ import annotations

import random
from calendar import monthrange
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import psycopg
from psycopg import sql

SEED = 20_240_229
MONTHS = 24
LOANS = 200_000
READER = "extract_reader"

# The names contain spaces and an ampersand. The engine removes these characters from file names.
BANKS = ("First Bank", "Ubuntu Savings Bank", "Karoo & Coast Bank")
BRANCHES_PER_BANK = (12, 10, 8)
STREETS = (
    "Long Street",
    "Church Street",
    "Jan Smuts Avenue",
    "Voortrekker Road",
    "Main Road",
    "Florida Road",
)
CITIES = (
    "Cape Town",
    "Pretoria",
    "Johannesburg",
    "Durban",
    "Gqeberha",
    "Bloemfontein",
    "Mbombela",
    "Kimberley",
)
FIRST_NAMES = ("Thandi", "Sipho", "Anele", "Pieter", "Lerato", "Johan", "Ayesha", "Kagiso", "Zanele", "Riaan")
LAST_NAMES = (
    "Nkosi",
    "Botha",
    "Dlamini",
    "Naidoo",
    "van der Merwe",
    "Mokoena",
    "Khumalo",
    "Pillay",
    "O'Brien",
)
POSITIONS = ("Teller", "Loan officer", "Branch manager", "Advisor")

TABLES = """
create table "Bank" (
  "idBank" int primary key, "Name" varchar(100) not null, "Capitalization" int);
create table "Branch" (
  "idBranch" int primary key, "Bank_idBank" int not null references "Bank", "Address" varchar(255) not null);
create table "Client" (
  "idClient" int primary key, "Name" varchar(50), "Surname" varchar(50),
  "Branch_idBranch" int not null references "Branch");
create table "Account" (
  "idAccount" int primary key, "Balance" int, "Client_idClient" int not null references "Client",
  open_date date);
create table "Loans" (
  "idLoan" int primary key, "Amount" int, "Account_idAccount" int not null references "Account",
  loan_date date not null);
create table "Worker" (
  "idWorker" int primary key, "Name" varchar(50), "Surname" varchar(50),
  "Branch_idBranch" int references "Branch", "Position" varchar(100));
"""
INDEXES = """
create index on "Loans" (loan_date);
create index on "Account" ("Client_idClient");
create index on "Client" ("Branch_idBranch");
create index on "Branch" ("Bank_idBank");
analyze;
"""


@dataclass(frozen=True, slots=True)
class Loan:
    """One row of `Loans`. The amount is None if it is missing."""

    id: int
    amount: int | None
    account: int
    day: date


@dataclass(frozen=True, slots=True)
class Store:
    """All rows of the source. Tests compute the expected files from these rows, without the database.

    - `never`: a branch that never had a loan.
    - `pausing`: a branch without loans in `last_month`, but with loans in the two months before.
    - `twins`: two branches of different banks at the same address.
    - Some loans are on the first or the last day of a month, have no amount, or are after `last_month`.
    """

    banks: tuple[tuple[int, str, int], ...]
    branches: tuple[tuple[int, int, str], ...]  # columns: id, bank, address
    clients: tuple[tuple[int, str, str, int], ...]  # columns: id, name, surname, branch
    accounts: tuple[tuple[int, int, int, date], ...]  # columns: id, balance, client, opened
    loans: tuple[Loan, ...]
    workers: tuple[tuple[int, str, str, int, str], ...]
    last_month: date  # first day of the last complete month
    never: int
    pausing: int
    twins: tuple[int, int]


def last_complete_month(today: date) -> date:
    """Return the first day of the month before the month of `today`."""
    return (today.replace(day=1) - timedelta(days=1)).replace(day=1)


def months_before(month: date, number: int) -> date:
    """Return the first day of the month that is `number` months before `month`."""
    index = month.year * 12 + month.month - 1 - number
    return date(index // 12, index % 12 + 1, 1)


def generate(last_month: date, *, loans: int = LOANS, seed: int = SEED) -> Store:
    """Return the rows. The same arguments give the same rows on any machine."""
    dice = random.Random(seed)
    banks = tuple((n, name, dice.randrange(10**6, 10**9)) for n, name in enumerate(BANKS, start=1))
    branches = _branches(dice)
    twins = (branches[0][0], branches[BRANCHES_PER_BANK[0]][0])
    never, pausing = branches[5][0], branches[BRANCHES_PER_BANK[0] + 3][0]

    clients = tuple(
        (n, dice.choice(FIRST_NAMES), dice.choice(LAST_NAMES), dice.choice(branches)[0])
        for n in range(1, 20_001)
    )
    first_month = months_before(last_month, MONTHS - 1)
    accounts = tuple(
        (
            n,
            dice.randrange(0, 500_000),
            clients[(n - 1) % len(clients)][0],
            first_month - timedelta(days=n % 3000),
        )
        for n in range(1, 25_001)
    )
    branch_of = {account[0]: clients[account[2] - 1][3] for account in accounts}
    return Store(
        banks=banks,
        branches=branches,
        clients=clients,
        accounts=accounts,
        loans=_loans(dice, loans, last_month, branch_of, never, pausing),
        workers=tuple(
            (
                n,
                dice.choice(FIRST_NAMES),
                dice.choice(LAST_NAMES),
                dice.choice(branches)[0],
                dice.choice(POSITIONS),
            )
            for n in range(1, 151)
        ),
        last_month=last_month,
        never=never,
        pausing=pausing,
        twins=twins,
    )


def _branches(dice: random.Random) -> tuple[tuple[int, int, str], ...]:
    shared = "1 Adderley Street, Cape Town"
    found: list[tuple[int, int, str]] = []
    for bank, count in enumerate(BRANCHES_PER_BANK, start=1):
        for place in range(count):
            address = f"{dice.randrange(1, 400)} {dice.choice(STREETS)}, {dice.choice(CITIES)}"
            # The first branches of the first two banks have the same address, so an address does not identify
            # a branch.
            found.append((len(found) + 1, bank, shared if place == 0 and bank < 3 else address))
    return tuple(found)


def _loans(
    dice: random.Random, count: int, last_month: date, branch_of: dict[int, int], never: int, pausing: int
) -> tuple[Loan, ...]:
    lending = [account for account, branch in branch_of.items() if branch != never]
    months = [months_before(last_month, n) for n in range(MONTHS)]
    rows: list[Loan] = []

    def lend(day: date) -> None:
        account = dice.choice(lending)
        while (day.year, day.month) == (last_month.year, last_month.month) and branch_of[account] == pausing:
            account = dice.choice(lending)
        amount = None if dice.random() < 0.01 else round(dice.lognormvariate(10.5, 0.9))
        rows.append(Loan(len(rows) + 1, amount, account, day))

    for month in months:  # the first and the last day of every month, where a wrong window changes the result
        days = monthrange(month.year, month.month)[1]
        for _ in range(40):
            lend(month)
            lend(month.replace(day=days))
    next_month = months_before(last_month, -1)
    for _ in range(count // 200):  # loans that are agreed already but paid out later
        lend(next_month + timedelta(days=dice.randrange(0, 400)))
    while len(rows) < count:
        month = dice.choice(months)
        lend(month.replace(day=dice.randrange(1, monthrange(month.year, month.month)[1] + 1)))
    return tuple(rows)


def load(url: str, store: Store, password: str) -> None:
    """Create and fill the tables in an empty database. Let the extract's login read them."""
    with psycopg.connect(url) as connection:
        connection.execute(TABLES)
        _copy(connection, "Bank", store.banks)
        _copy(connection, "Branch", store.branches)
        _copy(connection, "Client", store.clients)
        _copy(connection, "Account", store.accounts)
        _copy(connection, "Loans", ((loan.id, loan.amount, loan.account, loan.day) for loan in store.loans))
        _copy(connection, "Worker", store.workers)
        connection.execute(INDEXES)
        # The login gets an MD5 password, because the built-in driver of crawlers may not support SCRAM.
        connection.execute("set local password_encryption = 'md5'")
        # PostgreSQL accepts no parameters in CREATE ROLE, so psycopg writes the password into the statement.
        quoted = sql.Literal(password)
        connection.execute(sql.SQL("create role {} login password {}").format(sql.Identifier(READER), quoted))
        tables = sql.SQL(", ").join(map(sql.Identifier, ("Bank", "Branch", "Client", "Account", "Loans")))
        connection.execute(sql.SQL("grant select on {} to {}").format(tables, sql.Identifier(READER)))


def _copy(connection: psycopg.Connection, table: str, rows: Iterable[Sequence[object]]) -> None:
    lines = ["\t".join(r"\N" if value is None else str(value) for value in row) + "\n" for row in rows]
    with connection.cursor().copy(sql.SQL("copy {} from stdin").format(sql.Identifier(table))) as copy:
        for start in range(0, len(lines), 10_000):
            copy.write("".join(lines[start : start + 10_000]))


def revoke(url: str, table: str) -> None:
    """Revoke the extract's permission to read one table."""
    with psycopg.connect(url) as connection:
        connection.execute(
            sql.SQL("revoke select on {} from {}").format(sql.Identifier(table), sql.Identifier(READER))
        )
