"""The result of a run's queries: typed rows, streamed from files, and the totals that they are compared with."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, Protocol

from rolling_period import Period
from rolling_queries import Queries
from rolling_resolved import Resolved
from rolling_span import Span
from rolling_totals import Totals


class Session(Protocol):
    """One login in one transaction; `rolling_source` has it."""

    def rows(self, sql: str) -> list[list[str | None]]:
        """Return all rows of a small result, each value as PostgreSQL writes it."""
        ...

    def copy(self, sql: str, path: Path) -> None:
        """Write the rows of a query to a new file, in the text format of COPY."""
        ...


class Row(NamedTuple):
    """One row of a file, before its columns are chosen and ordered.

    `values` are the metrics in the order of the spec, as text; of a listing, its columns (then `group` is empty).
    `measured` is for `Tally.add`.
    """

    recipient: str
    group: tuple[str | None, ...]
    values: tuple[str | None, ...]
    measured: tuple[int, ...]


class Tally:
    """Adds up rows of one period, to the totals of a file or of all files. Made by `Result.tally`."""

    def add(self, row: Row) -> None:
        """Add one row."""
        raise NotImplementedError

    def merge(self, other: Tally) -> None:
        """Add all rows of another tally of the same period."""
        raise NotImplementedError

    @property
    def totals(self) -> Totals:
        """Return the totals of the rows so far."""
        raise NotImplementedError


@dataclass(frozen=True, slots=True)
class Result:
    """What one snapshot of the source says about all periods of a span.

    `recipients` are the names that get a file, each with the number of rows of the recipient's table that have
    it; None if the recipient is a column of the entity (then the rows say who there is).
    """

    resolved: Resolved
    span: Span
    snapshot_time: str  # ISO 8601, UTC
    recipients: Mapping[str, int] | None
    undated: Totals  # rows without a date, whatever period
    repeated: Mapping[str, int]  # alias of a join's table to the number of its key values that are not unique
    strays: int  # groups without a recipient

    def rows(self, period: Period) -> Iterator[Row]:
        """Return the rows of one period in their final order: recipients one after another.

        It may be called several times.
        """
        raise NotImplementedError

    def tally(self) -> Tally:
        """Return an empty tally."""
        raise NotImplementedError

    def control(self, period: Period) -> Totals:
        """Return the control totals: all rows of the period's windows, read without the recipient's joins."""
        raise NotImplementedError

    def orphans(self, period: Period) -> Totals:
        """Return the totals of the rows in the period's windows that reach no recipient."""
        raise NotImplementedError

    def excluded(self, period: Period) -> Totals:
        """Return the totals of the rows whose recipient `recipients_where` leaves out."""
        raise NotImplementedError


class Bodies(Protocol):
    """Runs the bodies of the large queries: `Session.copy`, or Spark over its views."""

    def __call__(self, sql: str, path: Path) -> None: ...


def read(
    resolved: Resolved, span: Span, queries: Queries, session: Session, copy: Bodies, folder: Path
) -> Result:
    """Run the queries and keep their rows in `folder`.

    The small queries (snapshot, recipients, control totals, checks) always go to `session`. `copy` runs
    `queries.aggregates`, `queries.windows` and `queries.listing`: `session.copy`, or the same of Spark, which
    has to write the same text format.
    """
    raise NotImplementedError
