"""Start the demo once with its command. The demo keeps running until the end of the test run."""

from __future__ import annotations

import json
import secrets
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from local_cloud import aws, sftp
from local_cloud.demo import store
from tests.support.oracle import last_day

DEMO = (sys.executable, "-m", "local_cloud.demo")
FILES = {
    "First Bank": "FirstBank",
    "Ubuntu Savings Bank": "UbuntuSavingsBank",
    "Karoo & Coast Bank": "KarooCoastBank",
}


@dataclass(frozen=True)
class Demo:
    """The output of the demo, and access to its running cloud and SFTP server."""

    folder: Path
    printed: str
    code: int
    note: dict[str, Any]
    rows: store.Store

    @property
    def cloud(self) -> aws.Cloud:
        place = self.folder / "aws"
        return aws.Cloud(
            self.note["endpoint"],
            self.note["sftp_port"],
            place / "authority.pem",
            place / "mailbox",
            place,
            *self.note["access_key"],
        )

    @property
    def outputs(self) -> dict[str, Any]:
        return dict(self.note["outputs"])

    def recipient(self, user: str, key: sftp.KeyPair | None = None) -> sftp.Recipient:
        place = self.folder / f"recipient-{secrets.token_hex(4)}"
        place.mkdir()
        own = self.folder / "recipient_ed25519"
        key = key or sftp.KeyPair(own, own.with_suffix(".pub").read_text())
        return sftp.Recipient(self.note["sftp_port"], user, key, self.folder / "known_hosts", place)

    def place(self, bank: str) -> str:
        month = self.rows.last_month
        name = f"{FILES[bank]}_{last_day(month):%Y%m%d}.csv"
        return f"loans/bank_name={FILES[bank]}/year={month:%Y}/month={month:%m}/{name}"


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    folder = tmp_path_factory.mktemp("demo") / "work"
    rows = store.generate(store.last_complete_month(datetime.now(UTC).date()))
    done = subprocess.run(
        [*DEMO, "--keep", "--folder", str(folder)], capture_output=True, text=True, check=False
    )
    note = folder / "running.json"
    try:
        yield Demo(
            folder=folder,
            printed=done.stdout + done.stderr,
            code=done.returncode,
            note=json.loads(note.read_text()) if note.is_file() else {},
            rows=rows,
        )
    finally:
        if note.is_file():
            subprocess.run([*DEMO, "--stop", str(folder)], check=True, capture_output=True)
