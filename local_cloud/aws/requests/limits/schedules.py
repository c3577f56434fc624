"""Cron expressions, rate expressions and at expressions of schedules."""

from __future__ import annotations

import calendar
import re
from datetime import datetime
from itertools import pairwise

MONTHS = {name.upper(): number for number, name in enumerate(calendar.month_abbr) if name}
DAYS = {name.upper(): (number + 1) % 7 + 1 for number, name in enumerate(calendar.day_abbr)}
# For each field of a cron expression: the lowest value, the highest value, and the names such as JAN.
FIELDS: tuple[tuple[int, int, dict[str, int]], ...] = (
    (0, 59, {}),
    (0, 23, {}),
    (1, 31, {}),
    (1, 12, MONTHS),
    (1, 7, DAYS),
    (1970, 2199, {}),
)
DAY_OF_MONTH, DAY_OF_WEEK = 2, 4


def fields(expression: str) -> list[str]:
    """Return the fields of a cron expression, or an empty list if the text is not a cron expression."""
    found = re.fullmatch(r"cron\((.*)\)", expression)
    return found[1].split() if found else []


def is_cron(expression: str) -> bool:
    """Return whether a text is a valid cron expression.

    The text must have six fields, and exactly one of the two fields for days must be "?".
    """
    given = fields(expression)
    days = [given[place] for place in (DAY_OF_MONTH, DAY_OF_WEEK)] if len(given) == 6 else []
    return days.count("?") == 1 and all(_is_field(text, place) for place, text in enumerate(given))


def _is_field(text: str, place: int) -> bool:
    if text == "?":
        return place in (DAY_OF_MONTH, DAY_OF_WEEK)
    items = text.split(",")
    if place == DAY_OF_WEEK and "#" in text and len(items) > 1:
        return False
    return all(_is_item(item, place) for item in items)


def _is_item(item: str, place: int) -> bool:
    low, high, names = FIELDS[place]

    def is_value(text: str) -> bool:
        number = names.get(text.upper(), int(text) if text.isdecimal() else -1)
        return low <= number <= high

    if place == DAY_OF_MONTH and re.fullmatch(r"L|LW|L-\d+", item):
        return True
    if place == DAY_OF_MONTH and item.endswith("W"):
        return is_value(item.removesuffix("W"))
    if place == DAY_OF_WEEK and "#" in item:
        day, _, week = item.partition("#")
        return is_value(day) and week in ("1", "2", "3", "4", "5")
    if place == DAY_OF_WEEK and item.endswith("L"):
        return item == "L" or is_value(item.removesuffix("L"))
    span, slash, step = item.partition("/")
    if slash and not (step.isdecimal() and int(step) > 0):
        return False
    return span == "*" or all(is_value(end) for end in span.split("-", 1))


def is_rate(expression: str) -> bool:
    """Return whether a text is a rate expression of EventBridge Scheduler."""
    return re.fullmatch(r"rate\([1-9]\d*\s+(minute|hour|day)s?\)", expression) is not None


def is_at(expression: str) -> bool:
    """Return whether a text is an `at` expression of EventBridge Scheduler."""
    found = re.fullmatch(r"at\((\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)\)", expression)
    try:
        return found is not None and bool(datetime.fromisoformat(found[1]))
    except ValueError:
        return False


def gap(expression: str) -> int:
    """Return the smallest number of minutes between two starts of a cron schedule in the same hour.

    If the schedule starts at most once in each hour, return 60.
    """
    minutes: set[int] = set()
    for item in fields(expression)[0].split(","):
        span, _, step = item.partition("/")
        first, _, last = span.replace("*", "0-59").partition("-")
        until = int(last) if last else 59 if step else int(first)
        minutes |= set(range(int(first), until + 1, int(step or 1)))
    ordered = sorted(minutes)
    return min((after - before for before, after in pairwise(ordered)), default=60)
