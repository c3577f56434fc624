"""Run git on repositories that are not trusted, without the programs that their settings name."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

from extracts import children
from extracts.errors import ExtractsError
from extracts.terminal import printable

# Settings that let a repository start a program through git.
_SAFE = (
    *("core.fsmonitor=false", "core.hooksPath=/dev/null", "core.pager=cat", "core.askPass=true"),
    *("diff.external=", "log.showSignature=false"),
)
# GIT_ALLOW_PROTOCOL overrides all settings of a repository.
# All other protocols either start a program or are not encrypted.
_NETWORK = "file:https:ssh"
# Reading needs no network. A partial clone would fetch missing objects with a program that it names.
_NO_NETWORK = ""


def clone(source: str, folder: Path, *options: str) -> None:
    """Clone a repository from a path or an address, without a prompt for a password.

    By file, https or ssh, unless the user's GIT_ALLOW_PROTOCOL names other protocols.
    """
    if Path(source).exists():
        if Path(source).is_dir() and not any((Path(source) / name).exists() for name in (".git", "HEAD")):
            raise ExtractsError(f"{source} is not a git repository.")
        # Use git's protocol, not a local copy: a local repository is not trusted, either.
        source, options = str(Path(source).resolve()), (*options, "--no-local")
    command = ("clone", "--quiet", *options, "--", source, str(folder.resolve()))
    _run(folder.parent, _SAFE, command, os.environ.get("GIT_ALLOW_PROTOCOL", _NETWORK))


def read(repository: Path, *arguments: str) -> bytes:
    """Return the output of a git command that only reads."""
    return _run(repository, _SAFE, arguments)


def changes(folder: Path) -> list[str]:
    """Return the uncommitted changes in a folder as lines of `git status`.

    Without submodules, for which git would use their own settings.
    """
    settings = (*_SAFE, *_without_filters(folder))
    return (
        _run(folder, settings, ("status", "--porcelain", "--ignore-submodules=all", "--", "."))
        .decode(errors="replace")
        .splitlines()
    )


def merged(folder: Path, labels: tuple[str, str, str], names: tuple[str, str, str]) -> tuple[bytes, bool]:
    """Return the merge of three files in a folder, and whether it is without conflicts."""
    marks = [word for label in labels for word in ("-L", label)]
    done = _done(folder, _SAFE, ("merge-file", "-p", "--diff3", *marks, *names))
    if not 0 <= done.returncode <= 127:  # the number of conflicts; more is an error
        raise ExtractsError(f"git merge-file: {done.stderr.decode(errors='replace').strip()}")
    return done.stdout, done.returncode == 0


def is_in_repository(folder: Path) -> bool:
    """Return whether a folder is in a git repository."""
    return any((place / ".git").exists() for place in (folder.resolve(), *folder.resolve().parents))


def _without_filters(folder: Path) -> list[str]:
    """Return settings that disable all filters.

    A filter of the user can run a program that the repository's settings name.
    """
    listed = os.fsdecode(_run(folder, _SAFE, ("config", "--list", "--name-only", "-z")))
    names = listed.split("\0")  # as arguments are encoded, so that every name stays the same
    filters = {match[1] for name in names if (match := re.fullmatch(r"(filter\..*)\.\w+", name, re.DOTALL))}
    for name in sorted(filters):
        if "=" in name:  # git reads `-c name=value` up to the first "=", so this would set another name
            shown = printable(name.removeprefix("filter."))
            raise ExtractsError(
                f'{folder} has a filter "{shown}" in its git settings, which cannot be turned off; remove it'
                " from .git/config, or from your own settings."
            )
    return [
        f"{name}.{key}"
        for name in sorted(filters)
        for key in ("clean=", "smudge=", "process=", "required=false")
    ]


def _run(
    folder: Path, settings: tuple[str, ...], arguments: tuple[str, ...], protocols: str = _NO_NETWORK
) -> bytes:
    done = _done(folder, settings, arguments, protocols)
    if done.returncode:
        said = done.stderr.decode(errors="replace").strip().splitlines() or ["no message"]
        raise ExtractsError(f"git {arguments[0]}: {said[-1].removeprefix('fatal: ')}")
    return done.stdout


def _done(
    folder: Path, settings: tuple[str, ...], arguments: tuple[str, ...], protocols: str = _NO_NETWORK
) -> subprocess.CompletedProcess[bytes]:
    flags = [word for setting in settings for word in ("-c", setting)]
    try:
        return children.run(
            ["git", "-C", str(folder), *flags, *arguments],
            input=b"",
            variables={
                **children.environment(),
                "GIT_ALLOW_PROTOCOL": protocols,
                "GIT_NO_LAZY_FETCH": "1",
                "GIT_OPTIONAL_LOCKS": "0",
            },
        )
    except FileNotFoundError as error:
        raise ExtractsError("git is not on the PATH; install it.") from error
