"""Write the HTML page of a command.

If the file already exists, it must be a page of the same command. Only the owner of the file can read it.
"""

from __future__ import annotations

import unicodedata
from pathlib import Path

from extracts import files
from extracts.errors import ExtractsError

# Zero-width joiners are invisible, but stay in the text, because Persian names and some emojis need them.
_JOINERS = "\u200c\u200d"
# Unicode categories of format characters, surrogates, line separators and paragraph separators.
_INVISIBLE = ("Cf", "Cs", "Zl", "Zp")


def check(page: Path, option: str, command: str) -> None:
    """Refuse the path of an existing file, unless the file is a page of this command."""
    path = files.inside(page.parent, page.name)
    if path.is_dir():
        raise ExtractsError(f"{option} {page} is a folder; give the path of a file, for example report.html.")
    start = b""
    if path.is_file():
        with path.open("rb") as file:
            start = file.read(files.START)
    if path.exists() and _mark(command) not in start:
        raise ExtractsError(
            f"{option} {page} is not a page of `extracts {command}`; move it away, or give another path."
        )


def write(page: Path, text: str, command: str) -> None:
    """Write the page of a command. Other users cannot read the page, because it lists recipients.

    Raise ExtractsError if another file has replaced the old page after the call of `check`.
    """
    files.write(page.parent, page.name, text.encode(), private=True, replaces=_mark(command))


def _mark(command: str) -> bytes:
    """Return the HTML element that identifies a page of the command. It is near the start of each page."""
    return f'<meta name="generator" content="extracts {command}" />'.encode()


def visible(text: str) -> str:
    """Return text with U+FFFD instead of each invisible character.

    An invisible character could, for example, reverse the letters of a name on the page.
    """
    return "".join(
        "\ufffd" if unicodedata.category(c) in _INVISIBLE and c not in _JOINERS else c for c in text
    )
