"""The command line. Each command is a few lines: what it does is in the modules it calls."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from inspect import Parameter, signature
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from extracts import __version__
from extracts.errors import ExtractsError
from extracts.terminal import console, escaped, say

app = typer.Typer(
    help="Figures out of an operational PostgreSQL store, every month, right to the cent, on AWS.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)

AsJson = Annotated[bool, typer.Option("--json", help="For a script: one JSON object, nothing else.")]
URL_HELP = (
    "postgresql://user@host:port/database; the password is read from PGPASSWORD. TLS is required unless the"
    " host is this machine; ?sslmode=verify-full&sslrootcert=FILE also checks who answers."
)
DatabaseUrl = Annotated[
    str,
    typer.Option(
        envvar="DATABASE_URL",
        help=URL_HELP,
        show_envvar=True,
    ),
]


def _print_json(value: object) -> None:
    print(escaped(json.dumps(value, indent=2, ensure_ascii=False)))


def _asked_by_the_template(command: Callable[..., None]) -> Callable[..., None]:
    """The command with an option for each question of the template: a new question needs no code here."""
    from extracts.new import questions

    own = signature(command, eval_str=True)
    asked = [
        Parameter(
            question.name,
            Parameter.KEYWORD_ONLY,
            default=None,
            annotation=Annotated[str | None, typer.Option(question.option, help=escape(question.prompt))],
        )
        for question in questions().values()
    ]
    kept = [parameter for parameter in own.parameters.values() if parameter.kind != Parameter.VAR_KEYWORD]
    command.__signature__ = own.replace(parameters=[*asked, *kept])  # type: ignore[attr-defined]
    command.__annotations__ = {p.name: p.annotation for p in (*asked, *kept)} | {"return": None}
    return command


@app.callback(
    invoke_without_command=True,
    epilog="Exit codes: 0 done; 1 failed, and stderr says why; 2 a wrong call; 130 interrupted.",
)
def options(
    version: Annotated[bool, typer.Option("--version", help="Print the version and end.")] = False,
) -> None:
    if version:
        print(__version__)
        raise typer.Exit


FLEET_HELP = "Projects, folders that hold them, or addresses of their git repositories"
TEMPLATE_HELP = "The collection's git repository, a path or an address; default: where the project is from."
TRUSTED_HELP = (
    f"{TEMPLATE_HELP} An update runs its hooks, so another home than this tool's must be given here."
)


@app.command(
    epilog="Example: extracts new --database-url postgresql://me@store/bank --entity Loans --metric Amount"
)
@_asked_by_the_template
def new(
    *,
    database_url: Annotated[
        str | None,
        typer.Option(help=f"Where to look for answers: {URL_HELP}"),
    ] = None,
    schema: Annotated[
        str | None, typer.Option(help="The schema of the tables, where it is not public.")
    ] = None,
    answers: Annotated[Path | None, typer.Option(help="A YAML or JSON file with answers.")] = None,
    output_dir: Annotated[Path, typer.Option(help="Where the project's folder is made.")] = Path(),
    no_input: Annotated[bool, typer.Option("--no-input", help="Ask nothing; take the defaults.")] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would be made, and make nothing.")
    ] = False,
    as_json: AsJson = False,
    **options: str | None,
) -> None:
    """Stamp a new extract project; what neither an option nor the database says is asked.

    With --database-url, joins, dates, group and recipient are found in the database's catalog; only what is
    ambiguous there is asked. Without a terminal nothing is asked: give --no-input to take the defaults.
    """
    from extracts import asking
    from extracts import new as stamping

    given = stamping.read_answers(answers) if answers else {}
    given |= {name: value for name, value in options.items() if value is not None}
    suggested: dict[str, str] = {}
    if schema and not database_url:
        named, dot, table = given.get("entity", stamping.questions()["entity"].default).rpartition(".")
        if dot and named != schema:
            raise typer.BadParameter(f"--schema says {schema}, and --entity says {named}.")
        (given if "entity" in given else suggested)["entity"] = f"{schema}.{table}"
    # There may be no stdin at all, as in a service.
    interactive = not no_input and sys.stdin is not None and sys.stdin.isatty()
    if database_url:
        shown = console(stderr=as_json)
        found, suggested = asking.from_database(
            database_url, given, schema, interactive=interactive, console=shown
        )
        given |= found
    missing = [q.option for q in stamping.questions().values() if q.is_asked and q.name not in given]
    if missing and not no_input and not interactive:
        raise typer.BadParameter(
            f"there is no terminal to ask for {', '.join(missing)}; give them, or --no-input."
        )
    ask = asking.ask if interactive else None
    complete = stamping.complete(given, ask, output=output_dir, suggested=suggested)
    files = stamping.create(complete, output_dir, dry_run=dry_run)
    name = files[0].parts[0]
    if as_json:
        _print_json(
            {"project": str(output_dir / name), "files": [str(f) for f in files], "answers": complete}
        )
        return
    for file in files:
        say(file)
    say(
        f"{name}: {len(files)} files "
        + ("would be made." if dry_run else f"made; see {output_dir / name}/README.md.")
    )


@app.command(epilog="Example: extracts inspect --database-url postgresql://reader@store/bank --entity Loans")
def inspect(
    database_url: DatabaseUrl,
    schema: Annotated[str | None, typer.Option(help="Look at this schema alone.")] = None,
    entity: Annotated[str | None, typer.Option(help="Look at this table alone, e.g. Loans.")] = None,
    as_json: AsJson = False,
) -> None:
    """Say what a database offers: tables with dates and numbers, the ways from them, the indexes they want.

    Reads the catalog alone, in a read-only transaction that ends itself; not one row of a table.
    """
    from extracts.introspect import catalog, report

    found = report.describe(catalog.read(database_url), schema, entity)
    if as_json:
        _print_json(found)
        return
    report.show(found, console())


@app.command(epilog="Example: extracts preview bank-loans --period 2026-10 --output out")
def preview(
    project: Annotated[Path, typer.Argument(help="The stamped project's folder.")],
    database_url: DatabaseUrl,
    output: Annotated[Path, typer.Option(help="The folder to write to.")],
    period: Annotated[
        str | None, typer.Option(help="The month, YYYY-MM; default: the last complete one.")
    ] = None,
    first: Annotated[str | None, typer.Option("--from", help="First month of several, YYYY-MM.")] = None,
    last: Annotated[str | None, typer.Option("--to", help="Last month of several, YYYY-MM.")] = None,
    allow_incomplete: Annotated[bool, typer.Option(help="Also a month that is not over.")] = False,
    restate: Annotated[bool, typer.Option(help="Replace files in the folder that differ.")] = False,
    report: Annotated[
        Path | None, typer.Option(help="The page to look at; default: report.html in the folder.")
    ] = None,
    history: Annotated[
        int, typer.Option(min=0, max=120, help="Months before the first one that the page also shows.")
    ] = 5,
    as_json: AsJson = False,
) -> None:
    """Write the files that a project would deliver, from a database, and a page that shows them. No AWS.

    This runs the project's Glue/etl.py as a program, with your rights; preview only a project that you trust.
    The page is OUTPUT/report.html; it opens without a network. With --json a script reads of each month its
    files, rows, bytes, hashes, control totals, orphans and late data, and what the run warned of.
    """
    from extracts import preview as previewing

    given = {"--period": period, "--from": first, "--to": last}
    arguments = [part for name, value in given.items() if value for part in (name, value)]
    arguments += ["--allow-incomplete"] if allow_incomplete else []
    arguments += ["--restate", "--reason", "preview"] if restate else []
    page = report or output / "report.html"
    done = previewing.preview(project, database_url, output, arguments, page=page, history=history)
    if not as_json:
        for message in done.told():
            say(message)
    if done.failure:
        raise ExtractsError(done.failure)
    if as_json:
        _print_json(done.as_json())


@app.command(epilog="Example: extracts status ~/projects --json")
def status(
    projects: Annotated[
        list[str] | None, typer.Argument(help=f"{FLEET_HELP}; default: this folder.", metavar="PROJECT...")
    ] = None,
    template: Annotated[str | None, typer.Option(help=TEMPLATE_HELP)] = None,
    as_json: AsJson = False,
) -> None:
    """Say which version each project has, and what newer ones bring."""
    from extracts import fleet

    found = fleet.status(projects or ["."], template)
    if as_json:
        _print_json(found.as_json())
    else:
        fleet.show(found, console())
    if found.problems:
        raise ExtractsError("\n✗ ".join(found.problems))


@app.command(epilog="Example: extracts update bank-loans --plan --dry-run")
def update(
    projects: Annotated[list[str], typer.Argument(help=f"{FLEET_HELP}.", metavar="PROJECT...")],
    to: Annotated[str | None, typer.Option(help="The version, e.g. 1.2.0; default: the newest.")] = None,
    template: Annotated[str | None, typer.Option(help=TRUSTED_HELP)] = None,
    plan: Annotated[
        bool, typer.Option("--plan", help="Also plan before and after, and say what Terraform would change.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say it all, and change no file.")] = False,
    as_json: AsJson = False,
) -> None:
    """Merge a newer version into projects: the team's edits stay, conflicts are marked, nothing is applied.

    A project is a git checkout without uncommitted changes, so that git shows the update and can take it
    back; of a repository's address it is made here. Ends with code 1 when there are conflicts.
    --plan runs the project's Terraform with your credentials.
    """
    from extracts import fleet, home, update_words

    made, problems = [], []
    for one in fleet.update(projects, template, home.parse(to) if to else None, plan=plan, dry_run=dry_run):
        if isinstance(one, str):
            problems.append(one)
            continue
        made.append(update_words.as_json(*one))
        if not as_json:
            for line in update_words.told(*one, dry_run=dry_run):
                say(line)
    if as_json:
        _print_json({"projects": made, "problems": problems})
    if problems:
        raise ExtractsError("\n✗ ".join(problems))


@app.command(epilog="Example: extracts doctor bank-loans --database-url postgresql://reader@store/bank")
def doctor(
    project: Annotated[
        Path | None, typer.Argument(help="A stamped project's folder; without it, this machine alone.")
    ] = None,
    database_url: Annotated[
        str | None,
        typer.Option(
            envvar="DATABASE_URL",
            help=URL_HELP,
            show_envvar=True,
        ),
    ] = None,
    test_mail: Annotated[
        bool, typer.Option("--test-mail", help="Let the deployed alerts send a mail that says it is a test.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Check everything that a run or a deployment needs, and say for each failure the one thing to do.

    Programs and where they were taken from; of a project also spec, Terraform's values, credentials, secret,
    network, who hears of failures, and with --database-url the rights on each table. A failure is a line on
    stderr; with any, the exit code is 1. This runs the project's Glue/etl.py as a program, with your rights.
    """
    from extracts.doctor import examine

    if test_mail and project is None:
        raise typer.BadParameter("--test-mail needs the folder of a deployed project.")
    consoles = {"failed": console(stderr=True)}
    found = []
    for check in examine.examine(project, database_url, test_mail=test_mail):
        found.append(check)
        if not as_json:
            examine.show(check, consoles.get(check.state) or console())
    if as_json:
        _print_json(examine.as_json(found))
    if any(check.state == "failed" for check in found):
        raise typer.Exit(1)


def main(command: Callable[[], None] = app) -> None:
    """Entry point: a failure is one sentence on stderr and exit code 1."""
    try:
        command()
    except ExtractsError as error:
        say(f"✗ {error}", sys.stderr)
        sys.exit(1)
    except OSError as error:
        # Whatever a disk or a folder may refuse, wherever it happens.
        say(f"✗ {error.strerror or error}: {error.filename or 'no file named'}", sys.stderr)
        sys.exit(1)
