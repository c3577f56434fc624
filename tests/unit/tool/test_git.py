"""Calls of git run no program that an untrusted repository names. The tool also merges files with git."""

from __future__ import annotations

from pathlib import Path

import pytest

from extracts import git, home
from extracts.errors import ExtractsError
from tests.support.releases import git as own_git


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """Return a repository with one file."""
    folder = tmp_path / "project"
    own_git(tmp_path, "init", "-q", "project")
    (folder / "main.tf").write_text("a = 1\n")
    own_git(folder, "add", "-A")
    own_git(folder, "commit", "-qm", "First")
    return folder


def with_filter(repository: Path, name: bytes, key: bytes, command: bytes) -> Path:
    """Set a filter for the file in the repository. Return the path of the file that the filter creates."""
    trace = repository.parent / "trace"
    with (repository / ".git/config").open("ab") as config:
        value = command.replace(b"TRACE", bytes(trace))
        config.write(b'[filter "%s"]\n\t%s = "%s"\n' % (name, key, value))
    # The change is not committed, because a commit would run the filter.
    (repository / ".git/info/attributes").write_bytes(b"*.tf filter=%s\n" % name)
    (repository / "main.tf").write_text("a = 2\n")
    return trace


@pytest.mark.parametrize("name", [b"own", b"a.b", b"", b"\xff", "ż".encode()], ids=repr)
@pytest.mark.parametrize("key", [b"clean", b"process"])
def test_changes_of_a_repository_are_read_without_its_filters(
    name: bytes, key: bytes, repository: Path
) -> None:
    trace = with_filter(repository, name, key, b"touch TRACE; cat")
    assert git.changes(repository) == [" M main.tf"]
    assert not trace.exists()


