"""The manifest of a period: its content, and comparisons with an existing manifest."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, cast

from rolling_errors import listed, quoted
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
    """Return the place of a claim. Readers of manifests ignore it, because it does not end with `.json`."""
    return f"_manifests/{period}.claim"


@dataclass(frozen=True, slots=True)
class Run:
    """Facts about the run that writes a manifest."""

    run_id: str
    engine_version: str
    published_at: str
    reason: str | None
    complete: bool
    notes: tuple[str, ...] = ()  # facts about the source that a reader of the values must know
    warnings: tuple[str, ...] = ()  # unusual results that a reader should check
    # For each earlier period with late data: how its files would differ now.
    late_data: Mapping[str, str] = field(default_factory=dict)


def manifest(store: Store, made: Plan, result: Result, files: Totals, run: Run) -> Json:
    """Return the manifest of a publication. `files` has the totals over all files.

    Sums are strings, because most programs would read a JSON number as a float.
    """
    resolved, period = result.resolved, made.period
    first, outside = result.span.days(period)
    keys = result.facts.recipient_keys
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
                **({} if (key := keys.get(file.recipient)) is None else {"recipient_key": key}),
                "bytes": file.bytes,
                "rows": file.rows,
                "sha256": file.sha256,
                "totals": file.totals.as_json(),
                **({} if file.encryption is None else {"encryption": file.encryption.as_json()}),
            }
            for file in made.files
            if not file.marker
        ],
        **_markers(store, made),
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


def _markers(store: Store, made: Plan) -> Json:
    found = [
        {"key": store.key(file.place), "recipient": file.recipient, "sha256": file.sha256}
        for file in made.files
        if file.marker
    ]
    return {"markers": found} if found else {}


def replaces(made: Plan) -> Json:
    """Return the field `replaces` of a claim and a manifest: the replaced revision.

    If this run is killed, the next run finds the replaced revision in the claim.
    """
    return {} if made.committed is None else {"replaces": kept(made.committed)}


def kept(manifest: Json) -> Json:
    """Return the fields of a manifest that are repeated in the field `replaces` of the next manifest."""
    names = ("revision", "published_at", "run_id", "files", "markers")
    return {name: manifest.get(name) for name in names if name != "markers" or name in manifest}


def digests(manifest: Json | None) -> dict[str, object]:
    """Return the SHA-256 of each file and marker in a manifest, by key."""
    markers = cast("list[Json]", (manifest or {}).get("markers") or [])
    return {str(entry["key"]): entry["sha256"] for entry in [*entries(manifest).values(), *markers]}


def entries(manifest: Json | None) -> dict[str, Json]:
    return {str(entry["key"]): entry for entry in cast(list[Json], manifest["files"])} if manifest else {}


def touched(claim: Json | None) -> dict[str, object]:
    """Return the keys that may be changed by the run that wrote the claim.

    Each key has the SHA-256 of its new file, or None if the run removes the file.
    """
    if claim is None:
        return {}
    gone = cast(list[str], claim.get("withdrawn", []))
    return {**dict.fromkeys(gone), **digests(claim)}


def told(manifest: Json, new: Mapping[str, File]) -> str:
    """Describe how new files differ from the files in a manifest. Mention markers only if no file differs."""
    old, parts = entries(manifest), []
    new = {key: file for key, file in new.items() if not file.marker}
    added = {file.recipient: key for key, file in new.items() if key not in old}
    moved = {key: added.get(str(old[key].get("recipient"))) for key in old if key not in new}
    for key in sorted((set(old) | set(new)) - set(moved.values())):
        name = quoted(key.rpartition("/")[2])
        if after := moved.get(key):
            other = quoted(after.rpartition("/")[2])
            moves = f"becomes {other}" if other != name else "moves to another folder"
            changes = [moves, *_changes(old[key], new[after])]
            parts.append(f"{name} {', '.join(changes)}")
        elif key not in new:
            parts.append(f"{name} would be removed")
        elif key not in old:
            parts.append(f"{name} would be added")
        elif old[key]["sha256"] != new[key].sha256:
            changes = _changes(old[key], new[key])
            parts.append(f"{name} differs ({', '.join(changes) or 'same totals, different text'})")
    return listed(parts) or "the markers differ"


def metrics_of(entry: Json) -> Mapping[str, Mapping[str, object]]:
    """Return the totals of a file in a manifest, keyed by metric. Version 1 of a manifest has no totals."""
    totals = cast(Json, entry.get("totals") or {})
    return cast("Mapping[str, Mapping[str, object]]", totals.get("metrics") or {})


def _changes_of_encryption(was: Json | None, file: File) -> list[str]:
    now = file.encryption
    if was is None or now is None:
        return [] if was is None and now is None else ["encrypted" if now else "no longer encrypted"]
    for what, after in (("keys", now.keys), ("subkeys", now.subkeys)):
        before = cast("list[str]", was.get(what) or [])
        if before != [*after]:
            return [f"PGP {what} {_ids(before)} -> {_ids(after)}"]
    if was.get("armor") != now.armor:
        return ["different armor"]
    if was.get("sha256") == now.sha256:
        return [
            "the content is the same, but it is encrypted again, because the file in the target is missing or"
            " changed, or the period is restated"
        ]
    return []


def _ids(fingerprints: Sequence[str]) -> str:
    """Return the last 16 digits of each fingerprint. People compare keys by these digits."""
    return listed([one[-16:] for one in fingerprints]) or "none"


def _changes(entry: Json, file: File) -> list[str]:
    """Describe changes of totals and encryption. Equal changes of several metrics are described once."""
    changes = [f"rows {entry.get('rows')} -> {file.rows}"] if entry.get("rows") != file.rows else []
    changes += _changes_of_encryption(cast("Json | None", entry.get("encryption")), file)
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
