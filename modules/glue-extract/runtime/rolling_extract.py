"""The interface of the engine: `Glue/etl.py` of a project imports this module.

    from rolling_extract import Extract, Join, Metric, run

The order of a run: arguments, spec, resolved spec, queries, result, files on the local disk, control totals,
and comparison with published files. After these steps, the run writes to the target. The run reports every
failure in one sentence, if possible before the first write.
"""

from __future__ import annotations

import sys
import traceback
from dataclasses import dataclass, field
from datetime import UTC, datetime, tzinfo
from pathlib import Path

import rolling_file
import rolling_glue
import rolling_login
import rolling_pgp
import rolling_read
import rolling_resolve
import rolling_spec_check
import rolling_work
from rolling_arguments import Arguments, parse
from rolling_errors import ExtractError, counted, listed, one_line
from rolling_format import Csv, Field, File, FixedWidth, Pgp
from rolling_log import log
from rolling_period import Period, check_over, zone
from rolling_spec import Extract, Join, Metric
from rolling_store import open_store

__all__ = ["Csv", "Extract", "Field", "File", "FixedWidth", "Join", "Metric", "Pgp", "__version__", "run"]

__version__ = "0.1.0"


@dataclass
class _Progress:
    """The progress of a run. The error message of a run names the periods that are already published."""

    periods: tuple[Period, ...] = ()
    published: list[Period] = field(default_factory=list)

    def fail(self, sentence: str, *, kind: str, cause: str) -> str:
        """Log the failure. Return a text with its sentence and with the periods published before it."""
        before = f"{_range(self.periods)}: " if self.periods else ""
        stop = "" if sentence.endswith("?") else "."
        reason = one_line(f"{before}{sentence}{stop}")
        done = listed([str(period) for period in self.published], limit=12)
        after = f"Published before the error: {done}" if done else "Nothing was published"
        whole = f"{reason} {after}."
        log("failed", whole, level="error", kind=kind, reason=reason, cause=cause)
        return whole


def run(extract: Extract, argv: list[str] | None = None, *, now: datetime | None = None) -> None:
    """Run an extract with the arguments of the command line.

    If the run fails, the function raises `SystemExit` with one sentence.

    The sentence begins with the period. Glue copies it to the ErrorMessage of the run, and the alert mail
    shows this message.
    """
    progress = _Progress()
    try:
        _run(extract, sys.argv[1:] if argv is None else argv, now or datetime.now(UTC), progress)
    except ExtractError as error:
        sentence = progress.fail(error.sentence, kind=error.kind, cause=error.cause)
    # a defect of the engine or of Spark: report one sentence, and the place in the log
    except Exception as error:
        # Report where the error happened, but not its message, because the message may contain rows.
        frames = traceback.extract_tb(error.__traceback__)
        what = f"unexpected {type(error).__name__} in {_frame(frames[-1])}"
        sentence = progress.fail(what, kind="unexpected", cause=" > ".join(map(_frame, frames))[-4000:])
    else:
        return
    sys.exit(sentence)


def _frame(frame: traceback.FrameSummary) -> str:
    return f"{Path(frame.filename).name}, line {frame.lineno}"


def _range(periods: tuple[Period, ...]) -> str:
    first, last = periods[0], periods[-1]
    return str(first) if first == last else f"{first} to {last}"


def _run(spec: Extract, argv: list[str], now: datetime, progress: _Progress) -> None:
    arguments = parse(argv)
    # Set the periods before the spec is checked, so that an error of the spec also begins with the period.
    progress.periods = arguments.periods(now, _zone(spec))
    rolling_glue.check(arguments)
    rolling_spec_check.check(spec)
    cutoff = _cutoff(spec, arguments, progress.periods[-1], now)
    log(
        "started",
        f"{spec.entity} for {_range(progress.periods)}",
        engine_version=__version__,
        run_id=arguments.run_id,
        periods=[str(period) for period in progress.periods],
    )
    keys = rolling_pgp.load(spec, arguments.pgp_keys, arguments.pgp_keys_sha256)
    store = open_store(arguments.output)
    with rolling_file.scratch() as folder:
        with rolling_login.session(arguments, spec.time_zone, spec.aggregate_in) as session:
            resolved = rolling_resolve.read(spec, session)
            log(
                "contract_checked",
                f"{counted(len(resolved.tables), 'table')} of the spec found with all columns",
                role=resolved.role,
            )
            notes = rolling_read.notes(resolved)
            for note in notes:
                log("inexact_source", note, level="warning")
            watched = rolling_read.watched(resolved, progress.periods[0], store)
            periods = (*watched, *progress.periods)
            result = rolling_read.read(resolved, periods, cutoff, session, folder, keys)
        complete = progress.periods if cutoff is None else progress.periods[:-1]
        for period in complete:
            check_over(period, result.snapshot_time, zone(spec.time_zone))
        work = rolling_work.Work(result, store, arguments, folder, notes, __version__, keys)
        work.check_source()
        prepared = [work.prepared(period) for period in progress.periods]
        late = work.late_data(watched)
        for period, ready in zip(progress.periods, prepared, strict=True):
            if work.publish(ready, late, complete=period in complete):
                progress.published.append(period)


def _zone(spec: Extract) -> tzinfo:
    """Return the time zone of a spec that is not checked yet. A later check reports an invalid time zone."""
    name = getattr(spec, "time_zone", None)
    return zone(name) if isinstance(name, str) else UTC


def _cutoff(spec: Extract, arguments: Arguments, last: Period, now: datetime) -> datetime | None:
    """Return the cutoff if the period is not over, or None if it is over.

    Refuse a period that has not begun. Without --allow-incomplete, also refuse a period that is not over.
    """
    here = now.astimezone(zone(spec.time_zone))
    if last < Period.of(here.date()):
        return None
    if last > Period.of(here.date()):
        raise ExtractError(f"the period {last} has not begun in {spec.time_zone}", kind="period_incomplete")
    if not arguments.allow_incomplete:
        raise ExtractError(
            f"the period {last} is not over in {spec.time_zone}; run the period on or after"
            f" {last.shift(1).first_day}, or with --allow-incomplete",
            kind="period_incomplete",
        )
    return here
