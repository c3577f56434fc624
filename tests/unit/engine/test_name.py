"""The checks of values that the engine writes into file names and into first and last records."""

from __future__ import annotations

import pytest

from rolling_errors import ExtractError
from rolling_name import filled, unsafe
from rolling_totals import MetricTotals, Totals


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
def test_letters_and_digits_of_any_script_are_accepted_in_a_value(value: str) -> None:
    assert unsafe(value) == ""


@pytest.mark.parametrize(
    "character",
    [*"=+@;,|\t\n\r\"'`$&<>(){}[]!#%*?/\\:~^", *"\0\x7f\x85\xa0\xad\u200b\u202e\u2028\u3164\ufe0f\uff1d€½"],
)
def test_first_unsafe_character_of_a_value_is_returned(character: str) -> None:
    for value in (character, f"A{character}1", f"A{character}"):
        assert unsafe(value) == character


@pytest.mark.parametrize("value", ["-rf", ".ssh", "_x", " A", "\u0301A"])
def test_value_must_begin_with_a_letter_or_digit(value: str) -> None:
    assert unsafe(value) == value[0]


def test_value_must_not_end_with_a_space() -> None:
    assert unsafe("A ") == " "


TOTALS = Totals(3, {"m": MetricTotals(12, "-6091.71"), "n": MetricTotals(2, "3408.29")})


@pytest.mark.parametrize(
    ("template", "text"),
    [
        ("{sum[m]:0>12}", "-00006091.71"),
        ("{sum[m]:0>8}", "-6091.71"),
        ("{sum[m]:>12}", "    -6091.71"),
        ("{sum[m]:*>12}", "****-6091.71"),
        ("{sum[n]:0>12}", "000003408.29"),
        ("{rows:0>8}|{count[m]:0>4}|{rows}", "00000003|0012|3"),
        ("{recipient:<8}|{recipient:.>8}|{recipient:<3.3}", "Alpha   |...Alpha|Alp"),
        ("{revision:0>2}", "07"),
    ],
)
def test_fill_characters_are_written_between_the_sign_and_the_digits_of_a_number(
    template: str, text: str
) -> None:
    for encoding in (None, "cp1252"):
        fields = {"recipient": "Alpha", "revision": "7", "rows": "3"}
        assert filled(template, fields, TOTALS, encoding=encoding) == text


@pytest.mark.parametrize("encoding", [None, "cp1252"])
@pytest.mark.parametrize("field", ["sum[m]:0>7", "count[m]:0>1", "rows:>2", "revision:0>2"])
def test_number_that_is_longer_than_its_width_is_refused(field: str, encoding: str | None) -> None:
    fields = {"revision": "100", "rows": "300"}
    with pytest.raises(
        ExtractError, match=r"^the record of x: \{.*\} has . .*, but its width is .$"
    ) as caught:
        filled(f"{{{field}}}", fields, TOTALS, encoding=encoding, where="the record of x")
    name, _, form = field.partition(":")
    assert f"{{{name}}} has" in caught.value.sentence
    assert caught.value.sentence.endswith(form[-1])
