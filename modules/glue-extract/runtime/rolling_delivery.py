"""Publication: files first, the manifest last, and nothing that is published changes by accident.

The manifest is the commit mark: while it is there, every file that it names is there with the bytes that it
says. What lies in the store decides what a run may do:

=============================  ==============================================================================
nothing                        files are created (`If-None-Match: *`), then the manifest
a claim, no manifest           a run was killed, or is under way: the claim is taken over. What is there with
                               the right bytes is adopted, what the claim names is replaced, the rest created
files, neither claim nor       refused if their bytes are others. No run of ours left them, so somebody may
manifest                       have collected them; `--restate` replaces them, as revision 1
a manifest, same bytes         nothing to write; a file that has gone missing is put back, one that was
                               changed is refused
a manifest, other bytes        refused, saying what differs; `--restate` withdraws the manifest, replaces the
                               files (`If-Match`), removes what is nobody's any more, and writes the manifest
                               of the next revision
=============================  ==============================================================================

So bytes that are there are never replaced without `--restate`, unless no manifest ever vouched for them.

How it stays whole, whoever is killed or runs at the same time:

1. *Claim.* A run first writes the manifest-to-be to `_manifests/<period>.claim`, on the condition that no
   other run has done so since it looked. No two claims have the same bytes: they bear their run's id. The
   claim stays, so that there is always one to hold the condition against; once it is what the manifest is,
   it is settled.
2. *Withdraw.* Before a restatement touches the first file it removes the manifest, which names the old
   files. Between two revisions the month is not published, for everybody: whoever waits for the manifest
   waits, the push to a recipient is not started, and should the run be killed, the check for months that are
   missing mails. Versioning keeps what was removed. A claim under another name would not do, because the
   old manifest would name files that differ; nor would a manifest that says "wait", because those who look
   only for its being there, as both of the above do, would take it for a publication.
3. *Files*, each under a condition. One that loses it finds out whose the claim is: its own, then it writes
   over what an older claim's run wrote there in the last moment; else it ends.
4. *Commit.* The store copies the claim to the manifest's place (`x-amz-copy-source-if-match`), if it is
   still this run's claim and if nothing is there. So only the run that holds the claim can publish, and a
   run that lost it cannot, however long it slept between looking and asking.

Whoever finds a claim that is not settled takes it over at once, dead or alive its owner: a lease would
leave a month that nobody may repair until it has run out. An owner that lives ends with a sentence at its
next step. One request of its may still be on its way, and each has a condition that fails by then: a
manifest and a claim are never twice the same, a file has been written by the new owner. The one file that
could be as the old owner saw it is a file that the old owner meant to change and the new one leaves as it
is; its bytes are written again so that they have another tag (`Store.retag`). An order to restate outlives
its run: the next run, with or without `--restate`, carries it out, for the reason that was given.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import cast

import rolling_forged
from rolling_errors import ExtractError, listed, quoted
from rolling_figures import Figures, Totals, plain, rounded
from rolling_file import File
from rolling_log import log
from rolling_period import Period, window
from rolling_spec import Extract
from rolling_store import Store, sha256_of

Json = dict[str, object]

_TRIES = 5  # for a file that an owner before us writes in the same moment; it has one such write at most


@dataclass(frozen=True, slots=True)
class Plan:
    """What a publication will do, decided before its first write."""

    period: Period
    files: tuple[File, ...]
    versions: dict[str, str]  # of the files that are there, by place
    differing: frozenset[str]  # places where other bytes are
    contested: frozenset[str]  # places that the claim's run meant to change and this one leaves as they are
    manifest: Json | None  # the one that is there
    manifest_version: str | None
    claim: Json | None  # the one that is there and not settled
    claim_version: str | None  # also of one that is settled
    withdrawn: tuple[str, ...]  # keys under which a file of ours is, or may be by then, and shall not
    same: bool  # the manifest that is there describes these very files

    @property
    def missing(self) -> tuple[str, ...]:
        return tuple(file.place for file in self.files if file.place not in self.versions)

    @property
    def committed(self) -> Json | None:
        """What was published last: the manifest, or what a claim remembers of the one that it withdrew."""
        if self.manifest is not None or self.claim is None:
            return self.manifest
        return cast("Json | None", self.claim.get("replaces"))

    @property
    def revision(self) -> int:
        """The revision that was published last, 0 before the first."""
        return cast(int, self.committed["revision"]) if self.committed else 0

    @property
    def idle(self) -> bool:
        return self.same and not self.missing and not self.differing

    @property
    def reason(self) -> str | None:
        """Why a run before this one was to restate, if it did not come to its end."""
        return cast("str | None", self.claim.get("reason")) if self.claim else None


def manifest_place(period: Period) -> str:
    return f"_manifests/{period}.json"


def claim_place(period: Period) -> str:
    """No `.json`: what looks for manifests must not find it."""
    return f"_manifests/{period}.claim"


def plan(store: Store, period: Period, files: Sequence[File], *, restate: bool) -> Plan:
    """Compare what would be written with what is there; refuse what must not happen, before anything is
    written.
    """
    # The claim's version before all else: if it is still that one when this run claims, no other run has
    # begun since, and what is read here still holds.
    claim_version = store.version(claim_place(period))
    claim = rolling_forged.read(store, claim_place(period)) if claim_version is not None else None
    manifest_version = store.version(manifest_place(period))
    manifest = rolling_forged.read(store, manifest_place(period)) if manifest_version is not None else None
    if claim == manifest or (manifest is not None and claim and claim.get("replaces") != _kept(manifest)):
        # Settled; or its run came too late, saw the manifest that another had written meanwhile, and ended.
        claim = None
    versions: dict[str, str] = {}
    differing = set()
    for file in files:
        store.check(file.place)
        found = store.version(file.place)
        if found is not None:
            versions[file.place] = found
            if sha256_of(store.read(file.place)) != file.sha256:
                differing.add(file.place)
    new = {store.key(file.place): file.sha256 for file in files}
    claimed = _claimed(claim)
    replaces = manifest or (cast("Json | None", claim.get("replaces")) if claim else None)
    # Also what is not there: the claim's run may go on to write it until this run has the claim.
    stray = set(claimed) - set(new)
    made = Plan(
        period=period,
        files=tuple(files),
        versions=versions,
        differing=frozenset(differing),
        contested=frozenset(
            file.place
            for file in files
            if file.place in versions
            and file.place not in differing
            and claimed.get(store.key(file.place), file.sha256) != file.sha256
        ),
        manifest=manifest,
        manifest_version=manifest_version,
        claim=claim,
        claim_version=claim_version,
        withdrawn=tuple(sorted((set(_digests(replaces)) - set(new)) | stray)),
        same=manifest is not None and _digests(manifest) == new,
    )
    refusal = None if restate else refused(store, made)
    if refusal:
        raise ExtractError(f"{refusal}; start with --restate to replace", kind="already_published")
    return made


def refused(store: Store, made: Plan) -> str | None:
    """Why this must not be published unless it was asked to restate; None where nothing stands against it."""
    names, are = _names(sorted(made.differing)), _is_are(len(made.differing))
    if made.claim is not None and not made.idle:
        # Bytes that no manifest vouches for, or that a run before this one was ordered to replace.
        ours = {*_claimed(made.claim), *_digests(made.committed)}
        foreign = sorted(place for place in made.differing if store.key(place) not in ours)
        if not foreign:
            return None
        names, are = _names(foreign), _is_are(len(foreign))
    elif made.manifest is not None and not made.same:
        difference = _difference(made.manifest, {store.key(file.place): file for file in made.files})
        return f"already published with other bytes ({_revision(made)}): {difference}"
    elif made.same and made.differing:
        return f"{names} {are} not what the manifest says ({_revision(made)})"
    elif not made.differing:
        return None
    return (
        f"{names} {are} there with other bytes and no manifest, written by another hand or by a run that left"
        " no claim"
    )


def publish(store: Store, made: Plan, manifest: Json, scratch: Path) -> str:
    """Carry out a plan and say what was done."""
    if made.idle:
        return nothing_to_write(made)
    if made.same and not made.differing:
        for file in made.files:
            if file.place in made.missing and not store.create(file.place, file.path, file.sha256):
                _expect(store, file)
        return f"put back {len(made.missing)} missing of {_files(len(made.files))}; {_revision(made)} stands"
    claim = _Claim.make(store, made, manifest, scratch)
    if store.keeps_replaced is False and (made.differing or made.withdrawn):
        what = "the bucket has no versioning: what this restatement replaces is lost"
        log("nothing_kept", what, level="warning", period=str(made.period))
    claim.withdraw(made)
    for file in made.files:
        claim.write(made, file)
    for key in made.withdrawn:
        claim.remove(store.place(key))
    claim.commit()
    lines = sum(file.rows for file in made.files)
    verb = "restated" if made.committed is not None else "published"
    count = f"{_files(len(made.files))}, {lines} {'line' if lines == 1 else 'lines'}"
    return f"{verb}: {count}, revision {made.revision + 1}"


@dataclass(frozen=True, slots=True)
class _Claim:
    """The right to publish a period, for as long as no other run takes it."""

    store: Store
    period: Period
    version: str
    sha256: str

    @classmethod
    def make(cls, store: Store, made: Plan, manifest: Json, scratch: Path) -> _Claim:
        body = scratch / f"{made.period}.json"
        data = (json.dumps(manifest, indent=2, ensure_ascii=False) + "\n").encode()
        body.write_bytes(data)
        digest = hashlib.sha256(data).hexdigest()
        place = claim_place(made.period)
        if made.claim_version is None:
            store.create(place, body, digest)
        else:
            store.replace(place, body, digest, made.claim_version)
        # Read in any case: an answer that got lost is asked for again, and then our own claim stands in the
        # way. It bears this run's id, so nobody else can have written these bytes.
        version = store.version(place)
        if version is None or sha256_of(store.read(place)) != digest:
            raise _lost(made.period)
        return cls(store, made.period, version, digest)

    def check(self) -> None:
        if self.store.version(claim_place(self.period)) != self.version:
            raise _lost(self.period)

    def withdraw(self, made: Plan) -> None:
        """Take the manifest away, on the condition that it is still the one that was seen.

        Looked at again, because an owner before us may have taken it away, or may have put its own there just
        before it lost its claim.
        """
        place = manifest_place(self.period)
        version = self.store.version(place)
        if version is None:
            return
        if version != made.manifest_version or not (
            self.store.remove(place, version) or self.store.version(place) is None
        ):
            raise _lost(self.period)

    def write(self, made: Plan, file: File) -> None:
        version = made.versions.get(file.place)
        if version is not None and file.place not in made.differing | made.contested:
            return  # there, and with these bytes
        put = self.store.retag if file.place in made.contested else self.store.replace
        for _ in range(_TRIES):
            if version is None:
                done = self.store.create(file.place, file.path, file.sha256)
                self._check_created(file)
            else:
                done = put(file.place, file.path, file.sha256, version)
                self.check()
            if done:
                return
            version, put = self.store.version(file.place), self.store.replace
            if version is not None and sha256_of(self.store.read(file.place)) == file.sha256:
                return
        raise ExtractError(
            f"{_names([file.place])} is written by another hand again and again; start this run again when"
            " that has ended",
            kind="already_published",
        )

    def _check_created(self, file: File) -> None:
        """A file made in the very moment when another run took over goes again, unless that run wants one."""
        place = claim_place(self.period)
        if self.store.version(place) == self.version:
            return
        version = self.store.version(file.place)
        if version is not None and self.store.key(file.place) not in _digests(
            rolling_forged.read(self.store, place)
        ):
            self.store.remove(file.place, version)
        raise _lost(self.period)

    def remove(self, place: str) -> None:
        self.check()
        version = self.store.version(place)
        if version is not None and not self.store.remove(place, version) and self.store.version(place):
            raise _lost(self.period)

    def commit(self) -> None:
        place = manifest_place(self.period)
        done = self.store.commit(claim_place(self.period), self.version, place)
        # Again, the answer to a commit that went through may have got lost.
        if not done and (
            self.store.version(place) is None or sha256_of(self.store.read(place)) != self.sha256
        ):
            raise _lost(self.period)


def _lost(period: Period) -> ExtractError:
    return ExtractError(
        f"another run has begun to publish {period} meanwhile; when that has ended, start this one again to"
        " compare with what it published",
        kind="already_published",
    )


def _expect(store: Store, file: File) -> None:
    """What was not written because something was there must be these very bytes."""
    if store.version(file.place) is None or sha256_of(store.read(file.place)) != file.sha256:
        raise ExtractError(
            f"{_names([file.place])} was written by another run meanwhile; start this one again when"
            " that has ended",
            kind="already_published",
        )


def difference(store: Store, period: Period, files: Sequence[File]) -> str:
    """How what is published of a period differs from these files; empty if it does not."""
    published = rolling_forged.read(store, manifest_place(period))
    new = {store.key(file.place): file for file in files}
    if _digests(published) == {key: file.sha256 for key, file in new.items()}:
        return ""
    return _difference(published, new)


def swings(spec: Extract, store: Store, made: Plan) -> tuple[str, ...]:
    """Whose figure as a whole is more than `swing_factor` times last month's, or less than that part of it.

    For min and max it is the sum, because the manifest has no more.
    """
    before = made.period.shift(-1)
    if spec.swing_factor is None or store.version(manifest_place(before)) is None:
        return ()
    factor = Fraction(str(spec.swing_factor))
    last = {
        str(entry.get("recipient")): entry
        for entry in _entries(rolling_forged.read(store, manifest_place(before))).values()
    }
    found = []
    for file in made.files:
        if file.recipient not in last:
            continue
        then = cast("dict[str, str]", last[file.recipient].get("totals", {}))
        if not {"rows", "count", "sum"} <= then.keys():
            raise rolling_forged.no_manifest(
                store, manifest_place(before), f"the file of {quoted(file.recipient)} has no totals"
            )
        old = Totals(int(then["rows"]), int(then["count"]), Decimal(then["sum"]))
        was, now = _whole(spec, old), _whole(spec, file.totals)
        same_sign = was * now > 0
        if was != now and not (same_sign and abs(was) <= abs(now) * factor and abs(now) <= abs(was) * factor):
            label = {"avg": spec.figure_label, "count": spec.count_label}.get(spec.aggregate, spec.sum_label)
            found.append(
                f"{label} of {quoted(file.recipient)} went from {_spoken(spec, old)} in {before} to"
                f" {_spoken(spec, file.totals)}, by more than the factor {spec.swing_factor}"
            )
    return tuple(found)


def _whole(spec: Extract, totals: Totals) -> Fraction:
    match spec.aggregate:
        case "count":
            return Fraction(totals.values)
        case "avg":
            return Fraction(totals.total) / max(totals.values, 1)
        case _:
            return Fraction(totals.total)


def _spoken(spec: Extract, totals: Totals) -> str:
    match spec.aggregate:
        case "count":
            return str(totals.values)
        case "avg":
            return rounded(totals.total, max(totals.values, 1), spec.scale)
        case _:
            return rounded(totals.total, 1, spec.scale)


def nothing_to_write(made: Plan) -> str:
    return f"nothing to write: {made.period} is already published with the same bytes ({_revision(made)})"


def forecast(store: Store, made: Plan) -> str:
    """What `publish` would do and how it differs from what is there, for a dry run."""
    if made.idle:
        return nothing_to_write(made)
    if made.same and not made.differing:
        return f"would put back {len(made.missing)} missing of {_files(len(made.files))}"
    lines = sum(file.rows for file in made.files)
    text = (
        f"would write {len(made.missing)} new, replace {len(made.differing)} and remove"
        f" {len(made.withdrawn)} of {_files(len(made.versions) + len(made.missing) + len(made.withdrawn))},"
        f" {lines} {'line' if lines == 1 else 'lines'}, as revision {made.revision + 1}"
    )
    if made.committed is not None:
        text += f": {_difference(made.committed, {store.key(file.place): file for file in made.files})}"
    return text + ("; only with --restate" if refused(store, made) else "")


@dataclass(frozen=True, slots=True)
class Run:
    """What the manifest says about the run that wrote it."""

    run_id: str
    engine_version: str
    published_at: str
    reason: str | None
    complete: bool
    notes: tuple[str, ...] = ()  # what whoever reads the figures must know about their source
    warnings: tuple[str, ...] = ()  # what whoever reads the figures should look at
    late_data: Mapping[str, str] = field(default_factory=dict)  # earlier period to how it would differ now


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
        "reason": run.reason or made.reason,
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
        **_replaces(made),
        "totals": _totals(sum((file.totals for file in made.files), Totals())),
        "orphans": {**_totals(orphans), "undated_rows": figures.facts.undated.rows},
        "groups_without_recipient": figures.facts.strays,
        **remarks,
        "warnings": list(run.warnings),
        "late_data": [{"period": earlier, "difference": text} for earlier, text in run.late_data.items()],
        "source": _totals(source),
        "snapshot_time": figures.facts.snapshot_time,
        "published_at": run.published_at,
        "engine_version": run.engine_version,
        "run_id": run.run_id,
    }


def _totals(totals: Totals) -> Json:
    return {"rows": totals.rows, "count": totals.values, "sum": plain(totals.total)}


def _replaces(made: Plan) -> Json:
    """What the revision before held. Should the run be killed, the next one has it from the claim."""
    return {} if made.committed is None else {"replaces": _kept(made.committed)}


def _kept(manifest: Json) -> Json:
    """What a later manifest tells of this one."""
    return {name: manifest.get(name) for name in ("revision", "published_at", "run_id", "files")}


def _digests(manifest: Json | None) -> dict[str, object]:
    """Key to SHA-256 of the files that a manifest names."""
    return {str(key): entry["sha256"] for key, entry in _entries(manifest).items()}


def _entries(manifest: Json | None) -> dict[str, Json]:
    return {str(entry["key"]): entry for entry in cast(list[Json], manifest["files"])} if manifest else {}


def _claimed(claim: Json | None) -> dict[str, object]:
    """Every key that a claim's run may have touched, and what it meant to leave there: a SHA-256, or None."""
    if claim is None:
        return {}
    gone = cast(list[str], claim.get("withdrawn", []))
    return {**dict.fromkeys(gone), **_digests(claim)}


def _revision(made: Plan) -> str:
    assert made.committed is not None
    return f"revision {made.revision}, {str(made.committed.get('published_at', 'date unknown'))[:10]}"


def _difference(manifest: Json, new: dict[str, File]) -> str:
    """Which files differ and by how much, shortest first thing that a person would ask."""
    old, parts = _entries(manifest), []
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
