"""Release a version: `make release VERSION=1.2.0` writes the version, runs the checks and commits.

The program pushes nothing and creates no tag. The release workflow creates the tag after the approval. The
program refuses uncommitted changes, a failing check and an empty changelog. It also refuses a version that is
too small for the changes in the interfaces of the modules. After a failure, the program undoes its changes.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable
from datetime import date
from pathlib import Path

from extracts.errors import ExtractsError
from extracts.home import Home, parse, spelled
from tools import interfaces

ROOT = Path(__file__).resolve().parents[1]

# Places that contain the version: a file, and a pattern of the text around the version. The pattern must
# match exactly once in the file.
PLACES = (
    ("pyproject.toml", r'(?m)^(version = ")[^"]*(")$'),
    ("generator/extracts/__init__.py", r'(?m)^(__version__ = ")[^"]*(")$'),
    ("modules/glue-extract/runtime/rolling_extract.py", r'(?m)^(__version__ = ")[^"]*(")$'),
    ("templates/extract/cookiecutter.json", r'(  "_version": ")[^"]*(")'),
    ("examples/github-roles/main.tf", r'(= \["refs/tags/v)[^"]*("\])'),
)
# Pages that can contain the version several times. PIN matches the version and the text before it.
PAGES = ("README.md", ".github/*.md", "docs/**/*.md", "modules/*/README.md")
PIN = re.compile(r"(\?ref=v|--checkout v|/workflows/extract-[\w-]+\.yml@v|git\+https://\S+@v)(\d+\.\d+\.\d+)")

REFRESH = [sys.executable, "-m", "pytest", "-q", "tests/integration/template/test_examples.py"]
# The option makes the checks use the existing virtual environment. Without this option, `make` would create
# the environment again, because pyproject.toml has a new version.
CHECKS = ["make", "--assume-old=.venv/.ready", "lint", "test"]


def release(root: Path, text: str, today: date, say: Callable[[str], None] = print) -> None:
    """Create the release commit in the repository at `root`."""
    version = spelled(parse(text))
    home = Home(root, str(root))
    if pending := home.git("status", "--porcelain").decode().splitlines():
        raise ExtractsError(f"There are uncommitted changes ({pending[0][3:]}); commit them first.")
    if (released := home.versions()) and parse(version) <= released[-1]:
        raise ExtractsError(f"{version} must be newer than the last release, {spelled(released[-1])}.")
    for line in interfaces.check(root, parse(version)):
        say(line)
    log = root / "CHANGELOG.md"
    dated = with_date(log.read_text(encoding="utf-8"), version, today)
    try:
        log.write_text(dated, encoding="utf-8")
        for place, pattern in PLACES:
            _write(root / place, pattern, version)
        for page in (page for pages in PAGES for page in root.glob(pages)):
            text = page.read_text(encoding="utf-8")
            page.write_text(PIN.sub(rf"\g<1>{version}", text), encoding="utf-8")
        # The template creates the examples, so the examples contain the version, too.
        _run(REFRESH, root, {"REFRESH_EXAMPLES": "1"}, "The examples could not be stamped again")
        _run(CHECKS, root, {}, "The checks fail")
        home.git("add", "--all")
        home.git("commit", "--quiet", "--message", f"Release {version}")
    except BaseException:
        home.git("reset", "--quiet", "--hard", "HEAD")
        home.git("clean", "--quiet", "--force", "-d")
        raise
    say(f"{version} is committed here. Look at it with `git show`, then push it and start its release:")
    say(f"  git push && gh workflow run release.yml -f version={version}")


def with_date(log: str, version: str, today: date) -> str:
    """Return the changelog. The heading of its unreleased part now has this version and this day."""
    heading = re.search(r"^## (.+)\n", log, flags=re.MULTILINE)
    if not heading or not re.fullmatch(rf"(?i)unreleased|{re.escape(version)} \(unreleased\)", heading[1]):
        found = f'begins with "{heading[1]}"' if heading else "has no heading"
        raise ExtractsError(
            f'CHANGELOG.md {found}; add "## {version} (unreleased)" at the top, and the changes below it.'
        )
    dated = log.replace(heading[0], f"## {version} ({today.isoformat()})\n", 1)
    if not notes(dated, version):
        raise ExtractsError(f"CHANGELOG.md has no text about {version}.")
    return dated


def notes(log: str, version: str) -> str:
    """Return the part of the changelog for a version."""
    part = re.search(rf"^## {re.escape(version)} .*\n((?:(?!## ).*\n?)*)", log, flags=re.MULTILINE)
    return part[1].strip() if part else ""


def _write(file: Path, pattern: str, version: str) -> None:
    text, count = re.subn(pattern, rf"\g<1>{version}\g<2>", file.read_text(encoding="utf-8"))
    if count != 1:
        raise ExtractsError(f"{file}: expected the version once, found it {count} times.")
    file.write_text(text, encoding="utf-8")


def _run(command: list[str], root: Path, environment: dict[str, str], wrong: str) -> None:
    # The command can run tests that create their own repositories. So it does not inherit variables of git,
    # such as GIT_DIR.
    kept = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    done = subprocess.run(command, cwd=root, env=kept | environment, check=False)
    if done.returncode:
        raise ExtractsError(f"{wrong}; nothing was released.")


def main() -> None:
    if len(sys.argv) != 2 or not sys.argv[1]:
        sys.exit("✗ Which version? make release VERSION=1.2.0")
    try:
        release(ROOT, sys.argv[1], date.today())
    except ExtractsError as error:
        sys.exit(f"✗ {error}")


if __name__ == "__main__":
    main()
