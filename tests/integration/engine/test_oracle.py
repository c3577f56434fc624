"""Compare the engine with an oracle on random sources.

Every example runs twice, with `aggregate_in="database"` and with `aggregate_in="spark"`. Both must write the
same bytes.

`STORES` random sources share one run. Types, window, time zone, aggregate, joins, condition and periods are
drawn once per run. By default there are 13 runs: 520 random sources with 13 random settings and one to four
periods each. HYPOTHESIS_PROFILE=deep has 250 runs and therefore 10,000 sources.
"""

from __future__ import annotations

import shutil
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from fractions import Fraction

import hypothesis
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.bank import Delivered, Engine
from tests.support.engine.oracle import Expected, oracle, text
from tests.support.engine.random_sources import (
    Row,
    Setting,
    Tables,
    in_spark,
    load,
    settings,
    spec,
    tables,
)


@given(setting=settings)
def test_files_of_both_aggregations_match_the_oracle(setting: Setting, engine: Engine) -> None:
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
            # Compare sums as numbers: one aggregation writes 0.10 where the other writes 0.1.
            assert {**ours[part], "sum": 0} == {**theirs[part], "sum": 0}
            assert Fraction(ours[part]["sum"]) == Fraction(theirs[part]["sum"])
        assert ours["groups_without_recipient"] == theirs["groups_without_recipient"]


@hypothesis.settings(max_examples=3)
@given(setting=settings, aggregate=st.sampled_from(("median", "p1", "p90")))
def test_percentiles_match_the_oracle(setting: Setting, aggregate: str, engine: Engine) -> None:
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


def test_oracle_matches_a_result_computed_by_hand() -> None:
    """Compare the oracle with one hand-computed case, so that it cannot share an error with the engine."""
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
            4: Row(0, 4, parent=1, moment=noon, amount=Decimal(3)),  # an orphan row: its client has no branch
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
def test_oracle_rounds_half_up(value: Fraction, scale: int, written: str) -> None:
    assert text(value, scale) == written
