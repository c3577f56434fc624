"""The bodies of the large queries: aggregates, windows of single values, and listings.

A body uses columns of the relations alone, and little more than joins, CASE and aggregates, so that
PostgreSQL and Spark run the same text. Its first columns say whose a row is:

- `kind`: -1 all rows of a segment that were joined, 0 orphan rows, 1 rows of an excluded recipient, 2 a group,
  3 unassigned rows, which have a row in a file only while there are such rows;
- `recipient`, and the group columns `g0`, `g1`, ... as text. Text is ordered by code point, other values
  first by their value (`o0`, `o1`, ...).

Rows of the kinds -1, 0 and 1 come first, in this order. Rows with equal labels come one after another; the
reader adds them up.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

import rolling_joins
from rolling_dialect import Dialect
from rolling_expression import Ref
from rolling_relations import BEGINNING, WINDOW, Relations
from rolling_resolved import Column, Measure, Resolved

TOTAL, ORPHAN, EXCLUDED, GROUP, UNASSIGNED = range(-1, 4)

# How partial aggregates of two segments make that of both.
_MERGED = {"count": "sum", "sum": "sum", "min": "min", "max": "max", "squares": "sum"}

_KIND_ORDER = f"CASE WHEN kind < {GROUP} THEN kind ELSE {GROUP} END"


@dataclass(frozen=True, slots=True)
class Partial:
    """A partial aggregate of a measure: "count", "sum", "min", "max" or "squares"."""

    measure: int
    part: str


def counts_rows(measure: Measure) -> bool:
    """Return whether the number of the measure's values is the number of rows."""
    if measure.where is not None:
        return False
    columns = measure.columns
    return measure.value is None or (
        isinstance(measure.value, Ref) and columns[0].not_null and columns[0].alias == "t0"
    )


def partials(resolved: Resolved) -> tuple[Partial, ...]:
    """Return the partial aggregates in the order of their columns, which follow the number of rows."""
    found = []
    for index, measure in enumerate(resolved.measures):
        if not counts_rows(measure):
            found.append(Partial(index, "count"))
        if has_sum(measure):
            found.append(Partial(index, "sum"))
        found += [Partial(index, part) for part in ("min", "max", "squares") if part in measure.needs]
    return tuple(found)


def controlled(resolved: Resolved) -> tuple[int, ...]:
    """Return the measures that the control totals have by a read of their own.

    A measure over joined tables has nothing but joins to be read by. If PostgreSQL aggregates, its totals are
    those of the joined rows, before they reach a group.
    """
    missing = uncontrolled(resolved)
    return tuple(i for i, _ in enumerate(resolved.measures) if i not in missing)


def uncontrolled(resolved: Resolved) -> tuple[int, ...]:
    """Return the other measures."""
    if resolved.aggregate_in == "spark":
        return ()
    found = enumerate(resolved.measures)
    return tuple(i for i, measure in found if any(column.alias != "t0" for column in measure.columns))


def has_sum(measure: Measure) -> bool:
    """Return whether the measure has numbers, whose sum is compared with the control totals."""
    return measure.value is not None and not measure.counted_only


@dataclass(frozen=True, slots=True)
class Family:
    """Metrics of one measure and window that do not merge. One query computes them for all periods."""

    measure: int
    window: int | str
    metrics: tuple[int, ...]


def families(resolved: Resolved) -> tuple[Family, ...]:
    """Return the families of the metrics that do not merge, each metric by its number."""
    found: dict[tuple[int, int | str], list[int]] = {}
    for number, metric in enumerate(resolved.metrics):
        if not metric.merges:
            found.setdefault((metric.measure, metric.window), []).append(number)
    return tuple(Family(measure, window, tuple(numbers)) for (measure, window), numbers in found.items())


def starts_at_entity(resolved: Resolved) -> bool:
    """Return whether the groups are those of entity rows, and not the rows of a joined table."""
    return rolling_joins.anchor(resolved) == "t0"


def aggregates(relations: Relations) -> str:
    """Return the query for the partial aggregates of every group and segment.

    Columns: kind, recipient, groups, segment, number of rows, and the partial aggregates as text.
    """
    return _from_entity(relations) if starts_at_entity(relations.resolved) else _from_anchor(relations)


