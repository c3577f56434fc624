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
