"""Resolved specs that are written by hand, for tests of queries without a database."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rolling_expression import Node, Ref, columns_of
from rolling_resolved import Column, Measure, Metric, Resolved, Step, Table

TYPES = {
    "bigint": ("N", 0),
    "boolean": ("B", None),
    "date": ("D", None),
    "double precision": ("N", None),
    "integer": ("N", 0),
    "numeric": ("N", None),
    "text": ("S", None),
    "timestamp with time zone": ("D", None),
}


def column(alias: str, name: str, type: str = "text", digits: int | None = None, **more: Any) -> Column:
    category, known = TYPES[type]
    return Column(alias, name, type, category, digits if digits is not None else known, **more)


def step(left: Column, right: Column, *, optional: bool = False, unique: bool = True) -> Step:
    name = f"{left.alias}.{left.name} = {right.alias}.{right.name}"
    return Step(right.alias, (left,), (right,), optional, unique, name)


def tables(*names: str, schema: str = "public") -> tuple[Table, ...]:
    return tuple(Table(f"t{i}", name, schema, name, -1) for i, name in enumerate(names))


def measure(
    value: Node | Column | None, where: Node | None = None, *, aliases: Sequence[str] = (), **more: Any
) -> Measure:
    node = Ref(value) if isinstance(value, Column) else value
    whole = isinstance(value, Column) and value.digits == 0
    digits = value.digits if isinstance(value, Column) else None
    settings = {"whole": whole, "digits": digits, "needs": frozenset({"sum"}), **more}
    return Measure(node, where, columns_of(node, where), tuple(aliases), **settings)


def metric(
    aggregate: str, measure: int = 0, window: int | str = 1, scale: int | None = 2, name: str = ""
) -> Metric:
    return Metric(name or f"{aggregate}_{measure}", aggregate, measure, window, scale)


def resolved(**settings: Any) -> Resolved:
    """Return a resolved spec with these settings. All other settings have the defaults of an extract."""
    found: dict[str, Any] = {
        "role": "reader",
        "steps": (),
        "time_zone": "Etc/GMT",
        "grain": "month",
        "recipient_label": "recipient",
        "group_by": {},
        "listing": None,
        "columns": (),
        "where": None,
        "recipients_where": None,
        "unassigned": None,
        "max_orphan_rows": 0,
        "max_undated_rows": 0,
        "defuse_formulas": True,
        "swing_factor": None,
        "late_data_periods": 3,
        "aggregate_in": "database",
        **settings,
    }
    return Resolved(**found)


def loans(schema: str = "public", window: int | str = 3, **settings: Any) -> Resolved:
    """Return a resolved spec that has the count, sum and average of the loans of each branch."""
    amount = column("t0", "Amount", "integer", not_null=True)
    account, client, branch, bank = (
        step(column("t0", "Account_idAccount", "integer"), column("t1", "idAccount", "integer")),
        step(column("t1", "Client_idClient", "integer"), column("t2", "idClient", "integer")),
        step(column("t2", "Branch_idBranch", "integer"), column("t3", "idBranch", "integer")),
        step(column("t3", "Bank_idBank", "integer"), column("t4", "idBank", "integer")),
    )
    defaults: dict[str, Any] = {
        "tables": tables("Loans", "Account", "Client", "Branch", "Bank", schema=schema),
        "steps": (account, client, branch, bank),
        "date": column("t0", "loan_date", "date"),
        "recipient_label": "bank_name",
        "recipient": column("t4", "Name"),
        "group_by": {
            "branch_id": column("t3", "idBranch", "integer"),
            "branch_address": column("t3", "Address"),
        },
        "measures": (measure(amount),),
        "metrics": (
            metric("count", window=window, scale=None, name="loans_count"),
            metric("sum", window=window, scale=None, name="amount_sum"),
            metric("avg", window=window, name="amount_avg"),
        ),
        "columns": (),
    }
    return resolved(**{**defaults, **settings})