def members(relations: Relations) -> str:
    """Return the groups as rows of a joined table: the columns of its key, `k0`, ..., kind and labels."""
    resolved = relations.resolved
    anchor, far = rolling_joins.anchor(resolved), rolling_joins.far(resolved)
    step = resolved.step(anchor)
    pairs = zip(step.rights, step.lefts, strict=True)
    keys = [f"{relations.key(right, left)} AS k{i}" for i, (right, left) in enumerate(pairs)]
    kind = _kind(relations, relations.owned(far), far)
    return f"""members AS (
  SELECT {", ".join([*keys, f"{kind} AS kind", *_labels(relations, far)])}{relations.rows_of(anchor, far)}
)"""


def near(relations: Relations) -> tuple[str, ...]:
    """Return the aliases that the entity is joined to before it is reduced."""
    resolved = relations.resolved
    anchor = rolling_joins.anchor(resolved)
    before = () if anchor == "t0" else resolved.path(resolved.step(anchor).start)[1:]
    return rolling_joins.in_order({*before, *rolling_joins.measured(resolved)})


def inner(relations: Relations) -> tuple[str, ...]:
    """Return those of `near` that PostgreSQL joins by an inner join, which is faster than an outer one.

    The rows that such a join leaves out are orphan rows, in most sources none. The number of all others is in
    the result, so it is known whether there are any, and then `broken` reads them. Spark would compute a
    common table expression twice for that.
    """
    if relations.dialect.is_spark:
        return ()
    musts = rolling_joins.mandatory(relations.resolved, near(relations))
    return tuple(must.step.alias for must in musts if must.excuse is None)


def _figures(relations: Relations, grouped: Sequence[str]) -> str:
    rows = relations.rows_of("t0", near(relations), inner(relations))
    return f"""figures AS (
  SELECT {", ".join([*grouped, *_measures(relations)])}{rows}{relations.counting()}
  GROUP BY {_numbers(len(grouped))}
)"""


def _totals(relations: Relations) -> str:
    """Return the part of `detail` with the totals of all figures, if the control totals need them."""
    if relations.dialect.is_spark or not (inner(relations) or uncontrolled(relations.resolved)):
        return ""
    segment = _bits(relations, "f")[1]
    labels = "".join(", NULL" for name in _names(relations) if name != "recipient")
    sums = "".join(f", {_MERGED[each.part]}(f.a{i})" for i, each in enumerate(partials(relations.resolved)))
    return f"""
  UNION ALL
  SELECT {TOTAL}, NULL{labels}, {segment}, sum(f.n){sums} FROM figures f GROUP BY {segment}"""


def broken(relations: Relations) -> str | None:
    """Return the query for the rows that the inner joins leave out; None if there are no such joins.

    Columns: segment, number of rows, and the partial aggregates as text.
    """
    if not (aliases := inner(relations)):
        return None
    found = [relations.segment, *_measures(relations)[:1], *_partial_sums(relations)]
    reached = " AND ".join(relations.reached(alias) for alias in aliases)
    counting = relations.counting()
    return relations.query(
        f"SELECT {', '.join(found)}{relations.rows_of('t0', near(relations))}{counting}"
        f"\n  {'AND' if counting else 'WHERE'} NOT ({reached})\nGROUP BY 1"
    )


