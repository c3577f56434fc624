"""Publication: files first, the manifest last, and nothing that is published changes by accident.

A period is published when its manifest exists; then every file that it names exists with the bytes that it
names. The content of the target decides what a run may do:

=============================  ==============================================================================
nothing                        Create the files (`If-None-Match: *`), then the manifest.
a claim, no manifest           Another run was killed or still runs: take over its claim. Keep files with the
                               right bytes, replace files that the claim names, create the rest.
files, neither claim nor       Refuse if their bytes differ: no run wrote them, and a recipient may have
manifest                       collected them. With `--restate`, replace them as revision 1.
a manifest, same bytes         Write nothing. Put back a missing file; refuse if a file was changed.
a manifest, other bytes        Refuse, and say what differs. With `--restate`, withdraw the manifest, replace
                               the files (`If-Match`), remove files that no longer exist, and write the
                               manifest of the next revision.
=============================  ==============================================================================

So existing bytes are never replaced without `--restate`, unless no manifest ever named them.

Four steps keep this true if runs are killed or run at the same time:

1. *Claim.* A run writes the future manifest to `_manifests/<period>.claim`, on the condition that the claim
   is still the one that it read. Two claims never have the same bytes, because each contains its run's ID.
   The claim stays afterwards, for the condition of the next run. A claim with the content of the manifest
   is settled.
2. *Withdraw.* A restatement removes the manifest before it changes the first file, because the manifest
   names the old files. Between two revisions, the month is not published: a push does not start, and the
   check for missing months sends a mail if the run was killed. Versioning keeps the removed manifest. A
   manifest with a mark would not do, because readers look only for its existence.
3. *Files.* Each file is written under a condition. If the condition fails, the run looks at the claim. If
   the claim is its own, it replaces files that an older run wrote at the last moment. Otherwise it ends.
4. *Commit.* The target copies the claim to the manifest's place (`x-amz-copy-source-if-match`), if it is
   still this run's claim and if no manifest exists. So only the run that holds the claim can publish.

A run that finds a claim that is not settled takes it over at once, whether the other run still lives or
not: with a lease, nobody could repair the month until the lease ends. If the other run lives, it ends with
an error at its next step. One of its requests may still be on the way, but its condition fails by then. One
file could still match: a file that the old run wanted to change and the new run keeps. So the new run
writes its bytes again, which gives it another tag (`Store.retag`). An order to restate survives its run: the
next run carries it out, with or without `--restate`, and for the same reason.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from rolling_claim import Claim
from rolling_errors import ExtractError, listed
from rolling_file import File
from rolling_forged import read
from rolling_log import log
from rolling_manifest import (
    Json,
    claim_place,
    digests,
    kept,
    manifest_place,
    told,
    touched,
)
from rolling_period import Period
from rolling_store import Store, sha256_of


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
    withdrawn: tuple[str, ...]  # keys of files to remove that exist, or may exist by then
    same: bool  # the manifest that is there describes these very files

    @property
    def missing(self) -> tuple[str, ...]:
        return tuple(file.place for file in self.files if file.place not in self.versions)

    @property
    def committed(self) -> Json | None:
        """Return the last publication: the manifest, or the part of a withdrawn one that a claim keeps."""
        if self.manifest is not None or self.claim is None:
            return self.manifest
        return cast("Json | None", self.claim.get("replaces"))

    @property
    def revision(self) -> int:
        """The revision that was published last, 0 before the first."""
        return cast(int, self.committed["revision"]) if self.committed else 0

    @property
    def idle(self) -> bool:
        return not self.is_new and not self.missing

    @property
    def is_new(self) -> bool:
        """Return whether the publication makes a new revision."""
        return not self.same or bool(self.differing)

    @property
    def reason(self) -> str | None:
        """Return why an earlier run that did not finish had to restate."""
        return cast("str | None", self.claim.get("reason")) if self.claim else None


def revision(store: Store, period: Period) -> int:
    """Return the revision that is published, or else the one that a run has begun; 1 if there is neither."""
    for place in (manifest_place(period), claim_place(period)):
        if store.version(place) is not None:
            return cast(int, read(store, place)["revision"])
    return 1


def plan(store: Store, period: Period, files: Sequence[File], *, restate: bool) -> Plan:
    """Compare the new files with the target, and refuse changes that are not allowed, before anything is
    written.
    """
    # The claim's version before all else: if it is still that one when this run claims, no other run has
    # begun since, and what is read here still holds.
    claim_version = store.version(claim_place(period))
    claim = read(store, claim_place(period)) if claim_version is not None else None
    manifest_version = store.version(manifest_place(period))
    manifest = read(store, manifest_place(period)) if manifest_version is not None else None
    if claim == manifest or (manifest is not None and claim and claim.get("replaces") != kept(manifest)):
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
    claimed = touched(claim)
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
        withdrawn=tuple(sorted((set(digests(replaces)) - set(new)) | stray)),
        same=manifest is not None and digests(manifest) == new,
    )
    refusal = None if restate else refused(store, made)
    if refusal:
        raise ExtractError(
            f"{refusal}; to replace the published files, start the run with --restate",
            kind="already_published",
        )
    return made


def refused(store: Store, made: Plan) -> str | None:
    """Why this must not be published unless it was asked to restate; None if nothing prevents it."""
    names, are = _names(sorted(made.differing)), _is_are(len(made.differing))
    if made.claim is not None and not made.idle:
        # Bytes that no manifest vouches for, or that a run before this one was ordered to replace.
        ours = {*touched(made.claim), *digests(made.committed)}
        foreign = sorted(place for place in made.differing if store.key(place) not in ours)
        if not foreign:
            return None
        names, are = _names(foreign), _is_are(len(foreign))
    elif made.manifest is not None and not made.same:
        differs = told(made.manifest, {store.key(file.place): file for file in made.files})
        return f"already published with different bytes ({_revision(made)}): {differs}"
    elif made.same and made.differing:
        verb = "differs" if len(made.differing) == 1 else "differ"
        return f"{names} {verb} from the manifest ({_revision(made)})"
    elif not made.differing:
        return None
    return f"{names} {are} in the target with different bytes, but without a manifest or a claim of a run"


def publish(store: Store, made: Plan, manifest: Json, scratch: Path) -> str:
    """Carry out a plan and say what was done."""
    if made.idle:
        return nothing_to_write(made)
    if not made.is_new:
        for file in made.files:
            if file.place in made.missing and not store.create(file.place, file.path, file.sha256):
                _expect(store, file)
        return f"restored {len(made.missing)} missing of {_files(len(made.files))}; still {_revision(made)}"
    claim = Claim.make(store, made, manifest, scratch)
    if store.keeps_replaced is False and (made.differing or made.withdrawn):
        what = "the bucket has no versioning, so the replaced files are lost"
        log("nothing_kept", what, level="warning", period=str(made.period))
    claim.withdraw(made)
    for file in made.files:
        claim.write(made, file)
    # Markers go before their file, whose name theirs begin with: a marker says that its file can be read.
    for key in reversed(made.withdrawn):
        claim.remove(store.place(key))
    claim.commit()
    rows = sum(file.rows for file in made.files)
    verb = "restated" if made.committed is not None else "published"
    count = f"{_files(sum(not file.marker for file in made.files))}, {rows} {'row' if rows == 1 else 'rows'}"
    return f"{verb}: {count}, revision {made.revision + 1}"


def _expect(store: Store, file: File) -> None:
    """What was not written because something was there must be these very bytes."""
    if store.version(file.place) is None or sha256_of(store.read(file.place)) != file.sha256:
        raise ExtractError(
            f"{file.name} was written by another run; start this run again when the other run has ended",
            kind="already_published",
        )


def difference(store: Store, period: Period, files: Sequence[File]) -> str:
    """Return how the published files of a period differ from these; empty if they do not."""
    published = read(store, manifest_place(period))
    new = {store.key(file.place): file for file in files}
    if digests(published) == {key: file.sha256 for key, file in new.items()}:
        return ""
    return told(published, new)


def nothing_to_write(made: Plan) -> str:
    return f"nothing to write: {made.period} is already published with the same bytes ({_revision(made)})"


def forecast(store: Store, made: Plan) -> str:
    """Return what `publish` would do, and how the files differ from the published ones, for a dry run."""
    if made.idle:
        return nothing_to_write(made)
    if not made.is_new:
        return f"would restore {len(made.missing)} missing of {_files(len(made.files))}"
    rows = sum(file.rows for file in made.files)
    text = (
        f"would write {len(made.missing)} new, replace {len(made.differing)} and remove"
        f" {len(made.withdrawn)} of {_files(len(made.versions) + len(made.missing) + len(made.withdrawn))},"
        f" {rows} {'row' if rows == 1 else 'rows'}, as revision {made.revision + 1}"
    )
    if made.committed is not None:
        text += f": {told(made.committed, {store.key(file.place): file for file in made.files})}"
    return text + ("; only with --restate" if refused(store, made) else "")


def _revision(made: Plan) -> str:
    assert made.committed is not None
    return f"revision {made.revision}, {str(made.committed.get('published_at', 'date unknown'))[:10]}"


def _names(places: list[str]) -> str:
    return listed([place.rpartition("/")[2] for place in places])


def _is_are(count: int) -> str:
    return "is" if count == 1 else "are"


def _files(count: int) -> str:
    return f"{count} {'file' if count == 1 else 'files'}"
