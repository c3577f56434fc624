"""A terminal's side of `extracts new`: prompts, what was found in the database, and what was made."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from extracts import new, rules
from extracts.introspect import answers as finding
from extracts.introspect import catalog
from extracts.terminal import printable


def _prompt(text: str, default: str | None) -> str:
    """What is typed. The question is on stderr: stdout may be read by a script, or be a file."""
    try:
        return str(typer.prompt(text, default=default, err=True)).strip()
    except typer.Abort:
        typer.secho("\n✗ Interrupted; nothing was made.", fg="red", err=True)
        raise typer.Exit(130) from None


def ask(question: new.Question, default: str, reasons: Sequence[str]) -> str:
    """One question at the terminal."""
    for reason in reasons:
        typer.secho(printable(f"✗ {reason}."), fg="red", err=True)
    choices = f" ({', '.join(question.choices)})" if question.choices else ""
    return _prompt(f"{question.prompt}{choices}", default)


def choose(found: finding.Finding, wrong: str) -> str:
    """One question that the database leaves open: a number picks a candidate, other text is the answer."""
    if wrong:
        typer.secho(printable(f"✗ {wrong}."), fg="red", err=True)
    offered = found.candidates or tuple(filter(None, [found.answer]))
    typer.echo(f"\n{new.questions()[found.question].prompt}", err=True)
    typer.echo(printable(f"In the database, {found.because}:"), err=True)
    for number, candidate in enumerate(offered, start=1):
        typer.echo(printable(f"  {number}  {candidate}"), err=True)
    said = _prompt("Number or answer", "1" if offered else None)
    if offered and said.isdecimal() and not 0 < int(said) <= len(offered):
        return choose(
            found, f"{said} is no number from 1 to {len(offered)}"
        )  # and no name, which has letters
    return offered[int(said) - 1] if said.isdecimal() and 0 < int(said) <= len(offered) else said


def from_database(
    url: str, given: Mapping[str, str], schema: str | None, *, interactive: bool, console: Console
) -> tuple[dict[str, str], dict[str, str]]:
    """The answers that the database gives, shown, and what it suggests for the project's name."""
    read = catalog.read(url)
    answers, found = finding.settle(read, given, schema, choose if interactive else None)
    known = {**given, **answers}
    wrong = {name: reasons for name in known if (reasons := new.wrong_alone(name, known))}
    if wrong and not interactive:
        raise rules.refusal(wrong)
    show(answers, found, console)
    fitting = (
        s for s in finding.project_slug(answers) if not new.wrong_alone("project_slug", {"project_slug": s})
    )
    slug = next(fitting, None)
    return answers, {"project_slug": slug} if slug else {}


def show(answers: Mapping[str, str], found: Sequence[finding.Finding], console: Console) -> None:
    """What was found, how, and what one should know of it."""
    table = Table(title="Found in the database", title_justify="left")
    for column in ("question", "answer", "because"):
        table.add_column(column, overflow="fold")
    for each in found:
        table.add_row(
            each.question, escape(answers[each.question]).replace("; ", ";\n"), escape(each.because)
        )
    console.print(table)
    # Not wrapped: a statement in a note is there to be copied.
    for line in finding.lines(answers["entity"], answers["joins"]):
        console.print(f"  [bold]{escape(line)}[/]", soft_wrap=True)
    for note in dict.fromkeys(note for each in found for note in each.notes):
        console.print(f"  [yellow]![/] {escape(note)}", soft_wrap=True)
