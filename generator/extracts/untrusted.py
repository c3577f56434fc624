"""Read JSON that another program or another person wrote."""

from __future__ import annotations

import json
from typing import Any, TypeGuard

# Maximum number of nested levels in a JSON text. The engine and the template write fewer levels. A recursive
# function would fail on a value with too many levels.
_LEVELS = 100
# Limit of a number in a JSON text. Python refuses to print a number with more than 4,300 digits. Sums and
# products of numbers below the limit have far fewer digits.
_LIMIT = 10**18


def parsed(text: str | bytes) -> Any:
    """Return the value of a JSON text. Raise ValueError if it is not JSON, or has more than 100 levels.

    >>> parsed('{"a": [1]}')
    {'a': [1]}
    """
    try:
        value = json.loads(text)
    except RecursionError as error:
        raise ValueError("it has too many levels") from error
    level = [value]
    for _ in range(_LEVELS):
        level = [inner for item in level for inner in _inner(item)]
        if not level:
            return value
    raise ValueError("it has too many levels")


def _inner(value: object) -> list[Any]:
    if isinstance(value, dict):
        return list(value.values())
    return value if isinstance(value, list) else []


def event(line: str) -> dict[str, Any] | None:
    """Return the event in a line of the engine's log, or None if the engine did not write the line.

    >>> event('{"event": "started", "level": "info"}')
    {'event': 'started', 'level': 'info'}
    >>> event("{'a': 1}")
    """
    if not line.startswith("{"):
        return None
    try:
        found = parsed(line)
    except ValueError:
        return None
    return found if isinstance(found, dict) and isinstance(found.get("event"), str) else None


def is_count(value: object) -> TypeGuard[int]:
    """Return whether a value is an integer, and not too large for a number of rows or bytes."""
    return type(value) is int and -_LIMIT < value < _LIMIT
