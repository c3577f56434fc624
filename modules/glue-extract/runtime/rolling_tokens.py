"""The tokens of a SQL expression."""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal

_TOKEN = re.compile(
    r"""\s*(?:
      (?P<number>(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?(?![\w.]))
    | (?P<text>'(?:[^']|'')*')
    | (?P<name>"(?:[^"]|"")+")
    | (?P<word>[^\W\d][\w$]*)
    | (?P<comment>--|/\*)
    | (?P<sign>::|<=|>=|<>|!=|\|\||!~\*|!~|~\*|~|->>|->|[-+*/%^=<>(),.])
    | (?P<end>\Z)
    | (?P<other>.)
    )""",
    re.VERBOSE | re.DOTALL,
)

_OTHERS = {
    ";": "has a semicolon; write one expression, not a statement",
    "--": "has a comment; write the comment in Python, beside the spec",
    "/*": "has a comment; write the comment in Python, beside the spec",
    "'": "has a quote that is not closed",
    '"': "has a quote that is not closed",
    "\0": "has a character that PostgreSQL does not accept",
}


class ExpressionError(Exception):
    """An error in an expression. Its text is the end of a sentence that begins with the expression."""


@dataclass(frozen=True, slots=True)
class Token:
    kind: str  # one of: number, text, name, word, sign, end
    text: str
    start: int

    @property
    def word(self) -> str:
        """The token if it is a word (in lower case) or a sign, else ""."""
        return self.text.lower() if self.kind == "word" else self.text if self.kind == "sign" else ""


def tokens(text: str) -> list[Token]:
    read: list[Token] = []
    position = 0
    while not read or read[-1].kind != "end":
        match = _TOKEN.match(text, position)
        assert match is not None
        assert match.lastgroup is not None
        kind, found, start = match.lastgroup, match[match.lastgroup], match.start(match.lastgroup)
        if kind in ("comment", "other"):
            why = _OTHERS.get(found)
            if found == "?":
                why = (
                    "uses an operator with ?, which the driver reads as a parameter; use the function of the"
                    " operator instead"
                )
            raise ExpressionError(why or f"has a {found!r} that is not in quotes (character {start + 1})")
        last = read[-1] if read else None
        if kind in ("text", "name") and last is not None and last.start + len(last.text) == start:
            if last.kind == kind:
                raise ExpressionError("has two texts without an operator between them")
            if last.kind == "word" and kind == "text" and last.word in ("e", "b", "x", "n"):
                form = f"{last.text}'…'"
                raise ExpressionError(f"has a text of the form {form}; write the text without escapes")
        read.append(Token(kind, found, start))
        position = match.end()
    return read


def unquoted(text: str) -> str:
    return text[1:-1].replace('""', '"')


def decimal(text: str) -> str:
    """Return a number in decimal notation, without an exponent.

    >>> decimal("1.50e2"), decimal(".5"), decimal("007")
    ('150', '0.5', '7')
    """
    mantissa, _, exponent = text.lower().partition("e")
    if len(mantissa) > 40 or abs(int(exponent or 0)) > 40:
        raise ExpressionError(f"has the number {text[:50]}, which has too many digits")
    value = format(Decimal(text), "f")
    return value.rstrip("0").rstrip(".") if "." in value else value
