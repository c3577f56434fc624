"""Render a preview as one page with charts, tables, changes, checks and SQL. The page needs no network.

The page shows only values from the files and manifests that the run wrote. Names come from a database, so the
template escapes all text. `report_page` combines the page with its style and scripts.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path
from typing import Any
from urllib.parse import quote

from extracts import report_page
from extracts.report_changes import Compared, Groups, changes
from extracts.report_lines import LISTED, WHOLE, Line, lines, matter, size, whole
from extracts.report_months import Json, Month, Shown, axis, beginning, combined, prescribed
from extracts.report_numbers import Marks, month_name

RECIPIENTS = 40  # maximum number of recipients with their own section; all files are listed


@dataclass(frozen=True, slots=True)
class File:
    """A file of a recipient: its entry in the manifest and, if the output has the file, the first lines."""

    period: str
    entry: Json
    link: str | None = None
    beginning: str | None = None

    @property
    def name(self) -> str:
        return str(self.entry["key"]).rpartition("/")[2]


@dataclass(frozen=True, slots=True)
class Section:
    """The section of a recipient on the page: files, groups, and changes since the month before."""

    recipient: str
    anchor: str
    marks: Marks
    files: list[File]
    lines: list[Line]
    whole: bool  # whether `lines` contains all groups
    unlisted: int = 0
    new: Groups = field(default_factory=Groups)
    gone: Groups = field(default_factory=Groups)
    # The changes of each metric. Empty if the month before was not published.
    compared: list[Compared] = field(default_factory=list)

    @property
    def changed(self) -> bool:
        return bool(self.new.count or self.gone.count or any(metric.changed for metric in self.compared))


def page(
    project: str, log: Sequence[Json], output: Path, history: Path, *, folder: Path | None = None
) -> str:
    """Return the page for the run with this log.

    `folder` will contain the page; the default is the output.
    """
    said = {entry["event"]: entry for entry in log}
    spec: Json = said["spec"]["spec"]
    asked = [str(period) for period in said["started"]["periods"]]
    months = combined(history, output, asked)
    latest = months[-1]
    periods = axis(months)
    before = months[-2] if len(months) > 1 and months[-2].period == periods[-2] else None
    named = (name for month in [latest, *months[-2:]] for name in month.recipients)
    names = [*dict.fromkeys(named)]
    what = Shown.of(spec)
    complete = whole(months, names[:RECIPIENTS], len(what.metrics))
    base = os.path.relpath(output, folder or output)
    sections = []
    for number, name in enumerate(names[:RECIPIENTS], start=1):
        files = [
            _file(month, name, spec, base if month.period in asked else None)
            for month in months
            if month.file(name)
        ]
        marks = Marks.of(prescribed(spec, name)["format"])
        section = Section(name, f"recipient-{number}", marks, files, [], name in complete)
        sections.append(_filled(section, what, months, periods, before))
    others = [
        (month.period, name, _file(month, name, spec, base, begins=False))
        for month in months
        if month.period in asked
        for name in month.recipients
        if name not in names[:RECIPIENTS]
    ]
    return report_page.render(
        project=project,
        spec=spec,
        labels=what.labels,
        metrics=what.metrics,
        months=months,
        latest=latest,
        before=before,
        sections=sections,
        others=others,
        requested=[
            *(file for section in sections for file in section.files if file.link),
            *(file for _, _, file in others),
        ],
        unlisted=max(0, len(names) - RECIPIENTS),
        data=_data(what, months, periods, sections),
        history_failed=said.get("history_failed", {}).get("message"),
        warnings=[entry["message"] for entry in log if entry.get("level") == "warning"],
        sql=statements(log),
    )


def statements(log: Sequence[Json]) -> str | None:
    """Return the SQL statement with which a run read the source."""
    return "\n\n".join(_dedented(entry["sql"]) for entry in log if entry.get("sql")) or None


def _file(month: Month, recipient: str, spec: Json, base: str | None, *, begins: bool = True) -> File:
    """Return a file for the page. `base` is the path from the page to the output, or None for no link."""
    entry = month.file(recipient)
    assert entry is not None
    if base is None:
        return File(month.period, entry)
    link = quote(entry["key"] if base == "." else f"{Path(base).as_posix()}/{entry['key']}")
    return File(month.period, entry, link, beginning(month, entry, spec) if begins else None)


def _filled(
    section: Section, what: Shown, months: Sequence[Month], periods: Sequence[str], before: Month | None
) -> Section:
    """Return the section with the groups of the recipient, and with the changes of these groups."""
    name, latest = section.recipient, months[-1]
    rows = (latest.file(name) or {"rows": 0})["rows"]
    if not what.metrics:
        first = islice(what.rows(latest, name), WHOLE if section.whole else LISTED)
        listed = [Line(row.group, []) for row in first]
        return replace(section, lines=listed, unlisted=rows - len(listed))
    new, gone, compared = Groups(), Groups(), list[Compared]()
    if before:
        with changes(what.rows(before, name), what.rows(latest, name)) as against:
            new, gone, compared = against.new(), against.gone(), against.compared(len(what.metrics))
    wanted = None
    if not section.whole:
        moved = dict.fromkeys([*(move.group for metric in compared for move in metric.moves), *new.first])
        wanted = matter(what, latest, name, [*moved][: LISTED // 2])
    listed = lines(what, months, periods, name, wanted)
    present = sum(line.texts[0][-1] is not None for line in listed)
    return replace(section, lines=listed, unlisted=rows - present, new=new, gone=gone, compared=compared)


def _data(
    what: Shown, months: Sequence[Month], periods: Sequence[str], sections: Sequence[Section]
) -> dict[str, Any]:
    """Return the data for the scripts of the page. The tables of the page contain the other data."""
    published = {month.period for month in months}
    return {
        "periods": [
            {"id": period, "label": month_name(period), "published": period in published}
            for period in periods
        ],
        "metrics": [metric.name for metric in what.metrics],
        "size": size(what.metrics),
        "sections": {
            section.anchor: {
                "whole": section.whole,
                "decimal": section.marks.decimal,
                "thousands": section.marks.thousands,
                "values": [
                    [line.texts[metric] for line in section.lines] for metric in range(len(what.metrics))
                ],
            }
            for section in sections
        },
    }


def _dedented(sql: str) -> str:
    """Return the SQL statement without its indentation."""
    kept = [line.removeprefix("    ").rstrip() for line in sql.strip("\n").splitlines()]
    return "\n".join(line for line in kept if line)
