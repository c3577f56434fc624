"""Fixtures: one PostgreSQL and one Spark for all tests, and one schema for each test."""

from __future__ import annotations

import functools
import itertools
import os
import pickle
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest
from botocore.loaders import JSONFileLoader

import rolling_extract
from local_cloud import database
from tests.support.bank import LOANS, Engine, Store
from tests.support.clouds import cloud  # noqa: F401

_load_file = JSONFileLoader.load_file


@functools.cache
def _loaded(path: str) -> bytes:
    return pickle.dumps(_load_file(JSONFileLoader(), path))


# Many tests create a boto3 session, and each session would parse the descriptions of the AWS services again.
# The cache avoids this. Each session gets a copy, because an S3 client changes the descriptions.
JSONFileLoader.load_file = lambda _, path: pickle.loads(_loaded(path))


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[database.Database]:
    """One PostgreSQL for the sources of all tests."""
    with database.serve(tmp_path_factory.mktemp("database")) as served:
        yield served


@pytest.fixture(scope="session")
def spark() -> Iterator[None]:
    """Spark with the JAR of the driver in its submit arguments, as the engine expects."""
    from extracts import spark

    os.environ.update(spark.environment(Path(rolling_extract.__file__).parent, cores="2"))
    yield
    from pyspark.sql import SparkSession

    if running := SparkSession.getActiveSession():
        running.stop()


_schemas = itertools.count(1)


@pytest.fixture
def bare_store(server: database.Database) -> Iterator[Store]:
    """A schema without tables, for tests that create their own tables."""
    name = f"store_{next(_schemas)}"
    with psycopg.connect(server.url, autocommit=True) as connection:
        connection.execute(f"CREATE SCHEMA {name}; SET search_path = {name}")
        yield Store(connection, name, server.url)
        connection.execute(f"DROP SCHEMA {name} CASCADE")


@pytest.fixture
def store(bare_store: Store) -> Store:
    """A schema with the tables of the banking group, without rows."""
    bare_store.create()
    return bare_store


@pytest.fixture
def engine(spark: None, bare_store: Store, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Engine:
    """The engine, with the source of this test and a folder as target."""
    return Engine(bare_store, tmp_path / "out", capsys)


@pytest.fixture
def in_spark(engine: Engine) -> Engine:
    """The engine for a spec with `aggregate_in="spark"`."""
    return replace(engine, spec=replace(LOANS, aggregate_in="spark", partitions=3))
