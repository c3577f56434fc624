"""The labels of the rows of a large query: kind, recipient and group. They also give the order of the rows.

A large query uses only columns of the relations, and little more than joins, CASE and aggregates. So
PostgreSQL and Spark can run the same SQL. The first columns of its result are the labels:

- `kind`: -1 for all joined rows of a segment, 0 for orphan rows, 1 for rows of an excluded recipient, 2 for a
  group, 3 for unassigned rows. If there are no unassigned rows, no file has a row of this kind.
- `recipient`, and the group columns `g0`, `g1`, ... as text. Texts are ordered by code point. Other values
  are ordered by their value first (`o0`, `o1`, ...).

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
    """Return the SQL of a row's labels, and of the values to order them by. `aliases` are joined."""
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
