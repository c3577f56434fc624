"""Read the manifests in a folder, and check their types, because a manifest may be forged."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from extracts import files, untrusted
from extracts.errors import ExtractsError

# The types of the manifest fields that the page shows. `[X]` is a list of items of type X. `{_ANY: X}` is an
# object whose fields all have the type X. _NUMBER is a number in quotes. Only such a field may be missing.
_NUMBER = re.compile(r"-?[0-9]+(\.[0-9]+)?")
_ANY = "*"
_TOTALS = {"rows": int, "metrics": {_ANY: {"count": int, "sum": _NUMBER}}}
_SHAPE = {
    "revision": int,
    "complete": bool,
    "window": {"start": str, "end": str, "time_zone": str},
    "totals": _TOTALS,
    "source": {"rows": int},
    "orphans": {"rows": int},
    "undated_rows": int,
    "groups_without_recipient": int,
    "snapshot_time": str,
    "engine_version": str,
    "run_id": str,
    "files": [
        {"key": str, "recipient": str, "bytes": int, "rows": int, "sha256": str, "totals": _TOTALS},
    ],
}


def read(folder: Path, period: str) -> Mapping[str, Any]:
    """Return the manifest of a period. Raises ExtractsError if the file is not a manifest."""
    path = folder / f"_manifests/{period}.json"
    try:
        found = untrusted.parsed(files.content(folder, f"_manifests/{period}.json") or b"")
    except ValueError as error:
        raise ExtractsError(f"{path} is not a manifest: it is not JSON; move it away.") from error
    if wrong := _wrong(found, _SHAPE, ""):
        raise ExtractsError(f"{path} is not a manifest: {wrong}; move it away.")
    assert isinstance(found, dict)
    return found


def _wrong(value: object, shape: Any, name: str) -> str:
    """Return what is wrong with a value, or an empty text."""
    if isinstance(shape, re.Pattern):
        right = value is None or (isinstance(value, str) and shape.fullmatch(value))
        return "" if right else f"{name} must be a number in quotes"
    if isinstance(shape, type):
        right = untrusted.is_count(value) if shape is int else type(value) is shape
        return "" if right else f"{name} is missing or has a wrong type"
    if not isinstance(value, type(shape)):
        return f"{name or 'it'} is missing or has a wrong type"
    if isinstance(value, list):
        return next((wrong for item in value if (wrong := _wrong(item, shape[0], name))), "")
    assert isinstance(value, dict)
    prefix = f"{name}." if name else ""
    if _ANY in shape:
        shape = dict.fromkeys(value, shape[_ANY])
    checks = (_wrong(value.get(field), inner, f"{prefix}{field}") for field, inner in shape.items())
    return next(filter(None, checks), "")
