"""Values of a recipient's columns that names and records may have."""

from __future__ import annotations

import pytest

from rolling_name import unsafe


@pytest.mark.parametrize(
    "value",
    [
        "A",
        "7",
        "A-01",
        "First Bank",
        "a_b.c",
        "Łódź 24",
        "Cafe\u0301",
        "\u0939\u093f\u0928",
        "銀行2",
        "٤٢",
        "1-",
    ],
)
def test_letters_and_digits_of_any_script_are_safe(value: str) -> None:
    assert unsafe(value) == ""


@pytest.mark.parametrize(
    "character",
    [*"=+@;,|\t\n\r\"'`$&<>(){}[]!#%*?/\\:~^", *"\0\x7f\x85\xa0\xad\u200b\u202e\u2028\u3164\ufe0f\uff1d€½"],
)
def test_any_other_character_is_found(character: str) -> None:
    for value in (character, f"A{character}1", f"A{character}"):
        assert unsafe(value) == character


@pytest.mark.parametrize("value", ["-rf", ".ssh", "_x", " A", "\u0301A"])
def test_value_begins_with_a_letter_or_digit(value: str) -> None:
    assert unsafe(value) == value[0]


def test_value_does_not_end_with_a_blank() -> None:
    assert unsafe("A ") == " "