def _from_anchor(relations: Relations) -> str:
    """Reduce the entity to the key of the anchor and the segment first, and then join the wide tables."""
    resolved = relations.resolved
    step = resolved.step(rolling_joins.anchor(resolved))
    before = resolved.path(step.start)[1:]
    pairs = list(zip(step.lefts, step.rights, strict=True))
    keys = [f"{relations.key(left, right)} AS k{i}" for i, (left, right) in enumerate(pairs)]
    same = [f"f.k{i} = m.k{i}" for i, _ in enumerate(pairs)]
    groups = members(relations)
    # A row that misses a join before the anchor has no key, and so it reaches no group. One that misses
    # another mandatory join needs a mark.
    others = [alias for alias in near(relations) if alias not in inner(relations)]
    marks = relations.unbroken(near(relations), among=[alias for alias in others if alias not in before])
    if marks:
        keys.append(f"{' AND '.join(marks)} AS measured")
        groups = groups.replace("SELECT ", "SELECT true AS measured, ", 1)
        same.append("f.measured = m.measured")
    kind, recipient = f"coalesce(m.kind, {ORPHAN})", "m.recipient"
    if any(resolved.step(alias).optional for alias in (*before, step.alias)):
        excuses = [] if step.optional else [f"NOT {relations.reached(step.start)}"]
        unbroken = relations.unbroken(near(relations), among=others)
        keys.append(f"{' AND '.join([*unbroken, *excuses]) or 'true'} AS excused")
        loose = f"CASE WHEN f.excused THEN {UNASSIGNED} ELSE {ORPHAN} END"
        kind = f"CASE WHEN m.kind IS NULL THEN {loose} ELSE m.kind END"
        recipient = f"CASE WHEN m.kind IS NULL THEN {relations.unassigned} ELSE m.recipient END"
    bits, segment = _bits(relations, "f")
    labels = [name for name in _names(relations) if name != "recipient"]
    detail = [
        *(f"{kind} AS kind", f"{recipient} AS recipient", *(f"m.{name}" for name in labels)),
        *(f"{segment} AS segment", "f.n", *(f"f.a{i}" for i, _ in enumerate(partials(resolved)))),
    ]
    # Without an entity row, an excluded group has nothing to say.
    some = "" if resolved.recipients_where is None else f"\n  WHERE m.kind = {GROUP} OR f.n IS NOT NULL"
    rows = f"""detail AS (
  SELECT {", ".join(detail)}
  FROM members m FULL JOIN figures f ON {" AND ".join(same)}{some}{_totals(relations)}
)"""
    columns = ", ".join([*_shown(relations), "segment", "n", *_as_text(relations, "a{}")])
    return relations.query(
        _figures(relations, [*keys, *bits]),
        groups,
        rows,
        f"SELECT {columns}\nFROM detail\nORDER BY {_order(relations)}, segment",
    )


def _from_entity(relations: Relations) -> str:
    """Reduce the entity to its own label columns, its keys and the segment first, and then join the rest."""
    resolved = relations.resolved
    far = rolling_joins.far(resolved)
    grouped = [f"{sql} AS {sql.partition('.')[2]}" for sql in _own(relations, far)]
    bits, segment = _bits(relations, "t0")
    owned = relations.owned(far)
    others = [alias for alias in near(relations) if alias not in inner(relations)]
    if unbroken := relations.unbroken(near(relations), among=others):
        grouped.append(f"{' AND '.join(unbroken)} AS measured")
        owned = f"{owned} AND t0.measured"
    found = partials(resolved)
    columns = [
        *(
            f"{_kind(relations, owned, far)} AS kind",
            *_labels(relations, far),
            f"{segment} AS segment",
            "t0.n",
        ),
        *(f"t0.a{i}" for i, _ in enumerate(found)),
    ]
    # The reduced rows have the columns of the relation, so labels and joins only need its new name.
    detail = f"""detail AS (
  SELECT {", ".join(columns)}
  FROM figures t0{relations.joined(far)}"""
    dialect = relations.dialect
    counts = [dialect.text(f"{_MERGED[each.part]}(a{i})") for i, each in enumerate(found)]
    shown = [*_shown(relations), "segment", dialect.whole("sum(n)"), *counts]
    keys = ["kind", *_names(relations), "segment"]
    return relations.query(
        _figures(relations, [*grouped, *bits]),
        f"{detail}{_totals(relations)}\n)",
        f"SELECT {', '.join(shown)}\nFROM detail\nGROUP BY {', '.join(keys)}"
        f"\nORDER BY {_order(relations)}, segment",
    )


def _own(relations: Relations, far: Sequence[str]) -> list[str]:
    """Return the columns of t0 that labels, joins and the recipient's filter use after the reduction."""
    resolved = relations.resolved
    found: dict[str, None] = {}
    for column in rolling_joins.shown(resolved):
        if column.alias == "t0":
            found[relations.plain_label(column)] = None
            if (order := relations.order(column)) is not None:
                found[order] = None
    for alias in far:
        step = resolved.step(alias)
        if step.start == "t0":
            for left, right in zip(step.lefts, step.rights, strict=True):
                found[relations.key(left, right)] = None
    if resolved.recipients_where is not None and resolved.recipient.alias == "t0":
        found[str(relations.included(far))] = None
    return list(found)


def windows(relations: Relations, family: Family) -> str:
    """Return the query for the metrics of a family.

    Columns: recipient, groups, the number of the period in the span from 0, the number of values, and of each
    metric the number of distinct values, or the two values as text that the percentile lies between.
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
    names = _names(relations)
    labels = ", ".join([*names, "period"])
    detail = f"""detail AS (
  SELECT {", ".join(_labels(relations, used))}, {relations.segment} AS segment,
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
        f"\nORDER BY {_order(relations, kind=False)}, period",
    )


