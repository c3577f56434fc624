"""Generate reference pages from the code: `make docs`.

The page of the command-line tool comes from its commands. The page of template answers comes from
`cookiecutter.json`. The other reference pages are written by hand, and tests compare them with the code.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import typer

from extracts.cli import app
from extracts.new import questions

ROOT = Path(__file__).resolve().parents[1]
FOLDER = ROOT / "docs/reference"
GENERATED = '<!-- "make docs" generates this page. -->'


def cli() -> str:
    """Return the page of the command-line tool."""
    group = typer.main.get_group(app)
    parts = [
        "# Command-line tool",
        GENERATED,
        "`extracts COMMAND --help` prints the same text. The page [Exit codes](exit-codes.md) explains the"
        " exit codes.",
    ]
    for name, command in group.commands.items():
        arguments = [_name(one) for one in command.params if one.param_type_name == "argument"]
        parts += [
            f"## {name}",
            _paragraphs(command.help or ""),
            f"```text\n{' '.join(['extracts', name, '[OPTIONS]', *arguments])}\n```",
            _table(("argument or option", "default", "meaning"), map(_parameter, command.params)),
        ]
        if command.epilog:
            parts.append(re.sub(r"^Example: (.*)$", r"Example: `\1`", command.epilog))
    return "\n\n".join(parts) + "\n"


# The type of `one` is Any, because Typer contains a copy of click that exports no types.
def _parameter(one: Any) -> tuple[str, str, str]:
    meaning = one.help or ""
    if one.envvar:
        meaning += f" Environment: `{one.envvar}`."
    hidden = one.default in (None, "", ()) or isinstance(one.default, bool) or callable(one.default)
    default = "required" if one.required else "" if hidden else f"`{one.default}`"
    return f"`{_name(one)}`", default, _cell(meaning)


def _name(one: Any) -> str:
    return str(one.opts[0] if one.param_type_name == "option" else one.metavar or one.name.upper())


def answers() -> str:
    """Return the page of the questions that the template asks."""
    rows = [
        (
            f"`{question.name}`",
            "yes" if question.is_asked else "no",
            f"`{question.default}`" if question.default else "none",
            _cell(_without_markup(question.prompt)),
        )
        for question in questions().values()
    ]
    choices = [
        (f"`{question.name}`", f"`{name}`", _cell(meaning))
        for question in questions().values()
        if question.choices
        for name, meaning in _choices(question.name)
    ]
    return (
        "\n\n".join(
            [
                "# Template answers",
                GENERATED,
                "The template creates a project from the answers to these questions. The project's file"
                " `extract.yaml` contains the answers. cookiecutter and `extracts new` ask the questions"
                " marked with yes. All other questions have a default. `extracts new` has an option for each"
                " question. With `--database-url`, `extracts new` also asks for the time zone if the date"
                " column is a timestamp with time zone. `alert_email` has no default, so you must give this"
                " answer even with `--no-input`.",
                _table(("answer", "asked", "default", "question"), rows),
                "## Choices",
                _table(("answer", "choice", "meaning"), choices),
            ]
        )
        + "\n"
    )


def _choices(name: str) -> Iterator[tuple[str, str]]:
    declared = json.loads((ROOT / "templates/extract/cookiecutter.json").read_text(encoding="utf-8"))
    for choice, words in declared["__prompts__"][name].items():
        if not choice.startswith("__"):
            yield choice, _without_markup(words).removeprefix(f"{choice}: ")


def _without_markup(text: str) -> str:
    return re.sub(r"\[bold\](.*?)\[/\]", r"`\1`", text)


def _paragraphs(text: str) -> str:
    return "\n\n".join(" ".join(part.split()) for part in text.strip().split("\n\n"))


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|").replace("\\[", "[")


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [head, tuple("---" for _ in head), *rows]
    return "\n".join(f"| {' | '.join(cells)} |".replace("|  |", "| |") for cells in lines)


PAGES = {"cli.md": cli, "template-answers.md": answers}


def main() -> None:
    """Write the pages."""
    for name, page in PAGES.items():
        (FOLDER / name).write_text(page(), encoding="utf-8")


if __name__ == "__main__":
    main()
