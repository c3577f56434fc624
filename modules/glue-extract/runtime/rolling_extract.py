"""The engine's face: what a stamped `Glue/etl.py` imports.

    from rolling_extract import Extract, Join, run

A run in order: arguments, spec, periods, contract check, one read, figures, files on the local disk, control
totals, comparison with what is published, and only then the first write. Whatever fails, fails with one
sentence, and before the first write if it can be known by then.
"""

from __future__ import annotations

import shutil
import sys
import traceback
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import rolling_contract1
import rolling_database
import rolling_delivery1
import rolling_figures1
import rolling_file1
import rolling_parallel1
import rolling_source1
import rolling_spec1
import rolling_statement1
from rolling_arguments import Arguments, parse
from rolling_copy1 import Connection
from rolling_errors import ExtractError, listed, one_line
from rolling_log import log
from rolling_period import Period, Span, check_over, zone
from rolling_spec1 import Extract, Join
from rolling_store import Store, open_store

if TYPE_CHECKING:
    from pyspark import SparkContext

__all__ = ["Extract", "Join", "__version__", "run"]

__version__ = "0.1.0"


@dataclass
class _Progress:
    """How far a run got, for the sentence that tells of its end."""

    span: Span | None = None
    published: list[Period] = field(default_factory=list)

    def ending(self, sentence: str) -> str:
        before = f"{self.span}: " if self.span else ""
        done = listed([str(period) for period in self.published], limit=12)
        after = f"Published before that: {done}" if done else "Nothing was published"
        stop = "" if sentence.endswith("?") else "."
        return one_line(f"{before}{sentence}{stop} {after}.")


def run(extract: Extract, argv: list[str] | None = None, *, now: datetime | None = None) -> None:
    """Run an extract with the arguments of the command line.

    Ends by returning, or by `SystemExit` with one sentence.

    The sentence begins with the period: Glue makes it the run's ErrorMessage, and the alert mail is built
    from that.
    """
    progress = _Progress()
    try:
        _run(extract, sys.argv[1:] if argv is None else argv, now or datetime.now(UTC), progress)
    except ExtractError as error:
        sentence = progress.ending(error.sentence)
        log("failed", sentence, level="error", kind=error.kind, cause=error.cause)
    except Exception as error:  # a defect of ours or of Spark's: still one sentence, the rest in the log
        # Where it happened and not what it says: its words may quote rows.
        frames = traceback.extract_tb(error.__traceback__)
        sentence = progress.ending(f"unexpected {type(error).__name__} in {_frame(frames[-1])}")
        cause = " > ".join(map(_frame, frames))[-4000:]
        log("failed", sentence, level="error", kind="unexpected", cause=cause)
    else:
        return
    sys.exit(sentence)


def _frame(frame: traceback.FrameSummary) -> str:
    return f"{Path(frame.filename).name}, line {frame.lineno}"


def _run(spec: Extract, argv: list[str], now: datetime, progress: _Progress) -> None:
    arguments = parse(argv)
    # Before the spec is checked: a failure that can name its period does.
    span = progress.span = arguments.span(spec.window_months, now, zone(spec.time_zone))
    rolling_spec1.check(spec)
    cap = _cap(spec, arguments, span, now)
    log(
        "started",
        f"{spec.entity} for {span}",
        engine_version=__version__,
        run_id=arguments.run_id,
        periods=[str(period) for period in span.periods],
    )
    store = open_store(arguments.output)
    with ExitStack() as login:
        source, connection = _first_contact(spec, arguments, login)
        contract = _contract(spec, source, connection)
        watched = _watched(spec, span, store)
        wide = Span((*watched, *span.periods), spec.window_months)
        with rolling_file1.scratch() as folder:
            if spec.aggregate_in == "spark":
                login.close()  # for Spark's connections are its own
                figures = rolling_parallel1.read(source, spec, contract, wide, cap)
            else:
                statement = rolling_statement1.statement(contract, wide, spec.time_zone, cap)
                log("statement", "reading it with one statement", sql=statement.sql)
                figures = rolling_figures1.read(source, connection, statement, wide, folder)
                login.close()
            facts = figures.facts
            log("read", f"read the source as of {facts.snapshot_time}", snapshot_time=facts.snapshot_time)
            for period in span.periods if cap is None else span.periods[:-1]:
                check_over(period, facts.snapshot_time, zone(spec.time_zone))
            rolling_figures1.check_hops(contract, facts, spec)
            if facts.strays:
                log(
                    "groups_without_recipient",
                    f"{facts.strays} groups reach no recipient and have no line",
                    level="warning",
                )
            plans = [
                _prepare(spec, contract, figures, period, store, arguments, folder) for period in span.periods
            ]
            late = _late_data(spec, contract, figures, watched, store, folder)
            for made in plans:
                complete = cap is None or made.period < span.periods[-1]
                _publish(
                    spec, contract, figures, made, store, arguments, late, complete=complete, scratch=folder
                )
                if not (arguments.dry_run or made.idle):
                    progress.published.append(made.period)


