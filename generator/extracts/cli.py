"""The command line. Other modules do the work of the commands."""

from __future__ import annotations

import json
import shlex
import sys
from collections.abc import Callable
from inspect import Parameter, signature
from pathlib import Path
from typing import Annotated

import typer

from extracts import __version__
from extracts.command_options import AsJson, First, Last
from extracts.errors import ExtractsError
from extracts.operate import commands
from extracts.terminal import console, escaped, say

app = typer.Typer(
    help="Create and maintain extract projects: every month, one file per recipient from PostgreSQL, on AWS.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # in a terminal of 80 columns, the boxes of the library rich cut off words
)

URL_HELP = (
    "URL of the source, postgresql://user@host:port/database. Set the password in PGPASSWORD. TLS is required"
    " unless the host is this machine. To verify the server, add the parameters sslmode and sslrootcert."
)
DatabaseUrl = Annotated[
    str,
    typer.Option(
        envvar="DATABASE_URL",
        help=URL_HELP,
        metavar="URL",
        show_envvar=True,
    ),
]


def _print_json(value: object) -> None:
    print(escaped(json.dumps(value, indent=2, ensure_ascii=False)))


def _with_template_options(command: Callable[..., None]) -> Callable[..., None]:
    """Add an option to a command for each question of the template."""
    from extracts.new import questions

    own = signature(command, eval_str=True)
    asked = [
        Parameter(
            question.name,
            Parameter.KEYWORD_ONLY,
            default=None,
            annotation=Annotated[
                str | None, typer.Option(question.option, help=question.prompt, metavar="TEXT")
            ],
        )
        for question in questions().values()
    ]
    kept = [parameter for parameter in own.parameters.values() if parameter.kind != Parameter.VAR_KEYWORD]
    command.__signature__ = own.replace(parameters=[*asked, *kept])  # type: ignore[attr-defined]
    command.__annotations__ = {p.name: p.annotation for p in (*asked, *kept)} | {"return": None}
    return command


@app.callback(
    invoke_without_command=True,
    epilog="Exit codes: 0 success; 1 failure, with the reason on stderr; 2 usage error; 130 interrupted.",
)
def options(
    version: Annotated[bool, typer.Option("--version", help="Print the version and exit.")] = False,
) -> None:
    if version:
        print(__version__)
        raise typer.Exit


FLEET_HELP = "Projects, folders with projects, or addresses of their git repositories"
TEMPLATE_HELP = "Path or address of the template's git repository; default: the template in extract.yaml."
TRUSTED_HELP = (
    f"{TEMPLATE_HELP} An update runs programs of the template. Set this option only to a repository that"
    " you trust."
)


