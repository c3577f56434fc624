"""Read the source: all periods of a run in one transaction, with PostgreSQL or with Spark."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import rolling_file
import rolling_queries
import rolling_result
from rolling_expression import columns_of
from rolling_log import log
from rolling_manifest import manifest_place
from rolling_period import Period
from rolling_pgp import Keys
from rolling_resolved import Resolved
from rolling_result import Result
from rolling_source import Session
from rolling_span import Span
from rolling_store import Store


def watched(resolved: Resolved, first: Period, store: Store) -> tuple[Period, ...]:
    """Return the published periods before `first` that the run reads again, to find late data in them."""
    before = (first.shift(-number) for number in range(resolved.late_data_periods, 0, -1))
    return tuple(period for period in before if store.version(manifest_place(period)))


def read(
    resolved: Resolved,
    periods: tuple[Period, ...],
    cutoff: datetime | None,
    session: Session,
    folder: Path,
    keys: Keys,
) -> Result:
    """Run all queries. Store the rows of the large queries in `folder` and not in memory.

    In some extracts, a small query finds all recipients before the large queries run. Then the run fails
    before the large queries if the encrypted file of a recipient has no key, or if an entry of `files` does
    not name a recipient.
    """
    span = Span.of(resolved, periods)
    facts = rolling_result.facts(resolved, rolling_queries.checks(resolved, span, cutoff), session)
    if (keys.found or resolved.files) and facts.recipients is not None:
        known = rolling_file.recipients_of(resolved, facts.recipients)
        rolling_file.check_files_of(resolved, known)
        if keys.found:
            keys.check(known, resolved.file, resolved.files)
    if resolved.aggregate_in == "spark":
        import rolling_spark

        result = rolling_spark.read(resolved, span, cutoff, facts, session, folder)
    else:
        bodies = rolling_queries.bodies(resolved, span, cutoff, "postgresql")
        for sql in (bodies.aggregates or bodies.listing, *bodies.windows):
            log("statement", "reading the source with one query", sql=sql)
        result = rolling_result.read(resolved, span, facts, bodies, session.copy, folder)
    log("read", f"read the source as of {result.snapshot_time}", snapshot_time=result.snapshot_time)
    return result


def notes(resolved: Resolved) -> tuple[str, ...]:
    """Return facts about the source that a reader of the values must know."""
    columns = columns_of(*(measure.value for measure in resolved.measures if not measure.counted_only))
    found = []
    for column in columns:
        if column.is_float:
            table = resolved.table(column.alias)
            found.append(
                f'the column "{column.name}" of {table.schema}."{table.table}" is {column.type}: the'
                " run adds its values exactly, but the source itself stores only the nearest binary"
                " fraction of a value"
            )
    return tuple(found)
