"""Published files: their names, their places and their bytes on the local disk."""

from __future__ import annotations

import contextlib
import difflib
import errno
import fcntl
import os
import shutil
import tempfile
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import rolling_name
import rolling_record
from rolling_blocks import Block
from rolling_errors import ExtractError, listed, quoted
from rolling_folder import is_left
from rolling_format import Csv, FixedWidth
from rolling_period import Period
from rolling_record import Column
from rolling_resolved import Resolved
from rolling_totals import Totals


@dataclass(frozen=True, slots=True)
class Encryption:
    """The state of a file before its encryption, and the keys that encrypt it."""

    bytes: int
    sha256: str
    keys: tuple[str, ...]  # fingerprints of the recipient's OpenPGP keys, in order
    subkeys: tuple[str, ...]  # fingerprints of the parts of these keys that can decrypt the file
    armor: bool

    def as_json(self) -> dict[str, object]:
        return {
            "bytes": self.bytes,
            "sha256": self.sha256,
            "keys": [*self.keys],
            "subkeys": [*self.subkeys],
            "armor": self.armor,
        }


@dataclass(frozen=True, slots=True)
class File:
    """A file on the local disk that is not yet published."""

    recipient: str
    path: Path
    place: str  # path below the prefix: "bank_name=FirstBank/year=2026/month=10/FirstBank_20261031.csv"
    bytes: int
    rows: int
    sha256: str
    totals: Totals
    marker: str = ""  # "sha256" or "done" for a marker; "" for a file with rows of the extract
    encryption: Encryption | None = None

    @property
    def name(self) -> str:
        return self.place.rpartition("/")[2]


def file_name(recipient: str) -> str:
    """Return the recipient's name without spaces and punctuation. Letters and digits of any script stay.

    The module computes the same name in Terraform: it removes `[^\\p{L}\\p{N}]` from a string that Terraform
    keeps composed (NFC). If the two names differed, the recipient would see an empty folder.

    >>> file_name("First Bank, plc."), file_name("Crédit Łódź 24")
    ('FirstBankplc', 'CréditŁódź24')
    """
    return "".join(c for c in unicodedata.normalize("NFC", recipient) if unicodedata.category(c)[0] in "LN")


def place(label: str, recipient: str, period: Period, name: str, *, flat: bool = False) -> str:
    """Return the path of a recipient's file for a period, below the prefix.

    The first folder belongs to this recipient only, because the recipient can read everything in it.

    >>> place("bank_name", "First Bank", Period(2026, 10), "FirstBank_20261031.csv")
    'bank_name=FirstBank/year=2026/month=10/FirstBank_20261031.csv'
    """
    folder = f"{label}={file_name(recipient)}"
    return f"{folder}/{name}" if flat else f"{folder}/year={period.year:04d}/month={period.month:02d}/{name}"


def check_names(recipients: Iterable[str]) -> None:
    """Refuse recipients that would share a file name, also on a file system that ignores case."""
    taken: dict[str, str] = {}
    for recipient in sorted(recipients):
        name = file_name(recipient)
        if not name:
            raise ExtractError(
                f"the recipient {quoted(recipient)} has no letter or digit for a file name; change the name"
                " of the recipient",
                kind="recipient_name",
            )
        other = taken.setdefault(name.casefold(), recipient)
        if other != recipient:
            same = file_name(other) == name
            where = "" if same else ", where upper and lower case are the same, as on Windows and macOS"
            raise ExtractError(
                f"the recipients {quoted(other)} and {quoted(recipient)} would share the file name"
                f" {name}{where}; rename one of them",
                kind="recipient_name",
            )


def recipients_of(resolved: Resolved, found: Mapping[str, int] | None) -> list[str]:
    """Return the recipients that get a file in every period. `found` counts the rows of each name."""
    known = list(found or ())
    owner = resolved.recipient.alias
    if owner != "t0":
        table = resolved.table(owner)
        place = f'{table.schema}."{table.table}"'
        if not known:
            # Without this error, no recipient would get a file, and nobody would notice. If the table is
            # empty, the run probably reads the wrong database.
            raise ExtractError(f"{place} contains no recipient; is this the right database?", kind="contract")
        # Each row of the recipient's table is one recipient. But if groups are read from this table, several
        # rows may have the same name.
        shared = sorted(name for name, rows in (found or {}).items() if rows > 1)
        if shared and owner not in {column.alias for column in resolved.group_by.values()}:
            raise ExtractError(
                f"several rows of {place} are called {listed([quoted(name) for name in shared])}: two"
                " recipients would share a file; rename one of the rows",
                kind="recipient_name",
            )
    if resolved.unassigned is not None:
        if resolved.unassigned in known:
            raise ExtractError(
                f'the source has a recipient "{resolved.unassigned}", but this name is for rows without a'
                ' recipient; set unassigned="OTHER NAME"',
                kind="recipient_name",
            )
        known.append(
            resolved.unassigned
        )  # unassigned gets a file in every period, so that a missing file always means an error
    check_names(known)
    return known


