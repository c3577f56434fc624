"""A delivered file: its name, its place and its bytes.

Neither Spark's CSV writer nor Python's is used. Spark's names files itself and is not RFC 4180; Python's
changed what it quotes between versions, and the same figures must be the same bytes under Python 3.11 and
3.13. The format is a dozen lines.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import functools
import hashlib
import os
import re
import shutil
import tempfile
import unicodedata
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import BinaryIO

from rolling_contract1 import Contract
from rolling_errors import ExtractError, listed, quoted
from rolling_figures1 import Line, Totals, figure, rounded
from rolling_folder import is_left
from rolling_period import Period, window
from rolling_spec1 import Extract

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


def check_names(recipients: Iterable[str], rows: dict[str, int], *, one_row_each: str) -> None:
    """Every recipient has a name of its own to be filed under.

    `one_row_each` is the table of the recipients when each of its rows is an owner; two rows with one name
    would put the money of two owners into one file. Empty when several rows may well bear one name, as the
    groups of one region do.
    """
    taken: dict[str, str] = {}
    for recipient in sorted(recipients):
        name = file_name(recipient)
        if not name:
            raise ExtractError(
                f"the recipient {quoted(recipient)} has no letter or digit to name a file with; give it a"
                " name",
                kind="recipient_name",
            )
        if name in taken:
            raise ExtractError(
                f"the recipients {quoted(taken[name])} and {quoted(recipient)} would share the file name"
                f" {name}; rename one",
                kind="recipient_name",
            )
        taken[name] = recipient
    shared = sorted(recipient for recipient, count in rows.items() if count > 1)
    if one_row_each and shared:
        names = listed([quoted(recipient) for recipient in shared])
        raise ExtractError(
            f"several rows of {one_row_each} are called {names}: two recipients would share a file;"
            " rename one",
            kind="recipient_name",
        )


def header(spec: Extract) -> bytes:
    return row(spec.columns)


def line_bytes(spec: Extract, contract: Contract, period: Period, line: Line) -> bytes:
    """One line of a file."""
    totals = line.totals
    fields = [_text(spec, line.recipient, contract.recipient.category)]
    fields += [
        _text(spec, value, column.category) for value, column in zip(line.group, contract.group, strict=True)
    ]
    fields += [*_dates(period, spec.window_months), str(totals.values)]
    fields.append(rounded(totals.total, 1, spec.scale) if totals.values else "")
    if spec.aggregate != "sum":
        fields.append(figure(spec, line))
    return row(fields)


@functools.cache
def _dates(period: Period, window_months: int) -> tuple[str, str, str]:
    """The same on every line. `window_end` is the last day inside the window, as a person would name it."""
    first, outside = window(period, window_months)
    return str(period), first.isoformat(), (outside - timedelta(days=1)).isoformat()


def _text(spec: Extract, value: str | None, category: str) -> str:
    """A label's field.

    Only free text can be a formula: a negative number that is a group's key stays a number.
    """
    if value is None:
        return ""
    if not spec.defuse_formulas or category not in "SE":
        return value
    if value.startswith(_FORMULA):
        value = f"'{value}"
    return _INNER.sub(r"\1'", value)


def row(fields: Iterable[str]) -> bytes:
    """A record after RFC 4180, in UTF-8.

    >>> row(["a", "c,d", ""]).decode().rstrip()
    'a,"c,d",'
    """
    return (",".join(_quoted(text) for text in fields) + "\r\n").encode()


def _quoted(text: str) -> str:
    if _SPECIAL.search(text):
        return '"' + text.replace('"', '""') + '"'
    return text


def write_files(
    spec: Extract,
    contract: Contract,
    period: Period,
    lines: Iterator[Line],
    known: Iterable[str],
    folder: Path,
) -> list[File]:
    """Write every recipient's file into `folder`, one at a time, as the lines stream by; those without lines
    get the header.

    `lines` come recipient by recipient, so one file is open at a time and memory does not grow with the
    number of groups.
    """
    folder.mkdir()
    files: list[File] = []
    current: _Writer | None = None
    for line in lines:
        if current is None or current.recipient != line.recipient:
            if current is not None:
                files.append(current.close())
            current = _Writer(spec, line.recipient, period, folder / str(len(files)))
        current.write(line_bytes(spec, contract, period, line), line.totals)
    if current is not None:
        files.append(current.close())
    for recipient in sorted(set(known) - {file.recipient for file in files}):
        files.append(_Writer(spec, recipient, period, folder / str(len(files))).close())
    return sorted(files, key=lambda file: file.place)


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


class _Writer:
    """A file being written: its hash and totals are those of the bytes that went through here."""

    def __init__(self, spec: Extract, recipient: str, period: Period, path: Path) -> None:
        self.recipient = recipient
        self._place = place(spec.recipient_label, recipient, period)
        self._path = path
        self._file: BinaryIO = path.open("xb")
        self._hash = hashlib.sha256()
        self._bytes = 0
        self._rows = 0
        self._totals = Totals()
        self._put(header(spec))

    def write(self, line: bytes, totals: Totals) -> None:
        self._put(line)
        self._rows += 1
        self._totals += totals

    def close(self) -> File:
        self._file.close()
        return File(
            self.recipient,
            self._path,
            self._place,
            self._bytes,
            self._rows,
            self._hash.hexdigest(),
            self._totals,
        )

    def _put(self, data: bytes) -> None:
        self._file.write(data)
        self._hash.update(data)
        self._bytes += len(data)
