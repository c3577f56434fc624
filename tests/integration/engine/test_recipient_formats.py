"""The layouts in docs/how-to/recipient-formats.md are what the engine writes."""

from __future__ import annotations

import gzip
import io
import re
import zipfile
from pathlib import Path
from typing import Any

import pytest

import rolling_extract
from tests.support.bank import Engine, Store
from tests.support.pgp import Gpg, gpg
from tools.drawings import ROOT

__all__ = ["gpg"]
PAGE = ROOT / "docs/how-to/recipient-formats.md"
SECTION = re.compile(r"^## (.*?)\n.*?^```python\n(.*?)^```\n\n`(.*?)`.*?^```text\n(.*?)^```\n", re.M | re.S)
SECTIONS = {title: rest for title, *rest in SECTION.findall(PAGE.read_text())}


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


def read(path: Path, encoding: str, gpg: Gpg) -> str:
    data = path.read_bytes()
    if path.suffix == ".pgp":
        data, path = gpg.decrypted(data), path.with_suffix("")
    if path.suffix == ".gz":
        data = gzip.decompress(data)
    if path.suffix == ".zip":
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            [member] = archive.namelist()
            data = archive.read(member)
    return data.decode(encoding)


@pytest.mark.parametrize("title", SECTIONS)
def test_layout_on_the_page_is_what_the_engine_writes(
    title: str, loans: Store, engine: Engine, gpg: Gpg, tmp_path: Path
) -> None:
    code, name, expected = SECTIONS[title]
    changes: dict[str, Any] = {}
    if code.startswith("{"):
        changes["files"] = eval(code, vars(rolling_extract))
        form = changes["files"]["Beta"]
    else:
        form = changes["file"] = eval(code, vars(rolling_extract))
    arguments = []
    if form.encryption is not None:
        arguments = ["--pgp-keys", str(tmp_path)]
        for recipient in ("Alpha", "Beta"):
            (tmp_path / f"{recipient}.asc").write_text(gpg.public(gpg.key(recipient)))
    engine("2026-10", *arguments, **changes)
    bank = "Beta" if "files" in changes else "Alpha"
    folder = engine.folder / f"bank_name={bank}" / ("" if form.flat else "year=2026/month=10")
    text = read(folder / name, form.format.encoding, gpg)
    shown = "".join(
        re.sub(" +$", lambda blanks: "·" * len(blanks[0]), line) + "\n" for line in text.splitlines()
    )
    assert shown == expected
    markers = [f"{name}.{marker}" for marker in form.markers]
    assert sorted(path.name for path in folder.iterdir()) == sorted([name, *markers])


def test_page_has_these_layouts() -> None:
    assert len(SECTIONS) == 9
