"""Run git on untrusted repositories. The settings of a repository cannot make git start a program."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

from extracts import children
from extracts.errors import ExtractsError
from extracts.terminal import printable

# A repository could make git start a program with these settings, so override them with safe values.
_SAFE = (
    *("core.fsmonitor=false", "core.hooksPath=/dev/null", "core.pager=cat", "core.askPass=true"),
    *("diff.external=", "log.showSignature=false"),
)
# The protocols that `clone` allows. Any other protocol either starts a program or is not encrypted. The value
# goes into GIT_ALLOW_PROTOCOL, which overrides all protocol settings of a repository.
_NETWORK = "file:https:ssh"
# Commands that only read may use no protocol. Otherwise, in a partial clone, git would fetch missing objects
# and start a program that the settings of the clone name.
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
    """Return the output of a git command that only reads. No filter runs, not even in `git archive`."""
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
    if not 0 <= done.returncode <= 127:  # codes up to 127 count conflicts; others are errors
        raise ExtractsError(f"git merge-file: {done.stderr.decode(errors='replace').strip()}")
    return done.stdout, done.returncode == 0


def is_in_repository(folder: Path) -> bool:
    """Return whether a folder is in a git repository."""
    return any((place / ".git").exists() for place in (folder.resolve(), *folder.resolve().parents))


def _without_filters(folder: Path) -> list[str]:
    """Return settings that disable all filters.

    This includes the filters in the user's own settings, because a repository can make such a filter run
    another program.
    """
    listed = os.fsdecode(_run(folder, _SAFE, ("config", "--list", "--name-only", "-z")))
    # A name may have bytes that are not UTF-8. os.fsdecode keeps these bytes, and Python restores them when
    # it passes the name to git again.
    names = listed.split("\0")
    filters = {match[1] for name in names if (match := re.fullmatch(r"(filter\..*)\.\w+", name, re.DOTALL))}
    for name in sorted(filters):
        # In `-c name=value`, git ends the name at the first "=". If the name of a filter has "=", git would
        # set another setting and not disable this filter.
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
