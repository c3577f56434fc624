"""GnuPG in the role of the recipient: it makes keys, and decrypts files that the engine has encrypted."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest


@dataclass(frozen=True)
class Gpg:
    """The keys of one or several people, in one folder of GnuPG."""

    home: Path

    def __call__(self, *arguments: str, input: bytes = b"", at: datetime | None = None) -> bytes:
        """Run gpg and return its output. If `at` is given, gpg uses it as the current time."""
        clock = ["--faked-system-time", f"{at:%Y%m%dT%H%M%S}!"] if at else []
        quiet = ["--batch", "--quiet", "--no-tty", "--pinentry-mode", "loopback", "--passphrase", ""]
        done = subprocess.run(
            ["gpg", "--homedir", str(self.home), *quiet, *clock, *arguments],
            input=input,
            capture_output=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr.decode()
        return done.stdout

    def key(self, name: str, *, days: int | None = None, subkeys: tuple[int | None, ...] = (None,)) -> str:
        """Make a key and return its fingerprint.

        The key expires in `days` days from now. `subkeys` contains such a number for each encryption subkey.
        A negative number means that the key has already expired. None means that it never expires.
        """
        at = self.made()
        address = f"{name} <{uuid.uuid4().hex}@recipient.test>"
        self("--quick-gen-key", address, "ed25519", "cert,sign", _expiry(at, days), at=at)
        [fingerprint] = self.fingerprints(address)[:1]
        for expires in subkeys:
            self("--quick-add-key", fingerprint, "cv25519", "encr", _expiry(at, expires), at=at)
        return fingerprint

    def made(self, later: int = 0) -> datetime:
        """Return the creation time of keys, which is 400 days ago. `later` adds days to this time."""
        return datetime.now(UTC) - timedelta(days=400 - later)

    def revoke(self, fingerprint: str) -> None:
        """Revoke a key with the revocation certificate that GnuPG made together with the key."""
        text = (self.home / f"openpgp-revocs.d/{fingerprint}.rev").read_text()
        self("--import", input=text.replace("\n:-----BEGIN", "\n-----BEGIN").encode())

    def revoke_subkey(self, fingerprint: str, number: int) -> None:
        commands = f"key {number}\nrevkey\ny\n0\n\ny\nsave\n"
        self("--command-fd", "0", "--edit-key", fingerprint, input=commands.encode())

    def fingerprints(self, who: str) -> list[str]:
        """Return the fingerprints of a key and its subkeys."""
        listed = self("--list-keys", "--with-colons", who).decode().splitlines()
        return [line.split(":")[9] for line in listed if line.startswith("fpr:")]

    def public(self, *fingerprints: str) -> str:
        return self("--armor", "--export", *fingerprints).decode()

    def private(self, fingerprint: str) -> str:
        return self("--armor", "--export-secret-keys", fingerprint).decode()

    def decrypted(self, data: bytes) -> bytes:
        return self("--decrypt", input=data)

    def readers(self, data: bytes) -> list[str]:
        """Return the IDs of the subkeys for which a message is encrypted."""
        told = self("--list-only", "--status-fd", "1", "--decrypt", input=data).decode().splitlines()
        return sorted(line.split()[2] for line in told if line.startswith("[GNUPG:] ENC_TO"))


def _expiry(at: datetime, days: int | None) -> str:
    """Return an expiration in the form that GnuPG needs: seconds after the creation of the key."""
    return "never" if days is None else f"seconds={int(timedelta(days=400 + days).total_seconds())}"


@contextmanager
def gnupg() -> Iterator[Gpg]:
    """Create an empty folder for the keys of GnuPG.

    The path of the folder is short. GnuPG's agent creates a Unix socket in the folder, and the path of a Unix
    socket has a limited length.
    """
    home = Path(tempfile.mkdtemp(prefix="gpg-", dir="/tmp"))
    try:
        yield Gpg(home)
    finally:
        subprocess.run(["gpgconf", "--homedir", str(home), "--kill", "all"], check=False, capture_output=True)
        shutil.rmtree(home, ignore_errors=True)


@pytest.fixture(scope="session")
def gpg() -> Iterator[Gpg]:
    if shutil.which("gpg") is None:
        pytest.skip("GnuPG is not installed: apt install gnupg")
    with gnupg() as found:
        yield found
