"""Run the workflows of this repository, step by step.

In these tests, `make` only prints its commands, except for `make release-files`, which builds the files of
the release. The emulated GitHub stores a published release.
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
from tests.support.github.model import Event, Run, git

# The workflows use the Python environment of this test, so `make` in the checkout must not create another
# one.
MAKE = """\
#!/bin/sh
case "$1" in
release-files) exec {make} --old-file={venv}/.ready VENV={venv} "$@" ;;
"$BROKEN") echo "$1 is broken" >&2; exit 2 ;;
*) exec {make} --dry-run "$@" ;;
esac
"""


# CONTRIBUTING.md describes this ruleset: only the deploy key can create a tag that starts with v.
RULESET = """\
#!/bin/sh
case "$1:$DEPLOY_KEY" in
refs/tags/v*:key-of-the-environment) ;;
refs/tags/v*) echo "Cannot create ref due to creations being restricted." >&2; exit 1 ;;
esac
"""


@pytest.fixture
def github(tmp_path: Path, cloud: aws.Cloud) -> GitHub:
    """Push this repository, unchanged, to the emulated GitHub."""
    copy = tmp_path / "copy"
    listed = ["git", "-C", str(ROOT), "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    for name in subprocess.run(listed, capture_output=True, text=True, check=True).stdout.split("\0"):
        if name and (ROOT / name).is_file():
            (copy / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, copy / name)
    made = GitHub(tmp_path / "github", cloud, {}, repository=HOME)
    made.secrets["release"] = {"RELEASE_KEY": "key-of-the-environment"}
    (made.origin / "hooks/update").write_text(RULESET)
    (made.origin / "hooks/update").chmod(0o755)
    made.push(copy, "As it is here")
    return made


def with_make(github: GitHub, broken: str = "none") -> None:
    """Give the runners a `make` in which only the target `broken` fails."""
    make = shutil.which("make")
    assert make
    text = MAKE.format(make=make, venv=sys.prefix).replace("$BROKEN", broken)
    (github.folder / "bin/make").write_text(text)
    (github.folder / "bin/make").chmod(0o755)


def start(github: GitHub, version: str, branch: str = "main") -> Run:
    """Start the release workflow manually."""
    sha = git(github.origin, "rev-parse", branch)
    event = Event("workflow_dispatch", f"refs/heads/{branch}", sha, inputs={"version": version})
    return github.run("release.yml", event)


def released(github: GitHub) -> list[str]:
    """Return the tags of all releases."""
    return git(github.origin, "tag", "--list", "v*").splitlines()


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


def test_approved_release_is_tagged_and_published_with_its_changelog(github: GitHub) -> None:
    with_make(github)
    run = start(github, extracts.__version__)
    assert run.failures == {}
    assert released(github) == [f"v{extracts.__version__}"]
    assert git(github.origin, "rev-parse", released(github)[0]) == git(github.origin, "rev-parse", "main")
    [release] = github.state["releases"]
    assert release["tag"] == f"v{extracts.__version__}"
    assert [Path(name).suffix for name in release["files"]] == [".whl", ".gz"]
    assert run.jobs["publish"].environment == "release"
    assert release["notes"] in (ROOT / "CHANGELOG.md").read_text()
    assert len(release["notes"].splitlines()) > 3


def test_release_is_not_published_if_its_version_differs_from_the_code(github: GitHub) -> None:
    with_make(github)
    run = start(github, "99.0.0")
    assert run.failures.keys() == {"build"}
    assert "✗ v99.0.0 is not the tag of " in run.failures["build"]
    assert run.jobs["publish"].result == "skipped"
    assert released(github) == github.state["releases"] == []


def test_commit_on_another_branch_is_not_published(github: GitHub, tmp_path: Path) -> None:
    with_make(github)
    github.push(tmp_path / "copy", "Not reviewed", branch="aside")
    run = start(github, extracts.__version__, branch="aside")
    assert run.failures.keys() == {"build"}
    assert run.jobs["build"].errors == ["Only the branch main is released, not refs/heads/aside."]
    assert released(github) == github.state["releases"] == []


def test_release_with_the_wrong_deploy_key_creates_no_tag(github: GitHub) -> None:
    with_make(github)
    github.secrets["release"] = {"RELEASE_KEY": "another-key"}
    run = start(github, extracts.__version__)
    assert run.failures.keys() == {"publish"}
    assert "creations being restricted" in run.failures["publish"]
    assert released(github) == github.state["releases"] == []


def test_release_is_not_published_if_its_version_is_too_small_for_the_changes(
    github: GitHub, tmp_path: Path
) -> None:
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
    run = start(github, version)
    assert run.failures.keys() == {"build"}
    assert f"✗ Version {version} is too small for the changes; it must be at least " in run.failures["build"]
    assert released(github) == [f"v{last}"]
    assert github.state["releases"] == []


def test_nothing_is_published_if_a_check_fails(github: GitHub) -> None:
    with_make(github, broken="lint")
    run = start(github, extracts.__version__)
    assert run.jobs["publish"].result == "skipped"
    assert released(github) == github.state["releases"] == []
