"""The validated front end of the template: the same questions, the same bytes, nothing lost on the way."""

from __future__ import annotations

import difflib
import json
import re
import shutil
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import yaml

from extracts.errors import ExtractsError
from extracts.resources import templates
from extracts.stamp import stamp


@dataclass(frozen=True, slots=True)
class Question:
    """One public question of the template."""

    name: str
    prompt: str
    default: str
    choices: tuple[str, ...] = ()


def questions() -> dict[str, Question]:
    """The template's own questions, in their order."""
    context = json.loads((templates() / "extract/cookiecutter.json").read_text())
    prompts = context.pop("__prompts__")
    found = {}
    for name, default in context.items():
        if name.startswith("_"):
            continue
        choices = tuple(default) if isinstance(default, list) else ()
        prompt = prompts[name]["__prompt__"] if choices else prompts[name]
        plain = re.sub(r"\[/?(?:bold)?\]", "", prompt)  # the template's prompts carry rich's markup
        found[name] = Question(name, plain, choices[0] if choices else default, choices)
    return found


def read_answers(file: Path) -> dict[str, str]:
    """Answers from a YAML or JSON file; a key that is no question is an error, not a silent default."""
    try:
        content = yaml.safe_load(file.read_text())
    except (OSError, yaml.YAMLError) as error:
        reason = getattr(error, "strerror", None) or " ".join(str(error).split())
        raise ExtractsError(f"{file} cannot be read: {reason}.") from error
    if not isinstance(content, dict):
        raise ExtractsError(
            f"{file} holds no answers; write one `question: answer` a line, e.g. `entity: Loans`."
        )
    known = questions()
    for key in map(str, content):
        if key not in known:
            near = difflib.get_close_matches(key, known, n=1)
            hint = f'did you mean "{near[0]}"?' if near else f"the questions are {', '.join(known)}."
            raise ExtractsError(f'{file}: there is no question "{key}"; {hint}')
    return {str(key): str(value) for key, value in content.items()}


def complete(given: Mapping[str, str], ask: Callable[[Question], str] | None) -> dict[str, str]:
    """An answer to every question: the one given, else what `ask` brings, else the default."""
    answers = {}
    for name, question in questions().items():
        if name in given:
            answers[name] = given[name]
        else:
            answers[name] = ask(question) if ask else question.default
    return answers


def create(answers: Mapping[str, str], output: Path, *, dry_run: bool = False) -> list[Path]:
    """Stamp the project under `output`; its files, relative to there. A dry run leaves nothing."""
    for name, answer in answers.items():
        # cookiecutter renders what it is given: an answer with braces would be run, not stamped.
        if found := re.search(r"\{\{|\{%|\{#", answer):
            raise ExtractsError(f"{name}: an answer holds no {found[0]}.")
        choices = questions()[name].choices
        if choices and answer not in choices:
            raise ExtractsError(f'{name}: "{answer}" is none of {", ".join(choices)}.')
    target = output / answers["project_slug"]
    if target.exists():
        raise ExtractsError(
            f"{target} is there already; nothing is overwritten. Take another name or folder."
        )
    try:
        output.mkdir(parents=True, exist_ok=True)
        scratch = Path(tempfile.mkdtemp(prefix=".extracts-new-", dir=output))
    except OSError as error:
        raise ExtractsError(f"Cannot write to {output}: {error.strerror}.") from error
    try:
        made = stamp(answers, scratch)
        files = sorted(path.relative_to(scratch) for path in made.rglob("*") if path.is_file())
        if not dry_run:
            made.rename(output / made.name)
    finally:
        shutil.rmtree(scratch)
    return files
