"""What the queries compute for each measure: partial aggregates, and metrics that need every single value."""

from __future__ import annotations

from dataclasses import dataclass

import rolling_joins
from rolling_expression import Ref
from rolling_resolved import Measure, Resolved

# For each partial aggregate, the aggregate that combines its values from several segments.
MERGED = {"count": "sum", "sum": "sum", "min": "min", "max": "max", "squares": "sum", "wide": "sum"}
# Some squares have more digits than a decimal of Spark. So the digits of long values are divided into groups,
# and Spark adds the products of these groups.
GROUPS, GROUP_DIGITS = 3, 13


@dataclass(frozen=True, slots=True)
class Partial:
    """A partial aggregate of a measure: "count", "sum", "min", "max", "squares" or, in Spark, "wide".

    In Spark, "squares" is the sum of the squares of short values only. "wide" is one part of the sum of the
    squares of all longer values.
    """

    measure: int
    part: str
    place: int = 0  # only for "wide": the unit of the sum is 10 ** (GROUP_DIGITS * place)


def counts_rows(measure: Measure) -> bool:
    """Return whether the measure has exactly one value for each row."""
    if measure.where is not None:
        return False
    columns = measure.columns
    return measure.value is None or (
        isinstance(measure.value, Ref) and columns[0].not_null and columns[0].alias == "t0"
    )


def partials(resolved: Resolved) -> tuple[Partial, ...]:
    """Return the partial aggregates in the order of their columns. The number of rows comes before them."""
    found = []
    for index, measure in enumerate(resolved.measures):
        if not counts_rows(measure):
            found.append(Partial(index, "count"))
        if has_sum(measure):
            found.append(Partial(index, "sum"))
        found += [Partial(index, part) for part in ("min", "max", "squares") if part in measure.needs]
        if "squares" in measure.needs and resolved.aggregate_in == "spark":
            found += [Partial(index, "wide", place) for place in range(2 * GROUPS - 1)]
    return tuple(found)


def controlled(resolved: Resolved) -> tuple[int, ...]:
    """Return the measures whose control totals come from a separate query.

    A measure over joined tables cannot be computed without the joins. So if PostgreSQL aggregates, the
    control totals of such a measure are the totals of the joined rows before these rows are grouped.
    """
    missing = uncontrolled(resolved)
    return tuple(i for i, _ in enumerate(resolved.measures) if i not in missing)


def uncontrolled(resolved: Resolved) -> tuple[int, ...]:
    """Return the measures whose control totals do not come from a separate query."""
    if resolved.aggregate_in == "spark":
        return ()
    found = enumerate(resolved.measures)
    return tuple(i for i, measure in found if any(column.alias != "t0" for column in measure.columns))


def has_sum(measure: Measure) -> bool:
    """Return whether the measure's values are numbers. If so, their sum is compared with control totals."""
    return measure.value is not None and not measure.counted_only


@dataclass(frozen=True, slots=True)
class Family:
    """Metrics that need single values and that share their measure and window.

    One query computes the metrics of a family for all periods. `metrics` are indexes into `Resolved.metrics`.
    """

    measure: int
    window: int | str
    metrics: tuple[int, ...]


def families(resolved: Resolved) -> tuple[Family, ...]:
    """Return the families of the metrics that need single values."""
    found: dict[tuple[int, int | str], list[int]] = {}
    for number, metric in enumerate(resolved.metrics):
        if not metric.merges:
            found.setdefault((metric.measure, metric.window), []).append(number)
    return tuple(Family(measure, window, tuple(numbers)) for (measure, window), numbers in found.items())


def starts_at_entity(resolved: Resolved) -> bool:
    """Return whether entity rows form the groups. Otherwise each row of a joined table is a group."""
    return rolling_joins.anchor(resolved) == "t0"
