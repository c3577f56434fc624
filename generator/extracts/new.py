"""The validated front end of the template: the same questions, the same bytes, nothing lost on the way."""

from __future__ import annotations

import difflib
import functools
import json
import re
import shutil
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from extracts import rules
from extracts.errors import ExtractsError
from extracts.files import inside, settings
from extracts.resources import templates
from extracts.stamp import stamp


@dataclass(frozen=True, slots=True)
class Question:
    """One public question of the template."""

    name: str
    prompt: str
    default: str
    choices: tuple[str, ...] = ()

    @property
    def is_asked(self) -> bool:
        """False for what nearly all take the default of: an option, as cookiecutter has it with `_names`."""
        return not self.name.startswith("_")

    @property
    def option(self) -> str:
        """As the command line has it."""
        return "--" + self.name.lstrip("_").replace("_", "-")


# What a project's `extract.yaml` holds besides the answers.
_KEPT = ("default_context", "template", "version")

Ask = Callable[[Question, str, Sequence[str]], str]
"""Brings a person's answer: to a question, with a default, told what was wrong with the last answer."""


@functools.cache
def _declared() -> dict[str, object]:
    file = templates() / "extract/cookiecutter.json"
    declared: dict[str, object] = json.loads(file.read_text(encoding="utf-8"))
    return declared


@functools.cache
def questions() -> dict[str, Question]:
    """The template's own questions, in their order: whatever it has a prompt for."""
    prompts = _declared()["__prompts__"]
    assert isinstance(prompts, dict)
    return {name: _question(name, _declared()[name], prompt) for name, prompt in prompts.items()}


def _question(name: str, default: object, prompt: str | Mapping[str, str]) -> Question:
    said = prompt if isinstance(prompt, str) else prompt["__prompt__"]
    plain = re.sub(r"\[/?(?:bold)?\]", "", said)  # the template's prompts carry rich's markup
    if isinstance(default, bool):
        return Question(name, plain, _text(default), ("yes", "no"))
    # One that is not asked cannot be a list in cookiecutter.json; its prompt still names the choices.
    choices = () if isinstance(prompt, str) else tuple(name for name in prompt if name != "__prompt__")
    return Question(name, plain, str(default[0] if isinstance(default, list) else default), choices)


def _text(answer: object) -> str:
    """An answer as text; YAML and JSON have truth values where people write yes and no."""
    if isinstance(answer, bool):
        return "yes" if answer else "no"
    return str(answer)


def read_answers(file: Path) -> dict[str, str]:
    """Answers from a YAML or JSON file; a key that is no question is an error, not a silent default.

    A project's own `extract.yaml`, which has them under the key that cookiecutter looks for, is such a file.
    """
    content = settings(file)
    if not isinstance(content, dict):
        raise ExtractsError(
            f"{file} holds no answers; write one `question: answer` a line, e.g. `entity: Loans`."
        )
    if isinstance(kept := content.get("default_context"), dict):
        content = {key: value for key, value in content.items() if key not in _KEPT} | kept
    known = {name.lstrip("_"): question for name, question in questions().items()}
    answers = {}
    for key, answer in content.items():
        question = known.get(str(key).lstrip("_"))
        if question is None:
            near = difflib.get_close_matches(str(key), known, n=1)
            hint = f'did you mean "{near[0]}"?' if near else f"the questions are {', '.join(known)}."
            raise ExtractsError(f'{file}: there is no question "{key}"; {hint}')
        if answer is None or isinstance(answer, (list, dict)):
            raise ExtractsError(f"{file}: {key} has no answer of one line; e.g. `{key}: {question.default}`.")
        answers[question.name] = _text(answer)
    return answers


def complete(
    given: Mapping[str, str],
    ask: Ask | None,
    *,
    output: Path = Path(),
    suggested: Mapping[str, str] | None = None,
) -> dict[str, str]:
    """A right answer to every question: the one given, else what `ask` brings, else suggestion or default.

    A wrong answer is asked again, and costs none of the others; without `ask`, all that is wrong is told at
    once.
    """
    suggested = suggested or {}
    answers: dict[str, str] = {}
    for name, question in questions().items():
        default = suggested.get(name, question.default)
        answers[name] = given.get(name, default)
        known = {**given, **answers}
        reasons = wrong_alone(name, known, output) if name in given else []
        if ask is not None and (reasons or (question.is_asked and name not in given)):
            answers[name] = _asked(ask, question, default, reasons, known, output)
    while found := wrong(answers, output):
        if ask is None:
            raise rules.refusal(found)
        # Each was right in the light of those before it, yet not all of them together.
        for name, reasons in found.items():
            answers[name] = _asked(ask, questions()[name], answers[name], reasons, answers, output)
    return answers


def _asked(
    ask: Ask,
    question: Question,
    default: str,
    reasons: Sequence[str],
    others: Mapping[str, str],
    output: Path,
) -> str:
    while True:
        answer = ask(question, default, reasons)
        reasons = wrong_alone(question.name, {**others, question.name: answer}, output)
        if not reasons:
            return answer


def wrong(answers: Mapping[str, str], output: Path | None = None) -> dict[str, list[str]]:
    """What is wrong with each wrong answer, in the template's words; nothing where all is well."""
    private = {name: str(value) for name, value in _declared().items() if name not in questions()}
    found = rules.wrong(answers, private)
    for name in answers:
        if name not in found and (reasons := _outside(name, answers, output)):
            found[name] = reasons
    return {name: found[name] for name in questions() if name in found}


def wrong_alone(name: str, so_far: Mapping[str, str], output: Path | None = None) -> list[str]:
    """What is wrong with one answer in the light of those that are there already."""
    return wrong({question: so_far.get(question, rules.TO_COME) for question in questions()}, output).get(
        name, []
    )


def _outside(name: str, answers: Mapping[str, str], output: Path | None) -> list[str]:
    """What the template cannot know: cookiecutter checks no choice given to it, and renders braces."""
    answer, choices = answers[name], questions()[name].choices
    if answer == rules.TO_COME:
        return []
    if braces := re.search(r"\{\{|\{%|\{#", answer):
        # cookiecutter renders what it is given: an answer with braces would be run, not stamped.
        return [f"an answer holds no {braces[0]}"]
    if choices and answer not in choices:
        return [f'"{answer}" is none of {", ".join(choices)}']
    if name == "project_slug" and output is not None and (output / answer).exists():
        return [f"{output / answer} is there already; nothing is overwritten. Take another name or folder"]
    return []


def create(answers: Mapping[str, str], output: Path, *, dry_run: bool = False) -> list[Path]:
    """Stamp the project under `output`; its files, relative to there. A dry run leaves nothing.

    It is rendered aside and moved at the end: there is never half a project.
    """
    target = inside(output, answers["project_slug"])
    if target.exists():
        raise ExtractsError(
            f"{target} is there already; nothing is overwritten. Take another name or folder."
        )
    try:
        if not dry_run:
            output.mkdir(parents=True, exist_ok=True)
        scratch = Path(tempfile.mkdtemp(prefix=".extracts-new-", dir=None if dry_run else output))
    except OSError as error:
        raise ExtractsError(f"Cannot write to {output}: {error.strerror}.") from error
    try:
        made = stamp(answers, scratch)
        files = sorted(path.relative_to(scratch) for path in made.rglob("*") if path.is_file())
        if not dry_run:
            made.rename(target)
    finally:
        shutil.rmtree(scratch)
    return files
