"""A preview replaces only the files of the previous preview. It never replaces a file of the user."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from extracts import files as extracts_files
from extracts import preview_folder
from extracts.errors import ExtractsError


def publish(output: Path, new: Mapping[str, str]) -> None:
    """Write files into the folder with the functions of a preview. `new` has their paths and texts."""
    with preview_folder.staging(output, preview_folder.NEW) as staged:
        for place, text in new.items():
            (staged / place).parent.mkdir(parents=True, exist_ok=True)
            (staged / place).write_text(text)
        preview_folder.replace(output, staged)


def files(output: Path) -> dict[str, str]:
    """Return the texts of all files, and "" for empty folders. Omit the record of written files."""
    found = {path.relative_to(output).as_posix(): path for path in output.rglob("*")}
    del found[preview_folder.RECORD]
    return {
        place: path.read_text() if path.is_file() else ""
        for place, path in found.items()
        if path.is_file() or not list(path.iterdir())
    }


def test_preview_replaces_the_files_of_the_previous_preview_and_leaves_no_empty_folder(
    tmp_path: Path,
) -> None:
    publish(tmp_path, {"bank=A/2026/10/a.csv": "1", "bank=B/2026/10/b.csv": "2", "report.html": "old"})
    (tmp_path / "bank=B/notes.txt").write_text("mine")
    publish(tmp_path, {"bank=C/2026/11/c.csv": "3", "report.html": "new"})
    assert files(tmp_path) == {"bank=B/notes.txt": "mine", "bank=C/2026/11/c.csv": "3", "report.html": "new"}


@pytest.mark.parametrize("place", ["a.csv", "report.html"])
def test_preview_does_not_replace_a_file_of_the_user(place: str, tmp_path: Path) -> None:
    publish(tmp_path, {"old.csv": "1"})
    (tmp_path / place).write_text("mine")
    with pytest.raises(ExtractsError) as refused:
        publish(tmp_path, {"a.csv": "2", "report.html": "page"})
    assert str(refused.value) == (
        f"{tmp_path / place} was not written by a preview, or was changed later. Move the file away, or"
        " choose another folder with --output."
    )
    assert files(tmp_path) == {"old.csv": "1", place: "mine"}


def test_preview_neither_replaces_nor_deletes_a_file_that_the_user_changed(tmp_path: Path) -> None:
    publish(tmp_path, {"a.csv": "1", "b.csv": "1"})
    (tmp_path / "a.csv").write_text("changed")
    with pytest.raises(ExtractsError, match=r"a\.csv was not written by a preview, or was changed later"):
        publish(tmp_path, {"a.csv": "2"})
    publish(tmp_path, {"b.csv": "2"})
    assert files(tmp_path) == {"a.csv": "changed", "b.csv": "2"}


def test_preview_does_not_delete_a_folder_that_has_the_name_of_a_new_file(tmp_path: Path) -> None:
    (tmp_path / "a.csv").mkdir()
    with pytest.raises(ExtractsError, match=r"a\.csv was not written by a preview, or was changed later"):
        publish(tmp_path, {"a.csv": "2"})
    assert (tmp_path / "a.csv").is_dir()


def test_preview_does_not_write_through_a_symbolic_link_in_its_folder(tmp_path: Path) -> None:
    (tmp_path / "theirs").mkdir()
    (tmp_path / "out").mkdir()
    (tmp_path / "out/bank=A").symlink_to(tmp_path / "theirs")
    with pytest.raises(ExtractsError, match="is a symbolic link"):
        publish(tmp_path / "out", {"bank=A/a.csv": "2"})
    assert list((tmp_path / "theirs").iterdir()) == []


@pytest.mark.parametrize("moved", [0, 1])
def test_preview_replaces_the_files_that_a_killed_preview_wrote(
    moved: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(tmp_path, {"a.csv": "1", "b.csv": "1", "c.csv": "1"})
    real, calls = extracts_files.move, iter(range(10))

    def move(*given: Any) -> None:
        if next(calls) == moved:
            raise KeyboardInterrupt
        real(*given)

    with monkeypatch.context() as patched:
        patched.setattr(extracts_files, "move", move)
        with pytest.raises(KeyboardInterrupt):
            publish(tmp_path, {"a.csv": "2", "b.csv": "2"})
    # If `kill -9` ends a preview, the preview cannot delete this folder.
    (tmp_path / ".extracts-new/bank=A").mkdir(parents=True)
    publish(tmp_path, {"a.csv": "3"})
    assert files(tmp_path) == {"a.csv": "3"}


@pytest.mark.parametrize("name", [preview_folder.NEW, preview_folder.HISTORY])
def test_next_preview_removes_the_temporary_folder_of_a_killed_preview(name: str, tmp_path: Path) -> None:
    (tmp_path / name / "bank=A").mkdir(parents=True)
    with preview_folder.staging(tmp_path, name) as folder:
        assert folder.parent == tmp_path
        assert not list(folder.iterdir())
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "content",
    ["", "[]", '{"files": 1}', '{"files": {"a": 1}}', "\x00", '{"files": {"../a": ["x"]}}', "[" * 9_000],
)
def test_preview_is_refused_if_the_record_of_written_files_is_unreadable(
    content: str, tmp_path: Path
) -> None:
    (tmp_path / preview_folder.RECORD).write_text(content)
    with pytest.raises(ExtractsError, match=r"cannot be read; delete it|without \.\."):
        publish(tmp_path, {"a.csv": "2"})
    assert not (tmp_path / "a.csv").exists()


@pytest.mark.parametrize("new", [{"bank=A/a.csv": "2"}, {}])
def test_folder_that_becomes_a_link_after_the_check_is_not_followed(
    new: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    output, outside = tmp_path / "out", tmp_path / "outside"
    output.mkdir()
    outside.mkdir()
    publish(output, {"bank=A/a.csv": "1"})
    (outside / "a.csv").write_text("1")
    recorded = preview_folder._record

    def swapped(*given: Any) -> None:
        recorded(*given)
        monkeypatch.setattr(preview_folder, "_record", recorded)
        (output / "bank=A").rename(tmp_path / "aside")
        (output / "bank=A").symlink_to(outside)
        monkeypatch.setattr(extracts_files, "inside", lambda folder, place: folder / place)

    monkeypatch.setattr(preview_folder, "_record", swapped)
    with pytest.raises(ExtractsError, match="was replaced by a link"):
        publish(output, new)
    assert (outside / "a.csv").read_text() == "1"
