"""The source: one login and one read-only transaction, in which all queries of a run see the same rows.

Everything that a session needs is `SET LOCAL`. Behind a pooler that gives a server connection to another
client after each transaction, the next client inherits nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from rolling_database import Database
from rolling_errors import ExtractError
from rolling_refusals import explained

Row = list[str | None]

LOGIN = 30  # seconds from the first packet to a session
GRACE = 30  # seconds that a server may need to report that the time of a statement is over
_WATCH = "5s"  # how often a server checks that the client of a running statement is still connected

# The settings that PostgreSQL has only since version 14 or 17, where it has them.
_NEWER = {"client_connection_check_interval": _WATCH, "transaction_timeout": "0"}

_BEGIN = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"


class Connection(Protocol):
    """A login through one of the drivers. Both send `COPY (query) TO STDOUT` and raise their own errors."""

    def execute(self, statement: str) -> None:
        """Run a statement without a result."""
        ...

    def copy(self, query: str, path: Path) -> None:
        """Write the rows of a query to a new file, for `rolling_copy.rows_of`."""
        ...

    def rows(self, query: str) -> list[Row]:
        """Return all rows of a small result. Every value is text as PostgreSQL writes it, or None."""
        ...

    def close(self) -> None: ...


class Driver(Protocol):
    """Logs in to a database. `limit` is the longest time in seconds that the server may be silent."""

    def __call__(self, database: Database, application: str, limit: int) -> Connection: ...


@dataclass(frozen=True, slots=True)
class Session:
    """The transaction of a run. Errors of the driver become sentences here.

    `reads_rows=False` is for a query that reads only the catalog: then the words of the server are safe to
    repeat, because they quote no row.
    """

    connection: Connection
    source: Source

    def execute(self, statement: str) -> None:
        with self.source.errors_explained(reads_rows=False):
            self.connection.execute(statement)

    def rows(self, query: str, *, reads_rows: bool = True) -> list[Row]:
        with self.source.errors_explained(reads_rows=reads_rows):
            return self.connection.rows(query)

    def copy(self, query: str, path: Path) -> None:
        with self.source.errors_explained():
            self.connection.copy(query, path)


@dataclass(frozen=True, slots=True)
class Source:
    """A database, and how a run reads it."""

    database: Database
    driver: Driver
    time_zone: str
    run_id: str
    statement_timeout: int  # seconds
    lock_timeout: int  # seconds

    @contextmanager
    def session(self) -> Iterator[Session]:
        """Log in, and hold one transaction until the block ends."""
        with self.errors_explained(reads_rows=False):
            connection = self.driver(self.database.fresh(), self.application, self.limit)
        try:
            session = Session(connection, self)
            session.execute(_BEGIN)
            session.execute(local_settings(self.time_zone, self.limits))
            yield session
        finally:
            # Ends the transaction, too: nothing was written that would need an answer.
            connection.close()

    @property
    def application(self) -> str:
        """Return the name of the run in `pg_stat_activity`."""
        return f"rolling-extract {self.run_id}"

    @property
    def limit(self) -> int:
        """Return how many seconds the server may be silent. After them, the network to it is dead."""
        return self.statement_timeout + GRACE

    @property
    def limits(self) -> Mapping[str, str]:
        return {"statement_timeout": f"{self.statement_timeout}s", "lock_timeout": f"{self.lock_timeout}s"}

    @contextmanager
    def errors_explained(self, *, reads_rows: bool = True) -> Iterator[None]:
        """Turn errors of a driver or of Spark into one sentence."""
        try:
            yield
        except ExtractError:
            raise
        except Exception as error:
            if isinstance(error, OSError) and not isinstance(error, ConnectionError | TimeoutError):
                raise  # of our own disk: `rolling_file.scratch` explains it
            raise explained(error, self.database, reads_rows=reads_rows) from None


# Operators, functions and types of a query are those of PostgreSQL alone. In another schema, often `public`,
# somebody else could create one that suits better, and PostgreSQL would run it with the rights of the reader.
# Without pg_temp at the end, it would come first for tables and types.
SEARCH_PATH = "pg_catalog, pg_temp"

# A value of money is a whole number, and lc_monetary says where its point is. A view that casts money to
# numeric needs the digits of the database, so only a locale with two digits is replaced by C, which has two.
_MONEY = "SELECT set_config('lc_monetary', 'C', true) WHERE scale(CAST(1 AS money)::numeric) = 2"


def local_settings(time_zone: str, limits: Mapping[str, str]) -> str:
    """Return the statements that give a transaction the same settings for every role and server."""
    settings = {
        **limits,
        # PostgreSQL then refuses a table whose policies would hide rows from the role.
        "row_security": "off",
        # The transaction is idle while Spark reads its snapshot over other connections.
        "idle_in_transaction_session_timeout": "0",
        "TimeZone": time_zone,
        "DateStyle": "ISO, YMD",
        "IntervalStyle": "iso_8601",
        "extra_float_digits": "1",
        "bytea_output": "hex",
        # What to_char writes in an expression must not depend on the role that runs it.
        "lc_numeric": "C",
        "lc_time": "C",
        # Compiling a query takes PostgreSQL longer than it saves, unless the query runs for a minute.
        "jit": "off",
        "standard_conforming_strings": "on",
    }
    values = ", ".join(f"({_literal(name)}, {_literal(value)})" for name, value in _NEWER.items())
    newer = (
        f"SELECT set_config(s.name, v.value, true) FROM (VALUES {values}) v (name, value)"
        " JOIN pg_catalog.pg_settings s ON s.name = v.name"
    )
    local = [f"SET LOCAL {name} = {_literal(value)}" for name, value in settings.items()]
    return "; ".join([f"SET LOCAL search_path = {SEARCH_PATH}", *local, newer, _MONEY])


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
