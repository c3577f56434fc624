"""Publication: files first, the manifest last, and nothing that is published changes by accident.

The manifest is the commit mark. What lies in the store decides what a run may do:

=============================  ==============================================================================
nothing                        files are created (`If-None-Match: *`), then the manifest
files, no manifest, same       a run was killed between files: they are adopted, the rest is created, the
bytes                          manifest follows
files, no manifest, other      refused. They were never committed, but somebody may have collected them, or
bytes                          another run may be writing them now; `--restate` replaces them, as revision 1
a manifest, same bytes         nothing to write; a file that has gone missing is put back, one that was
                               changed is refused
a manifest, other bytes        refused, saying what differs; `--restate` replaces (`If-Match`) and bumps the
                               revision
=============================  ==============================================================================

So one rule holds throughout: bytes that are there are never replaced without `--restate`.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import cast

from rolling_errors import ExtractError, listed
from rolling_figures import Figures, Totals, plain
from rolling_file import File
from rolling_period import Period, window
from rolling_spec import Extract
from rolling_store import Store, sha256_of

Json = dict[str, object]


@dataclass(frozen=True, slots=True)
class Plan:
    """What a publication will do, decided before its first write."""

    period: Period
    files: tuple[File, ...]
    versions: dict[str, str]  # of the files that are there with other bytes, by place
    missing: tuple[str, ...]  # places where nothing is
    manifest: Json | None  # the one that is there
    manifest_version: str | None
    same: bool  # the manifest that is there describes these very files
    withdrawn: tuple[str, ...]  # places that the old manifest names and the new one will not

    @property
    def revision(self) -> int:
        """The revision that is there, 0 before the first."""
        return cast(int, self.manifest["revision"]) if self.manifest else 0

    @property
    def idle(self) -> bool:
        return self.same and not self.missing and not self.versions


def manifest_place(period: Period) -> str:
    return f"_manifests/{period}.json"


def plan(store: Store, period: Period, files: Sequence[File], *, restate: bool) -> Plan:
    """Compare what would be written with what is there; refuse what must not happen, before anything is
    written.
    """
    place = manifest_place(period)
    version = store.version(place)
    manifest = _parsed(store, place) if version is not None else None
    versions: dict[str, str] = {}
    missing: list[str] = []
    for file in files:
        found = store.version(file.place)
        if found is None:
            missing.append(file.place)
        elif sha256_of(store.read(file.place)) != file.sha256:
            versions[file.place] = found
    old = {str(entry["key"]): entry for entry in _entries(manifest)}
    new = {store.key(file.place): file for file in files}
    same = manifest is not None and {k: e["sha256"] for k, e in old.items()} == {
        k: f.sha256 for k, f in new.items()
    }
    made = Plan(
        period=period,
        files=tuple(files),
        versions=versions,
        missing=tuple(missing),
        manifest=manifest,
        manifest_version=version,
        same=same,
        withdrawn=tuple(sorted(set(old) - set(new))),
    )
    if not restate:
        _refuse_other_bytes(store, made, old, new)
    return made


def _refuse_other_bytes(store: Store, made: Plan, old: dict[str, Json], new: dict[str, File]) -> None:
    if made.manifest is None and made.versions:
        raise ExtractError(
            f"{_names(sorted(made.versions))} {_is_are(len(made.versions))} there with other bytes and no"
            " manifest, left by a run that did not finish or written by another hand;"
            " start with --restate to replace",
            kind="already_published",
        )
    if made.manifest is not None and not made.same:
        raise ExtractError(
            f"already published with other bytes ({_revision(made)}): {_difference(old, new)};"
            " start with --restate to replace",
            kind="already_published",
        )
    if made.same and made.versions:
        raise ExtractError(
            f"{_names(sorted(made.versions))} {_is_are(len(made.versions))} not what the manifest says"
            f" ({_revision(made)}); start with --restate to write it again",
            kind="already_published",
        )


def publish(store: Store, made: Plan, manifest: Json, scratch: Path) -> str:
    """Carry out a plan and say what was done.

    The manifest comes last, on the condition that it is still the one that was seen.
    """
    if made.idle:
        return nothing_to_write(made)
    for file in made.files:
        version = made.versions.get(file.place)
        if version is not None:
            done = store.replace(file.place, file.path, file.sha256, version)
        elif file.place in made.missing:
            done = store.create(file.place, file.path, file.sha256)
        else:
            continue  # there, and with these bytes
        if not done and (
            store.version(file.place) is None or sha256_of(store.read(file.place)) != file.sha256
        ):
            raise ExtractError(
                f"{_names([file.place])} was written by another run meanwhile; start this one again when"
                " that has ended",
                kind="already_published",
            )
    if made.same and not made.versions:
        return f"put back {len(made.missing)} missing of {_files(len(made.files))}; {_revision(made)} stands"
    body = scratch / f"{made.period}.json"
    data = (json.dumps(manifest, indent=2, ensure_ascii=False) + "\n").encode()
    body.write_bytes(data)
    digest = hashlib.sha256(data).hexdigest()
    place = manifest_place(made.period)
    if made.manifest_version is None:
        done = store.create(place, body, digest)
    else:
        done = store.replace(place, body, digest, made.manifest_version)
    # An answer that got lost is asked for again, and then our own manifest stands in the way. It bears this
    # run's id, so nobody else can have written these bytes.
    if not done and (store.version(place) is None or sha256_of(store.read(place)) != digest):
        raise ExtractError(
            "another run wrote the manifest meanwhile; start this one again to compare with what it"
            " published",
            kind="already_published",
        )
    lines = sum(file.rows for file in made.files)
    verb = "restated" if made.manifest is not None else "published"
    count = f"{_files(len(made.files))}, {lines} {'line' if lines == 1 else 'lines'}"
    return f"{verb}: {count}, revision {made.revision + 1}"


def nothing_to_write(made: Plan) -> str:
    return f"nothing to write: {made.period} is already published with the same bytes ({_revision(made)})"


def forecast(made: Plan) -> str:
    """What `publish` would do, for a dry run."""
    if made.idle:
        return nothing_to_write(made)
    lines = sum(file.rows for file in made.files)
    if made.same and not made.versions:
        return f"would put back {len(made.missing)} missing of {_files(len(made.files))}"
    return (
        f"would write {len(made.missing)} new and replace {len(made.versions)} of"
        f" {_files(len(made.files))}, {lines} lines,"
        f" as revision {made.revision + 1}"
    )


@dataclass(frozen=True, slots=True)
class Run:
    """What the manifest says about the run that wrote it."""

    run_id: str
    engine_version: str
    published_at: str
    reason: str | None
    complete: bool
    notes: tuple[str, ...] = ()  # what whoever reads the figures must know about their source


def manifest(spec: Extract, store: Store, made: Plan, figures: Figures, run: Run) -> Json:
    """The record of a publication. Sums are strings: a JSON number would be a float to most who read it."""
    first, outside = window(made.period, spec.window_months)
    orphans, source = figures.orphan_totals(made.period), figures.source_totals(made.period)
    remarks: Json = {"notes": list(run.notes)} if run.notes else {}
    if spec.where is not None:
        remarks["where"] = spec.where
    return {
        "period": str(made.period),
        "window": {
            "start": first.isoformat(),
            "end": (outside - timedelta(days=1)).isoformat(),
            "months": spec.window_months,
            "time_zone": spec.time_zone,
        },
        "revision": made.revision + 1,
        "complete": run.complete,
        "reason": run.reason,
        "files": [
            {
                "key": store.key(file.place),
                "recipient": file.recipient,
                "bytes": file.bytes,
                "rows": file.rows,
                "sha256": file.sha256,
                "totals": _totals(file.totals),
            }
            for file in made.files
        ],
        "withdrawn": list(made.withdrawn),
        "totals": _totals(sum((file.totals for file in made.files), Totals())),
        "orphans": {**_totals(orphans), "undated_rows": figures.facts.undated.rows},
        "groups_without_recipient": figures.facts.strays,
        **remarks,
        "source": _totals(source),
        "snapshot_time": figures.facts.snapshot_time,
        "published_at": run.published_at,
        "engine_version": run.engine_version,
        "run_id": run.run_id,
    }


def _totals(totals: Totals) -> Json:
    return {"rows": totals.rows, "count": totals.values, "sum": plain(totals.total)}


def _parsed(store: Store, place: str) -> Json:
    try:
        found = json.loads(b"".join(store.read(place)))
        _ = found["revision"] + 1, [(entry["key"], entry["sha256"]) for entry in found["files"]]
    except (ValueError, KeyError, TypeError):
        raise ExtractError(
            f"{store.key(place)} is there but is no manifest; move it away", kind="store"
        ) from None
    return cast(Json, found)


def _entries(manifest: Json | None) -> list[Json]:
    return cast(list[Json], manifest["files"]) if manifest else []


def _revision(made: Plan) -> str:
    assert made.manifest is not None
    return f"revision {made.revision}, {str(made.manifest.get('published_at', 'date unknown'))[:10]}"


def _difference(old: dict[str, Json], new: dict[str, File]) -> str:
    """Which files differ and by how much, shortest first thing that a person would ask."""
    parts = []
    for key in sorted(set(old) | set(new)):
        name = key.rpartition("/")[2]
        if key not in new:
            parts.append(f"{name} would be gone")
        elif key not in old:
            parts.append(f"{name} would be new")
        elif old[key]["sha256"] != new[key].sha256:
            before, after = cast(dict[str, object], old[key].get("totals", {})), _totals(new[key].totals)
            changes = [
                f"{what} {was} -> {now}"
                for what, was, now in (
                    ("lines", old[key].get("rows"), new[key].rows),
                    ("count", before.get("count"), after["count"]),
                    ("sum", before.get("sum"), after["sum"]),
                )
                if was != now
            ]
            parts.append(f"{name} differs ({', '.join(changes) or 'same totals, other text'})")
    return listed(parts)


def _names(places: list[str]) -> str:
    return listed([place.rpartition("/")[2] for place in places])


def _is_are(count: int) -> str:
    return "is" if count == 1 else "are"


def _files(count: int) -> str:
    return f"{count} {'file' if count == 1 else 'files'}"
