"""Create a project from the template's questions, with validated answers."""

from __future__ import annotations

import difflib
import functools
import json
import re
import shutil
import tempfile
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from extracts import rules
from extracts.errors import ExtractsError
from extracts.files import inside, settings
from extracts.resources import templates
from extracts.stamp import stamp


@dataclass(frozen=True, slots=True)
class Question:
    """A question of the template."""

    name: str
    prompt: str
    default: str
    choices: tuple[str, ...] = ()
    meanings: tuple[str, ...] = ()  # of the choices, each beginning with the choice

    @property
    def is_asked(self) -> bool:
        """Return whether the question is prompted for. cookiecutter does not prompt for `_names`."""
        return not self.name.startswith("_")

    @property
    def option(self) -> str:
        """Return the option of the command line."""
        return "--" + self.name.lstrip("_").replace("_", "-")


# Keys of a project's `extract.yaml` that are not answers.
_KEPT = ("default_context", "template", "version")

Ask = Callable[[Question, str, Sequence[str]], str]
"""Ask a person a question, with its default and the error in the last answer, if any."""


@functools.cache
def _declared() -> dict[str, object]:
    file = templates() / "extract/cookiecutter.json"
    declared: dict[str, object] = json.loads(file.read_text(encoding="utf-8"))
    return declared


@functools.cache
def questions() -> dict[str, Question]:
    """Return the template's questions in their order: all names with a prompt."""
    prompts = _declared()["__prompts__"]
    assert isinstance(prompts, dict)
    return {name: _question(name, _declared()[name], prompt) for name, prompt in prompts.items()}


def _question(name: str, default: object, prompt: str | Mapping[str, str]) -> Question:
    said = prompt if isinstance(prompt, str) else prompt["__prompt__"]
    plain = re.sub(r"\[/?(?:bold)?\]", "", said)  # the prompts contain markup of rich
    if isinstance(default, bool):
        return Question(name, plain, _text(default), ("yes", "no"))
    # cookiecutter allows no list for a `_name`, so the choices come from its prompt.
    labels = {} if isinstance(prompt, str) else {k: v for k, v in prompt.items() if k != "__prompt__"}
    usual = str(default[0] if isinstance(default, list) else default)
    return Question(name, plain, usual, tuple(labels), tuple(labels.values()))


def _text(answer: object) -> str:
    """Return an answer as text. YAML reads yes and no as booleans."""
    if isinstance(answer, bool):
        return "yes" if answer else "no"
    return str(answer)


def read_answers(file: Path) -> dict[str, str]:
    """Return the answers in a YAML or JSON file, for example in `extract.yaml` of a project.

    Raises ExtractsError for a key that is not a question.
    """
    content = settings(file)
    if not isinstance(content, dict):
        raise ExtractsError(
            f"{file} has no answers; write `question: answer` on each line, e.g. `entity: Loans`."
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
            raise ExtractsError(f'{file}: unknown question "{key}"; {hint}')
        if answer is None or isinstance(answer, (list, dict)):
            raise ExtractsError(f"{file}: {key} needs a single value, e.g. `{key}: {question.default}`.")
        answers[question.name] = _text(answer)
    return answers


def complete(
    given: Mapping[str, str],
    ask: Ask | None,
    *,
    output: Path = Path(),
    suggested: Mapping[str, str] | None = None,
    open_options: Collection[str] = (),
) -> dict[str, str]:
    """Return a valid answer to every question: given, from `ask`, suggested, or the default.

    Asks the questions that are always asked and `open_options`, and again after an invalid answer. Without
    `ask`, raises one error with all invalid answers.
    """
    suggested = suggested or {}
    answers: dict[str, str] = {}
    for name, question in questions().items():
        default = suggested.get(name, question.default)
        answers[name] = given.get(name, default)
        known = {**given, **answers}
        reasons = wrong_alone(name, known, output) if name in given else []
        is_open = name not in given and (question.is_asked or name in open_options)
        if ask is not None and (reasons or is_open):
            answers[name] = _asked(ask, question, default, reasons, known, output)
    while found := wrong(answers, output):
        if ask is None:
            raise rules.refusal(found)
        # Each answer was valid with those before it, but together they contradict each other.
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
    """Return the reasons why answers are invalid, keyed by question; empty if all are valid."""
    private = {name: str(value) for name, value in _declared().items() if name not in questions()}
    found = rules.wrong(answers, private)
    for name in answers:
        if name not in found and (reasons := _outside(name, answers, output)):
            found[name] = reasons
    return {name: found[name] for name in questions() if name in found}


def wrong_alone(name: str, so_far: Mapping[str, str], output: Path | None = None) -> list[str]:
    """Return the reasons why one answer is invalid, given the answers so far."""
    return wrong({question: so_far.get(question, rules.TO_COME) for question in questions()}, output).get(
        name, []
    )


def _outside(name: str, answers: Mapping[str, str], output: Path | None) -> list[str]:
    """Return reasons that the template's hook cannot find: braces, unknown choices and an existing folder."""
    answer, choices = answers[name], questions()[name].choices
    if answer == rules.TO_COME:
        return []
    if braces := re.search(r"\{\{|\{%|\{#", answer):
        # cookiecutter renders answers, so braces in them would be executed.
        return [f"an answer must not contain {braces[0]}"]
    if choices and answer not in choices:
        return [f'"{answer}" is not one of {", ".join(choices)}']
    if name == "project_slug" and output is not None and (output / answer).exists():
        return [f"{output / answer} already exists and is not overwritten; use another name or folder"]
    return []


def create(answers: Mapping[str, str], output: Path, *, dry_run: bool = False) -> list[Path]:
    """Create the project in `output`, and return its files relative to that folder. A dry run writes nothing.

    The project is rendered in a temporary folder and then moved, so it is always complete.
    """
    target = inside(output, answers["project_slug"])
    if target.exists():
        raise ExtractsError(f"{target} already exists and is not overwritten; use another name or folder.")
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
