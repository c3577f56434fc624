"""Format numbers, periods and sparklines for the page of a preview.

The page shows each value of a metric with the same characters as in the file. Numbers that the page itself
counts, such as numbers of rows, have thousands separators.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from extracts.report_months import Json

MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
NOTHING = "\u2013"
WIDTH, HEIGHT, MARGIN = 120.0, 28.0, 4.0  # size and margin of a sparkline


@dataclass(frozen=True, slots=True)
class Marks:
    """The decimal separator and the thousands separator of the numbers in a recipient's file."""

    decimal: str = "."
    thousands: str = ""

    @classmethod
    def of(cls, form: Json) -> Marks:
        """Return the separators of a file format. A format with fixed widths has no thousands separator."""
        return cls(form.get("decimal", "."), form.get("thousands", ""))

    def write(self, text: str | None) -> str:
        """Convert a number from the default format to the number format of the file.

        Return a dash for a missing value.

        >>> Marks(",", ".").write("-1234567.50"), Marks().write("1234567.50")
        ('-1.234.567,50', '1234567.50')
        """
        if not text:
            return NOTHING
        whole, point, rest = text.partition(".")
        if self.thousands:
            whole = f"{int(whole):,}".replace(",", self.thousands) if whole.lstrip("-").isdigit() else whole
        return whole + (self.decimal if point else "") + rest


def number(text: str | None) -> Decimal | None:
    """Return the number in a field, or None if the field is empty or missing."""
    return Decimal(text) if text else None


def difference(now: Decimal, before: Decimal, marks: Marks) -> str:
    """Return a difference with its sign and all its digits, in the notation of the file.

    >>> difference(Decimal("2.50"), Decimal("3"), Marks()), difference(Decimal(1), Decimal(1), Marks())
    ('\u22120.50', '\u00b10')
    """
    by = now - before
    sign = "+" if by > 0 else "\u2212" if by < 0 else "\u00b1"
    return sign + marks.write(f"{abs(by):f}")


def percent(now: Decimal, before: Decimal) -> str:
    """Return a relative change as a percentage with one decimal.

    Return an empty text if the values are equal, or if no meaningful percentage exists.

    >>> percent(Decimal("1.5"), Decimal(1)), percent(Decimal(1), Decimal(0)), percent(Decimal(1), Decimal(1))
    ('+50.0\xa0%', '', '')
    """
    if before <= 0 or now < 0 or now == before:
        return ""
    share = float((now - before) / before * 100)
    return f"{share:+.1f}\u00a0%".replace("-", "\u2212")


def counted(value: Decimal | int | str | None) -> str:
    """Return a number with thousands separators and all its digits; a dash for None.

    >>> counted(1234567)
    '1,234,567'
    """
    return NOTHING if value is None else f"{Decimal(value):,f}"


def month_name(period: str) -> str:
    """Return the name of a month, such as `Oct 2026` for `2026-10`."""
    return f"{MONTHS[int(period[5:]) - 1]} {period[:4]}"


def sparkline(values: Sequence[str | None]) -> tuple[str, float, float]:
    """Return the path of a sparkline over the periods, and the last point of the path.

    A missing value interrupts the line. A value between two missing values is a short dash.

    >>> sparkline(["1", None, "3"])
    ('M4 24h1M116 4h1', 116.0, 4.0)
    """
    floats = [float(value) if value else None for value in values]
    known = [value for value in floats if value is not None]
    low, high = min(known, default=0.0), max(known, default=0.0)
    path, x, y = "", -9.0, -9.0  # if there are no values, the last point is not visible
    for before, value, after, place in zip(
        [None, *floats], floats, [*floats[1:], None], range(len(floats)), strict=False
    ):
        if value is None:
            continue
        x = round(MARGIN + place / max(1, len(floats) - 1) * (WIDTH - 2 * MARGIN), 1)
        share = (high - value) / (high - low) if high > low else 0.5
        y = round(MARGIN + share * (HEIGHT - 2 * MARGIN), 1)
        lone = before is None and after is None
        path += f"{'M' if before is None else 'L'}{x:g} {y:g}{'h1' if lone else ''}"
    return path, x, y
