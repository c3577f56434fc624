"""Segments of time. The windows of a run's periods consist of segments.

The first and last days of all windows divide the time into half-open segments. Each row of the entity is
aggregated once, in its segment. Every window is a range of segments, however many periods and windows there
are. If a run has one period and all its windows have the same length, there is one segment.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from functools import cached_property

from rolling_period import Period
from rolling_resolved import YEAR_TO_DATE, Resolved


@dataclass(frozen=True)
class Span:
    """The periods of a run, in order, and the lengths of the windows that end with each period.

    >>> Span((Period(2026, 3),), (1, "year_to_date")).bounds
    (datetime.date(2026, 1, 1), datetime.date(2026, 3, 1), datetime.date(2026, 4, 1))
    """

    periods: tuple[Period, ...]
    windows: tuple[int | str, ...]

    @classmethod
    def of(cls, resolved: Resolved, periods: Iterable[Period]) -> Span:
        """Return the span of these periods with the windows of the spec's metrics."""
        windows = dict.fromkeys(metric.window for metric in resolved.metrics)
        return cls(tuple(sorted(set(periods))), tuple(windows) or (1,))

    @cached_property
    def bounds(self) -> tuple[date, ...]:
        """The first day of each segment, and the first day after the last segment.

        Segments have the numbers that PostgreSQL's `width_bucket` returns: segment 1 begins with the first of
        these days, and segment 0 is all time before segment 1.
        """
        days = {day for period in self.periods for window in self.windows for day in days_of(period, window)}
        return tuple(sorted(days))

    def numbers(self, period: Period, window: int | str) -> range:
        """Return the numbers of the segments in the window that ends with `period`.

        >>> list(Span((Period(2026, 1), Period(2026, 2)), (1, 3)).numbers(Period(2026, 2), 3))
        [2, 3, 4]
        """
        first, end = days_of(period, window)
        return range(self.bounds.index(first) + 1, self.bounds.index(end) + 1)

    def longest(self, period: Period) -> range:
        """Return the numbers of the segments in the longest window that ends with `period`."""
        return max((self.numbers(period, window) for window in self.windows), key=len)

    def days(self, period: Period) -> tuple[date, date]:
        """Return the first day of the longest window of `period`, and the first day after this window."""
        numbers = self.longest(period)
        return self.bounds[numbers[0] - 1], self.bounds[numbers[-1]]


def days_of(period: Period, window: int | str) -> tuple[date, date]:
    """Return the first day of the window that ends with `period`, and the day after the window.

    >>> days_of(Period(2026, 10), "year_to_date")
    (datetime.date(2026, 1, 1), datetime.date(2026, 11, 1))
    """
    end = period.shift(1).first_day
    if window == YEAR_TO_DATE:
        return date(period.year, 1, 1), end
    assert isinstance(window, int)
    return period.shift(1 - window).first_day, end
