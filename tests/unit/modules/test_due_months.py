"""The program `due.jsonata` returns the month that must be published on a given day."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

from tests.support.mail_programs import evaluate


def due(at: str) -> dict[str, Any]:
    return dict(evaluate("due", states={"input": {"time": at}}))


def test_due_month_is_correct_on_every_day_of_a_year() -> None:
    since = date(2027, 12, 2)
    for number in range(400):  # all days of the leap year 2028 and some days of 2027 and 2029
        day = date(2027, 12, 3) + timedelta(days=number)
        if day.day == 2:
            assert due(f"{day}T05:59:59Z")["day"] == f"{since}", day
            since = day
        period = f"{since.replace(day=1) - timedelta(days=1):%Y-%m}"
        found = due(f"{day}T06:00:00Z")
        assert (found["period"], found["day"], found["time"]) == (period, f"{since}", "06:00 GMT"), day
        assert found["key"] == f"loans/_manifests/{period}.json"
