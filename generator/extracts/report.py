"""Render a preview as one page with charts, tables, changes, checks and SQL, without scripts or a network.

All values are read from the files and manifests that the run wrote. Names come from a database, so the
template escapes all text.
"""

from __future__ import annotations

import heapq
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import ROUND_HALF_UP, Decimal
from importlib import resources
from itertools import islice
from pathlib import Path

import jinja2

from extracts.report_changes import Groups, Move, changes
from extracts.report_charts import Chart, Scale, amount, chart, month_name, signed
from extracts.report_months import Group, Json, Metric, Month, Row, Shown, beginning, combined

CHARTS = 11  # groups of a recipient with a chart each, the largest first; the others share one
RECIPIENTS = 40  # recipients with a section; the files of all are listed
LISTED = 100  # rows in a recipient's table


@dataclass(frozen=True, slots=True)
class Chapter:
    """The page's section of a recipient: its rows, and the changes of a metric from the month before."""

    recipient: str
    file: Json | None
    metric: Metric | None  # of the charts and changes; None for a listing
    charts: list[Chart]
    uncharted: int
    ticks: list[tuple[float, str]]
    rows: list[tuple[Row, Decimal | None]]
    unlisted: int
    new: Groups
    gone: Groups
    moves: list[Move]
    same: int


def page(project: str, log: Sequence[Json], output: Path, history: Path) -> str:
    """Return the page for the run with this log."""
    said = {entry["event"]: entry for entry in log}
    spec: Json = said["spec"]["spec"]
    asked = [str(period) for period in said["started"]["periods"]]
    months = combined(history, output, asked)
    latest = months[-1]
    names = [*dict.fromkeys([*latest.recipients, *(r for month in months[-2:] for r in month.recipients)])]
    before = months[-2] if len(months) > 1 and months[-2].number == latest.number - 1 else None
    what = Shown.of(spec)
    shown = {
        "project": project,
        "spec": spec,
        "labels": what.labels,
        "metrics": what.metrics,
        "months": [month for month in months if month.period in asked],
        "latest": latest,
        "beginnings": [
            (file["recipient"], file["key"].rpartition("/")[2], beginning(latest, file, spec))
            for file in latest.manifest["files"][:RECIPIENTS]
        ],
        "first": months[0].period,
        "before": before,
        "chapters": [_chapter(name, spec["entity"], what, months, before) for name in names[:RECIPIENTS]],
        "unlisted": max(0, len(names) - RECIPIENTS),
        "history_failed": said.get("history_failed", {}).get("message"),
        "warnings": [entry["message"] for entry in log if entry.get("level") == "warning"],
        "sql": statements(log),
    }
    source = resources.files("extracts").joinpath("report.html.jinja").read_text(encoding="utf-8")
    environment = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters |= {"amount": amount, "month": month_name, "signed": signed}
    return _printable(environment.from_string(source).render(shown))


def statements(log: Sequence[Json]) -> str | None:
    """Return the SQL with which a run read the source."""
    return "\n\n".join(_dedented(entry["sql"]) for entry in log if entry.get("sql")) or None


