"""The manifest of a period: what it says, and what is believed of one that is there."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, cast

from rolling_errors import ExtractError, listed
from rolling_file import File
from rolling_period import Period
from rolling_result import Result
from rolling_store import Store
from rolling_totals import Totals

if TYPE_CHECKING:
    from rolling_publication import Plan

Json = dict[str, object]


def manifest_place(period: Period) -> str:
    return f"_manifests/{period}.json"


def claim_place(period: Period) -> str:
    """No `.json`: what looks for manifests must not find it."""
    return f"_manifests/{period}.claim"


@dataclass(frozen=True, slots=True)
class Run:
    """What the manifest says about the run that wrote it."""

    run_id: str
    engine_version: str
    published_at: str
    reason: str | None
    complete: bool
    notes: tuple[str, ...] = ()  # what a reader of the values must know about their source
    warnings: tuple[str, ...] = ()  # what a reader of the values should look at
    late_data: Mapping[str, str] = field(default_factory=dict)  # earlier period to how it would differ now


def manifest(store: Store, made: Plan, result: Result, files: Totals, run: Run) -> Json:
    """Return the record of a publication. `files` are the totals of all its files.

    Sums are strings: most readers would make a JSON number a float.
    """
    resolved, period = result.resolved, made.period
    first, outside = result.span.days(period)
    return {
        "period": str(period),
        "window": {
            "start": first.isoformat(),
            "end": (outside - timedelta(days=1)).isoformat(),
            "time_zone": resolved.time_zone,
        },
        "revision": made.revision + 1,
        "complete": run.complete,
        "reason": run.reason or made.reason,
        "files": [
            {
                "key": store.key(file.place),
                "recipient": file.recipient,
                "bytes": file.bytes,
                "rows": file.rows,
                "sha256": file.sha256,
                "totals": file.totals.as_json(),
            }
            for file in made.files
        ],
        "withdrawn": list(made.withdrawn),
        **replaces(made),
        "totals": files.as_json(),
        "orphans": result.orphans(period).totals.as_json(),
        "excluded": result.excluded(period).totals.as_json(),
        "undated_rows": result.undated,
        "groups_without_recipient": result.facts.strays,
        **({"expressions": dict(resolved.texts)} if resolved.texts else {}),
        **({"notes": list(run.notes)} if run.notes else {}),
        "warnings": list(run.warnings),
        "late_data": [{"period": earlier, "difference": text} for earlier, text in run.late_data.items()],
        "source": result.control(period).totals.as_json(),
        "snapshot_time": result.snapshot_time,
        "published_at": run.published_at,
        "engine_version": run.engine_version,
        "run_id": run.run_id,
    }


def read(store: Store, place: str) -> Json:
    try:
        found = json.loads(b"".join(store.read(place)))
        _check_manifest(store, found)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        why = f": {error}" if isinstance(error, _Untrue) else ""
        raise ExtractError(
            f"{store.key(place)} is there but is no manifest{why}; move it away", kind="store"
        ) from None
    return cast(Json, found)


class _Untrue(ValueError):
    """What no run of ours writes into a manifest."""


def _check_manifest(store: Store, found: Json) -> None:
    """Nothing that a manifest says is taken on trust: a restatement removes the files that it names."""
    before = found.get("replaces") or {"revision": 1, "files": []}
    for one in (found, cast(Json, before)):
        if type(one["revision"]) is not int or one["revision"] < 1:
            raise _Untrue(f"its revision is {one['revision']}")
        for entry in cast(list[Json], one["files"]):
            _check_key(store, entry["key"])
            _ = entry["sha256"]
    for key in cast(list[object], found.get("withdrawn", [])):
        _check_key(store, key)


def _check_key(store: Store, key: object) -> None:
    try:
        wrong = not isinstance(key, str) or not is_file_place(store.place(key))
    except ExtractError as error:
        raise _Untrue(error.sentence) from None
    if wrong:
        raise _Untrue(f"it names {key} as a file")


def is_file_place(place: str) -> bool:
    """Return whether a file may have this place: spelled without `.`, `..` and empty parts.

    Otherwise `./_manifests/2026-08.json` would be another month's manifest. Some file systems ignore case.
    """
    parts = place.split("/")
    return not {"", ".", ".."} & set(parts) and parts[0].casefold() != "_manifests"


def replaces(made: Plan) -> Json:
    """What the revision before held. Should the run be killed, the next one has it from the claim."""
    return {} if made.committed is None else {"replaces": kept(made.committed)}


def kept(manifest: Json) -> Json:
    """What a later manifest tells of this one."""
    return {name: manifest.get(name) for name in ("revision", "published_at", "run_id", "files")}


def digests(manifest: Json | None) -> dict[str, object]:
    """Key to SHA-256 of the files that a manifest names."""
    return {str(key): entry["sha256"] for key, entry in entries(manifest).items()}


def entries(manifest: Json | None) -> dict[str, Json]:
    return {str(entry["key"]): entry for entry in cast(list[Json], manifest["files"])} if manifest else {}


def touched(claim: Json | None) -> dict[str, object]:
    """Every key that a claim's run may have touched, and what it meant to leave there: a SHA-256, or None."""
    if claim is None:
        return {}
    gone = cast(list[str], claim.get("withdrawn", []))
    return {**dict.fromkeys(gone), **digests(claim)}


def told(manifest: Json, new: Mapping[str, File]) -> str:
    """Return which files differ from the manifest's and by how much."""
    old, parts = entries(manifest), []
    for key in sorted(set(old) | set(new)):
        name = key.rpartition("/")[2]
        if key not in new:
            parts.append(f"{name} would be gone")
        elif key not in old:
            parts.append(f"{name} would be new")
        elif old[key]["sha256"] != new[key].sha256:
            changes = _changes(old[key], new[key])
            parts.append(f"{name} differs ({', '.join(changes) or 'same totals, other text'})")
    return listed(parts)


def metrics_of(entry: Json) -> Mapping[str, Mapping[str, object]]:
    """Return the totals of each metric of a file that a manifest names. Version 1 had none by metric."""
    totals = cast(Json, entry.get("totals") or {})
    return cast("Mapping[str, Mapping[str, object]]", totals.get("metrics") or {})


def _changes(entry: Json, file: File) -> list[str]:
    """Return the totals that differ. Metrics of the same values are named once."""
    changes = [f"rows {entry.get('rows')} -> {file.rows}"] if entry.get("rows") != file.rows else []
    seen = set()
    before = metrics_of(entry)
    for name, now in file.totals.metrics.items():
        was = before.get(name)
        if was is None or (change := (was.get("count"), was.get("sum"), now)) in seen:
            continue
        seen.add(change)
        if was.get("count") != now.count:
            changes.append(f"count of {name} {was.get('count')} -> {now.count}")
        if was.get("sum") != now.sum:
            changes.append(f"sum of {name} {was.get('sum')} -> {now.sum}")
    return changes
