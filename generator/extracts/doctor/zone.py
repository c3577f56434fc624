"""Check the time zone of a project, and whether the local time of each start exists."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, tzinfo
from pathlib import Path
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from extracts import rules
from extracts.doctor.check import Check, failed, ok, skipped
from extracts.doctor.project import Values

if TYPE_CHECKING:
    from extracts.doctor.resolved import Result

# A schedule with one start on the same day of every month, in the form that the template writes.
_MONTHLY = re.compile(r"cron\((\d+) (\d+) (\d+) \* \? \*\)")
MONTHS = 24


def checks(project: Path, known: Values, found: Result, now: datetime) -> Iterator[Check]:
    """Check that Terraform and the spec have the same time zone.

    Also check that the time zone exists on this machine and in the source.
    """
    name, main, script = found["time_zone"], project / "Terraform/main.tf", project / "Glue/etl.py"
    if known.time_zone is None:
        yield skipped("time zone", f'the time zone of module "extract" in {main} is unknown')
    elif known.time_zone != name:
        said = f'time_zone is "{known.time_zone}" in {main}, but "{name}" in {script}'
        yield failed("time zone", said, "write the same time_zone in both files")
    else:
        yield ok("time zone", f"{name} in {main} and {script}")
    here, there = found["zone_here"], found["zone_there"]
    if not here and not there:
        sides = "this machine" if there is None else "this machine and the database"
        said = f'{sides} {"has" if there is None else "have"} no time zone "{name}"{rules.nearest_zone(name)}'
        yield failed("time zone", said, f"correct time_zone in {script} and {main}")
    elif not here:
        said = f'this machine has no time zone "{name}", but the database has it'
        yield failed("time zone", said, "update the time zones of this machine: pip install --upgrade tzdata")
    elif there is False:
        said = f'the database has no time zone "{name}" in pg_timezone_names, but this machine has it'
        remedy = f"in {script} and {main}, write a time zone that the database also has, or update PostgreSQL"
        yield failed("time zone", said, remedy)
    if here and known.schedule is not None:
        yield _starts(known.schedule, name, now)


def _starts(schedule: str, name: str, now: datetime) -> Check:
    """Check the start times of the next months, and show the next start.

    The check fails if a start time does not exist. When daylight saving time begins, the clock jumps over
    some times of the day. EventBridge Scheduler skips a start at such a time:
    https://docs.aws.amazon.com/scheduler/latest/UserGuide/schedule-types.html#daylist-savings-time
    """
    found = _MONTHLY.fullmatch(schedule)
    if not found:
        said = f"{schedule} does not start once a month, so its start times are not checked"
        return skipped("schedule", said)
    minute, hour, day = map(int, found.groups())
    # These names mean UTC. Like the engine, do not look them up, because a machine may lack the time zone
    # database.
    zone = UTC if name in ("Etc/GMT", "Etc/UTC", "GMT", "UTC") else ZoneInfo(name)
    starts = list(monthly(minute, hour, day, zone, now))
    if missing := [text for text, exists in starts if not exists]:
        said = f"EventBridge Scheduler skips start times that do not exist in {name}: {', '.join(missing)}"
        return failed("schedule", said, "set schedule in Terraform/terraform.tfvars to another day or time")
    return ok("schedule", f"the next start is {starts[0][0]} in {name}")


def monthly(minute: int, hour: int, day: int, zone: tzinfo, now: datetime) -> Iterator[tuple[str, bool]]:
    """For each of the next months, yield the local time of the start, and whether this local time exists.

    >>> now = datetime(2027, 3, 1, tzinfo=UTC)
    >>> next(monthly(1, 0, 14, ZoneInfo("America/Havana"), now))
    ('2027-03-14 00:01', False)
    """
    first = now.astimezone(zone)
    for number in range(MONTHS + 1):
        year, month = divmod(first.year * 12 + first.month - 1 + number, 12)
        text = f"{year:04d}-{month + 1:02d}-{day:02d} {hour:02d}:{minute:02d}"
        try:
            start = datetime(year, month + 1, day, hour, minute, tzinfo=zone)
        except ValueError:  # the month does not have this day, for example 31 April
            yield text, False
            continue
        instant = start.astimezone(UTC)
        if instant >= now:
            yield text, f"{instant.astimezone(zone):%Y-%m-%d %H:%M}" == text
