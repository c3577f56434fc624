"""GnuPG decrypts encrypted files to the plain bytes. An unchanged file is not published again."""

from __future__ import annotations

import dataclasses
import gzip
import hashlib
import io
import json
import shutil
import zipfile
from pathlib import Path
from typing import Any

import pytest

from rolling_extract import Csv, File, FixedWidth, Pgp
from tests.support.bank import Delivered, Engine, Store
from tests.support.pgp import Gpg, gpg

__all__ = ["gpg"]
ENCRYPTED = File(encryption=Pgp())
BETA = {"Beta": File()}


@pytest.fixture
def loans(store: Store) -> Store:
    for key, bank in ((11, "Alpha"), (21, "Beta")):
        store.loan(store.branch(bank=bank, key=key), "2026-10-05", key)
    return store


@pytest.fixture
def keys(tmp_path: Path) -> Path:
    """The folder that contains the public keys."""
    folder = tmp_path / "keys"
    folder.mkdir()
    return folder


@pytest.fixture(scope="module")
def alpha(gpg: Gpg) -> str:
    return gpg.key("alpha")


def path(engine: Engine, name: str, bank: str = "Alpha") -> Path:
    return engine.folder / f"bank_name={bank}/year=2026/month=10/{name}"


def entry(done: Delivered, bank: str = "Alpha") -> dict[str, Any]:
    [found] = [file for file in done.manifest()["files"] if file["recipient"] == bank]
    return dict(found)


def test_each_recipient_decrypts_its_own_file(
    loans: Store, engine: Engine, gpg: Gpg, keys: Path, alpha: str, tmp_path: Path
) -> None:
    laptop, server = gpg.key("beta-laptop", subkeys=(None, 100)), gpg.key("beta-server")
    (keys / "Alpha.asc").write_text(gpg.public(alpha))
    (keys / "Beta").mkdir()
    (keys / "Beta/laptop.asc").write_text(gpg.public(laptop))
    (keys / "Beta/server.asc").write_text(gpg.public(server))
    engine.folder = tmp_path / "plain"
    engine("2026-10")
    plain = {bank: path(engine, f"{bank}_20261031.csv", bank).read_bytes() for bank in ("Alpha", "Beta")}
    engine.folder = tmp_path / "encrypted"
    done = engine("2026-10", "--pgp-keys", str(keys), file=ENCRYPTED)
    for bank, mine in (("Alpha", [alpha]), ("Beta", [laptop, server])):
        file = path(engine, f"{bank}_20261031.csv.pgp", bank)
        subkeys = sorted(subkey for key in mine for subkey in gpg.fingerprints(key)[1:])
        assert gpg.decrypted(file.read_bytes()) == plain[bank]
        assert gpg.readers(file.read_bytes()) == sorted(subkey[-16:] for subkey in subkeys)
        found = entry(done, bank)
        assert (found["bytes"], found["rows"]) == (file.stat().st_size, 1)
        assert found["sha256"] == hashlib.sha256(file.read_bytes()).hexdigest()
        assert found["encryption"] == {
            "bytes": len(plain[bank]),
            "sha256": hashlib.sha256(plain[bank]).hexdigest(),
            "keys": sorted(mine),
            "subkeys": [*found["encryption"]["subkeys"]],
            "armor": False,
        }
        assert sorted(found["encryption"]["subkeys"]) == subkeys
    assert not list(engine.folder.rglob("*.csv"))


