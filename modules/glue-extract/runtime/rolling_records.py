"""Make many records of a file at once, with the same bytes that `rolling_record` makes one by one.

`rolling_record` makes the records in rare cases, for example if the format refuses a value.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Callable, Sequence

import rolling_record
from rolling_errors import ExtractError
from rolling_format import Csv, FixedWidth
from rolling_record import METRIC, TEXT, Column

Columns = Sequence[Sequence["str | None"]]
Records = Callable[[Columns, int], bytes]
"""A function that returns the bytes of several records.

Its arguments are the cells, column by column, and the number of the first row for error messages.
"""

AtOnce = Callable[[Columns, int], bytes | None]
"""Like `Records`, but the function returns None if its caller must make the records one by one."""

# Encodings in which the bytes of a text are the bytes of its characters, one after another.
_STATELESS = re.compile(r"utf-8|ascii|iso8859-\d+|cp\d+|mac-\w+|koi8-\w+|utf-(16|32)-[bl]e")


def writer(form: Csv | FixedWidth, columns: Sequence[Column], *, defuse: bool) -> Records:
    """Return a function that makes records. If `defuse`, no text of a row can run as a formula."""
    single = rolling_record.writer(form, columns, defuse=defuse)
    at_once = _at_once(form, columns, defuse)

    def records(cells: Columns, first: int) -> bytes:
        try:
            found = at_once(cells, first) if at_once else None
        except (ExtractError, UnicodeEncodeError):
            # `single` then makes the records one by one, so that the error names the first wrong record
            found = None
        if found is None:
            rows = enumerate(zip(*cells, strict=True), first)
            return b"".join([single(row, number) for number, row in rows])
        return found

    return records


def _at_once(form: Csv | FixedWidth, columns: Sequence[Column], defuse: bool) -> AtOnce | None:
    if not _STATELESS.fullmatch(codecs.lookup(form.encoding).name):
        return None
    if isinstance(form, FixedWidth):
        return _fixed(form, columns, defuse)
    return _delimited(form, columns, defuse)


def _delimited(form: Csv, columns: Sequence[Column], defuse: bool) -> AtOnce:
    delimiter, ending, null = form.delimiter, form.line_ending, form.null
    is_quoted = rolling_record.quoted_columns(form, columns)
    special, is_plain = rolling_record.special_text(form), rolling_record.plain_columns(form, columns)
    start, by_line = rolling_record.row_start(form), rolling_record.is_read_by_line(form)
    is_text = [column.kind == TEXT and defuse for column in columns]
    last_text = max((i for i, each in enumerate(is_text) if each), default=0)
    texts = _Texts(form, columns, form.thousands, defused=rolling_record.defuser(delimiter), defuse=defuse)

    def fields(i: int, cells: Sequence[str | None], first: int, after: Sequence[bool]) -> list[str] | None:
        # if there is nothing to aggregate, the value is an empty text
        missing = None if columns[i].kind != METRIC else ""
        lacks = None in cells or (missing == "" and "" in cells)
        found = texts.of(i, cells, first)
        if by_line and rolling_record.ends_record("".join(found)):
            return None
        if is_quoted[i]:
            found = [_quoted(text) for text in found]
        elif (form.quoting == "none" or not is_plain[i]) and (
            special("".join(found)) or (null and null in found)
        ):
            if form.quoting == "none":
                return None
            found = [_quoted(text) if special(text) else text for text in found]
        if after and is_text[i] and form.quoting == "minimal":
            found = [
                _quoted(text) if needs and not text.startswith('"') else text
                for text, needs in zip(found, after, strict=True)
            ]
        if lacks:
            pairs = zip(cells, found, strict=True)
            return [null if cell is None or cell == missing else text for cell, text in pairs]
        return found

    def records(cells: Columns, first: int) -> bytes | None:
        found = []
        after: list[bool] = []  # for each record, whether an earlier field begins like a formula
        for i, column in enumerate(cells):
            made = fields(i, column, first, after)
            if made is None:
                return None
            found.append(made)
            if i < last_text and rolling_record.may_start_formula("".join(made)):
                begins = map(rolling_record.begins_formula, made)
                after = [a or b for a, b in zip(after, begins, strict=True)] if after else [*begins]
        lines = [*map(delimiter.join, zip(*found, strict=True))]
        if len(found) == 1 and not start:
            # A record with one empty field would be an empty line. Programs skip empty lines.
            lines = [line or '""' for line in lines]
        return (start + f"{ending}{start}".join(lines) + ending).encode(form.encoding)

    return records


def _fixed(form: FixedWidth, columns: Sequence[Column], defuse: bool) -> AtOnce:
    parts = [form.field(column.label) for column in columns]
    texts = _Texts(form, columns, "", defused=rolling_record.defuser("", quotes="\"'"), defuse=defuse)
    for i, part in enumerate(parts):
        if part.implied and columns[i].kind == METRIC:
            texts.converted.pop(i, None)  # the field has no decimal point to convert
    pads = [rolling_record.padding(column, part) for column, part in zip(columns, parts, strict=True)]
    constants = form.constants
    length = sum(abs(part.width) for part in parts) + sum(map(len, constants)) + len(form.line_ending)

    def records(cells: Columns, first: int) -> bytes | None:
        found = [[*map(pads[i], texts.of(i, column, first))] for i, column in enumerate(cells)]
        if any(rolling_record.has_control("".join(column)) for column in found):
            return None
        for i in reversed(range(len(constants))):
            if constants[i]:
                found.insert(i, [constants[i]] * len(cells[0]))
        lines = [*map("".join, zip(*found, strict=True)), ""]
        text = form.line_ending.join(lines)
        # No field is shorter than its width. So if the total length is right, no field is too long.
        if len(text) != length * (len(lines) - 1):
            return None
        data = text.encode(form.encoding)
        # If there are as many bytes as characters, every character is one byte.
        return data if len(data) == len(text) else None

    return records


class _Texts:
    """Converts the values of a column to texts, without quotes and padding."""

    def __init__(
        self,
        form: Csv | FixedWidth,
        columns: Sequence[Column],
        thousands: str,
        *,
        defused: Callable[[str], str],
        defuse: bool,
    ) -> None:
        self.converted = rolling_record.converters(form.decimal, thousands, form.date_format, columns)
        self._is_text = [column.kind == TEXT and defuse for column in columns]
        self._defused = defused

    def of(self, i: int, cells: Sequence[str | None], first: int) -> list[str]:
        """Return the texts of column `i`. A missing value is an empty text."""
        texts = [cell or "" for cell in cells]
        if convert := self.converted.get(i):
            texts = [convert(text, row) if text else "" for row, text in enumerate(texts, first)]
        if self._is_text[i] and rolling_record.may_start_formula("".join(texts)):
            texts = [self._defused(text) if text else "" for text in texts]
        return texts


def _quoted(text: str) -> str:
    return '"' + text.replace('"', '""') + '"'
