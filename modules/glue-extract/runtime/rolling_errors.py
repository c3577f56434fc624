"""The one way a run fails: a sentence that a person can act on.

Whatever goes wrong is turned into an `ExtractError` as close to its cause as possible. Its text is what the
operator reads in the alert mail, so it names the thing that is wrong and the thing to do; its `kind` is for
scripts that read the log.
"""

from __future__ import annotations

import re
import unicodedata

# What a terminal, a mail header or a log viewer takes as an instruction or a new line, and characters that
# are invisible or change the direction of text: controls, formats, surrogates, private use, separators.
_UNPRINTABLE = ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp")
# Letters and marks without a shape, which the categories above do not have.
_SHAPELESS = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0") | {
    chr(code)
    for code in range(0xFE00, 0xFE10)  # variation selectors
}
# What a mail program makes a link of: every scheme but those of our sentences and of ARNs and rights, a path
# to another machine, and www. A blank, a digit or a mark after the colon is no link, unless it is a phone
# number. facts.jsonata of failure-alerts has the same rules.
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):([\s0-9:.,;<>=%!\"'()\[\]{}|~-]|$)?")
_PHONES = ("sms", "tel")
_NO_LINKS = frozenset(
    """
    arn aws cluster function glue host iam jdbc kms log-group log-stream logs postgresql rds-db role s3 secret
    secretsmanager sts user
    """.split()  # noqa: SIM905 (as a list it takes a line for each word)
)
_PATH = re.compile(r"(^|[^:/\]])//")
_WWW = re.compile(r"\b(www)\.", re.IGNORECASE)


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
    """`text` without invisible characters and links, and with single spaces.

    Names come from the source; one with a line feed must not be able to forge a second line in a log or a
    mail, and none leads anywhere.

    >>> one_line("First\\r\\nSubject: paid   in full, see https://example.com")
    'First Subject: paid in full, see https[:]//example.com'
    """
    if not text.isascii() or not text.isprintable():
        text = "".join(_visible(character) for character in text)
    text = _SCHEME.sub(_without_scheme, " ".join(text.split()))
    return _WWW.sub(r"\1[.]", _PATH.sub(r"\1/[/]", text.replace("\\\\", "\\[\\]")))


def _without_scheme(found: re.Match[str]) -> str:
    word, after = found[1], found[2]
    if word.lower() in _NO_LINKS or (after is not None and word.lower() not in _PHONES):
        return found[0]
    return f"{word}[:]{after or ''}"


def _visible(character: str) -> str:
    category = unicodedata.category(character)
    if category not in _UNPRINTABLE:
        return "" if character in _SHAPELESS else character
    return "" if category in ("Cf", "Cs") else " "


def quoted(name: str) -> str:
    """A value of the source in a sentence; a mail program finds no host name in it.

    >>> quoted("evil.example")
    '"evil[.]example"'
    """
    return '"' + re.sub(r"(?<=\w)\.(?=\w)", "[.]", one_line(name)) + '"'


def counted(count: int, noun: str) -> str:
    """Return a number of things.

    >>> counted(1, "row"), counted(2, "row")
    ('1 row', '2 rows')
    """
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def harmless(text: str) -> str:
    """A value that anybody who starts a run can choose: quoted in a mail only if it holds no message.

    >>> harmless("1h"), harmless("call 555 0100 now")
    ('"1h"', 'the given value')
    """
    return quoted(text) if re.fullmatch(r"[A-Za-z0-9:._-]{1,20}", text) else "the given value"


def listed(items: list[str], limit: int = 5) -> str:
    """The items in a row, as many as a sentence can carry.

    >>> listed(["a", "b", "c"], limit=2)
    'a, b and 1 more'
    """
    shown = ", ".join(items[:limit])
    return shown if len(items) <= limit else f"{shown} and {len(items) - limit} more"
