"""Periods, which are calendar months, and functions for them.

No function in this module reads a clock. The caller passes `now` once, so that a run around midnight cannot
get two different periods.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, tzinfo
from zoneinfo import ZoneInfo

from rolling_errors import ExtractError, harmless

_WRITTEN = re.compile(r"([0-9]{4})-(0[1-9]|1[0-2])")


@dataclass(frozen=True, order=True, slots=True)
class Period:
    """One calendar month. Each month is published separately.

    Periods are ordered and hashable. `Period(2026, 10)` prints as `2026-10`.
    """

    year: int
    month: int  # 1 to 12

    @classmethod
    def parse(cls, text: str) -> Period:
        """Return the period that is written as `YYYY-MM`.

        >>> Period.parse("2026-10")
        Period(year=2026, month=10)
        """
        match = _WRITTEN.fullmatch(text)
        if match is None or match[1] == "0000":
            raise ExtractError(
                f"{harmless(text)} is not a period; write YYYY-MM, e.g. 2026-10", kind="arguments"
            )
        return cls(int(match[1]), int(match[2]))

    @classmethod
    def of(cls, day: date) -> Period:
        """Return the month that contains `day`."""
        return cls(day.year, day.month)

    def __str__(self) -> str:
        return f"{self.year:04d}-{self.month:02d}"

    def shift(self, months: int) -> Period:
        """Return the period `months` months later, or earlier if `months` is negative.

        >>> str(Period(2026, 1).shift(-1))
        '2025-12'
        """
        index = self.year * 12 + self.month - 1 + months
        return Period(index // 12, index % 12 + 1)

    def since(self, other: Period) -> int:
        """Return the number of months from another period to this one.

        >>> Period(2026, 1).since(Period(2025, 11))
        2
        """
        return (self.year - other.year) * 12 + self.month - other.month

    @property
    def first_day(self) -> date:
        return date(self.year, self.month, 1)

    @property
    def file_date(self) -> date:
        """The last day of the month. A file's name has this date, on whatever day the run starts."""
        return self.shift(1).first_day - timedelta(days=1)


def zone(name: str) -> tzinfo:
    """Return the time zone with this name in the IANA database.

    A slim container image may lack the database, so the default zone is built in.
    """
    if name in ("Etc/GMT", "Etc/UTC", "GMT", "UTC"):
        return UTC
    try:
        return ZoneInfo(name)
    # `name` is the name of no file, of a folder, or of a file outside of the time zone database
    except (KeyError, ValueError, OSError) as unknown:
        raise ExtractError(
            f'there is no time zone "{name}"; time_zone must be a name such as "Etc/GMT" or "Europe/Paris"',
            kind="spec",
        ) from unknown


def last_complete(now: datetime, where: tzinfo) -> Period:
    """Return the newest month that has ended in the time zone `where`.

    >>> str(last_complete(datetime(2026, 11, 1, 0, 1, tzinfo=UTC), UTC))
    '2026-10'
    """
    return Period.of(now.astimezone(where).date()).shift(-1)


def check_over(period: Period, snapshot_time: str, where: tzinfo) -> None:
    """Refuse a period that was not over at the time of the snapshot, because rows may still arrive.

    By the clock of this machine, the period is over. But this clock may be ahead of the database's clock.
    """
    day = period.shift(1).first_day
    end = datetime(day.year, day.month, day.day, tzinfo=where)
    if datetime.fromisoformat(snapshot_time) < end.astimezone(UTC):
        raise ExtractError(
            f"the period {period} is over by the clock of this job, but not by the clock of the database"
            f" ({snapshot_time}); correct the wrong clock, and start the run again",
            kind="clock",
        )


def between(first: Period, last: Period) -> Iterator[Period]:
    """Yield every period from `first` to `last`, including both."""
    while first <= last:
        yield first
        first = first.shift(1)
