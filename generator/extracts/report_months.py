"""Read the data for the page of a preview: the metrics of the spec, the published months and their rows."""

from __future__ import annotations

import csv
import dataclasses
import gzip
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, cast

from extracts import manifests
from extracts.files import inside
from extracts.preview_folder import READABLE

Json = Mapping[str, Any]
Group = tuple[str, ...]
# The page shows the beginning of a file: at most 4 lines, from the first 4,000 bytes of the file.
_LINES, _BEGINNING = 4, 4_000

AGGREGATES = {
    "avg": "average of",
    "sum": "sum of",
    "count": "number of values of",
    "count_distinct": "number of different values of",
    "min": "smallest",
    "max": "largest",
    "median": "median of",
    "stddev": "standard deviation of",
}


@dataclass(frozen=True, slots=True)
class Metric:
    """A metric, with its definition from the spec."""

    name: str
    aggregate: str
    expression: str | None
    window: int | str
    where: str | None

    @property
    def of(self) -> tuple[object, ...]:
        """Return the expression, the window and the filter of the metric.

        Two metrics aggregate the same values of the same rows if all three parts are equal.
        """
        return self.expression, self.window, self.where

    @property
    def words(self) -> str:
        """Return a description of the metric in words.

        >>> Metric("amount_avg", "avg", "Amount", 3, "Amount > 0").words
        'average of Amount over 3 months, where Amount > 0'
        """
        kind = AGGREGATES.get(self.aggregate, f"{self.aggregate} of")
        what = "number of rows" if self.expression is None else f"{kind} {self.expression}"
        where = "" if self.where is None else f", where {self.where}"
        return f"{what} over {self._window}{where}"

    @property
    def _window(self) -> str:
        if not isinstance(self.window, int):
            return "the year to date"
        return "the month" if self.window == 1 else f"{self.window} months"


def metrics(spec: Json) -> list[Metric]:
    """Return the metrics of a spec, in the order of the spec. A spec with `rows` has no metrics."""
    return [
        Metric(name, it["aggregate"], it["expression"], it["window"], it["where"])
        for name, it in (spec["metrics"] or {}).items()
    ]


@dataclass(frozen=True, slots=True)
class Month:
    """A published month: its manifest, and the folder that contains its files."""

    period: str
    folder: Path
    manifest: Json
    # A copy of the month in the default format, if the files in `folder` have another format.
    plain: Month | None = None
    # A copy of the month without encryption and compression, if the files in `folder` are encrypted.
    readable: Month | None = None

    @property
    def recipients(self) -> list[str]:
        return [str(file["recipient"]) for file in self.manifest["files"]]

    def file(self, recipient: str) -> Json | None:
        """Return the manifest entry of the recipient's file, or None if there is no file."""
        return next((file for file in self.manifest["files"] if file["recipient"] == recipient), None)


@dataclass(frozen=True, slots=True)
class Row:
    """A row of a file: its group, and its metrics in the order of the spec.

    If the spec has `rows` instead of metrics, the group has all columns.

    Values have the same characters as in a file of the default format, such as `1234.50`. A missing value is
    an empty text.
    """

    group: Group
    values: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Shown:
    """The group-by columns and metrics that the files contain.

    If the spec has `columns=`, the files contain only the columns and metrics in `columns=`.
    """

    labels: tuple[str, ...]
    metrics: tuple[Metric, ...]

    @classmethod
    def of(cls, spec: Json) -> Shown:
        columns = spec["columns"]
        labels = [*(spec["group_by"] or ()), *(spec["rows"] or ())]
        return cls(
            tuple(label for label in labels if columns is None or label in columns),
            tuple(metric for metric in metrics(spec) if columns is None or metric.name in columns),
        )

    def rows(self, month: Month | None, recipient: str) -> Iterator[Row]:
        """Yield the rows of a recipient's file, in the order of the file.

        Yield nothing if there is no file.
        """
        source = month.plain or month if month else None
        for file in source.manifest["files"] if source else ():
            if file["recipient"] != recipient:
                continue
            path = inside(source.folder, file["key"])  # type: ignore[union-attr]
            with path.open(encoding="utf-8", newline="") as opened:
                reader = csv.reader(opened)
                header = next(reader)
                groups = [header.index(label) for label in self.labels]
                values = [header.index(metric.name) for metric in self.metrics]
                for row in reader:
                    yield Row(tuple(row[i] for i in groups), tuple(row[i] for i in values))


def published(folder: Path, asked: Sequence[str] | None = None) -> list[Month]:
    """Return the published months in a folder, the earliest first.

    If `asked` is not None, return only the published months in `asked`.
    """
    return [
        Month(path.stem, folder, manifests.read(folder, path.stem))
        for path in sorted((folder / "_manifests").glob("*.json"))
        if asked is None or path.stem in asked
    ]


def combined(history: Path, output: Path, asked: Sequence[str]) -> list[Month]:
    """Return the earlier months in `history` and the requested months in `output`, sorted by period."""
    earlier = {month.period: month for month in published(history)}
    readable = {month.period: month for month in published(history / READABLE)}
    found = [
        dataclasses.replace(month, plain=earlier.pop(month.period, None), readable=readable.get(month.period))
        for month in published(output, asked)
    ]
    return sorted([*earlier.values(), *found], key=lambda month: month.period)


def axis(months: Sequence[Month]) -> list[str]:
    """Return every period from the first to the last month, including periods that are not published."""
    first, last = (
        int(month.period[:4]) * 12 + int(month.period[5:]) - 1 for month in (months[0], months[-1])
    )
    return [f"{number // 12:04}-{number % 12 + 1:02}" for number in range(first, last + 1)]


def prescribed(spec: Json, recipient: str) -> Json:
    """Return the definition of a recipient's file from the spec."""
    found: Json = (spec["files"] or {}).get(recipient) or spec["file"]
    return found


def beginning(month: Month, file: Json, spec: Json) -> str:
    """Return the first lines of a file as text, without compression.

    For an encrypted file, return the first lines of its unencrypted copy. If there is no unencrypted copy,
    return a text with the names of the keys that encrypt the file.
    """
    encryption, form = file.get("encryption"), prescribed(spec, file["recipient"])
    if not encryption:
        return _first_lines(inside(month.folder, file["key"]), form)
    readable = month.readable.file(file["recipient"]) if month.readable else None
    if month.readable is None or readable is None:
        return f"encrypted for {' and '.join(encryption['keys'])}"
    return _first_lines(inside(month.readable.folder, readable["key"]), {**form, "compression": None})


def _first_lines(path: Path, form: Json) -> str:
    with path.open("rb") as opened:
        stream: IO[bytes] = opened
        if form["compression"] == "gzip":
            stream = cast("IO[bytes]", gzip.GzipFile(fileobj=opened))
        elif form["compression"] == "zip":
            archive = zipfile.ZipFile(opened)
            stream = archive.open(archive.namelist()[0])
        data = stream.read(_BEGINNING)
    text = data.decode(form["format"]["encoding"], "ignore").removeprefix("\ufeff")
    lines = text.splitlines()
    # Only the beginning of a large file is read. The last of the lines may be incomplete, so it is omitted.
    return "\n".join(lines[:_LINES] if len(data) < _BEGINNING else lines[:-1][:_LINES])
