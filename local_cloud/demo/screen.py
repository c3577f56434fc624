"""The progress display of the demo: steps, their times, and what the demo is waiting for."""

from __future__ import annotations

import io
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console
from rich.live import Live
from rich.spinner import Spinner
from rich.table import Table


class Screen:
    """A live display on a terminal, and plain lines elsewhere. Other output appears above the live line."""

    def __init__(self, console: Console, steps: int) -> None:
        self.console = console
        self.steps = steps
        self.number = 0
        # A second console records the output with the colors of a terminal, for the picture in the README.
        self._picture = Console(
            file=io.StringIO(),
            force_terminal=True,
            width=118,
            record=True,
            highlight=False,
            color_system="truecolor",
        )
        self._began = time.monotonic()
        self._waiting = ""
        self._title = ""
        self._step_began = 0.0

    @contextmanager
    def step(self, title: str) -> Iterator[None]:
        """Show one numbered step. If the `with` block has no error, add a check mark and the needed time."""
        self.number += 1
        self._title, self._waiting, self._step_began = title, "", time.monotonic()
        if self.console.is_terminal:
            with Live(self, console=self.console, refresh_per_second=8, transient=True):
                yield
        else:
            self._line(f"{self.number}/{self.steps} {title}")
            yield
        seconds = time.monotonic() - self._step_began
        done = f"[green]✓[/] [bold]{self.number}/{self.steps}[/] {title} [dim]{seconds:.1f} s[/]"
        self._picture.print(done)
        if self.console.is_terminal:
            self.console.print(done)
        else:
            self._line(f"    done in {seconds:.1f} s")

    def waiting(self, what: str) -> None:
        """Show what the step is waiting for."""
        self._waiting = what
        if not self.console.is_terminal:
            self._line(f"    {what}")

    def say(self, text: object = "", *, style: str | None = None, picture: bool = True) -> None:
        """Print a permanent line. If `picture` is false, the picture does not contain the line."""
        if picture:
            self._picture.print(text, style=style, markup=False, highlight=False)
        self.console.print(text, style=style, markup=False, highlight=False, soft_wrap=isinstance(text, str))

    def save_picture(self, file: Path) -> None:
        """Write the recorded output to a file, as an SVG."""
        file.write_text(self._picture.export_svg(title="make demo"))

    def _line(self, text: str) -> None:
        elapsed = f"[{time.monotonic() - self._began:6.1f} s]"
        self.console.print(elapsed, text, markup=False, soft_wrap=True)

    def __rich__(self) -> Table:
        seconds = time.monotonic() - self._step_began
        line = Table.grid(padding=(0, 1))
        line.add_row(
            Spinner("dots", style="cyan"),
            f"[bold]{self.number}/{self.steps}[/] {self._title}",
            f"[dim]{self._waiting}[/]",
            f"[cyan]{seconds:.0f} s[/] [dim]of {time.monotonic() - self._began:.0f} s[/]",
        )
        return line
