"""Messages of the engine contain no links. Mails quote messages, and names in the source may be links."""

from __future__ import annotations

import time

import pytest

from rolling_errors import ExtractError, one_line, quoted
from tests.support.links import LINKS


@pytest.mark.parametrize(("text", "shown"), LINKS)
def test_error_message_has_no_link(text: str, shown: str) -> None:
    assert str(ExtractError(text, kind="data")) == shown
    assert one_line(shown) == shown


@pytest.mark.parametrize("dot", [".", "\u2024", "\u3002", "\ufe52", "\uff0e", "\uff61"])
def test_dot_inside_a_quoted_name_is_written_in_brackets(dot: str) -> None:
    assert quoted(f"evil{dot}example{dot}") == f'"evil[{dot}]example{dot}"'


@pytest.mark.parametrize(
    "hidden",
    ["\u3164", "\u115f", "\u2800", "\u034f", "\u180b", "\U000e0100", "\U000e0041", "\u202e", "\u00ad"],
)
def test_error_message_has_no_invisible_character(hidden: str) -> None:
    assert hidden not in str(ExtractError(f"a{hidden}b", kind="data"))


@pytest.mark.parametrize("text", ["a", "a.", "1", "+-.", "a:", "a@", "@", "http:1"])
def test_cleaning_a_message_takes_only_linear_time(text: str) -> None:
    begun = time.process_time()
    one_line(text * 100_000)
    assert time.process_time() - begun < 5  # with quadratic growth, the call takes minutes
