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
        Path | None, typer.Option(help="New folder for all files. Default: a temporary folder.")
    ] = None,
    keep: Annotated[
        bool, typer.Option("--keep", help="Keep everything running, and print how to connect.")
    ] = False,
    stop: Annotated[
        Path | None, typer.Option(help="Stop a demo that was started with --keep in this folder.")
    ] = None,
    loans: Annotated[int, typer.Option(min=5_000, help="Number of loans in the source.")] = store.LOANS,
    sftp_port: Annotated[
        int | None, typer.Option(min=1, max=65535, help="SFTP port. Default: a free port.")
    ] = None,
    picture: Annotated[Path | None, typer.Option(help="Save the output to this file, as an SVG.")] = None,
) -> None:
    """Run an example extract on this machine: source, cloud, deployment, run, delivery, failure.

    The demo needs neither an AWS account nor Docker, and leaves nothing running.
    """
    if stop:
        run.stop(stop)
        say(f"Stopped the demo in {stop}.")
        return
    settings = run.Settings(folder=folder, keep=keep, loans=loans, sftp_port=sftp_port, picture=picture)
    run.run(settings, console())


if __name__ == "__main__":
    cli.main(app)
