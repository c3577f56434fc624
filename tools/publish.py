"""Publish a version's tag: `make publish TAG=v1.2.0`, which the release workflow calls.

The release page gets the version's part of the changelog, the wheel and the source distribution. Somebody may
have set the tag by hand, so the version is compared with the changes of the modules' interfaces again.
"""

from __future__ import annotations

import subprocess
import sys
import tomllib
from pathlib import Path

from extracts import git
from extracts.errors import ExtractsError
from extracts.home import parse
from tools import interfaces
from tools.release import ROOT, notes


def publish(root: Path, tag: str) -> None:
    """Create the release page on GitHub with `gh` and its token."""
    version = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    if tag != f"v{version}":
        raise ExtractsError(f"{tag} is not the tag of {version}, the version in pyproject.toml.")
    said = notes((root / "CHANGELOG.md").read_text(encoding="utf-8"), version)
    if not said:
        raise ExtractsError(f"CHANGELOG.md has no text about {version}.")
    if git.read(root, "rev-parse", "--is-shallow-repository").strip() != b"false":
        raise ExtractsError(f"{tag} cannot be compared with the release before it: this clone is shallow.")
    for line in interfaces.check(root, parse(tag), tagged=True):
        print(line)
    files = [str(path) for path in sorted((root / "dist").iterdir())]
    command = ["gh", "release", "create", tag, *files, "--verify-tag", "--title", tag, "--notes-file", "-"]
    if subprocess.run(command, cwd=root, input=said, text=True, check=False).returncode:
        raise ExtractsError(f"{tag} is not published.")


def main() -> None:
    if len(sys.argv) != 2 or not sys.argv[1]:
        sys.exit("✗ Which tag? make publish TAG=v1.2.0")
    try:
        publish(ROOT, sys.argv[1])
    except ExtractsError as error:
        sys.exit(f"✗ {error}")


if __name__ == "__main__":
    main()
