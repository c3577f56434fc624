"""`make release` writes the new version into all files that contain the version, or it changes nothing."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest

from extracts.errors import ExtractsError
from tools import interfaces, release, release_files

ROOT = Path(__file__).parents[3]
TODAY = date(2026, 11, 24)
NOTES = "- Files can be **teal**.\n"


def git(folder: Path, *arguments: str) -> str:
    command = ["git", "-C", str(folder), "-c", "commit.gpgsign=false", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Create a repository that has all files for a release, the tag v1.0.0, and one later commit."""
    root = tmp_path_factory.mktemp("release") / "home"
    root.mkdir()
    unwanted = shutil.ignore_patterns(".terraform*", "__pycache__", ".pytest_cache")
    # The release runs the tools in this repository, so copy them and the code that they import.
    code = ("generator/extracts", "local_cloud", "tools", "tests/integration/template")
    for part in ("modules/kms-bucket", "templates", "examples", *code):
        shutil.copytree(ROOT / part, root / part, ignore=unwanted)
    others = ("README.md",)
    shared = (
        "tests/conftest.py",
        *(f"tests/support/{n}.py" for n in ("options", "provider", "schemas", "stamping")),
    )
    for place in (*(place for place, _ in release.PLACES), *others, *shared, ".gitignore"):
        (root / place).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / place, root / place)
    checks = "\nlint test:\n\t@! grep -q 'a red test' CHANGELOG.md || { touch left-over; exit 1; }\n"
    (root / "Makefile").write_text((ROOT / "Makefile").read_text() + checks)
    git(root.parent, "init", "-q", "-b", "main", "home")
    commit(root, "# Changelog\n\n## 1.0.0 (2026-01-01)\n\n- The first.\n")
    git(root, "tag", "v1.0.0")
    commit(root, f"# Changelog\n\n## Unreleased\n\n{NOTES}\n## 1.0.0 (2026-01-01)\n\n- The first.\n")
    return root


def commit(root: Path, log: str | None = None) -> None:
    if log is not None:
        (root / "CHANGELOG.md").write_text(log)
    git(root, "config", "user.name", "A")
    git(root, "config", "user.email", "a@example.com")
    git(root, "add", "-A")
    git(root, "commit", "-qm", "Work")


@pytest.fixture
def home(original: Path, tmp_path: Path) -> Path:
    """Return a clone of the repository `original`. Its `.venv` links to the environment of the tests."""
    git(tmp_path, "clone", "-q", str(original), "home")
    root = tmp_path / "home"
    git(root, "config", "user.name", "A")
    git(root, "config", "user.email", "a@example.com")
    (root / ".venv").mkdir()
    for part in ("bin", "lib", "pyvenv.cfg"):
        (root / ".venv" / part).symlink_to(Path(sys.prefix) / part)
    (root / ".venv/.ready").touch()
    return root