def columns_of(resolved: Resolved) -> list[Column]:
    """Return the columns of a file in order, each with the kind of its values."""
    kinds = dict.fromkeys(("window_start", "window_end"), rolling_record.DATE)
    kinds["period"] = rolling_record.OTHER
    kinds |= {metric.name: rolling_record.METRIC for metric in resolved.metrics}
    labels = {resolved.recipient_label: resolved.recipient, **resolved.group_by}
    if resolved.listing is not None:
        labels |= dict(zip(resolved.listing.labels, resolved.listing.columns, strict=True))
    for label, column in labels.items():
        kind = rolling_record.NUMBER if column.category == "N" else rolling_record.OTHER
        kind = rolling_record.DATE if column.type == "date" else kind
        kinds[label] = rolling_record.TEXT if column.is_text else kind
    return [Column(name, kinds[name]) for name in resolved.columns]


def cells_of(
    resolved: Resolved, days: tuple[str, str], period: Period
) -> Callable[[Block], list[Sequence[str | None]]]:
    """Return a function that returns the columns of a file for a block.

    `days` are the first and the last day of the window.
    """
    names = [resolved.recipient_label, *resolved.group_by, *(metric.name for metric in resolved.metrics)]
    if resolved.listing is not None:
        names += resolved.listing.labels
    # These texts are the same in every row of the file.
    dates = (str(period), *days)
    places = [(*names, "period", "window_start", "window_end").index(name) for name in resolved.columns]

    def cells(block: Block) -> list[Sequence[str | None]]:
        found: list[Sequence[str | None]] = [*block.columns, *([text] * block.rows for text in dates)]
        return [found[place] for place in places]

    return cells


def check_files_of(resolved: Resolved, known: Iterable[str]) -> None:
    """Refuse an entry of `files` whose name is not the name of a recipient."""
    names = {*known}
    for name in resolved.files:
        if name not in names:
            near = difflib.get_close_matches(name, sorted(names), n=1, cutoff=0.6)
            hint = f'; did you mean "{near[0]}"?' if near else ""
            raise ExtractError(f"files has {quoted(name)}, which is not a recipient{hint}", kind="spec")


def check_fills(resolved: Resolved) -> None:
    """Refuse fill characters that would change a value. The check needs the columns' types in the source."""
    columns = columns_of(resolved)
    _check_fills("file", resolved.file.format, columns)
    for name, file in resolved.files.items():
        _check_fills(f'files["{name}"]', file.format, columns)


def _check_fills(what: str, form: Csv | FixedWidth, columns: Sequence[Column]) -> None:
    if isinstance(form, Csv):
        return
    for label, kind in columns:
        fill = form.field(label).fill
        is_number = kind in (rolling_record.METRIC, rolling_record.NUMBER)
        if (fill == "0" and kind == rolling_record.DATE) or (fill in "+-.," and is_number):
            changed = f"would change the {'number' if is_number else 'date'}"
            raise ExtractError(f'{what}: FixedWidth: "{label}": fill="{fill}" {changed}', kind="spec")


def recipient_values(
    resolved: Resolved, recipient: str, found: Sequence[frozenset[str | None]]
) -> dict[str, str]:
    """Return the recipient's values for fields like {recipient[code]}. The keys are like "recipient[code]".

    `found` has the different values of each of `recipient_columns`. Refuse a recipient that has no value or
    several values in a column that its file uses.
    """
    needed = rolling_name.recipient_columns(resolved.file_of(recipient).templates)
    by_key = dict(zip(resolved.recipient_columns, found, strict=False))
    return {f"recipient[{key}]": _only(resolved, recipient, key, by_key.get(key)) for key in needed}


def _only(resolved: Resolved, recipient: str, key: str, values: frozenset[str | None] | None) -> str:
    column = resolved.recipient_columns[key]
    table = resolved.table(column.alias)
    where = f'"{column.name}" in {table.schema}."{table.table}"'
    if values is None:
        own = f"files={{{quoted(recipient)}: File(...)}}"
        why = f'is not in {table.schema}."{table.table}"; define a file for this recipient with {own}'
    elif len(values) > 1:
        why = f"has several values of {where}; correct the rows, or use another column"
    elif not (value := next(iter(values))):
        why = f"has no value of {where}; enter a value, or use another column"
    elif character := rolling_name.unsafe(value):
        # Refuse the character. Otherwise a person who can write to the recipient's table could forge a
        # record, a formula or a name.
        shown = f"U+{ord(character):04X} ({unicodedata.name(character, 'a control character')})"
        why = (
            f"has the character {shown} in its value of {where}; a value must begin with a letter or digit,"
            ' can contain only letters, digits, "_", "-", "." and spaces, and must not end with a space'
        )
    else:
        return value
    said = f"{quoted(recipient)} {why}"
    raise ExtractError(f"the file needs {{recipient[{key}]}}, but {said}", kind="file")


@contextmanager
def scratch() -> Iterator[Path]:
    """Yield a folder on the local disk for files that are not yet published. Delete the folder at the end.

    The folder is locked while this run lives. If a run is killed, the next run deletes the folder.
    """
    try:
        _sweep()
        # Lock the folder before it gets its final name. Other runs delete unlocked folders that have such a
        # name.
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
            " give the job a larger worker, or free space on that disk",
            kind="disk_full" if error.errno in (errno.ENOSPC, errno.EDQUOT) else "scratch",
            cause=repr(error),
        ) from error


def _sweep() -> None:
    for path in Path(tempfile.gettempdir()).glob("rolling-extract-*"):
        with contextlib.suppress(OSError):  # another run may remove the same folder
            if path.lstat().st_uid == os.geteuid() and is_left(path):
                shutil.rmtree(path, ignore_errors=True)
