"""Spark whose executors are other processes, as on Glue, gives the values of the oracle."""

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
from tests.support.bank import Delivered, Store
from tests.support.engine.checks import check
from tests.support.engine.cluster_job import without_sign
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


@pytest.mark.timeout(1800)  # three Java processes compile for half a minute of processor time
def test_executors_in_other_processes_give_the_values_of_the_oracle(
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
    assert submitted(job, home(tmp_path / "spark")) == 2
    check(CASE, made, SETTING.periods, Delivered(tmp_path / "plain", []))
    made["Loans"] = [{**row, "Amount": _without_sign(row["Amount"])} for row in made["Loans"]]
    check(average, made, SETTING.periods, Delivered(tmp_path / "transformed", []))


def _without_sign(amount: object) -> Decimal | None:
    assert amount is None or isinstance(amount, Decimal)
    return None if amount is None else abs(amount)


def home(folder: Path) -> Path:
    """Return a home of Spark, below which the workers may write."""
    folder.mkdir()
    assert pyspark.__file__ is not None
    for part in ("bin", "jars", "sbin"):
        (folder / part).symlink_to(Path(pyspark.__file__).with_name(part))
    return folder


def submitted(job: Path, spark_home: Path) -> int:
    """Run a job on a cluster of this machine, and return the number of its executors."""
    settings = (
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
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    return int(done.stdout.splitlines()[-1])
