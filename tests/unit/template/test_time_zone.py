"""The schedule and the spec have the same time zone, so a run reports the month that has just ended."""

from __future__ import annotations

import re
import runpy
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from rolling_period import Period, last_complete, zone

EAST, WEST = "Pacific/Kiritimati", "America/Sao_Paulo"


def stamped(project: Path) -> tuple[str, str, str]:
    """Return the cron expression and the time zone of the schedule, and the time zone of the spec."""
    [cron] = re.findall(
        r'default     = "cron\((.*)\)"', (project / "Terraform/variables.tf").read_text(encoding="utf-8")
    )
    [where] = re.findall(
        r'^  time_zone   = "(.*?)"', (project / "Terraform/main.tf").read_text(), re.MULTILINE
    )
    return cron, where, runpy.run_path(str(project / "Glue/etl.py"))["EXTRACT"].time_zone


@pytest.mark.parametrize("name", ["Etc/GMT", WEST, EAST])
def test_scheduled_run_reports_the_previous_month(name: str, stamp: Callable[..., Path]) -> None:
    cron, where, spec = stamped(stamp(_time_zone=name))
    assert (cron, where, spec) == ("1 0 1 * ? *", name, name)
    for month in (Period(2026, 1).shift(number) for number in range(24)):
        start = datetime(month.year, month.month, 1, 0, 1, tzinfo=ZoneInfo(where)).astimezone(UTC)
        assert last_complete(start, zone(spec)) == month.shift(-1)


def test_run_that_starts_in_gmt_reports_the_wrong_month_if_the_spec_has_a_zone_west_of_gmt() -> None:
    """At 00:01 GMT it is still October in Sao Paulo, so the run reports September instead of October."""
    start = datetime(2026, 11, 1, 0, 1, tzinfo=UTC)
    assert str(last_complete(start, zone(WEST))) == "2026-09"


def test_hook_without_a_time_zone_database_checks_only_the_format(template: Path, tmp_path: Path) -> None:
    """Run the hook as in a slim container, which has neither /usr/share/zoneinfo nor the package tzdata."""
    hook = (template / "hooks/pre_gen_project.py").read_text(encoding="utf-8")
    answers = 'OrderedDict(_time_zone="{}")'
    script = tmp_path / "hook.py"
    # Python imports this file instead of the installed package tzdata.
    (tmp_path / "tzdata.py").write_text("raise ImportError\n")

    def said(name: str) -> str:
        script.write_text(hook.replace("{{cookiecutter}}", answers.format(name)), encoding="utf-8")
        variables = {"PYTHONTZPATH": "", "PYTHONPATH": str(tmp_path)}
        done = subprocess.run(
            [sys.executable, script], capture_output=True, text=True, check=False, env=variables
        )
        return done.stderr

    assert "_time_zone" not in said("America/Sao_Paulo")
    assert '- _time_zone: "+02:00" is not a time zone of the IANA database' in said("+02:00")
    assert "_time_zone" in said("localtime")


@pytest.mark.parametrize(
    "name", ["Pacific/Pago_Pago", "America/Los_Angeles", "Atlantic/Azores", "Africa/Cairo", EAST]
)
@pytest.mark.parametrize("schedule", ["1 00:01", "27 23:59"])
def test_daily_check_runs_at_least_six_hours_after_the_scheduled_start(
    name: str, schedule: str, stamp: Callable[..., Path]
) -> None:
    project = stamp(_time_zone=name, _schedule=schedule)
    minute, hour, day, *_ = stamped(project)[0].split()
    variables = (project / "Terraform/variables.tf").read_text()
    [(check_day, check_hour)] = re.findall(
        r"day  = optional\(number, (\d+)\)\n    hour = optional\(number, (\d+)\)", variables
    )
    for month in range(1, 13):
        start = datetime(2027, month, int(day), int(hour), int(minute), tzinfo=ZoneInfo(name))
        check = datetime(2027, month, int(check_day), int(check_hour), tzinfo=UTC)
        assert check - start >= timedelta(hours=6)
