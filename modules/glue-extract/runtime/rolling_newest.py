"""Find the newest period with rows. A preview uses it, because the rows of a test database may be old."""

from __future__ import annotations

import rolling_joins
from rolling_dialect import POSTGRESQL
from rolling_period import Period
from rolling_relations import BEGINNING, Relations
from rolling_resolved import Resolved
from rolling_source import Session
from rolling_span import Span


def period(resolved: Resolved, last: Period, session: Session) -> Period | None:
    """Return the period of the newest row before the end of `last`, or None if there is no such row.

    Only rows that meet the condition `where` of the extract count.
    """
    found = session.rows(query(resolved, last))
    return Period.parse(found[0][0]) if found and found[0][0] else None


def query(resolved: Resolved, last: Period) -> str:
    """Return the query for the period of the newest row. The period is NULL if the date is -infinity.

    The query is fast if the date has an index. It does not use `max`, because with `max`, PostgreSQL uses no
    index if the query has a WITH clause.
    """
    relations = Relations(resolved, Span((last,), (1,)), None, POSTGRESQL, BEGINNING)
    when = relations.order(resolved.date)
    dated = rolling_joins.way(resolved, [resolved.date])
    aliases = rolling_joins.in_order({*dated, *rolling_joins.filtered(resolved)})
    rows = f"{relations.rows_of('t0', aliases)}{relations.counting()}"
    return relations.query(f"SELECT to_char({when}, 'YYYY-MM'){rows}\nORDER BY {when} DESC\nLIMIT 1")
