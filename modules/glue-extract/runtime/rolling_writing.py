"""Write the files of a period on the local disk: rows, first and last records, compression, markers."""

from __future__ import annotations

import gzip
import hashlib
import shutil
import zipfile
from collections.abc import Callable, Iterable, Sequence
from datetime import date, timedelta
from pathlib import Path
from typing import IO, BinaryIO, cast

import rolling_format
import rolling_name
import rolling_record
import rolling_records
from rolling_blocks import Block
from rolling_errors import ExtractError, counted, quoted
from rolling_file import (
    File,
    cells_of,
    check_fills,
    check_names,
    columns_of,
    file_name,
    place,
    recipient_values,
)
from rolling_format import Csv, FixedWidth, Pgp
from rolling_period import Period
from rolling_result import Result
from rolling_totals import Tally, Totals

# The time of all files in zip archives. It is the earliest time that an archive can store. It never changes,
# so that the bytes of an archive do not depend on the current time.
_NO_TIME = (1980, 1, 1, 0, 0, 0)


Seal = Callable[[File, Pgp], File]
"""A function that encrypts a file, or returns the published file if its content is the same."""


def write_files(
    result: Result,
    period: Period,
    known: Iterable[str],
    folder: Path,
    revision: int = 1,
    seal: Seal | None = None,
) -> tuple[list[File], Tally]:
    """Write the files of all recipients into `folder`. Return the files and the tally of all their rows.

    A recipient without rows gets a file with only the header. The rows are ordered by recipient, so only one
    file is open at a time, and the memory does not grow with the number of groups. In the result, markers are
    after all other files. `revision` is for names and records that contain it.
    """
    folder.mkdir()
    resolved = result.resolved
    known = sorted({*known})
    check_fills(resolved)
    writing = Writing(result, period, folder, revision, seal)
    files: list[File] = []
    tally = result.tally()
    current: FileWriter | None = None

    def closed(writer: FileWriter) -> None:
        tally.merge(writer.tally)
        files.extend(writer.close())

    for found in result.blocks(period):
        if current is None or current.recipient != found.recipient:
            if current is not None:
                closed(current)
            current = writing.open(found.recipient)
        current.write(found)
    if current is not None:
        closed(current)
    for recipient in sorted({*known} - {file.recipient for file in files}):
        closed(writing.open(recipient))
    check_names({file.recipient for file in files})
    return sorted(files, key=lambda file: (bool(file.marker), file.marker == "done", file.place)), tally


class Writing:
    """The values and functions that all files of a period share."""

    def __init__(
        self, result: Result, period: Period, folder: Path, revision: int, seal: Seal | None
    ) -> None:
        self.seal = seal
        self.resolved = result.resolved
        self.result = result
        self.period = period
        self._revision = revision
        first, outside = result.span.days(period)
        self._last = outside - timedelta(days=1)
        self._first = first
        self._folder = folder
        self._count = 0
        self.cells = cells_of(self.resolved, (first.isoformat(), self._last.isoformat()), period)
        self.columns = columns_of(self.resolved)
        self._records: dict[int, rolling_records.Records] = {}

    def open(self, recipient: str) -> FileWriter:
        """Open a new file for a recipient."""
        self._count += 1
        form = self.resolved.file_of(recipient)
        return FileWriter(self, recipient, form, self._folder / str(self._count))

    def records(self, form: rolling_format.File) -> rolling_records.Records:
        """Return the function that converts rows to records. Recipients with the same `form` share it."""
        made = self._records.get(id(form))
        if made is None:
            made = rolling_records.writer(form.format, self.columns, defuse=self.resolved.defuse_formulas)
            self._records[id(form)] = made
        return made

    def fields(self, recipient: str) -> dict[str, str | date]:
        """Return the values of all fields that can be in the names and records of a recipient's file."""
        values: Sequence[frozenset[str | None]] = ()
        if self.resolved.recipient_columns:
            values = self.result.facts.recipient_values.get(recipient, ())
        return {
            "recipient": file_name(recipient),
            "date": self.period.file_date,
            "period": str(self.period),
            "window_start": self._first,
            "window_end": self._last,
            "entity": self.resolved.tables[0].table,
            "revision": str(self._revision),
            **recipient_values(self.resolved, recipient, values),
        }


