"""The joins of an extract, from the entity to the groups, the recipient and the columns of the metrics.

Only this module decides which row has a recipient. All queries use this module: both forms of the aggregates,
the listing and the windows of single values.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from rolling_expression import columns_of
from rolling_resolved import Column, Resolved, Step


@dataclass(frozen=True, slots=True)
class Must:
    """A mandatory step. It must find a row, unless the step to the table `excuse` has found no row."""

    step: Step
    excuse: str | None


def in_order(aliases: Iterable[str]) -> tuple[str, ...]:
    """Return aliases in the order of the joins: t10 comes after t9."""
    return tuple(sorted(set(aliases), key=lambda alias: int(alias[1:])))


def way(resolved: Resolved, columns: Iterable[Column]) -> tuple[str, ...]:
    """Return the aliases on the paths to the tables of `columns`, without the entity."""
    return in_order(alias for column in columns for alias in resolved.path(column.alias)[1:])


def shown(resolved: Resolved) -> tuple[Column, ...]:
    """Return the columns that identify a row of the aggregates: the group columns and the recipient."""
    return (*resolved.group_by.values(), resolved.recipient)


def anchor(resolved: Resolved) -> str:
    """Return the anchor: the last table that the paths to the recipient and to all group columns share.

    Each row of the anchor is one group. In the project bank-loans, the anchor is Branch. The query reduces
    Loans to one row for each branch and segment before it joins Branch and Bank. The anchor is the entity if
    a group column or the recipient is a column of the entity, or if the paths share no other table.
    """
    paths = [resolved.path(column.alias) for column in shown(resolved)]
    shared: list[str] = [steps[0] for steps in zip(*paths, strict=False) if len(set(steps)) == 1]
    return shared[-1]


def far(resolved: Resolved) -> tuple[str, ...]:
    """Return the aliases to join to the anchor, so that its rows get the group columns and the recipient."""
    before = set(resolved.path(anchor(resolved)))
    return tuple(alias for alias in way(resolved, shown(resolved)) if alias not in before)


def filtered(resolved: Resolved) -> tuple[str, ...]:
    """Return the aliases of the tables that the condition `where` of the extract uses, except the entity."""
    return way(resolved, columns_of(resolved.where))


def measured(resolved: Resolved) -> tuple[str, ...]:
    """Return the aliases of the tables that measures and the condition `where` use, except the entity."""
    aliases = {alias for measure in resolved.measures for alias in measure.aliases}
    return in_order({*aliases, *filtered(resolved)})


def used(resolved: Resolved) -> tuple[str, ...]:
    """Return the aliases of all tables that the result needs. Leave out tables that only the date needs."""
    columns = () if resolved.listing is None else (*resolved.listing.columns, *resolved.listing.key)
    return in_order({*measured(resolved), *way(resolved, (*shown(resolved), *columns))})


def mandatory(resolved: Resolved, aliases: Sequence[str]) -> tuple[Must, ...]:
    """Return the mandatory steps to the tables `aliases`.

    If an optional step finds no row, a mandatory step after it need not find a row either.
    """
    found = []
    for alias in aliases:
        step = resolved.step(alias)
        before = [each for each in resolved.path(step.start) if each in aliases]
        excused = any(resolved.step(each).optional for each in before)
        if not step.optional:
            found.append(Must(step, step.start if excused else None))
    return tuple(found)


def may_be_unassigned(resolved: Resolved, aliases: Sequence[str]) -> bool:
    """Return whether one of the steps `aliases` is optional and on the way to the recipient."""
    path = resolved.path(resolved.recipient.alias)
    return any(resolved.step(alias).optional for alias in path if alias in aliases)
