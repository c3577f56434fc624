"""Random file formats, and a reader for each format that shares no code with the engine."""

from __future__ import annotations

import csv
import gzip
import io
import re
import zipfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

from hypothesis import strategies as st

from rolling_format import Csv, Field, File, FixedWidth
from rolling_spec import Extract, Metric

LABELS = ("bank", "id", "rate", "day", "address", "period", "window_start", "window_end")
METRICS = {"fees_count": 0, "fees_sum": 2, "fees_avg": 3}  # number of digits after the point
COLUMNS = (*LABELS, *METRICS)
DATES = ("day", "window_start", "window_end")
NUMBERS = ("id", "rate")
ENCODINGS = ("utf-8", "utf-8", "iso8859-2", "utf-16-le", "utf-32-be", "cp1252", "cp037")
DATE_FORMATS = ("%Y-%m-%d", "%Y-%m-%d", "%d.%m.%Y", "%Y%m%d", "%m/%d/%Y")
NULL = "n/a"  # stands for NULL in a file; no value contains these letters
RECORD = "{rows:0>24}|{count[fees_sum]}|{sum[fees_sum]}|{date:%Y%m%d}|{recipient}|{records}"

# `defuse_formulas` is off, so that the values in the file are equal to the values in the source.
SPEC = Extract(
    entity="fees",
    date_column="made",
    recipient={"bank": "owner"},
    group_by={"id": "id", "rate": "rate", "day": "day", "address": "address"},
    metrics={
        "fees_count": Metric("count", "amount"),
        "fees_sum": Metric("sum", "amount", scale=2),
        "fees_avg": Metric("avg", "amount", scale=3),
    },
    defuse_formulas=False,
)

# Values keyed by column: a text, a date as 2026-10-31, or a number as -1234.50.
Cells = Mapping[str, str | None]


class Unreadable(Exception):
    """The file format cannot represent the rows, so a run must refuse to write them."""


@dataclass(frozen=True)
class Content:
    """The content of a file as a recipient reads it."""

    rows: list[dict[str, str | None]]
    titles: list[str] | None = None
    first: list[str] | None = None  # fields of the first record of the file
    last: list[str] | None = None


@st.composite
def files(draw: st.DrawFn) -> File:
    """Return a random file format that is valid in a spec."""
    compression = draw(st.sampled_from((None, None, "gzip", "zip")))
    return File(
        format=draw(delimited()) if draw(st.booleans()) else draw(fixed()),
        header_record=draw(st.sampled_from((None, f"H|{RECORD}"))),
        trailer_record=draw(st.sampled_from((None, f"T|{RECORD}"))),
        compression=compression,
        markers=draw(st.sampled_from(((), ("done",), ("sha256", "done")))),
    )


@st.composite
def delimited(draw: st.DrawFn) -> Csv:
    decimal = draw(st.sampled_from(".,"))
    thousands = draw(st.sampled_from([mark for mark in ("", "", ".", ",", " ", "'") if mark != decimal]))
    quoting = draw(st.sampled_from(("minimal", "minimal", "all", "nonnumeric", "none")))
    encoding = draw(st.sampled_from(ENCODINGS))
    numeric = {decimal, thousands} if quoting == "none" else set()
    header = draw(st.booleans())
    return Csv(
        delimiter=draw(st.sampled_from([mark for mark in ",;|\t.- /" if mark not in numeric])),
        quoting=quoting,
        line_ending=draw(st.sampled_from(("\r\n", "\n", "\r"))),
        header=header,
        encoding=encoding,
        bom=encoding.startswith("utf") and draw(st.booleans()),
        decimal=decimal,
        thousands=thousands,
        null=draw(st.sampled_from(("", "", "NULL"))),
        date_format=draw(st.sampled_from(DATE_FORMATS)),
        record_type="" if header else draw(st.sampled_from(("", "DTL"))),
    )


