"""The groups that the page of a preview lists, with the values of each group in all periods.

For a small file, the page lists all groups. For a large file, the page lists the largest groups and the
groups with the largest changes.
"""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from extracts.report_months import Group, Metric, Month, Shown
from extracts.report_numbers import number

# A file is small if it has at most this number of rows. The page lists all groups of small files.
WHOLE = 1_000
# If all small files together have more values than this number, the page lists no file completely. This limit
# keeps the page below about 10 MB.
VALUES = 600_000
LISTED = 100  # The page lists at most this number of rows of a large file.


@dataclass(frozen=True, slots=True)
class Line:
    """A group, and the text of each metric in each period.

    The text is None if the file of the period does not contain the group.
    """

    group: Group
    texts: list[list[str | None]]


def whole(months: Sequence[Month], recipients: Sequence[str], metrics: int) -> frozenset[str]:
    """Return the recipients whose files the page lists completely.

    These are all recipients with small files. If these files together have too many values for the page,
    the function returns no recipients.
    """
    largest: Counter[str] = Counter()
    values = dict.fromkeys(recipients, 0)
    for month in months:
        for file in month.manifest["files"]:
            largest[file["recipient"]] = max(largest[file["recipient"]], file["rows"])
            if file["recipient"] in values:
                values[file["recipient"]] += file["rows"] * max(1, metrics)
    small = [recipient for recipient in recipients if largest[recipient] <= WHOLE]
    return frozenset(small if sum(values[recipient] for recipient in small) <= VALUES else ())


def lines(
    what: Shown,
    months: Sequence[Month],
    periods: Sequence[str],
    recipient: str,
    wanted: Collection[Group] | None,
) -> list[Line]:
    """Return the groups of a recipient, or only the groups in `wanted` if it is not None.

    The groups of the latest file come first, in the order of the file. Several rows of a file can have the
    same group if `columns` of the spec omits a group-by column. Then each of these rows has its own line.
    """
    found: dict[tuple[Group, int], Line] = {}
    for month in reversed(months):
        seen: Counter[Group] = Counter()
        place = periods.index(month.period)
        for row in what.rows(month, recipient):
            if wanted is not None and row.group not in wanted:
                continue
            key = row.group, seen[row.group]
            seen[row.group] += 1
            if key not in found:
                found[key] = Line(row.group, [[None] * len(periods) for _ in what.metrics])
            for values, text in zip(found[key].texts, row.values, strict=True):
                values[place] = text
    return [*found.values()]


def matter(what: Shown, latest: Month, recipient: str, moved: Collection[Group]) -> frozenset[Group]:
    """Return the groups of a large file that the page lists: those in `moved`, and the largest groups."""
    by = size(what.metrics)
    largest = heapq.nlargest(
        LISTED,
        (
            (abs(number(row.values[by]) or 0), -place, row.group)
            for place, row in enumerate(what.rows(latest, recipient))
        ),
    )
    rest = [group for _, _, group in largest if group not in moved]
    return frozenset([*moved, *rest[: LISTED - len(moved)]])


def size(metrics: Sequence[Metric]) -> int:
    """Return the index of the metric that ranks the groups.

    This is the first count. If there is no count, it is the first sum. Otherwise it is the first metric.
    """
    kinds = [metric.aggregate for metric in metrics]
    return next((kinds.index(kind) for kind in ("count", "sum") if kind in kinds), 0)