@pytest.mark.parametrize("form", [
    File(compression="gzip", encryption=Pgp(), markers=("sha256", "done")),
    File(compression="zip", encryption=Pgp(armor=True)),
    File(name="{recipient}.gpg", format=FixedWidth(dict.fromkeys(
        ("bank_name", "branch_id", "branch_address", "period", "window_start", "window_end", "loans_count",
         "amount_sum", "amount_avg"), 20)), trailer_record="T{rows}", encryption=Pgp()),
    File(format=Csv(encoding="utf-16-le", bom=True), header_record="H{rows}", encryption=Pgp()),
])  # fmt: skip
def test_decrypted_file_has_the_same_bytes_as_a_file_without_encryption(
    loans: Store, engine: Engine, gpg: Gpg, keys: Path, alpha: str, tmp_path: Path, form: File
) -> None:
    (keys / "Alpha.asc").write_text(gpg.public(alpha))
    more: dict[str, Any] = {"files": BETA}
    engine("2026-10", "--pgp-keys", str(keys), file=form, **more)
    [encrypted] = [one for one in path(engine, "").iterdir() if one.suffix in (".pgp", ".gpg", ".asc")]
    engine.folder = tmp_path / "plain"
    name = None if form.name is None else form.name.replace(".gpg", ".txt")
    engine("2026-10", file=dataclasses.replace(form, name=name, encryption=None), **more)
    [plain] = [one for one in path(engine, "").iterdir() if one.suffix not in (".sha256", ".done")]
    assert gpg.decrypted(encrypted.read_bytes()) == plain.read_bytes()
    if form.compression == "gzip":
        assert encrypted.name == "Alpha_20261031.csv.gz.pgp"
        assert b"Alpha" in gzip.decompress(plain.read_bytes())
        digest = hashlib.sha256(encrypted.read_bytes()).hexdigest()
        marker = encrypted.with_name(f"{encrypted.name}.sha256").read_text()
        assert marker == f"{digest}  {encrypted.name}\n"
        assert encrypted.with_name(f"{encrypted.name}.done").read_bytes() == b""
    if form.compression == "zip":
        assert encrypted.name == "Alpha_20261031.csv.zip.asc"
        assert encrypted.read_bytes().startswith(b"-----BEGIN PGP MESSAGE-----")
        with zipfile.ZipFile(io.BytesIO(plain.read_bytes())) as archive:
            assert archive.namelist() == ["Alpha_20261031.csv"]


def test_file_is_published_again_only_if_content_or_keys_change(
    loans: Store, engine: Engine, gpg: Gpg, keys: Path, alpha: str
) -> None:
    (keys / "Alpha.asc").write_text(gpg.public(alpha))
    (keys / "Beta.asc").write_text(gpg.public(alpha))
    form = dataclasses.replace(ENCRYPTED, markers=("sha256",))

    def run(*more: str) -> Delivered:
        return engine("2026-10", "--pgp-keys", str(keys), *more, file=form)

    def refusal() -> str:
        return engine.refusal("2026-10", "--pgp-keys", str(keys), file=form)

    def content() -> dict[Path, bytes]:
        return {one: one.read_bytes() for one in engine.folder.rglob("*") if one.is_file()}

    run()
    first = content()
    assert run().message.startswith("nothing to write: 2026-10 is already published with the same bytes")
    assert content() == first

    # A restatement encrypts all files again, including unchanged files.
    loans.loan(21, "2026-10-07", 1)
    assert '"Beta_20261031.csv.pgp" differs (count of loans_count 1 -> 2' in refusal()
    assert run("--restate", "--reason", "late").message.endswith("2 files, 2 rows, revision 2")
    second, mine = content(), path(engine, "Alpha_20261031.csv.pgp")
    assert {one for one in first if first[one] == second[one]} == set()
    assert run().message.startswith("nothing to write")
    assert content() == second

    # A new key changes the encrypted file, although the content is the same.
    new = gpg.key("alpha-new")
    (keys / "Alpha.asc").write_text(gpg.public(new))
    told = f'"Alpha_20261031.csv.pgp" differs (PGP keys {alpha[-16:]} -> {new[-16:]})'
    assert told in refusal()
    assert content() == second
    run("--restate", "--reason", "new key")
    assert gpg.readers(mine.read_bytes()) == [gpg.fingerprints(new)[1][-16:]]

    # A new subkey of the same key changes the file, too.
    gpg("--quick-add-key", new, "cv25519", "encr", "never")
    (keys / "Alpha.asc").write_text(gpg.public(new))
    assert '"Alpha_20261031.csv.pgp" differs (PGP subkeys ' in refusal()
    run("--restate", "--reason", "new subkey")

    # A file that is missing or was changed cannot be restored, because encryption gives other bytes each
    # time.
    for change in (mine.unlink, lambda: mine.write_bytes(b"forged")):
        change()
        assert "because the file in the target is missing or changed" in refusal()
    run("--restate", "--reason", "repaired")
    assert gpg.decrypted(mine.read_bytes()).startswith(b"bank_name,")
    # A missing marker is restored without a restatement.
    path(engine, "Alpha_20261031.csv.pgp.sha256").unlink()
    assert "restored 1 missing file" in run().message

    # The encrypted file of a former recipient is removed.
    loans.sql('UPDATE "Branch" SET "Bank_idBank" = (SELECT "idBank" FROM "Bank" WHERE "Name" = \'Alpha\')')
    loans.sql('DELETE FROM "Bank" WHERE "Name" = \'Beta\'')
    run("--restate", "--reason", "Beta left")
    assert not path(engine, "Beta_20261031.csv.pgp", "Beta").exists()


