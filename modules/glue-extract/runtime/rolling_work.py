"""The steps of a run after the read: files, checks, comparison and publication of each period."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import rolling_checks
import rolling_file
import rolling_manifest
import rolling_publication
import rolling_renames
import rolling_swings
import rolling_writing
from rolling_arguments import Arguments
from rolling_errors import ExtractError, counted, listed
from rolling_file import File
from rolling_log import log
from rolling_name import has_revision
from rolling_period import Period
from rolling_pgp import Keys
from rolling_publication import Plan
from rolling_result import Result
from rolling_sealing import Sealing
from rolling_store import Store
from rolling_totals import Tally, Totals


class Prepared(NamedTuple):
    """A period that is ready to be published. `totals` are the totals of all its files."""

    plan: Plan
    totals: Totals


@dataclass(frozen=True, slots=True)
class Work:
    result: Result
    store: Store
    arguments: Arguments
    folder: Path  # local folder for files that are not published yet
    notes: tuple[str, ...]
    engine_version: str
    keys: Keys

    def check_source(self) -> None:
        """Refuse a result that cannot be published. Log warnings about allowed but unusual facts."""
        result = self.result
        rolling_checks.check_source(result.resolved, result)
        if result.undated:
            rows = "row has" if result.undated == 1 else "rows have"
            log("undated", f"{result.undated} {rows} no date", level="warning", rows=result.undated)
        if strays := result.facts.strays:
            what = (
                "group has no recipient, so it has"
                if strays == 1
                else "groups have no recipient, so they have"
            )
            log("groups_without_recipient", f"{strays} {what} no row in any file", level="warning")

    def prepared(self, period: Period) -> Prepared:
        """Write a period's files, reconcile them with the source, and compare them with published files."""
        result = self.result
        rolling_checks.check_period(result.resolved, result, period)
        revision = self._published(period)
        seal = Sealing(self.keys, self.store, period, restate=self.arguments.restate)
        files, tally = self._files(period, revision, seal)
        rolling_checks.check_totals(result, period, tally)
        source, orphans = result.control(period).totals, result.orphans(period).totals
        if excluded := result.excluded(period).totals.rows:
            rows = "row belongs" if excluded == 1 else "rows belong"
            log(
                "excluded",
                f"{period}: {excluded} {rows} to recipients that recipients_where excludes",
                period=str(period),
                rows=excluded,
            )
        log(
            "reconciled",
            f"{period}: {counted(source.rows, 'source row')} = {tally.totals.rows} in files +"
            f" {counted(orphans.rows, 'orphan row')} + {counted(excluded, 'excluded row')}",
            period=str(period),
            source_rows=source.rows,
            source_sums={name: total.sum for name, total in source.metrics.items() if total.sum is not None},
            orphan_rows=orphans.rows,
            excluded_rows=excluded,
        )
        # A dry run reports what prevents a publication, but does not fail.
        restate = self.arguments.restate or self.arguments.dry_run
        plan = rolling_publication.plan(self.store, period, files, restate=restate)
        # If a name or a record contains the revision, the files are first made with the published revision,
        # for the comparison. If they differ from the published files, they are made again with the next
        # revision.
        while plan.is_new and revision != plan.revision + 1 and self._has_revision:
            revision = plan.revision + 1
            shutil.rmtree(self._place(period))
            files, _ = self._files(period, revision, seal)
            plan = rolling_publication.plan(self.store, period, files, restate=restate)
        self._check_recipients(plan)
        return Prepared(plan, tally.totals)

    def _check_recipients(self, plan: Plan) -> None:
        """Refuse changed recipients, because a recipient could get the file of another recipient."""
        if plan.idle or not (changed := rolling_renames.changed(self.result, self.store, plan)):
            return
        if not (self.arguments.restate or self.arguments.dry_run):
            raise ExtractError(
                f"{changed}; if this is intended, publish the period with --restate --reason TEXT",
                kind="recipient_name",
            )
        log("recipient_changed", f"{plan.period}: {changed}", level="warning", period=str(plan.period))

    @property
    def _has_revision(self) -> bool:
        """Whether a file contains its revision in its name or its first or last record."""
        resolved = self.result.resolved
        return any(has_revision(form.templates) for form in (resolved.file, *resolved.files.values()))

    def _published(self, period: Period) -> int:
        """Return the published revision for the comparison, if files contain their revision, else 1."""
        return rolling_publication.revision(self.store, period) if self._has_revision else 1

    def late_data(self, watched: Iterable[Period]) -> dict[str, str]:
        """Compare published periods with the source. Log and return the differences of each period.

        This method changes no published file. If it cannot compute the files of a published period any more,
        it logs a warning, and the run still publishes the new period.
        """
        late = {}
        for period in watched:
            try:
                rolling_checks.check_period(self.result.resolved, self.result, period)
                seal = Sealing(self.keys, self.store, period, late=True)
                files, _ = self._files(period, self._published(period), seal)
                differs = rolling_publication.difference(self.store, period, files)
            except ExtractError as error:
                log(
                    "late_data",
                    f"{period} could not be checked for late data: {error.sentence}",
                    level="warning",
                    period=str(period),
                )
                continue
            finally:
                shutil.rmtree(self._place(period), ignore_errors=True)
            if differs:
                late[str(period)] = differs
                log(
                    "late_data",
                    f"{period} is published, but its files would differ now: {differs}; to publish them, run"
                    f" --period {period} --restate --reason TEXT",
                    level="warning",
                    period=str(period),
                )
        return late

    def publish(self, prepared: Prepared, late: Mapping[str, str], *, complete: bool) -> bool:
        """Carry out a plan, or in a dry run log what it would do. Return whether something was written."""
        plan, store = prepared.plan, self.store
        period = plan.period
        swings = () if plan.idle else rolling_swings.swings(self.result.resolved, store, plan)
        for swing in swings:
            log("swing", f"{period}: {swing}", level="warning", period=str(period))
        if self.arguments.dry_run:
            log("dry_run", f"{period}: {rolling_publication.forecast(store, plan)}", period=str(period))
            return False
        manifest = rolling_manifest.manifest(
            store,
            plan,
            self.result,
            prepared.totals,
            rolling_manifest.Run(
                run_id=self.arguments.run_id,
                engine_version=self.engine_version,
                published_at=datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z"),
                reason=self.arguments.reason,
                complete=complete,
                notes=self.notes,
                warnings=(*swings, *self.keys.warnings),
                late_data=late,
            ),
        )
        done = rolling_publication.publish(store, plan, manifest, self.folder)
        if plan.withdrawn and not plan.idle:
            names = listed([key.rpartition("/")[2] for key in plan.withdrawn])
            log("withdrawn", f"{period}: removed {names} of an earlier revision", level="warning")
        files = [file for file in plan.files if not file.marker]
        log(
            "unchanged" if plan.idle else "published",
            done if plan.idle else f"{period}: {done}",
            period=str(period),
            files=len(files),
            rows=sum(file.rows for file in files),
        )
        return not plan.idle

    def _files(self, period: Period, revision: int, seal: Sealing) -> tuple[list[File], Tally]:
        """Write a period's files on the local disk. Return them and the tally of their rows."""
        known = rolling_file.recipients_of(self.result.resolved, self.result.recipients)
        return rolling_writing.write_files(self.result, period, known, self._place(period), revision, seal)

    def _place(self, period: Period) -> Path:
        return self.folder / f"files-{period}"
