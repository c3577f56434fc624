"""Which periods a run publishes: default, incomplete, backfill, dry run, restatement."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

import rolling_publication
from rolling_errors import ExtractError
from tests.support.bank import Engine, Store


def test_error_of_a_failed_backfill_names_the_months_that_it_has_published(
    store: Store, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.branch()
    publish = rolling_publication.publish

    def fail_at_the_third(store: Any, made: Any, *rest: Any) -> str:
        if str(made.period) == "2026-03":
            raise ExtractError("the disk is full", kind="store")
        return str(publish(store, made, *rest))

    monkeypatch.setattr(rolling_publication, "publish", fail_at_the_third)
    assert engine.refusal("--from", "2026-01", "--to", "2026-03") == (
        "2026-01 to 2026-03: the disk is full. Published before the error: 2026-01, 2026-02."
    )


def test_unknown_time_zone_is_reported(store: Store, engine: Engine) -> None:
    assert 'there is no time zone "Mars/Olympus"' in engine.refusal("2026-10", time_zone="Mars/Olympus")


def test_default_period_is_the_last_complete_month(store: Store, engine: Engine) -> None:
    store.branch()
    engine.now = datetime(2026, 11, 1, 0, 1, tzinfo=UTC)
    assert engine().message.startswith("2026-10: published")


def test_default_period_depends_on_the_time_zone_of_the_extract(store: Store, engine: Engine) -> None:
    store.branch()
    engine.now = datetime(2026, 10, 31, 12, tzinfo=UTC)
    assert engine(time_zone="Pacific/Kiritimati").message.startswith("2026-10: published")


def test_incomplete_period_is_refused(store: Store, engine: Engine) -> None:
    assert engine.refusal("2026-11") == (
        "2026-11: the period 2026-11 is not over in Etc/GMT; run the period on or after"
        " 2026-12-01, or with --allow-incomplete. Nothing was published."
    )


def test_incomplete_period_is_published_when_allowed(store: Store, engine: Engine) -> None:
    branch = store.branch()
    store.loan(branch, "2026-11-23", 5)
    store.loan(branch, "2026-11-24", 1000)  # rows from tomorrow are after the cutoff
    delivered = engine("--period", "2026-11", "--allow-incomplete", "true")
    assert delivered.figures("Alpha", "2026-11") == {str(branch): "5.00"}
    assert delivered.manifest("2026-11")["complete"] is False


def test_future_period_is_refused_even_with_the_option_allow_incomplete(store: Store, engine: Engine) -> None:
    assert "2026-12 has not begun" in engine.refusal("--period", "2026-12", "--allow-incomplete")


def test_run_publishes_nothing_if_the_clock_of_the_job_is_ahead_of_the_clock_of_the_database(
    store: Store, engine: Engine
) -> None:
    store.branch()
    engine.now = datetime(2999, 1, 1, 0, 1, tzinfo=UTC)
    assert "2998-12 is over by the clock of this job" in engine.refusal()
    assert engine.log[-1]["kind"] == "clock"
    assert not engine.folder.exists()


def test_error_of_a_failed_backfill_begins_with_its_first_and_last_period(
    store: Store, engine: Engine
) -> None:
    store.branch()
    store.loan(None, "2026-03-01", 1)
    sentence = engine.refusal("--from", "2026-01", "--to", "2026-09", window=1)
    assert sentence.startswith(
        "2026-01 to 2026-09: 1 of 1 rows of the window that ends with 2026-03 reaches no recipient"
    )
    assert sentence.endswith("Nothing was published.")
    assert not engine.folder.exists()


def test_backfill_writes_nothing_if_a_published_period_would_change(store: Store, engine: Engine) -> None:
    branch = store.branch()
    engine("2026-09")
    store.loan(branch, "2026-09-01", 1)
    assert "already published with different bytes" in engine.refusal("--from", "2026-08", "--to", "2026-10")
    assert [path.name for path in (engine.folder / "_manifests").glob("*.json")] == ["2026-09.json"]
    assert {path.stem for path in (engine.folder / "_manifests").iterdir()} == {"2026-09"}


def test_dry_run_reports_its_plan_and_writes_nothing(store: Store, engine: Engine) -> None:
    store.branch()
    delivered = engine("--period", "2026-10", "--dry-run")
    assert delivered.message == (
        "2026-10: would publish 1 row as revision 1 (1 new, 0 replaced and 0 removed of 1 file)"
    )
    assert not engine.folder.exists()


def test_dry_run_reports_differences_from_the_published_period(store: Store, engine: Engine) -> None:
    branch = store.branch()
    gone = store.bank("Gone")
    engine("2026-10")
    store.loan(branch, "2026-10-31", 9)
    store.sql('DELETE FROM "Bank" WHERE "idBank" = %s', gone)
    before = {path: path.read_bytes() for path in engine.folder.rglob("*") if path.is_file()}
    assert engine("--period", "2026-10", "--dry-run").message == (
        "2026-10: would publish 1 row as revision 2 (0 new, 1 replaced and 1 removed of 2 files):"
        ' "Alpha_20261031.csv" differs (count of loans_count 0 -> 1, sum of loans_count 0 -> 9),'
        ' "Gone_20261031.csv" would be removed; only with --restate'
    )
    assert {path: path.read_bytes() for path in engine.folder.rglob("*") if path.is_file()} == before


def test_restatement_records_its_reason(store: Store, engine: Engine) -> None:
    branch = store.branch()
    engine("2026-10")
    store.loan(branch, "2026-10-31", 9)
    assert (
        '"Alpha_20261031.csv" differs (count of loans_count 0 -> 1, sum of loans_count 0 -> 9)'
        in engine.refusal("2026-10")
    )
    manifest = engine("--period", "2026-10", "--restate", "true", "--reason", "late booking").manifest()
    assert (manifest["revision"], manifest["reason"]) == (2, "late booking")
