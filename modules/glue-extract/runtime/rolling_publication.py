"""Publication: first the files, then the manifest. No published file changes by accident.

A period is published when its manifest exists. Then every file in the manifest exists, and its SHA-256 is the
one in the manifest. The content of the target decides what a run may do:

=============================  ==============================================================================
nothing                        Create the files (`If-None-Match: *`), then the manifest.
a claim, no manifest           Another run was killed or still runs: take over its claim. Keep files with the
                               right bytes, replace files that the claim names, create missing files.
files, neither claim nor       Refuse if their bytes differ: no run wrote them, and a recipient may have
manifest                       collected them. With `--restate`, replace them as revision 1.
a manifest, same bytes         Write nothing, except a missing file. Refuse if a file was changed.
a manifest, other bytes        Refuse, and report the differences. With `--restate`, remove the manifest,
                               replace the files (`If-Match`), remove files that no longer exist, and write
                               the manifest of the next revision.
=============================  ==============================================================================

So a run without `--restate` never replaces a file that was in a manifest.

Four steps ensure this rule, even if runs are killed or run at the same time:

1. *Claim.* A run writes the future manifest to `_manifests/<period>.claim`, on the condition that the claim
   has not changed since the run read it. Two claims never have the same bytes, because each contains the ID
   of its run. The claim stays after the run, because the next run needs it for this condition. A claim is
   settled if its content is the content of the manifest.
2. *Withdraw.* A restatement removes the manifest before it changes the first file, because the manifest names
   the old files. Between two revisions, the month is not published: no push starts. If the run is killed
   between them, the check for missing months sends a mail. The bucket keeps the removed manifest as an old
   version. The manifest is removed, not only marked as old, because readers only check whether it exists.
3. *Files.* Each write of a file has a condition. If the condition fails, the run reads the claim. If this run
   still owns the claim, an older run has written the file late, and this run replaces the file. If another
   run owns the claim, this run ends.
4. *Commit.* The target copies the claim to the place of the manifest (`x-amz-copy-source-if-match`), if this
   run still owns the claim and if no manifest exists. So only the owner of the claim can publish.

If a run finds a claim that is not settled, it takes the claim over at once, even if the other run is still
active. If a claim had a lease, nobody could repair the month until the lease ends. If the other run is
active, it ends with an error at its next step. A request of the other run may still arrive later, but then
the condition of this request fails. There is one exception: a file that the other run wants to change and the
new run keeps. The new run writes the bytes of such a file again, which gives the file another tag
(`Store.retag`). If a restatement is killed, the next run completes it, with or without `--restate`. The
manifest keeps the reason of the killed run, unless the next run has its own reason.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from rolling_claim import Claim
from rolling_errors import ExtractError, listed, quoted
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
    """The changes that a publication will make. They are decided before the first write."""

    period: Period
    files: tuple[File, ...]
    versions: dict[str, str]  # versions of the files that exist in the target, by place
    differing: frozenset[str]  # places of existing files whose bytes differ from the new file
    contested: frozenset[str]  # places of files that this run keeps, but the previous run meant to change
    manifest: Json | None  # the existing manifest
    manifest_version: str | None
    claim: Json | None  # the existing claim, unless it is settled
    claim_version: str | None  # version of the existing claim, even if it is settled
    # keys of files to remove: these files exist, or the previous run may still write them
    withdrawn: tuple[str, ...]
    same: bool  # whether the existing manifest describes exactly these files

    @property
    def missing(self) -> tuple[str, ...]:
        return tuple(file.place for file in self.files if file.place not in self.versions)

    @property
    def committed(self) -> Json | None:
        """The last publication: the manifest or, if it was withdrawn, the part of it in the claim."""
        if self.manifest is not None or self.claim is None:
            return self.manifest
        return cast("Json | None", self.claim.get("replaces"))

    @property
    def revision(self) -> int:
        """The revision that was published last, or 0 if no revision was published."""
        return cast(int, self.committed["revision"]) if self.committed else 0

    @property
    def idle(self) -> bool:
        return not self.is_new and not self.missing

    @property
    def is_new(self) -> bool:
        """Whether the publication makes a new revision."""
        return not self.same or bool(self.differing)

    @property
    def reason(self) -> str | None:
        """The reason for a restatement that an earlier run began and did not finish."""
        return cast("str | None", self.claim.get("reason")) if self.claim else None


def revision(store: Store, period: Period) -> int:
    """Return the published revision. If there is none, return the one that a run has begun, or 1."""
    for place in (manifest_place(period), claim_place(period)):
        if store.version(place) is not None:
            return cast(int, read(store, place)["revision"])
    return 1


def plan(store: Store, period: Period, files: Sequence[File], *, restate: bool) -> Plan:
    """Compare the new files with the target, and refuse changes that are not allowed, before anything is
    written.
    """
    # Read the version of the claim first. If it is unchanged when this run writes its own claim, no other
    # run has begun in the meantime, and everything that is read here is still true.
    claim_version = store.version(claim_place(period))
    claim = read(store, claim_place(period)) if claim_version is not None else None
    manifest_version = store.version(manifest_place(period))
    manifest = read(store, manifest_place(period)) if manifest_version is not None else None
    if claim == manifest or (manifest is not None and claim and claim.get("replaces") != kept(manifest)):
        # Ignore the claim. It is settled, or it came too late because another run had already written the
        # manifest.
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
    # The files in `stray` may not exist yet. The run that wrote the claim can still write them until this run
    # replaces the claim.
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
    """Return why these changes need a restatement, or None if they need no restatement."""
    names, are = _names(sorted(made.differing)), _is_are(len(made.differing))
    if made.claim is not None and not made.idle:
        # No run has written a file if neither the claim nor the last manifest names its key. Such a file is
        # foreign.
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
    return f"{names} {are} in the target with different bytes, but in no manifest and in no claim"


def publish(store: Store, made: Plan, manifest: Json, scratch: Path) -> str:
    """Carry out a plan. Return a sentence about the changes."""
    if made.idle:
        return nothing_to_write(made)
    if not made.is_new:
        for file in made.files:
            if file.place in made.missing and not store.create(file.place, file.path, file.sha256):
                _expect(store, file)
        return f"restored {_missing(made)}; the period still has {_revision(made)}"
    claim = Claim.make(store, made, manifest, scratch)
    if store.keeps_replaced is False and (made.differing or made.withdrawn):
        what = "the bucket has no versioning, so the replaced files are lost"
        log("nothing_kept", what, level="warning", period=str(made.period))
    claim.withdraw(made)
    for file in made.files:
        claim.write(made, file)
    # Remove a marker before its file, because a marker says that its file can be read. `withdrawn` has each
    # file before its marker, so this loop reverses the order.
    for key in reversed(made.withdrawn):
        claim.remove(store.place(key))
    claim.commit()
    rows = sum(file.rows for file in made.files)
    verb = "restated" if made.committed is not None else "published"
    count = f"{_files(sum(not file.marker for file in made.files))}, {rows} {'row' if rows == 1 else 'rows'}"
    return f"{verb}: {count}, revision {made.revision + 1}"


def _expect(store: Store, file: File) -> None:
    """Check a file that another run has created meanwhile: it must have exactly the bytes of `file`."""
    if store.version(file.place) is None or sha256_of(store.read(file.place)) != file.sha256:
        raise ExtractError(
            f"{quoted(file.name)} was written by another run; start this run again when the other run has"
            " ended",
            kind="already_published",
        )


def difference(store: Store, period: Period, files: Sequence[File]) -> str:
    """Describe how the published files of a period differ from `files`. Return "" if they are equal."""
    published = read(store, manifest_place(period))
    new = {store.key(file.place): file for file in files}
    if digests(published) == {key: file.sha256 for key, file in new.items()}:
        return ""
    return told(published, new)


def nothing_to_write(made: Plan) -> str:
    return f"nothing to write: {made.period} is already published with the same bytes ({_revision(made)})"


def forecast(store: Store, made: Plan) -> str:
    """Describe for a dry run what `publish` would do, and how files would differ from the published ones."""
    if made.idle:
        return nothing_to_write(made)
    if not made.is_new:
        return f"would restore {_missing(made)}"
    rows = sum(file.rows for file in made.files)
    text = (
        f"would publish {rows} {'row' if rows == 1 else 'rows'} as revision {made.revision + 1}"
        f" ({len(made.missing)} new, {len(made.differing)} replaced and {len(made.withdrawn)} removed of"
        f" {_files(len(made.versions) + len(made.missing) + len(made.withdrawn))})"
    )
    if made.committed is not None:
        text += f": {told(made.committed, {store.key(file.place): file for file in made.files})}"
    return text + ("; only with --restate" if refused(store, made) else "")


def _revision(made: Plan) -> str:
    assert made.committed is not None
    return f"revision {made.revision}, {str(made.committed.get('published_at', 'date unknown'))[:10]}"


def _missing(made: Plan) -> str:
    count = len(made.missing)
    return f"{count} missing {'file' if count == 1 else 'files'} of {len(made.files)}"


def _names(places: list[str]) -> str:
    return listed([quoted(place.rpartition("/")[2]) for place in places])


def _is_are(count: int) -> str:
    return "is" if count == 1 else "are"


def _files(count: int) -> str:
    return f"{count} {'file' if count == 1 else 'files'}"
