"""Spark computes the expected values if its executors are separate processes, as on Glue."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pyspark
import pytest

import rolling_extract
from extracts import spark
from tests.support.bank import LOANS, Delivered, Store
from tests.support.engine.checks import check
from tests.support.engine.cluster_job import miscast, raising, without_sign
from tests.support.engine.expressions import Arithmetic, Column, Comparison, Number
from tests.support.engine.loading import load
from tests.support.engine.oracle import YEAR_TO_DATE, Case
from tests.support.engine.random_sources import GROUPS, Setting, arguments, in_spark, sources, spec, steps
from tests.support.engine.values import Metric

MASTER = "local-cluster[2,1,1024]"  # two executors with one core and 1 GB each
ROOT = Path(__file__).parents[3]
AMOUNT = Column("Loans", "Amount")
QUANTITY = Column("Loans", "quantity", whole=True)
CASE = Case(
    steps=steps(frozenset({"Client"}), composite=False, by_head=True),
    recipient=Column("Bank", "Name", text=True),
    group_by=GROUPS["kind and branch"],
    metrics={
        "amount_avg": Metric("avg", AMOUNT, 3),
        "quantity_median": Metric("median", QUANTITY, YEAR_TO_DATE),
        "cost": Metric(
            "sum",
            Arithmetic("*", AMOUNT, Column("Price", "factor")),
            12,
            where=Comparison(">", Column("Account", "Balance", whole=True), Number(Decimal(0))),
        ),
    },
    date_type="timestamptz",
    time_zone="America/Havana",
    key=("world", "idLoan"),
)
SETTING = Setting(
    seed=20261130,
    case=CASE,
    amount="numeric(20,2)",
    periods=((2026, 10),),
    composite=False,
    indexed=True,
    analyzed=True,
    partitions=3,
    partition_by=None,
)


@pytest.mark.timeout(1800)  # slow: three Java processes need half a minute of processor time for compilation
def test_spark_executors_in_other_processes_compute_the_expected_values(
    bare_store: Store, tmp_path: Path
) -> None:
    made = sources(SETTING)
    load(bare_store.connection, bare_store.schema, SETTING, made)
    average = replace(CASE, metrics={"amount_avg": CASE.metrics["amount_avg"]})
    plain, transformed = (
        in_spark(setting, spec(setting, bare_store.schema))
        for setting in (SETTING, replace(SETTING, case=average))
    )
    jobs = {"plain": plain, "transformed": replace(transformed, transform=without_sign)}
    source = ["--database-url", bare_store.url, *arguments(SETTING)]
    job = tmp_path / "job"
    job.write_bytes(
        pickle.dumps([(found, [*source, "--output", str(tmp_path / name)]) for name, found in jobs.items()])
    )
    submitted(job, home(tmp_path / "spark"))
    assert Path(f"{job}.executors").read_text() == "2"
    check(CASE, made, SETTING.periods, Delivered(tmp_path / "plain", []))
    made["Loans"] = [{**row, "Amount": _without_sign(row["Amount"])} for row in made["Loans"]]
    check(average, made, SETTING.periods, Delivered(tmp_path / "transformed", []))


@pytest.mark.timeout(1800)
def test_logs_contain_no_value_of_a_row_after_a_spark_task_fails(bare_store: Store, tmp_path: Path) -> None:
    """CloudWatch gets the logs of the driver and of each executor on Glue, so they must not contain data."""
    bare_store.create(amount="numeric(20,2)")
    bare_store.loan(bare_store.branch(), "2026-10-05", Decimal("4111111111111.11"))
    spec = replace(LOANS, schema=bare_store.schema, aggregate_in="spark")
    arguments = ["--database-url", bare_store.url, "--output", str(tmp_path / "out"), "--period", "2026-10"]
    job = tmp_path / "job"
    failing = [replace(spec, transform=transform) for transform in (raising, miscast)]
    job.write_bytes(pickle.dumps([(found, arguments) for found in failing]))
    output = submitted(job, home(tmp_path / "spark"))
    assert len([line for line in output if line.endswith("Nothing was published.")]) == 2
    logs = [path for path in (tmp_path / "spark/work").rglob("std*") if path.is_file()]
    assert len(logs) >= 4
    texts = {str(path): path.read_text() for path in logs} | {"driver": "\n".join(output)}
    assert any("Starting executor ID" in text for text in texts.values())
    assert [name for name, text in texts.items() if "4111111111111" in text] == []


def _without_sign(amount: object) -> Decimal | None:
    assert amount is None or isinstance(amount, Decimal)
    return None if amount is None else abs(amount)


def home(folder: Path) -> Path:
    """Return a home folder for Spark, in which the workers may write."""
    folder.mkdir()
    assert pyspark.__file__ is not None
    for part in ("bin", "jars", "sbin"):
        (folder / part).symlink_to(Path(pyspark.__file__).with_name(part))
    return folder


def submitted(job: Path, spark_home: Path) -> list[str]:
    """Run a job on a Spark cluster on this machine. Return the lines that its driver wrote."""
    # The test sets spark.authenticate.secret, because Spark does not generate it for separate executors.
    settings = (
        "spark.authenticate.secret=of-this-test",
        "spark.executor.memory=512m",
        "spark.executor.extraJavaOptions=-XX:TieredStopAtLevel=1 -XX:+UseSerialGC",
    )
    environment = spark.environment(Path(rolling_extract.__file__).parent, settings=settings)
    environment["PYSPARK_SUBMIT_ARGS"] = environment["PYSPARK_SUBMIT_ARGS"].replace(
        "'local[*]'", f"'{MASTER}'"
    )
    assert MASTER in environment["PYSPARK_SUBMIT_ARGS"]
    environment["PYTHONPATH"] += f"{os.pathsep}{ROOT}"
    done = subprocess.run(
        [sys.executable, "-m", "tests.support.engine.cluster_job", str(job)],
        env={**os.environ, **environment, "SPARK_HOME": str(spark_home)},
        cwd=job.parent,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-4000:]
    return done.stdout.splitlines()
