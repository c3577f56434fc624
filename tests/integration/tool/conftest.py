"""Fixtures: databases with schemas of different shapes, on one real server."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest
from psycopg import sql

from local_cloud import database
from tests.support.clouds import cloud  # noqa: F401
from tests.support.introspection import entities  # noqa: F401
from tests.support.public_schemas import created, public  # noqa: F401
from tests.support.releases import home, project, stamped_project  # noqa: F401
from tests.support.tool import extracts  # noqa: F401

SCHEMAS = Path(__file__).parent / "schemas"


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[database.Database]:
    """A server that logs every statement, so that tests can count them."""
    folder = tmp_path_factory.mktemp("server")
    with database.serve(folder, settings={"log_statement": "all", "lc_messages": "C"}) as served:
        yield served


@pytest.fixture(scope="session")
def made(server: database.Database) -> Callable[[str, str], str]:
    """Return a function that creates a database, runs SQL statements in it, and returns its URL."""

    def made(name: str, statements: str) -> str:
        with psycopg.connect(server.url, autocommit=True) as connection:
            connection.execute(sql.SQL("create database {}").format(sql.Identifier(name)))
        url = server.url.removesuffix(server.name) + name
        with psycopg.connect(url) as connection:
            connection.execute(statements.encode())
        return url

    return made


def _schema(name: str) -> Callable[..., str]:
    @pytest.fixture(scope="session", name=name)
    def schema(made: Callable[[str, str], str]) -> str:
        return made(name, (SCHEMAS / f"{name}.sql").read_text())

    return schema


ledger, tenants, shops, cinema = map(_schema, ("ledger", "tenants", "shops", "cinema"))
