"""The folder of a preview. Each preview replaces the files of the previous preview, and no other file.

A record in the folder lists the files of the last preview with their digests. A file belongs to the user if
it is not in the record, or if its digest differs.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from extracts import files, untrusted
from extracts.errors import ExtractsError

RECORD = ".extracts-preview"
# Folder for unencrypted copies of encrypted files. It is inside HISTORY, the folder for the earlier months.
READABLE = "readable"
NEW = ".extracts-new"
HISTORY = ".extracts-history"


@contextlib.contextmanager
def staging(output: Path, name: str) -> Iterator[Path]:
    """Yield an empty folder `name` inside `output`. Delete the folder at the end."""
    folder = files.inside(output, name)
    # A preview that was killed may have left this folder.
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(mode=0o700)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def replace(output: Path, staged: Path) -> None:
    """Move all files of `staged` to `output`. Delete the other files of the previous preview.

    If a file of the user has the same path as a new file, raise ExtractsError before the first change. The
    function writes the record first. So the record lists all files, even if this preview is killed.
    """
    places = [path.relative_to(staged).as_posix() for path in staged.rglob("*") if path.is_file()]
    new = {place: str(files.digest(staged, place)) for place in places}
    old = _recorded(output)
    for place in sorted(new):
        path = files.inside(output, place)
        if os.path.lexists(path) and files.digest(output, place) not in {*old.get(place, ()), new[place]}:
            raise ExtractsError(
                f"{path} was not written by a preview, or was changed later. Move the file away, or choose"
                " another folder with --output."
            )
    _record(
        output, {place: [*old.get(place, ()), *filter(None, [new.get(place)])] for place in {**old, **new}}
    )
    for place in sorted(set(old) - set(new)):
        if files.digest(output, place) in old[place]:
            files.remove(output, place)
            _remove_empty(output, place)
    for place in sorted(new):
        files.move(staged, output, place)
    _record(output, {place: [digest] for place, digest in new.items()})


def _recorded(output: Path) -> dict[str, list[str]]:
    """Return the digests of each file of the previous preview.

    A file has several digests if a preview was killed while it replaced the files.
    """
    content = files.content(output, RECORD)
    if content is None:
        return {}
    try:
        listed = untrusted.parsed(content)["files"]
        return {str(place): [str(digest) for digest in digests] for place, digests in listed.items()}
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise ExtractsError(
            f"{output / RECORD} cannot be read; delete it, or choose another folder with --output."
        ) from error


def _record(output: Path, listed: dict[str, list[str]]) -> None:
    content = json.dumps({"files": listed}, indent=2, sort_keys=True, ensure_ascii=False)
    files.write(output, RECORD, f"{content}\n".encode(), private=True)


def _remove_empty(output: Path, place: str) -> None:
    """Remove the folders of a deleted file if they are empty now."""
    for parent in PurePosixPath(place).parents[:-1]:
        files.remove_empty(output, str(parent))
