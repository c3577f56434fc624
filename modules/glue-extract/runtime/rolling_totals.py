"""Totals: what the files of a period are compared with, and what its manifest says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class MetricTotals:
    """The values of one metric in its own window: how many are not NULL, and their exact sum as text.

    `sum` is None if the metric's values are no numbers (count, count_distinct of texts).
    """

    count: int
    sum: str | None


@dataclass(frozen=True, slots=True)
class Totals:
    """Entity rows of the longest window, and the totals of every metric, by name in the order of the spec."""

    rows: int
    metrics: Mapping[str, MetricTotals]

    def as_json(self) -> dict[str, object]:
        """Return the totals as a manifest has them.

        >>> Totals(2, {"amount_sum": MetricTotals(1, "9.50")}).as_json()
        {'rows': 2, 'metrics': {'amount_sum': {'count': 1, 'sum': '9.50'}}}
        """
        metrics: dict[str, dict[str, object]] = {}
        for name, metric in self.metrics.items():
            metrics[name] = {"count": metric.count}
            if metric.sum is not None:
                metrics[name]["sum"] = metric.sum
        return {"rows": self.rows, "metrics": metrics}
