"""The commands `run`, `history` and `resend`. Each command calls another module of this package."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from extracts import pages
from extracts.command_options import AsJson, First, Last
from extracts.errors import ExtractsError
from extracts.terminal import console, escaped, say

Project = Annotated[Path, typer.Argument(help="Folder of a deployed project.", metavar="PROJECT")]


def add(app: typer.Typer) -> None:
    """Add the commands to the tool."""
    app.command(epilog="Example: extracts run bank-loans --from 2026-01 --to 2026-09")(run)
    app.command(epilog="Example: extracts history bank-loans --page history.html")(history)
    app.command(epilog="Example: extracts resend bank-loans --period 2026-10 --recipient first-bank")(resend)


def run(
    project: Project,
    period: Annotated[
        str | None, typer.Option(help="Month; default: the last complete month.", metavar="YYYY-MM")
    ] = None,
    first: First = None,
    last: Last = None,
    restate: Annotated[
        bool, typer.Option("--restate", help="Replace published files that differ from the new files.")
    ] = False,
    reason: Annotated[
        str | None, typer.Option(help="Reason of the restatement; the manifest records it.", metavar="TEXT")
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Report what the run would change; write nothing.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Run the deployed job and follow its log. If the run fails, print its error message.

    Uses the outputs in the project's Terraform state and your own AWS credentials. The exit code is 1 if the
    run fails. Ctrl-C ends this command, but not the run.
    """
    from extracts.operate import run as running
    from extracts.operate.deployment import deployment
    from extracts.operate.deployment import period as checked

    for text in filter(None, (period, first, last)):
        checked(text)
    given = running.arguments(
        period=period, first=first, last=last, restate=restate, reason=reason, dry_run=dry_run
    )
    done = running.run(deployment(project), given, lambda text: say(text, sys.stderr if as_json else None))
    if as_json:
        print(escaped(json.dumps(done.as_json(), indent=2, ensure_ascii=False)))
    if done.state != "SUCCEEDED":
        raise ExtractsError(done.message)


def history(
    project: Project,
    page: Annotated[Path | None, typer.Option(help="Also write a page to this path.", metavar="FILE")] = None,
    as_json: AsJson = False,
) -> None:
    """List the published periods and the downloads of their files.

    Shows revision, rows, orphan rows, totals, late data, and downloads over SFTP. Reads the manifests in
    the bucket, and the receipts of the SFTP server, with your own AWS credentials.
    """
    from extracts.operate import history as listing
    from extracts.operate.deployment import deployment

    if page:
        pages.check(page, "--page", "history")
    deployed = deployment(project)
    periods = listing.history(deployed)
    receipts = bool(deployed.outputs.get("sftp_receipts_table"))
    if page:
        pages.write(page, listing.page(project.resolve().name, periods, receipts=receipts), "history")
    if as_json:
        print(escaped(json.dumps({"periods": listing.as_json(periods)}, indent=2, ensure_ascii=False)))
    elif periods:
        listing.show(periods, console(), receipts=receipts)
    else:
        say(f"Nothing is published yet. Next: extracts run {project}")
    if page and not as_json:
        say(f"page: {page}")


def resend(
    project: Project,
    period: Annotated[str, typer.Option(help="Published month.", metavar="YYYY-MM")],
    recipient: Annotated[
        str, typer.Option(help="Key of the recipient in the variable `recipients`.", metavar="KEY")
    ],
) -> None:
    """Send the files of a month to one recipient again.

    The recipient's connector sends the files, which do not change. Recipients without a connector can
    download their files again at any time.
    """
    from extracts.operate import resend as sending
    from extracts.operate.deployment import deployment
    from extracts.operate.deployment import period as checked

    month = checked(period)
    sending.resend(deployment(project), month, recipient, say)
