"""Render a preview as one page with charts, tables, changes, checks and SQL, without scripts or a network.

All values are read from the files and manifests that the run wrote. Names come from a database, so the
template escapes all text.
"""

from __future__ import annotations

import csv
import heapq
import json
import math
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from importlib import resources
from itertools import islice
from pathlib import Path
from typing import Any

import jinja2

from extracts.files import inside
from extracts.report_changes import Groups, Move, changes

Json = Mapping[str, Any]
Group = tuple[str, ...]

CHARTS = 11  # groups of a recipient with a chart each, the largest first; the others share one
RECIPIENTS = 40  # recipients with a section; the files of all are listed
LISTED = 100  # rows in a recipient's table
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
AGGREGATES = {"avg": "Average", "sum": "Sum", "count": "Number", "min": "Smallest", "max": "Largest"}


@dataclass(frozen=True, slots=True)
class Month:
    """A published month: its manifest, and the folder of its files."""

    period: str
    folder: Path
    manifest: Json

    @property
    def recipients(self) -> list[str]:
        return [str(file["recipient"]) for file in self.manifest["files"]]


@dataclass(frozen=True, slots=True)
class Row:
    """A row of a file."""

    group: Group
    count: int
    total: Decimal | None
    value: Decimal | None


@dataclass(frozen=True, slots=True)
class Chart:
    """The values of a group over the months."""

    title: str
    note: str
    value: Decimal | None
    before: Decimal | None
    line: str  # the path through the months with a value
    area: str
    points: list[tuple[float, float, str]]


@dataclass(frozen=True, slots=True)
class Chapter:
    """The page's section of a recipient: its rows, and the changes from the month before."""

    recipient: str
    file: Json | None
    charts: list[Chart]
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
    months = [*published(history), *published(output, asked)]
    months.sort(key=lambda month: month.period)
    latest = months[-1]
    names = [*dict.fromkeys([*latest.recipients, *(r for month in months[-2:] for r in month.recipients)])]
    before = months[-2] if len(months) > 1 and _number(months[-2]) == _number(latest) - 1 else None
    shown = {
        "project": project,
        "spec": spec,
        "aggregate": AGGREGATES[spec["aggregate"]],
        "months": [month for month in months if month.period in asked],
        "latest": latest,
        "first": months[0].period,
        "before": before,
        "chapters": [_chapter(name, spec, months, before) for name in names[:RECIPIENTS]],
        "unlisted": max(0, len(names) - RECIPIENTS),
        "history_failed": said.get("history_failed", {}).get("message"),
        "warnings": [entry["message"] for entry in log if entry.get("level") == "warning"],
        "sql": statement(said),
    }
    source = resources.files("extracts").joinpath("report.html.jinja").read_text(encoding="utf-8")
    environment = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters |= {"amount": amount, "month": month_name, "signed": signed}
    return _printable(environment.from_string(source).render(shown))


################################################################################
# Reading
################################################################################


def published(folder: Path, asked: Sequence[str] | None = None) -> list[Month]:
    """Return the published months in a folder, or those of them in `asked`, the earliest first."""
    return [
        Month(path.stem, folder, json.loads(path.read_text(encoding="utf-8")))
        for path in sorted((folder / "_manifests").glob("*.json"))
        if asked is None or path.stem in asked
    ]


def statement(said: Mapping[str, Json]) -> str | None:
    """Return the SQL with which a run read the source."""
    return _dedented(said["statement"]["sql"]) if "statement" in said else None


def _rows(month: Month | None, recipient: str, spec: Json) -> Iterator[Row]:
    """Yield the rows of a recipient's file in the file's order; nothing if there is no file."""
    for file in month.manifest["files"] if month else ():
        if file["recipient"] != recipient:
            continue
        path = inside(month.folder, file["key"])  # type: ignore[union-attr]
        with path.open(encoding="utf-8", newline="") as opened:
            reader = csv.reader(opened)
            next(reader)
            for row in reader:
                group, values = row[1 : 1 + len(spec["group"])], row[4 + len(spec["group"]) :]
                yield Row(tuple(group), int(values[0]), _decimal(values[1]), _decimal(values[-1]))


