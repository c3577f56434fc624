"""Whole runs of the engine, from the source to files and manifest: with both drivers, and in Spark."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import rolling_extract
import rolling_psycopg
from rolling_spec import Metric
from tests.support.bank import LOANS, Engine, Store


@pytest.fixture
def engine(store: Store, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Engine:
    return Engine(store, tmp_path / "out", capsys)


@pytest.fixture
def branches(store: Store) -> tuple[int, int]:
    """Two branches of Alpha. One has loans of 10 and 25 in the window, and the other has no loans."""
    first, second = store.branch('Main St, "1"'), store.branch("=1+1")
    store.bank("Beta")
    for date, amount in (("2026-10-31", 10), ("2026-08-01", 25), ("2026-07-31", 99), ("2026-11-01", 7)):
        store.loan(first, date, amount)
    return first, second


def files(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*.csv")}


def test_run_publishes_files_and_manifest(engine: Engine, branches: tuple[int, int]) -> None:
    first, second = branches
    delivered = engine("2026-10")
    assert delivered.bytes("Alpha").decode() == (
        "bank_name,branch_id,branch_address,period,window_start,window_end,loans_count,amount_sum,amount_avg\r\n"
        f'Alpha,{first},"Main St, ""1""",2026-10,2026-08-01,2026-10-31,2,35,17.50\r\n'
        f"Alpha,{second},'=1+1,2026-10,2026-08-01,2026-10-31,0,,\r\n"
    )
    assert delivered.lines("Beta") == []
    manifest = delivered.manifest()
    totals = {"rows": 2, "metrics": {name: {"count": 2, "sum": "35"} for name in LOANS.metrics or ()}}
    assert (manifest["totals"], manifest["source"]) == (totals, totals)
    assert manifest["window"] == {"start": "2026-08-01", "end": "2026-10-31", "time_zone": "Etc/GMT"}
    assert [entry["event"] for entry in delivered.log] == [
        *("started", "contract_checked", "statement", "read", "reconciled", "published")
    ]


