"""A console of rich that shows text from databases, repositories and changelogs."""

from __future__ import annotations

from collections.abc import Iterable

from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment

from extracts.terminal import printable


class Screen(Console):
    """A console that removes control characters and links from text.

    The tool prints no links. One in a text would show another address than the one that it opens.
    """

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        for segment in super().render(renderable, options):
            if segment.control:
                yield segment
            else:
                style = segment.style.update_link(None) if segment.style else None
                yield Segment(printable(segment.text), style)