def _chapter(recipient: str, spec: Json, months: Sequence[Month], before: Month | None) -> Chapter:
    latest = months[-1]
    largest = heapq.nlargest(
        CHARTS + 2,
        ((row.count, -place, row.group) for place, row in enumerate(_rows(latest, recipient, spec))),
    )
    if len(largest) > CHARTS + 1:  # a single other group gets its own chart
        del largest[CHARTS:]
    charted = [group for _, _, group in sorted(largest, key=lambda found: -found[1])]
    counts = {group: count for count, _, group in largest}
    series: dict[Group, list[Decimal | None]] = {group: [None] * len(months) for group in charted}
    rest: list[Decimal | None] = []
    for number, month in enumerate(months):
        others = Together()
        for row in _rows(month, recipient, spec):
            if row.group in series:
                series[row.group][number] = row.value
            else:
                others.add(row)
        rest.append(others.value(spec["aggregate"], spec["scale"]))
    with changes(_values(before, recipient, spec), _values(latest, recipient, spec)) as against:
        first = [*islice(_rows(latest, recipient, spec), LISTED)]
        listed = [(row, against.value_before(row.group)) for row in first]
        nothing = Groups(0, [])
        new, gone = (against.new(), against.gone()) if before else (nothing, nothing)
        moves, same = (against.moves(), against.same()) if before else ([], 0)

    scale = Scale.over([*(v for values in series.values() for v in values), *(rest if others.rows else [])])
    chart = [
        _chart(group, f"{counts[group]:,} {spec['entity']}", series[group], months, scale, before)
        for group in charted
    ]
    if others.rows:
        title = (f"the other {others.rows:,}",)
        chart.append(_chart(title, "in total", rest, months, scale, before))
    file = next((file for file in latest.manifest["files"] if file["recipient"] == recipient), None)
    unlisted = others.rows + len(charted) - len(listed)
    return Chapter(recipient, file, chart, scale.ticks(), listed, unlisted, new, gone, moves, same)


def _values(month: Month | None, recipient: str, spec: Json) -> Iterator[tuple[Group, Decimal | None]]:
    return ((row.group, row.value) for row in _rows(month, recipient, spec))


@dataclass(slots=True)
class Together:
    """Several groups that are shown as one, aggregated from their counts and sums."""

    rows: int = 0
    count: int = 0
    total: Decimal = Decimal(0)
    least: Decimal | None = None
    most: Decimal | None = None

    def add(self, row: Row) -> None:
        self.rows += 1
        if row.value is None:
            return
        self.count += row.count
        self.total += row.total or 0
        self.least = row.value if self.least is None else min(self.least, row.value)
        self.most = row.value if self.most is None else max(self.most, row.value)

    def value(self, aggregate: str, places: int) -> Decimal | None:
        if self.least is None:
            return None
        match aggregate:
            case "min":
                return self.least
            case "max":
                return self.most
            case "count":
                return Decimal(self.count)
            case "sum":
                return self.total
        return (self.total / self.count).quantize(Decimal(1).scaleb(-places), rounding=ROUND_HALF_UP)


################################################################################
# Drawing
################################################################################

WIDTH, HEIGHT, MARGIN = 240.0, 96.0, 8.0


