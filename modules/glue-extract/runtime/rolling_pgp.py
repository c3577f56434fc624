"""Read the OpenPGP keys of the recipients, and check that they can encrypt a file.

The library is pysequoia. It uses the subkeys of a key that are for encryption, valid and not revoked. But it
also accepts a revoked key, and it uses expired subkeys if a key has no others. This module refuses revoked
keys and expired subkeys.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import rolling_database
from rolling_errors import ExtractError, quoted
from rolling_file import file_name
from rolling_format import File
from rolling_log import log
from rolling_spec import Extract

if TYPE_CHECKING:
    from pysequoia import Cert

_SOON = timedelta(days=60)
_BLOCK = re.compile(r"-----BEGIN PGP ([A-Z ]+)-----.*?-----END PGP \1-----", re.DOTALL)
_LONGEST = 65_536  # maximum number of characters in a key; most keys have 1,000 to 10,000
_MINIMAL = (
    "export the key without signatures of other people: gpg --armor --export-options export-minimal --export"
    " KEY"
)
_EXPORT = "export the key with gpg --armor --export"


@dataclass(frozen=True, slots=True)
class Key:
    """A public key that can encrypt files."""

    cert: Cert
    fingerprint: str  # fingerprint of the primary key, in upper case
    subkeys: tuple[str, ...]  # fingerprints of the parts of the key that encrypt a file, in order
    expires: datetime | None  # date after which no part of the key can encrypt


@dataclass(frozen=True, slots=True)
class Named:
    """The name of a key, and its fingerprint, which an operator confirms with the recipient."""

    recipient: str
    name: str
    fingerprint: str

    def __str__(self) -> str:
        return f"{_what(self.recipient, self.name)} has the fingerprint {self.fingerprint}"


@dataclass(frozen=True, slots=True)
class Keys:
    """The keys of all recipients. `found` is keyed by `file_name(recipient)`."""

    found: Mapping[str, tuple[Key, ...]] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    named: tuple[Named, ...] = ()

    def of(self, recipient: str) -> tuple[Key, ...]:
        """Return the keys of a recipient, ordered by fingerprint. Raise `ExtractError` if it has no key."""
        found = self.found.get(file_name(recipient))
        if not found:
            raise _wrong(
                f"{quoted(recipient)} has no PGP key, and its file is encrypted; add the key, or give the"
                " recipient a file without encryption in files={...}"
            )
        return found

    def check(self, known: Iterable[str], form: File, files: Mapping[str, File]) -> None:
        """Refuse an encrypted file whose recipient has no key, and a key whose recipient has a plain file."""
        for recipient in sorted(known):
            if files.get(recipient, form).encryption is not None:
                self.of(recipient)
            elif file_name(recipient) in self.found:
                raise _wrong(
                    f"{quoted(recipient)} has a PGP key, but its file is not encrypted; set"
                    " encryption=Pgp() in its File, or remove the key"
                )


def load(spec: Extract, place: str | None, digest: str | None) -> Keys:
    """Return the keys in the folder or S3 object `place`, and log their fingerprints.

    An S3 object must have the SHA-256 `digest`.
    """
    files = [spec.file, *(spec.files or {}).values()]
    if not any(file.encryption is not None for file in files):
        if place is not None:
            raise _wrong(
                "there are PGP keys, but no file is encrypted; set encryption=Pgp() in the spec, or remove"
                " the keys"
            )
        return Keys()
    if place is None:
        raise _wrong(
            "the spec has encryption=Pgp(), but there are no PGP keys; set pgp in the module glue-extract,"
            " or --pgp-keys FOLDER of a preview"
        )
    _check_library()
    texts = dict(_object(place, digest) if place.startswith("s3://") else _folder(Path(place)))
    keys = read(texts, datetime.now(UTC))
    for one in keys.named:
        log("pgp_key", str(one), recipient=one.recipient, key=one.name, fingerprint=one.fingerprint)
    for warning in keys.warnings:
        log("pgp_key_expires", warning, level="warning")
    for name, file in (spec.files or {}).items():
        if file.encryption is not None:
            keys.of(name)
    return keys


def read(texts: Mapping[tuple[str, str], str], now: datetime) -> Keys:
    """Return the keys in `texts`, which have ASCII armor and are keyed by recipient and key name."""
    found: dict[str, dict[str, Key]] = {}
    warnings, named = [], []
    for (recipient, name), text in sorted(texts.items()):
        what = _what(recipient, name)
        of_recipient = found.setdefault(file_name(recipient), {})
        key = _usable(what, _cert(what, text), now)
        if key.fingerprint not in of_recipient and key.expires and key.expires < now + _SOON:
            warnings.append(f"{what} expires on {key.expires:%Y-%m-%d}; ask the recipient for a new one")
        of_recipient[key.fingerprint] = key
        named.append(Named(recipient, name, key.fingerprint))
    ordered = {name: tuple(keys[one] for one in sorted(keys)) for name, keys in found.items()}
    return Keys(ordered, tuple(warnings), tuple(named))


def _what(recipient: str, name: str) -> str:
    return f"the PGP key {quoted(name)} of {quoted(recipient)}"


def _check_library() -> None:
    try:
        import pysequoia  # noqa: F401
    except ImportError as error:
        raise ExtractError(
            "encryption=Pgp() needs the Python package pysequoia; set pgp.wheel_path in the module"
            " glue-extract, or run pip install pysequoia for a preview",
            kind="pgp",
            cause=repr(error),
        ) from None


def _object(address: str, digest: str | None) -> Iterator[tuple[tuple[str, str], str]]:
    """Yield the keys in an S3 object of Terraform: {"First Bank": {"laptop": "-----BEGIN..."}}."""
    data = rolling_database.object_bytes(address, kind="pgp")
    if hashlib.sha256(data).hexdigest() != digest:
        raise _wrong(f"{address} was changed after Terraform wrote it; run terraform apply")
    for recipient, keys in cast("dict[str, dict[str, str]]", json.loads(data)).items():
        for name, key in keys.items():
            yield (recipient, name), key


def _folder(folder: Path) -> Iterator[tuple[tuple[str, str], str]]:
    """Yield the keys in the files of a folder: `First Bank.asc`, and `First Bank/laptop.asc`."""
    if not folder.is_dir():
        raise _wrong(f'--pgp-keys "{folder}" is not a folder')
    files = sorted([*folder.glob("*.asc"), *folder.glob("*/*.asc")])
    if not files:
        raise _wrong(f'--pgp-keys "{folder}" has no file such as "First Bank.asc" or "First Bank/laptop.asc"')
    for path in files:
        recipient = path.stem if path.parent == folder else path.parent.name
        try:
            yield (recipient, path.stem), path.read_text("ascii", "replace")
        except OSError as error:
            raise _wrong(f'cannot read the PGP key "{path}": {error.strerror}') from None


def _cert(what: str, text: str) -> Cert:
    """Return the only key in a text. Refuse a second key, because nobody has checked its fingerprint."""
    from pysequoia import Cert
    from pysequoia.packet import PacketPile, Tag

    if len(text) > _LONGEST:
        # A text may contain a compressed key. If the text is long, the unpacked key could fill the memory.
        raise _wrong(f"{what} has {len(text):,} characters; at most {_LONGEST:,} are allowed; {_MINIMAL}")
    blocks = list(_BLOCK.finditer(text))
    if not blocks:
        raise _wrong(f"{what} is not a public key in ASCII armor; {_EXPORT}")
    certs: list[Cert] = []
    for block in blocks:
        if block[1] == "PRIVATE KEY BLOCK":
            raise _private(what)
        if block[1] != "PUBLIC KEY BLOCK":
            raise _wrong(f"{what} is a PGP {block[1].lower()} and not a public key; {_EXPORT}")
        try:
            if any(part.tag in (Tag.SecretKey, Tag.SecretSubkey) for part in _parts(PacketPile, block[0])):
                raise _private(what)
            certs += Cert.split_bytes(block[0].encode())
        except RuntimeError as error:
            raise _unusable(what, error) from None
    if not certs:
        raise _wrong(f"{what} is empty; {_EXPORT}")
    if len(certs) > 1:
        raise _wrong(
            f"{what} has {len(certs)} keys; put each key into a separate text, and compare the fingerprints"
            " with the recipient"
        )
    return certs[0]


def _usable(what: str, cert: Cert, now: datetime) -> Key:
    """Return the key if one of its parts is valid now, so that the library can encrypt with this part."""
    from pysequoia import encrypt

    if cert.is_revoked:
        raise _wrong(f"{what} is revoked; ask the recipient for a new one")
    try:
        ends = cert.expiration
        if ends is not None and ends <= now:
            raise _wrong(f"{what} expired on {ends:%Y-%m-%d}; ask the recipient for a new one")
        message = encrypt(b"", recipients=[cert], armor=False)
        parts = dict(_encrypting(bytes(cert), message))
    except RuntimeError as error:
        if "No suitable encryption subkey" in str(error):
            raise _wrong(
                f"{what} has no valid subkey for encryption, or the subkey is revoked; ask the recipient for"
                " a new key"
            ) from None
        raise _unusable(what, error) from None
    # A part without its own expiration is valid until the whole key expires.
    expiries = [one for one in parts.values() if one is not None]
    last = max(expiries) if len(expiries) == len(parts) else None
    if last is not None and last <= now:
        raise _wrong(f"{what} can sign, but its subkey for encryption expired on {last:%Y-%m-%d}; ask the"
                     " recipient for a new subkey")  # fmt: skip
    ends = min((one for one in (ends, last) if one is not None), default=None)
    return Key(cert, cert.fingerprint.upper(), tuple(sorted(parts)), ends)


def _encrypting(cert: bytes, message: bytes) -> Iterator[tuple[str, datetime | None]]:
    """Yield fingerprint and expiration of each part of the key with which `message` is encrypted.

    The newest signature of a subkey contains the expiration of this subkey. The primary key expires with the
    whole key.
    """
    from pysequoia.packet import PacketPile, SignatureType, Tag

    # for each part: time of its newest signature, and expiration of the part
    found: dict[str, tuple[datetime | None, datetime | None]] = {}
    part: Any = None
    for packet in PacketPile.from_bytes(cert):
        if packet.tag in (Tag.PublicKey, Tag.PublicSubkey):
            part = packet
            found[part.fingerprint] = (None, None)
        elif packet.tag == Tag.Signature and packet.signature_type == SignatureType.SubkeyBinding:
            made, valid = packet.signature_created, packet.key_validity_period
            before = found[part.fingerprint][0]
            if made is not None and (before is None or made >= before):
                found[part.fingerprint] = (made, part.key_created + valid if valid else None)
    for packet in PacketPile.from_bytes(message):
        if packet.tag == Tag.PKESK:
            # A packet of version 3 has the ID of the part, which is the end of the fingerprint of the part. A
            # packet of version 6 has the whole fingerprint.
            body = packet.body
            name = (body[1:9] if body[0] == 3 else body[3 : 2 + body[1]]).hex()
            [fingerprint] = [one for one in found if one.endswith(name)]
            yield fingerprint.upper(), found[fingerprint][1]


def _parts(pile: Any, text: str) -> Iterator[Any]:
    return cast("Iterator[Any]", iter(pile.from_bytes(text.encode())))


def _private(what: str) -> ExtractError:
    return _wrong(
        f"{what} is a private key, which only the recipient may have; use the public key instead, and tell"
        " the recipient that the private key is no longer secret"
    )


def _unusable(what: str, error: RuntimeError) -> ExtractError:
    # The message of the library contains a stack trace after its first line, so use only the first line.
    said = str(error).partition("\n")[0].strip().rstrip(".")
    return ExtractError(f"{what} cannot be used: {said}", kind="pgp", cause=said)


def _wrong(sentence: str) -> ExtractError:
    return ExtractError(sentence, kind="pgp")