class FileWriter:
    """A file that is being written. It adds up the totals of the rows."""

    def __init__(self, writing: Writing, recipient: str, form: rolling_format.File, path: Path) -> None:
        self.recipient = recipient
        self.tally: Tally = writing.result.tally()
        self._writing = writing
        self._form = form
        self._path = path
        self._rows = 0
        self._cells = writing.cells
        self._records = writing.records(form)
        name = rolling_name.filled(
            form.template, writing.fields(recipient), where=f"the file name of {quoted(recipient)}"
        )
        self._name = rolling_name.check_name(name, recipient, form.markers)
        # A first record may contain totals, which are known only at the end. Then another file stores the
        # rows until all rows are written.
        self._waiting = path.with_name(f"{path.name}.rows") if form.header_record else None
        self._digest = _Digest(path.open("xb"))
        inner = self._name if form.encryption is None else self._name[:-4]
        packing = path.with_name(f"{path.name}.content")
        self._target = _compressed(self._digest, form.compression, inner, packing)
        self._sink: IO[bytes] = self._waiting.open("xb") if self._waiting else self._target
        if not self._waiting:
            self._sink.write(rolling_record.mark(form.format))
        self._sink.write(rolling_record.header(form.format, writing.columns))

    def write(self, block: Block) -> None:
        self._sink.write(self._records(self._cells(block), self._rows + 1))
        self._rows += block.rows
        self.tally.add(block)

    def close(self) -> list[File]:
        """Return the file and its markers."""
        form, totals = self._form, self.tally.totals
        if self._waiting:
            assert form.header_record is not None
            self._sink.close()
            self._target.write(rolling_record.mark(form.format) + self._filled(form.header_record, totals))
            with self._waiting.open("rb") as rows:
                shutil.copyfileobj(rows, self._target)
            self._waiting.unlink()
        if form.trailer_record is not None:
            self._target.write(self._filled(form.trailer_record, totals))
        self._target.close()
        self._digest.close()
        made = self._file(self._path, self._name, self._digest, totals=totals, rows=self._rows)
        if form.encryption is not None:
            # If the spec has encryption, the run has keys, and `seal` is set.
            assert self._writing.seal is not None
            made = self._writing.seal(made, form.encryption)
        markers = [self._marker(kind, made) for kind in form.markers]
        return [made, *markers]

    def _filled(self, template: str, totals: Totals) -> bytes:
        form = self._form.format
        delimiter = form.delimiter if isinstance(form, Csv) else ""
        where = f'the record "{template}" of the file {quoted(self._name)}'
        others = (self._form.header_record, self._form.trailer_record)
        records = self._rows + form.header + sum(record is not None for record in others)
        fields = self._writing.fields(self.recipient) | {"rows": str(self._rows), "records": str(records)}
        rolling_name.check_record(template, fields, delimiter)
        text = rolling_name.filled(
            template,
            fields,
            totals,
            lambda metric, value: self._sum(metric, value, where),
            encoding=form.encoding if isinstance(form, FixedWidth) else None,
            where=where,
        )
        try:
            return (text + form.line_ending).encode(form.encoding)
        except UnicodeEncodeError as error:
            lacks = text[error.start]
            raise ExtractError(
                f'{where}: {form.encoding} has no character "{lacks}" (U+{ord(lacks):04X})',
                kind="file",
            ) from None

    def _sum(self, metric: str, value: str, where: str) -> str:
        """Return the sum of a metric in the number format that the file uses for this metric."""
        form = self._form.format
        if isinstance(form, Csv):
            return rolling_record.number(value, form.decimal, form.thousands)
        if metric not in form.fields or not form.field(metric).implied:
            return rolling_record.number(value, form.decimal)
        [digits] = [one.scale or 0 for one in self._writing.resolved.metrics if one.name == metric]
        whole, _, fraction = value.partition(".")
        if (found := len(fraction.rstrip("0"))) > digits:
            raise ExtractError(
                f"{where}: {{sum[{metric}]}} has {counted(found, 'digit')} after the point, but the field"
                f' "{metric}" has {digits}; set a larger scale in the metric, or leave out implied=True',
                kind="file",
            )
        return whole + fraction[:digits].ljust(digits, "0")

    def _marker(self, kind: str, file: File) -> File:
        path = self._path.with_name(f"{self._path.name}.{kind}")
        digest = _Digest(path.open("xb"))
        if kind == "sha256":
            digest.write(f"{file.sha256}  {file.name}\n".encode())
        digest.close()
        return self._file(path, f"{file.name}.{kind}", digest, totals=Totals(0, {}), marker=kind)

    def _file(
        self, path: Path, name: str, digest: _Digest, *, totals: Totals, rows: int = 0, marker: str = ""
    ) -> File:
        writing = self._writing
        label, flat = writing.resolved.recipient_label, self._form.flat
        where = place(label, self.recipient, writing.period, name, flat=flat)
        return File(self.recipient, path, where, digest.count, rows, digest.sha256, totals, marker)