def _between(dialect: Dialect, fraction: Fraction | None) -> list[str]:
    """Return the number of distinct values; of a percentile, the two values that it lies between.

    It lies at 1 + fraction * (n - 1) of the ordered values. The conditions round this down and up without a
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
    kind = _kind(relations, relations.owned(used), used)
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
    order = [_KIND_ORDER, dialect.by_code_point("recipient")]
    for i, column in enumerate(resolved.listing.key):
        order.append(dialect.by_code_point(f"p{i}") if column.is_text else f"p{i}")
    values = "".join(f", v{i}" for i, _ in enumerate(columns))
    return relations.query(
        detail, f"SELECT kind, recipient, segment{values}\nFROM detail\nORDER BY {', '.join(order)}"
    )


# -- small pieces ------------------------------------------------------------------------------------------


def _kind(relations: Relations, owned: str, aliases: Sequence[str]) -> str:
    included = relations.included(aliases)
    group = str(GROUP) if included is None else f"CASE WHEN {included} THEN {GROUP} ELSE {EXCLUDED} END"
    return f"CASE WHEN {owned} THEN {group} ELSE {ORPHAN} END"


def _groups(relations: Relations) -> list[Column]:
    return list(relations.resolved.group_by.values())


def _labels(relations: Relations, aliases: Sequence[str]) -> list[str]:
    """Return the labels of a row, with `aliases` joined, and the values that they are ordered by."""
    found = [f"{relations.recipient(aliases)} AS recipient"]
    for i, column in enumerate(_groups(relations)):
        found.append(f"{relations.label(column)} AS g{i}")
        if (order := relations.order(column)) is not None:
            found.append(f"{order} AS o{i}")
    return found


def _names(relations: Relations) -> list[str]:
    found = ["recipient"]
    for i, column in enumerate(_groups(relations)):
        found += [f"g{i}"] if column.is_text else [f"g{i}", f"o{i}"]
    return found


def _shown(relations: Relations) -> list[str]:
    return ["kind", "recipient", *(f"g{i}" for i, _ in enumerate(_groups(relations)))]


def _order(relations: Relations, *, kind: bool = True) -> str:
    found = [_KIND_ORDER] if kind else []
    found.append(relations.dialect.by_code_point("recipient"))
    for i, column in enumerate(_groups(relations)):
        if not column.is_text:
            found.append(f"o{i} NULLS FIRST")
        found.append(f"{relations.dialect.by_code_point(f'g{i}')} NULLS FIRST")
    return ", ".join(found)


def _bits(relations: Relations, name: str) -> tuple[list[str], str]:
    """Return the bits of the segment's number to group by, and the number made of them.

    PostgreSQL estimates as many values of an expression as of the column in it, here a group for each day.
    It then sorts millions of rows where a small hash table would do. Of a condition it knows that it has two
    values.
    """
    if relations.one_segment:
        return [], f"CASE WHEN {name}.n IS NULL THEN 0 ELSE 1 END"
    count = (len(relations.span.bounds) - 1).bit_length()
    bits = [f"({relations.segment} & {1 << i}) > 0 AS b{i}" for i in range(count)]
    return bits, " + ".join(f"CASE WHEN {name}.b{i} THEN {1 << i} ELSE 0 END" for i in range(count))


def _measures(relations: Relations) -> list[str]:
    return ["count(*) AS n", *(f"{sql} AS a{i}" for i, sql in enumerate(_sums(relations)))]


def _partial_sums(relations: Relations) -> list[str]:
    return [relations.dialect.text(sql) for sql in _sums(relations)]


def _sums(relations: Relations) -> list[str]:
    found = []
    for partial in partials(relations.resolved):
        squares = partial.part == "squares"
        value = relations.squared(partial.measure) if squares else relations.measure(partial.measure)
        found.append(f"{'sum' if squares else partial.part}({value})")
    return found


def _as_text(relations: Relations, name: str) -> list[str]:
    return [relations.dialect.text(name.format(i)) for i, _ in enumerate(partials(relations.resolved))]


def _numbers(count: int) -> str:
    return ", ".join(str(i + 1) for i in range(count))


def rows(resolved: Resolved) -> str:
    """Return which rows of the entity the bodies read."""
    return BEGINNING if resolved.listing is None and starts_at_entity(resolved) else WINDOW
