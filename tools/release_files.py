"""Check the tag of a release, and write the release notes to `dist`: `make release-files TAG=v1.2.0`.

A person types the version to start the release workflow. So this program checks again that the version is not
too small for the changes in the interfaces of the modules.
"""

from __future__ import annotations

import sys
import tomllib
from pathlib import Path

from extracts import git
from extracts.errors import ExtractsError
from extracts.home import parse
from tools import interfaces
from tools.release import ROOT, notes


def notes_of(root: Path, tag: str) -> str:
    """Return the release notes for the tag. Raise ExtractsError if the tag must not be released."""
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
    return said


def main() -> None:
    """Write the notes to dist/notes.md."""
    if len(sys.argv) != 2 or not sys.argv[1]:
        sys.exit("✗ Which tag? make release-files TAG=v1.2.0")
    try:
        (ROOT / "dist/notes.md").write_text(notes_of(ROOT, sys.argv[1]), encoding="utf-8")
    except ExtractsError as error:
        sys.exit(f"✗ {error}")


if __name__ == "__main__":
    main()