def test_both_drivers_and_spark_give_the_same_bytes(
    engine: Engine,
    branches: tuple[int, int],
    spark: None,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    metrics = {
        **(LOANS.metrics or {}),
        "small_max": Metric("max", "Amount / 3", where="Amount < 20", window=2),
        "amount_p90": Metric("p90", "Amount", window="year_to_date"),
    }
    engine("2026-10", metrics=metrics, output=tmp_path / "psycopg")
    engine("2026-10", metrics=metrics, output=tmp_path / "spark", aggregate_in="spark", partitions=3)
    monkeypatch.setattr(rolling_psycopg, "is_installed", lambda: False)
    engine("2026-10", metrics=metrics, output=tmp_path / "jdbc")
    found = files(tmp_path / "psycopg")
    assert found == files(tmp_path / "jdbc") == files(tmp_path / "spark")
    assert len(found) == 2


def test_run_without_spark_does_not_import_pyspark(engine: Engine, branches: tuple[int, int]) -> None:
    program = (
        "import sys, rolling_extract as e\n"
        "sys.modules['pyspark'] = None\n"  # now every import of pyspark fails
        "from tests.support.bank import LOANS\n"
        "from dataclasses import replace\n"
        f"e.run(replace(LOANS, schema={engine.store.schema!r}), sys.argv[1:])\n"
        "assert not [name for name in sys.modules if name.startswith(('py4j', 'pyspark.'))]"
    )
    root = Path(__file__).resolve().parents[3]
    runtime = Path(rolling_extract.__file__).parent
    done = subprocess.run(
        [
            *(sys.executable, "-c", program, "--database-url", engine.store.url),
            *("--output", str(engine.folder), "--period", "2026-10"),
        ],
        capture_output=True,
        text=True,
        check=False,
        cwd=root,
        env={"PYTHONPATH": f"{runtime}:{root}:{root / 'generator'}", "PATH": "/usr/bin:/bin"},
    )
    assert done.returncode == 0, done.stdout[-1000:] + done.stderr[-1000:]
    assert len(files(engine.folder)) == 2


def test_recipients_that_differ_only_in_case_are_refused(
    store: Store, engine: Engine, branches: tuple[int, int]
) -> None:
    store.bank("ALPHA")
    assert engine.refusal("2026-10") == (
        '2026-10: the recipients "ALPHA" and "Alpha" would share the file name Alpha, where upper and'
        " lower case"
        " are the same, as on Windows and macOS; rename one of them. Nothing was published."
    )
    assert not engine.folder.exists()


def test_undated_and_excluded_rows_are_reported(
    store: Store, engine: Engine, branches: tuple[int, int]
) -> None:
    other = store.branch(bank="Gamma")
    store.loan(other, "2026-10-02", 5)
    store.loan(branches[0], None, 1)
    refused = engine.refusal("2026-10", recipients_where="\"Name\" <> 'Gamma'")
    assert "1 row of" in refused
    assert "has no date" in refused
    delivered = engine("2026-10", recipients_where="\"Name\" <> 'Gamma'", max_undated_rows=1)
    events = {entry["event"]: entry for entry in delivered.log}
    assert (events["undated"]["rows"], events["excluded"]["rows"]) == (1, 1)
    manifest = delivered.manifest()
    assert (manifest["undated_rows"], manifest["excluded"]["rows"]) == (1, 1)
    assert manifest["expressions"]["recipients_where"] == "\"Name\" <> 'Gamma'"
    assert not [path for path in delivered.paths if "Gamma" in path]


def test_listing_has_a_row_for_each_entity_row(
    store: Store, engine: Engine, branches: tuple[int, int]
) -> None:
    delivered = engine(
        "2026-10",
        group_by=None,
        metrics=None,
        rows={"amount": "Amount", "branch_address": "Branch.Address"},
        columns=("branch_address", "bank_name", "amount", "period"),
    )
    assert delivered.bytes("Alpha").decode() == (
        'branch_address,bank_name,amount,period\r\n"Main St, ""1""",Alpha,10,2026-10\r\n'
    )
    assert delivered.manifest()["totals"] == {"rows": 1, "metrics": {}}


def test_late_data_is_reported_and_a_restatement_publishes_it(
    store: Store, engine: Engine, branches: tuple[int, int]
) -> None:
    engine("2026-09")
    store.loan(branches[0], "2026-09-30", 3)
    log = engine("2026-10").log
    [late] = [entry for entry in log if entry["event"] == "late_data"]
    assert (
        '"Alpha_20260930.csv" differs (count of loans_count 2 -> 3, sum of loans_count 124 -> 127)'
        in late["message"]
    )
    refused = engine.refusal("2026-09")
    assert "already published with different bytes (revision 1," in refused
    restated = engine("2026-09", "--restate", "--reason", "late loan")
    assert restated.message.startswith("2026-09: restated: 2 files, 2 rows, revision 2")
    assert restated.manifest("2026-09")["reason"] == "late loan"


def test_metric_that_changes_by_more_than_swing_factor_is_reported(
    store: Store, engine: Engine, branches: tuple[int, int]
) -> None:
    metrics = {"amount_avg": Metric("avg", "Amount"), "loans_count": Metric("count")}
    engine("2026-08", metrics=metrics)
    store.loan(branches[0], "2026-09-01", 300)
    log = engine("2026-09", metrics=metrics, swing_factor=2).log
    assert [entry["message"] for entry in log if entry["event"] == "swing"] == [
        '2026-09: amount_avg of "Alpha" changed from 25.00 in 2026-08 to 300.00, by a factor of more than 2'
    ]


def test_error_about_a_wrong_spec_begins_with_the_period(engine: Engine) -> None:
    assert engine.refusal("2026-10", time_zone=("Etc/GMT",)).startswith("2026-10: time_zone")
    assert engine.refusal("2026-10", entity="Lones").startswith("2026-10: ")