@st.composite
def fixed(draw: st.DrawFn) -> FixedWidth:
    encoding = draw(st.sampled_from(ENCODINGS))
    unit = len("0".encode(encoding))
    fields: dict[str, int | Field | str] = {}
    for column in COLUMNS:
        if draw(st.sampled_from((False, False, False, True))):
            fields[f"before {column}"] = draw(st.sampled_from(("D", "  ", "EUR")))
        width = draw(st.sampled_from((12, 16, 16, 30, 30))) * unit
        right = draw(st.booleans())
        fill = draw(st.sampled_from(" 0*" if right and column in (*NUMBERS, *METRICS) else " *"))
        sign = draw(st.sampled_from((*["leading", "trailing"] * 6, "none")))
        implied = column in METRICS and draw(st.booleans())
        null = draw(st.sampled_from(("", "", NULL)))
        made = Field(-width if right else width, fill=fill, implied=implied, sign=sign, null=null)
        fields[column] = made.width if draw(st.sampled_from((False, False, True))) else made
    return FixedWidth(
        fields,
        fill=draw(st.sampled_from(" *")),
        line_ending=draw(st.sampled_from(("\r\n", "\n"))),
        header=draw(st.booleans()),
        encoding=encoding,
        decimal=draw(st.sampled_from(".,")),
        date_format=draw(st.sampled_from(DATE_FORMATS)),
    )


def unpacked(data: bytes, file: File) -> bytes:
    match file.compression:
        case "gzip":
            return gzip.decompress(data)
        case "zip":
            with zipfile.ZipFile(io.BytesIO(data)) as archive:
                [name] = archive.namelist()
                return archive.read(name)
    return data


def read(data: bytes, file: File) -> Content:
    """Return the content of a file. Numbers and dates have the form of `Cells`."""
    form = file.format
    text = unpacked(data, file).decode(form.encoding)
    if isinstance(form, Csv) and form.bom:
        assert text[0] == "\ufeff"
        text = text[1:]
    first = last = None
    if file.header_record is not None:
        record, _, text = text.partition(form.line_ending)
        first = record.split("|")
    if file.trailer_record is not None:
        assert text.endswith(form.line_ending)
        text, _, record = text.removesuffix(form.line_ending).rpartition(form.line_ending)
        last = record.split("|")
        text += form.line_ending if text else ""
    records = _delimited(text, form) if isinstance(form, Csv) else list(_sliced(text, form))
    if isinstance(form, Csv) and form.record_type:
        assert {record.pop(0) for record in records} <= {form.record_type}
    titles = records.pop(0) if form.header else None
    rows = [
        {
            name: _csv_cell(name, value, form) if isinstance(form, Csv) else _fixed_cell(name, value, form)
            for name, value in zip(COLUMNS, record, strict=True)
        }
        for record in records
    ]
    if isinstance(form, FixedWidth) and titles is not None:
        titles = [title.strip() for title in titles]
    return Content(rows, titles, first, last)


def _delimited(text: str, form: Csv) -> list[list[str]]:
    lines = io.StringIO(text, newline="")
    if form.quoting == "none":
        return list(csv.reader(lines, delimiter=form.delimiter, quoting=csv.QUOTE_NONE, strict=True))
    return list(csv.reader(lines, delimiter=form.delimiter, strict=True))


def _csv_cell(name: str, value: str, form: Csv) -> str | None:
    if value == form.null:
        return None
    if name in METRICS:
        return plain(value.replace(form.thousands, "") if form.thousands else value, form.decimal)
    return _other(name, value, form)


def _sliced(text: str, form: FixedWidth) -> list[list[str]]:
    data, ending = text.encode(form.encoding), form.line_ending.encode(form.encoding)
    sizes = [
        len(given.encode(form.encoding)) if isinstance(given, str) else abs(form.field(name).width)
        for name, given in form.fields.items()
    ]
    length = sum(sizes) + len(ending)
    assert len(data) % length == 0
    records = []
    for start in range(0, len(data), length):
        record, place = data[start : start + length], 0
        assert record.endswith(ending)
        fields = []
        for given, size in zip(form.fields.values(), sizes, strict=True):
            field = record[place : place + size].decode(form.encoding)
            place += size
            if not isinstance(given, str):
                fields.append(field)
            elif not form.header or start:
                assert field == given
            else:
                assert not field.strip(" ")
        records.append(fields)
    return records


