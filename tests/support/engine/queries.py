"""Run the queries of the engine through psycopg. Do not use the engine's driver, transaction or spec."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import psycopg

import rolling_queries
import rolling_result
from rolling_copy import Row, rows_in
from rolling_period import Period
from rolling_resolved import Resolved
from rolling_result import Result
from rolling_span import Span


@dataclass(frozen=True, slots=True)
class Session:
    """A session through psycopg, with the methods that `rolling_result` needs."""

    connection: psycopg.Connection

    def rows(self, query: str) -> list[Row]:
        return rows_in(self._copied(query).decode())

    def copy(self, query: str, path: Path) -> None:
        path.write_bytes(self._copied(query))

    def _copied(self, query: str) -> bytes:
        with self.connection.cursor().copy(f"COPY ({query}) TO STDOUT".encode()) as copy:
            return b"".join(bytes(block) for block in copy)


def read(
    connection: psycopg.Connection,
    resolved: Resolved,
    folder: Path,
    *periods: str,
    cutoff: datetime | None = None,
) -> Result:
    """Run all queries in PostgreSQL. Return the result."""
    session = Session(connection)
    span = Span.of(resolved, map(Period.parse, periods or ("2026-10",)))
    facts = rolling_result.facts(resolved, rolling_queries.checks(resolved, span, cutoff), session)
    bodies = rolling_queries.bodies(resolved, span, cutoff, "postgresql")
    return rolling_result.read(resolved, span, facts, bodies, session.copy, folder)


def figures(result: Result, period: str = "2026-10") -> list[tuple[str | None, ...]]:
    """Return the rows of a period: recipient, groups and metrics. Fail if the totals do not reconcile."""
    from rolling_checks import check_totals

    parsed, tally, found = Period.parse(period), result.tally(), []
    for row in result.rows(parsed):
        tally.add(row)
        found.append((row.recipient, *row.group, *row.values))
    check_totals(result, parsed, tally)
    return found
