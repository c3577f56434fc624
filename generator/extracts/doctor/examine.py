"""Run all checks in their order, and print the results."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

from rich.console import Console
from rich.markup import escape

from extracts import extra
from extracts.doctor import account, machine, pgp_keys, source
from extracts.doctor.check import Check, failed, skipped
from extracts.doctor.project import server_verification, values, workflows

MARKS = {"ok": "[green]✓[/]", "notice": "[yellow]![/]", "failed": "[red]✗[/]", "skipped": "[dim]·[/]"}


def examine(project: Path | None, database_url: str | None, *, test_mail: bool) -> Iterator[Check]:
    """Check machine, project, account and source. Yield each result as soon as it is known."""
    yield from machine.checks()
    if project is None:
        yield skipped("project", "not checked; give the folder of a project")
        return
    known, looked = values(project)
    yield from looked
    yield from server_verification(project, known.database)
    yield from workflows(project)
    yield from pgp_keys.checks(project, known.pgp)
    role: str | None = None
    try:
        aws = account.client(known.region)
        identity = account.identity(aws)
    except ImportError:
        identity = failed("AWS credentials", "boto3 is not installed", extra.install("boto3"))
    yield identity
    if identity.state == "ok":
        if arn := known.database.get("secret_arn"):
            check, role = account.secret(aws, arn)
            yield check
        if known.subnet_id:
            yield from account.network(aws, known.subnet_id)
        yield from account.deployed(aws, known, test_mail=test_mail)
    yield from source.checks(project, database_url, role, known)


def show(check: Check, console: Console) -> None:
    """Print a check on one line. The line of a failure or a notice ends with the remedy."""
    remedy = f" → {check.remedy}" if check.remedy else ""
    console.print(f"{MARKS[check.state]} {check.name:<20}{escape(check.text + remedy)}", soft_wrap=True)


def as_json(found: list[Check]) -> dict[str, object]:
    """Return the checks as a JSON object."""
    return {"ok": all(c.state != "failed" for c in found), "checks": [asdict(check) for check in found]}
