"""The spec of the bank's extract, and the engine in the same process through either driver."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest import mock

import rolling_extract2
import rolling_psycopg
from rolling_extract2 import Extract, Join, Metric
from tests.support import bank

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


@dataclass
class Engine(bank.Engine):
    """Runs the second engine. `driver` is "psycopg" or "jdbc"."""

    spec: Any = LOANS
    run: Callable[..., None] = rolling_extract2.run
    driver: str = "psycopg"

    def _run(
        self, arguments: Sequence[str], output: Path | str | None, changes: Mapping[str, Any]
    ) -> list[Mapping[str, Any]]:
        with _driver(self.driver):
            return super()._run(arguments, output, changes)


@contextmanager
def _driver(name: str) -> Iterator[None]:
    """Let the engine find psycopg or not. Without it, the JVM has the driver."""
    with mock.patch.object(rolling_psycopg, "is_installed", return_value=name == "psycopg"):
        yield
