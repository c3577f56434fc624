"""Compute the texts in a file, for metrics and for other columns, from exact numbers."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import ROUND_HALF_UP, Context, Decimal
from fractions import Fraction

from tests.support.engine.expressions import Condition, Node, Value


@dataclass(frozen=True)
class Metric:
    aggregate: str
    expression: Node | None  # None if the metric counts rows
    window: int | str = 1
    where: Condition | None = None
    scale: int | None = None


def figure(metric: Metric, values: Sequence[Value]) -> str:
    """Return the text of a metric in a file."""
    if metric.aggregate == "count":
        return str(len(values))
    if metric.aggregate == "count_distinct":
        return str(len(set(values)))
    numbers = [value for value in values if isinstance(value, Fraction)]
    assert len(numbers) == len(values)
    assert metric.expression is not None
    if not numbers or (metric.aggregate == "stddev" and len(numbers) < 2):
        return ""
    whole = metric.expression.whole and metric.aggregate in ("sum", "min", "max")
    scale = metric.scale if metric.scale is not None else 0 if whole else 2
    match metric.aggregate:
        case "stddev":
            mean = sum(numbers, Fraction(0)) / len(numbers)
            squares = sum(((number - mean) ** 2 for number in numbers), Fraction(0))
            return root(squares / (len(numbers) - 1), scale)
        case "avg":
            return text(sum(numbers, Fraction(0)) / len(numbers), scale)
        case "sum":
            return text(sum(numbers, Fraction(0)), scale)
        case "min" | "max":
            return text(min(numbers) if metric.aggregate == "min" else max(numbers), scale)
        case name:
            return text(percentile(numbers, 50 if name == "median" else int(name[1:])), scale)


def percentile(numbers: Sequence[Fraction], hundredths: int) -> Fraction:
    """Return the percentile. It is interpolated linearly between the two nearest values."""
    values = sorted(numbers)
    way = Fraction(hundredths * (len(values) - 1), 100)
    whole = way.numerator // way.denominator
    return values[whole] + (way - whole) * (values[min(whole + 1, len(values) - 1)] - values[whole])


def root(square: Fraction, scale: int) -> str:
    """Return the square root, rounded half up."""
    # The result is a number of steps of 1 / 10**scale. `isqrt` returns the number of whole half steps in the
    # root. Half of this number, rounded up, is the number of steps: 3 half steps become 2 steps.
    wide = square * 4 * 100**scale
    rounded = (math.isqrt(wide.numerator // wide.denominator) + 1) // 2
    return text(Fraction(rounded, 10**scale), scale)


def text(value: Fraction | Decimal | int, scale: int) -> str:
    """Return the value in fixed-point notation, rounded half up.

    The quotient has 400 digits. They are enough to show whether the value is exactly in the middle of two
    results.
    """
    exact = Fraction(value)
    wide = Context(prec=400)
    quotient = wide.divide(Decimal(exact.numerator), Decimal(exact.denominator))
    rounded = quotient.quantize(Decimal(1).scaleb(-scale), rounding=ROUND_HALF_UP, context=wide)
    return f"{abs(rounded) if rounded == 0 else rounded:f}"


def moment_text(moment: datetime) -> str:
    """Return a time in the form in which PostgreSQL prints it. If it has a time zone, add the offset."""
    fraction = f"{moment:.%f}".rstrip("0") if moment.microsecond else ""
    return f"{moment:%Y-%m-%d %H:%M:%S}{fraction}" + ("" if moment.tzinfo is None else _offset(moment))


def _offset(moment: datetime) -> str:
    offset = moment.utcoffset()
    assert offset is not None
    sign, minutes = "-" if offset < timedelta(0) else "+", abs(offset) // timedelta(minutes=1)
    return f"{sign}{minutes // 60:02d}" + (f":{minutes % 60:02d}" if minutes % 60 else "")


def label(value: object) -> str:
    """Return the text of a value in a file. As in the engine, an apostrophe precedes a formula."""
    written = "" if value is None else f"{value:f}" if isinstance(value, Decimal) else str(value)
    return f"'{written}" if isinstance(value, str) and written.startswith("=") else written
