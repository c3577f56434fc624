"""Show a published month in the demo: its files, its manifest, the preview page and the folders."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.table import Table

from extracts.errors import ExtractsError
from extracts.preview import preview
from local_cloud.demo.screen import Screen

if TYPE_CHECKING:
    from local_cloud.demo.run import Local

HISTORY = 5  # number of earlier months on the preview page; default of `extracts preview`


def manifest(local: Local, period: str) -> dict[str, Any]:
    """Return the manifest of a period."""
    body = local.cloud.client("s3").get_object(
        Bucket=local.outputs["bucket"], Key=f"loans/_manifests/{period}.json"
    )
    return dict(json.loads(body["Body"].read()))


def show_files(local: Local, period: str, screen: Screen) -> None:
    """Step 5: show the published files, one of them in full, and the manifest."""
    s3 = local.cloud.client("s3")
    with screen.step(f"Show the published files of {period}"):
        published = manifest(local, period)
        table = Table(title=f"s3://{local.outputs['bucket']}", title_justify="left")
        for column in ("bank", "file", "rows", "sum of amounts", "SHA-256"):
            table.add_column(column, justify="right" if column in ("rows", "sum of amounts") else "left")
        (local.folder / "delivered").mkdir()
        for file in published["files"]:
            body = s3.get_object(Bucket=local.outputs["bucket"], Key=file["key"])["Body"].read()
            copy = local.folder / "delivered" / Path(file["key"]).name
            copy.write_bytes(body)
            table.add_row(
                file["recipient"],
                copy.name,
                f"{file['rows']:,}",
                f"{Decimal(file['totals']['metrics']['amount_sum']['sum']):,}",
                file["sha256"][:16] + "…",
            )
    screen.say(table)
    smallest = min((local.folder / "delivered").iterdir(), key=lambda path: path.stat().st_size)
    screen.say(f"\n{smallest.name}, in full:", style="bold")
    screen.say(smallest.read_text().rstrip())
    place = local.folder / "delivered/manifest.json"
    place.write_text(json.dumps(published, indent=2, ensure_ascii=False))
    screen.say(
        f"\nThe manifest, written last (loans/_manifests/{period}.json), without its details:", style="bold"
    )
    for name in ("period", "revision", "snapshot_time", "published_at"):
        screen.say(f"  {name:<16}{published[name]}")
    for name, totals in (("source", published["source"]), ("files", published["totals"])):
        amount = totals["metrics"]["amount_sum"]
        screen.say(f"  {name:<16}{amount['count']:,} amounts, sum {Decimal(amount['sum']):,}")
    screen.say(f"  {'all of it':<16}{place}", picture=False)


def preview_page(local: Local, period: str, screen: Screen) -> Path:
    """Step 9: write the page of `extracts preview` for the project and the database.

    Return the page's path.
    """
    screen.waiting("the database to compute the month and the months before it")
    output = local.folder / "preview"
    made = preview(
        local.stack.folder.parent,
        local.database.url,
        output,
        ("--period", period),
        page=output / "report.html",
        history=HISTORY,
    )
    if made.page is None:
        raise ExtractsError(f"The preview failed: {made.failure}")
    return made.page.resolve()


def where(local: Local, screen: Screen) -> None:
    for what, place in {
        "the project": local.stack.folder.parent,
        "published files, manifest": local.folder / "delivered",
        "the downloaded file": local.folder / "collected",
        "the mailbox": local.cloud.mailbox,
        "Terraform's log": local.stack.log,
        "the emulated AWS's log": local.cloud.folder / "aws.log",
        "PostgreSQL's log": local.folder / "database/postgresql.log",
    }.items():
        screen.say(f"  {what:<28}{place}")
