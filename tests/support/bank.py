"""A small bank as a source in PostgreSQL, with one schema for each test.

The engine runs in the process of the tests.
"""

from __future__ import annotations

import csv
import io
import itertools
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, LiteralString
from unittest import mock

import psycopg
import pytest
from psycopg import sql

import rolling_extract
import rolling_psycopg
from rolling_extract import Extract, Join, Metric

# The tables of the example bank-loans. Some column types are parameters, because tests change these types.
TABLES = """
CREATE TABLE "Bank" ("idBank" int PRIMARY KEY, "Name" varchar(100), "Capitalization" int);
CREATE TABLE "Branch" ("idBranch" int PRIMARY KEY, "Bank_idBank" int, "Address" varchar(255));
CREATE TABLE "Client" ("idClient" int PRIMARY KEY, "Name" varchar(50), "Surname" varchar(50),
                       "Branch_idBranch" int);
CREATE TABLE "Account" ("idAccount" int PRIMARY KEY, "Balance" int, "Client_idClient" int, open_date date);
CREATE TABLE "Loans" ("idLoan" int PRIMARY KEY, "Amount" {amount}, "Account_idAccount" int,
                      loan_date {date});
"""

LOANS = Extract(
    entity="Loans",
    date_column="loan_date",
    joins=(
        Join("Account", left="Loans.Account_idAccount", right="idAccount"),
        Join("Client", left="Account.Client_idClient", right="idClient"),
        Join("Branch", left="Client.Branch_idBranch", right="idBranch"),
        Join("Bank", left="Branch.Bank_idBank", right="idBank"),
    ),
    recipient={"bank_name": "Bank.Name"},
    group_by={"branch_id": "Branch.idBranch", "branch_address": "Branch.Address"},
    metrics={
        "loans_count": Metric("count", "Amount", window=3),
        "amount_sum": Metric("sum", "Amount", window=3),
        "amount_avg": Metric("avg", "Amount", window=3),
    },
)


SHORT = {"aggregate": "avg", "expression": "Amount", "window": 3, "scale": None}


def metrics(entity: str, aggregate: str, expression: str, window: int | str, scale: int | None) -> Any:
    """Return the three metrics of a stamped project: a count, a sum, and one that uses `aggregate`."""
    column = expression.rpartition(".")[2].lower()

    def metric(kind: str) -> Metric:
        return Metric(kind, expression, window, None, None if kind == "count" else scale)

    names = {f"{entity.lower()}_count": "count", f"{column}_sum": "sum", f"{column}_{aggregate}": aggregate}
    return {name: metric(kind) for name, kind in names.items()}


NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


@dataclass
class Store:
    """The source of one test. Each method that adds a row returns the key of the row."""

    connection: psycopg.Connection[Any]
    schema: str
    url: str
    _ids: itertools.count[int] = field(default_factory=lambda: itertools.count(1))
    _banks: dict[str, int] = field(default_factory=dict)
    _accounts: dict[int, int] = field(default_factory=dict)

    def sql(self, statement: LiteralString, *values: object) -> None:
        self.connection.execute(sql.SQL(statement), values or None)

    def create(self, *, amount: LiteralString = "int", date: LiteralString = "date") -> None:
        self.sql(TABLES.format(amount=amount, date=date))

    def bank(self, name: str | None) -> int:
        key = next(self._ids)
        self.sql('INSERT INTO "Bank" VALUES (%s, %s)', key, name)
        return key

    def branch(
        self, address: str | None = "Main St 1", *, bank: str = "Alpha", key: int | None = None
    ) -> int:
        """Add a branch with one client and one account of this client."""
        if bank not in self._banks:
            self._banks[bank] = self.bank(bank)
        key = key or next(self._ids)
        self.sql('INSERT INTO "Branch" VALUES (%s, %s, %s)', key, self._banks[bank], address)
        client, account = next(self._ids), next(self._ids)
        self.sql('INSERT INTO "Client" VALUES (%s, %s, %s, %s)', client, "Ann", "Other", key)
        self.sql('INSERT INTO "Account" VALUES (%s, 0, %s)', account, client)
        self._accounts[key] = account
        return key

    def loan(self, branch: int | None, date: str | None, amount: object) -> int:
        key = next(self._ids)
        account = None if branch is None else self._accounts[branch]
        self.sql('INSERT INTO "Loans" VALUES (%s, %s, %s, %s)', key, amount, account, date)
        return key


