"""A transform changes the rows of the entity before the engine aggregates them."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest

from rolling_spec import Metric
from tests.support.bank import LOANS, Engine, Store


@pytest.fixture
def in_spark(engine: Engine) -> Engine:
    return replace(engine, spec=replace(LOANS, aggregate_in="spark", partitions=3))


SIX = {
    "loans_count": Metric("count", "Amount", window=3),
    "amount_sum": Metric("sum", "Amount", window=3, scale=6),
    "amount_avg": Metric("avg", "Amount", window=3, scale=6),
}


def fees_taken_off(rows: Any) -> Any:
    """Subtract the fee from each amount, and drop the rows whose state is void."""
    from pyspark.sql import functions as F

    return rows.where(F.col("state") != "void").withColumn(
        "Amount", F.col("Amount") - F.col("fee") * F.col("Amount")
    )


def test_control_totals_are_computed_after_the_transform(bare_store: Store, in_spark: Engine) -> None:
    bare_store.create(amount="numeric(12,2)")
    bare_store.sql('ALTER TABLE "Loans" ADD fee numeric(5,4), ADD state text')
    branch, expected = bare_store.branch(), []
    for i in range(1, 9):
        bare_store.loan(branch, f"2026-{7 + i % 4:02d}-05", f"{i}.15")
        fee, state = Decimal(i) / 1000, "void" if i % 3 == 0 else "paid"
        bare_store.sql('UPDATE "Loans" SET fee = %s, state = %s WHERE fee IS NULL', fee, state)
        if i % 4 and state == "paid":
            expected.append(Fraction(Decimal(f"{i}.15") * (1 - fee)))
    delivered = in_spark("2026-10", transform=fees_taken_off, transform_columns=("fee", "state"), metrics=SIX)
    [line] = delivered.lines("Alpha")
    total = sum(expected, Fraction(0))
    assert (line["loans_count"], Fraction(line["amount_sum"])) == (str(len(expected)), total)
    assert abs(Fraction(line["amount_avg"]) - total / len(expected)) <= Fraction(1, 2_000_000)
    source = delivered.manifest()["source"]
    assert (source["rows"], Fraction(source["metrics"]["amount_sum"]["sum"])) == (len(expected), total)


STOPS: list[tuple[str, int]] = []


def stopped() -> None:
    """Read the frame of the breakpoint, as a debugger does."""
    frame = sys._getframe(1)
    STOPS.append((frame.f_code.co_name, frame.f_locals["rows"].count()))


def test_debugger_stops_at_a_breakpoint_in_a_transform(
    store: Store, in_spark: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    branch = store.branch()
    for day in (5, 6):
        store.loan(branch, f"2026-10-{day:02d}", 7)

    def with_breakpoint(rows: Any) -> Any:
        breakpoint()
        return rows

    monkeypatch.setenv("PYTHONBREAKPOINT", f"{__name__}.{stopped.__name__}")
    STOPS.clear()
    in_spark("2026-10", transform=with_breakpoint)
    assert STOPS == [("with_breakpoint", 2)]


def test_transform_may_add_rows_and_move_rows_to_another_group(store: Store, in_spark: Engine) -> None:
    from pyspark.sql import functions as F

    here, there = store.branch(), store.branch()
    store.loan(here, "2026-10-05", 10)
    account = store._accounts[there]

    def halved(rows: Any) -> Any:
        half = rows.withColumn("Amount", (F.col("Amount") / 2).cast("decimal(38,1)"))
        return half.union(half.withColumn("Account_idAccount", F.lit(account)))

    assert in_spark("2026-10", transform=halved).figures("Alpha") == {str(here): "5.00", str(there): "5.00"}


def test_transform_gets_columns_with_spark_types(bare_store: Store, in_spark: Engine) -> None:
    bare_store.create(amount="double precision", date="timestamptz")
    bare_store.sql('ALTER TABLE "Loans" ADD ok boolean, ADD day date, ADD at timestamp, ADD note uuid')
    bare_store.loan(bare_store.branch(), "2026-10-05", 0.1)
    seen = {}

    def look(rows: Any) -> Any:
        seen.update(rows.dtypes)
        seen["row"] = rows.collect()[0].asDict()
        return rows

    in_spark("2026-10", transform=look, transform_columns=("ok", "day", "at", "note", "idLoan", "loan_date"))
    row = seen.pop("row")
    assert seen == {
        "Account_idAccount": "bigint",
        "Amount": "decimal(38,1)",
        "at": "timestamp_ntz",
        "day": "date",
        "idLoan": "bigint",
        "loan_date": "timestamp",
        "note": "string",
        "ok": "boolean",
        "rolling_segment": "int",
    }
    assert (row["Amount"], row["rolling_segment"]) == (Decimal("0.1"), 1)


@pytest.mark.parametrize(
    ("transform", "sentence"),
    [
        (
            lambda rows: rows.drop("Amount"),
            "removed the column Amount; it must keep Account_idAccount, Amount",
        ),
        (lambda rows: rows.selectExpr("*", "1 / 0"), None),
        (lambda rows: rows.where("no_such > 1"), "failed with AnalysisException in line "),
        (lambda rows: rows.collect()[9], "failed with IndexError in line "),
        (lambda rows: rows.collect(), "returned list, not a DataFrame"),
        (
            lambda rows: rows.withColumn("Amount", rows["Amount"].cast("double")),
            'changed "Amount" to double; it must stay a decimal or a whole number',
        ),
    ],
)
def test_error_explains_a_failed_transform(
    store: Store, in_spark: Engine, transform: Callable[[Any], Any], sentence: str | None
) -> None:
    store.loan(store.branch(), "2026-10-05", 10)
    # If `sentence` is None, the transform adds a column with a faulty expression. The engine does not use the
    # column, so Spark never computes it and the run succeeds.
    if sentence is None:
        in_spark("2026-10", transform=transform)
        return
    assert in_spark.refusal("2026-10", transform=transform).startswith(
        f"2026-10: the spec's transform {sentence}"
    )
    assert in_spark.log[-1]["kind"] == "transform"


def test_control_totals_do_not_reconcile_if_a_transform_is_nondeterministic(
    store: Store, in_spark: Engine
) -> None:
    store.loan(store.branch(), "2026-10-05", 10)

    def diced(rows: Any) -> Any:
        import secrets

        from pyspark.sql import functions as F

        dice = F.udf(lambda amount: amount + secrets.randbelow(10**9), "decimal(38,0)").asNondeterministic()
        return rows.withColumn("Amount", dice("Amount"))

    sentence = in_spark.refusal("2026-10", transform=diced)
    assert "control totals of 2026-10 do not reconcile" in sentence