def _contract(
    spec: Extract, source: rolling_source1.Source, connection: Connection
) -> rolling_contract1.Contract:
    """What the spec means in this store."""
    catalog = source.catalog(connection, rolling_contract1.catalog_query(spec))
    contract = rolling_contract1.resolve(spec, catalog)
    if contract.where is not None:
        source.check_condition(connection, rolling_statement1.probe(contract), contract.where)
    if contract.metric.is_float:
        log("inexact_source", _inexact(contract), level="warning")
    log(
        "contract_checked",
        f"{len(contract.tables)} tables and their columns are as the spec says",
        role=contract.role,
    )
    return contract


def _inexact(contract: rolling_contract1.Contract) -> str:
    metric = contract.metric
    table = rolling_contract1.spoken(contract.schema, metric.table)
    return (
        f'the metric "{metric.name}" of {table} is {metric.type}: its values are added up exactly, as they'
        " are written, but the store itself keeps only the nearest binary fraction"
    )


def _first_contact(
    spec: Extract, arguments: Arguments, login: ExitStack
) -> tuple[rolling_source1.Source, Connection]:
    """Log in, until `login` is closed.

    The secret may be rotated between our reading it and Spark's first login, half a minute later on a cold
    start; so a refused login is tried once more, if the secret says something else by then. A token is always
    another one.
    """
    database = _database(arguments)
    spark = rolling_source1.spark_context()
    log("spark_started", f"Spark {spark.version} is up")
    source = _source(spark, database, spec, arguments)
    try:
        return source, login.enter_context(source.connected())
    except ExtractError as refused:
        renewed = _database(arguments) if refused.kind == "authentication" else database
        if renewed == database:
            raise
        why = "with another token" if renewed.token else "the secret has changed since it was read"
        log("login_retried", f"the login was refused; logging in again: {why}", level="warning")
        source = _source(spark, renewed, spec, arguments)
        return source, login.enter_context(source.connected())


def _source(
    context: SparkContext, database: rolling_database.Database, spec: Extract, arguments: Arguments
) -> rolling_source1.Source:
    return rolling_source1.Source(
        context,
        database,
        spec.time_zone,
        arguments.run_id,
        arguments.statement_timeout,
        arguments.lock_timeout,
    )


def _database(arguments: Arguments) -> rolling_database.Database:
    if arguments.database_url is not None:
        return rolling_database.from_url(arguments.database_url)
    if arguments.jdbc_url is not None and arguments.iam_user is not None:
        return rolling_database.from_token(arguments.jdbc_url, arguments.iam_user, arguments.ca_certificate)
    assert arguments.connection is not None  # `parse` saw to it
    return rolling_database.from_connection(arguments.connection)


def _cap(spec: Extract, arguments: Arguments, span: Span, now: datetime) -> datetime | None:
    """None when every period is over. Else, if allowed, the moment after which rows do not exist yet."""
    last, here = span.periods[-1], now.astimezone(zone(spec.time_zone))
    if last < Period.of(here.date()):
        return None
    if last > Period.of(here.date()):
        raise ExtractError(f"the period {last} has not begun in {spec.time_zone}", kind="period_incomplete")
    if not arguments.allow_incomplete:
        raise ExtractError(
            f"the period {last} is not over in {spec.time_zone}; run it from {last.shift(1).first_day} on,"
            " or with --allow-incomplete",
            kind="period_incomplete",
        )
    return here


def _prepare(
    spec: Extract,
    contract: rolling_contract1.Contract,
    figures: rolling_figures1.Figures,
    period: Period,
    store: Store,
    arguments: Arguments,
    folder: Path,
) -> rolling_delivery1.Plan:
    """A period's files, held against the source and compared with what is published."""
    rolling_figures1.check_finite(contract, [figures.source_totals(period)])
    rolling_figures1.check_orphans(spec, figures, period)
    files = _files(spec, contract, figures, period, folder)
    delivered = sum((file.totals for file in files), rolling_figures1.Totals())
    orphans, source = figures.orphan_totals(period), figures.source_totals(period)
    rolling_figures1.check_totals(spec, period, delivered, orphans, source)
    log(
        "reconciled",
        f"{period}: {source.rows} source rows are {delivered.rows} in files and {orphans.rows} orphans",
        period=str(period),
        source_rows=source.rows,
        source_sum=rolling_figures1.plain(source.total),
        orphan_rows=orphans.rows,
    )
    # A dry run says what stands against a publication instead of failing by it.
    return rolling_delivery1.plan(store, period, files, restate=arguments.restate or arguments.dry_run)


