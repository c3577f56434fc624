"""The whole examination in its order, and how it is shown."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

from rich.console import Console
from rich.markup import escape

from extracts import extra
from extracts.doctor import account, machine, store
from extracts.doctor.check import Check, failed, skipped
from extracts.doctor.project import values

MARKS = {"ok": "[green]✓[/]", "failed": "[red]✗[/]", "skipped": "[dim]·[/]"}


def examine(project: Path | None, database_url: str | None, *, test_mail: bool) -> Iterator[Check]:
    """Machine, project, account, database; each check as soon as it is known."""
    yield from machine.checks()
    if project is None:
        yield skipped("project", "not looked at; name its folder")
        return
    known, looked = values(project)
    yield from looked
    role: str | None = None
    try:
        aws = account.client(known.region)
        identity = account.identity(aws)
    except ImportError:
        identity = failed("AWS credentials", "no boto3", extra.install())
    yield identity
    if identity.state == "ok":
        if arn := known.database.get("secret_arn"):
            check, role = account.secret(aws, arn)
            yield check
        if known.subnet_id:
            yield from account.network(aws, known.subnet_id)
        yield from account.deployed(aws, known, test_mail=test_mail)
    yield from store.checks(project, database_url, role, known)


def show(check: Check, console: Console) -> None:
    """One line each; a failure's also says what to do."""
    remedy = f" → {check.remedy}" if check.remedy else ""
    console.print(f"{MARKS[check.state]} {check.name:<20}{escape(check.text + remedy)}", soft_wrap=True)


def as_json(found: list[Check]) -> dict[str, object]:
    """For a script."""
    return {"ok": all(c.state != "failed" for c in found), "checks": [asdict(check) for check in found]}
