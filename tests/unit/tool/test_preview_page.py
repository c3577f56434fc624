"""A preview may overwrite the page of an earlier preview, but no other file."""

from __future__ import annotations

from pathlib import Path

import pytest

from extracts import preview
from extracts.errors import ExtractsError
from tests.support import preview_page
from tools.drawings import ROOT

PROJECT = ROOT / "examples/bank-loans"
NOWHERE = "postgresql://me:x@127.0.0.1:1/store"


@pytest.mark.parametrize("content", ["EXTRACT = 1\n", "", "<!DOCTYPE html>\n<title>Mine</title>\n"])
def test_preview_does_not_overwrite_a_file_that_is_not_a_page_of_a_preview(
    content: str, tmp_path: Path
) -> None:
    page = tmp_path / "etl.py"
    page.write_text(content)
    with pytest.raises(ExtractsError) as refused:
        preview.preview(PROJECT, NOWHERE, tmp_path / "out", page=page)
    assert str(refused.value) == (
        f"--report {page} is not a page of `extracts preview`; move it away, or give another path."
    )
    assert page.read_text() == content
    assert not (tmp_path / "out").exists()


def test_path_of_the_page_is_refused_if_it_is_a_folder(tmp_path: Path) -> None:
    with pytest.raises(ExtractsError, match=r"is a folder; give the path of a file, for example"):
        preview.preview(PROJECT, NOWHERE, tmp_path / "out", page=tmp_path)


def test_preview_can_overwrite_the_page_of_an_earlier_preview(tmp_path: Path) -> None:
    page = preview_page.write(tmp_path, {"2026-10": {"Alpha": {"x": (1, 2, 2)}}})
    done = preview.preview(PROJECT, NOWHERE, tmp_path / "out", page=page)
    assert "cannot reach the database" in str(done.failure)  # the run began, so the page was accepted


def test_page_replaces_characters_that_reverse_the_text_of_a_name(tmp_path: Path) -> None:
    """After a character that reverses text, "exe.fdp" looks like "pdf.exe".

    The page keeps a zero-width non-joiner, because it is a normal part of a name.
    """
    name = "Alpha \u202eexe.fdp\u2066"
    page = preview_page.write(tmp_path, {"2026-10": {name: {"a\u200cb\u202e": (1, 2, 2)}}}).read_text()
    assert not {"\u202e", "\u2066"} & set(page)
    assert "\\u202e" not in page
    assert "Alpha \ufffdexe.fdp\ufffd" in page
    assert "a\u200cb\ufffd" in page or "a\\u200cb\\ufffd" in page
