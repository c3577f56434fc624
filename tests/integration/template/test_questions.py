"""The questions in cookiecutter.json, and how the template uses their answers."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support import options
from tests.support.files import tree


def public(declared: dict[str, object]) -> list[str]:
    return [name for name in declared if not name.startswith("_")]


def settings(declared: dict[str, object]) -> list[str]:
    """Return the options that have no prompt. In cookiecutter, arguments set them: `_region=eu-west-2`."""
    fixed = ("_repository", "_version")
    return [name for name in declared if re.match("_[a-z]", name) and name not in fixed]


def test_template_asks_at_most_twelve_questions(declared: dict[str, object]) -> None:
    assert len(public(declared)) <= 12


def test_new_project_prints_the_values_of_options_without_a_prompt(
    declared: dict[str, object], stamp: Callable[..., Path], capfd: pytest.CaptureFixture[str]
) -> None:
    readme = (stamp() / "README.md").read_text()
    told = capfd.readouterr().out
    for name in settings(declared):
        assert str(declared[name]) in told
        # Users change _schedule, _time_zone and _region in the project, so the README does not name them.
        if name not in ("_schedule", "_time_zone", "_region"):
            assert f"`{name}`" in readme


def test_every_prompt_has_an_example(template: Path, declared: dict[str, object]) -> None:
    prompts = json.loads((template / "cookiecutter.json").read_text())["__prompts__"]
    assert list(prompts) == public(declared) + settings(declared)
    for name, prompt in prompts.items():
        sentence = prompt if isinstance(prompt, str) else prompt["__prompt__"]
        assert "?" in sentence, name
        assert "e.g. [bold]" in sentence.lower(), name
        if not isinstance(prompt, str):
            choices = [choice for choice in prompt if choice != "__prompt__"]
            # The first choice is the default.
            assert choices == declared[name] or choices[0] == declared[name]
            assert all(
                label.startswith(f"{choice}: ") for choice, label in prompt.items() if choice in choices
            )


def test_template_uses_exactly_the_variables_of_cookiecutter_json(
    template: Path, declared: dict[str, object]
) -> None:
    files = [path for path in template.rglob("*") if path.is_file() and "__pycache__" not in path.parts]
    text = "".join(path.read_text() + path.relative_to(template).as_posix() for path in files)
    used = set(re.findall(r"cookiecutter\.([A-Za-z_]\w*)", text)) - {"json", "items", "__folder"} | {
        "__folder" for path in template.iterdir() if path.name == "{{cookiecutter.__folder}}"
    }
    assert used == declared.keys()


def test_template_and_package_and_changelog_have_the_same_version(
    repository: Path, declared: dict[str, object]
) -> None:
    version = tomllib.loads((repository / "pyproject.toml").read_text())["project"]["version"]
    assert declared["_version"] == version
    headings = re.findall(
        r"^## \[?v?(\d+\.\d+\.\d+)", (repository / "CHANGELOG.md").read_text(), re.MULTILINE
    )
    assert headings[0] == version


def test_hooks_use_only_the_standard_library(template: Path) -> None:
    for hook in (template / "hooks").iterdir():
        imported = set(re.findall(r"^(?:import|from) (\w+)", hook.read_text(), re.MULTILINE))
        assert imported <= sys.stdlib_module_names, hook.name
    # A pre_prompt hook would run before the answers exist. Tools that update projects do not support
    # pre_prompt hooks.
    assert not list((template / "hooks").glob("pre_prompt*"))


def test_hooks_do_not_import_modules_from_the_temporary_folder(
    template: Path, cookiecutter_settings: Path, tmp_path: Path
) -> None:
    """cookiecutter runs hooks from a temporary folder, which comes first in Python's module path."""
    for name in ("collections", "difflib", "json", "pathlib", "re", "types", "typing"):
        (tmp_path / f"{name}.py").write_text(f"raise SystemExit('{name} of somebody else')\n")
    command = (
        sys.executable,
        "-m",
        "cookiecutter",
        "--no-input",
        "--config-file",
        str(cookiecutter_settings),
    )
    done = subprocess.run(
        [*command, "--output-dir", str(tmp_path / "stamped"), str(template), "alert_email=a@example.com"],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "TMPDIR": str(tmp_path)},
    )
    assert done.returncode == 0, done.stderr


def test_cookiecutter_creates_the_same_files_and_prints_the_next_steps(
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
            f"alert_email={options.BANK['alert_email']}",
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


def test_cookiecutter_replay_accepts_non_ascii_names_but_refuses_a_missing_answer(
    tmp_path: Path, template: Path, cookiecutter_settings: Path, stamp: Callable[..., Path]
) -> None:
    """Names in any script are written as UTF-8, even if the locale has another encoding."""
    given = {"entity": "Überweisung", "joins": "none", "group": "a = Überweisung.a", "delimiter": "tab"}
    project = stamp(recipient="b = Überweisung.b", **given)
    replay = tmp_path / "replay.json"
    kept = json.loads((cookiecutter_settings.parent / "replays/extract.json").read_text(encoding="utf-8"))

    def replayed(name: str) -> subprocess.CompletedProcess[str]:
        replay.write_text(json.dumps(kept))
        command = (sys.executable, "-m", "cookiecutter", "--config-file", str(cookiecutter_settings))
        places = ("--output-dir", str(tmp_path / name), "--replay-file", str(replay), str(template))
        return subprocess.run(
            [*command, *places],
            capture_output=True,
            text=True,
            check=False,
            stdin=subprocess.DEVNULL,
            env={**os.environ, "LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"},
        )

    done = replayed("same")
    assert done.returncode == 0, done.stderr
    assert tree(tmp_path / "same/bank-loans") == tree(project)
    # A version without the question `delimiter` writes a replay file without an answer to this question.
    del kept["cookiecutter"]["delimiter"]
    assert replayed("none").returncode == 1
    assert not (tmp_path / "none").exists()


def test_creating_a_project_again_gives_the_same_files(stamp: Callable[..., Path]) -> None:
    first = {path: path.read_bytes() for path in stamp().rglob("*") if path.is_file()}
    assert {path: path.read_bytes() for path in stamp().rglob("*") if path.is_file()} == first
