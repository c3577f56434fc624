"""What cookiecutter.json asks, and what becomes of the answers."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path


def public(declared: dict[str, object]) -> list[str]:
    return [name for name in declared if not name.startswith("_")]


def test_no_more_than_ten_questions_are_asked(declared: dict[str, object]) -> None:
    assert len(public(declared)) <= 10


def test_every_question_is_a_sentence_with_an_example(template: Path, declared: dict[str, object]) -> None:
    prompts = json.loads((template / "cookiecutter.json").read_text())["__prompts__"]
    assert list(prompts) == public(declared)
    for name, prompt in prompts.items():
        sentence = prompt if isinstance(prompt, str) else prompt["__prompt__"]
        assert "?" in sentence, name
        assert "e.g. [bold]" in sentence.lower(), name
        if isinstance(declared[name], list):
            assert [choice for choice in prompt if choice != "__prompt__"] == declared[name]


def test_every_declared_answer_is_used_and_every_used_one_is_declared(
    template: Path, declared: dict[str, object]
) -> None:
    files = [path for path in template.rglob("*") if path.is_file() and "__pycache__" not in path.parts]
    text = "".join(path.read_text() + path.relative_to(template).as_posix() for path in files)
    used = set(re.findall(r"cookiecutter\.([A-Za-z_]\w*)", text)) - {"json", "__folder"} | {
        "__folder" for path in template.iterdir() if path.name == "{{cookiecutter.__folder}}"
    }
    assert used == declared.keys()


def test_the_template_the_package_and_the_changelog_are_of_one_version(
    repository: Path, declared: dict[str, object]
) -> None:
    version = tomllib.loads((repository / "pyproject.toml").read_text())["project"]["version"]
    assert declared["_version"] == version
    headings = re.findall(
        r"^## \[?v?(\d+\.\d+\.\d+)", (repository / "CHANGELOG.md").read_text(), re.MULTILINE
    )
    assert headings[0] == version


def test_the_hooks_need_the_standard_library_alone(template: Path) -> None:
    for hook in (template / "hooks").iterdir():
        imported = set(re.findall(r"^(?:import|from) (\w+)", hook.read_text(), re.MULTILINE))
        assert imported <= sys.stdlib_module_names, hook.name
    # It would run before the answers are there, and tools that update projects do not know it.
    assert not list((template / "hooks").glob("pre_prompt*"))


def test_plain_cookiecutter_stamps_the_same_bytes_and_says_what_to_do_next(
    repository: Path, tmp_path: Path, cookiecutter_settings: Path, stamp: Callable[..., Path]
) -> None:
    settings = (
        "--no-input",
        "--config-file",
        str(cookiecutter_settings),
        "--output-dir",
        str(tmp_path / "plain"),
    )
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "cookiecutter",
            str(repository),
            "--directory",
            "templates/extract",
            *settings,
        ],
        capture_output=True,
        text=True,
        check=True,
    )
    ours, theirs = stamp(), tmp_path / "plain/bank-loans"
    paths = {path.relative_to(ours) for path in ours.rglob("*") if path.is_file()}
    assert paths == {path.relative_to(theirs) for path in theirs.rglob("*") if path.is_file()}
    assert all((ours / path).read_bytes() == (theirs / path).read_bytes() for path in paths)
    commands = [line.strip() for line in done.stdout.splitlines() if line.startswith("  ")]
    assert len(commands) == 3
    assert commands[0].startswith("cd bank-loans")


def test_stamping_again_changes_nothing(stamp: Callable[..., Path]) -> None:
    first = {path: path.read_bytes() for path in stamp().rglob("*") if path.is_file()}
    assert {path: path.read_bytes() for path in stamp().rglob("*") if path.is_file()} == first
