"""The one way a run fails: a sentence that a person can act on.

Whatever goes wrong is turned into an `ExtractError` as close to its cause as possible. Its text is what the
operator reads in the alert mail, so it names the thing that is wrong and the thing to do; its `kind` is for
scripts that read the log.
"""

from __future__ import annotations

import re

# Letters that a terminal, a mail header or a log viewer would take as an instruction or a new line: C0 and C1
# controls, and the two Unicode line separators that `str.splitlines` knows and most people do not.
_UNPRINTABLE = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]+")


class ExtractError(Exception):
    """A failure with its sentence.

    `cause` is the technical reason, for the log only: it may be long, it never holds a secret.
    """

    def __init__(self, sentence: str, *, kind: str, cause: str = "") -> None:
        super().__init__(one_line(sentence))
        self.kind = kind
        self.cause = cause

    @property
    def sentence(self) -> str:
        """The sentence without a full stop, so that it can be quoted inside a longer one."""
        return str(self).rstrip(".")


def one_line(text: str) -> str:
    """`text` with control characters and runs of blanks made single blanks.

    Names come from the source; one with a line feed must not be able to forge a second line in a log or a
    mail.

    >>> one_line("First\\r\\nSubject: paid   in full")
    'First Subject: paid in full'
    """
    return " ".join(_UNPRINTABLE.sub(" ", text).split())


def listed(items: list[str], limit: int = 5) -> str:
    """The items in a row, as many as a sentence can carry.

    >>> listed(["a", "b", "c"], limit=2)
    'a, b and 1 more'
    """
    shown = ", ".join(items[:limit])
    return shown if len(items) <= limit else f"{shown} and {len(items) - limit} more"