def test_release_sets_the_version_everywhere_and_commits(home: Path) -> None:
    done = subprocess.run(
        ["make", "--no-print-directory", "release", "VERSION=1.0.1"],
        cwd=home,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    log = (home / "CHANGELOG.md").read_text()
    assert log.startswith(f"# Changelog\n\n## 1.0.1 ({date.today()})\n\n{NOTES}\n## 1.0.0")
    assert 'version = "1.0.1"' in (home / "pyproject.toml").read_text()
    assert '__version__ = "1.0.1"' in (home / "generator/extracts/__init__.py").read_text()
    engine = home / "modules/glue-extract/runtime/rolling_extract.py"
    assert '__version__ = "1.0.1"' in engine.read_text()
    assert json.loads((home / "templates/extract/cookiecutter.json").read_text())["_version"] == "1.0.1"
    assert '= ["refs/tags/v1.0.1"]' in (home / "examples/github-roles/main.tf").read_text()
    assert 'version: "1.0.1"' in (home / "examples/bank-loans/extract.yaml").read_text()
    difference = "tests/integration/template/differences/sftp-none.diff"
    pages = ("README.md", "examples/bank-loans/README.md", difference)
    pins = [pin[2] for page in pages for pin in release.PIN.finditer((home / page).read_text())]
    assert set(pins) == {"1.0.1"}
    assert git(home, "log", "-1", "--format=%s") == "Release 1.0.1"
    # The release workflow creates the tag later, after the approval.
    assert git(home, "tag", "--list") == "v1.0.0"
    assert git(home, "status", "--porcelain") == ""
    assert done.stdout.splitlines()[-1] == "  git push && gh workflow run release.yml -f version=1.0.1"


def refused(home: Path, version: str) -> str:
    """Try a release, which must fail. Check that nothing changed, and return the error message."""
    head, pending = git(home, "rev-parse", "HEAD"), git(home, "status", "--porcelain")
    with pytest.raises(ExtractsError) as error:
        release.release(home, version, TODAY, lambda line: None)
    assert (git(home, "rev-parse", "HEAD"), git(home, "status", "--porcelain")) == (head, pending)
    assert git(home, "tag", "--list") == "v1.0.0"
    return str(error.value)


def test_release_is_refused_if_the_tests_fail(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # Skip a slow step, because test_release_sets_the_version_everywhere_and_commits runs this step.
    monkeypatch.setattr(release, "REFRESH", ["true"])
    change(home, lambda text: text.replace(NOTES, NOTES + "- There is a red test.\n"))
    assert refused(home, "1.0.1") == "The checks fail; nothing was released."
    # The link still exists, so `make` did not create a new virtual environment.
    assert (home / ".venv/bin").is_symlink()


def test_release_is_refused_if_there_are_uncommitted_changes(home: Path) -> None:
    (home / "modules/new.txt").write_text("")
    assert refused(home, "1.0.1") == ("There are uncommitted changes (modules/new.txt); commit them first.")


def test_minor_version_is_refused_if_the_change_is_major(home: Path) -> None:
    renamed(home)
    commit(home)
    assert refused(home, "1.1.0") == "Version 1.1.0 is too small for the changes; it must be at least 2.0.0."


NOTE = """
### To 2.0.0

The output `name` is called what it is.

```diff
-bucket = module.bucket.name
+bucket = module.bucket.bucket_name
```
"""


@pytest.mark.parametrize(
    "note", ["", NOTE.replace("2.0.0", "1.9.0"), NOTE.replace("+", " ")], ids=["none", "an old one", "half"]
)
def test_major_change_is_refused_if_the_readme_has_no_upgrade_example(home: Path, note: str) -> None:
    renamed(home)
    page = home / "modules/kms-bucket/README.md"
    page.write_text(page.read_text() + note)
    commit(home)
    assert refused(home, "2.0.0") == (
        'kms-bucket: a major change needs upgrade notes; add the section "### To 2.0.0" to the README, with a'
        " diff of the caller's code."
    )


def test_major_change_is_accepted_if_the_readme_has_an_upgrade_example(home: Path) -> None:
    renamed(home)
    page = home / "modules/kms-bucket/README.md"
    page.write_text(page.read_text() + NOTE)
    assert list(interfaces.check(home, (2, 0, 0))) == [
        "major: kms-bucket: the output name is gone",
        "minor: kms-bucket: the output bucket_name is new",
        "The version after 1.0.0 must be at least 2.0.0.",
    ]


def renamed(home: Path) -> None:
    file = home / "modules/kms-bucket/outputs.tf"
    file.write_text(file.read_text().replace('output "name"', 'output "bucket_name"'))


def change(home: Path, edit: Callable[[str], str]) -> None:
    commit(home, edit((home / "CHANGELOG.md").read_text()))


def test_release_is_refused_if_the_changelog_has_no_text_about_the_version(home: Path) -> None:
    change(home, lambda text: text.replace(NOTES, ""))
    assert refused(home, "1.0.1") == "CHANGELOG.md has no text about 1.0.1."
    change(home, lambda text: text.replace("## Unreleased\n\n\n", ""))
    assert refused(home, "1.0.1") == (
        'CHANGELOG.md begins with "1.0.0 (2026-01-01)"; add "## 1.0.1 (unreleased)" at the top, and'
        " the changes below it."
    )


@pytest.mark.parametrize(
    ("version", "reason"),
    [
        ("1.0.0", "1.0.0 must be newer than the last release, 1.0.0."),
        ("0.9.0", "0.9.0 must be newer than the last release, 1.0.0."),
        ("next", '"next" is not a version; write a version such as 1.2.0.'),
    ],
)
def test_version_is_refused_if_it_is_invalid_or_not_newer_than_the_last_release(
    home: Path, version: str, reason: str
) -> None:
    assert refused(home, version) == reason


def test_interfaces_at_a_tag_are_compared_with_the_previous_release(home: Path) -> None:
    renamed(home)
    commit(home)
    git(home, "tag", "v1.1.0")
    with pytest.raises(ExtractsError) as error:
        list(interfaces.check(home, (1, 1, 0), tagged=True))
    assert str(error.value) == "Version 1.1.0 is too small for the changes; it must be at least 2.0.0."


def test_release_notes_are_refused_in_a_shallow_clone(home: Path, tmp_path: Path) -> None:
    git(tmp_path, "clone", "-q", "--depth", "1", f"file://{home}", "shallow")
    root = tmp_path / "shallow"
    version = tomllib.loads((root / "pyproject.toml").read_text())["project"]["version"]
    (root / "CHANGELOG.md").write_text(f"## {version} (2026-11-24)\n\n- News.\n")
    with pytest.raises(ExtractsError) as error:
        release_files.notes_of(root, f"v{version}")
    assert str(error.value) == (
        f"v{version} cannot be compared with the release before it: this clone is shallow."
    )


@pytest.mark.parametrize(
    ("words", "code"), [((), 0), (("VERSION=2.0.0",), 0), (("VERSION=1.1.0",), 1)], ids=["", "2.0.0", "1.1.0"]
)
def test_interfaces_command_prints_the_smallest_allowed_version(
    home: Path, words: tuple[str, ...], code: int
) -> None:
    renamed(home)
    page = home / "modules/kms-bucket/README.md"
    page.write_text(page.read_text() + NOTE)
    commit(home)
    done = subprocess.run(
        ["make", "--no-print-directory", "interfaces", *words],
        cwd=home,
        capture_output=True,
        text=True,
        check=False,
    )
    assert bool(done.returncode) == bool(code), done.stderr
    assert "2.0.0" in done.stdout + done.stderr


def test_release_command_requires_a_version() -> None:
    done = subprocess.run(
        ["make", "-C", str(ROOT), "release"],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "VERSION": ""},
    )
    assert done.returncode != 0
    assert "✗ Which version? make release VERSION=1.2.0" in done.stderr
