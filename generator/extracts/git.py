"""Run git on untrusted repositories. git starts no program from the settings of such a repository."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

from extracts import children
from extracts.errors import ExtractsError
from extracts.terminal import printable

# Safe values for the settings by which a repository could start a program through git.
_SAFE = (
    *("core.fsmonitor=false", "core.hooksPath=/dev/null", "core.pager=cat", "core.askPass=true"),
    *("diff.external=", "log.showSignature=false"),
)
# GIT_ALLOW_PROTOCOL overrides all settings of a repository. Other protocols either start a program or are not
# encrypted.
_NETWORK = "file:https:ssh"
# Reading needs no network. In a partial clone, git would fetch missing objects, with a program from the
# clone's settings.
_NO_NETWORK = ""


def clone(source: str, folder: Path, *options: str) -> None:
    """Clone a repository from a path or an address, without a prompt for a password.

    The function allows the protocols file, https and ssh. The user's GIT_ALLOW_PROTOCOL has precedence.
    """
    if Path(source).exists():
        if Path(source).is_dir() and not any((Path(source) / name).exists() for name in (".git", "HEAD")):
            raise ExtractsError(f"{source} is not a git repository.")
        # Even a local repository is not trusted, so use git's protocol and not a local copy.
        source, options = str(Path(source).resolve()), (*options, "--no-local")
    command = ("clone", "--quiet", *options, "--", source, str(folder.resolve()))
    settings = (*_SAFE, *_without_filters(folder.parent))
    _run(folder.parent, settings, command, os.environ.get("GIT_ALLOW_PROTOCOL", _NETWORK))


def read(repository: Path, *arguments: str) -> bytes:
    """Return the output of a git command that only reads. Do not use `git archive`: it would run filters."""
    return _run(repository, (*_SAFE, *_without_filters(repository)), arguments)


def changes(folder: Path) -> list[str]:
    """Return the uncommitted changes in a folder as lines of `git status`.

    Submodules are left out, because git would use their settings.
    """
    settings = (*_SAFE, *_without_filters(folder))
    return (
        _run(folder, settings, ("status", "--porcelain", "--ignore-submodules=all", "--", "."))
        .decode(errors="replace")
        .splitlines()
    )


def merged(folder: Path, labels: tuple[str, str, str], names: tuple[str, str, str]) -> tuple[bytes, bool]:
    """Return the merge of three files in a folder, and whether the merge has no conflicts."""
    marks = [word for label in labels for word in ("-L", label)]
    done = _done(folder, _SAFE, ("merge-file", "-p", "--diff3", *marks, *names))
    if not 0 <= done.returncode <= 127:  # the code is the number of conflicts; a higher code is an error
        raise ExtractsError(f"git merge-file: {done.stderr.decode(errors='replace').strip()}")
    return done.stdout, done.returncode == 0


def is_in_repository(folder: Path) -> bool:
    """Return whether a folder is in a git repository."""
    return any((place / ".git").exists() for place in (folder.resolve(), *folder.resolve().parents))


def _without_filters(folder: Path) -> list[str]:
    """Return settings that disable all filters.

    A filter in the user's own settings can run a program that the repository's settings name.
    """
    listed = os.fsdecode(_run(folder, _SAFE, ("config", "--list", "--name-only", "-z")))
    # Python encodes the arguments of git in the way in which os.fsdecode decodes its output, so every name
    # stays the same.
    names = listed.split("\0")
    filters = {match[1] for name in names if (match := re.fullmatch(r"(filter\..*)\.\w+", name, re.DOTALL))}
    for name in sorted(filters):
        # In `-c name=value`, the name ends at the first "=". So for a filter with "=" in its name, git would
        # change another setting.
        if "=" in name:
            shown = printable(name.removeprefix("filter."))
            raise ExtractsError(
                f'{folder} has a filter "{shown}" in its git settings, and a filter with "=" in its name'
                " cannot be turned off; remove the filter from .git/config, or from your own settings."
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
