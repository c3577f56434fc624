"""A published file: its name, its place and its bytes.

Neither Spark's CSV writer nor Python's is used. Spark's names files itself and is not RFC 4180; Python's
changed what it quotes between versions, and the same values must be the same bytes under Python 3.11 and
3.13. The format is a dozen lines.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import hashlib
import os
import re
import shutil
import tempfile
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import BinaryIO

from rolling_errors import ExtractError, listed, quoted
from rolling_folder import is_left
from rolling_period import Period
from rolling_resolved import Resolved
from rolling_result import Result
from rolling_totals import Row, Tally, Totals

# What a spreadsheet takes for the start of a formula, also in its full-width forms; it skips tabs and line
# breaks before one.
_START = ("=", "+", "-", "@", "\uff1d", "\uff0b", "\uff0d", "\uff20")
_FORMULA = (*_START, "\t", "\r", "\n")
# Whoever opens the file may choose another separator than the comma: then a cell also begins after each one
# within a text, and after each line break; quotes and controls may stand before the formula.
_INNER = re.compile(
    rf"([,;|\t\r\n\v\f\x85\u2028\u2029])(?=[\"'\x00-\x08\x0e-\x1f]*[{re.escape(''.join(_START))}])"
)

_SPECIAL = re.compile('[,"\r\n]')


@dataclass(frozen=True, slots=True)
class File:
    """A file that waits on the local disk for its publication."""

    recipient: str
    path: Path
    place: str  # below the prefix: "bank_name=FirstBank/year=2026/month=10/FirstBank_20261031.csv"
    bytes: int
    rows: int
    sha256: str
    totals: Totals

    @property
    def name(self) -> str:
        return self.place.rpartition("/")[2]


def file_name(recipient: str) -> str:
    """The recipient's name without spaces and punctuation; letters and digits of any script stay.

    The module works out the same name for the same recipient in Terraform, as `[^\\p{L}\\p{N}]` of a string
    that Terraform keeps composed (NFC); a difference would show a recipient an empty folder.

    >>> file_name("First Bank, plc."), file_name("Crédit Łódź 24")
    ('FirstBankplc', 'CréditŁódź24')
    """
    return "".join(c for c in unicodedata.normalize("NFC", recipient) if unicodedata.category(c)[0] in "LN")


def place(label: str, recipient: str, period: Period) -> str:
    """Where a recipient's file for a period lies below the prefix.

    >>> place("bank_name", "First Bank", Period(2026, 10))
    'bank_name=FirstBank/year=2026/month=10/FirstBank_20261031.csv'
    """
    name = file_name(recipient)
    day = period.file_date.isoformat().replace("-", "")
    return f"{label}={name}/year={period.year:04d}/month={period.month:02d}/{name}_{day}.csv"


def check_names(recipients: Iterable[str]) -> None:
    """Refuse recipients that cannot have a file name of their own, also where a file system ignores case."""
    taken: dict[str, str] = {}
    for recipient in sorted(recipients):
        name = file_name(recipient)
        if not name:
            raise ExtractError(
                f"the recipient {quoted(recipient)} has no letter or digit to name a file with; give it a"
                " name",
                kind="recipient_name",
            )
        other = taken.setdefault(name.casefold(), recipient)
        if other != recipient:
            same = file_name(other) == name
            where = "" if same else ", where upper and lower case are the same, as on Windows and macOS"
            raise ExtractError(
                f"the recipients {quoted(other)} and {quoted(recipient)} would share the file name"
                f" {name}{where}; rename one",
                kind="recipient_name",
            )


def recipients_of(resolved: Resolved, found: Mapping[str, int] | None) -> list[str]:
    """Return who gets a file in every period, from the names and the number of rows that have each."""
    known = list(found or ())
    owner = resolved.recipient.alias
    if owner != "t0":
        table = resolved.table(owner)
        place = f'{table.schema}."{table.table}"'
        if not known:
            # Nobody would get a file and nobody would miss one: most likely not the database that was meant.
            raise ExtractError(f"{place} names no recipient; is this the right database?", kind="contract")
        # Each row of the recipient's table is a recipient, unless groups are read from that table, too.
        shared = sorted(name for name, rows in (found or {}).items() if rows > 1)
        if shared and owner not in {column.alias for column in resolved.group_by.values()}:
            raise ExtractError(
                f"several rows of {place} are called {listed([quoted(name) for name in shared])}: two"
                " recipients would share a file; rename one",
                kind="recipient_name",
            )
    if resolved.unassigned is not None:
        if resolved.unassigned in known:
            raise ExtractError(
                f'there is a recipient "{resolved.unassigned}" in the source; give the rows that optional'
                " joins leave without one another name with unassigned=...",
                kind="recipient_name",
            )
        known.append(
            resolved.unassigned
        )  # has a file in every period, so that its absence raises no question
    check_names(known)
    return known


def writer_of(resolved: Resolved, days: tuple[str, str], period: Period) -> Callable[[Row], bytes]:
    """Return the function that makes the record of a row. `days` are the first and the last of the window."""
    labels = [resolved.recipient, *resolved.group_by.values()]
    names = [resolved.recipient_label, *resolved.group_by, *(metric.name for metric in resolved.metrics)]
    if resolved.listing is not None:
        labels += resolved.listing.columns
        names += resolved.listing.labels
    is_text = [column.is_text for column in labels]
    count = len(is_text)
    dates = (str(period), *days)
    places = [(*names, "period", "window_start", "window_end").index(name) for name in resolved.columns]
    defuse = resolved.defuse_formulas

    def record(row: Row) -> bytes:
        cells: list[str | None] = [row.recipient, *row.group, *row.values, *dates]
        # What follows the labels are numbers and dates, which need no quotes.
        for i in range(count):
            if value := cells[i]:
                cells[i] = _label(value, is_text=is_text[i] and defuse)
        return _record([cells[place] or "" for place in places])

    return record


def _label(value: str, *, is_text: bool) -> str:
    """Return the field of a label.

    Only free text can be a formula: a negative number that is a group's key stays a number.
    """
    if is_text:
        if value.startswith(_FORMULA):
            value = f"'{value}"
        value = _INNER.sub(r"\1'", value)
    return _quoted(value)


def row(fields: Iterable[str]) -> bytes:
    """Return a record after RFC 4180, in UTF-8.

    >>> row(["a", "c,d", ""]).decode().rstrip(), row([""]).decode().rstrip()
    ('a,"c,d",', '""')
    """
    return _record([_quoted(text) for text in fields])


def _record(fields: list[str]) -> bytes:
    # A record of one empty field would be an empty line, which readers skip.
    return ((",".join(fields) or '""') + "\r\n").encode()


def _quoted(text: str) -> str:
    if _SPECIAL.search(text):
        return '"' + text.replace('"', '""') + '"'
    return text


def write_files(
    result: Result, period: Period, known: Iterable[str], folder: Path
) -> tuple[list[File], Tally]:
    """Write the file of every recipient into `folder`, and return the files with the tally of all their rows.

    A recipient without rows gets the header. Rows come recipient by recipient, so one file is open at a time
    and memory does not grow with the number of groups.
    """
    folder.mkdir()
    resolved = result.resolved
    first, outside = result.span.days(period)
    days = first.isoformat(), (outside - timedelta(days=1)).isoformat()
    record = writer_of(resolved, days, period)
    files: list[File] = []
    tally = result.tally()
    current: _Writer | None = None

    def closed(writer: _Writer) -> None:
        tally.merge(writer.tally)
        files.append(writer.close(place(resolved.recipient_label, writer.recipient, period)))

    def opened(recipient: str) -> _Writer:
        return _Writer(recipient, folder / str(len(files)), result.tally(), row(resolved.columns))

    for found in result.rows(period):
        if current is None or current.recipient != found.recipient:
            if current is not None:
                closed(current)
            current = opened(found.recipient)
        current.write(record(found), found)
    if current is not None:
        closed(current)
    for recipient in sorted({*known} - {file.recipient for file in files}):
        closed(opened(recipient))
    check_names(file.recipient for file in files)
    return sorted(files, key=lambda file: file.place), tally


class _Writer:
    """A file that is being written: hash and totals are those of the bytes that passed through."""

    def __init__(self, recipient: str, path: Path, tally: Tally, header: bytes) -> None:
        self.recipient = recipient
        self.tally = tally
        self._path = path
        self._file: BinaryIO = path.open("xb")
        self._hash = hashlib.sha256()
        self._bytes = 0
        self._rows = 0
        self._put(header)

    def write(self, data: bytes, row: Row) -> None:
        self._put(data)
        self._rows += 1
        self.tally.add(row)

    def close(self, place: str) -> File:
        self._file.close()
        digest = self._hash.hexdigest()
        return File(self.recipient, self._path, place, self._bytes, self._rows, digest, self.tally.totals)

    def _put(self, data: bytes) -> None:
        self._file.write(data)
        self._hash.update(data)
        self._bytes += len(data)


@contextmanager
def scratch() -> Iterator[Path]:
    """A folder on the local disk for files on their way; gone at the end.

    It is locked while this run lives. A run that is killed cannot clean up, so the next one does.
    """
    try:
        _sweep()
        # Locked before it has the name that others look for.
        made = Path(tempfile.mkdtemp(prefix=".rolling-extract-"))
        folder = made.with_name(made.name.removeprefix("."))
        lock = os.open(made, os.O_RDONLY)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            made.rename(folder)
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)
            os.close(lock)
    except (ConnectionError, TimeoutError):
        raise
    except OSError as error:
        where = error.filename or tempfile.gettempdir()
        raise ExtractError(
            f"cannot write the files on the job's own disk, {where}: {error.strerror};"
            " give the job a larger worker, or make room there",
            kind="disk_full" if error.errno in (errno.ENOSPC, errno.EDQUOT) else "scratch",
            cause=repr(error),
        ) from error


def _sweep() -> None:
    for path in Path(tempfile.gettempdir()).glob("rolling-extract-*"):
        with contextlib.suppress(OSError):  # another run sweeps, too
            if path.lstat().st_uid == os.geteuid() and is_left(path):
                shutil.rmtree(path, ignore_errors=True)
