"""What the queries compute of each measure: partial aggregates of segments, and what does not merge."""

from __future__ import annotations

from dataclasses import dataclass

import rolling_joins
from rolling_expression import Ref
from rolling_resolved import Measure, Resolved

# How partial aggregates of two segments make that of both.
MERGED = {"count": "sum", "sum": "sum", "min": "min", "max": "max", "squares": "sum"}


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
