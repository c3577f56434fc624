"""The labels of the rows of a large query: kind, recipient and group. The labels also determine the order.

A large query reads only columns of the relations. It uses almost only joins, CASE and aggregates, so that
PostgreSQL and Spark can run the same SQL. The first columns of its result are the labels:

- `kind`: -1 for the total of all joined rows of a segment, 0 for orphan rows, 1 for rows of an excluded
  recipient, 2 for a group, 3 for unassigned rows. A file has a row of kind 3 only if there are unassigned
  rows.
- `recipient`, and the group columns `g0`, `g1`, ... as text. Texts are ordered by code point. If a group
  column has another type, the query orders first by its value (`o0`, `o1`, ...). The result does not contain
  this value.

Rows of the kinds -1, 0 and 1 come first, in this order. Rows with equal labels come one after another. The
program that reads the result adds them up.
"""

from __future__ import annotations

from collections.abc import Sequence

from rolling_relations import Relations
from rolling_resolved import Column

TOTAL, ORPHAN, EXCLUDED, GROUP, UNASSIGNED = range(-1, 4)

KIND_ORDER = f"CASE WHEN kind < {GROUP} THEN kind ELSE {GROUP} END"


def kind_of(relations: Relations, owned: str, aliases: Sequence[str]) -> str:
    included = relations.included(aliases)
    group = str(GROUP) if included is None else f"CASE WHEN {included} THEN {GROUP} ELSE {EXCLUDED} END"
    return f"CASE WHEN {owned} THEN {group} ELSE {ORPHAN} END"


def _groups(relations: Relations) -> list[Column]:
    return list(relations.resolved.group_by.values())


def labels_of(relations: Relations, aliases: Sequence[str]) -> list[str]:
    """Return the SQL of a row's labels and of their order, in a query that has joined `aliases`."""
    found = [f"{relations.recipient(aliases)} AS recipient"]
    for i, column in enumerate(_groups(relations)):
        found.append(f"{relations.label(column)} AS g{i}")
        if (order := relations.order(column)) is not None:
            found.append(f"{order} AS o{i}")
    return found


def names_of(relations: Relations) -> list[str]:
    found = ["recipient"]
    for i, column in enumerate(_groups(relations)):
        found += [f"g{i}"] if column.is_text else [f"g{i}", f"o{i}"]
    return found


def shown(relations: Relations) -> list[str]:
    return ["kind", "recipient", *(f"g{i}" for i, _ in enumerate(_groups(relations)))]


def order_of(relations: Relations, *, kind: bool = True) -> str:
    found = [KIND_ORDER] if kind else []
    found.append(relations.dialect.by_code_point("recipient"))
    for i, column in enumerate(_groups(relations)):
        if not column.is_text:
            found.append(f"o{i} NULLS FIRST")
        found.append(f"{relations.dialect.by_code_point(f'g{i}')} NULLS FIRST")
    return ", ".join(found)
