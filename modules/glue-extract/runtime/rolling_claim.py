"""The claim of a period: the right to publish the period until another run takes over the claim."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from rolling_errors import ExtractError
from rolling_file import File
from rolling_forged import read
from rolling_manifest import Json, claim_place, digests, manifest_place
from rolling_period import Period
from rolling_store import Store, sha256_of

if TYPE_CHECKING:
    from rolling_publication import Plan

_TRIES = 5  # attempts to write a file, because each previous owner of the claim may change the file once


@dataclass(frozen=True, slots=True)
class Claim:
    """The right to publish a period until another run takes over the claim."""

    store: Store
    period: Period
    version: str
    sha256: str

    @classmethod
    def make(cls, store: Store, made: Plan, manifest: Json, scratch: Path) -> Claim:
        body = scratch / f"{made.period}.json"
        data = (json.dumps(manifest, indent=2, ensure_ascii=False) + "\n").encode()
        body.write_bytes(data)
        digest = hashlib.sha256(data).hexdigest()
        place = claim_place(made.period)
        if made.claim_version is None:
            store.create(place, body, digest)
        else:
            store.replace(place, body, digest, made.claim_version)
        # Always read the claim again, even if the request failed. If a response is lost, the client repeats
        # the request, and the repeated request fails, because the claim of this run already exists. The claim
        # contains this run's ID, so no other run can have written these bytes.
        version = store.version(place)
        if version is None or sha256_of(store.read(place)) != digest:
            raise _lost(made.period)
        return cls(store, made.period, version, digest)

    def check(self) -> None:
        if self.store.version(claim_place(self.period)) != self.version:
            raise _lost(self.period)

    def withdraw(self, made: Plan) -> None:
        """Remove the manifest, on the condition that it has not changed since this run read it.

        Read the version of the manifest again, because a previous owner of the claim may have removed the
        manifest, or may have written its own manifest just before it lost the claim.
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
            return  # the target already has this file with the same bytes
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
            f"another process keeps changing {file.name}; start this run again when that process has ended",
            kind="already_published",
        )

    def _check_created(self, file: File) -> None:
        """If another run has taken over the claim, remove the file that this run created, and raise an error.

        Keep the file if the claim of the other run contains the key of the file.
        """
        place = claim_place(self.period)
        if self.store.version(place) == self.version:
            return
        version = self.store.version(file.place)
        if version is not None and self.store.key(file.place) not in digests(read(self.store, place)):
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
        # If the response of a successful commit was lost, the manifest exists already.
        if not done and (
            self.store.version(place) is None or sha256_of(self.store.read(place)) != self.sha256
        ):
            raise _lost(self.period)


def _lost(period: Period) -> ExtractError:
    return ExtractError(
        f"another run started to publish {period} during this run; wait until the other run has ended, then"
        " start this run again",
        kind="already_published",
    )
