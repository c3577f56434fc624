"""Schemas that are not ours in shape, each in a database of its own on one real server."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest
from psycopg import sql

from local_cloud import database
from tests.support.releases import home, project  # noqa: F401

Extracts = Callable[..., subprocess.CompletedProcess[str]]
SCHEMAS = Path(__file__).parent / "schemas"


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[database.Database]:
    """A server that logs every statement: what was asked of it can be counted."""
    folder = tmp_path_factory.mktemp("server")
    with database.serve(folder, settings={"log_statement": "all", "lc_messages": "C"}) as served:
        yield served


@pytest.fixture(scope="session")
def made(server: database.Database) -> Callable[[str, str], str]:
    """Make a database with these statements in it; its URL."""

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


ledger, tenants, shops = map(_schema, ("ledger", "tenants", "shops"))


@pytest.fixture
def extracts(tmp_path: Path) -> Extracts:
    """The installed command, in a folder of its own, with nobody at the keyboard; `closed`, without one."""
    command = Path(sys.executable).with_name("extracts")

    def extracts(
        *arguments: str, closed: bool = False, **environment: str
    ) -> subprocess.CompletedProcess[str]:
        variables = {name: value for name, value in os.environ.items() if name != "DATABASE_URL"}
        return subprocess.run(
            [*(("bash", "-c", 'exec "$0" "$@" <&-') if closed else ()), str(command), *arguments],
            capture_output=True,
            text=True,
            check=False,
            cwd=tmp_path,
            stdin=subprocess.DEVNULL,
            env=variables | environment,
        )

    return extracts
