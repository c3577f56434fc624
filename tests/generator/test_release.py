"""`make release`: one version everywhere, or none at all."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest
from tests import release

from extracts.errors import ExtractsError

ROOT = Path(__file__).parents[2]
TODAY = date(2026, 11, 24)
NOTES = "- Files can be **teal**.\n"


def git(folder: Path, *arguments: str) -> str:
    command = ["git", "-C", str(folder), "-c", "commit.gpgsign=false", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The files that a release touches and the modules, released as 1.0.0, with news since."""
    root = tmp_path_factory.mktemp("release") / "home"
    root.mkdir()
    unwanted = shutil.ignore_patterns(".terraform*", "__pycache__", ".pytest_cache")
    for part in ("modules/kms-bucket", "templates", "examples", "tests/template", "generator/extracts/local"):
        shutil.copytree(ROOT / part, root / part, ignore=unwanted)
    for place in (*(place for place, _ in release.PLACES), "generator/extracts/errors.py"):
        (root / place).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / place, root / place)
    shutil.copy(ROOT / "pyproject.toml", root)
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
def home(original: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the repository in which tests are green without running any."""
    monkeypatch.setenv("RELEASE_CHECKS", "true")
    shutil.copytree(original, tmp_path / "home")
    return tmp_path / "home"


def test_the_version_stands_everywhere_and_the_tag_bears_the_notes(home: Path) -> None:
    said: list[str] = []
    release.release(home, "1.0.1", TODAY, said.append)
    assert (
        (home / "CHANGELOG.md")
        .read_text()
        .startswith(f"# Changelog\n\n## 1.0.1 (2026-11-24)\n\n{NOTES}\n## 1.0.0")
    )
    assert 'version = "1.0.1"' in (home / "pyproject.toml").read_text()
    assert '__version__ = "1.0.1"' in (home / "generator/extracts/__init__.py").read_text()
    engine = home / "modules/glue-extract/runtime/rolling_extract.py"
    assert '__version__ = "1.0.1"' in engine.read_text()
    assert json.loads((home / "templates/extract/cookiecutter.json").read_text())["_version"] == "1.0.1"
    assert 'version: "1.0.1"' in (home / "examples/bank-loans/extract.yaml").read_text()
    assert git(home, "log", "-1", "--format=%s") == "Release 1.0.1"
    assert git(home, "describe", "--exact-match") == "v1.0.1"
    assert git(home, "tag", "--list", "v1.0.1", "--format=%(contents)") == NOTES.strip()
    assert git(home, "status", "--porcelain") == ""
    assert said[-1] == "  git push --follow-tags"


def refused(home: Path, version: str) -> str:
    """The sentence of a refusal, which leaves everything as it was."""
    head, pending = git(home, "rev-parse", "HEAD"), git(home, "status", "--porcelain")
    with pytest.raises(ExtractsError) as error:
        release.release(home, version, TODAY, lambda line: None)
    assert (git(home, "rev-parse", "HEAD"), git(home, "status", "--porcelain")) == (head, pending)
    assert git(home, "tag", "--list") == "v1.0.0"
    return str(error.value)


def test_a_red_test_releases_nothing(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RELEASE_CHECKS", "grep -q 1.0.1 pyproject.toml && touch left-over && exit 1")
    assert refused(home, "1.0.1").endswith("fails; nothing was released.")


def test_uncommitted_work_is_not_released(home: Path) -> None:
    (home / "modules/new.txt").write_text("")
    assert refused(home, "1.0.1") == (
        "There are changes that are not committed (modules/new.txt); a release has none."
    )


def test_a_step_that_is_too_small_for_the_change_is_refused(home: Path) -> None:
    file = home / "modules/kms-bucket/outputs.tf"
    file.write_text(file.read_text().replace('output "name"', 'output "bucket_name"'))
    commit(home)
    assert refused(home, "1.1.0") == "1.1.0 is too small a step: this is at least 2.0.0."
    release.release(home, "2.0.0", TODAY, lambda line: None)


def change(home: Path, edit: Callable[[str], str]) -> None:
    commit(home, edit((home / "CHANGELOG.md").read_text()))


def test_a_change_log_that_says_nothing_is_refused(home: Path) -> None:
    change(home, lambda text: text.replace(NOTES, ""))
    assert refused(home, "1.0.1") == "CHANGELOG.md says nothing of 1.0.1."
    change(home, lambda text: text.replace("## Unreleased\n\n\n", ""))
    assert refused(home, "1.0.1") == (
        'CHANGELOG.md begins with "1.0.0 (2026-01-01)"; write what is new under "## 1.0.1 (unreleased)"'
        " before it."
    )


@pytest.mark.parametrize(
    ("version", "reason"),
    [
        ("1.0.0", "1.0.0 does not follow 1.0.0, the last release."),
        ("0.9.0", "0.9.0 does not follow 1.0.0, the last release."),
        ("next", '"next" is no version; versions look like 1.2.0.'),
    ],
)
def test_a_version_that_does_not_follow_is_refused(home: Path, version: str, reason: str) -> None:
    assert refused(home, version) == reason


def test_make_asks_for_the_version() -> None:
    done = subprocess.run(
        ["make", "-C", str(ROOT), "release"],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "VERSION": ""},
    )
    assert done.returncode != 0
    assert "✗ Which version? make release VERSION=1.2.0" in done.stderr
