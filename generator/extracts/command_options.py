"""Options that several commands have."""

from __future__ import annotations

from typing import Annotated

import typer

AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object, for scripts.")]
First = Annotated[str | None, typer.Option("--from", help="First month of a backfill.", metavar="YYYY-MM")]
Last = Annotated[str | None, typer.Option("--to", help="Last month of a backfill.", metavar="YYYY-MM")]
