"""A run reports late data of published periods, and metrics that differ much from the previous month."""

from __future__ import annotations

from typing import Any

import pytest

from rolling_extract import Metric
from tests.support.bank import Engine, Store


def test_late_data_of_published_periods_is_reported_and_their_files_stay_unchanged(
    store: Store, engine: Engine
) -> None:
    branch = store.branch()
    for period in ("2026-06", "2026-07", "2026-08", "2026-09"):
        engine(period)
    before = {path: path.read_bytes() for path in engine.folder.rglob("*") if path.is_file()}
    store.loan(branch, "2026-07-31", 9)  # only the windows of 2026-07 to 2026-09 contain this loan
    delivered = engine("2026-10")
    told = [line for line in delivered.log if line["event"] == "late_data"]
    assert [line["period"] for line in told] == ["2026-07", "2026-08", "2026-09"]
    assert told[0]["message"] == (
        '2026-07 is published, but its files would differ now: "Alpha_20260731.csv" differs (count of'
        " loans_count 0 -> 1, sum of loans_count 0 -> 9);"
        " to publish them, run --period 2026-07 --restate --reason TEXT"
    )
    assert delivered.manifest()["late_data"][2] == {
        "period": "2026-09",
        "difference": '"Alpha_20260930.csv" differs (count of loans_count 0 -> 1, sum of loans_count 0 -> 9)',
    }
    assert delivered.figures("Alpha") == {str(branch): ""}
    assert {path: path.read_bytes() for path in before} == before


def test_unchanged_published_periods_are_not_reported(store: Store, engine: Engine) -> None:
    store.loan(store.branch(), "2026-08-01", 9)
    engine("2026-09")
    delivered = engine("2026-10")
    assert delivered.manifest()["late_data"] == []
    assert "late_data" not in [line["event"] for line in delivered.log]


@pytest.mark.parametrize(
    "way",
    [{}, {"aggregate_in": "spark"}, {"aggregate_in": "spark", "transform": lambda rows: rows}],
    ids=["database", "spark", "transform"],
)
def test_failed_late_data_check_does_not_stop_the_publication(
    bare_store: Store, engine: Engine, way: dict[str, Any]
) -> None:
    bare_store.create(amount="numeric")
    branch = bare_store.branch()
    bare_store.loan(branch, "2026-10-01", 4)
    engine("2026-07")
    bare_store.loan(branch, "2026-07-01", "NaN")
    delivered = engine("2026-10", **way)
    assert delivered.figures("Alpha") == {str(branch): "4.00"}
    [told] = [line for line in delivered.log if line["event"] == "late_data"]
    assert told["message"].startswith("2026-07 could not be checked for late data: ")


def test_setting_late_data_periods_to_zero_disables_the_late_data_check(store: Store, engine: Engine) -> None:
    branch = store.branch()
    engine("2026-09")
    store.loan(branch, "2026-07-31", 9)
    assert engine("2026-10", late_data_periods=0).manifest()["late_data"] == []


@pytest.mark.parametrize(
    ("aggregate", "was", "now", "told"),
    [
        ("sum", [10], [21], 'it of "Alpha" changed from 10 in 2026-09 to 21'),
        ("sum", [10], [20], None),
        ("sum", [10], [4], 'it of "Alpha" changed from 10 in 2026-09 to 4'),
        ("avg", [10], [10, 10, 10], None),
        ("avg", [10], [10, 33], 'it of "Alpha" changed from 10.00 in 2026-09 to 21.50'),
        ("count", [10], [1, 1, 1], 'it of "Alpha" changed from 1 in 2026-09 to 3'),
        ("sum", [10], [], 'it of "Alpha" changed from 10 in 2026-09 to 0'),
        ("sum", [10], [-10], 'it of "Alpha" changed from 10 in 2026-09 to -10'),
    ],
)
def test_metric_that_changes_by_more_than_the_swing_factor_gives_a_warning(
    store: Store, engine: Engine, aggregate: str, was: list[int], now: list[int], told: str | None
) -> None:
    branch = store.branch()
    for month, amounts in (("2026-09", was), ("2026-10", now)):
        for amount in amounts:
            store.loan(branch, f"{month}-01", amount)
    months = ("--from", "2026-09", "--to", "2026-10")
    delivered = engine(*months, metrics={"it": Metric(aggregate, "Amount")}, swing_factor=2)
    expected = [f"{told}, by a factor of more than 2"] if told else []
    assert delivered.manifest()["warnings"] == expected
    assert [line["message"] for line in delivered.log if line["event"] == "swing"] == [
        f"2026-10: {warning}" for warning in expected
    ]
    # This is the first period, so there is no period to compare with.
    assert delivered.manifest("2026-09")["warnings"] == []
