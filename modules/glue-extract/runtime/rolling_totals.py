"""Totals of a period's files. The engine compares them with the source and writes them to the manifest."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from operator import add
from typing import NamedTuple, Protocol

import rolling_values
from rolling_partials import has_sum
from rolling_resolved import Resolved


@dataclass(frozen=True, slots=True)
class MetricTotals:
    """Totals of one metric in its window: the number of values (not NULL), and their exact sum as text.

    `sum` is None if the metric counts rows, or if the values of the metric are not numbers.
    """

    count: int
    sum: str | None


@dataclass(frozen=True, slots=True)
class Totals:
    """The number of entity rows in the longest window, and the totals of each metric, in the spec's order."""

    rows: int
    metrics: Mapping[str, MetricTotals]

    def as_json(self) -> dict[str, object]:
        """Return the totals in the form of the manifest.

        >>> Totals(2, {"amount_sum": MetricTotals(1, "9.50")}).as_json()
        {'rows': 2, 'metrics': {'amount_sum': {'count': 1, 'sum': '9.50'}}}
        """
        metrics: dict[str, dict[str, object]] = {}
        for name, metric in self.metrics.items():
            metrics[name] = {"count": metric.count}
            if metric.sum is not None:
                metrics[name]["sum"] = metric.sum
        return {"rows": self.rows, "metrics": metrics}


class Row(NamedTuple):
    """One row of a file, before its columns are chosen and ordered.

    `values` are the metrics as text, in the order of the spec. For a listing, `values` are its columns, and
    `group` is empty. `measured` has the numbers that `Tally.add` adds up.
    """

    recipient: str
    group: tuple[str | None, ...]
    values: tuple[str | None, ...]
    measured: Sequence[int]


class Measured(Protocol):
    """Rows that a tally can add."""

    @property
    def measured(self) -> Sequence[int]:
        """The number of rows, then for each pair of measure and window the number of values and their sum."""
        ...


class Pair(NamedTuple):
    """A measure and a window. Metrics with the same pair share all aggregates."""

    measure: int
    window: int | str


def pairs_of(resolved: Resolved) -> tuple[Pair, ...]:
    """Return each pair of the spec's metrics once."""
    return tuple(dict.fromkeys(Pair(metric.measure, metric.window) for metric in resolved.metrics))


class Tally:
    """Adds rows of one period to the totals of a file or of all files."""

    def __init__(
        self, resolved: Resolved, digits: Sequence[int], measured: Sequence[int] | None = None
    ) -> None:
        self._resolved = resolved
        self._digits = digits
        self._pairs = pairs_of(resolved)
        # The number of rows, then for each pair of measure and window the number of values and their sum. The
        # sum is in units of the last digit.
        self.measured = [0] * (1 + 2 * len(self._pairs)) if measured is None else list(measured)

    def add(self, rows: Measured) -> None:
        """Add a row or a block of rows."""
        self.measured = list(map(add, self.measured, rows.measured))

    def merge(self, other: Tally) -> None:
        """Add all rows of another tally of the same period."""
        self.measured = list(map(add, self.measured, other.measured))

    @property
    def totals(self) -> Totals:
        """The totals of the rows that were added so far."""
        return Totals(self.measured[0], {name: self._metric(i) for i, name in enumerate(self._names())})

    def _names(self) -> list[str]:
        return [metric.name for metric in self._resolved.metrics]

    def _metric(self, index: int) -> MetricTotals:
        metric = self._resolved.metrics[index]
        measure = self._resolved.measures[metric.measure]
        place = 1 + 2 * self._pairs.index(Pair(metric.measure, metric.window))
        count, total = self.measured[place], self.measured[place + 1]
        if not has_sum(measure):
            return MetricTotals(count, None)
        digits = self._digits[metric.measure]
        return MetricTotals(count, rolling_values.plain(total, digits, measure.digits, measure.divisor))