@dataclass(frozen=True)
class Delivered:
    """The files in the target after a run, and the last log message of the run."""

    folder: Path
    log: Sequence[Mapping[str, Any]]

    @property
    def message(self) -> str:
        return str(self.log[-1]["message"])

    @property
    def paths(self) -> list[str]:
        """Return all files except the manifests."""
        found = (path.relative_to(self.folder) for path in self.folder.rglob("*") if path.is_file())
        return sorted(str(path) for path in found if path.parts[0] != "_manifests")

    def bytes(self, recipient: str, period: str = "2026-10") -> bytes:
        year, month = period.split("-")
        folder = next(path for path in self.folder.glob("*=*") if path.name.endswith(f"={recipient}"))
        [path] = (folder / f"year={year}" / f"month={month}").iterdir()
        return path.read_bytes()

    def lines(self, recipient: str, period: str = "2026-10") -> list[dict[str, str]]:
        return list(csv.DictReader(io.StringIO(self.bytes(recipient, period).decode(), newline="")))

    def figures(self, recipient: str, period: str = "2026-10") -> dict[str, str]:
        """Return the metric `amount_avg` of each branch, keyed by the branch ID."""
        return {line["branch_id"]: line["amount_avg"] for line in self.lines(recipient, period)}

    def manifest(self, period: str = "2026-10") -> dict[str, Any]:
        return dict(json.loads((self.folder / f"_manifests/{period}.json").read_text()))


@dataclass
class Engine:
    """The engine. It runs in the process of the tests and reads `store`. `driver` is "psycopg" or "jdbc"."""

    store: Store
    folder: Path
    capsys: pytest.CaptureFixture[str]
    spec: Extract = LOANS
    now: datetime = NOW
    driver: str = "psycopg"

    def __call__(self, *arguments: str, output: Path | str | None = None, **changes: Any) -> Delivered:
        """Run the engine. The argument `2026-10` means `--period 2026-10`. Keyword arguments change the spec.

        If `aggregate`, `expression`, `window` or `scale` is given, the run uses the three metrics of a
        stamped project with these settings.
        """
        return Delivered(self.folder, self._run(arguments, output, changes))

    def refusal(self, *arguments: str, output: Path | str | None = None, **changes: Any) -> str:
        """Run the engine, which must fail. Return the error message."""
        with pytest.raises(SystemExit) as end:
            self._run(arguments, output, changes)
        return str(end.value.code)

    def _changes(self, changes: Mapping[str, Any]) -> dict[str, Any]:
        short = {name: changes[name] for name in SHORT if name in changes}
        made = {name: value for name, value in changes.items() if name not in SHORT}
        if short:
            made["metrics"] = metrics(changes.get("entity", self.spec.entity), **{**SHORT, **short})
        return {"schema": self.store.schema, **made}

    def _run(
        self, arguments: Sequence[str], output: Path | str | None, changes: Mapping[str, Any]
    ) -> list[Mapping[str, Any]]:
        spec = replace(self.spec, **self._changes(changes))
        given = ["--period", *arguments] if arguments[:1] and arguments[0][:2] == "20" else list(arguments)
        where = [] if "--output" in given else ["--output", str(output or self.folder)]
        source = (
            []
            if {"--connection", "--database-url", "--jdbc-url"} & set(given)
            else ["--database-url", self.store.url]
        )
        self.capsys.readouterr()
        # The engine uses the JDBC driver if psycopg is not installed. So for the driver "jdbc", simulate that
        # psycopg is not installed.
        has_psycopg = mock.patch.object(
            rolling_psycopg, "is_installed", return_value=self.driver == "psycopg"
        )
        try:
            with has_psycopg:
                rolling_extract.run(spec, [*source, *where, *given], now=self.now)
        finally:
            self.log = [json.loads(line) for line in self.capsys.readouterr().out.splitlines()]
        return self.log
