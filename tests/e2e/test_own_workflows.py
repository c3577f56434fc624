"""This repository's own workflows, step by step.

`make` only prints its commands here, except for a release: the test builds the release and publishes it to a
local registry.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import extracts
from extracts.home import parse, spelled
from local_cloud import aws
from tests.support.github import HOME, ROOT, GitHub

# The workflows use the environment of this test, and the checkout must not create another one.
MAKE = """\
#!/bin/sh
case "$1" in
release-files) exec {make} --old-file={venv}/.ready VENV={venv} "$@" ;;
"$BROKEN") echo "$1 is broken" >&2; exit 2 ;;
*) exec {make} --dry-run "$@" ;;
esac
"""


@pytest.fixture
def github(tmp_path: Path, cloud: aws.Cloud) -> GitHub:
    """Push this repository as it is."""
    copy = tmp_path / "copy"
    listed = ["git", "-C", str(ROOT), "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    for name in subprocess.run(listed, capture_output=True, text=True, check=True).stdout.split("\0"):
        if name and (ROOT / name).is_file():
            (copy / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, copy / name)
    made = GitHub(tmp_path / "github", cloud, {}, repository=HOME)
    made.push(copy, "As it is here")
    return made


def with_make(github: GitHub, broken: str = "none") -> None:
    """Give the machines a `make` in which one target fails."""
    make = shutil.which("make")
    assert make
    text = MAKE.format(make=make, venv=sys.prefix).replace("$BROKEN", broken)
    (github.folder / "bin/make").write_text(text)
    (github.folder / "bin/make").chmod(0o755)


def test_ci_succeeds_if_all_targets_succeed(github: GitHub) -> None:
    with_make(github)
    run = github.run("ci.yml", github.pull_request(1, "main"))
    assert run.failures == {}
    assert {"test (unit)", "test (integration/engine)", "all-green"} <= run.jobs.keys()
    assert "pytest -n 3 --dist loadfile --no-loadscope-reorder tests/unit" in run.jobs["test (unit)"].log


@pytest.mark.parametrize("target", ["lint", "test", "checkov"])
def test_ci_fails_if_a_target_fails(github: GitHub, target: str) -> None:
    with_make(github, broken=target)
    run = github.run("ci.yml", github.pull_request(1, "main"))
    assert run.failures.keys() > {"all-green"}
    assert {name.partition(" ")[0] for name in run.failures} == {"all-green", target}


def test_pushed_tag_is_published_with_its_changelog(github: GitHub) -> None:
    with_make(github)
    run = github.run("release.yml", github.tag(f"v{extracts.__version__}"))
    assert run.failures == {}
    [release] = github.state["releases"]
    assert release["tag"] == f"v{extracts.__version__}"
    assert [Path(name).suffix for name in release["files"]] == [".whl", ".gz"]
    assert run.jobs["publish"].environment == "release"
    assert release["notes"] in (ROOT / "CHANGELOG.md").read_text()
    assert len(release["notes"].splitlines()) > 3


def test_tag_that_is_not_the_version_is_not_published(github: GitHub) -> None:
    with_make(github)
    run = github.run("release.yml", github.tag("v99.0.0"))
    assert run.failures.keys() == {"build"}
    assert "✗ v99.0.0 is not the tag of " in run.failures["build"]
    assert run.jobs["publish"].result == "skipped"
    assert github.state["releases"] == []


def test_a_tag_on_another_branch_is_not_published(github: GitHub, tmp_path: Path) -> None:
    with_make(github)
    github.push(tmp_path / "copy", "Not reviewed", branch="aside")
    run = github.run("release.yml", github.tag(f"v{extracts.__version__}", at="aside"))
    assert run.failures.keys() == {"build"}
    assert run.jobs["build"].errors == [f"v{extracts.__version__} is not on main."]
    assert github.state["releases"] == []


def test_tag_that_is_too_small_for_the_change_is_not_published(github: GitHub, tmp_path: Path) -> None:
    with_make(github)
    last = extracts.__version__
    github.tag(f"v{last}")
    major, minor, patch = parse(last)
    version = spelled((major, minor, patch + 1))
    for name, before, after in (
        ("pyproject.toml", f'version = "{last}"', f'version = "{version}"'),
        ("CHANGELOG.md", "\n## ", f"\n## {version} (2026-12-01)\n\n- Another name.\n\n## "),
        ("modules/kms-bucket/outputs.tf", 'output "name"', 'output "bucket_name"'),
    ):
        file = tmp_path / "copy" / name
        file.write_text(file.read_text().replace(before, after, 1))
    github.push(tmp_path / "copy", "Another name")
    run = github.run("release.yml", github.tag(f"v{version}"))
    assert run.failures.keys() == {"build"}
    assert f"✗ {version} is too small a step: this is at least " in run.failures["build"]
    assert github.state["releases"] == []


def test_nothing_is_published_if_a_check_fails(github: GitHub) -> None:
    with_make(github, broken="lint")
    run = github.run("release.yml", github.tag(f"v{extracts.__version__}"))
    assert run.jobs["publish"].result == "skipped"
    assert github.state["releases"] == []
