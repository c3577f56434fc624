"""Files that the tool writes."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from extracts import files
from extracts.project import Project
from extracts.update import File, Update, write_files
from tests.support.files import file_size_limit, tree


def test_update_writes_through_no_hard_link(tmp_path: Path) -> None:
    outside, folder = tmp_path / "outside", tmp_path / "project"
    folder.mkdir()
    outside.write_text("mine")
    (folder / "Makefile").hardlink_to(outside)
    project = Project(folder, "project", "home", (1, 0, 0), (1, 0, 0), {})
    write_files(Update(project, (1, 1, 0), [File("Makefile", "updated", b"new")], {}), folder)
    assert (outside.read_text(), (folder / "Makefile").read_text()) == ("mine", "new")


def test_written_file_keeps_the_mode_of_the_old_one(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("old")
    file.chmod(0o750)
    files.replace(file, b"new")
    assert (file.read_text(), file.stat().st_mode & 0o777) == ("new", 0o750)


def test_new_file_has_the_mode_of_the_umask(tmp_path: Path) -> None:
    old = os.umask(0o027)
    try:
        files.replace(tmp_path / "file", b"new")
    finally:
        os.umask(old)
    assert (tmp_path / "file").stat().st_mode & 0o777 == 0o640


def test_failed_rename_leaves_no_other_file(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    with pytest.raises(IsADirectoryError):
        files.replace(tmp_path / "folder", b"new")
    assert [path.name for path in tmp_path.iterdir()] == ["folder"]


def test_failed_write_keeps_the_old_file(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("old")
    with file_size_limit(1 << 16), pytest.raises(OSError, match="File too large"):
        files.replace(tmp_path / "file", bytes(1 << 17))
    assert tree(tmp_path) == {"file": b"old"}
