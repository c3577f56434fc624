"""A PGP key that cannot encrypt files is refused with one sentence, before the engine reads the source."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pysequoia import Cert

import rolling_database
import rolling_pgp
from rolling_arguments import parse
from rolling_errors import ExtractError
from rolling_extract import File, Pgp
from rolling_file import File as Made
from rolling_period import Period
from rolling_sealing import Sealing
from rolling_store import open_store
from rolling_totals import Totals
from tests.support.bank import LOANS
from tests.support.pgp import Gpg, gpg

__all__ = ["gpg"]
WHAT = 'the PGP key "laptop" of "First Bank"'
ENCRYPTED = dataclasses.replace(LOANS, file=File(encryption=Pgp()))


def read(text: str) -> rolling_pgp.Keys:
    return rolling_pgp.read({("First Bank", "laptop"): text}, datetime.now(UTC))


def revoked(gpg: Gpg) -> str:
    gpg.revoke(key := gpg.key("revoked"))
    return gpg.public(key)


def revoked_subkey(gpg: Gpg) -> str:
    gpg.revoke_subkey(key := gpg.key("revoked-subkey"), 1)
    return gpg.public(key)


def private(gpg: Gpg) -> str:
    return gpg.private(gpg.key("private"))


@pytest.mark.parametrize(
    ("made", "sentence"),
    [
        (lambda gpg: gpg.public(gpg.key("old", days=-1)), f"{WHAT} expired on 20"),
        (
            lambda gpg: gpg.public(gpg.key("old-subkey", subkeys=(-1, -9))),
            f"{WHAT} can sign, but its subkey for encryption expired on 20",
        ),
        (revoked, f"{WHAT} is revoked; ask the recipient for a new one"),
        (revoked_subkey, f"{WHAT} has no valid subkey for encryption, or the subkey is revoked"),
        (lambda gpg: gpg.public(gpg.key("signer", subkeys=())), f"{WHAT} has no valid subkey for encryption"),
        (private, f"{WHAT} is a private key, which only the recipient may have"),
        (lambda gpg: private(gpg).replace("PRIVATE", "PUBLIC"), f"{WHAT} is a private key"),
        (lambda gpg: "x" * 65_537, f"{WHAT} has 65,537 characters; at most 65,536 are allowed"),
        (lambda gpg: "ssh-ed25519 AAAA", f"{WHAT} is not a public key in ASCII armor; export the key with"),
        (lambda gpg: gpg.public(gpg.key("cut"))[:200], f"{WHAT} is not a public key in ASCII armor"),
        (
            lambda gpg: gpg("--armor", "--encrypt", "--recipient", gpg.key("me"), "--trust-model", "always"),
            f"{WHAT} is a PGP message and not a public key",
        ),
        (
            lambda gpg: "-----BEGIN PGP PUBLIC KEY BLOCK-----\n\nAAAA\n-----END PGP PUBLIC KEY BLOCK-----",
            f"{WHAT} ",
        ),
    ],
)
def test_unusable_key_is_refused(gpg: Gpg, made: Callable[[Gpg], str | bytes], sentence: str) -> None:
    text = made(gpg)
    with pytest.raises(ExtractError) as error:
        read(text if isinstance(text, str) else text.decode())
    assert str(error.value).startswith(sentence)
    assert error.value.kind == "pgp"
    assert "Stack" not in str(error.value)


def test_revoked_and_expired_subkeys_of_a_key_are_not_used(gpg: Gpg) -> None:
    key = gpg.key("several", subkeys=(-1, None, 90, None))
    gpg.revoke_subkey(key, 4)
    _, _, second, third, _ = gpg.fingerprints(key)
    [found] = read(gpg.public(key)).found["FirstBank"]
    assert (found.fingerprint, found.subkeys) == (key, tuple(sorted([second, third])))
    assert found.expires is None


@pytest.mark.parametrize(
    ("days", "subkeys", "warned"),
    [
        (59, (None,), True),
        (59, (100,), True),
        (None, (59, 10), True),
        (61, (None,), False),
        (None, (59, 61), False),
    ],
)
def test_key_that_expires_within_60_days_gives_a_warning(
    gpg: Gpg, days: int | None, subkeys: tuple[int | None, ...], warned: bool
) -> None:
    keys = read(gpg.public(gpg.key("soon", days=days, subkeys=subkeys)))
    assert [warning.partition(" on ")[0] for warning in keys.warnings] == [f"{WHAT} expires"] * warned


@pytest.mark.parametrize(("first", "then", "warned"), [(-1, 100, False), (100, 30, True)])
def test_subkey_expires_on_the_date_in_its_newest_signature(
    gpg: Gpg, first: int, then: int, warned: bool
) -> None:
    key = gpg.key("renewed", subkeys=(first,))
    before = Cert.from_bytes(gpg.public(key).encode())
    gpg("--quick-set-expire", key, f"{then + 399}d", gpg.fingerprints(key)[1], at=gpg.made(1))
    after = Cert.from_bytes(gpg.public(key).encode())
    # A key server keeps all signatures of a key. GnuPG keeps only the newest, so the test merges two states.
    assert bool(read(str(before.merge(after))).warnings) == warned


@pytest.mark.parametrize("blocks", [1, 2])
def test_text_that_contains_two_keys_is_refused(gpg: Gpg, blocks: int) -> None:
    mine, added = gpg.key("mine"), gpg.key("added")
    text = gpg.public(mine, added) if blocks == 1 else f"{gpg.public(mine)}\n{gpg.public(added)}"
    with pytest.raises(ExtractError) as error:
        read(text)
    assert str(error.value) == (
        f"{WHAT} has 2 keys; put each key into a separate text, and compare the fingerprints with the"
        " recipient"
    )


def test_fingerprint_of_each_key_is_logged(
    gpg: Gpg, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    one, two = gpg.key("one"), gpg.key("two")
    (tmp_path / "First Bank").mkdir()
    for name, key in (("laptop", one), ("server", two), ("server2", two)):
        (tmp_path / f"First Bank/{name}.asc").write_text(gpg.public(key))
    rolling_pgp.load(ENCRYPTED, str(tmp_path), None)
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [
        (line["event"], line["recipient"], line["key"], line["fingerprint"], line["message"])
        for line in lines
    ] == [
        (
            *("pgp_key", "First Bank", name, key),
            f'the PGP key "{name}" of "First Bank" has the fingerprint {key}',
        )
        for name, key in (("laptop", one), ("server", two), ("server2", two))
    ]


def test_keys_of_a_recipient_are_read_from_its_file_or_from_all_files_in_its_folder(
    gpg: Gpg, tmp_path: Path
) -> None:
    one, two, three = (gpg.key(name) for name in ("one", "two", "three"))
    (tmp_path / "Beta.asc").write_text(gpg.public(three))
    (tmp_path / "First Bank").mkdir()
    (tmp_path / "First Bank/laptop.asc").write_text(f"Laptop\n{gpg.public(one)}")
    (tmp_path / "First Bank/server.asc").write_text(gpg.public(two))
    keys = rolling_pgp.load(ENCRYPTED, str(tmp_path), None)
    assert [key.fingerprint for key in keys.of("First Bank")] == sorted([one, two])
    assert [key.fingerprint for key in keys.of("Beta")] == [three]


def test_folder_without_keys_is_refused(tmp_path: Path) -> None:
    for folder, sentence in ((tmp_path, "has no file such as"), (tmp_path / "none", "is not a folder")):
        with pytest.raises(ExtractError, match=sentence):
            rolling_pgp.load(ENCRYPTED, str(folder), None)


def test_pgp_keys_with_a_wrong_sha256_are_refused(gpg: Gpg, monkeypatch: pytest.MonkeyPatch) -> None:
    data = json.dumps({"Łódź Bank": {"laptop": gpg.public(gpg.key("łódź"))}}, ensure_ascii=False).encode()
    monkeypatch.setattr(rolling_database, "object_bytes", lambda address, kind: data)
    digest = hashlib.sha256(data).hexdigest()
    assert rolling_pgp.load(ENCRYPTED, "s3://bucket/keys.json", digest).of("Łódź Bank")
    with pytest.raises(ExtractError, match=r"s3\S+ was changed after Terraform wrote it"):
        rolling_pgp.load(ENCRYPTED, "s3://bucket/keys.json", "0" * 64)


def test_keys_are_required_if_the_spec_has_encryption_and_refused_otherwise(tmp_path: Path) -> None:
    with pytest.raises(ExtractError, match=r"the spec has encryption=Pgp\(\), but there are no PGP keys"):
        rolling_pgp.load(ENCRYPTED, None, None)
    with pytest.raises(ExtractError, match="there are PGP keys, but no file is encrypted"):
        rolling_pgp.load(LOANS, str(tmp_path), None)
    assert rolling_pgp.load(LOANS, None, None).warnings == ()


def test_error_for_a_missing_library_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "pysequoia", None)
    with pytest.raises(ExtractError, match=r"needs the Python package pysequoia; set pgp\.wheel_path"):
        rolling_pgp.load(ENCRYPTED, str(tmp_path), None)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--pgp-keys", "s3://b/keys.json"], "--pgp-keys-sha256 must be given together"),
        (["--pgp-keys", "keys", "--pgp-keys-sha256", "0"], "must be given together"),
        (["--JOB_NAME", "loans", "--pgp-keys", "mine"], "--pgp-keys is set by the module; leave it out"),
        (["--pgp-keys", "keys", "--pgp-keys=mine"], "--pgp-keys is given twice"),
    ],
)
def test_invalid_argument_for_the_pgp_keys_is_refused(arguments: list[str], sentence: str) -> None:
    with pytest.raises(ExtractError, match=sentence):
        parse(["--output", "s3://b/p", "--connection", "c", *arguments])


@given(st.binary(max_size=300), st.integers(0, 200_000), st.booleans())
def test_gnupg_decrypts_an_encrypted_file(
    gpg: Gpg, tmp_path_factory: pytest.TempPathFactory, data: bytes, zeros: int, armor: bool
) -> None:
    texts = {("First Bank", key): gpg.public(key) for key in _two_keys(gpg)}
    keys = rolling_pgp.read(texts, datetime.now(UTC))
    folder = tmp_path_factory.mktemp("sealed")
    path = folder / "1"
    path.write_bytes(data + bytes(zeros))
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    plain = Made("First Bank", path, "a=b/x.csv.pgp", path.stat().st_size, 1, digest, Totals(0, {}))
    sealed = Sealing(keys, open_store(str(folder / "out")), Period(2026, 10))(plain, Pgp(armor=armor))
    encrypted = sealed.path.read_bytes()
    assert gpg.decrypted(encrypted) == data + bytes(zeros)
    assert (sealed.bytes, sealed.sha256) == (len(encrypted), hashlib.sha256(encrypted).hexdigest())
    assert not path.exists()


_made: dict[Path, tuple[str, str]] = {}


def _two_keys(gpg: Gpg) -> tuple[str, str]:
    if gpg.home not in _made:
        _made[gpg.home] = (gpg.key("first"), gpg.key("second"))
    return _made[gpg.home]
