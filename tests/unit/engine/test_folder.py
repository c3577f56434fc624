"""The target is a folder, and another process replaces files and folders in it with links."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

import rolling_folder
from rolling_errors import ExtractError
from rolling_folder import FolderStore
from tests.support.files import tree

PLACE = "year=2026/f.csv"


@pytest.fixture
def store(tmp_path: Path) -> FolderStore:
    (tmp_path / "target/year=2026").mkdir(parents=True)
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside/f.csv").write_text("mine")
    (tmp_path / "body").write_text("new")
    return FolderStore(tmp_path / "target")


@pytest.mark.parametrize(
    "call",
    [
        lambda store, body: store.version(PLACE),
        lambda store, body: list(store.read(PLACE)),
        lambda store, body: store.create(PLACE, body, ""),
        lambda store, body: store.replace(PLACE, body, "", "1"),
        lambda store, body: store.remove(PLACE, "1"),
        lambda store, body: store.commit(PLACE, "1", "x/f.csv"),
    ],
)
def test_engine_does_not_follow_a_folder_that_becomes_a_link_after_the_path_check(
    call: Callable[[FolderStore, Path], object],
    store: FolderStore,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    check = rolling_folder.inside

    def swapped(root: Path, place: str) -> Path:
        path = check(root, place)
        path.parent.rmdir()
        path.parent.symlink_to(tmp_path / "outside")
        return path

    monkeypatch.setattr(rolling_folder, "inside", swapped)
    with pytest.raises(ExtractError, match=r"cannot use .*/target/year=2026: Not a directory"):
        call(store, tmp_path / "body")
    assert tree(tmp_path / "outside") == {"f.csv": b"mine"}


def test_engine_does_not_follow_a_file_that_becomes_a_link_after_the_path_check(
    store: FolderStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "target" / PLACE).symlink_to(tmp_path / "outside/f.csv")
    monkeypatch.setattr(rolling_folder, "inside", lambda root, place: root / place)
    with pytest.raises(ExtractError, match=r"cannot use .*/target/f.csv: Too many levels of symbolic links"):
        list(store.read(PLACE))
    version = store.version(PLACE)
    assert version
    assert not store.create(PLACE, tmp_path / "body", "")
    assert store.replace(PLACE, tmp_path / "body", "", version)
    assert not (tmp_path / "target" / PLACE).is_symlink()
    assert tree(tmp_path) == {
        "body": b"new",
        "outside/f.csv": b"mine",
        f"target/{PLACE}": b"new",
    }


def test_engine_does_not_follow_a_link_that_replaces_its_temporary_file(
    store: FolderStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If the engine followed the link, a person who can write to the target could publish other files."""
    opened = FolderStore._room

    def swapped(given: FolderStore, place: str) -> AbstractContextManager[tuple[int, str]]:
        [part] = (tmp_path / "target").glob(".*.part")
        part.unlink()
        part.symlink_to(tmp_path / "outside/f.csv")
        return opened(given, place)

    monkeypatch.setattr(FolderStore, "_room", swapped)
    with contextlib.suppress(ExtractError):
        store.create(PLACE, tmp_path / "body", "")
    assert (tmp_path / "outside/f.csv").stat().st_nlink == 1
    with pytest.raises(ExtractError, match="is a symbolic link, and a target must not have links"):
        list(store.read(PLACE))


@pytest.mark.timeout(20)
def test_named_pipe_in_a_target_is_refused(store: FolderStore, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "target" / PLACE)
    with pytest.raises(ExtractError, match=r"target/year=2026/f.csv is not a regular file; remove it"):
        list(store.read(PLACE))


@pytest.mark.timeout(20)
def test_named_pipe_with_the_name_of_a_temporary_file_does_not_block_a_write(
    store: FolderStore, tmp_path: Path
) -> None:
    os.mkfifo(tmp_path / "target" / f".{'0' * 32}.part")
    assert store.create(PLACE, tmp_path / "body", "")
