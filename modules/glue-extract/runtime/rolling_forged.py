"""Check a manifest or a claim after reading it. Anyone who can write to the target can forge it."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import cast

from rolling_errors import ExtractError
from rolling_store import Store

Json = dict[str, object]
# A check of a value: a function for a single value, a dict of checks for the fields of an object, or a list
# with one check for each item of a list.
Shape = Callable[[object], bool] | dict[str, "Shape"] | list["Shape"]

_LARGEST = 10**15  # largest number of rows, bytes or revisions; larger numbers would make arithmetic slow
_REVISION, _FILES = "revision", "files"


class UntrueError(ValueError):
    """The error for content that no run writes into a manifest."""


def read(store: Store, place: str) -> Json:
    """Return the manifest or the claim in a place. Raise `ExtractError` if the file is something else."""
    try:
        found = json.loads(b"".join(store.read(place)))
        # Check that all texts can be written as UTF-8, because a restatement writes them again.
        json.dumps(found, ensure_ascii=False).encode()
        _check(store, found)
    except (ValueError, RecursionError) as error:
        raise no_manifest(store, place, f"{error}" if isinstance(error, UntrueError) else "") from None
    return cast(Json, found)


def no_manifest(store: Store, place: str, why: str) -> ExtractError:
    said = f": {why}" if why else ""
    return ExtractError(f"{store.key(place)} is not a manifest{said}; move the file away", kind="store")


def is_file_place(place: str) -> bool:
    """Return whether a file may be in this place. The path has no empty parts, no `.` and no `..`.

    Without this check, a forged manifest could name `./_manifests/2026-08.json`, the manifest of another
    month. The check ignores case, because some file systems ignore case.
    """
    parts = place.split("/")
    return not {"", ".", ".."} & set(parts) and parts[0].casefold() != "_manifests"


def _check(store: Store, found: object) -> None:
    """Check every field that the engine uses. A restatement removes files that a manifest names."""
    _fits("it", found, _MANIFEST)
    manifest = cast(Json, found)
    before = cast("Json | None", manifest.get("replaces"))
    for one in (manifest, *([before] if before is not None else [])):
        for name in (_REVISION, _FILES):
            if name not in one:
                raise UntrueError(f"the manifest has no {name}")
        for entry in [*cast(list[Json], one[_FILES]), *cast(list[Json], one.get("markers", []))]:
            for name in ("key", "sha256"):
                if name not in entry:
                    raise UntrueError(f"a file in the manifest has no {name}")
            _check_key(store, cast(str, entry["key"]))
    for key in cast(list[str], manifest.get("withdrawn", [])):
        _check_key(store, key)


def _check_key(store: Store, key: str) -> None:
    try:
        right = is_file_place(store.place(key))
    except ExtractError as error:
        raise UntrueError(error.sentence) from None
    if not right:
        raise UntrueError(f"the manifest lists {key} as a file")


def _fits(name: str, value: object, shape: Shape) -> None:
    """Raise an error if a value does not fit `shape`. An object may have more or fewer fields."""
    if isinstance(shape, list):
        if not isinstance(value, list):
            raise UntrueError(f"{name} is not a list")
        for item in value:
            _fits(f"an item of {name}", item, shape[0])
    elif isinstance(shape, dict):
        if not isinstance(value, dict):
            raise UntrueError(f"{name} is not an object")
        for field, inner in shape.items():
            if field in value:
                _fits(field, value[field], inner)
    elif not shape(value):
        raise UntrueError(f"the field {name} is {_shown(value)}")


def _shown(value: object) -> str:
    text = json.dumps(value)
    return text if len(text) <= 40 else f"{text[:37]}..."


def _text(value: object) -> bool:
    return isinstance(value, str) and "\0" not in value


def _text_or_null(value: object) -> bool:
    return value is None or _text(value)


def _truth(value: object) -> bool:
    return isinstance(value, bool)


def _number(value: object) -> bool:
    return type(value) is int and 0 <= value <= _LARGEST


def _revision(value: object) -> bool:
    return type(value) is int and 1 <= value <= _LARGEST


def _sum(value: object) -> bool:
    return isinstance(value, str) and re.fullmatch(r"-?[0-9]+(\.[0-9]+)?", value) is not None


def _metrics(value: object) -> bool:
    """Return whether a value is an object with the totals of each metric."""
    return isinstance(value, dict) and all(
        isinstance(totals, dict)
        and _number(totals.get("count"))
        and ("sum" not in totals or _sum(totals["sum"]))
        for totals in value.values()
    )


# Manifests of version 1 have a count and a sum instead of the metrics.
_TOTALS: Shape = {"rows": _number, "metrics": _metrics, "count": _number, "sum": _sum}
_PUBLISHED: dict[str, Shape] = {
    _REVISION: _revision,
    "published_at": _text_or_null,
    "run_id": _text_or_null,
    _FILES: [
        {
            "key": _text,
            "recipient": _text,
            "recipient_key": _text,
            "bytes": _number,
            "rows": _number,
            "sha256": _text,
            "totals": _TOTALS,
            "encryption": {
                "bytes": _number,
                "sha256": _text,
                "keys": [_text],
                "subkeys": [_text],
                "armor": _truth,
            },
        }
    ],
    "markers": [{"key": _text, "recipient": _text, "sha256": _text}],
}


def _replaces(value: object) -> bool:
    if value is not None:
        _fits("replaces", value, _PUBLISHED)
    return True


_MANIFEST: Shape = {
    **_PUBLISHED,
    "reason": _text_or_null,
    "replaces": _replaces,
    "withdrawn": [_text],
}