def _fixed_cell(name: str, value: str, form: FixedWidth) -> str | None:
    part = form.field(name)
    if value.strip(" " if part.fill == "0" and not part.null else part.fill) == part.null:
        return None
    if name not in (*METRICS, *NUMBERS):
        text = value.lstrip(part.fill) if part.width < 0 else value.rstrip(part.fill)
        return _other(name, text, form) if text else None
    if part.fill != "0":
        value = value.strip(part.fill)
    if part.sign == "trailing" and value.endswith("-"):
        value = "-" + value[:-1]
    assert part.sign != "none" or not value.startswith("-")
    if part.implied:
        return str(Decimal(value).scaleb(-METRICS[name]))
    return plain(value, form.decimal)


def _other(name: str, value: str, form: Csv | FixedWidth) -> str:
    if name in DATES:
        return datetime.strptime(value, form.date_format).date().isoformat()
    return plain(value, form.decimal) if name in NUMBERS else value


def plain(value: str, decimal: str = ".") -> str:
    """Return the number without leading zeros, and with a point as decimal separator."""
    sign, digits = ("-", value[1:]) if value.startswith("-") else ("", value)
    whole, point, fraction = digits.replace(decimal, ".").partition(".")
    return f"{sign}{whole.lstrip('0') or '0'}{point}{fraction}"


def expected(rows: Sequence[Cells], recipient: str, file: File) -> list[dict[str, str | None]]:
    """Return the expected rows of the file. Raise Unreadable if the file format cannot represent them."""
    form = file.format
    records = [record for record in (file.header_record, file.trailer_record) if record is not None]
    for text in [*COLUMNS, *([recipient] if records else [])]:
        _encoded(text, form.encoding)
    if form.header and isinstance(form, FixedWidth):
        for name in COLUMNS:
            _fits(name, Field(form.field(name).width), form)
    hold: Callable[[str, str | None], str | None] = (
        (lambda name, value: _in_csv(name, value, form))
        if isinstance(form, Csv)
        else lambda name, value: _in_fixed(name, value, form)
    )
    return [{name: hold(name, row[name]) for name in COLUMNS} for row in rows]


CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")


def _in_csv(name: str, value: str | None, form: Csv) -> str | None:
    if value is None:
        return None
    if name in DATES:
        shown = date.fromisoformat(value).strftime(form.date_format)
    elif name in (*METRICS, *NUMBERS):
        shown = value.replace(".", form.decimal)
        if name in METRICS and form.thousands and len(value.lstrip("-").partition(".")[0]) > 3:
            shown += form.thousands
    else:
        shown = value
    if form.quoting == "none" and (
        set(shown) & {form.delimiter, '"', "\r", "\n"} or (form.null and shown == form.null)
    ):
        raise Unreadable(f"{name}={shown!r}")
    if (form.quoting == "none" or form.record_type) and CONTROLS.search(shown.replace("\t", "")):
        raise Unreadable(f"{name} has a control character")
    _encoded(shown, form.encoding)
    return value if value != form.null else None


def _in_fixed(name: str, value: str | None, form: FixedWidth) -> str | None:
    part = form.field(name)
    if not value:
        return None
    shown = value
    if name in DATES:
        shown = date.fromisoformat(value).strftime(form.date_format)
    elif name in (*METRICS, *NUMBERS):
        if value.startswith("-") and part.sign == "none":
            raise Unreadable(f"{name} is negative")
        shown = value.replace(".", "" if part.implied else form.decimal)
    elif CONTROLS.search(value):
        raise Unreadable(f"{name} has a control character")
    _fits(shown, part, form)
    if name in (*METRICS, *NUMBERS, *DATES):
        return value
    # The fill characters pad a text to the width of its field. They are not part of the text.
    shown = value.lstrip(part.fill) if part.width < 0 else value.rstrip(part.fill)
    return shown or None


def _fits(text: str, part: Field, form: FixedWidth) -> None:
    missing = abs(part.width) - len(_encoded(text, form.encoding))
    if missing < 0 or missing % len(_encoded(part.fill, form.encoding)):
        raise Unreadable(f"{text!r} does not fit into {part.width}")


def _encoded(text: str, encoding: str) -> bytes:
    try:
        return text.encode(encoding)
    except UnicodeEncodeError as error:
        raise Unreadable(str(error)) from None
