"""The query for the aggregates: it reduces the entity to groups and segments, and joins the group labels."""

from __future__ import annotations

from collections.abc import Sequence

import rolling_joins
import rolling_labels
import rolling_sums
from rolling_labels import GROUP, ORPHAN, TOTAL, UNASSIGNED
from rolling_partials import MERGED, partials, starts_at_entity, uncontrolled
from rolling_relations import Relations


def aggregates(relations: Relations) -> str:
    """Return the query for the partial aggregates of every group and segment.

    Columns: kind, recipient, groups, segment, number of rows, and the partial aggregates as text.
    """
    return _from_entity(relations) if starts_at_entity(relations.resolved) else _from_anchor(relations)


def members(relations: Relations) -> str:
    """Return the query for the groups of an extract whose groups are rows of a joined table.

    Columns: key `k0`, ..., kind, labels.
    """
    resolved = relations.resolved
    anchor, far = rolling_joins.anchor(resolved), rolling_joins.far(resolved)
    step = resolved.step(anchor)
    pairs = zip(step.rights, step.lefts, strict=True)
    keys = [f"{relations.key(right, left)} AS k{i}" for i, (right, left) in enumerate(pairs)]
    kind = rolling_labels.kind_of(relations, relations.owned(far), far)
    columns = [*keys, f"{kind} AS kind", *rolling_labels.labels_of(relations, far)]
    return f"""members AS (
  SELECT {", ".join(columns)}{relations.rows_of(anchor, far)}
)"""


def near(relations: Relations) -> tuple[str, ...]:
    """Return the aliases of the tables that the query joins to the entity before it reduces the entity."""
    resolved = relations.resolved
    anchor = rolling_joins.anchor(resolved)
    before = () if anchor == "t0" else resolved.path(resolved.step(anchor).start)[1:]
    return rolling_joins.in_order({*before, *rolling_joins.measured(resolved)})


def inner(relations: Relations) -> tuple[str, ...]:
    """Return the aliases of `near` that the query joins with inner joins.

    PostgreSQL runs inner joins faster than outer joins, but inner joins leave out orphan rows. So the result
    also has the number of rows that the inner joins keep. If the control totals have another number of rows,
    the query of `broken` reads the orphan rows. Most sources have no orphan rows. The query for Spark has
    only outer joins. With inner joins, it would need `_totals`, and Spark would compute a common table
    expression twice.
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
    """Return the SQL that adds totals over all rows to `detail`, or "" if no check needs these totals."""
    if relations.dialect.is_spark or not (inner(relations) or uncontrolled(relations.resolved)):
        return ""
    segment = _bits(relations, "f")[1]
    labels = "".join(", NULL" for name in rolling_labels.names_of(relations) if name != "recipient")
    sums = "".join(f", {MERGED[each.part]}(f.a{i})" for i, each in enumerate(partials(relations.resolved)))
    return f"""
  UNION ALL
  SELECT {TOTAL}, NULL{labels}, {segment}, sum(f.n){sums} FROM figures f GROUP BY {segment}"""


def broken(relations: Relations) -> str | None:
    """Return the query for the rows that the inner joins leave out, or None if there are no inner joins.

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
    """First reduce the entity to the key of the anchor and the segment. Then join the wide tables."""
    resolved = relations.resolved
    step = resolved.step(rolling_joins.anchor(resolved))
    before = resolved.path(step.start)[1:]
    pairs = list(zip(step.lefts, step.rights, strict=True))
    keys = [f"{relations.key(left, right)} AS k{i}" for i, (left, right) in enumerate(pairs)]
    same = [f"f.k{i} = m.k{i}" for i, _ in enumerate(pairs)]
    groups = members(relations)
    # If a join before the anchor finds no row for an entity row, this entity row has no key and reaches no
    # group. For the other mandatory joins, the column `measured` is true if all of them have found a row.
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
    labels = [name for name in rolling_labels.names_of(relations) if name != "recipient"]
    detail = [
        *(f"{kind} AS kind", f"{recipient} AS recipient", *(f"m.{name}" for name in labels)),
        *(f"{segment} AS segment", "f.n", *(f"f.a{i}" for i, _ in enumerate(partials(resolved)))),
    ]
    # A group of an excluded recipient may have no entity rows. Such a group has no values, so leave it out.
    some = "" if resolved.recipients_where is None else f"\n  WHERE m.kind = {GROUP} OR f.n IS NOT NULL"
    rows = f"""detail AS (
  SELECT {", ".join(detail)}
  FROM members m FULL JOIN figures f ON {" AND ".join(same)}{some}{_totals(relations)}
)"""
    columns = ", ".join([*rolling_labels.shown(relations), "segment", "n", *_as_text(relations, "a{}")])
    return relations.query(
        _figures(relations, [*keys, *bits]),
        groups,
        rows,
        f"SELECT {columns}\nFROM detail\nORDER BY {rolling_labels.order_of(relations)}, segment",
    )


def _from_entity(relations: Relations) -> str:
    """First reduce the entity to its label columns, its keys and the segment. Then join the other tables."""
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
            f"{rolling_labels.kind_of(relations, owned, far)} AS kind",
            *rolling_labels.labels_of(relations, far),
            f"{segment} AS segment",
            "t0.n",
        ),
        *(f"t0.a{i}" for i, _ in enumerate(found)),
    ]
    # The reduced rows have the same column names as the relation. So they can replace the relation in labels
    # and joins.
    detail = f"""detail AS (
  SELECT {", ".join(columns)}
  FROM figures t0{relations.joined(far)}"""
    dialect = relations.dialect
    counts = [dialect.text(f"{MERGED[each.part]}(a{i})") for i, each in enumerate(found)]
    shown = [*rolling_labels.shown(relations), "segment", dialect.whole("sum(n)"), *counts]
    keys = ["kind", *rolling_labels.names_of(relations), "segment"]
    return relations.query(
        _figures(relations, [*grouped, *bits]),
        f"{detail}{_totals(relations)}\n)",
        f"SELECT {', '.join(shown)}\nFROM detail\nGROUP BY {', '.join(keys)}"
        f"\nORDER BY {rolling_labels.order_of(relations)}, segment",
    )


def _own(relations: Relations, far: Sequence[str]) -> list[str]:
    """Return the entity's columns (t0) that labels, joins and recipients_where use after the reduction."""
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


def _bits(relations: Relations, name: str) -> tuple[list[str], str]:
    """Return the bits of the segment's number as SQL, and the SQL that computes the number from the bits.

    The query groups by the bits. PostgreSQL estimates that an expression has as many values as its column. If
    the query grouped by the number itself, PostgreSQL would expect a group for each day. It would sort
    millions of rows, although a small hash table is enough. So each bit is a condition, because PostgreSQL
    knows that a condition has only two values.
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
        match partial.part:
            case "sum":
                found.append(rolling_sums.sum_of(relations, partial.measure))
            case "squares":
                found.append(rolling_sums.squares(relations, partial.measure))
            case "wide":
                found.append(rolling_sums.wide_squares(relations, partial.measure, partial.place))
            case part:
                found.append(f"{part}({relations.measure(partial.measure)})")
    return found


def _as_text(relations: Relations, name: str) -> list[str]:
    return [relations.dialect.text(name.format(i)) for i, _ in enumerate(partials(relations.resolved))]


def _numbers(count: int) -> str:
    return ", ".join(str(i + 1) for i in range(count))
