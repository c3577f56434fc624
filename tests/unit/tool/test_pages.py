"""The tool writes pages safely, even into a folder that other users can change."""

from __future__ import annotations

from pathlib import Path

import pytest

from extracts import pages
from extracts.errors import ExtractsError
from tests.support.files import tree

MARK = '<meta name="generator" content="extracts {}" />'


@pytest.mark.parametrize("command", ["preview", "history"])
@pytest.mark.parametrize("mode", [0o666, 0o644, 0o4777])
def test_only_the_owner_can_read_a_new_page_that_replaces_a_page_with_any_mode(
    mode: int, command: str, tmp_path: Path
) -> None:
    """In a shared folder, another user may have created the old page with access for all users."""
    page = tmp_path / "report.html"
    page.write_text(MARK.format(command))
    page.chmod(mode)
    pages.check(page, "--report", command)
    pages.write(page, "rows", command)
    assert (page.read_text(), page.stat().st_mode & 0o7777) == ("rows", 0o600)


@pytest.mark.parametrize("content", ["mine", MARK.format("history")])
def test_file_that_was_created_after_the_check_is_not_replaced_by_a_page(
    content: str, tmp_path: Path
) -> None:
    page = tmp_path / "shared/report.html"
    page.parent.mkdir()
    pages.check(page, "--report", "preview")
    (tmp_path / "own").mkdir()
    (tmp_path / "own/report.html").write_text(content)
    page.parent.rmdir()
    page.parent.symlink_to(tmp_path / "own")
    with pytest.raises(ExtractsError) as refused:
        pages.write(page, "rows", "preview")
    assert str(refused.value) == (
        f"{page} was created or changed after the start of the command; move it away, or give another path."
    )
    assert tree(tmp_path / "own") == {"report.html": content.encode()}
