"""Checks of a result. Each raises one sentence, before anything is written."""

from __future__ import annotations

from rolling_period import Period
from rolling_resolved import Resolved
from rolling_result import Result, Tally


def check_source(resolved: Resolved, result: Result) -> None:
    """Refuse a result that no period can be published from: joins that repeat rows, too many undated rows."""
    raise NotImplementedError


def check_period(resolved: Resolved, result: Result, period: Period) -> None:
    """Refuse NaN and Infinity in the period's windows, and more orphan rows than allowed."""
    raise NotImplementedError


def check_totals(result: Result, period: Period, files: Tally) -> None:
    """Refuse a period whose files, orphan rows and excluded rows together are not the control totals."""
    raise NotImplementedError
