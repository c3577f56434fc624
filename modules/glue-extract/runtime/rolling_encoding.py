"""Check the encoding of a file: a codec of Python must not change the characters that every file needs."""

from __future__ import annotations

import codecs

from rolling_errors import ExtractError

# In these encodings, Python writes a byte order mark before each text. But a file can have such a mark only
# at its start.
_MARKED = {"utf-8-sig": "utf-8", "utf-16": "utf-16-le", "utf-32": "utf-32-le"}
# In these encodings, the meaning of a byte depends on earlier bytes, even on the bytes of another field.
_STATEFUL = ("iso2022", "hz")
_PLAIN = "0123456789ABCXYZabcxyz,;+-.& \r\n"
_ESCAPE = "\\u0041"


def check_encoding(what: str, encoding: object, marks: str, *, has_bom: bool) -> None:
    """Refuse an encoding that is unsuitable for files, or that lacks one of the format's characters, `marks`.

    `has_bom`: whether the format can begin with a byte order mark.
    """
    said = f"{what}: encoding={encoding!r}"[:200]
    try:
        if not isinstance(encoding, str):
            raise LookupError
        name = codecs.lookup(encoding).name.replace("_", "-")
        is_plain = name in _MARKED or _is_plain(encoding)
    except (LookupError, ValueError):
        raise ExtractError(f"{said} is not a text encoding of Python", kind="spec") from None
    if other := _MARKED.get(name):
        bom = " and bom=True" if has_bom else ""
        raise ExtractError(f'{said} writes its own byte order mark; use "{other}"{bom}', kind="spec")
    if name.startswith(_STATEFUL):
        raise ExtractError(
            f"{said} has escape sequences, with which a text could change the next fields;"
            ' use for example "utf-8"',
            kind="spec",
        )
    if not is_plain:
        raise ExtractError(
            f'{said} changes characters that a file needs; use for example "utf-8"', kind="spec"
        )
    try:
        marks.encode(encoding)
    except UnicodeEncodeError as error:
        lacks = marks[error.start]
        raise ExtractError(
            f'{what}: {encoding} has no character "{lacks}", which the format uses', kind="spec"
        ) from None


def _is_plain(encoding: str) -> bool:
    """Return whether the characters in `_PLAIN` keep their meaning, and all have the same number of bytes."""
    parts = [character.encode(encoding) for character in _PLAIN]
    data = _PLAIN.encode(encoding)
    if data != b"".join(parts) or data.decode(encoding) != _PLAIN or len({*map(len, parts)}) > 1:
        return False
    try:
        return _ESCAPE.encode(encoding).decode(encoding) == _ESCAPE
    except UnicodeEncodeError:
        return True  # the encoding cannot write a backslash, so it has no escape sequences like \u0041
