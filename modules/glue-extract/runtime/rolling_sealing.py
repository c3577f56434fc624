"""Encrypt the files of a period.

If the same content is encrypted again, the bytes are different. So if the content and the keys of a file have
not changed, the run does not encrypt the file again. It copies the published file, and the publication treats
the copy like any file.

A restatement encrypts every file again. So it also replaces a forged file whose entry in the manifest is
forged, too. A run cannot detect such a file, because only the recipient can decrypt a published file.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import cast

from rolling_errors import ExtractError
from rolling_file import Encryption, File
from rolling_forged import read
from rolling_format import Pgp
from rolling_manifest import Json, claim_place, entries, kept, manifest_place
from rolling_period import Period
from rolling_pgp import Keys
from rolling_store import Store

_CHUNK = 1 << 20


class Sealing:
    """Encrypts the files of a period for their recipients.

    If `late` is true, the run only compares the period with its published files. Then it ignores changed keys
    and encrypts no file. If `restate` is true, the run encrypts every file again.
    """

    def __init__(
        self, keys: Keys, store: Store, period: Period, *, late: bool = False, restate: bool = False
    ) -> None:
        self._keys = keys
        self._store = store
        self._period = period
        self._late = late
        self._restate = restate
        self._published: list[Json] | None = None

    def __call__(self, plain: File, form: Pgp) -> File:
        """Return the encrypted file, with the size and the SHA-256 of its encrypted form."""
        if self._late:
            return self._compared(plain)
        keys = self._keys.of(plain.recipient)
        names = tuple(key.fingerprint for key in keys)
        subkeys = tuple(subkey for key in keys for subkey in key.subkeys)
        encryption = Encryption(plain.bytes, plain.sha256, names, subkeys, form.armor)
        path = plain.path.with_name(f"{plain.path.name}{form.ending}")
        for entry in () if self._restate else self._entries(plain.place):
            if entry.get("encryption") == encryption.as_json() and self._fetched(plain.place, entry, path):
                size = path.stat().st_size
                return _sealed(plain, path, size, str(entry["sha256"]), encryption)
        self._encrypt(plain, path, form)
        digest = hashlib.sha256()
        with path.open("rb") as file:
            while data := file.read(_CHUNK):
                digest.update(data)
        return _sealed(plain, path, path.stat().st_size, digest.hexdigest(), encryption)

    def _compared(self, plain: File) -> File:
        """Return the plain file with the data about encryption of the published file, for the comparison.

        If the content before the encryption is the same, the returned file also has the SHA-256 of the
        published, encrypted file.
        """
        entry = next(self._entries(plain.place), None)
        was = cast("Json | None", entry.get("encryption")) if entry else None
        if entry is None or was is None:
            return plain
        sha256 = str(entry["sha256"]) if was.get("sha256") == plain.sha256 else plain.sha256
        keys, subkeys = (tuple(cast("list[str]", was.get(name, []))) for name in ("keys", "subkeys"))
        encryption = Encryption(plain.bytes, plain.sha256, keys, subkeys, cast(bool, was.get("armor")))
        return replace(plain, sha256=sha256, encryption=encryption)

    def _encrypt(self, plain: File, path: Path, form: Pgp) -> None:
        from pysequoia import encrypt_file

        certs = [key.cert for key in self._keys.of(plain.recipient)]
        try:
            # Pass paths instead of contents, so that the memory does not depend on the size of the file.
            encrypt_file(plain.path, path, recipients=certs, armor=form.armor)
        except RuntimeError as error:
            said = str(error).partition("\n")[0]
            raise ExtractError(f"cannot encrypt {plain.name}: {said}", kind="pgp", cause=said) from None

    def _entries(self, place: str) -> Iterator[Json]:
        """Yield the entries of a file in the manifest and in the claim, which may not be settled."""
        if self._published is None:
            manifest = self._record(manifest_place(self._period))
            claim = None if self._late else self._record(claim_place(self._period))
            if manifest and claim and claim != manifest and claim.get("replaces") == kept(manifest):
                # A restatement was killed before it changed the first file, and this run completes the
                # restatement. This run must replace all files of the manifest, so it copies none of them.
                manifest = None
            self._published = [one for one in (manifest, claim) if one]
        key = self._store.key(place)
        return (files[key] for files in map(entries, self._published) if key in files)

    def _record(self, place: str) -> Json | None:
        return None if self._store.version(place) is None else read(self._store, place)

    def _fetched(self, place: str, entry: Json, path: Path) -> bool:
        """Copy the published file. Return False if its SHA-256 is not the one in the entry."""
        if self._store.version(place) is None:
            return False
        digest = hashlib.sha256()
        with path.open("wb") as file:
            for chunk in self._store.read(place):
                digest.update(chunk)
                file.write(chunk)
        return digest.hexdigest() == entry["sha256"]


def _sealed(plain: File, path: Path, size: int, sha256: str, encryption: Encryption) -> File:
    plain.path.unlink()
    return replace(plain, path=path, bytes=size, sha256=sha256, encryption=encryption)
