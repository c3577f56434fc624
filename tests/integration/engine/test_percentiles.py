"""Median and percentiles are exact."""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal

from rolling_extract import Metric
from tests.support.bank import Engine, Store

INTERPOLATED = [
    ("median", ("1.00", "10.00", "2.00"), "2.00"),
    ("median", ("0.01", "0.02"), "0.02"),  # exactly 0.015, which is rounded half up
    ("median", ("-0.01", "-0.02"), "-0.02"),
    ("median", ("7.10",), "7.10"),
    ("p90", ("1.00", "2.00", "3.00"), "2.80"),
    ("p25", ("0.00", "0.10", "0.20", "0.30"), "0.08"),  # 0.075
    ("p99", ("99999999999999.99", "0.00"), "98999999999999.99"),
]


def test_percentiles_are_interpolated_linearly(bare_store: Store, in_spark: Engine) -> None:
    """One run tests all cases, one branch per case, because each run of Spark takes seconds."""
    bare_store.create(amount="numeric(16,2)")
    expected = {}
    for aggregate, amounts, figure in INTERPOLATED:
        branch = bare_store.branch()
        for month, amount in zip((8, 9, 10, 10), amounts, strict=False):
            bare_store.loan(branch, f"2026-{month:02d}-05", amount)
        bare_store.loan(branch, "2026-10-05", None)
        bare_store.loan(branch, "2026-07-31", 1000)
        expected[str(branch)] = (aggregate, figure, str(sum(map(Decimal, amounts))))
    bare_store.branch(bank="Beta")
    kinds = ["count", "sum", *sorted({aggregate for aggregate, _, _ in INTERPOLATED})]
    delivered = in_spark("2026-10", metrics={kind: Metric(kind, "Amount", window=3) for kind in kinds})
    lines = {line["branch_id"]: line for line in delivered.lines("Alpha")}
    assert lines.keys() == expected.keys()
    for branch_id, (aggregate, figure, total) in expected.items():
        assert (lines[branch_id][aggregate], lines[branch_id]["sum"]) == (figure, total), aggregate
    [empty] = delivered.lines("Beta")
    assert [empty[kind] for kind in kinds] == ["0", *[""] * (len(kinds) - 1)]


def test_percentiles_are_equal_to_results_of_the_postgresql_function_percentile_cont(
    store: Store, in_spark: Engine
) -> None:
    branch = store.branch()
    for amount in range(0, 1000, 7):
        store.loan(branch, "2026-10-05", amount * amount % 1013)
    hundredths = {"median": 50, "p1": 1, "p37": 37}
    delivered = in_spark("2026-10", metrics={kind: Metric(kind, "Amount", window=3) for kind in hundredths})
    [line] = delivered.lines("Alpha")
    for aggregate, hundredth in hundredths.items():
        [[theirs]] = store.connection.execute(
            'SELECT percentile_cont(%s::float8 / 100) WITHIN GROUP (ORDER BY "Amount") FROM "Loans"',
            [hundredth],
        ).fetchall()
        assert Decimal(line[aggregate]) == Decimal(repr(theirs)).quantize(Decimal("0.01"), ROUND_HALF_UP)