@dataclass(frozen=True, slots=True)
class Scale:
    """The vertical scale of all charts of a recipient, so that they can be compared."""

    low: float
    high: float
    step: float

    @classmethod
    def over(cls, values: Iterable[Decimal | None]) -> Scale:
        """Return a scale with round bounds. It starts at zero, unless the values are close together."""
        floats = [float(value) for value in values if value is not None]
        low, high = min(floats, default=0.0), max(floats, default=1.0)
        if low > 0 and low < high * 0.6:
            low = 0.0
        if low == high:
            low, high = low - abs(low) * 0.1 - 1, high + abs(high) * 0.1 + 1
        rough = (high - low) / 2
        power = 10 ** math.floor(math.log10(rough))
        step = next(power * m for m in (1, 2, 2.5, 5, 10) if power * m >= rough)
        return cls(math.floor(low / step) * step, math.ceil(high / step) * step, step)

    def y(self, value: float) -> float:
        inside = (value - self.low) / (self.high - self.low)
        return round(HEIGHT - MARGIN - inside * (HEIGHT - 2 * MARGIN), 1)

    def ticks(self) -> list[tuple[float, str]]:
        """Return position and text of each grid line."""
        count = round((self.high - self.low) / self.step)
        return [(self.y(v), compact(v)) for v in (self.low + i * self.step for i in range(count + 1))]


def _chart(
    group: Group,
    note: str,
    values: Sequence[Decimal | None],
    months: Sequence[Month],
    scale: Scale,
    before: Month | None,
) -> Chart:
    first, last = _number(months[0]), _number(months[-1])
    points: list[tuple[float, float, str]] = []
    paths: list[list[str]] = []
    number = -1
    for month, value in zip(months, values, strict=True):
        if value is None:
            continue
        share = (_number(month) - first) / (last - first) if last > first else 0.5
        x, y = round(MARGIN + share * (WIDTH - 2 * MARGIN - 28), 1), scale.y(float(value))
        points.append((x, y, f"{month_name(month.period)}: {amount(value)}"))
        if not paths or _number(month) != number + 1:
            paths.append([])  # a month without a value interrupts the line
        paths[-1].append(f"{x} {y}")
        number = _number(month)
    long = [path for path in paths if len(path) > 1]
    floor = HEIGHT - MARGIN
    return Chart(
        title=" · ".join(group),
        note=note,
        value=values[-1],
        before=values[-2] if before else None,
        line=" ".join("M" + " L".join(path) for path in long),
        area=" ".join(
            f"M{path[0].split()[0]} {floor} L{' L'.join(path)} L{path[-1].split()[0]} {floor} Z"
            for path in long
        ),
        points=points,
    )


################################################################################
# Writing
################################################################################


def amount(value: Decimal | int | str | None) -> str:
    """Return a number with thousands separators and all its digits; a dash for None.

    >>> amount(Decimal("1234567.50"))
    '1,234,567.50'
    """
    return "\u2013" if value is None else f"{Decimal(value):,f}"


def signed(value: Decimal) -> str:
    """Return a difference with its sign.

    >>> signed(Decimal("12.5")), signed(Decimal(0))
    ('+12.5', '±0')
    """
    sign = "+" if value > 0 else "\u2212" if value < 0 else "±"
    return sign + amount(abs(value))


def compact(value: float) -> str:
    """Return a short form of a number for an axis.

    >>> compact(250000), compact(1500000), compact(0.5), compact(0)
    ('250k', '1.5M', '0.5', '0')
    """
    for size, letter in ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= size:
            return f"{value / size:.4g}{letter}"
    return f"{value:.4g}"


def month_name(period: str) -> str:
    """Return `Oct 2026` for `2026-10`."""
    return f"{MONTHS[int(period[5:]) - 1]} {period[:4]}"


def _number(month: Month) -> int:
    return int(month.period[:4]) * 12 + int(month.period[5:])


def _decimal(text: str) -> Decimal | None:
    return Decimal(text) if text else None


def _dedented(sql: str) -> str:
    """Return the statement without its indentation."""
    lines = [line.removeprefix("    ").rstrip() for line in sql.strip("\n").splitlines()]
    return "\n".join(line for line in lines if line)


def _printable(text: str) -> str:
    """Replace characters that XML does not allow. Names in a database may contain them."""
    return "".join(
        "\ufffd" if unicodedata.category(c) in ("Cc", "Cs", "Cn") and c not in "\n\t" else c for c in text
    )
