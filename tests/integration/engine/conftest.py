"""One PostgreSQL and one Spark for the whole run; a schema of its own for every test."""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest

import rolling_extract
from local_cloud import database
from tests.support.bank import LOANS, Engine, Store
from tests.support.clouds import cloud  # noqa: F401


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[database.Database]:
    """The PostgreSQL that all stores are in."""
    with database.serve(tmp_path_factory.mktemp("database")) as served:
        yield served


@pytest.fixture(scope="session")
def spark() -> Iterator[None]:
    """Spark, as the engine will find it: the driver's jar comes from outside, by the submit arguments."""
    from extracts import spark

    os.environ.update(spark.environment(Path(rolling_extract.__file__).parent, cores="2"))
    yield
    from pyspark.sql import SparkSession

    if running := SparkSession.getActiveSession():
        running.stop()


_schemas = itertools.count(1)


@pytest.fixture
def bare_store(server: database.Database) -> Iterator[Store]:
    """An empty schema, for tests that make tables of their own."""
    name = f"store_{next(_schemas)}"
    with psycopg.connect(server.url, autocommit=True) as connection:
        connection.execute(f"CREATE SCHEMA {name}; SET search_path = {name}")
        yield Store(connection, name, server.url)
        connection.execute(f"DROP SCHEMA {name} CASCADE")


@pytest.fixture
def store(bare_store: Store) -> Store:
    """The banking group's tables, empty."""
    bare_store.create()
    return bare_store


@pytest.fixture
def engine(spark: None, bare_store: Store, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Engine:
    """The engine on this test's store; delivers into a folder."""
    return Engine(bare_store, tmp_path / "out", capsys)


@pytest.fixture
def in_spark(engine: Engine) -> Engine:
    """The engine, with all of its work done in Spark."""
    return replace(engine, spec=replace(LOANS, aggregate_in="spark", partitions=3))
