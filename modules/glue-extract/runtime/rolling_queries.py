"""The SQL of every query of a run, made from the resolved spec and the span."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import rolling_aggregates
import rolling_bodies
import rolling_joins
import rolling_labels
import rolling_partials
import rolling_sums
from rolling_dialect import POSTGRESQL, SPARK, identifier
from rolling_relations import BEGINNING, UNDATED, WINDOW, Relation, Relations
from rolling_resolved import Resolved, Step
from rolling_span import Span

SNAPSHOT = """SELECT to_char(now() AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')"""


@dataclass(frozen=True, slots=True)
class Checks:
    """The small queries. PostgreSQL always runs them, so that their results do not depend on Spark.

    - `snapshot`: the time of the snapshot.
    - `control`: for each segment, and for the rows without a date (segment NULL), the number of rows. For
      each metric, it also has the number of values, unless every row has a value, and the sum of the values,
      if they are numbers. For Spark, it also has the largest number of digits after the point, if the types
      set no limit.
    - `recipients`: for each recipient's name, the number of rows with this name. For each column in
      `recipient_columns`, it also has the number of values, the smallest and the largest value. For each
      column in `recipient_key`, it has the smallest value. None if the recipient is a column of the entity.
    - `strays`: the number of groups that reach no recipient. None if entity rows form the groups.
    - `join_checks`: by alias of a joined table, the number of key values that are not unique.
    """

    control: str
    recipients: str | None
    strays: str | None
    join_checks: Mapping[str, str]
    snapshot: str = SNAPSHOT


@dataclass(frozen=True, slots=True)
class Bodies:
    """The large queries in one dialect. `windows` has one query for each of `rolling_partials.families`."""

    aggregates: str | None  # None if the spec is a listing
    windows: tuple[str, ...]
    listing: str | None
    broken: str | None  # finds orphan rows; runs only if the control totals have another number of rows
    # The relations for Spark. Empty for PostgreSQL, because its queries contain the relations in their text.
    relations: tuple[Relation, ...]


def checks(resolved: Resolved, span: Span, cutoff: datetime | None) -> Checks:
    """Return the small queries. If the last period is not over, rows after `cutoff` do not count."""
    name = resolved.recipient
    at_entity = resolved.listing is not None or rolling_partials.starts_at_entity(resolved)
    strays = None
    if not at_entity:
        relations = Relations(resolved, span, cutoff, POSTGRESQL)
        members = rolling_aggregates.members(relations)
        strays = relations.query(
            members, f"SELECT count(*)\nFROM members\nWHERE kind = {rolling_labels.ORPHAN}"
        )
    return Checks(
        control=_control(resolved, span, cutoff),
        recipients=None if name.alias == "t0" else _recipients(Relations(resolved, span, cutoff, POSTGRESQL)),
        strays=strays,
        join_checks={step.alias: _repeated(resolved, step) for step in resolved.steps if not step.unique},
    )


def rows_of(resolved: Resolved) -> str:
    """Return which rows of the entity the large queries read: BEGINNING or WINDOW."""
    at_entity = resolved.listing is None and rolling_partials.starts_at_entity(resolved)
    return BEGINNING if at_entity else WINDOW


def bodies(
    resolved: Resolved,
    span: Span,
    cutoff: datetime | None,
    dialect: str,
    digits: Sequence[int] = (),
    factory: Callable[..., Relations] = Relations,
) -> Bodies:
    """Return the large queries in the dialect "postgresql" or "spark".

    Spark needs `digits`: for each measure the maximum number of digits after the point, from `Facts.digits`.
    """
    spark = dialect == "spark"

    def relations(rows: str) -> Relations:
        return factory(resolved, span, cutoff, SPARK if spark else POSTGRESQL, rows, digits)

    shared = relations(rows_of(resolved))
    families = rolling_partials.families(resolved)
    aggregates = None if resolved.listing else rolling_aggregates.aggregates(shared)
    windows = [rolling_bodies.windows(shared if spark else relations(WINDOW), each) for each in families]
    return Bodies(
        aggregates,
        tuple(windows),
        rolling_bodies.listing(shared) if resolved.listing else None,
        rolling_aggregates.broken(relations(WINDOW)) if aggregates else None,
        shared.relations() if spark else (),
    )


def control_body(relations: Relations, *, scales: bool) -> str:
    """Return the query for the control totals. It joins only the tables of metrics and of `where`."""
    resolved, dialect = relations.resolved, relations.dialect
    columns = [relations.segment, "count(*)"]
    for index in rolling_partials.controlled(resolved):
        measure = resolved.measures[index]
        value = relations.measure(index)
        if not rolling_partials.counts_rows(measure):
            columns.append(f"count({value})")
        if rolling_partials.has_sum(measure):
            columns.append(dialect.text(rolling_sums.sum_of(relations, index)))
            if scales and measure.digits is None:
                columns.append(f"max(scale({value}))")
    grouped = "" if relations.one_segment else "\nGROUP BY 1"
    aliases = {
        alias for index in rolling_partials.controlled(resolved) for alias in resolved.measures[index].aliases
    }
    near = rolling_joins.in_order({*aliases, *rolling_joins.filtered(resolved)})
    return relations.query(
        f"SELECT {', '.join(columns)}{relations.rows_of('t0', near)}{relations.counting()}{grouped}"
    )


def _control(resolved: Resolved, span: Span, cutoff: datetime | None) -> str:
    relations = Relations(resolved, span, cutoff, POSTGRESQL, UNDATED)
    return control_body(relations, scales=resolved.aggregate_in == "spark")


def _recipients(relations: Relations) -> str:
    resolved = relations.resolved
    name = relations.label(resolved.recipient)
    columns = [name, "count(*)"]
    for column in resolved.recipient_columns.values():
        # under the column's own collation, different texts could be equal
        value = f'{relations.label(column)} COLLATE "C"'
        columns += [f"count({value})", f"min({value})", f"max({value})"]
    columns += [f"min({relations.label(column)})" for column in resolved.recipient_key]
    conditions = [f"{name} IS NOT NULL"]
    if (included := relations.included(())) is not None:
        conditions.append(included)
    rows = relations.rows_of(resolved.recipient.alias, ())
    return relations.query(
        f"SELECT {', '.join(columns)}{rows}\n  WHERE {' AND '.join(conditions)}\n  GROUP BY 1"
    )


def _repeated(resolved: Resolved, step: Step) -> str:
    table = resolved.table(step.alias)
    key = ", ".join(identifier(right.name) for right in step.rights)
    whole = " AND ".join(f"{identifier(right.name)} IS NOT NULL" for right in step.rights)
    return f"""SELECT count(*) FROM (
  SELECT {key} FROM {identifier(table.schema)}.{identifier(table.table)}
  WHERE {whole} GROUP BY {key} HAVING count(*) > 1
) repeated"""
