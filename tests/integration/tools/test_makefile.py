"""Run `make` on a machine that lacks Python, a writable folder or the network.

`make` must print one error message, and must not mark the incomplete virtual environment as ready.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]


def make(venv: Path, *words: str, **variables: str) -> list[str]:
    """Run `make demo` in the virtual environment `venv`. It must fail. Return the lines on stderr."""
    done = subprocess.run(
        ["make", "-C", str(ROOT), "demo", f"VENV={venv}", *words],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, **variables},
    )
    assert done.returncode != 0
    assert not (venv / ".ready").exists()
    return [line for line in done.stderr.splitlines() if not line.startswith("make")]


def test_error_names_the_python_that_cannot_be_used(tmp_path: Path) -> None:
    [line] = make(tmp_path / "venv", "PYTHON=/bin/false")
    assert line == (
        "✗ Python 3.11 or newer is needed, and /bin/false is not; name another: make PYTHON=python3.12"
    )


def test_error_names_the_folder_in_which_no_virtual_environment_can_be_created(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    [line] = make(tmp_path / "file/venv")
    assert line.startswith(f"✗ python3 cannot make a virtual environment in {tmp_path}/file/venv: ")
    assert "Not a directory" in line


def test_error_mentions_the_package_index_if_the_network_is_missing(tmp_path: Path) -> None:
    unreachable = {
        "PIP_INDEX_URL": "http://127.0.0.1:9/simple",
        "PIP_EXTRA_INDEX_URL": "",
        "PIP_RETRIES": "0",
    }
    [line] = make(tmp_path / "venv", **unreachable)
    # The error names the first package that pip cannot install. The settings of pip decide which package is
    # the first, so the test does not check the name.
    assert line.startswith(
        "✗ The packages could not be installed: ERROR: No matching distribution found for "
    )
    assert "Is the package index in reach?" in line


def test_tflint_checks_every_folder_with_terraform_files(tmp_path: Path) -> None:
    stand_in = tmp_path / "tflint"
    stand_in.write_text('#!/bin/sh\necho "$1" >>"$0.log"\n')
    stand_in.chmod(0o755)
    path = f"{tmp_path}:{os.environ['PATH']}"
    subprocess.run(["make", "-C", str(ROOT), "tflint"], check=True, env={**os.environ, "PATH": path})
    calls = (tmp_path / "tflint.log").read_text().splitlines()
    looked = {call.removeprefix("--chdir=") for call in calls if call.startswith("--chdir=")}
    written = {
        str(file.parent.relative_to(ROOT))
        for top in ("modules", "examples")
        for file in (ROOT / top).rglob("*.tf")
        if ".terraform" not in file.parts
    }
    assert {"examples/minimal", "modules/kms-bucket"} <= looked == written


@pytest.mark.parametrize(
    "tag", ["v1.0.0", 'v1";touch${IFS}ran;"', "v1$(touch${IFS}ran)", "v1`touch${IFS}ran`"]
)
@pytest.mark.parametrize("given", ["by its environment", "as a word"])
def test_shell_command_in_a_tag_name_is_not_executed(tag: str, given: str, tmp_path: Path) -> None:
    """A person who can push a tag must not be able to run commands in the job that releases."""
    shutil.copy(ROOT / "Makefile", tmp_path)
    stand_in = tmp_path / "venv/bin/python"
    stand_in.parent.mkdir(parents=True)
    stand_in.write_text('#!/bin/sh\nmkdir -p dist && touch dist/x\nprintf "%s\\n" "$@" >> words\n')
    stand_in.chmod(0o755)
    (tmp_path / "pyproject.toml").touch()
    (tmp_path / "venv/.ready").touch()
    words = [] if given == "by its environment" else [f"TAG={tag}"]
    variables = {} if words else {"TAG": tag}
    done = subprocess.run(
        ["make", "-C", str(tmp_path), "release-files", "VENV=venv", *words],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, **variables},
    )
    assert not (tmp_path / "ran").exists()
    # The release workflow passes the tag in an environment variable. On the command line, `make` replaces
    # the variables in the tag. So the test checks the result only for the environment variable.
    if variables:
        assert done.returncode == 0, done.stderr
        assert (tmp_path / "words").read_text().splitlines()[-1] == tag


def test_release_workflow_passes_the_tag_as_an_environment_variable() -> None:
    workflow = (ROOT / ".github/workflows/release.yml").read_text()
    assert "- run: make release-files\n" in workflow
    assert "TAG: v${{ inputs.version }}\n" in workflow
