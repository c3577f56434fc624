"""The oracle of the property tests is correct, and the comparison with the oracle finds differences."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest

from tests.support.engine.checks import check
from tests.support.engine.expressions import Arithmetic, Column, Comparison, Divided, Number
from tests.support.engine.expressions import Case as When
from tests.support.engine.oracle import YEAR_TO_DATE, Case, Expected, Step, oracle
from tests.support.engine.values import Metric, root, text

AMOUNT = Column("Loans", "Amount", whole=True)
RATE = Column("Price", "rate")
STEPS = (
    Step("Account", "Account", "Loans", ("account",), ("id",), optional=True),
    Step("Branch", "Branch", "Account", ("branch",), ("id",)),
    Step("Bank", "Bank", "Branch", ("bank",), ("id",)),
    Step("Price", "Price", "Loans", ("price",), ("id",)),
)
CASE = Case(
    steps=STEPS,
    recipient=Column("Bank", "Name", text=True),
    group_by={
        "branch": Column("Branch", "id", whole=True),
        "address": Column("Branch", "Address", text=True),
    },
    metrics={
        "loans_count": Metric("count", None, 3),
        "amount_sum": Metric("sum", AMOUNT, 1),
        "amount_avg": Metric("avg", AMOUNT, 3, scale=1),
        "big": Metric("max", AMOUNT, YEAR_TO_DATE, where=Comparison(">", AMOUNT, Number(Decimal(5)))),
        "cost": Metric("sum", Arithmetic("*", AMOUNT, RATE), 3),
    },
    key=("id",),
)


def loan(
    key: int, account: int | None, month: int | None, amount: int | None, price: int = 0
) -> dict[str, object]:
    when = None if month is None else datetime(2026, month, 15)
    return {"id": key, "account": account, "price": price, "loan_date": when, "Amount": amount}


TABLES: dict[str, list[dict[str, object]]] = {
    "Bank": [{"id": 0, "Name": "A", "rating": 3}, {"id": 1, "Name": "B", "rating": None}],
    "Branch": [
        {"id": 0, "bank": 0, "Address": "=x"},
        {"id": 1, "bank": 0, "Address": None},
        {"id": 2, "bank": 1, "Address": "y"},
        {"id": 3, "bank": None, "Address": "z"},
    ],
    "Account": [{"id": 0, "branch": 0}, {"id": 1, "branch": None}, {"id": 2, "branch": 2}],
    "Price": [{"id": 0, "rate": Decimal("0.5")}],
    "Loans": [
        loan(0, 0, 10, 10),
        loan(1, 0, 9, 5),
        loan(2, 0, 10, None),  # no amount
        loan(3, 0, 3, 100),  # before the window of three months, but in the window of a year
        loan(4, 1, 10, 3),  # an orphan row, because its account has no branch
        loan(5, None, 10, 7),  # no account, but the join to Account is optional
        loan(6, 0, 11, 8),  # in the month after the period
        loan(7, 0, None, 9),  # undated
        loan(8, 0, 10, 2, price=9),  # an orphan row, because Price has no row 9
        loan(9, 2, 10, 4),
    ],
}  # fmt: skip


def test_oracle_matches_a_result_computed_by_hand() -> None:
    """Find errors of the oracle, even if the engine has the same errors."""
    fixed = {"period": "2026-10", "window_start": "2026-01-01", "window_end": "2026-10-31"}

    def row(bank: str, branch: str, address: str, *figures: str) -> dict[str, str]:
        labels = {"bank_name": bank, "branch": branch, "address": address, **fixed}
        return labels | dict(zip(CASE.metrics, figures, strict=True))

    assert oracle(CASE, TABLES, (2026, 10)) == Expected(
        files={
            "A": [
                row("A", "0", "'=x", "3", "10", "7.5", "100", "7.50"),
                row("A", "1", "", "0", "", "", "", ""),
            ],
            "B": [row("B", "2", "y", "1", "4", "4.0", "", "2.00")],
            "Unassigned": [row("Unassigned", "", "", "1", "7", "7.0", "7", "3.50")],
        },
        rows=8,
        orphans=2,
        undated=1,
        counts={"loans_count": 7, "amount_sum": 5, "amount_avg": 6, "big": 3, "cost": 5},
        sums={
            "loans_count": None,
            "amount_sum": Fraction(26),
            "amount_avg": Fraction(31),
            "big": Fraction(117),
            "cost": Fraction(29, 2),
        },
    )


def test_recipient_that_the_filter_excludes_gets_no_file() -> None:
    only = replace(CASE, recipients_where=Comparison(">", Column("Bank", "rating"), Number(Decimal(1))))
    made = oracle(only, TABLES, (2026, 10))
    assert (list(made.files), made.rows, made.orphans, made.excluded) == (["A", "Unassigned"], 8, 2, 1)


def test_row_is_an_orphan_row_if_a_condition_needs_a_missing_joined_row() -> None:
    """The condition uses Price, but one loan has no row in Price. This loan is an orphan row."""
    metrics = {"loans_count": CASE.metrics["loans_count"]}
    cheap = replace(CASE, metrics=metrics, where=Comparison(">", RATE, Number(Decimal(1))))
    made = oracle(cheap, TABLES, (2026, 10))
    assert (made.rows, made.orphans, made.undated) == (1, 1, 0)


def test_listing_has_the_rows_of_the_period_in_the_order_of_the_key() -> None:
    listing = replace(CASE, metrics={}, group_by={}, rows={"loan": Column("Loans", "id"), "amount": AMOUNT})
    made = oracle(listing, TABLES, (2026, 10))
    listed = {name: [(row["loan"], row["amount"]) for row in rows] for name, rows in made.files.items()}
    assert listed == {
        "A": [("0", "10"), ("2", ""), ("8", "2")],
        "B": [("9", "4")],
        "Unassigned": [("5", "7")],
    }
    # The loan without a row in Price is not an orphan row, because this listing does not join Price.
    assert (made.rows, made.orphans) == (6, 1)


def test_row_after_the_cutoff_is_not_counted() -> None:
    early = replace(CASE, cutoff=datetime(2026, 10, 14, tzinfo=UTC))
    assert oracle(early, TABLES, (2026, 10)).rows == 2


@pytest.mark.parametrize(
    ("aggregate", "expression", "figure"),
    [
        ("stddev", AMOUNT, "4.04"),  # the square root of 49/3
        ("median", AMOUNT, "5.00"),
        ("p90", AMOUNT, "9.00"),
        ("min", Divided(AMOUNT, Number(Decimal(-4))), "-2.50"),
        ("count_distinct", When(Comparison(">", AMOUNT, Number(Decimal(0))), Number(Decimal(1)), None), "1"),
    ],
)
def test_oracle_also_computes_aggregates_that_are_not_in_the_handmade_case(
    aggregate: str, expression: Any, figure: str
) -> None:
    case = replace(CASE, metrics={"it": Metric(aggregate, expression, 3)})
    assert oracle(case, TABLES, (2026, 10)).files["A"][0]["it"] == figure


@pytest.mark.parametrize(
    ("value", "scale", "written"),
    [(Fraction(1, 200), 2, "0.01"), (Fraction(-1, 200), 2, "-0.01"), (Fraction(-1, 300), 2, "0.00")],
)
def test_oracle_rounds_half_up(value: Fraction, scale: int, written: str) -> None:
    assert text(value, scale) == written


@pytest.mark.parametrize(
    ("square", "scale", "written"),
    [(2, 4, "1.4142"), (4, 2, "2.00"), (Fraction(9, 4), 0, "2"), (Fraction(1, 4 * 10**6), 3, "0.001")],
)
def test_oracle_rounds_roots_half_up(square: Fraction, scale: int, written: str) -> None:
    assert root(Fraction(square), scale) == written


@dataclass
class Published:
    """A publication in memory, which the test makes from the result of the oracle."""

    files: dict[str, list[dict[str, str]]]
    totals: dict[str, Any] = field(default_factory=dict)

    def lines(self, recipient: str, period: str) -> list[dict[str, str]]:
        return self.files.get(recipient, [])

    def manifest(self, period: str) -> dict[str, Any]:
        return {"files": [{"recipient": name} for name in self.files], **self.totals}


def published() -> Published:
    made = oracle(CASE, TABLES, (2026, 10))
    sums = {name: {} if total is None else {"sum": str(total)} for name, total in made.sums.items()}
    metrics = {name: {"count": made.counts[name], **sums[name]} for name in CASE.metrics}
    totals = {"source": {"rows": made.rows, "metrics": metrics}, "orphans": {"rows": made.orphans}}
    totals |= {"undated_rows": made.undated, "excluded": {"rows": made.excluded}}
    return Published(copy.deepcopy(made.files), copy.deepcopy(totals))


def test_comparison_accepts_a_publication_that_equals_the_oracle() -> None:
    check(CASE, TABLES, ((2026, 10),), published())


@pytest.mark.parametrize(
    "spoil",
    [
        lambda it: it.files["A"][0].update(amount_sum="11"),
        lambda it: it.files["A"][0].update(amount_avg="7.4"),
        lambda it: it.files["A"][1].update(loans_count=""),
        lambda it: it.files["A"][1].update(big="0"),
        lambda it: it.files["A"].reverse(),
        lambda it: it.files["A"].pop(),
        lambda it: it.files["B"].append(it.files["A"].pop()),
        lambda it: it.files["A"].append(it.files["A"][0]),
        lambda it: it.files["B"][0].update(window_start="2026-08-01"),
        lambda it: it.files["B"].__setitem__(0, dict(reversed(it.files["B"][0].items()))),
        lambda it: it.files.pop("Unassigned"),
        lambda it: it.files.update(C=[]),
        lambda it: it.totals["source"].update(rows=7),
        lambda it: it.totals["orphans"].update(rows=1),
        lambda it: it.totals.update(undated_rows=0),
        lambda it: it.totals["excluded"].update(rows=1),
        lambda it: it.totals["source"]["metrics"]["cost"].update(count=4),
        lambda it: it.totals["source"]["metrics"]["cost"].update(sum="14.51"),
        lambda it: it.totals["source"]["metrics"]["cost"].pop("sum"),
    ],
)
def test_comparison_with_the_oracle_fails_for_a_changed_publication(
    spoil: Callable[[Published], object],
) -> None:
    made = published()
    spoil(made)
    with pytest.raises((AssertionError, KeyError)):
        check(CASE, TABLES, ((2026, 10),), made)
