"""git, started in one place: the settings of a stranger's repository name programs, and none of them runs."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

from extracts import children
from extracts.errors import ExtractsError

# The settings that make a git command start something, for a repository that we did not make.
_SAFE = (
    *("core.fsmonitor=false", "core.hooksPath=/dev/null", "core.pager=cat", "core.askPass=true"),
    *("diff.external=", "log.showSignature=false", "protocol.ext.allow=never"),
)
# What only reads needs no network; a partial clone would fetch what it lacks, by a program that it names.
_LOCAL = ("protocol.allow=never",)


def clone(source: str, folder: Path, *options: str) -> None:
    """Clone a repository from a path or an address; who has no right to it is not asked for a password."""
    if Path(source).exists():
        # Over git's protocol: a repository at a path of somebody else's choice is data, too.
        source, options = str(Path(source).resolve()), (*options, "--no-local")
    _run(folder.parent, _SAFE, ("clone", "--quiet", *options, "--", source, str(folder.resolve())))


def read(repository: Path, *arguments: str) -> bytes:
    """Return what a git command that only reads a repository answers."""
    return _run(repository, (*_SAFE, *_LOCAL), arguments)


def changes(folder: Path) -> list[str]:
    """Return what is not committed in a folder, one line of `git status` each.

    Submodules are left out: git would ask each by its own settings.
    """
    settings = (*_SAFE, *_LOCAL, *_without_filters(folder))
    return (
        _run(folder, settings, ("status", "--porcelain", "--ignore-submodules=all", "--", "."))
        .decode(errors="replace")
        .splitlines()
    )


def merged(folder: Path, labels: tuple[str, str, str], names: tuple[str, str, str]) -> tuple[bytes, bool]:
    """Return three files of a folder of ours merged, and whether that leaves no conflict."""
    marks = [word for label in labels for word in ("-L", label)]
    done = _done(folder, (*_SAFE, *_LOCAL), ("merge-file", "-p", "--diff3", *marks, *names))
    if not 0 <= done.returncode <= 127:  # more is an error, not a number of conflicts
        raise ExtractsError(f"git merge-file: {done.stderr.decode(errors='replace').strip()}")
    return done.stdout, done.returncode == 0


def is_kept(folder: Path) -> bool:
    """Return whether a folder is in a git repository."""
    return any((place / ".git").exists() for place in (folder.resolve(), *folder.resolve().parents))


def _without_filters(folder: Path) -> list[str]:
    """Settings that turn off the filters that a repository itself defines; those of its user stay."""
    listed = _run(folder, (*_SAFE, *_LOCAL), ("config", "--list", "--show-scope", "--name-only", "-z"))
    words = listed.decode(errors="replace").split("\0")
    own = {
        name for scope, name in zip(words[::2], words[1::2], strict=False) if scope in ("local", "worktree")
    }
    filters = {match[1] for name in own if (match := re.fullmatch(r"(filter\..+)\.\w+", name, re.DOTALL))}
    return [
        f"{name}.{key}"
        for name in sorted(filters)
        for key in ("clean=", "smudge=", "process=", "required=false")
    ]


def _run(folder: Path, settings: tuple[str, ...], arguments: tuple[str, ...]) -> bytes:
    done = _done(folder, settings, arguments)
    if done.returncode:
        said = done.stderr.decode(errors="replace").strip().splitlines() or ["no reason given"]
        raise ExtractsError(f"git {arguments[0]}: {said[-1].removeprefix('fatal: ')}")
    return done.stdout


def _done(
    folder: Path, settings: tuple[str, ...], arguments: tuple[str, ...]
) -> subprocess.CompletedProcess[bytes]:
    flags = [word for setting in settings for word in ("-c", setting)]
    try:
        return children.run(
            ["git", "-C", str(folder), *flags, *arguments],
            input=b"",
            variables={**children.environment(), "GIT_OPTIONAL_LOCKS": "0", "GIT_NO_LAZY_FETCH": "1"},
        )
    except FileNotFoundError as error:
        raise ExtractsError("No git on the PATH; versions of the collection are its tags.") from error
