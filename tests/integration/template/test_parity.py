"""cookiecutter, the tool and cruft create the same files from the same answers."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support import options
from tests.support.files import tree

ROWS = [options.ADDRESS | row for row in options.covering(options.factors())]


@pytest.fixture(scope="module")
def cloned(template: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A git repository that contains only this template, for cloning."""
    folder = tmp_path_factory.mktemp("repository")
    shutil.copytree(
        template, folder / "templates/extract", ignore=shutil.ignore_patterns("__pycache__", ".*_cache")
    )
    identity = ("-c", "user.name=nobody", "-c", "user.email=nobody@example.com", "-c", "commit.gpgsign=false")
    for arguments in (("init", "--quiet"), ("add", "."), (*identity, "commit", "--quiet", "-m", "template")):
        subprocess.run(["git", *arguments], cwd=folder, check=True)
    return folder


def run(*arguments: str, folder: Path) -> None:
    environment = {**os.environ, "HOME": str(folder)}
    command = [sys.executable, "-m", *arguments]
    done = subprocess.run(
        command,
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        stdin=subprocess.DEVNULL,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def stamped(folder: Path) -> dict[str, bytes]:
    """Return every file except .cruft.json, keyed by path."""
    return {name: data for name, data in tree(folder).items() if not name.endswith(".cruft.json")}


@pytest.mark.parametrize("answers", [options.ADDRESS, ROWS[1], ROWS[2]], ids=["by default", "some", "others"])
def test_cookiecutter_and_extracts_and_cruft_create_the_same_files(
    answers: options.Answers, cloned: Path, cookiecutter_settings: Path, tmp_path: Path
) -> None:
    settings = ("--no-input", "--config-file", str(cookiecutter_settings))
    there = (str(cloned), "--directory", "templates/extract", *settings)
    given = [f"{question}={answer}" for question, answer in answers.items()]
    run("cookiecutter", *there, "--output-dir", str(tmp_path / "plain"), *given, folder=tmp_path)

    (tmp_path / "cruft").mkdir()
    context = ("--extra-context", json.dumps(answers))
    run("cruft", "create", *there, *context, "--output-dir", str(tmp_path / "cruft"), folder=tmp_path)

    file = tmp_path / "answers.json"
    file.write_text(json.dumps({question.lstrip("_"): answer for question, answer in answers.items()}))
    ours = ("--answers", str(file), "--output-dir", str(tmp_path / "ours"))
    run("extracts", "new", "--no-input", *ours, folder=tmp_path)

    plain = stamped(tmp_path / "plain")
    assert plain
    assert stamped(tmp_path / "ours") == plain
    assert stamped(tmp_path / "cruft") == plain
