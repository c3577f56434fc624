"""The source: a run has one login and one read-only transaction, so all its queries read the same rows.

The session sets all its settings with `SET LOCAL`. A pooler may give the server connection to another client
after the transaction. The other client then gets none of these settings.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from rolling_database import Database
from rolling_errors import ExtractError, listed
from rolling_refusals import explained

Row = list[str | None]

LOGIN = 30  # seconds for a login, from the first packet to a session
GRACE = 30  # seconds that a server may need to report that a statement has timed out
_WATCH = "5s"  # how often a server checks whether the client of a running statement is still connected

# The first setting exists since PostgreSQL 14, and the second since PostgreSQL 17. A session sets only those
# that its server has.
_NEWER = {"client_connection_check_interval": _WATCH, "transaction_timeout": "0"}

_BEGIN = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"

# The settings and the role of a session. The query finds each name in pg_catalog, whatever search_path is.
_SETTINGS = """SELECT name, setting FROM pg_catalog.pg_settings WHERE source OPERATOR(pg_catalog.=) 'session'
    UNION ALL SELECT 'role', CURRENT_USER UNION ALL SELECT 'session_authorization', SESSION_USER"""


class Connection(Protocol):
    """A connection of one of the two drivers.

    Both drivers use `COPY (query) TO STDOUT`. Each driver raises its own errors.
    """

    def execute(self, statement: str) -> None:
        """Run a statement that returns no rows."""
        ...

    def copy(self, query: str, path: Path) -> None:
        """Write the rows of a query to a new file. `rolling_copy.rows_of` reads this file."""
        ...

    def rows(self, query: str) -> list[Row]:
        """Return all rows of a small result. Every value is text as PostgreSQL writes it, or None."""
        ...

    def close(self) -> None: ...


class Driver(Protocol):
    """A function that logs in. `limit` is the longest time in seconds that the server may be silent."""

    def __call__(self, database: Database, application: str, limit: int) -> Connection: ...


@dataclass(frozen=True, slots=True)
class Session:
    """The transaction of a run. It turns errors of the driver into sentences.

    `reads_rows=False` means that a query reads only the catalog. The server's message about such a query
    quotes no row, so the sentence about the error may contain the message.
    """

    connection: Connection
    source: Source
    # The settings of the session before the first query, by name. Empty until the session has read them.
    _settings: dict[str, str | None] = field(default_factory=dict)

    def execute(self, statement: str) -> None:
        with self.source.errors_explained(reads_rows=False):
            self.connection.execute(statement)

    def rows(self, query: str, *, reads_rows: bool = True) -> list[Row]:
        with self._unchanged(), self.source.errors_explained(reads_rows=reads_rows):
            return self.connection.rows(query)

    def copy(self, query: str, path: Path) -> None:
        with self._unchanged(), self.source.errors_explained():
            self.connection.copy(query, path)

    @contextmanager
    def _unchanged(self) -> Iterator[None]:
        """Refuse the result of a query that has changed a setting of the session.

        A query runs code of the owners of its tables, for example a function in an index or a view. If this
        code changed search_path, the next queries would use operators and functions of another user.
        """
        if not self._settings:
            self._settings.update(self._read_settings())
        yield
        before, found = self._settings, self._read_settings()
        if names := sorted(name for name in {*before, *found} if before.get(name) != found.get(name)):
            raise ExtractError(
                "a function in a table or view of the extract has changed settings of the run's session"
                f" ({listed(names)}), so the values could be wrong; remove the change from the function",
                kind="settings",
            )

    def _read_settings(self) -> dict[str, str | None]:
        with self.source.errors_explained(reads_rows=False):
            return {str(name): value for name, value in self.connection.rows(_SETTINGS)}


@dataclass(frozen=True, slots=True)
class Source:
    """A database, and the settings with which a run reads it."""

    database: Database
    driver: Driver
    time_zone: str
    run_id: str
    statement_timeout: int  # seconds
    lock_timeout: int  # seconds

    @contextmanager
    def session(self) -> Iterator[Session]:
        """Log in, and keep one transaction open until the block ends."""
        with self.errors_explained(reads_rows=False):
            connection = self.driver(self.database.fresh(), self.application, self.limit)
        try:
            session = Session(connection, self)
            session.execute(_BEGIN)
            session.execute(local_settings(self.time_zone, self.limits))
            yield session
        finally:
            # Closing also ends the transaction. It has written nothing, so it needs no COMMIT.
            connection.close()

    @property
    def application(self) -> str:
        """The name of the run in `pg_stat_activity`."""
        return f"rolling-extract {self.run_id}"

    @property
    def limit(self) -> int:
        """How many seconds the server may be silent. After this time, the network counts as lost."""
        return self.statement_timeout + GRACE

    @property
    def limits(self) -> Mapping[str, str]:
        return {"statement_timeout": f"{self.statement_timeout}s", "lock_timeout": f"{self.lock_timeout}s"}

    @contextmanager
    def errors_explained(self, *, reads_rows: bool = True) -> Iterator[None]:
        """Turn an error of a driver or of Spark into an error with one sentence."""
        try:
            yield
        except ExtractError:
            raise
        except Exception as error:
            if isinstance(error, OSError) and not isinstance(error, ConnectionError | TimeoutError):
                raise  # an error of the local disk: `rolling_file.scratch` explains it
            raise explained(error, self.database, reads_rows=reads_rows) from None


# A run uses only the operators, functions and types of pg_catalog. In another schema, often `public`, another
# user could create an operator or function that fits the types of an expression better, and PostgreSQL would
# run it with the rights of the role. If pg_temp were not at the end, PostgreSQL would search it first for
# tables and types.
SEARCH_PATH = "pg_catalog, pg_temp"

# PostgreSQL stores money as a whole number, and lc_monetary determines the place of the decimal point. A view
# that casts money to numeric returns correct amounts only if lc_monetary has as many digits as the database's
# locale. C has two digits, so it replaces only a locale with two digits.
_MONEY = "SELECT set_config('lc_monetary', 'C', true) WHERE scale(CAST(1 AS money)::numeric) = 2"


def local_settings(time_zone: str, limits: Mapping[str, str]) -> str:
    """Return statements for a transaction. They make its settings independent of the role and the server."""
    settings = {
        **limits,
        # With this setting, PostgreSQL refuses a table if policies would hide rows of it from the role.
        "row_security": "off",
        # The transaction is idle while Spark reads its snapshot over other connections, so it must not time
        # out.
        "idle_in_transaction_session_timeout": "0",
        "TimeZone": time_zone,
        "DateStyle": "ISO, YMD",
        "IntervalStyle": "iso_8601",
        "extra_float_digits": "1",
        "bytea_output": "hex",
        # to_char in an expression must not depend on settings of the role.
        "lc_numeric": "C",
        "lc_time": "C",
        # Just-in-time compilation takes longer than it saves, unless a query runs for a minute.
        "jit": "off",
        "standard_conforming_strings": "on",
        # With the value "on", format_type would return the type date in quotes: "date".
        "quote_all_identifiers": "off",
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
