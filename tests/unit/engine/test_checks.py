"""The message of a failed check ends with an instruction."""

from __future__ import annotations

from typing import Any, cast

import pytest

from rolling_checks import check_period
from rolling_errors import ExtractError
from rolling_file import recipient_values, recipients_of
from rolling_format import File
from rolling_period import Period
from rolling_result import Result
from rolling_totals import Totals
from tests.support.engine.handmade import column, resolved, tables

OCTOBER = Period(2026, 10)


class _Tally:
    def __init__(self, rows: int) -> None:
        self.totals = Totals(rows, {})


class _Orphans:
    """The result of a query of the source. Its only row is an orphan row."""

    def not_finite(self, period: Period) -> list[str]:
        return []

    def orphans(self, period: Period) -> _Tally:
        return _Tally(1)

    def control(self, period: Period) -> _Tally:
        return _Tally(1)


def spec(**changes: Any) -> Any:
    settings: dict[str, Any] = {
        "tables": tables("fees"),
        "date": column("t0", "day", "date"),
        "recipient_label": "bank",
        "recipient": column("t0", "bank"),
        "group_by": {},
        "measures": (),
        "metrics": (),
        "columns": ("bank", "period"),
    }
    return resolved(**settings | changes)


def test_error_for_an_orphan_row_without_joins_names_the_column() -> None:
    with pytest.raises(ExtractError) as caught:
        check_period(spec(), cast(Result, _Orphans()), OCTOBER)
    assert caught.value.sentence == (
        "1 of 1 rows of the window that ends with 2026-10 reaches no recipient, more than max_orphan_rows=0;"
        ' set "bank" in these rows, or exclude the rows with where'
    )


def test_error_suggests_another_unassigned_name_if_a_recipient_has_the_same_name() -> None:
    with pytest.raises(ExtractError) as caught:
        recipients_of(spec(unassigned="Alpha"), {"Alpha": 1})
    assert caught.value.sentence.endswith('set unassigned="OTHER NAME"')


def test_error_suggests_a_separate_file_for_unassigned_if_the_file_name_has_a_recipient_column() -> None:
    made = spec(
        file=File(name="{recipient[code]}.csv"),
        recipient_columns={"code": column("t0", "code")},
        unassigned="Other",
    )
    with pytest.raises(ExtractError) as caught:
        recipient_values(made, "Other", [])
    assert caught.value.sentence.endswith('with files={"Other": File(...)}')
