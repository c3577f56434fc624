"""Files and folders that the tool reads and writes."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from extracts import files, preview_folder
from extracts.errors import ExtractsError
from extracts.project import Project, below
from extracts.update import File, Update, write_files
from tests.support.files import file_size_limit, tree


def test_update_does_not_write_through_a_hard_link(tmp_path: Path) -> None:
    outside, folder = tmp_path / "outside", tmp_path / "project"
    folder.mkdir()
    outside.write_text("mine")
    (folder / "Makefile").hardlink_to(outside)
    project = Project(folder, "project", "home", (1, 0, 0), (1, 0, 0), {})
    write_files(Update(project, (1, 1, 0), [File("Makefile", "updated", b"new")], {}), folder)
    assert (outside.read_text(), (folder / "Makefile").read_text()) == ("mine", "new")


def test_written_file_keeps_the_mode_of_the_old_file(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("old")
    file.chmod(0o750)
    files.write(tmp_path, "file", b"new")
    assert (file.read_text(), file.stat().st_mode & 0o777) == ("new", 0o750)


def test_written_file_loses_setuid_bits_and_write_access_that_another_user_gave(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If the new file kept these bits, other users could change it or run it with the rights of its owner."""
    file = tmp_path / "file"
    for mode, kept, another in ((0o4775, 0o775, 0), (0o6777, 0o755, 1)):
        file.write_text("old")
        file.chmod(mode)
        owner = file.stat().st_uid + another
        with monkeypatch.context() as patched:
            patched.setattr(os, "geteuid", lambda owner=owner: owner)
            files.write(tmp_path, "file", b"new")
        assert file.stat().st_mode & 0o7777 == kept


def test_new_file_has_the_mode_of_the_umask(tmp_path: Path) -> None:
    old = os.umask(0o027)
    try:
        files.write(tmp_path, "file", b"new")
    finally:
        os.umask(old)
    assert (tmp_path / "file").stat().st_mode & 0o777 == 0o640


