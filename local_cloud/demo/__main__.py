"""The command line of the demo."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from extracts import cli
from extracts.terminal import console, say
from local_cloud.demo import run, store

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.command(epilog="Example: python -m local_cloud.demo --keep --folder look-around")
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
    loans: Annotated[int, typer.Option(min=5_000, help="How many loans the store holds.")] = store.LOANS,
    sftp_port: Annotated[
        int | None, typer.Option(min=1, max=65535, help="Port for SFTP; default: a free one.")
    ] = None,
    picture: Annotated[Path | None, typer.Option(help="Save what is shown as an SVG in this file.")] = None,
) -> None:
    """Run the first customer's extract on this machine: store, cloud, deployment, run, delivery, failure.

    It needs neither an AWS account nor Docker, and leaves nothing running.
    """
    if stop:
        run.stop(stop)
        say(f"Stopped what was running in {stop}.")
        return
    settings = run.Settings(folder=folder, keep=keep, loans=loans, sftp_port=sftp_port, picture=picture)
    run.run(settings, console())


if __name__ == "__main__":
    cli.main(app)
