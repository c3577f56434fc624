"""Convert the values of a row to a record in bytes, in the format that the recipient prescribes.

The engine does not use the CSV writer of Spark, which chooses file names itself and does not follow RFC 4180.
It does not use the CSV writer of Python, because its quoting has changed between versions. The same values
must give the same bytes under Python 3.11 and 3.13.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from datetime import date
from typing import NamedTuple

from rolling_errors import ExtractError, counted
from rolling_format import Csv, Field, FixedWidth

TEXT, NUMBER, METRIC, DATE, OTHER = "text", "number", "metric", "date", "other"  # kinds of columns

# Characters that begin a formula in a spreadsheet, with their full-width and small forms. Plus and minus are
# a separate list: after a separator and a space, they are usually dashes, as in "12 Main St; - ; Flat 3".
_FORMULA, _SIGN = "=@\uff1d\uff20\ufe66\ufe6b", "+\uff0b\uff0d\ufe62\ufe63-"
_START = _FORMULA + _SIGN
_STARTS = frozenset(_START)
# A spreadsheet may ignore these characters at the beginning of a formula: spaces, control characters,
# characters that set the direction of a text, and characters without width.
_HIDDEN = (
    r"\x00-\x20\x7f-\xa0\xad\u034f\u061c\u115f\u1160\u1680\u17b4\u17b5\u180b-\u180f\u2000-\u200f\u2028-\u202f"
    r"\u205f-\u206f\u3000\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff9-\ufffb\U000e0000-\U000e0fff"
)
# A person who opens the file may choose a separator other than the comma. Then a new cell also begins after
# each separator inside a text and after each line break. This cell may have quotes before the formula.
_SEPARATORS = ",;|\t\r\n\v\f\x85\u2028\u2029"


# In a fixed-width file, each of these characters may end a record. For example, U+0085 is the newline of a
# mainframe.
has_control = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]").search
# If a program reads a file line by line, each of these characters may end a record, even inside quotes. A tab
# ends no record, so it is left out.
ends_record = re.compile(r"[\x00-\x08\x0a-\x1f\x7f-\x9f\u2028\u2029]").search
is_hidden = re.compile(f"[{_HIDDEN}]").match
# A text without these characters cannot start a formula.
may_start_formula = re.compile(rf"[\t\r\n{_START}]").search


def begins_formula(field: str) -> bool:
    """Return whether a field begins like a formula, for example with "-". Quotes at its start are ignored."""
    return field.lstrip('"')[:1] in _STARTS


class Column(NamedTuple):
    """A column of a file, and the kind of its values."""

    label: str
    kind: str


Record = Callable[[Sequence["str | None"], int], bytes]
"""A function that returns the bytes of a record from its cells. The row number is only for error messages."""


def header(form: Csv | FixedWidth, columns: Sequence[Column]) -> bytes:
    """Return the record with the names of the columns, or no bytes if the format has no header."""
    if not form.header:
        return b""
    titles = [Column(column.label, OTHER) for column in columns]
    if isinstance(form, FixedWidth):
        # The names in the header are texts, so their fields have no format for numbers.
        plain: dict[str, int | str] = {}
        for name, given in form.fields.items():
            plain[name] = (
                _blanks(given, form.encoding) if isinstance(given, str) else abs(form.field(name).width)
            )
        form = FixedWidth(plain, line_ending=form.line_ending, encoding=form.encoding)
    return writer(form, titles, defuse=False)([column.label for column in columns], 0)


def _blanks(text: str, encoding: str) -> str:
    """Return spaces that have as many bytes as the text."""
    return " " * (len(text.encode(encoding)) // len(" ".encode(encoding)))


def mark(form: Csv | FixedWidth) -> bytes:
    """Return the byte order mark of the file, or no bytes if the format has none."""
    return "\ufeff".encode(form.encoding) if isinstance(form, Csv) and form.bom else b""


def writer(form: Csv | FixedWidth, columns: Sequence[Column], *, defuse: bool) -> Record:
    """Return a function that makes a record. If `defuse`, no text of a row can run as a formula."""
    if isinstance(form, FixedWidth):
        return _fixed(form, columns, defuse=defuse)
    return _delimited(form, columns, defuse=defuse)


def number(text: str, decimal: str, thousands: str = "") -> str:
    """Return a number with a decimal mark and a mark for thousands.

    >>> number("-1234567.50", ",", "."), number("123", ",", ".")
    ('-1.234.567,50', '123')
    """
    whole, point, fraction = text.partition(".")
    if thousands:
        sign, digits = ("-", whole[1:]) if whole.startswith("-") else ("", whole)
        if len(digits) > 3:
            first = len(digits) % 3
            groups = [digits[:first]] if first else []
            groups += [digits[i : i + 3] for i in range(first, len(digits), 3)]
            whole = sign + thousands.join(groups)
    return f"{whole}{decimal}{fraction}" if point else whole


def defuser(delimiter: str, quotes: str = "") -> Callable[[str], str]:
    """Return a function that changes a text so that no spreadsheet runs it as a formula.

    A person may open the file with `delimiter` or with another separator. The format writes the characters in
    `quotes` unchanged. A spreadsheet removes these quotes if they stand before a formula.

    >>> [defuser("~")(text) for text in ("=1+1", "a;-b", "a~=b", "a; =b", "a; -b")]
    ["'=1+1", "a;'-b", "a~'=b", "a;' =b", 'a; -b']
    """
    separators = re.escape(_SEPARATORS + delimiter)
    start = re.compile(rf"[\t\r\n]|[{quotes}{_HIDDEN}]*[{_START}]")
    before = rf"(?![{separators}])[\"'{_HIDDEN}]"
    inner = re.compile(
        rf"([{separators}])(?=(?! +[{_SIGN}])(?:{before})*[{_SIGN}]|(?:{before})*[{_FORMULA}])"
    )

    def defused(text: str) -> str:
        if start.match(text):
            text = f"'{text}"
        return inner.sub(r"\1'", text)

    return defused


def special_text(form: Csv) -> Callable[[str], object]:
    """Return a function that finds out whether a value needs quotes.

    A value that equals the text for a missing value needs quotes, too. Without quotes, it is read as missing.
    """
    null = rf"|\A{re.escape(form.null)}\Z" if form.null else ""
    newline = "\x85" if "A".encode(form.encoding) == b"\xc1" else ""  # in EBCDIC
    return re.compile(f'[{re.escape(form.delimiter)}"\r\n{newline}]{null}').search


def is_read_by_line(form: Csv) -> bool:
    """Return whether values must not contain line breaks, even in quotes."""
    return form.quoting == "none" or bool(form.record_type)


def row_start(form: Csv) -> str:
    """Return the text before the first column of a row."""
    if not form.record_type:
        return ""
    quote = '"' if form.quoting in ("all", "nonnumeric") else ""
    return f"{quote}{form.record_type}{quote}{form.delimiter}"


def quoted_columns(form: Csv, columns: Sequence[Column]) -> list[bool]:
    """Return for each column whether the format writes all its values in quotes."""
    numbers = (METRIC, NUMBER) if form.quoting == "nonnumeric" else ()
    return [form.quoting in ("all", "nonnumeric") and column.kind not in numbers for column in columns]


def plain_columns(form: Csv, columns: Sequence[Column]) -> list[bool]:
    """Return for each column whether its values never need quotes: metrics and dates in the default form."""
    default = not form.null and form.delimiter not in "-." and form.decimal == "." and not form.thousands
    return [
        default and (column.kind == METRIC or (column.kind == DATE and form.date_format == "%Y-%m-%d"))
        for column in columns
    ]


def _delimited(form: Csv, columns: Sequence[Column], *, defuse: bool) -> Record:
    delimiter, ending, encoding, null = form.delimiter, form.line_ending, form.encoding, form.null
    special, is_plain = special_text(form), plain_columns(form, columns)
    converted = converters(form.decimal, form.thousands, form.date_format, columns)
    is_text, defused = [column.kind == TEXT and defuse for column in columns], defuser(delimiter)
    # a metric that has no values to aggregate is an empty text, and is written as missing
    is_metric = [column.kind == METRIC for column in columns]
    is_quoted, never = quoted_columns(form, columns), form.quoting == "none"
    order, start, by_line = range(len(columns)), row_start(form), is_read_by_line(form)

    def record(cells: Sequence[str | None], row: int) -> bytes:
        fields: list[str] = []
        for i in order:
            value = cells[i]
            if value is None or (not value and is_metric[i]):
                fields.append(null)
                continue
            if i in converted and value:
                value = converted[i](value, row)
            if is_text[i]:
                value = defused(value)
            if (
                is_quoted[i]
                or (not is_plain[i] and not never and special(value))
                # If a person opens the file with another separator, a spreadsheet could read an earlier field
                # such as -5 and this text as one cell, and run the cell as a formula. So write the text in
                # quotes.
                or (is_text[i] and not never and any(map(begins_formula, fields)))
            ):
                value = '"' + value.replace('"', '""') + '"'
            elif never and special(value):
                has = (
                    f'is the text of null="{null}"'
                    if value == null
                    else "has a delimiter, a quote or a line break"
                )
                where = _place(row, columns[i])
                raise _wrong(f'{where}: a value {has}, which is not possible with quoting="none"')
            if by_line and ends_record(value):
                what = 'quoting="none"' if never else "record_type"
                raise _wrong(
                    f"{_place(row, columns[i])}: a value has a control character, which can end a record;"
                    f" this is not possible with {what}"
                )
            fields.append(value)
        # A record with one empty field would be an empty line. Programs skip empty lines.
        text = start + delimiter.join(fields) or '""'
        try:
            return (text + ending).encode(encoding)
        except UnicodeEncodeError as error:
            raise _lacking(error, fields, columns, encoding, row) from None

    return record


def _fixed(form: FixedWidth, columns: Sequence[Column], *, defuse: bool) -> Record:
    converted = converters("." if form.decimal == "." else form.decimal, "", form.date_format, columns)
    parts = [(column, form.field(column.label)) for column in columns]
    for i, (column, part) in enumerate(parts):
        if part.implied and column.kind == METRIC:
            converted.pop(i, None)  # the field has no decimal mark to convert
    encoding, ending = form.encoding, form.line_ending.encode(form.encoding)
    simple = [padding(column, part) for column, part in parts]
    *before, after = form.constants
    length = sum(abs(part.width) for _, part in parts) + sum(map(len, form.constants))
    texts, defused = (
        [i for i, column in enumerate(columns) if column.kind == TEXT and defuse],
        defuser("", quotes="\"'"),
    )

    def record(cells: Sequence[str | None], row: int) -> bytes:
        values = ["" if cell is None else cell for cell in cells]
        for i, convert in converted.items():
            if values[i]:
                values[i] = convert(values[i], row)
        for i in texts:
            values[i] = defused(values[i])
        text = "".join([c + pad(value) for c, pad, value in zip(before, simple, values, strict=True)]) + after
        if len(text) == length and not has_control(text):
            try:
                data = text.encode(encoding)
            except UnicodeEncodeError as error:
                raise _lacking(error, values, columns, encoding, row) from None
            # If each character is one byte, every field has its width in bytes.
            if len(data) == length:
                return data + ending
        return b"".join(slowly(values, row)) + ending

    def slowly(values: Sequence[str], row: int) -> Iterator[bytes]:
        for constant, (column, part), value in zip(before, parts, values, strict=True):
            yield constant.encode(encoding)
            if has_control(value):
                raise _wrong(f"{_place(row, column)}: a value has a line break or another control character")
            try:
                yield _padded(value, column, part, encoding, row)
            except UnicodeEncodeError as error:
                raise _lacking(error, [value], [column], encoding, row) from None
        yield after.encode(encoding)

    return record


def padding(column: Column, part: Field) -> Callable[[str], str]:
    """Return a function that pads a value. If a value is too long, the result is longer than the field."""
    width, fill, null = abs(part.width), part.fill, part.null
    trails, blanks, too_long = part.sign != "leading", " " * width, "x" * (width + 1)
    if column.kind not in (METRIC, NUMBER):
        if part.width > 0:
            return lambda value: (value or null).ljust(width, fill)
        # Pad a missing value with spaces, because zeros would look like a value.
        nothing = blanks if fill == "0" and not null else null.rjust(width, fill)
        if fill == "0":
            return lambda value: (value.zfill(width) if _is_digits(value) else too_long) if value else nothing
        return lambda value: value.rjust(width, fill) if value else nothing

    def pad(value: str) -> str:
        value = value or null
        if part.implied:
            value = value.replace(".", "")
        if trails and value.startswith("-"):
            return too_long
        if fill == "0":
            return value.zfill(width) if value else blanks
        return value.ljust(width, fill) if part.width > 0 else value.rjust(width, fill)

    return pad


def _is_digits(text: str) -> bool:
    return text.isascii() and text.isdigit()


def _padded(value: str, column: Column, part: Field, encoding: str, row: int) -> bytes:
    """Return the bytes of one field of a fixed-width record."""
    if part.fill == "0" and value and column.kind not in (METRIC, NUMBER) and not _is_digits(value):
        where = _place(row, column)
        raise _wrong(f'{where}: a value has characters that are not digits, but the field has fill="0"')
    sign, value = "", value or part.null
    if column.kind in (METRIC, NUMBER):
        if part.implied:
            value = value.replace(".", "")
        if value.startswith("-"):
            value, sign = value[1:], "-"
            if part.sign == "none":
                raise _wrong(f'{_place(row, column)}: a value is negative, but the field has sign="none"')
    before, after = (sign, "") if part.sign == "leading" else ("", sign)
    # Pad a missing value with spaces, because zeros would look like a value.
    width, fill = abs(part.width), (part.fill if value or part.fill != "0" else " ").encode(encoding)
    data, left, right = value.encode(encoding), before.encode(encoding), after.encode(encoding)
    missing = width - len(data) - len(left) - len(right)
    count, rest = divmod(missing, len(fill))
    if rest and missing > 0:
        raise _wrong(
            f"{_place(row, column)}: {counted(missing, 'byte')} of the field must be filled, but each fill"
            f' character "{part.fill}" has {len(fill)} bytes; use another fill, or another width'
        )
    if missing < 0:
        raise _wrong(
            f"{_place(row, column)}: a value has {counted(width - missing, 'byte')} in {encoding}, but"
            f" the field has {width}"
        )
    padding = fill * count
    if part.width > 0:
        return left + data + right + padding
    # Zeros are a part of the number, so they come after its sign.
    return left + padding + data + right if part.fill == "0" else padding + left + data + right


def converters(
    decimal: str, thousands: str, date_format: str, columns: Sequence[Column]
) -> dict[int, Callable[[str, int], str]]:
    """Return the functions that convert values, keyed by the index of the column.

    Columns whose values need no conversion have no function.
    """

    def converter(column: Column) -> Callable[[str, int], str] | None:
        if column.kind == DATE and date_format != "%Y-%m-%d":
            days: dict[str, str] = {}  # keep the converted dates, because a month has few dates

            def convert(value: str, row: int) -> str:
                if value not in days:
                    days[value] = _day(value, date_format, column, row)
                return days[value]

            return convert
        if column.kind == METRIC and (decimal != "." or thousands):
            return lambda value, _: number(value, decimal, thousands)
        if column.kind == NUMBER and decimal != ".":
            return lambda value, _: number(value, decimal)
        return None

    found = ((i, converter(column)) for i, column in enumerate(columns))
    return {i: convert for i, convert in found if convert is not None}


def _day(value: str, date_format: str, column: Column, row: int) -> str:
    try:
        return date.fromisoformat(value).strftime(date_format)
    except ValueError:
        raise _wrong(f"{_place(row, column)}: {value[:20]} does not fit date_format={date_format}") from None


def _lacking(
    error: UnicodeEncodeError, fields: Sequence[str], columns: Sequence[Column], encoding: str, row: int
) -> ExtractError:
    """Return the error about the first character that the encoding lacks."""
    character = error.object[error.start]
    column = next(
        (column for value, column in zip(fields, columns, strict=True) if character in value),
        Column("?", OTHER),
    )
    return _wrong(
        f'{_place(row, column)}: {encoding} has no character "{character}" (U+{ord(character):04X})'
    )


def _place(row: int, column: Column) -> str:
    """Return the place of a value for a sentence. Row 0 is the header."""
    return f'{f"row {row}" if row else "header"}, column "{column.label}"'


def _wrong(sentence: str) -> ExtractError:
    return ExtractError(sentence, kind="file")
