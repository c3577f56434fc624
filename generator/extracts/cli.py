"""The command line. Each command is a few lines: what it does is in the modules it calls."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from extracts import __version__
from extracts.errors import ExtractsError

app = typer.Typer(
    help="Figures out of an operational PostgreSQL store, every month, right to the cent, on AWS.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)


def _console() -> Console:
    """As wide as the terminal; wide enough for a table where there is none, as in a CI log."""
    console = Console(highlight=False)
    return console if console.is_terminal else Console(highlight=False, width=120)


@app.callback(invoke_without_command=True)
def options(
    version: Annotated[bool, typer.Option("--version", help="Print the version and end.")] = False,
) -> None:
    if version:
        print(__version__)
        raise typer.Exit


@app.command()
def demo(
    folder: Annotated[
        Path | None, typer.Option(help="A new folder to work in; default: a temporary one.")
    ] = None,
    keep: Annotated[
        bool, typer.Option("--keep", help="Leave everything running and say how to look around.")
    ] = False,
    stop: Annotated[
        Path | None, typer.Option(help="Stop what a demo with --keep left running in this folder.")
    ] = None,
    loans: Annotated[int, typer.Option(min=5_000, help="How many loans the store holds.")] = 200_000,
    sftp_port: Annotated[
        int | None, typer.Option(min=1, max=65535, help="Port for SFTP; default: a free one.")
    ] = None,
    picture: Annotated[Path | None, typer.Option(help="Save what is shown as an SVG in this file.")] = None,
) -> None:
    """Run the first customer's extract on this machine: store, cloud, deployment, run, delivery, failure.

    It needs neither an AWS account nor Docker, and leaves nothing running.
    """
    from extracts.demo import run

    if stop:
        run.stop(stop)
        print(f"Stopped what was running in {stop}.")
        return
    settings = run.Settings(folder=folder, keep=keep, loans=loans, sftp_port=sftp_port, picture=picture)
    run.run(settings, _console())


@app.command()
def new(
    project_slug: Annotated[str | None, typer.Option(help="The project's name, e.g. bank-loans.")] = None,
    entity: Annotated[str | None, typer.Option(help="The table with one row per fact, e.g. Loans.")] = None,
    metric: Annotated[str | None, typer.Option(help="Its numeric column, e.g. Amount.")] = None,
    aggregate: Annotated[str | None, typer.Option(help="avg, sum, count, min or max.")] = None,
    date_column: Annotated[str | None, typer.Option(help="When a fact happened, e.g. loan_date.")] = None,
    window_months: Annotated[str | None, typer.Option(help="Months that a figure covers, e.g. 3.")] = None,
    joins: Annotated[str | None, typer.Option(help="The hops from the table to the recipient.")] = None,
    group: Annotated[
        str | None, typer.Option(help="What a line stands for, e.g. id = Branch.idBranch.")
    ] = None,
    recipient: Annotated[str | None, typer.Option(help="Whose file it is, e.g. bank = Bank.Name.")] = None,
    alert_email: Annotated[str | None, typer.Option(help="Who gets a mail when a run fails.")] = None,
    answers: Annotated[Path | None, typer.Option(help="A YAML or JSON file with answers.")] = None,
    output_dir: Annotated[Path, typer.Option(help="Where the project's folder is made.")] = Path(),
    no_input: Annotated[bool, typer.Option("--no-input", help="Ask nothing; take the defaults.")] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would be made, and make nothing.")
    ] = False,
) -> None:
    """Stamp a new extract project; what is not given is asked.

    Without a terminal nothing is asked: give --no-input to take the defaults.
    """
    from extracts import new as stamping

    given = stamping.read_answers(answers) if answers else {}
    options = {
        "project_slug": project_slug,
        "entity": entity,
        "metric": metric,
        "aggregate": aggregate,
        "date_column": date_column,
        "window_months": window_months,
        "joins": joins,
        "group": group,
        "recipient": recipient,
        "alert_email": alert_email,
    }
    given |= {name: value for name, value in options.items() if value is not None}
    missing = [name for name in stamping.questions() if name not in given]
    if missing and not no_input and not sys.stdin.isatty():
        names = ", ".join("--" + name.replace("_", "-") for name in missing)
        raise typer.BadParameter(f"there is no terminal to ask for {names}; give them, or --no-input.")

    def ask(question: stamping.Question) -> str:
        while True:
            answer = str(typer.prompt(question.prompt, default=question.default))
            if not question.choices or answer in question.choices:
                return answer
            print(f'"{answer}" is none of {", ".join(question.choices)}.')

    files = stamping.create(stamping.complete(given, None if no_input else ask), output_dir, dry_run=dry_run)
    for file in files:
        print(file)
    name = files[0].parts[0]
    print(
        f"{name}: {len(files)} files "
        + ("would be made." if dry_run else f"made; see {output_dir / name}/README.md.")
    )


@app.command()
def preview(
    project: Annotated[Path, typer.Argument(help="The stamped project's folder.")],
    database_url: Annotated[
        str,
        typer.Option(
            envvar="DATABASE_URL", help="postgresql://user:password@host:port/database", show_envvar=True
        ),
    ],
    output: Annotated[Path, typer.Option(help="The folder to write to.")],
    period: Annotated[
        str | None, typer.Option(help="The month, YYYY-MM; default: the last complete one.")
    ] = None,
    first: Annotated[str | None, typer.Option("--from", help="First month of several, YYYY-MM.")] = None,
    last: Annotated[str | None, typer.Option("--to", help="Last month of several, YYYY-MM.")] = None,
    allow_incomplete: Annotated[bool, typer.Option(help="Also a month that is not over.")] = False,
    restate: Annotated[bool, typer.Option(help="Replace files in the folder that differ.")] = False,
) -> None:
    """Write the files that a project would deliver, from a database, without any AWS."""
    from extracts import preview as previewing

    given = {"--period": period, "--from": first, "--to": last}
    arguments = [part for name, value in given.items() if value for part in (name, value)]
    arguments += ["--allow-incomplete"] if allow_incomplete else []
    arguments += ["--restate"] if restate else []
    for message in previewing.preview(project, database_url, output, arguments):
        print(message)


@app.command()
def doctor() -> None:
    """Say which Terraform, Java, PostgreSQL, JDBC driver and provider a local run takes, and from where."""
    from extracts.local import programs, terraform

    for found in (programs.terraform(), programs.java(), programs.postgresql(), programs.openssh("sftp")):
        print(f"{found.name:<12}{found.version:<12}{found.path}  ({found.origin})")
    print(f"{'JDBC driver':<24}{programs.jdbc_driver()}")
    print(f"{'AWS provider':<24}{terraform.mirror() or 'registry.terraform.io, no mirror found'}")


def main() -> None:
    """Entry point: a failure is one sentence on stderr and exit code 1."""
    try:
        app()
    except ExtractsError as error:
        print(f"✗ {error}", file=sys.stderr)
        sys.exit(1)
    except OSError as error:
        # Whatever a disk or a folder may refuse, wherever it happens.
        print(f"✗ {error.strerror or error}: {error.filename or 'no file named'}", file=sys.stderr)
        sys.exit(1)
