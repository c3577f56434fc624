"""The file that a recipient prescribes: name, format, first and last record, and markers.

The module `rolling_format_check` refuses invalid combinations, and `rolling_record` makes the bytes of a
record.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from rolling_fields import named


@named
@dataclass(frozen=True, slots=True)
class Csv:
    """Text with a delimiter between fields. The default is RFC 4180 in UTF-8.

    >>> Csv(delimiter=";", decimal=",", encoding="cp1252").line_ending
    '\\r\\n'
    """

    delimiter: str = ","
    quoting: str = "minimal"  # or "all", "nonnumeric", "none"; with "none", no field may need quotes
    line_ending: str = "\r\n"
    header: bool = True
    encoding: str = "utf-8"  # any text codec of Python
    bom: bool = False  # whether a byte order mark is at the start, for UTF-8, UTF-16 and UTF-32
    decimal: str = "."
    thousands: str = ""  # character that separates groups of three digits in a metric
    null: str = ""  # text for a missing value
    date_format: str = "%Y-%m-%d"  # format of strftime for dates; the period is always written like 2026-10
    record_type: str = ""  # text of the first field of each row, such as "D"
    fault: str | None = field(default=None, init=False, repr=False, compare=False)


@named
@dataclass(frozen=True, slots=True)
class Field:
    """One field of a fixed-width record. A negative width aligns the value right.

    With `implied`, the field has no decimal point: 12.50 becomes 1250. `sign` is the place of the minus sign
    of a negative number: "leading", "trailing", or "none" to refuse negative numbers.

    >>> Field(-12, fill="0", implied=True).sign
    'leading'
    """

    width: int  # number of bytes in the encoding of the file
    fill: str = " "
    implied: bool = False
    sign: str = "leading"
    null: str = ""  # text for a missing value
    fault: str | None = field(default=None, init=False, repr=False, compare=False)


@named
@dataclass(frozen=True, slots=True)
class FixedWidth:
    """Records of fields with fixed widths. If a value does not fit into its field, the run fails.

    >>> FixedWidth({"branch_id": 10, "amount_avg": -15}).header
    False
    """

    # Widths by column, in the order of the columns. A number is the width of a field that is filled with
    # `fill`. A text is a constant, and its key must not be the name of a column.
    fields: Mapping[str, int | Field | str]
    fill: str = " "
    line_ending: str = "\r\n"
    header: bool = False
    encoding: str = "utf-8"
    decimal: str = "."
    date_format: str = "%Y-%m-%d"
    fault: str | None = field(default=None, init=False, repr=False, compare=False)

    def field(self, column: str) -> Field:
        """Return the field that a column has in the record."""
        found = self.fields[column]
        assert not isinstance(found, str)  # a column has a width or a `Field`, only a constant has a text
        return found if isinstance(found, Field) else Field(found, fill=self.fill)

    @property
    def constants(self) -> list[str]:
        """Return a list: the constant before each column, and at the end the constant after the last column.

        >>> FixedWidth({"type": "D", "branch_id": 10, "amount_avg": -15}).constants
        ['D', '', '']
        """
        found = [""]
        for given in self.fields.values():
            if isinstance(given, str):
                found[-1] += given
            else:
                found.append("")
        return found


@named
@dataclass(frozen=True, slots=True)
class Pgp:
    """Encryption with the OpenPGP keys of the recipient. The keys are not part of the spec.

    >>> Pgp().ending, Pgp(armor=True).ending
    ('.pgp', '.asc')
    """

    armor: bool = False  # write the encrypted file as text (ASCII armor)
    fault: str | None = field(default=None, init=False, repr=False, compare=False)

    @property
    def ending(self) -> str:
        """Return the ending that an encrypted file has by default."""
        return ".asc" if self.armor else ".pgp"


@named
@dataclass(frozen=True, slots=True)
class File:
    """The file of a recipient. The default is `FirstBank_20261031.csv` in the default format.

    The file is in the recipient's own folder, by default in its subfolder `year=2026/month=10`.

    >>> File(name="{recipient}-{period}.txt", format=Csv(delimiter="|", header=False)).markers
    ()
    """

    # default: {recipient}_{date:%Y%m%d} and the ending for format, compression, encryption
    name: str | None = None
    format: Csv | FixedWidth = Csv()
    header_record: str | None = None  # record before the header: "H{date:%Y%m%d}{rows:0>8}"
    trailer_record: str | None = None  # the last record: "T{records:0>8}{sum[amount_sum]:0>18}"
    compression: str | None = None  # "gzip" or "zip"
    markers: tuple[str, ...] = ()  # "sha256", "done": small files that are written after the file
    flat: bool = False  # store the files of all periods in one folder, without year=2026/month=10
    encryption: Pgp | None = None  # encrypts the file after its compression
    fault: str | None = field(default=None, init=False, repr=False, compare=False)

    @property
    def templates(self) -> tuple[str, ...]:
        """The templates of the name and of the first and last record."""
        records = (self.header_record, self.trailer_record)
        return (self.template, *(record for record in records if record is not None))

    @property
    def template(self) -> str:
        """The template of the file's name."""
        if self.name is not None:
            return self.name
        ending = {"gzip": ".gz", "zip": ".zip"}.get(self.compression or "", "")
        kind = "csv" if isinstance(self.format, Csv) else "txt"
        encrypted = "" if self.encryption is None else self.encryption.ending
        return f"{{recipient}}_{{date:%Y%m%d}}.{kind}{ending}{encrypted}"
