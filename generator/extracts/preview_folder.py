"""The folder of a preview. Each preview replaces the files of the one before it, and no other file.

A record in the folder lists the files of the last preview with their digests. A file that is not in it, or
that has other bytes, belongs to the user.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from extracts import files
from extracts.errors import ExtractsError

RECORD = ".extracts-preview"
READABLE = "readable"  # folder for encrypted files in their readable form, beside the earlier months
_NEW = ".extracts-new"


@contextlib.contextmanager
def staging(output: Path) -> Iterator[Path]:
    """Yield an empty folder inside `output` for the new files. It is deleted at the end."""
    folder = files.inside(output, _NEW)
    # A preview that was killed may have left one.
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(mode=0o700)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def replace(output: Path, staged: Path) -> None:
    """Move all files of `staged` to `output`, and delete the other files of the preview before.

    Raises ExtractsError before the first change if another file is in the way. The record is written first,
    so that the next preview knows the files even if this one is killed.
    """
    places = [path.relative_to(staged).as_posix() for path in staged.rglob("*") if path.is_file()]
    new = {place: str(files.digest(staged, place)) for place in places}
    old = _recorded(output)
    for place in sorted(new):
        path = files.inside(output, place)
        if os.path.lexists(path) and files.digest(output, place) not in {*old.get(place, ()), new[place]}:
            raise ExtractsError(
                f"{path} is not the file that a preview wrote. Move the file away, or choose another folder"
                " with --output."
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
    """Return the digests that each file of the preview before can have."""
    content = files.content(output, RECORD)
    if content is None:
        return {}
    try:
        listed = json.loads(content)["files"]
        return {str(place): [str(digest) for digest in digests] for place, digests in listed.items()}
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise ExtractsError(
            f"{output / RECORD} cannot be read; delete it, or choose another folder with --output."
        ) from error


def _record(output: Path, listed: dict[str, list[str]]) -> None:
    content = json.dumps({"files": listed}, indent=2, sort_keys=True, ensure_ascii=False)
    files.write(output, RECORD, f"{content}\n".encode(), private=True)


def _remove_empty(output: Path, place: str) -> None:
    """Remove the folders of a deleted file that are empty now."""
    for parent in PurePosixPath(place).parents[:-1]:
        files.remove_empty(output, str(parent))
