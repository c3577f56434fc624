"""Find a month that has rows, for a preview. This module runs in the process of `extracts.spec_run`.

The newest rows of a test database may be years old, and the rows of a new database may begin this month.
Then the last complete month has no rows, and a preview of this month would show nothing.
"""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from importlib.util import find_spec
from typing import Any

# Time limit of the query for the newest date. If the date has no index, the query reads the whole table.
_SECONDS = 20
_EVER = "9998-12"


def with_rows(run: Callable[..., None]) -> Callable[..., None]:
    """Return the engine's `run` with another default month: the newest complete month that has rows."""

    def prepared(extract: Any, *positional: Any, **named: Any) -> None:
        if not positional and not named and not {"--period", "--from", "--to"} & set(sys.argv):
            sys.argv += _chosen(extract, sys.argv[1:])
        run(extract, *positional, **named)

    return prepared


def _chosen(extract: Any, argv: Sequence[str]) -> list[str]:
    """Return the arguments for the newest complete month with rows.

    Return no arguments if no complete month has rows, or if the newest of these months is the default month
    of the engine.
    """
    from rolling_errors import ExtractError
    from rolling_period import last_complete, zone

    try:
        last = str(last_complete(datetime.now(UTC), zone(extract.time_zone)))
    except (ExtractError, AttributeError):  # the run reports the error in the spec later
        return []
    found = newest(extract, argv, last)
    if found in (None, last):
        return []
    _tell(
        f"no row is from {last}; the newest earlier row is from {found}, so this preview shows {found}."
        " To show another month, use --period",
        period=found,
    )
    return ["--period", str(found)]


def explain_empty(extract: Any, argv: Sequence[str], said: Sequence[Mapping[str, Any]]) -> None:
    """If the run found no row in any window, print where the rows are."""
    from rolling_period import last_complete, zone

    if any(entry["source_rows"] for entry in said if entry["event"] == "reconciled"):
        return
    periods = next(entry["periods"] for entry in said if entry["event"] == "started")
    asked = periods[0] if len(periods) == 1 else f"{periods[0]} to {periods[-1]}"
    last = last_complete(datetime.now(UTC), zone(extract.time_zone))
    now = str(last.shift(1))  # the current month, which is not over
    found = newest(extract, argv, now) or newest(extract, argv, _EVER)
    if found is None:
        _tell(
            f"{asked} is empty: no row of {extract.entity} has a date and passes the filters of the spec",
            period=periods[-1],
        )
        return
    option = f"--period {found}" + (" --allow-incomplete" if found == now else "")
    then = f"; {option} shows that month" if found <= now else ", which is in the future"
    _tell(f"{asked} is empty: the newest row is from {found}{then}", period=periods[-1])


def newest(extract: Any, argv: Sequence[str], last: str) -> str | None:
    """Return the month of the newest row up to the end of the month `last`.

    Return None if there is no such row, if the engine of the project cannot find it, or if the query takes
    too long. The function ignores errors that the run itself reports later, such as an error in the spec.
    """
    if find_spec("rolling_newest") is None:
        return None
    import rolling_login
    import rolling_newest
    import rolling_resolve
    import rolling_spec_check
    from rolling_arguments import parse
    from rolling_errors import ExtractError
    from rolling_period import Period

    try:
        arguments = dataclasses.replace(parse(list(argv)), statement_timeout=_SECONDS, lock_timeout=_SECONDS)
        rolling_spec_check.check(extract)
        with rolling_login.session(arguments, extract.time_zone, "database") as session:
            resolved = rolling_resolve.read(extract, session)
            found = rolling_newest.period(resolved, Period.parse(last), session)
    except ExtractError as error:
        if error.kind == "unreachable":  # end now: a run would retry for half a minute
            sys.exit(f"{error.sentence}. Nothing was written.")
        return None
    return None if found is None else str(found)


def _tell(message: str, *, period: str) -> None:
    from rolling_log import log

    log("newest_row", message, level="warning", period=period)
