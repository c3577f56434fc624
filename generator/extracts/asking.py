"""The terminal of `extracts new`: prompts, and a table of the answers that were found in the database."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from extracts import new, rules
from extracts.introspect import answers as settling
from extracts.introspect import catalog, joins, rows
from extracts.introspect.finding import Finding
from extracts.terminal import one_line, printable


def _prompt(text: str, default: str | None) -> str:
    """Return what the user types. The prompt is on stderr, because a script may read stdout."""
    try:
        return str(typer.prompt(text, default=default, err=True)).strip()
    except typer.Abort:
        typer.secho("\n✗ Interrupted; nothing was created.", fg="red", err=True)
        raise typer.Exit(130) from None


def ask(question: new.Question, default: str, reasons: Sequence[str]) -> str:
    """Ask one question at the terminal."""
    for reason in reasons:
        typer.secho(printable(f"✗ {reason}."), fg="red", err=True)
    for meaning in question.meanings:
        typer.echo(f"  {meaning}", err=True)
    choices = f" ({', '.join(question.choices)})" if question.choices else ""
    return _prompt(f"{question.prompt}{choices}", default)


def choose(found: Finding, wrong: str) -> str:
    """Ask a question with several candidates. A number selects a candidate; other text is the answer."""
    if wrong:
        typer.secho(printable(f"✗ {wrong}."), fg="red", err=True)
    offered = found.candidates or tuple(filter(None, [found.answer]))
    typer.echo(f"\n{new.questions()[found.question].prompt}", err=True)
    typer.echo(one_line(f"Candidates from the database ({found.because}):"), err=True)
    for number, text in enumerate(_shown(found.question, offered), start=1):
        typer.echo(one_line(f"  {number}  {text}"), err=True)
    said = _prompt("Number or answer", "1" if offered else None)
    if not offered or not said.isdecimal():  # no answer consists of digits, so digits select a candidate
        return said
    if not 0 < int(said) <= len(offered):
        return choose(found, f"{said} is not a number from 1 to {len(offered)}")
    return offered[int(said) - 1]


def _shown(question: str, offered: Sequence[str]) -> Sequence[str]:
    """Return the candidates in a readable form.

    A candidate for the joins is shown as the paths through its tables. If a candidate has no path, or if two
    candidates have the same paths, all candidates are shown unchanged.
    """
    if question != "joins":
        return offered
    paths = [" and ".join(joins.paths("", candidate)) for candidate in offered]
    return paths if all(paths) and len({*paths}) == len(paths) else offered


def from_database(
    url: str, given: Mapping[str, str], schema: str | None, *, interactive: bool, console: Console
) -> tuple[dict[str, str], dict[str, str], tuple[str, ...]]:
    """Print the answers from the database. Return them, a project name, and the names of options to ask for.

    Each of these options has a default, but the database does not show whether the default is right, for
    example for the time zone. So the tool asks the user for the values of these options.
    """
    read = catalog.read(url)
    answers, found = settling.settle(read, given, schema, choose if interactive else None, rows.repeats(url))
    known = {**given, **answers}
    wrong = {name: reasons for name in known if (reasons := new.wrong_alone(name, known))}
    if wrong and not interactive:
        raise rules.refusal(wrong)
    show(answers, found, console)
    open_options: tuple[str, ...] = ()
    if "_time_zone" not in given and has_time_zone(read, known):
        open_options = ("_time_zone",)
        default = new.questions()["_time_zone"].default
        hint = "" if interactive else f", here {default}; set another time zone with --time-zone"
        date = known["date_column"]
        note = (
            f"{date} is a timestamp with time zone: the month of a row depends on the time zone of the"
            f" extract{hint}"
        )
        console.print(f"  [yellow]![/] {escape(note)}", soft_wrap=True)
    fitting = (
        s for s in settling.project_slug(answers) if not new.wrong_alone("project_slug", {"project_slug": s})
    )
    slug = next(fitting, None)
    return answers, {"project_slug": slug} if slug else {}, open_options


def has_time_zone(read: catalog.Catalog, answers: Mapping[str, str]) -> bool:
    """Return whether the date column is a timestamp with time zone. Its day depends on the time zone."""
    schema, _, entity = answers["entity"].rpartition(".")
    table, _, name = answers["date_column"].rpartition(".")
    joined = [
        piece.partition(":")[0].strip().rpartition(".") for piece in answers.get("joins", "").split(";")
    ]
    schema = next((of for of, _, own in joined if of and own == table), schema)
    return any(
        column.name == name and column.type == "timestamp with time zone"
        for each in read.tables
        if (each.schema, each.name) == (schema or "public", table or entity)
        for column in each.columns
    )


def show(answers: Mapping[str, str], found: Sequence[Finding], console: Console) -> None:
    """Print each answer, how it was found, and notes about it."""
    table = Table(title="Found in the database", title_justify="left")
    for column in ("question", "answer", "because"):
        table.add_column(column, overflow="fold")
    for each in found:
        table.add_row(
            each.question, escape(answers[each.question]).replace("; ", ";\n"), escape(each.because)
        )
    console.print(table)
    # The lines are not wrapped, so that users can copy a statement in a note.
    for line in joins.paths(answers["entity"], answers["joins"]):
        console.print(f"  [bold]{escape(line)}[/]", soft_wrap=True)
    for note in dict.fromkeys(note for each in found for note in each.notes):
        console.print(f"  [yellow]![/] {escape(note)}", soft_wrap=True)
