"""Convert exact aggregates to text. Every number is rounded only once, half up.

All values of a metric in a run have the same number of digits after the point. Sums and values are stored as
whole numbers, in units of the last digit. Python adds and compares whole numbers of any length exactly.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction
from math import isqrt

from rolling_errors import ExtractError
from rolling_resolved import Measure, Metric

# A value with this many digits after the point, or more, is a truncated quotient and not exact.
_QUOTIENT = 50
# A rounding tie is the middle between two rounded numbers. If a truncated quotient differs from a tie only
# after this many digits, it is rounded like the tie.
_TIE = 40
_SHORT = 1000
_SHOWN = 20  # digits after the point of a quotient that never ends, such as 1/3

COUNT, SUM, MIN, MAX, SQUARES, LOW, HIGH = range(7)
# Aggregates of one group over one window. The constants COUNT, SUM, ..., HIGH are the indexes of the
# aggregates. For count_distinct, the value at the index LOW is the number of distinct values.
Aggregates = Sequence[int]


def scaled(text: str, digits: int) -> int:
    """Return a number as a whole number, in units of 10 ** -`digits`.

    >>> scaled("-0.5", 2), scaled("7", 1), scaled("1.500", 1)
    (-50, 70, 15)
    """
    whole, _, fraction = text.partition(".")
    missing = digits - len(fraction)
    try:
        if missing < 0:
            fraction, rest = fraction[:missing], fraction[missing:]
            if rest.strip("0"):
                raise ExtractError(
                    f"a value has more than {digits} digits after the point, but the control totals have at"
                    f" most {digits}",
                    kind="reconciliation",
                )
            missing = 0
        number = int(whole + fraction)
    except ValueError:  # sys.get_int_max_str_digits
        raise _too_long() from None
    return number * 10**missing if missing else number


def scaled_all(texts: list[str], digits: int) -> list[int]:
    """Return `scaled` of each text. It is faster if all texts have `digits` digits after the point.

    >>> scaled_all(["-0.50", "7.00"], 2), scaled_all(["1", "0.5"], 1)
    ([-50, 700], [10, 5])
    """
    point = -1 - digits
    if digits and [text[point : point + 1] for text in texts].count(".") < len(texts):
        return [scaled(text, digits) for text in texts]
    plain_texts = "\t".join(texts).replace(".", "").split("\t") if digits else texts
    try:
        return [*map(int, plain_texts)]
    except ValueError:  # sys.get_int_max_str_digits
        raise _too_long() from None


def digits_in(text: str) -> int:
    """Return how many digits a number has after the point."""
    return len(text.partition(".")[2])


def rounded(numerator: int, denominator: int, scale: int, digits: int = 0) -> str:
    """Return a quotient as text, rounded half up (away from zero) to `scale` digits after the point.

    `digits` is the number of digits after the point of the values. If it is `_QUOTIENT` or more, the values
    are truncated quotients.

    >>> rounded(1, 200, 2), rounded(-1, 200, 2), rounded(10, 3, 0)
    ('0.01', '-0.01', '3')
    """
    whole, rest = divmod(abs(numerator) * 10**scale, denominator)
    if 2 * rest >= denominator or (digits >= _QUOTIENT and _is_tie(rest, denominator, scale)):
        whole += 1
    return _point(-whole if numerator < 0 else whole, scale)


def _is_tie(rest: int, denominator: int, scale: int) -> bool:
    distance = Fraction(denominator - 2 * rest, 2 * denominator)
    return distance < Fraction(10**scale, 10**_TIE)


def _point(number: int, scale: int) -> str:
    try:
        text = str(number)
    except ValueError:  # sys.get_int_max_str_digits
        raise _too_long() from None
    if not scale:
        return text
    if len(text) <= scale + (number < 0):
        sign, text = ("-", text[1:]) if number < 0 else ("", text)
        return f"{sign}0.{text.rjust(scale, '0')}"
    return f"{text[:-scale]}.{text[-scale:]}"


def _too_long() -> ExtractError:
    return ExtractError("a value of a metric has more than 4000 digits", kind="source")


def plain(number: int, digits: int, known: int | None = None, divisor: int = 1) -> str:
    """Return a sum as text. The sum is `number` / (10 ** `digits` * `divisor`).

    The text is exact if the sum has a finite number of digits. The text does not depend on other values in
    the run. `known` is the number of digits after the point that the type fixes. If `divisor` is 1, the text
    has this number of digits. If `known` is None or `divisor` is not 1, the text has no zeros at the end.

    >>> plain(950, 2, 2), plain(950, 2), plain(7, 0, 2), plain(1, 0, 0, 3)
    ('9.50', '9.5', '7.00', '0.33333333333333333333')
    """
    if known is not None and divisor == 1 and digits <= known:
        return _point(number * 10 ** (known - digits), known)
    more = 0
    while divisor > 1 and 10**more % divisor and digits + more < _SHOWN:
        more += 1
    scale = digits + more if digits < _QUOTIENT else _SHOWN
    text = rounded(number, 10**digits * divisor, scale, digits)
    return text.rstrip("0").rstrip(".") if "." in text else text


def formatter(metric: Metric, measure: Measure, digits: int) -> Callable[[Aggregates], str]:
    """Return a function that converts the aggregates of a window to the text of a metric.

    `digits` is the number of digits after the point that the measure's values have in this run.
    """
    scale = metric.scale or 0
    unit = 10**digits * measure.divisor
    shift = 10 ** max(0, scale - digits)

    def count(found: Aggregates) -> str:
        return str(found[COUNT])

    def distinct(found: Aggregates) -> str:
        return str(found[LOW])

    def exact(part: int) -> Callable[[Aggregates], str]:
        if measure.divisor == 1 and digits <= scale:
            # The values have no more digits than the metric, so no value is rounded.
            return lambda found: _point(found[part] * shift, scale) if found[COUNT] else ""
        return lambda found: rounded(found[part], unit, scale, digits) if found[COUNT] else ""

    # The quotient (up * total + unit * count) // (twice * count) is the average in units of the last digit,
    # rounded half up.
    up, twice = 2 * 10**scale, 2 * unit
    is_plain = scale > 0 and digits < _QUOTIENT

    def average(found: Aggregates) -> str:
        count, total = found[COUNT], found[SUM]
        if not count:
            return ""
        if is_plain and total >= 0:
            text = str((up * total + unit * count) // (twice * count))
            if scale < len(text) < _SHORT:
                return f"{text[:-scale]}.{text[-scale:]}"
        return rounded(total, unit * count, scale, digits)

    def deviation(found: Aggregates) -> str:
        n = found[COUNT]
        if n < 2:
            return ""
        # The variance times n (n - 1), in units of the last digit.
        spread = n * found[SQUARES] - found[SUM] ** 2
        return _root(spread * 10 ** (2 * scale), n * (n - 1) * unit**2, scale)

    def percentile(found: Aggregates) -> str:
        n = found[COUNT]
        if not n:
            return ""
        fraction = metric.fraction
        assert fraction is not None
        # Like percentile_cont of PostgreSQL: linear interpolation between the two values.
        beyond = fraction.numerator * (n - 1) % fraction.denominator
        value = found[LOW] * (fraction.denominator - beyond) + found[HIGH] * beyond
        return rounded(value, unit * fraction.denominator, scale, digits)

    match metric.aggregate:
        case "count":
            return count
        case "count_distinct":
            return distinct
        case "sum":
            return exact(SUM)
        case "min":
            return exact(MIN)
        case "max":
            return exact(MAX)
        case "avg":
            return average
        case "stddev":
            return deviation
        case _:
            return percentile


def _root(numerator: int, denominator: int, scale: int) -> str:
    """Return the square root of a quotient, rounded half up. `numerator` has the factor 10 ** (2 * scale)."""
    doubled = isqrt(4 * numerator // denominator)
    return _point((doubled + 1) // 2, scale)
