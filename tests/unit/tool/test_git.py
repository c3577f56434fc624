"""An untrusted repository cannot make git run a program. The tool also merges files with git."""

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
    """Set a git filter for `main.tf`. Return the path of the file that exists if git has run the filter."""
    trace = repository.parent / "trace"
    with (repository / ".git/config").open("ab") as config:
        value = command.replace(b"TRACE", bytes(trace))
        config.write(b'[filter "%s"]\n\t%s = "%s"\n' % (name, key, value))
    # The test does not commit the new attributes and file, because a commit would run the filter.
    (repository / ".git/info/attributes").write_bytes(b"*.tf filter=%s\n" % name)
    (repository / "main.tf").write_text("a = 2\n")
    return trace


@pytest.mark.parametrize("name", [b"own", b"a.b", b"", b"\xff", "ż".encode()], ids=repr)
@pytest.mark.parametrize("key", [b"clean", b"process"])
def test_filters_in_the_settings_of_a_repository_do_not_run_when_its_changes_are_read(
    name: bytes, key: bytes, repository: Path
) -> None:
    trace = with_filter(repository, name, key, b"touch TRACE; cat")
    assert git.changes(repository) == [" M main.tf"]
    assert not trace.exists()


def test_filters_in_the_settings_of_the_user_do_not_run_when_changes_are_read(
    repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A user's filter can run a program from the repository's settings, such as an extension of git-lfs."""
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


def test_filters_in_the_settings_of_the_user_do_not_run_during_a_clone(
    repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """For example, the filter of git-lfs would send requests to an address in the repository."""
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


def test_filters_in_the_settings_of_the_user_do_not_run_when_a_template_is_read(
    repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Usually, `git archive` runs the filters in `.gitattributes` of the commit. The tool disables them."""
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


def test_git_command_that_only_reads_cannot_fetch_from_a_remote(repository: Path) -> None:
    trace = repository.parent / "trace"
    own_git(repository, "config", "protocol.file.allow", "always")
    own_git(repository, "remote", "add", "origin", str(repository))
    own_git(repository, "config", "remote.origin.uploadpack", f"touch {trace}; git-upload-pack")
    with pytest.raises(ExtractsError, match="transport 'file' not allowed"):
        git.read(repository, "fetch", "--quiet", "origin")
    assert not trace.exists()


def helper(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Put a program for git's protocol `other` on the PATH. Return the file that exists if git has run it."""
    trace = folder / "trace"
    (folder / "bin").mkdir()
    (folder / "bin/git-remote-other").write_text(f"#!/bin/sh\ntouch {trace}\n")
    (folder / "bin/git-remote-other").chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}/bin", prepend=":")
    return trace


@pytest.mark.parametrize("address", ["other::repository", "other://repository", "ext::git-remote-other"])
def test_clone_does_not_run_the_program_of_a_protocol_that_is_not_allowed(
    address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trace = helper(tmp_path, monkeypatch)
    with pytest.raises(ExtractsError, match="not allowed"):
        git.clone(address, tmp_path / "clone")
    assert not trace.exists()


@pytest.mark.parametrize("address", ["http://localhost:1/x", "git://localhost:1/x"])
def test_clone_over_an_unencrypted_protocol_is_refused(address: str, tmp_path: Path) -> None:
    with pytest.raises(ExtractsError, match="not allowed"):
        git.clone(address, tmp_path / "clone")


def test_user_can_allow_a_protocol_in_the_variable_git_allow_protocol(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
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
