"""Periods: parsing, windows, dates in file names, and the default period."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rolling_errors import ExtractError
from rolling_period import Period, check_over, last_complete, zone
from rolling_span import Span, days_of

periods = st.builds(Period, st.integers(1900, 2200), st.integers(1, 12))


@pytest.mark.parametrize(
    ("period", "day"), [("2026-10", "2026-10-31"), ("2024-02", "2024-02-29"), ("2025-12", "2025-12-31")]
)
def test_file_date_is_the_last_day_of_the_period(period: str, day: str) -> None:
    assert Period.parse(period).file_date == date.fromisoformat(day)


@pytest.mark.parametrize(
    "text", ["2026-13", "2026-00", "2026-1", "26-01", "2026/01", "", "0000-01", "\uff12\uff10\uff12\uff16-10"]
)
def test_invalid_period_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(ExtractError, match=r"write YYYY-MM, e\.g\. 2026-10"):
        Period.parse(text)


@given(period=periods, months=st.integers(-600, 600))
def test_period_that_is_shifted_by_some_months_and_back_is_unchanged(period: Period, months: int) -> None:
    assert period.shift(months).shift(-months) == period


@given(period=periods, months=st.integers(1, 36))
def test_window_ends_on_the_day_before_the_next_period(period: Period, months: int) -> None:
    first, outside = days_of(period, months)
    assert outside == period.shift(1).first_day
    assert (outside.year - first.year) * 12 + outside.month - first.month == months
    assert first.day == outside.day == 1


@given(first=periods, count=st.integers(1, 12), months=st.integers(1, 12))
def test_first_segment_begins_and_last_segment_ends_with_the_window_of_a_period(
    first: Period, count: int, months: int
) -> None:
    span = Span(tuple(first.shift(i) for i in range(count)), (months,))
    assert span.bounds[0] == days_of(span.periods[0], months)[0]
    assert span.bounds[-1] == days_of(span.periods[-1], months)[1]
    for period in span.periods:
        numbers = span.numbers(period, months)
        # Segment n begins at bounds[n - 1] and ends at bounds[n], as in PostgreSQL's `width_bucket`.
        assert span.bounds[numbers[0] - 1] == days_of(period, months)[0]
        assert span.bounds[numbers[-1]] == days_of(period, months)[1]


@pytest.mark.parametrize(
    ("now", "where", "due"),
    [
        ("2026-11-01T00:00:00", "Etc/GMT", "2026-10"),
        ("2026-10-31T23:59:59", "Etc/GMT", "2026-09"),
        ("2026-10-31T23:59:59", "Europe/Paris", "2026-10"),
        ("2026-11-01T03:59:59", "America/New_York", "2026-09"),
        ("2026-01-15T00:00:00", "Etc/GMT", "2025-12"),
    ],
)
def test_default_period_is_the_last_complete_month_in_the_time_zone(now: str, where: str, due: str) -> None:
    moment = datetime.fromisoformat(now).replace(tzinfo=UTC)
    assert str(last_complete(moment, zone(where))) == due


@pytest.mark.parametrize("name", ["Mars/Olympus", "", "../../etc/passwd", "Europe", "a\0b"])
def test_unknown_time_zone_is_refused(name: str) -> None:
    with pytest.raises(ExtractError, match="there is no time zone"):
        zone(name)


@pytest.mark.parametrize(
    ("snapshot", "where"),
    [
        ("2026-11-01T00:00:00.000000Z", "Etc/GMT"),
        ("2026-10-31T22:00:00.000000Z", "Africa/Johannesburg"),
        # At midnight, New York still has daylight saving time, so the month ends at 04:00 GMT.
        ("2026-11-01T04:00:00.000000Z", "America/New_York"),
    ],
)
def test_period_that_is_not_over_by_the_database_clock_is_refused(snapshot: str, where: str) -> None:
    check_over(Period(2026, 10), snapshot, zone(where))
    inside = datetime.fromisoformat(snapshot) - timedelta(microseconds=1)
    with pytest.raises(ExtractError, match="the period 2026-10 is over by the clock of this job"):
        check_over(Period(2026, 10), inside.isoformat().replace("+00:00", "Z"), zone(where))
