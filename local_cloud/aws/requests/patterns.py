"""Translate the regular expressions of AWS's service models, which have the syntax of Java and JavaScript."""

from __future__ import annotations

import functools
from collections.abc import Iterator

import regex

# The characters that a shorthand such as \w matches, written for use between [ and ]. In Java
# (java.util.regex.Pattern, "Predefined character classes") and JavaScript, shorthands match only ASCII. The
# package `regex` must run in Unicode mode because of \p{L}. In this mode, its own shorthands use the
# character classes of Unicode, not of ASCII.
_CLASSES = {
    "w": r"a-zA-Z0-9_",
    "W": r"\u0000-/:-@\[-\^`{-\U0010ffff",
    "d": r"0-9",
    "D": r"\u0000-/:-\U0010ffff",
    "s": r" \t\n\u000b\f\r",
    "S": r"\u0000-\u0008\u000e-\u001f!-\U0010ffff",
}
_ANYTHING = r"[^\n\r\u0085\u2028\u2029]"  # a dot does not match any of Java's line terminators

# Strings of Java are UTF-16, so the models write characters above U+FFFF as surrogate pairs.
_PLANES_ABOVE = (r"\uD800\uDC00-\uDBFF\uDFFF", r"\U00010000-\U0010ffff")


@functools.cache
def compiled(pattern: str) -> regex.Pattern[str]:
    """Return the pattern in Python's syntax. Use `fullmatch`, because AWS always matches the whole value."""
    return regex.compile("".join(_translated(pattern.replace(*_PLANES_ABOVE))))


def matches(pattern: str, value: str) -> bool:
    """Return whether the whole value matches the pattern of a service model."""
    return compiled(pattern).fullmatch(value) is not None


def _translated(pattern: str) -> Iterator[str]:
    in_class = after_shorthand = False
    position = 0
    while position < len(pattern):
        character = pattern[position]
        width = 2 if character == "\\" else 1
        token = pattern[position : position + width]
        was_shorthand, after_shorthand = after_shorthand, False
        if token[1:] in _CLASSES and width == 2:
            yield _CLASSES[token[1]] if in_class else f"[{_CLASSES[token[1]]}]"
            after_shorthand = in_class
        elif in_class:
            # Between [ and ], a hyphen after a shorthand is a literal hyphen, and [ is a literal bracket.
            yield r"\-" if token == "-" and was_shorthand else r"\[" if token == "[" else token
            in_class = token != "]"
        elif token == ".":
            yield _ANYTHING
        else:
            yield token
            in_class = token == "["
        position += width
