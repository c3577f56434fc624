"""A preview as one page: charts, tables, changes, checks and SQL, without a script or a network.

Everything on it is read from the files and manifests that the run wrote: no figure on it is another than the
delivered one. Names come from a database: the template escapes whatever it is given.
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

CHARTS = 11  # groups of a recipient with a chart of their own, the largest first; all others share one
RECIPIENTS = 40  # chapters; the files of all recipients are listed
LISTED = 100  # lines of a recipient's table; the file has them all
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
FIGURES = {"avg": "Average", "sum": "Sum", "count": "Number", "min": "Smallest", "max": "Largest"}


@dataclass(frozen=True, slots=True)
class Month:
    """One published month: its manifest and the folder that its keys start from."""

    period: str
    folder: Path
    manifest: Json

    @property
    def recipients(self) -> list[str]:
        return [str(file["recipient"]) for file in self.manifest["files"]]


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a file."""

    group: Group
    count: int
    total: Decimal | None
    figure: Decimal | None


@dataclass(frozen=True, slots=True)
class Chart:
    """A group's figures over the months as a small picture."""

    title: str
    note: str
    figure: Decimal | None
    before: Decimal | None
    line: str  # the path through the months that have a figure
    area: str
    points: list[tuple[float, float, str]]


@dataclass(frozen=True, slots=True)
class Chapter:
    """What a recipient gets, and how that differs from the month before."""

    recipient: str
    file: Json | None
    charts: list[Chart]
    ticks: list[tuple[float, str]]
    lines: list[tuple[Line, Decimal | None]]
    unlisted: int
    new: Groups
    gone: Groups
    moves: list[Move]
    same: int


def page(project: str, log: Sequence[Json], output: Path, history: Path) -> str:
    """The whole page, for the run that this log is of."""
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
        "figure": FIGURES[spec["aggregate"]],
        "months": [month for month in months if month.period in asked],
        "latest": latest,
        "first": months[0].period,
        "before": before,
        "chapters": [_chapter(name, spec, months, before) for name in names[:RECIPIENTS]],
        "untold": max(0, len(names) - RECIPIENTS),
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
    """The months that are published in a folder, of those asked for; the earliest first."""
    return [
        Month(path.stem, folder, json.loads(path.read_text(encoding="utf-8")))
        for path in sorted((folder / "_manifests").glob("*.json"))
        if asked is None or path.stem in asked
    ]


def statement(said: Mapping[str, Json]) -> str | None:
    """The SQL that a run read the store with, of its last word on each event."""
    return _dedented(said["statement"]["sql"]) if "statement" in said else None


def _lines(month: Month | None, recipient: str, spec: Json) -> Iterator[Line]:
    """A recipient's lines of a month, in the file's order; none when it had no file."""
    for file in month.manifest["files"] if month else ():
        if file["recipient"] != recipient:
            continue
        path = inside(month.folder, file["key"])  # type: ignore[union-attr]
        with path.open(encoding="utf-8", newline="") as opened:
            rows = csv.reader(opened)
            next(rows)
            for row in rows:
                group, figures = row[1 : 1 + len(spec["group"])], row[4 + len(spec["group"]) :]
                yield Line(tuple(group), int(figures[0]), _decimal(figures[1]), _decimal(figures[-1]))


