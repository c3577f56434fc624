"""Charts of a preview's page, and its numbers and months as text."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal

from extracts.report_months import Group, Month

MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
WIDTH, HEIGHT, MARGIN = 240.0, 96.0, 8.0


@dataclass(frozen=True, slots=True)
class Chart:
    """The values of a group over the months."""

    title: str
    note: str
    value: Decimal | None
    before: Decimal | None
    line: str  # the path through the months with a value
    area: str
    points: list[tuple[float, float, str]]


@dataclass(frozen=True, slots=True)
class Scale:
    """The vertical scale of all charts of a recipient, so that they can be compared."""

    low: float
    high: float
    step: float

    @classmethod
    def over(cls, values: Iterable[Decimal | None]) -> Scale:
        """Return a scale with round bounds. It starts at zero, unless the values are close together."""
        floats = [float(value) for value in values if value is not None]
        low, high = min(floats, default=0.0), max(floats, default=1.0)
        if low > 0 and low < high * 0.6:
            low = 0.0
        if low == high:
            low, high = low - abs(low) * 0.1 - 1, high + abs(high) * 0.1 + 1
        rough = (high - low) / 2
        power = 10 ** math.floor(math.log10(rough))
        step = next(power * m for m in (1, 2, 2.5, 5, 10) if power * m >= rough)
        return cls(math.floor(low / step) * step, math.ceil(high / step) * step, step)

    def y(self, value: float) -> float:
        inside = (value - self.low) / (self.high - self.low)
        return round(HEIGHT - MARGIN - inside * (HEIGHT - 2 * MARGIN), 1)

    def ticks(self) -> list[tuple[float, str]]:
        """Return position and text of each grid line."""
        count = round((self.high - self.low) / self.step)
        return [(self.y(v), compact(v)) for v in (self.low + i * self.step for i in range(count + 1))]


def chart(
    group: Group,
    note: str,
    values: Sequence[Decimal | None],
    months: Sequence[Month],
    scale: Scale,
    before: Month | None,
) -> Chart:
    first, last = months[0].number, months[-1].number
    points: list[tuple[float, float, str]] = []
    paths: list[list[str]] = []
    number = -1
    for month, value in zip(months, values, strict=True):
        if value is None:
            continue
        share = (month.number - first) / (last - first) if last > first else 0.5
        x, y = round(MARGIN + share * (WIDTH - 2 * MARGIN - 28), 1), scale.y(float(value))
        points.append((x, y, f"{month_name(month.period)}: {amount(value)}"))
        if not paths or month.number != number + 1:
            paths.append([])  # a month without a value interrupts the line
        paths[-1].append(f"{x} {y}")
        number = month.number
    long = [path for path in paths if len(path) > 1]
    floor = HEIGHT - MARGIN
    return Chart(
        title=" · ".join(group),
        note=note,
        value=values[-1],
        before=values[-2] if before else None,
        line=" ".join("M" + " L".join(path) for path in long),
        area=" ".join(
            f"M{path[0].split()[0]} {floor} L{' L'.join(path)} L{path[-1].split()[0]} {floor} Z"
            for path in long
        ),
        points=points,
    )


def amount(value: Decimal | int | str | None) -> str:
    """Return a number with thousands separators and all its digits; a dash for None.

    >>> amount(Decimal("1234567.50"))
    '1,234,567.50'
    """
    return "\u2013" if value is None else f"{Decimal(value):,f}"


def signed(value: Decimal) -> str:
    """Return a difference with its sign.

    >>> signed(Decimal("12.5")), signed(Decimal(0))
    ('+12.5', '±0')
    """
    sign = "+" if value > 0 else "\u2212" if value < 0 else "±"
    return sign + amount(abs(value))


def compact(value: float) -> str:
    """Return a short form of a number for an axis.

    >>> compact(250000), compact(1500000), compact(0.5), compact(0)
    ('250k', '1.5M', '0.5', '0')
    """
    for size, letter in ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= size:
            return f"{value / size:.4g}{letter}"
    return f"{value:.4g}"


def month_name(period: str) -> str:
    """Return `Oct 2026` for `2026-10`."""
    return f"{MONTHS[int(period[5:]) - 1]} {period[:4]}"