def _chapter(
    recipient: str, entity: str, what: Shown, months: Sequence[Month], before: Month | None
) -> Chapter:
    latest = months[-1]
    file = next((file for file in latest.manifest["files"] if file["recipient"] == recipient), None)
    first = [*islice(what.rows(latest, recipient), LISTED)]
    if not what.metrics:
        nothing = Groups(0, [])
        unlisted = max(0, file["rows"] - len(first)) if file else 0
        rows: list[tuple[Row, Decimal | None]] = [(row, None) for row in first]
        return Chapter(recipient, file, None, [], 0, [], rows, unlisted, nothing, nothing, [], 0)
    by = _size(what)
    largest = heapq.nlargest(
        CHARTS + 2,
        (
            (abs(row.values[by] or Decimal(0)), -place, row.group)
            for place, row in enumerate(what.rows(latest, recipient))
        ),
    )
    if len(largest) > CHARTS + 1:  # a single other group gets its own chart
        del largest[CHARTS:]
    sizes = {group: size for size, _, group in largest}
    charted = [group for _, _, group in sorted(largest, key=lambda found: -found[1])]
    series: dict[Group, list[Decimal | None]] = {group: [None] * len(months) for group in charted}
    rest: list[Decimal | None] = []
    for number, month in enumerate(months):
        others = Together(what.metrics)
        for row in what.rows(month, recipient):
            if row.group in series:
                series[row.group][number] = row.values[-1]
            else:
                others.add(row)
        rest.append(others.value())
    with changes(_values(before, recipient, what), _values(latest, recipient, what)) as against:
        listed = [(row, against.value_before(row.group)) for row in first]
        nothing = Groups(0, [])
        new, gone = (against.new(), against.gone()) if before else (nothing, nothing)
        moves, same = (against.moves(), against.same()) if before else ([], 0)

    together = bool(others.rows) and others.can_be_shown
    scale = Scale.over([*(v for values in series.values() for v in values), *(rest if together else [])])
    counted = any(metric.aggregate == "count" for metric in what.metrics)
    drawn = [
        chart(group, f"{sizes[group]:,} {entity}" if counted else "", series[group], months, scale, before)
        for group in charted
    ]
    if together:
        title = (f"the other {others.rows:,}",)
        drawn.append(chart(title, "in total", rest, months, scale, before))
    uncharted = 0 if together else others.rows
    unlisted = others.rows + len(charted) - len(listed)
    return Chapter(
        recipient, file, what.metrics[-1], drawn, uncharted, scale.ticks(), listed, unlisted, new, gone,
        moves, same,
    )  # fmt: skip


def _size(what: Shown) -> int:
    """Return the index of the metric by which groups get charts: the first count, else the last one."""
    counts = [i for i, metric in enumerate(what.metrics) if metric.aggregate == "count"]
    return counts[0] if counts else len(what.metrics) - 1


def _values(month: Month | None, recipient: str, what: Shown) -> Iterator[tuple[Group, Decimal | None]]:
    return ((row.group, row.values[-1]) for row in what.rows(month, recipient))


@dataclass(slots=True)
class Together:
    """Several groups that are shown as one: the last metric over all of them, where it can be computed.

    An average needs a sum and a count of the same values in the file.
    """

    metrics: Sequence[Metric]
    rows: int = 0
    digits: int = 0
    sums: dict[str, Decimal] = field(default_factory=dict)
    least: Decimal | None = None
    most: Decimal | None = None

    @property
    def can_be_shown(self) -> bool:
        aggregate = self.metrics[-1].aggregate
        return aggregate in ("sum", "count", "min", "max") or (aggregate == "avg" and bool(self._parts))

    @property
    def _parts(self) -> Mapping[str, str]:
        """Return the names of the sum and the count of the values of the last metric, if there are both."""
        found = {m.aggregate: m.name for m in self.metrics if m.of == self.metrics[-1].of}
        return found if {"sum", "count"} <= set(found) else {}

    def add(self, row: Row) -> None:
        self.rows += 1
        value = row.values[-1]
        if value is None:
            return
        exponent = value.as_tuple().exponent
        self.digits = max(self.digits, -exponent if isinstance(exponent, int) else 0)
        for metric, number in zip(self.metrics, row.values, strict=True):
            self.sums[metric.name] = self.sums.get(metric.name, Decimal(0)) + (number or 0)
        self.least = value if self.least is None else min(self.least, value)
        self.most = value if self.most is None else max(self.most, value)

    def value(self) -> Decimal | None:
        metric = self.metrics[-1]
        if self.least is None or not self.can_be_shown:
            return None
        match metric.aggregate:
            case "min":
                return self.least
            case "max":
                return self.most
            case "avg":
                total, count = (self.sums[self._parts[name]] for name in ("sum", "count"))
                unit = Decimal(1).scaleb(-self.digits)
                return (total / count).quantize(unit, rounding=ROUND_HALF_UP)
        return self.sums[metric.name]


def _dedented(sql: str) -> str:
    """Return the statement without its indentation."""
    lines = [line.removeprefix("    ").rstrip() for line in sql.strip("\n").splitlines()]
    return "\n".join(line for line in lines if line)


def _printable(text: str) -> str:
    """Replace characters that XML does not allow. Names in a database may contain them."""
    return "".join(
        "\ufffd" if unicodedata.category(c) in ("Cc", "Cs", "Cn") and c not in "\n\t" else c for c in text
    )