def _watched(spec: Extract, span: Span, store: Store) -> tuple[Period, ...]:
    """Published months before the ones asked for: the read takes them in, to see if they still hold."""
    before = (span.periods[0].shift(-months) for months in range(spec.late_data_months, 0, -1))
    return tuple(period for period in before if store.version(rolling_delivery1.manifest_place(period)))


def _late_data(
    spec: Extract,
    contract: rolling_contract1.Contract,
    figures: rolling_figures1.Figures,
    watched: tuple[Period, ...],
    store: Store,
    folder: Path,
) -> dict[str, str]:
    """Which published months would have other figures by now, and how. It is told, and nothing is changed.

    That such a month cannot be worked out any more must not keep a new one from being published.
    """
    late = {}
    for period in watched:
        try:
            rolling_figures1.check_finite(contract, [figures.source_totals(period)])
            files = _files(spec, contract, figures, period, folder)
            differs = rolling_delivery1.difference(store, period, files)
        except ExtractError as error:
            log("late_data", f"{period} could not be looked at again: {error.sentence}", level="warning")
            continue
        finally:
            shutil.rmtree(folder / f"files-{period}", ignore_errors=True)
        if differs:
            late[str(period)] = differs
            log(
                "late_data",
                f"{period} is published and would differ now: {differs}; --period {period} --restate"
                " --reason TEXT publishes it again",
                level="warning",
                period=str(period),
            )
    return late


def _files(
    spec: Extract,
    contract: rolling_contract1.Contract,
    figures: rolling_figures1.Figures,
    period: Period,
    folder: Path,
) -> list[rolling_file1.File]:
    """A period's files on the local disk, each under a name of its own."""
    known = dict(figures.facts.recipients)
    if not known and contract.recipient.alias != "t0":
        # Nobody would get a file and nobody would miss one: most likely not the store that was meant.
        place = rolling_contract1.spoken(contract.schema, contract.recipient.table)
        raise ExtractError(f"{place} names no recipient; is this the right database?", kind="contract")
    # Each row of the recipients' table is an owner, unless lines are read from that table too.
    owners = contract.recipient.alias not in {"t0", *(column.alias for column in contract.group)}
    table = rolling_contract1.spoken(contract.schema, contract.recipient.table) if owners else ""
    if contract.unassigned is not None:
        if contract.unassigned in known:
            raise ExtractError(
                f'there is a recipient "{contract.unassigned}" in the store; give what optional hops lose'
                " another one with unassigned=...",
                kind="recipient_name",
            )
        known[contract.unassigned] = 1  # has a file in every period, so that nobody wonders where it is
    rolling_file1.check_names(known, known, one_row_each=table)
    files = rolling_file1.write_files(
        spec, contract, period, figures.lines(period), known, folder / f"files-{period}"
    )
    rolling_file1.check_names((file.recipient for file in files), {}, one_row_each="")
    return files


def _publish(
    spec: Extract,
    contract: rolling_contract1.Contract,
    figures: rolling_figures1.Figures,
    made: rolling_delivery1.Plan,
    store: Store,
    arguments: Arguments,
    late: dict[str, str],
    *,
    complete: bool,
    scratch: Path,
) -> None:
    swings = () if made.idle else rolling_delivery1.swings(spec, store, made)
    for swing in swings:
        log("swing", f"{made.period}: {swing}", level="warning", period=str(made.period))
    if arguments.dry_run:
        log("dry_run", f"{made.period}: {rolling_delivery1.forecast(store, made)}", period=str(made.period))
        return
    manifest = rolling_delivery1.manifest(
        spec,
        store,
        made,
        figures,
        rolling_delivery1.Run(
            run_id=arguments.run_id,
            engine_version=__version__,
            published_at=datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z"),
            reason=arguments.reason,
            complete=complete,
            notes=(_inexact(contract),) if contract.metric.is_float else (),
            warnings=swings,
            late_data=late,
        ),
    )
    done = rolling_delivery1.publish(store, made, manifest, scratch)
    if made.withdrawn and not made.idle:
        names = listed([key.rpartition("/")[2] for key in made.withdrawn])
        log("withdrawn", f"{made.period}: {names} of an earlier revision removed", level="warning")
    log(
        "unchanged" if made.idle else "published",
        done if made.idle else f"{made.period}: {done}",
        period=str(made.period),
    )
