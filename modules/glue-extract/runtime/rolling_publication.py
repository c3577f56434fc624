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


def plan(store: Store, period: Period, files: Sequence[File], *, restate: bool) -> Plan:
    """Compare what would be written with what is there; refuse what must not happen, before anything is
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
        raise ExtractError(f"{refusal}; start with --restate to replace", kind="already_published")
    return made


def refused(store: Store, made: Plan) -> str | None:
    """Why this must not be published unless it was asked to restate; None where nothing stands against it."""
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
        return f"already published with other bytes ({_revision(made)}): {differs}"
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
    claim = Claim.make(store, made, manifest, scratch)
    if store.keeps_replaced is False and (made.differing or made.withdrawn):
        what = "the bucket has no versioning: what this restatement replaces is lost"
        log("nothing_kept", what, level="warning", period=str(made.period))
    claim.withdraw(made)
    for file in made.files:
        claim.write(made, file)
    for key in made.withdrawn:
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
            f"{file.name} was written by another run meanwhile; start this one again when that has ended",
            kind="already_published",
        )


def difference(store: Store, period: Period, files: Sequence[File]) -> str:
    """How what is published of a period differs from these files; empty if it does not."""
    published = read(store, manifest_place(period))
    new = {store.key(file.place): file for file in files}
    if digests(published) == {key: file.sha256 for key, file in new.items()}:
        return ""
    return told(published, new)


def nothing_to_write(made: Plan) -> str:
    return f"nothing to write: {made.period} is already published with the same bytes ({_revision(made)})"


def forecast(store: Store, made: Plan) -> str:
    """What `publish` would do and how it differs from what is there, for a dry run."""
    if made.idle:
        return nothing_to_write(made)
    if made.same and not made.differing:
        return f"would put back {len(made.missing)} missing of {_files(len(made.files))}"
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
