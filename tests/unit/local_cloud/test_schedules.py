"""Cron expressions, rate expressions and at expressions follow the documentation of AWS."""

from __future__ import annotations

import pytest

from local_cloud.aws.requests.limits import schedules


@pytest.mark.parametrize(
    "expression",
    [
        "cron(1 0 1 * ? *)",
        "cron(0 18 ? * MON-FRI *)",
        "cron(0/15 8-17 ? JAN,FEB,MAR 2-6 2026-2027)",
        "cron(15 10 ? * 6L 2022-2023)",
        "cron(0 9 ? * 2#1 *)",
        "cron(0 9 L * ? *)",
        "cron(0 9 L-2 * ? *)",
        "cron(0 9 15W * ? *)",
        "cron(1-31/30 1-1 ? * 1,7 *)",
        "cron(0 0 1 1/3 ? *)",
    ],
)
def test_documented_cron_expressions_are_accepted(expression: str) -> None:
    assert schedules.is_cron(expression)


@pytest.mark.parametrize(
    "expression",
    [
        "",
        "1 0 1 * ? *",
        "cron(1 0 1 * ?)",
        "cron(1 0 1 * * *)",
        "cron(1 0 ? * ? *)",
        "cron(60 0 1 * ? *)",
        "cron(0 24 1 * ? *)",
        "cron(0 0 32 * ? *)",
        "cron(0 0 1 13 ? *)",
        "cron(0 0 ? * 8 *)",
        "cron(0 0 ? * 2#6 *)",
        "cron(0 0 ? * 3#1,6#3 *)",
        "cron(0 0 1 * ? 1969)",
        "cron(0 ? 1 * ? *)",
        "cron(0/0 0 1 * ? *)",
        "rate(1 day)",
    ],
)
def test_invalid_cron_expressions_are_refused(expression: str) -> None:
    assert not schedules.is_cron(expression)


@pytest.mark.parametrize(
    ("expression", "minutes"),
    [
        ("cron(0 0 1 * ? *)", 60),
        ("cron(0/5 * * * ? *)", 5),
        ("cron(*/10 * * * ? *)", 10),
        ("cron(* * * * ? *)", 1),
        ("cron(0,3,30 0 1 * ? *)", 3),
        ("cron(10-30/4 0 1 * ? *)", 4),
    ],
)
def test_gap_of_a_schedule_is_the_shortest_number_of_minutes_between_two_runs(
    expression: str, minutes: int
) -> None:
    assert schedules.gap(expression) == minutes


def test_only_valid_rate_and_at_expressions_are_accepted() -> None:
    assert schedules.is_rate("rate(1 day)")
    assert schedules.is_rate("rate(15 minutes)")
    assert not schedules.is_rate("rate(0 days)")
    assert not schedules.is_rate("rate(10 seconds)")
    assert schedules.is_at("at(2026-11-20T13:00:00)")
    assert not schedules.is_at("at(2026-11-31T13:00:00)")
    assert not schedules.is_at("at(2026-11-20 13:00:00)")