def forge(engine: Engine, content: bytes, *records: str) -> None:
    """Replace the file of Alpha, and write its new digest into the manifest and the claim."""
    file = path(engine, "Alpha_20261031.csv.pgp")
    file.write_bytes(content)
    for record in records or ("2026-10.json", "2026-10.claim"):
        place = engine.folder / "_manifests" / record
        said = json.loads(place.read_text())
        for one in (said, said.get("replaces") or {}):
            for known in one.get("files", []):
                if known["recipient"] == "Alpha":
                    known.update(bytes=len(content), sha256=hashlib.sha256(content).hexdigest())
        place.write_text(json.dumps(said))


@pytest.mark.parametrize("encrypted", [False, True])
def test_restatement_replaces_a_forged_file_that_the_manifest_names(
    loans: Store, engine: Engine, gpg: Gpg, keys: Path, alpha: str, encrypted: bool
) -> None:
    (keys / "Alpha.asc").write_text(gpg.public(alpha))
    more: dict[str, Any] = {"file": ENCRYPTED, "files": BETA}
    engine("2026-10", "--pgp-keys", str(keys), **more)
    mine = path(engine, "Alpha_20261031.csv.pgp")
    genuine = gpg.decrypted(mine.read_bytes())
    forged = b"bank_name,amount\r\nAlpha,1\r\n"
    if encrypted:
        forged = gpg("--encrypt", "--recipient", alpha, "--trust-model", "always", input=forged)
    forge(engine, forged)
    done = engine("2026-10", "--pgp-keys", str(keys), "--restate", "--reason", "forged", **more)
    assert gpg.decrypted(mine.read_bytes()) == genuine
    assert entry(done)["sha256"] == hashlib.sha256(mine.read_bytes()).hexdigest()
    assert done.manifest()["revision"] == 2


def test_next_run_continues_a_killed_restatement_and_replaces_the_forged_file(
    loans: Store, engine: Engine, gpg: Gpg, keys: Path, alpha: str
) -> None:
    """The restatement is killed after it wrote its claim.

    In the first round, the old manifest is already removed. In the second round, it still exists.
    """
    (keys / "Alpha.asc").write_text(gpg.public(alpha))
    more: dict[str, Any] = {"file": ENCRYPTED, "files": BETA}
    mine, records = path(engine, "Alpha_20261031.csv.pgp"), engine.folder / "_manifests"
    for withdrawn in (True, False):
        shutil.rmtree(engine.folder, ignore_errors=True)
        engine("2026-10", "--pgp-keys", str(keys), **more)
        genuine = gpg.decrypted(mine.read_bytes())
        forge(engine, b"forged")
        published = (records / "2026-10.json").read_bytes()
        engine("2026-10", "--pgp-keys", str(keys), "--restate", "--reason", "forged", **more)
        mine.write_bytes(b"forged")
        (records / "2026-10.json").write_bytes(published)
        if withdrawn:
            (records / "2026-10.json").unlink()
        done = engine("2026-10", "--pgp-keys", str(keys), **more)
        assert gpg.decrypted(mine.read_bytes()) == genuine
        assert (done.manifest()["revision"], done.manifest()["reason"]) == (2, "forged")