def test_reading_changes_runs_no_filter_of_the_user(
    repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The user's filter can run a program that the repository names, as git-lfs does with extensions."""
    home = repository.parent / "home"
    home.mkdir(exist_ok=True)
    (home / ".gitconfig").write_text(
        '[filter "user"]\n\tprocess = git config --get own.program | sh; false\n'
    )
    monkeypatch.setenv("HOME", str(home))
    trace = repository.parent / "trace"
    own_git(repository, "config", "own.program", f"touch {trace}")
    (repository / ".git/info/attributes").write_text("*.tf filter=user\n")
    (repository / "main.tf").write_text("a = 2\n")
    assert git.changes(repository) == [" M main.tf"]
    assert not trace.exists()


def test_clone_runs_no_filter_of_the_user(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """git-lfs would send requests to an address that the repository names."""
    home, trace = repository.parent / "home", repository.parent / "trace"
    home.mkdir()
    (home / ".gitconfig").write_text(f'[filter "user"]\n\tsmudge = touch {trace}; cat\n')
    monkeypatch.setenv("HOME", str(home))
    (repository / ".gitattributes").write_text("*.tf filter=user\n")
    own_git(repository, "add", "-A")
    own_git(repository, "commit", "-qm", "Filter")
    git.clone(str(repository), repository.parent / "clone")
    assert (repository.parent / "clone/main.tf").read_text() == "a = 1\n"
    assert not trace.exists()


def test_reading_a_template_runs_no_filter_of_the_user(
    repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`git archive` runs the filters that the attributes of the archived commit name."""
    home_folder, trace = repository.parent / "home", repository.parent / "trace"
    home_folder.mkdir()
    smudge = f'[filter "user"]\n\tsmudge = "touch {trace}; cat"\n\trequired = true\n'
    (home_folder / ".gitconfig").write_text(smudge)
    monkeypatch.setenv("HOME", str(home_folder))
    (repository / "templates/extract").mkdir(parents=True)
    (repository / "templates/extract/hook").write_text("x\n")
    (repository / ".gitattributes").write_text("* filter=user\n")
    own_git(repository, "add", "-A")
    own_git(repository, "commit", "-qm", "Template")
    own_git(repository, "tag", "v1.0.0")
    with home.opened(str(repository)) as opened:
        template = opened.template((1, 0, 0), repository.parent / "template")
    assert (template / "hook").read_text() == "x\n"
    assert not trace.exists()


@pytest.mark.parametrize("name", [b"a=b", b"=", b"a=clean=", b"\xff="], ids=repr)
def test_filter_that_cannot_be_turned_off_is_refused(name: bytes, repository: Path) -> None:
    trace = with_filter(repository, name, b"clean", b"touch TRACE; cat")
    with pytest.raises(ExtractsError, match=r"has a filter .* in its git settings"):
        git.changes(repository)
    assert not trace.exists()


################################################################################
# Network
################################################################################


def test_read_of_a_repository_never_uses_the_network(repository: Path) -> None:
    trace = repository.parent / "trace"
    own_git(repository, "config", "protocol.file.allow", "always")
    own_git(repository, "remote", "add", "origin", str(repository))
    own_git(repository, "config", "remote.origin.uploadpack", f"touch {trace}; git-upload-pack")
    with pytest.raises(ExtractsError, match="transport 'file' not allowed"):
        git.read(repository, "fetch", "--quiet", "origin")
    assert not trace.exists()


def helper(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Put a helper of git for the protocol `other` on the PATH. Return the file that the helper creates."""
    trace = folder / "trace"
    (folder / "bin").mkdir()
    (folder / "bin/git-remote-other").write_text(f"#!/bin/sh\ntouch {trace}\n")
    (folder / "bin/git-remote-other").chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}/bin", prepend=":")
    return trace


@pytest.mark.parametrize("address", ["other::repository", "other://repository", "ext::git-remote-other"])
def test_clone_does_not_run_helpers_of_other_protocols(
    address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trace = helper(tmp_path, monkeypatch)
    with pytest.raises(ExtractsError, match="not allowed"):
        git.clone(address, tmp_path / "clone")
    assert not trace.exists()


@pytest.mark.parametrize("address", ["http://localhost:1/x", "git://localhost:1/x"])
def test_clone_is_accepted_only_over_an_encrypted_protocol(address: str, tmp_path: Path) -> None:
    with pytest.raises(ExtractsError, match="not allowed"):
        git.clone(address, tmp_path / "clone")


def test_user_can_allow_other_protocols_of_git(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    trace = helper(tmp_path, monkeypatch)
    monkeypatch.setenv("GIT_ALLOW_PROTOCOL", "https:other")
    with pytest.raises(ExtractsError):
        git.clone("other::repository", tmp_path / "clone")
    assert trace.exists()


@pytest.mark.parametrize("prefix", ["", "file://"])
def test_local_repository_can_be_cloned(prefix: str, repository: Path, tmp_path: Path) -> None:
    git.clone(f"{prefix}{repository}", tmp_path / "clone")
    assert (tmp_path / "clone/main.tf").read_text() == "a = 1\n"


################################################################################
# Merge
################################################################################


def merged(folder: Path, *contents: bytes) -> tuple[bytes, bool]:
    labels, names = ("ours", "base", "theirs"), ("here", "before", "after")
    for name, content in zip(names, contents, strict=True):
        (folder / name).write_bytes(content)
    return git.merged(folder, labels, names)


def test_merge_of_changes_in_different_lines_has_no_conflict(tmp_path: Path) -> None:
    assert merged(tmp_path, b"A\nb\nc\nd\n", b"a\nb\nc\nd\n", b"a\nb\nc\nD\n") == (b"A\nb\nc\nD\n", True)


def test_conflict_in_the_same_line_shows_all_three_versions(tmp_path: Path) -> None:
    text = b"<<<<<<< ours\nA\n||||||| base\na\n=======\nB\n>>>>>>> theirs\n"
    assert merged(tmp_path, b"A\n", b"a\n", b"B\n") == (text, False)


def test_merge_of_binary_files_is_reported_as_an_error(tmp_path: Path) -> None:
    with pytest.raises(ExtractsError, match=r"git merge-file: .*binary"):
        merged(tmp_path, b"\0A", b"\0a", b"\0B")
