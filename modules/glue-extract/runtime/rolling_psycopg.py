"""Connections with psycopg: a login without Java, for `--database-url` if PostgreSQL aggregates."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import rolling_copy
from rolling_database import Database, address_of

if TYPE_CHECKING:
    import psycopg


def is_installed() -> bool:
    return find_spec("psycopg") is not None


def connect(database: Database, application: str, limit: int) -> PsycopgConnection:
    """Log in, with startup parameters that PgBouncer accepts: it does not accept `options`."""
    import psycopg

    host, port, name = address_of(database.url)
    given: dict[str, Any] = {
        "host": host,
        "port": port,
        "dbname": name,
        "application_name": application,
        "connect_timeout": 15,
        "client_encoding": "UTF8",
        # Because `options` is given, libpq does not read the environment variable PGOPTIONS.
        "options": "",
        "keepalives_idle": 30,
        **{key: value for key, value in database.properties.items() if value},
    }
    # Named prepared statements would remain on the connection of a pooler after the transaction.
    connection = psycopg.connect(**given, autocommit=True, prepare_threshold=None)
    return PsycopgConnection(connection, limit)


@dataclass(frozen=True, slots=True)
class PsycopgConnection:
    connection: psycopg.Connection[Any]
    limit: int  # if a statement runs for more seconds, the network counts as lost

    def execute(self, statement: str) -> None:
        with self._watched():
            # psycopg's type hints allow a statement that is built at run time only as bytes.
            self.connection.execute(statement.encode())

    def copy(self, query: str, path: Path) -> None:
        with path.open("xb") as file:
            for chunk in self._chunks(query):
                file.write(chunk)

    def rows(self, query: str) -> list[rolling_copy.Row]:
        return rolling_copy.rows_in(b"".join(self._chunks(query)).decode())

    def close(self) -> None:
        self.connection.close()

    def _chunks(self, query: str) -> Iterator[bytes]:
        statement = f"COPY ({query}) TO STDOUT".encode()
        with self._watched(), self.connection.cursor() as cursor, cursor.copy(statement) as copy:
            for chunk in copy:
                yield bytes(chunk)

    @contextmanager
    def _watched(self) -> Iterator[None]:
        """Shut the connection down if a statement still runs after `limit` seconds.

        If the network has lost the connection, libpq would wait for the server forever.
        """
        timer = threading.Timer(self.limit, _shut, [self.connection.fileno()])
        timer.daemon = True
        timer.start()
        try:
            yield
        finally:
            timer.cancel()


def _shut(descriptor: int) -> None:
    with socket.socket(fileno=os.dup(descriptor)) as connection:
        connection.shutdown(socket.SHUT_RDWR)
