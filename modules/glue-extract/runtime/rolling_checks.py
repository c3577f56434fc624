"""Checks of a result, before anything is written. Each check raises an error with one sentence."""

from __future__ import annotations

from rolling_errors import ExtractError, counted, listed
from rolling_period import Period
from rolling_resolved import Resolved
from rolling_result import Result
from rolling_totals import Tally, Totals


def check_source(resolved: Resolved, result: Result) -> None:
    """Refuse a result if a join multiplies rows or too many rows are undated. Then all periods are wrong."""
    check_repeated(resolved, result)
    if result.undated > resolved.max_undated_rows:
        count = result.undated
        raise ExtractError(
            f"{counted(count, 'row')} of {_entity(resolved)} {'has' if count == 1 else 'have'} no date"
            f' ("{resolved.date.name}"), more than max_undated_rows={resolved.max_undated_rows}; set the'
            " date, exclude such rows with where, or allow them with max_undated_rows",
            kind="undated",
        )


def check_repeated(resolved: Resolved, result: Result) -> None:
    """Refuse a join that multiplies rows, because an entity row finds several rows in the joined table."""
    for alias, values in result.facts.repeated.items():
        if values:
            _refuse_repeated(resolved, alias, values)


def _refuse_repeated(resolved: Resolved, alias: str, values: int) -> None:
    step, table = resolved.step(alias), resolved.table(alias)
    names = " and ".join(f'"{right.name}"' for right in step.rights)
    raise ExtractError(
        f"the join {step.name} would multiply rows: {values} {'value' if values == 1 else 'values'} of"
        f' {names} of {table.schema}."{table.table}" {"is" if values == 1 else "are"} not unique',
        kind="join_not_unique",
    )


def check_period(resolved: Resolved, result: Result, period: Period) -> None:
    """Refuse NaN and Infinity in the period's windows, and more orphan rows than allowed."""
    if names := result.not_finite(period):
        raise ExtractError(
            f"the values of {listed(names)} in the window that ends with {period}"
            " include NaN or Infinity, which cannot be added; correct them, or exclude them with where",
            kind="source",
        )
    orphans = result.orphans(period).totals
    if orphans.rows > resolved.max_orphan_rows:
        count = orphans.rows
        steps = listed([step.name for step in resolved.steps], 9)
        remedy = (
            f"fix the foreign keys along {steps}"
            if steps
            else f'set "{resolved.recipient.name}" in these rows, or exclude the rows with where'
        )
        raise ExtractError(
            f"{count} of {result.control(period).totals.rows} rows of the window that ends with"
            f" {period} {'reaches' if count == 1 else 'reach'} no recipient{_sums(orphans)}, more than"
            f" max_orphan_rows={resolved.max_orphan_rows}; {remedy}",
            kind="orphans",
        )


def check_totals(result: Result, period: Period, files: Tally) -> None:
    """Refuse a period if its files, orphan rows and excluded rows do not add up to the control totals."""
    held, control = result.tally(), result.control(period)
    for part in (files, result.orphans(period), result.excluded(period)):
        held.merge(part)
    if held.measured != control.measured:
        raise ExtractError(
            f"the control totals of {period} do not reconcile: the source has"
            f" {counted(control.totals.rows, 'row')}{_sums(control.totals)} in the window;"
            f" files, orphan rows and excluded rows together have {counted(held.totals.rows, 'row')}"
            f"{_sums(held.totals)}",
            kind="reconciliation",
        )


def _sums(totals: Totals) -> str:
    """Return the sums of the metrics as part of a sentence, or an empty text if there are no sums."""
    names: dict[str, list[str]] = {}
    for name, metric in totals.metrics.items():
        if metric.sum is not None:
            names.setdefault(metric.sum, []).append(name)
    told = [f"{', '.join(same)}: {total}" for total, same in names.items()]
    return f" (sum of {'; '.join(told[:3])})" if told else ""


def _entity(resolved: Resolved) -> str:
    table = resolved.table("t0")
    return f'{table.schema}."{table.table}"'
