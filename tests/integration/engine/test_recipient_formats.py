"""The page docs/how-to/recipient-formats.md shows formats and their files.

For each format, a run with this format writes the same file as the page shows.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from extracts.preview import environment
from tests.support.bank import Store
from tests.support.pgp import Gpg, gpg
from tools.drawings import ROOT

__all__ = ["gpg"]
PROJECT = ROOT / "examples/bank-loans"  # other tests check that this example is a stamped project
PAGE = (ROOT / "docs/how-to/recipient-formats.md").read_text()
SECTION = re.compile(r"^## (.*?)\n.*?^```python\n(.*?)^```\n\n`(.*?)`.*?^```text\n(.*?)^```\n", re.M | re.S)
SECTIONS = {title: rest for title, *rest in SECTION.findall(PAGE)}
[IMPORT] = re.findall(r"^`(from rolling_extract import [^`]*)`", PAGE, re.M)
# The encoding and the line ending of each format that does not use the default values.
OTHERS = {
    "German CSV": ("cp1252", "\r\n"),
    "Pipe as the delimiter, no header": ("utf-8", "\n"),
    "Fixed widths with header and trailer": ("latin-1", "\r\n"),
}


@pytest.fixture
def loans(bare_store: Store) -> Store:
    bare_store.create(amount="numeric(12,2)")
    for key, address, bank, amounts in (
        (11, "Zoë Street 1; North", "Alpha", (1000.50, -0.25)),
        (12, "Main Street 2", "Alpha", ()),
        (21, "Long Road 3", "Beta", (1234567.89,)),
    ):
        branch = bare_store.branch(address, bank=bank, key=key)
        for amount in amounts:
            bare_store.loan(branch, "2026-10-05", amount)
    return bare_store


def stamped(folder: Path, field: str, schema: str) -> Path:
    """Copy a stamped project, add `field` to its spec as the page says, and return the path of the script."""
    shutil.copytree(PROJECT / "Glue", folder / "Glue")
    script = folder / "Glue/etl.py"
    text = script.read_text().replace("    entity=", f'    schema="{schema}",\n    {field},\n    entity=')
    script.write_text(f"{IMPORT}\n{text}")
    return script


def unpacked(path: Path, gpg: Gpg) -> bytes:
    """Return the content of a file after decryption and decompression."""
    data = path.read_bytes()
    if path.suffix == ".pgp":
        data, path = gpg.decrypted(data), path.with_suffix("")
    if path.suffix == ".gz":
        data = gzip.decompress(data)
    if path.suffix == ".zip":
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            [member] = archive.namelist()
            assert member == path.stem
            data = archive.read(member)
    return data


@pytest.mark.parametrize("title", SECTIONS)
def test_project_writes_each_file_as_the_page_about_recipient_formats_shows_it(
    title: str, loans: Store, gpg: Gpg, tmp_path: Path
) -> None:
    code, name, shown = SECTIONS[title]
    differs = code.startswith("{")
    script = stamped(tmp_path / "project", f"{'files' if differs else 'file'}={code.strip()}", loans.schema)
    output = tmp_path / "out"
    command = [sys.executable, str(script), "--database-url", loans.url, "--output", str(output)]
    if "Pgp()" in code:
        command += ["--pgp-keys", str(tmp_path)]
        for recipient in ("Alpha", "Beta"):
            (tmp_path / f"{recipient}.asc").write_text(gpg.public(gpg.key(recipient)))
    done = subprocess.run(
        [*command, "--period", "2026-10"],
        env=environment(tmp_path / "project"),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    folder = output / f"bank_name={'Beta' if differs else 'Alpha'}"
    folder /= "" if "flat=True" in code else "year=2026/month=10"
    encoding, ending = OTHERS.get(title, ("utf-8", "\r\n"))
    text = shown.replace("·", " ").replace("\n", ending)
    assert unpacked(folder / name, gpg) == text.encode(encoding)
    markers = sorted(path.name for path in folder.iterdir() if path.name != name)
    assert markers == sorted(f"{name}.{kind}" for kind in ("sha256", "done") if f'"{kind}"' in code)
    digest = hashlib.sha256((folder / name).read_bytes()).hexdigest()
    for marker in markers:
        said = f"{digest}  {name}\n" if marker.endswith(".sha256") else ""
        assert (folder / marker).read_text() == said
    if any(marker.endswith(".sha256") for marker in markers):
        subprocess.run(["sha256sum", "--check", "--quiet", f"{name}.sha256"], cwd=folder, check=True)


def test_page_about_recipient_formats_describes_ten_formats() -> None:
    assert len(SECTIONS) == 10