def _chapter(recipient: str, spec: Json, months: Sequence[Month], before: Month | None) -> Chapter:
    latest = months[-1]
    largest = heapq.nlargest(
        CHARTS + 2,
        ((line.count, -place, line.group) for place, line in enumerate(_lines(latest, recipient, spec))),
    )
    if len(largest) > CHARTS + 1:  # a lone other group may as well have the chart
        del largest[CHARTS:]
    charted = [group for _, _, group in sorted(largest, key=lambda found: -found[1])]
    counts = {group: count for count, _, group in largest}
    series: dict[Group, list[Decimal | None]] = {group: [None] * len(months) for group in charted}
    rest: list[Decimal | None] = []
    for number, month in enumerate(months):
        others = Together()
        for line in _lines(month, recipient, spec):
            if line.group in series:
                series[line.group][number] = line.figure
            else:
                others.add(line)
        rest.append(others.figure(spec["aggregate"], spec["scale"]))
    with changes(_figures(before, recipient, spec), _figures(latest, recipient, spec)) as against:
        first = [*islice(_lines(latest, recipient, spec), LISTED)]
        listed = [(line, against.figure_before(line.group)) for line in first]
        nothing = Groups(0, [])
        new, gone = (against.new(), against.gone()) if before else (nothing, nothing)
        moves, same = (against.moves(), against.same()) if before else ([], 0)

    scale = Scale.over([*(v for values in series.values() for v in values), *(rest if others.lines else [])])
    chart = [
        _chart(group, f"{counts[group]:,} {spec['entity']}", series[group], months, scale, before)
        for group in charted
    ]
    if others.lines:
        title = (f"the other {others.lines:,}",)
        chart.append(_chart(title, "taken together", rest, months, scale, before))
    file = next((file for file in latest.manifest["files"] if file["recipient"] == recipient), None)
    unlisted = others.lines + len(charted) - len(listed)
    return Chapter(recipient, file, chart, scale.ticks(), listed, unlisted, new, gone, moves, same)


def _figures(month: Month | None, recipient: str, spec: Json) -> Iterator[tuple[Group, Decimal | None]]:
    return ((line.group, line.figure) for line in _lines(month, recipient, spec))


@dataclass(slots=True)
class Together:
    """Several groups as if they were one: from their sums and counts, not their figures."""

    lines: int = 0
    count: int = 0
    total: Decimal = Decimal(0)
    least: Decimal | None = None
    most: Decimal | None = None

    def add(self, line: Line) -> None:
        self.lines += 1
        if line.figure is None:
            return
        self.count += line.count
        self.total += line.total or 0
        self.least = line.figure if self.least is None else min(self.least, line.figure)
        self.most = line.figure if self.most is None else max(self.most, line.figure)

    def figure(self, aggregate: str, places: int) -> Decimal | None:
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
    """From a figure to a height: one for all charts of a recipient, so that they can be compared."""

    low: float
    high: float
    step: float

    @classmethod
    def over(cls, values: Iterable[Decimal | None]) -> Scale:
        """Round bounds around the values; from zero, unless that would squeeze all of them to a line."""
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
        """Height and label of each grid line."""
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
            paths.append([])  # a month without a figure interrupts the line
        paths[-1].append(f"{x} {y}")
        number = _number(month)
    long = [path for path in paths if len(path) > 1]
    floor = HEIGHT - MARGIN
    return Chart(
        title=" · ".join(group),
        note=note,
        figure=values[-1],
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
    """With thousands set off, to the last digit; a dash for no figure.

    >>> amount(Decimal("1234567.50"))
    '1,234,567.50'
    """
    return "\u2013" if value is None else f"{Decimal(value):,f}"


def signed(value: Decimal) -> str:
    """A difference with its sign.

    >>> signed(Decimal("12.5")), signed(Decimal(0))
    ('+12.5', '±0')
    """
    sign = "+" if value > 0 else "\u2212" if value < 0 else "±"
    return sign + amount(abs(value))


def compact(value: float) -> str:
    """Short enough for an axis.

    >>> compact(250000), compact(1500000), compact(0.5), compact(0)
    ('250k', '1.5M', '0.5', '0')
    """
    for size, letter in ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= size:
            return f"{value / size:.4g}{letter}"
    return f"{value:.4g}"


def month_name(period: str) -> str:
    """`Oct 2026` for `2026-10`."""
    return f"{MONTHS[int(period[5:]) - 1]} {period[:4]}"


def _number(month: Month) -> int:
    return int(month.period[:4]) * 12 + int(month.period[5:])


def _decimal(text: str) -> Decimal | None:
    return Decimal(text) if text else None


def _dedented(sql: str) -> str:
    """The statement as it would be written at the left margin."""
    lines = [line.removeprefix("    ").rstrip() for line in sql.strip("\n").splitlines()]
    return "\n".join(line for line in lines if line)


def _printable(text: str) -> str:
    """Without characters that no page may hold; a name in a database may hold them."""
    return "".join(
        "\ufffd" if unicodedata.category(c) in ("Cc", "Cs", "Cn") and c not in "\n\t" else c for c in text
    )
