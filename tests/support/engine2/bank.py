"""The second engine, run in this process on the small bank's source of a test."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

import rolling_extract2
from rolling_spec import Extract, Join, Metric
from tests.support.bank import NOW, Delivered, Store

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
class Engine:
    """The engine on one source. It publishes to a folder."""

    store: Store
    folder: Path
    capsys: pytest.CaptureFixture[str]
    spec: Extract = LOANS
    now: datetime = NOW

    def __call__(self, *arguments: str, output: Path | None = None, **changes: Any) -> Delivered:
        """Run the engine. `2026-10` means `--period 2026-10`; keywords change the spec."""
        return Delivered(output or self.folder, self._run(arguments, output, changes))

    def refusal(self, *arguments: str, **changes: Any) -> str:
        """Return the error message of a run that fails."""
        with pytest.raises(SystemExit) as end:
            self._run(arguments, None, changes)
        return str(end.value.code)

    def _run(
        self, arguments: tuple[str, ...], output: Path | None, changes: Mapping[str, Any]
    ) -> list[Mapping[str, Any]]:
        spec = replace(self.spec, **{"schema": self.store.schema, **changes})
        given = ["--period", *arguments] if arguments[:1] and arguments[0][:2] == "20" else [*arguments]
        source = [] if "--database-url" in given else ["--database-url", self.store.url]
        self.capsys.readouterr()
        try:
            argv = [*source, "--output", str(output or self.folder), *given]
            rolling_extract2.run(spec, argv, now=self.now)
        finally:
            self.log = [json.loads(line) for line in self.capsys.readouterr().out.splitlines()]
        return self.log
