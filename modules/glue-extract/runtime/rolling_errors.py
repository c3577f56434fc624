"""The error that ends a run: a sentence that a person can act on.

Code raises an `ExtractError` as close to the cause of a failure as possible. The operator reads its text in
the alert mail, so the text names what is wrong and what to do. Its `kind` is for scripts that read the log.
"""

from __future__ import annotations

import re
import unicodedata

# Categories of characters that are removed or replaced: controls, formats, surrogates, private use and
# separators. They are invisible, change the direction of text, or work as a new line or an instruction in a
# terminal, a mail or a log viewer.
_UNPRINTABLE = ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp")
# Letters and marks that programs show as nothing or as a blank. The categories above do not include them.
_SHAPELESS = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u180b\u180c\u180d\u180f\u2800\u3164\uffa0") | {
    chr(code)
    for selectors in (range(0xFE00, 0xFE10), range(0xE0100, 0xE01F0))  # variation selectors
    for code in selectors
}
# Texts that mail programs show as links: a scheme, a mail address, a path to another machine, and www.
# `_without_scheme` leaves a word with a colon unchanged in three cases:
# - The word is in _NO_LINKS, because our own sentences, ARNs and names of rights contain it.
# - A space or the end of the text follows the colon.
# - A digit or a mark follows the colon, and the word is not in _SCHEMES.
# facts.jsonata of failure-alerts has the same rules.
#
# A match can begin only at the first character of a word. If a match could begin at every character, the time
# would grow with the square of the text's length.
_SCHEME = re.compile(
    r"(?<![A-Za-z0-9+.-])[0-9+.-]*([A-Za-z][A-Za-z0-9+.-]*):(?=([\s0-9:.,;<>=%!\"'()\[\]{}|~-]|$)?)"
)
_SCHEMES = frozenset(
    """
    callto cid data facetime feed file ftp ftps geo http https imap irc javascript ldap ldaps magnet mailbox
    mailto mid mms ms news nntp rtsp sftp sip sips skype slack smb sms source ssh tel telnet tg vbscript
    webcal whatsapp xmpp zoommtg
    """.split()  # noqa: SIM905 (as a list it takes a line for each word)
)
_NO_LINKS = frozenset(
    """
    arn aws cluster function glue host iam jdbc kms log-group log-stream logs postgresql rds-db role s3 secret
    secretsmanager sts user
    """.split()  # noqa: SIM905 (as a list it takes a line for each word)
)
_PATH = re.compile(r"(^|[^:/\]])//")
_ADDRESS = re.compile(r"([^\s\[@])(@+)(?=\S)")
_DOT = r"([.\u2024\u3002\ufe52\uff0e\uff61])"  # the dots that browsers accept in a host name
_WWW = re.compile(rf"\b(www){_DOT}", re.IGNORECASE)
# File extensions that are not also top-level domains.
_ENDING = re.compile(r"(?:\.(?:csv|txt|json|gz|pgp))+$")
_HOST = re.compile(rf"(?<=\w){_DOT}(?=\w)")


class ExtractError(Exception):
    """A failure, with a sentence for the operator.

    `cause` is the technical reason, for the log only. It may be long. It never contains a secret.
    """

    def __init__(self, sentence: str, *, kind: str, cause: str = "") -> None:
        super().__init__(one_line(sentence))
        self.kind = kind
        self.cause = cause

    @property
    def sentence(self) -> str:
        """The sentence without a full stop, so that a longer sentence can contain it."""
        return str(self).rstrip(".")


def one_line(text: str) -> str:
    """Return `text` without invisible characters and links, and with single spaces.

    Names come from the source. A name with a line feed must not forge a second line in a log or a mail, and
    no name may become a link.

    >>> one_line("First\\r\\nSubject: paid   in full, see https://example.com")
    'First Subject: paid in full, see https[:]//example.com'
    """
    if not text.isascii() or not text.isprintable():
        text = "".join(_visible(character) for character in text)
    text = _SCHEME.sub(_without_scheme, " ".join(text.split()))
    text = _ADDRESS.sub(r"\1[\2]", text)
    return _WWW.sub(r"\1[\2]", _PATH.sub(r"\1/[/]", text.replace("\\\\", "\\[\\]")))


def _without_scheme(found: re.Match[str]) -> str:
    word, after = found[1].lower(), found[2]
    # If a word contains +, - or ., only the part after the last of these characters can be a scheme. The
    # many schemes of Microsoft Office that begin with ms- are an exception.
    known = word.startswith("ms-") or re.split(r"[+.-]", word)[-1] in _SCHEMES
    if word in _NO_LINKS or (after is not None and (not known or not after.strip())):
        return found[0]
    return f"{found[0][:-1]}[:]"


def _visible(character: str) -> str:
    category = unicodedata.category(character)
    if category not in _UNPRINTABLE:
        return "" if character in _SHAPELESS else character
    return "" if category in ("Cf", "Cs") else " "


def quoted(name: str) -> str:
    """Return a value of the source in quotes, for a sentence. Mail programs find no host name in the result.

    >>> quoted("evil.example")
    '"evil[.]example"'
    >>> quoted("Bank_20261031.csv.pgp")
    '"Bank_20261031.csv.pgp"'
    """
    text = one_line(name)
    ending = _ENDING.search(text)
    start = ending.start() if ending else len(text)
    return '"' + _HOST.sub(r"[\1]", text[:start]) + text[start:] + '"'


def counted(count: int, noun: str) -> str:
    """Return a number with its noun, in singular or plural.

    >>> counted(1, "row"), counted(2, "row")
    ('1 row', '2 rows')
    """
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def harmless(text: str) -> str:
    """Return, in quotes, a value that a person gave for a run.

    If the value could contain a message to the reader of a mail, return "the given value" instead.

    >>> harmless("1h"), harmless("call 555 0100 now")
    ('"1h"', 'the given value')
    """
    return quoted(text) if re.fullmatch(r"[A-Za-z0-9:._-]{1,20}", text) else "the given value"


def listed(items: list[str], limit: int = 5) -> str:
    """Return a text with the first items and with the number of the remaining items.

    >>> listed(["a", "b", "c"], limit=2)
    'a, b and 1 more'
    """
    shown = ", ".join(items[:limit])
    return shown if len(items) <= limit else f"{shown} and {len(items) - limit} more"
