"""Invisible characters that Python counts as printable."""

from __future__ import annotations

# Joiners, fillers, invisible vowels, variation selectors of Mongolian letters, the empty Braille pattern, and
# the first and the last character of both ranges of variation selectors.
SHAPELESS = (
    "\u034f\u115f\u1160\u17b4\u17b5\u180b\u180c\u180d\u180f\u2800\u3164\ufe00\ufe0f\uffa0\U000e0100\U000e01ef"
)
