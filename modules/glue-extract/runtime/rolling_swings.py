"""Swings: large changes of a recipient's metrics since the previous period.

A change is large if a metric has changed by a factor of more than `swing_factor`.
"""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction

import rolling_values
from rolling_errors import quoted
from rolling_forged import read
from rolling_manifest import entries, manifest_place, metrics_of
from rolling_publication import Plan
from rolling_resolved import Metric, Resolved
from rolling_store import Store


def swings(resolved: Resolved, store: Store, made: Plan) -> tuple[str, ...]:
    """Return a sentence for each swing between the published previous period and the new period.

    The comparison uses counts, sums and averages over all rows of a recipient, because the manifest has no
    other values. For all other aggregates, it uses the average.
    """
    before = made.period.shift(-1)
    if resolved.swing_factor is None or store.version(manifest_place(before)) is None:
        return ()
    factor = Fraction(str(resolved.swing_factor))
    last = {
        str(entry.get("recipient")): entry for entry in entries(read(store, manifest_place(before))).values()
    }
    found = []
    for file in [file for file in made.files if not file.marker]:
        then = metrics_of(last[file.recipient]) if file.recipient in last else {}
        now = file.totals.as_json()["metrics"]
        assert isinstance(now, dict)
        for metric in resolved.metrics:
            if metric.name not in then:
                continue
            old, new = _whole(metric, then[metric.name]), _whole(metric, now[metric.name])
            is_near = old * new > 0 and abs(old) <= abs(new) * factor and abs(new) <= abs(old) * factor
            if old != new and not is_near:
                found.append(
                    f"{metric.name} of {quoted(file.recipient)} changed from {_text(metric, old)} in {before}"
                    f" to {_text(metric, new)}, by a factor of more than {resolved.swing_factor}"
                )
    return tuple(found)


def _whole(metric: Metric, totals: Mapping[str, object]) -> Fraction:
    """Return the value of the metric over all rows of a recipient."""
    count = Fraction(str(totals["count"]))
    total = totals.get("sum")
    if metric.aggregate in ("count", "count_distinct") or total is None:
        return count
    return Fraction(str(total)) / (1 if metric.aggregate == "sum" else max(count, Fraction(1)))


def _text(metric: Metric, value: Fraction) -> str:
    scale = metric.scale
    if scale is None:
        scale = 0 if value.denominator == 1 else 2
    return rolling_values.rounded(*value.as_integer_ratio(), scale)
