"""The queries for listings, and for metrics that need single values instead of partial aggregates."""

from __future__ import annotations

from fractions import Fraction

import rolling_joins
import rolling_labels
from rolling_dialect import Dialect
from rolling_partials import Family
from rolling_relations import Relations


def windows(relations: Relations, family: Family) -> str:
    """Return the query for the metrics of one family.

    The first columns are the recipient, the groups, the index of the period in the span (from 0), and the
    number of values. The other columns belong to the metrics. A metric of distinct values has one column,
    with their number. A percentile has two columns, with the two values around its position as text.
    """
    resolved, dialect = relations.resolved, relations.dialect
    used = rolling_joins.used(resolved)
    spans = []
    for number, period in enumerate(relations.span.periods):
        segments = relations.span.numbers(period, family.window)
        spans.append(
            f"SELECT {number} AS period, {segments[0]} AS first_segment, {segments[-1]} AS last_segment"
        )
    conditions = [relations.owned(used)]
    if (included := relations.included(used)) is not None:
        conditions.append(included)
    names = rolling_labels.names_of(relations)
    labels = ", ".join([*names, "period"])
    detail = f"""detail AS (
  SELECT {", ".join(rolling_labels.labels_of(relations, used))}, {relations.segment} AS segment,
    {relations.measure(family.measure)} AS v{relations.rows_of("t0", used)}{relations.counting()}
  {"AND" if relations.counting() else "WHERE"} {" AND ".join(conditions)}
)"""
    every = f"""spans AS (
  {" UNION ALL ".join(spans)}
)"""
    fractions = [resolved.metrics[number].fraction for number in family.metrics]
    ranks = ""
    if any(fraction is not None for fraction in fractions):
        ranks = f""",
    row_number() OVER (PARTITION BY {labels} ORDER BY v) AS r, count(*) OVER (PARTITION BY {labels}) AS n"""
    ranked = f"""ranked AS (
  SELECT {labels}, v{ranks}
  FROM detail JOIN spans ON segment BETWEEN first_segment AND last_segment
  WHERE v IS NOT NULL
)"""
    columns = [name for name in names if not name.startswith("o")]
    figures = [figure for fraction in fractions for figure in _between(dialect, fraction)]
    return relations.query(
        every,
        detail,
        ranked,
        f"SELECT {', '.join([*columns, 'period', 'count(*)', *figures])}\nFROM ranked\nGROUP BY {labels}"
        f"\nORDER BY {rolling_labels.order_of(relations, kind=False)}, period",
    )


def _between(dialect: Dialect, fraction: Fraction | None) -> list[str]:
    """Return the SQL of the columns of a metric: its percentile, or its number of distinct values.

    If `fraction` is None, the only column is the number of distinct values. Otherwise the percentile has the
    position 1 + fraction * (n - 1) in the ordered values. The first column is the value at the position
    rounded down, and the second is the value at the position rounded up. The conditions round without a
    division.
    """
    if fraction is None:
        return ["count(DISTINCT v)"]
    place, parts = f"{fraction.numerator} * (n - 1)", fraction.denominator
    low = f"(r - 1) * {parts} <= {place} AND {place} < r * {parts}"
    high = f"(r - 2) * {parts} < {place} AND {place} <= (r - 1) * {parts}"
    return [dialect.text(f"min(CASE WHEN {condition} THEN v END)") for condition in (low, high)]


def listing(relations: Relations) -> str:
    """Return the query for a listing. Columns: kind, recipient, segment, and the columns of the listing."""
    resolved, dialect = relations.resolved, relations.dialect
    assert resolved.listing is not None
    used = rolling_joins.used(resolved)
    kind = rolling_labels.kind_of(relations, relations.owned(used), used)
    columns = [relations.label(column) for column in resolved.listing.columns]
    key: list[str] = []
    for i, column in enumerate(resolved.listing.key):
        value = relations.order(column)
        key.append(f"{relations.label(column) if value is None else value} AS p{i}")
    detail = f"""detail AS (
  SELECT {kind} AS kind, {relations.recipient(used)} AS recipient, {relations.segment} AS segment,
    {", ".join([*(f"{sql} AS v{i}" for i, sql in enumerate(columns)), *key])}{relations.rows_of("t0", used)}\
{relations.counting()}
)"""
    order = [rolling_labels.KIND_ORDER, dialect.by_code_point("recipient")]
    for i, column in enumerate(resolved.listing.key):
        order.append(dialect.by_code_point(f"p{i}") if column.is_text else f"p{i}")
    values = "".join(f", v{i}" for i, _ in enumerate(columns))
    return relations.query(
        detail, f"SELECT kind, recipient, segment{values}\nFROM detail\nORDER BY {', '.join(order)}"
    )