def test_changed_key_is_not_reported_as_late_data(
    loans: Store, engine: Engine, gpg: Gpg, keys: Path, alpha: str
) -> None:
    more: dict[str, Any] = {"file": dataclasses.replace(ENCRYPTED, markers=("sha256",)), "files": BETA}
    (keys / "Alpha.asc").write_text(gpg.public(alpha))
    engine("2026-09", "--pgp-keys", str(keys), **more)
    (keys / "Alpha.asc").write_text(gpg.public(gpg.key("alpha-next")))
    done = engine("2026-10", "--pgp-keys", str(keys), **more)
    assert done.manifest()["late_data"] == []
    loans.loan(11, "2026-09-02", 7)
    done = engine("2026-10", "--restate", "--reason", "late", "--pgp-keys", str(keys), **more)
    [late] = done.manifest()["late_data"]
    assert late["difference"].startswith('"Alpha_20260930.csv.pgp" differs (count of loans_count 0 -> 1')
    assert "PGP" not in late["difference"]


def test_recipient_without_a_key_is_refused_before_the_entity_is_read(
    loans: Store, engine: Engine, gpg: Gpg, keys: Path, alpha: str
) -> None:
    (keys / "Alpha.asc").write_text(gpg.public(alpha))
    sentence = engine.refusal("2026-10", "--pgp-keys", str(keys), file=ENCRYPTED)
    assert sentence == (
        '2026-10: "Beta" has no PGP key, and its file is encrypted; add the key, or give the recipient a file'
        " without encryption in files={...}. Nothing was published."
    )
    assert "statement" not in [line["event"] for line in engine.log]
    assert not engine.folder.exists()


def test_key_is_refused_if_the_file_of_the_recipient_is_not_encrypted(
    loans: Store, engine: Engine, gpg: Gpg, keys: Path, alpha: str
) -> None:
    for bank in ("Alpha", "Beta"):
        (keys / f"{bank}.asc").write_text(gpg.public(alpha))
    sentence = engine.refusal("2026-10", "--pgp-keys", str(keys), file=ENCRYPTED, files=BETA)
    assert '"Beta" has a PGP key, but its file is not encrypted; set encryption=Pgp()' in sentence


def test_warning_about_a_key_that_expires_soon_is_in_log_and_manifest(
    loans: Store, engine: Engine, gpg: Gpg, keys: Path
) -> None:
    (keys / "Alpha.asc").write_text(gpg.public(gpg.key("soon", days=59)))
    done = engine("2026-10", "--pgp-keys", str(keys), file=ENCRYPTED, files=BETA)
    [warning] = [line for line in done.log if line["event"] == "pgp_key_expires"]
    assert warning["level"] == "warning"
    assert warning["message"].startswith('the PGP key "Alpha" of "Alpha" expires on 20')
    assert done.manifest()["warnings"] == [warning["message"]]


def test_next_run_continues_a_killed_run(
    loans: Store, engine: Engine, gpg: Gpg, keys: Path, alpha: str
) -> None:
    """The killed run left a claim without a manifest. The next run keeps the encrypted files."""
    (keys / "Alpha.asc").write_text(gpg.public(alpha))
    more: dict[str, Any] = {"file": ENCRYPTED, "files": BETA}
    engine("2026-10", "--pgp-keys", str(keys), **more)
    manifest = engine.folder / "_manifests/2026-10.json"
    before = path(engine, "Alpha_20261031.csv.pgp").read_bytes()
    manifest.unlink()
    done = engine("2026-10", "--pgp-keys", str(keys), **more)
    assert done.message.startswith("2026-10: published: 2 files")
    assert path(engine, "Alpha_20261031.csv.pgp").read_bytes() == before
    assert json.loads(manifest.read_text())["revision"] == 1


def test_name_of_an_encrypted_file_contains_the_revision(
    loans: Store, engine: Engine, gpg: Gpg, keys: Path, alpha: str
) -> None:
    form = File(name="{recipient}_{revision}.pgp", trailer_record="R{revision}", encryption=Pgp())
    (keys / "Alpha.asc").write_text(gpg.public(alpha))

    def run(*more: str) -> None:
        engine("2026-10", "--pgp-keys", str(keys), *more, file=form, files=BETA)

    run()
    run()  # the content is unchanged, so the revision stays the same
    first = path(engine, "Alpha_1.pgp")
    assert gpg.decrypted(first.read_bytes()).endswith(b"R1\r\n")
    loans.loan(11, "2026-10-07", 1)
    run("--restate", "--reason", "late")
    assert gpg.decrypted(path(engine, "Alpha_2.pgp").read_bytes()).endswith(b"R2\r\n")
    assert not first.exists()
