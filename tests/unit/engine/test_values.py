"""The engine converts exact aggregates to the text in the files."""

from __future__ import annotations

import random
from decimal import ROUND_HALF_UP, Decimal, localcontext
from fractions import Fraction
from statistics import variance

import pytest

from rolling_errors import ExtractError
from rolling_expression import Ref
from rolling_values import formatter, plain, rounded, scaled
from tests.support.engine.handmade import column, measure, metric

AMOUNT = measure(Ref(column("t0", "amount", "numeric", 2)))


@pytest.mark.parametrize(
    ("numerator", "denominator", "scale", "text"),
    [
        (1, 200, 2, "0.01"),
        (-1, 200, 2, "-0.01"),
        (-1, 1000, 2, "0.00"),
        (10, 3, 0, "3"),
        (5, 10, 0, "1"),
        (-123456, 100, 2, "-1234.56"),
        (-5, 100, 2, "-0.05"),
        (0, 1, 4, "0.0000"),
    ],
)
def test_quotients_are_rounded_half_up(numerator: int, denominator: int, scale: int, text: str) -> None:
    assert rounded(numerator, denominator, scale) == text


def test_random_quotients_are_rounded_as_in_the_module_decimal() -> None:
    numbers = random.Random(7)
    for _ in range(2000):
        numerator, denominator = numbers.randint(-(10**6), 10**6), numbers.choice((1, 2, 8, 25, 1000))
        scale = numbers.randint(0, 5)
        with localcontext(prec=60):
            exact = Decimal(numerator) / denominator
            expected = exact.quantize(Decimal(1).scaleb(-scale), rounding=ROUND_HALF_UP)
        text = rounded(numerator, denominator, scale)
        assert Decimal(text) == expected
        assert not (text.startswith("-") and expected == 0)


def test_quotient_that_is_below_a_half_only_because_it_was_truncated_is_rounded_up() -> None:
    third = scaled("0." + "3" * 60, 60)
    assert rounded(third * 3 + 5 * 10**59 - 10**60, 10**60, 0, 60) == "1"
    assert rounded(5 * 10**59 - 10**19, 10**60, 0, 60) == "1"
    assert rounded(5 * 10**59 - 10**21, 10**60, 0, 60) == "0"


@pytest.mark.parametrize(
    ("text", "digits", "number"), [("-0.5", 2, -50), ("7", 1, 70), ("1.500", 1, 15), ("-0.05", 2, -5)]
)
def test_text_of_a_number_is_multiplied_by_a_power_of_ten_and_converted_to_an_integer(
    text: str, digits: int, number: int
) -> None:
    assert scaled(text, digits) == number


def test_value_with_too_many_digits_after_the_point_is_refused() -> None:
    with pytest.raises(ExtractError, match="a value has more than 1 digits after the point"):
        scaled("1.05", 1)


def test_number_that_is_too_long_is_reported_in_one_sentence() -> None:
    with pytest.raises(ExtractError, match="more than 4000 digits"):
        scaled("9" * 5000, 0)
    with pytest.raises(ExtractError, match="more than 4000 digits"):
        rounded(10**5000, 1, 2)


@pytest.mark.parametrize(
    ("number", "digits", "known", "divisor", "text"),
    [
        (950, 2, 2, 1, "9.50"),
        (95, 1, 2, 1, "9.50"),
        (950, 2, None, 1, "9.5"),
        (900, 2, None, 1, "9"),
        (7, 0, 0, 8, "0.875"),
        (1, 0, 0, 3, "0." + "3" * 20),
        (100, 0, 0, 1, "100"),
    ],
)
def test_sum_has_as_many_decimal_digits_as_its_type_or_else_no_zeros_at_the_end(
    number: int, digits: int, known: int | None, divisor: int, text: str
) -> None:
    assert plain(number, digits, known, divisor) == text


def test_standard_deviation_equals_the_exact_value_rounded_half_up() -> None:
    numbers = random.Random(3)
    write = formatter(metric("stddev", scale=6), AMOUNT, 2)
    for _ in range(300):
        values = [numbers.randint(-5000, 5000) for _ in range(numbers.randint(2, 9))]
        text = write([len(values), sum(values), 0, 0, sum(value**2 for value in values)])
        spread = variance([Fraction(value, 100) for value in values])
        with localcontext(prec=60):
            root = (Decimal(spread.numerator) / spread.denominator).sqrt()
            assert Decimal(text) == root.quantize(Decimal("0.000001"), rounding=ROUND_HALF_UP)


def test_standard_deviation_of_one_value_is_empty() -> None:
    assert formatter(metric("stddev"), AMOUNT, 2)([1, 500, 0, 0, 250000]) == ""


def test_percentile_is_interpolated_between_two_values() -> None:
    """0.9 * (4 - 1) = 2.7, so the percentile is 0.7 of the way from the third value to the fourth value."""
    write = formatter(metric("p90"), AMOUNT, 2)
    assert write([4, 0, 0, 0, 0, 100, 200]) == "1.70"
