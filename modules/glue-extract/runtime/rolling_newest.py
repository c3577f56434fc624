"""The newest period that has rows. A preview asks for it, because a test database may end years ago."""

from __future__ import annotations

import rolling_joins
from rolling_dialect import POSTGRESQL
from rolling_period import Period
from rolling_relations import BEGINNING, Relations
from rolling_resolved import Resolved
from rolling_source import Session
from rolling_span import Span


def period(resolved: Resolved, last: Period, session: Session) -> Period | None:
    """Return the period of the newest row that counts, up to the end of `last`. None without such a row."""
    found = session.rows(query(resolved, last))
    return Period.parse(found[0][0]) if found and found[0][0] else None


def query(resolved: Resolved, last: Period) -> str:
    """Return the query for the period of the newest row; its value is NULL if the date is -infinity.

    With an index on the date, it is fast. For `max`, PostgreSQL uses no index if the query has a WITH.
    """
    relations = Relations(resolved, Span((last,), (1,)), None, POSTGRESQL, BEGINNING)
    when = relations.order(resolved.date)
    dated = rolling_joins.way(resolved, [resolved.date])
    aliases = rolling_joins.in_order({*dated, *rolling_joins.filtered(resolved)})
    rows = f"{relations.rows_of('t0', aliases)}{relations.counting()}"
    return relations.query(f"SELECT to_char({when}, 'YYYY-MM'){rows}\nORDER BY {when} DESC\nLIMIT 1")
