"""A pattern of AWS's service models matches the same values in Python as in Java."""

from __future__ import annotations

import pytest

from local_cloud.aws.requests import patterns

TAG = r"[\p{L}\p{Z}\p{N}_.:/=+\-@]*"
LINE = r"[\u0020-\uD7FF\uE000-\uFFFD\uD800\uDC00-\uDBFF\uDFFF\t]*"


@pytest.mark.parametrize(
    ("pattern", "value", "expected"),
    [
        (TAG, "Łódź 1", True),
        (TAG, "Żyrardów & co", False),
        (r"[\w+=,.@-]+", "a-role", True),
        (r"[\w+=,.@-]+", "Łódź", False),  # \w matches only ASCII letters, and Ł and ź are not ASCII
        # A pattern must match the whole value, even if the pattern has no ^ and $.
        (r"[\w+=,.@-]+", "a role", False),
        (r"^[0-9a-zA-Z-_.]+$", "a-b_c.d", True),
        (r"^[0-9a-zA-Z-_.]+$", "a\n", False),
        (r"[\w- ]*", "a-b c", True),  # the hyphen after \w is a literal hyphen
        (r"[\w- ]*", "a+b", False),
        (r"[\S\s]*", "a\n\u00a0", True),
        (r"\S+", "a\u00a0", True),  # the no-break space is not an ASCII blank, so \S matches it
        (r".*", "two\nlines", False),
        (LINE, "Łódź \U0001f3e6", True),
        (LINE, "two\nlines", False),
        (r"\p{ASCII}*", "Ł", False),
        (r"[\p{Print}]*", "plain", True),
        (r"[a-z[]+", "a[", True),
    ],
)
def test_pattern_matches_the_same_values_in_python_as_in_java(
    pattern: str, value: str, expected: bool
) -> None:
    assert patterns.matches(pattern, value) is expected