@app.command(epilog="Example: extracts new --database-url postgresql://job@db/bank --entity Loans")
@_with_template_options
def new(
    *,
    database_url: Annotated[
        str | None,
        typer.Option(help=f"Source database in which the tool finds answers. {URL_HELP}", metavar="URL"),
    ] = None,
    schema: Annotated[
        str | None,
        typer.Option(help="Schema of the database in which the tool looks for the entity.", metavar="NAME"),
    ] = None,
    answers: Annotated[
        Path | None, typer.Option(help="YAML or JSON file with answers.", metavar="FILE")
    ] = None,
    output_dir: Annotated[
        Path, typer.Option(help="Folder in which the project's folder is created.", metavar="FOLDER")
    ] = Path(),
    no_input: Annotated[bool, typer.Option("--no-input", help="Do not prompt; use the defaults.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="List the files without creating them.")] = False,
    as_json: AsJson = False,
    **options: str | None,
) -> None:
    """Create an extract project. Prompts for answers that neither an option nor the database gives.

    With --database-url, the tool finds metric, joins, date, group by and recipient in the catalog of the
    database, and prompts for one of them only if several answers are possible. It reads rows only to test
    whether values are unique. Without a terminal, set --no-input to use the defaults.
    """
    from extracts import asking
    from extracts import new as creating
    from extracts.introspect import catalog

    given = creating.read_answers(answers) if answers else {}
    given |= {name: value for name, value in options.items() if value is not None}
    suggested: dict[str, str] = {}
    open_options: tuple[str, ...] = ()
    named, dot, table = given.get("entity", "TABLE").rpartition(".")
    if schema and dot and named != schema:
        raise typer.BadParameter(f"--schema is {schema}, but --entity has the schema {named}.")
    if schema and not database_url:
        raise typer.BadParameter(
            "--schema needs --database-url; without a database, write the schema with the table:"
            f" --entity {schema}.{table}"
        )
    # sys.stdin is None if the tool runs in a service without standard input.
    interactive = not no_input and sys.stdin is not None and sys.stdin.isatty()
    if database_url:
        shown = console(stderr=as_json)
        found, suggested, open_options = asking.from_database(
            database_url, given, schema, interactive=interactive, console=shown
        )
        given |= found
    missing = [q.option for q in creating.questions().values() if q.is_asked and q.name not in given]
    if missing and not no_input and not interactive:
        raise typer.BadParameter(
            f"no terminal to prompt for {', '.join(missing)}; set these options, or use --no-input."
        )
    ask = asking.ask if interactive else None
    complete = creating.complete(
        given, ask, output=output_dir, suggested=suggested, open_options=open_options
    )
    files = creating.create(complete, output_dir, dry_run=dry_run)
    name = files[0].parts[0]
    if as_json:
        _print_json(
            {"project": str(output_dir / name), "files": [str(f) for f in files], "answers": complete}
        )
        return
    for file in files:
        say(file)
    made = output_dir / name
    source = shlex.quote(catalog.without_password(database_url)) if database_url else "URL"
    command = f"extracts preview {made} --database-url {source}"
    then = f"created. Next: {command}; {made}/README.md describes the deployment."
    say(f"{name}: {len(files)} files {'would be created.' if dry_run else then}")


@app.command(epilog="Example: extracts inspect --database-url postgresql://job@db/bank")
def inspect(
    database_url: DatabaseUrl,
    schema: Annotated[str | None, typer.Option(help="Report this schema only.", metavar="NAME")] = None,
    entity: Annotated[
        str | None, typer.Option(help="Report this table only, e.g. Loans.", metavar="TABLE")
    ] = None,
    everything: Annotated[
        bool, typer.Option("--all", help="List all tables and views, not only the most likely entities.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Report possible entities, their joins and missing rights.

    The command also reports missing indexes. It reads only the catalog of the database and no rows. Its
    transaction cannot write and has a timeout.
    """
    from extracts.introspect import catalog, report

    if entity is not None and not entity.strip():
        raise typer.BadParameter("--entity is empty; give the name of a table, or leave the option out.")
    found = report.describe(catalog.read(database_url), schema, entity)
    if as_json:
        _print_json(found)
        return
    report.show(found, console(), everything=everything or entity is not None)


@app.command(epilog="Example: extracts preview bank-loans --period 2026-10 --output out")
def preview(
    project: Annotated[Path, typer.Argument(help="Folder of the project.", metavar="PROJECT")],
    database_url: DatabaseUrl,
    output: Annotated[
        Path | None,
        typer.Option(help="Output folder; default: the folder preview in the project.", metavar="FOLDER"),
    ] = None,
    period: Annotated[
        str | None,
        typer.Option(help="Month; default: the newest complete month that has rows.", metavar="YYYY-MM"),
    ] = None,
    first: First = None,
    last: Last = None,
    allow_incomplete: Annotated[
        bool, typer.Option("--allow-incomplete", help="Allow a month that is not over.")
    ] = False,
    report: Annotated[
        Path | None,
        typer.Option(help="Path of the page; default: report.html in the output folder.", metavar="FILE"),
    ] = None,
    history: Annotated[
        int, typer.Option(min=0, max=120, help="Number of earlier months on the page.", metavar="NUMBER")
    ] = 5,
    statement_timeout: Annotated[
        int | None,
        typer.Option(help="Seconds that one query may take; default: 3000.", metavar="SECONDS"),
    ] = None,
    lock_timeout: Annotated[
        int | None,
        typer.Option(help="Seconds to wait for a locked table; default: 60.", metavar="SECONDS"),
    ] = None,
    pgp_keys: Annotated[
        Path | None,
        typer.Option(
            "--pgp-keys",
            metavar="FOLDER",
            help='Folder with PGP public keys, e.g. "First Bank.asc"; only for a spec with encryption.',
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Write the files of a project, and a page that shows them.

    The command needs no AWS account. It needs Java and Spark only if the spec has aggregate_in="spark". It
    runs Glue/etl.py of the project as a program with your rights, so preview only projects that you trust.

    The files and the page report.html are in one folder, which is created for your user only. An existing
    folder must be private (chmod 700), and its parents must belong to you or to root. Only one preview at a
    time can write to the folder. The next preview replaces the files of this preview, but no other files. The
    page needs no network.

    --json prints the manifest of each month with files, rows, hashes, control totals and orphan rows, and the
    warnings of the run.
    """
    from extracts import preview as previewing

    given = {
        "--period": period, "--from": first, "--to": last,
        "--statement-timeout": statement_timeout, "--lock-timeout": lock_timeout,
    }  # fmt: skip
    arguments = [part for name, value in given.items() if value is not None for part in (name, str(value))]
    arguments += ["--allow-incomplete"] if allow_incomplete else []
    output = output or project / "preview"
    arguments += ["--pgp-keys", str(pgp_keys.expanduser().resolve())] if pgp_keys else []
    page = report or output / "report.html"
    tell = (lambda _: None) if as_json else say
    done = previewing.preview(project, database_url, output, arguments, page=page, history=history, tell=tell)
    if done.failure:
        raise ExtractsError(done.failure)
    if as_json:
        _print_json(done.as_json())
    else:
        say(f"report: {done.page}")


@app.command(epilog="Example: extracts status ~/projects --json")
def status(
    projects: Annotated[
        list[str] | None,
        typer.Argument(help=f"{FLEET_HELP}; default: the current folder.", metavar="PROJECT..."),
    ] = None,
    template: Annotated[str | None, typer.Option(help=TEMPLATE_HELP, metavar="ADDRESS")] = None,
    as_json: AsJson = False,
) -> None:
    """Report versions of projects and the changes in newer versions.

    Connects to the address in each extract.yaml, by https, ssh or file. With --template, it connects only to
    the address in this option.
    """
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
    to: Annotated[
        str | None, typer.Option(help="Version, e.g. 1.2.0; default: the newest version.", metavar="VERSION")
    ] = None,
    template: Annotated[str | None, typer.Option(help=TRUSTED_HELP, metavar="ADDRESS")] = None,
    plan: Annotated[
        bool,
        typer.Option(
            "--plan", help="Also run terraform plan before and after the update, and report the difference."
        ),
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Report the update without writing files.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Merge a newer version into projects. Your edits stay, conflicts are marked, and nothing is applied.

    A project must be in a git repository without uncommitted changes, so that you can review and undo the
    update. If you give the address of a repository, the command clones the repository into the current
    folder. The exit code is 1 if there are conflicts. --plan runs Terraform of the project with your
    credentials.
    """
    from extracts import fleet, home, update_words

    made, problems = [], []
    for one in fleet.update(projects, template, home.parse(to) if to else None, plan=plan, dry_run=dry_run):
        if isinstance(one, str):
            problems.append(one)
            continue
        made.append(update_words.as_json(*one))
        if not as_json:
            for line in update_words.lines(*one, dry_run=dry_run):
                say(line)
    if as_json:
        _print_json({"projects": made, "problems": problems})
    if problems:
        raise ExtractsError("\n✗ ".join(problems))


@app.command(epilog="Example: extracts doctor bank-loans --database-url postgresql://job@db/bank")
def doctor(
    project: Annotated[
        Path | None,
        typer.Argument(
            help="Folder of a project; without it, only this machine is checked.", metavar="PROJECT"
        ),
    ] = None,
    database_url: Annotated[
        str | None,
        typer.Option(
            envvar="DATABASE_URL",
            help=URL_HELP,
            metavar="URL",
            show_envvar=True,
        ),
    ] = None,
    test_mail: Annotated[
        bool, typer.Option("--test-mail", help="Send a test mail through the deployed alerts.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Check the requirements of a run or a deployment.

    The command explains how to fix each failure. It checks the programs on this machine. For a project, it
    also checks the spec, the Terraform values, the credentials, the secret, the network and the alert
    subscriptions. With --database-url, it also checks the rights on each table. Use the login of the job
    in the URL. With another login, the command does not check expressions. It prints failures on stderr. If
    there is a failure, the exit code is 1. It runs Glue/etl.py of the project as a program with your rights.
    """
    from extracts.doctor import examine

    if test_mail and project is None:
        raise typer.BadParameter("--test-mail needs the folder of a deployed project as an argument.")
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


commands.add(app)


def main(command: Callable[[], None] = app) -> None:
    """Run the command. If it fails, print a message to stderr and exit with code 1."""
    try:
        command()
    except ExtractsError as error:
        say(f"✗ {error}", sys.stderr)
        sys.exit(1)
    except OSError as error:
        # For example, the disk is full, or a folder is read-only.
        say(f"✗ {error.strerror or error}: {error.filename or 'unknown file'}", sys.stderr)
        sys.exit(1)
