"""The text of every query of a run, from the resolved spec and the span."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from rolling_resolved import Resolved
from rolling_span import Span


@dataclass(frozen=True, slots=True)
class Relation:
    """A table of the source as the bodies of the queries see it. Only for Spark, as a temporary view `name`.

    PostgreSQL runs `sql`. Spark then casts each column to its type in `types`; a column that Spark reads by
    its own type is not in `types`. `part` is the column that the parallel reads are split by, a whole number
    or a date; it is dropped afterwards.
    """

    name: str
    sql: str
    types: Mapping[str, str]
    part: str | None


@dataclass(frozen=True, slots=True)
class Queries:
    """All queries of a run. `aggregates`, `windows` and `listing` are in the dialect asked for.

    All others are PostgreSQL's, also if Spark computes the aggregates: then the control totals are independent
    of what Spark read.
    """

    aggregates: str | None  # None for a listing
    windows: tuple[str, ...]  # of metrics that do not merge; one for each pair of measure and window
    listing: str | None
    control: str
    snapshot: str
    recipients: str | None  # None if the recipient is a column of the entity
    strays: str | None
    join_checks: Mapping[str, str]  # by alias
    relations: tuple[Relation, ...] = ()  # for Spark


def queries(resolved: Resolved, span: Span, cutoff: datetime | None, dialect: str) -> Queries:
    """Return the queries for these periods in the dialect "postgresql" or "spark".

    Rows dated after `cutoff` do not count: it is set for a period that is not over.
    """
    raise NotImplementedError