def test_temporary_file_is_deleted_if_its_rename_fails(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    with pytest.raises(IsADirectoryError):
        files.write(tmp_path, "folder", b"new")
    assert [path.name for path in tmp_path.iterdir()] == ["folder"]


def test_failed_write_keeps_the_old_file(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("old")
    with file_size_limit(1 << 16), pytest.raises(OSError, match="File too large"):
        files.write(tmp_path, "file", bytes(1 << 17))
    assert tree(tmp_path) == {"file": b"old"}


@pytest.mark.parametrize("call", ["write", "remove", "content"])
@pytest.mark.parametrize("target", ["outside", "outside/Makefile", "nowhere"])
def test_folder_that_becomes_a_link_after_the_check_is_not_followed(
    call: str, target: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, outside = tmp_path / "project", tmp_path / "outside"
    (folder / "Glue").mkdir(parents=True)
    outside.mkdir()
    (outside / "Makefile").write_text("mine")
    check = files.inside

    def swapped(*given: str) -> Path:
        path = check(folder, "Glue/Makefile")
        (folder / "Glue").rmdir()
        (folder / "Glue").symlink_to(tmp_path / target)
        return path

    monkeypatch.setattr(files, "inside", swapped)
    with pytest.raises(ExtractsError, match=r"Glue/Makefile or a folder on its path was replaced by a link"):
        getattr(files, call)(folder, "Glue/Makefile", *([b"new"] if call == "write" else []))
    assert tree(outside) == {"Makefile": b"mine"}


def test_link_that_replaces_a_file_after_the_check_is_overwritten_and_not_followed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, outside = tmp_path / "project", tmp_path / "outside"
    folder.mkdir()
    outside.write_text("mine")
    monkeypatch.setattr(files, "inside", lambda *given: None)
    (folder / "Makefile").symlink_to(outside)
    with pytest.raises(ExtractsError, match=r"replaced by a link"):
        files.content(folder, "Makefile")
    files.write(folder, "Makefile", b"new")
    assert (outside.read_text(), (folder / "Makefile").read_bytes()) == ("mine", b"new")
    assert not (folder / "Makefile").is_symlink()


def test_search_for_projects_does_not_follow_links_in_a_repository(tmp_path: Path) -> None:
    mine, repository = tmp_path / "mine", tmp_path / "repository"
    for project in (mine / "loans", repository / "fees"):
        (project / "Glue").mkdir(parents=True)
        (project / "Terraform").mkdir()
        (project / "Glue/etl.py").touch()
    (repository / "loans").symlink_to(mine / "loans")
    (repository / "group").symlink_to(mine)
    assert below(repository) == [repository / "fees"]
    (tmp_path / "link").symlink_to(mine / "loans")
    assert below(tmp_path / "link") == [tmp_path / "link"]  # the tool follows a link that the user names


def test_new_folder_allows_access_only_to_its_owner_and_is_deleted_if_it_stays_empty(tmp_path: Path) -> None:
    folder = tmp_path / "a/out"
    with files.private_folder(folder):
        assert folder.stat().st_mode & 0o777 == 0o700
        files.write(folder, "page.html", b"figures", private=True)
    assert (folder / "page.html").stat().st_mode & 0o777 == 0o600
    assert tree(folder) == {"page.html": b"figures"}
    with files.private_folder(tmp_path / "b"):
        pass
    assert not (tmp_path / "b").exists()


@pytest.mark.parametrize("mode", [0o750, 0o701, 0o777])
def test_folder_that_other_users_can_access_is_refused(mode: int, tmp_path: Path) -> None:
    folder = tmp_path / "out"
    folder.mkdir()
    folder.chmod(mode)
    with (
        pytest.raises(ExtractsError, match=rf"access to {folder}; choose another folder"),
        files.private_folder(folder),
    ):
        pass
    assert list(folder.iterdir()) == []
    (folder / preview_folder.RECORD).touch()
    with (
        pytest.raises(ExtractsError, match=rf"access to {folder}; run `chmod 700 {folder}`"),
        files.private_folder(folder),
    ):
        pass


def test_folder_of_another_user_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: tmp_path.stat().st_uid + 1)
    with pytest.raises(ExtractsError, match=r"belongs to another user"), files.private_folder(tmp_path):
        pass


def test_only_one_process_can_lock_a_folder(tmp_path: Path) -> None:
    # A lock file that a killed process has left does not block the folder.
    (tmp_path / ".extracts.lock").touch()
    with files.private_folder(tmp_path):
        with (
            pytest.raises(ExtractsError, match=r"Another process writes to "),
            files.private_folder(tmp_path),
        ):
            pass
        assert (tmp_path / ".extracts.lock").exists()
    with files.private_folder(tmp_path):
        pass
    assert list(tmp_path.iterdir()) == []


def test_lock_does_not_follow_a_link(tmp_path: Path) -> None:
    (tmp_path / ".extracts.lock").symlink_to(tmp_path / "mine")
    with pytest.raises(OSError, match=r"symbolic links"), files.private_folder(tmp_path):
        pass
    assert not (tmp_path / "mine").exists()


@pytest.fixture
def owner(monkeypatch: pytest.MonkeyPatch) -> dict[Path, int]:
    """Return a dictionary that overrides the owners of paths, because only root can change real owners."""
    owners: dict[Path, int] = {}
    looked = Path.lstat

    def lstat(path: Path) -> os.stat_result:
        found = list(looked(path)[:10])
        found[stat.ST_UID] = owners.get(path, found[stat.ST_UID])
        return os.stat_result(found)

    monkeypatch.setattr(Path, "lstat", lstat)
    return owners


OTHER = 65534


@pytest.mark.parametrize("mode", [0o757, 0o2775])
def test_private_folder_that_other_users_could_replace_is_refused(
    mode: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shared, folder = tmp_path / "shared", tmp_path / "shared/own/preview"
    folder.parent.mkdir(parents=True)
    monkeypatch.setattr(os, "getegid", lambda: shared.stat().st_gid + 1)
    shared.chmod(mode)
    with pytest.raises(ExtractsError, match=f"Other users can write to {shared}, so they"):
        files.private_folder(folder).__enter__()
    for safe in (mode | stat.S_ISVTX, 0o755):  # in a sticky folder, only the owner may rename an inner folder
        shared.chmod(safe)
        with files.private_folder(folder):
            pass


@pytest.mark.parametrize("mode", [0o755, 0o1777])
def test_private_folder_in_a_folder_of_another_user_is_refused(
    mode: int, tmp_path: Path, owner: dict[Path, int]
) -> None:
    team, folder = tmp_path / "team", tmp_path / "team/own/preview"
    folder.parent.mkdir(parents=True)
    team.chmod(mode)
    owner[team] = OTHER
    with pytest.raises(ExtractsError) as refused:
        files.private_folder(folder).__enter__()
    assert str(refused.value) == (
        f"{team} belongs to another user, who can replace {folder}; choose another place."
    )
    assert not folder.exists()
    owner[team] = 0  # the folder may belong to root, like /tmp
    with files.private_folder(folder):
        pass


def test_private_folder_is_refused_if_its_path_has_a_link_in_a_folder_that_all_users_can_change(
    tmp_path: Path,
) -> None:
    shared, own = tmp_path / "shared", tmp_path / "own"
    shared.mkdir()
    own.mkdir(mode=0o700)
    shared.chmod(0o777)
    (shared / "out").symlink_to(own)
    (tmp_path / "link").symlink_to("shared/out")
    for folder in (shared / "out", tmp_path / "link", tmp_path / "link/inner", shared / "../shared/out"):
        with pytest.raises(
            ExtractsError, match=f"Other users can write to {shared}, so they can replace {folder};"
        ):
            files.private_folder(folder).__enter__()
    assert list(own.iterdir()) == []


def test_private_folder_is_refused_if_its_path_has_a_link_that_belongs_to_another_user(
    tmp_path: Path, owner: dict[Path, int]
) -> None:
    sticky, own = tmp_path / "sticky", tmp_path / "own"
    sticky.mkdir()
    own.mkdir(mode=0o700)
    sticky.chmod(0o1777)
    (sticky / "out").symlink_to(own)
    owner[sticky / "out"] = OTHER
    with pytest.raises(ExtractsError, match=f"{sticky}/out belongs to another user, who can replace"):
        files.private_folder(sticky / "out").__enter__()
    owner.clear()
    with files.private_folder(sticky / "out") as found:
        assert found == own


def test_links_in_the_path_of_a_private_folder_are_resolved(tmp_path: Path) -> None:
    (tmp_path / "private/tmp").mkdir(parents=True)
    (tmp_path / "tmp").symlink_to("private/tmp")  # on macOS, /tmp is a link to private/tmp
    with files.private_folder(tmp_path / "tmp/new/../new/out") as found:
        assert found == tmp_path / "private/tmp/new/out"
        files.write(found, "page.html", b"figures")
    assert [path.stat().st_mode & 0o777 for path in (found.parent, found)] == [0o700, 0o700]


def test_private_folder_is_refused_if_the_links_in_its_path_form_a_loop(tmp_path: Path) -> None:
    (tmp_path / "a").symlink_to("b")
    (tmp_path / "b").symlink_to("a")
    with pytest.raises(OSError, match=r"Too many levels of symbolic links"):
        files.private_folder(tmp_path / "a/out").__enter__()


def test_move_of_a_file_creates_its_folder_with_access_only_for_the_owner(tmp_path: Path) -> None:
    (tmp_path / "staged/bank=A").mkdir(parents=True)
    (tmp_path / "staged/bank=A/a.csv").touch()
    files.move(tmp_path / "staged", tmp_path / "out", "bank=A/a.csv")
    assert (tmp_path / "out/bank=A").stat().st_mode & 0o777 == 0o700
