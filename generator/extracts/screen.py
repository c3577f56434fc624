"""A console of the package rich that shows text from databases, repositories and changelogs."""

from __future__ import annotations

from collections.abc import Iterable

from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment

from extracts.terminal import printable


class Screen(Console):
    """A console that removes control characters and links from text.

    The tool itself prints no links. A link in text from other people could show one address and open another
    address.
    """

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        for segment in super().render(renderable, options):
            if segment.control:
                yield segment
            else:
                style = segment.style.update_link(None) if segment.style else None
                yield Segment(printable(segment.text), style)
