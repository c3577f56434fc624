"""Compare the engine with an oracle on random sources.

Every example runs three times: in the database through psycopg, in the database through JDBC, and in Spark.
All three runs must write the same bytes. Another test creates random extracts that Spark may refuse. If
Spark must refuse an extract, the test compares the error message.

`SOURCES` random sources share one run. Each run has its own random metrics, joins, conditions, windows, time
zone and periods. By default there are 13 runs: 520 random sources with 13 random extracts, and one to four
periods each. HYPOTHESIS_PROFILE=deep has 250 runs and therefore 10,000 sources.
"""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import hypothesis
import pytest
from hypothesis import given

from tests.support.bank import Delivered, Engine
from tests.support.engine.checks import check
from tests.support.engine.loading import load
from tests.support.engine.oracle import written
from tests.support.engine.portable import is_portable, refusal
from tests.support.engine.random_sources import Setting, arguments, in_spark, settings, sources, spec


@pytest.mark.timeout(10_800)  # each random example runs the engine three times
@given(setting=settings().filter(is_portable))
def test_files_of_both_drivers_and_of_spark_match_the_oracle(setting: Setting, engine: Engine) -> None:
    first = published_by_both_drivers(setting, engine)
    extract = in_spark(setting, spec(setting, engine.store.schema))
    same(setting, first, publish(engine, setting, extract, "spark", "jdbc"))


@hypothesis.settings(max_examples=83 if os.environ.get("HYPOTHESIS_PROFILE") == "deep" else 4)
@given(setting=settings().filter(lambda setting: not is_portable(setting)))
def test_spark_refuses_a_spec_only_if_spark_cannot_compute_it_exactly(
    setting: Setting, engine: Engine
) -> None:
    """PostgreSQL computes every random extract.

    Spark computes an extract if its result is exact for the rows of the source, and refuses it otherwise.
    """
    first = published_by_both_drivers(setting, engine)
    extract = in_spark(setting, spec(setting, engine.store.schema))
    sentence = refusal(setting, sources(setting))
    if sentence is None:
        same(setting, first, publish(engine, setting, extract, "spark", "jdbc"))
        return
    with pytest.raises(SystemExit) as refused:
        publish(engine, setting, extract, "spark", "jdbc")
    assert str(refused.value.code).partition(": ")[2] == f"{sentence}. Nothing was published."


@hypothesis.settings(max_examples=5)
@given(setting=settings())
def test_separate_runs_for_several_periods_report_no_late_data(setting: Setting, engine: Engine) -> None:
    """One run per period writes the same files as one run for all periods, and reports no late data."""
    load(engine.store.connection, engine.store.schema, setting, sources(setting))
    extract = spec(setting, engine.store.schema)
    first = publish(engine, setting, extract, "together", "psycopg")
    folder = emptied(engine, "apart")
    for period in written(setting.periods):
        given = ["--period", period, *list(arguments(setting))[4:]]
        done = replace(engine, folder=folder, spec=extract)(*given)
        assert not [line for line in done.log if line["event"] == "late_data"]
    same(setting, first, Delivered(folder, []))


def published_by_both_drivers(setting: Setting, engine: Engine) -> Delivered:
    """Publish through both drivers, check the files with the oracle, and return the files.

    PostgreSQL aggregates the rows.
    """
    made = sources(setting)
    load(engine.store.connection, engine.store.schema, setting, made)
    extract = spec(setting, engine.store.schema)
    first = publish(engine, setting, extract, "psycopg", "psycopg")
    check(setting.case, made, setting.periods, first)
    same(setting, first, publish(engine, setting, extract, "jdbc", "jdbc"))
    return first


def publish(engine: Engine, setting: Setting, extract: Any, name: str, driver: str) -> Delivered:
    folder = emptied(engine, name)
    return replace(engine, folder=folder, spec=extract, driver=driver)(*arguments(setting))


def emptied(engine: Engine, name: str) -> Path:
    folder = engine.folder.with_name(name)
    shutil.rmtree(folder, ignore_errors=True)
    return folder


def same(setting: Setting, ours: Delivered, theirs: Delivered) -> None:
    assert theirs.paths == ours.paths
    for path in ours.paths:
        assert (theirs.folder / path).read_bytes() == (ours.folder / path).read_bytes(), path
    for period in written(setting.periods):
        mine, other = (json.dumps(totals(done.manifest(period)), indent=1) for done in (ours, theirs))
        assert other == mine


def totals(manifest: dict[str, Any]) -> dict[str, Any]:
    parts = ("source", "orphans", "undated_rows", "excluded", "totals", "groups_without_recipient")
    return {part: manifest[part] for part in parts}
