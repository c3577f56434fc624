"""Print text from databases, repositories and changelogs without control characters."""

from __future__ import annotations

import re
import sys
import unicodedata
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from extracts.screen import Screen

# Unicode categories: control characters, invisible and bidirectional characters, surrogates, line separators
# and paragraph separators. Escape sequences begin with a control character.
_HIDDEN = ("Cc", "Cf", "Cs", "Zl", "Zp")


def printable(text: str) -> str:
    r"""Return `text` without control and invisible characters, except newlines and tabs.

    >>> printable("a\x1b[2Jb\u202e\n")
    'a[2Jb\n'
    """
    if text.isascii() and text.isprintable():
        return text
    return "".join(c for c in text if c in "\n\t" or unicodedata.category(c) not in _HIDDEN)


def one_line(text: str) -> str:
    r"""Return `text` as one line. For example, a name that contains a line feed must not begin a new line.

    >>> one_line("loans\n✓ rights")
    'loans�✓ rights'
    """
    return printable(text).replace("\n", "\ufffd")


def escaped(json: str) -> str:
    r"""Return a JSON text with control and invisible characters as `\u` escapes.

    >>> escaped('"a\u202eb\x9b"')
    '"a\\u202eb\\u009b"'
    """
    hidden = "".join(sorted({c for c in json if c != "\n" and unicodedata.category(c) in _HIDDEN}))
    if not hidden:
        return json
    return re.sub(f"[{re.escape(hidden)}]", lambda found: json_escape(found[0]), json)


def json_escape(character: str) -> str:
    """Return a character as JSON writes it in ASCII."""
    units = character.encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[i : i + 2].hex()}" for i in range(0, len(units), 2))


def say(text: object, file: TextIO | None = None) -> None:
    """Print one text, by default on standard output."""
    print(printable(str(text)), file=file or sys.stdout)


def console(*, stderr: bool = False) -> Screen:
    """Return a console with the terminal's width, or 120 columns without a terminal."""
    from extracts.screen import Screen  # import rich only if needed, because it is slow

    found = Screen(highlight=False, stderr=stderr)
    return found if found.is_terminal else Screen(highlight=False, width=120, stderr=stderr)