class _Digest:
    """Writes bytes to a file, counts them, and computes their SHA-256."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._hash = hashlib.sha256()
        self.count = 0

    def write(self, data: bytes) -> int:
        self._hash.update(data)
        self.count += len(data)
        return self._file.write(data)

    def flush(self) -> None:
        self._file.flush()

    def close(self) -> None:
        self._file.close()

    @property
    def sha256(self) -> str:
        return self._hash.hexdigest()


def _compressed(target: _Digest, compression: str | None, name: str, waiting: Path) -> IO[bytes]:
    """Return a file that compresses the written bytes, and writes the result to `target`.

    The result contains neither the current time nor the name of a local file.

    `waiting` is the path of a temporary file for the content of a zip archive.
    """
    sink = cast("IO[bytes]", target)
    if compression == "gzip":
        return cast(
            "IO[bytes]", gzip.GzipFile(filename="", mode="wb", fileobj=sink, mtime=0, compresslevel=6)
        )
    if compression == "zip":
        return cast("IO[bytes]", _Zipped(sink, name.removesuffix(".zip"), waiting))
    return cast("IO[bytes]", _Plain(sink))


class _Plain:
    """Writes bytes without compression. Its method `close` does not close the target."""

    def __init__(self, target: IO[bytes]) -> None:
        self.write = target.write

    def close(self) -> None:
        """Do nothing, because all bytes are already written."""


class _Zipped:
    """A zip archive with one member.

    The content is stored on the disk until its size is known. So the archive has the sizes before the
    content, and has 64-bit sizes only for large files. Many programs that read a stream need such an archive.
    """

    def __init__(self, target: IO[bytes], name: str, waiting: Path) -> None:
        self._target = target
        self._member = zipfile.ZipInfo(name, _NO_TIME)
        self._member.compress_type = zipfile.ZIP_DEFLATED
        # 3 means Unix. The value is fixed, so that the bytes do not depend on the operating system.
        self._member.create_system = 3
        self._member.external_attr = 0o644 << 16
        self._waiting = waiting
        self._content = waiting.open("x+b")
        self.write = self._content.write

    def close(self) -> None:
        self._member.file_size = self._content.tell()
        self._content.seek(0)
        packed = self._waiting.with_suffix(".zip")
        with (
            zipfile.ZipFile(packed, "x") as archive,
            archive.open(self._member, "w") as member,
        ):
            shutil.copyfileobj(self._content, member)
        self._content.close()
        self._waiting.unlink()
        with packed.open("rb") as file:
            shutil.copyfileobj(file, self._target)
        packed.unlink()
