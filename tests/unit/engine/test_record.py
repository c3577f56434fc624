"""The engine writes the records of a file in the format of the spec, byte for byte."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence

import pytest

from rolling_errors import ExtractError
from rolling_format import Csv, Field, FixedWidth
from rolling_record import DATE, METRIC, NUMBER, TEXT, Column, header, writer

COLUMNS = [Column("branch", TEXT), Column("day", DATE), Column("id", NUMBER), Column("amount", METRIC)]
CELLS = ["Łódź; Nord", "2026-10-31", "1234", "-1234567.50"]


def written(form: Csv | FixedWidth, cells: Sequence[str | None], *, defuse: bool = True) -> bytes:
    return writer(form, COLUMNS, defuse=defuse)(cells, 7)


def test_default_format_is_rfc_4180_csv_in_utf_8() -> None:
    assert header(Csv(), COLUMNS) == b"branch,day,id,amount\r\n"
    assert written(Csv(), CELLS) == "Łódź; Nord,2026-10-31,1234,-1234567.50\r\n".encode()


def test_german_csv_has_decimal_commas_in_metrics_but_not_in_keys() -> None:
    form = Csv(delimiter=";", decimal=",", thousands=".", date_format="%d.%m.%Y", line_ending="\n")
    assert written(form, CELLS) == '"Łódź; Nord";31.10.2026;1234;-1.234.567,50\n'.encode()


def test_missing_value_is_written_as_the_text_in_the_option_null() -> None:
    form = Csv(null="NULL", header=False)
    assert written(form, [None, None, None, ""]) == b"NULL,NULL,NULL,NULL\r\n"
    assert written(form, ["", "2026-10-31", "1", "0"]) == b",2026-10-31,1,0\r\n"
    assert header(form, COLUMNS) == b""


def test_number_with_a_decimal_comma_is_quoted_if_the_delimiter_is_a_comma() -> None:
    [row] = csv.reader(io.StringIO(written(Csv(decimal=","), CELLS).decode()))
    assert row == ["Łódź; Nord", "2026-10-31", "1234", "-1234567,50"]


def test_every_field_is_quoted_if_quoting_is_all() -> None:
    assert (
        written(Csv(quoting="all"), ['a "b"', "2026-10-31", "1", "2"])
        == b'"a ""b""","2026-10-31","1","2"\r\n'
    )


def test_texts_and_dates_are_quoted_if_quoting_is_nonnumeric() -> None:
    form = Csv(quoting="nonnumeric", delimiter=";", decimal=",", line_ending="\n")
    assert header(form, COLUMNS) == b'"branch";"day";"id";"amount"\n'
    assert written(form, ["a;b", "2026-10-31", "12", "7.50"]) == b'"a;b";"2026-10-31";12;7,50\n'
    assert written(form, [None, None, None, ""]) == b";;;\n"
    comma = Csv(quoting="nonnumeric", decimal=",")
    assert written(comma, ["a", "2026-10-31", "12", "7.50"]) == b'"a","2026-10-31",12,"7,50"\r\n'
    text = io.StringIO()
    csv.writer(text, quoting=csv.QUOTE_NONNUMERIC).writerow(["a", "2026-10-31", 12, 7.5])
    plain = Csv(quoting="nonnumeric")
    assert written(plain, ["a", "2026-10-31", "12", "7.5"]).decode() == text.getvalue()


@pytest.mark.parametrize(
    ("form", "cells", "message"),
    [
        (
            Csv(quoting="none"),
            ["a,b", "2026-10-31", "1", "2"],
            "a value has a delimiter, a quote or a line break",
        ),
        (Csv(encoding="cp1252"), CELLS, 'cp1252 has no character "Ł" (U+0141)'),
        (
            Csv(date_format="%d.%m.%Y"),
            ["a", "infinity", "1", "2"],
            "infinity does not fit date_format=%d.%m.%Y",
        ),
    ],
)
def test_value_that_does_not_fit_the_format_is_reported_with_its_row_and_column(
    form: Csv, cells: list[str | None], message: str
) -> None:
    with pytest.raises(ExtractError, match=r'row 7, column "(branch|day)": ') as caught:
        written(form, cells)
    assert message in caught.value.sentence


@pytest.mark.parametrize(
    "text",
    ["=1+1", "\x01=1+1", "\u200b=1", "\u202e-1", "x|=1", "  @x", "\ufeff+1", "x\t=1", "x;\xa0\U000e0041 +1"],
)
def test_text_that_a_spreadsheet_would_run_as_a_formula_gets_an_apostrophe(text: str) -> None:
    [row] = csv.reader(io.StringIO(written(Csv(), [text, "2026-10-31", "1", "2"]).decode(), newline=""))
    assert "'" in row[0]
    [row] = csv.reader(
        io.StringIO(written(Csv(), [text, "2026-10-31", "1", "2"], defuse=False).decode(), newline="")
    )
    assert row[0] == text


WIDTHS: dict[str, int | Field] = {
    "branch": 12,
    "day": 10,
    "id": Field(-6, fill="0"),
    "amount": Field(-14, fill="0", implied=True),
}


def test_field_can_omit_the_decimal_point_and_fill_a_number_with_zeros_after_its_sign() -> None:
    form = FixedWidth(WIDTHS, encoding="iso8859-2", date_format="%Y%m%d")
    assert written(form, CELLS).decode("iso8859-2") == "Łódź; Nord  20261031  001234-0000123456750\r\n"


def test_width_is_in_bytes_for_an_encoding_with_several_bytes_per_character() -> None:
    record = written(FixedWidth(WIDTHS), ["Łódź", "2026-10-31", "1", "0.00"])
    assert len(record) == 12 + 10 + 6 + 14 + 2
    assert record[:12].decode() == "Łódź     "  # 7 bytes of text and 5 spaces


def test_minus_sign_can_be_at_the_end_of_a_number() -> None:
    form = FixedWidth(WIDTHS | {"branch": 20, "amount": Field(-12, implied=True, sign="trailing")})
    assert written(form, [*CELLS[:3], "-12.50"]).decode().endswith("       1250-\r\n")


@pytest.mark.parametrize(
    ("amount", "part", "message"),
    [
        ("-1234567.50", Field(-9), "a value has 11 bytes in utf-8, but the field has 9"),
        (
            "7.500",
            Field(-8, fill="é"),
            '3 bytes of the field must be filled, but each fill character "é" has 2 bytes; use another fill,'
            " or another width",
        ),
        ("-12.50", Field(-9, sign="none"), 'a value is negative, but the field has sign="none"'),
    ],
)
def test_error_says_why_a_value_cannot_be_written_into_its_field(
    amount: str, part: Field, message: str
) -> None:
    with pytest.raises(ExtractError) as caught:
        written(FixedWidth(WIDTHS | {"amount": part}), ["a", "2026-10-31", "1", amount])
    assert caught.value.sentence == f'row 7, column "amount": {message}'


def test_header_of_a_fixed_width_file_has_the_widths_of_the_fields() -> None:
    form = FixedWidth(WIDTHS, header=True)
    assert header(form, COLUMNS) == b"branch      day       id    amount        \r\n"


def test_formula_in_a_fixed_width_file_gets_an_apostrophe_before_it() -> None:
    cells = ["=HYPER(1)", "2026-10-31", "1", "0.00"]
    assert written(FixedWidth(WIDTHS), cells)[:12] == b"'=HYPER(1)  "
    assert written(FixedWidth(WIDTHS), cells, defuse=False)[:12] == b"=HYPER(1)   "


@pytest.mark.parametrize("text", ['"=1+1",', '\'"-1",', '" =1",'])
def test_formula_in_quotes_gets_an_apostrophe_at_the_start_of_its_fixed_width_field(text: str) -> None:
    record = written(FixedWidth(WIDTHS), [text, "2026-10-31", "1", "0.00"])
    assert record.startswith(f"'{text}".encode())


@pytest.mark.parametrize("mark", ["\n", "\x85", "\x0b", "\x1a", "\u2028"])
def test_control_character_in_a_fixed_width_file_is_refused(mark: str) -> None:
    with pytest.raises(ExtractError, match='row 7, column "branch": a value has a line break or another'):
        written(FixedWidth(WIDTHS, encoding="utf-8"), [f"a{mark}b", "2026-10-31", "1", "0.00"])


@pytest.mark.parametrize("delimiter", ["~", "^", ":", "]", "-"])
def test_formula_after_a_delimiter_inside_a_value_gets_an_apostrophe_before_it(delimiter: str) -> None:
    record = written(Csv(delimiter=delimiter), [f"x{delimiter}=1+1", "2026-10-31", "1", "2"]).decode()
    assert f"{delimiter}'=1+1" in record


@pytest.mark.parametrize("delimiter", [".", "-"])
def test_number_or_date_that_contains_the_delimiter_is_quoted(delimiter: str) -> None:
    record = written(Csv(delimiter=delimiter), CELLS).decode()
    assert next(csv.reader([record], delimiter=delimiter)) == CELLS


def test_text_that_equals_the_option_null_is_quoted_or_refused_if_quoting_is_none() -> None:
    form = Csv(null="NULL")
    assert written(form, ["NULL", None, "1", ""]) == b'"NULL",NULL,1,NULL\r\n'
    assert written(Csv(null="NULL", quoting="all"), ["NULL", None, "1", ""]) == b'"NULL",NULL,"1",NULL\r\n'
    with pytest.raises(ExtractError, match='row 7, column "branch": a value is the text of null="NULL"'):
        written(Csv(null="NULL", quoting="none"), ["NULL", None, "1", ""])


@pytest.mark.parametrize("address", ["x", "é"])
def test_field_of_a_missing_value_is_filled_with_spaces_and_not_with_zeros(address: str) -> None:
    widths: dict[str, int | Field] = {
        "branch": 3,
        **dict.fromkeys(("day", "id", "amount"), Field(-4, fill="0")),
    }
    record = written(FixedWidth(widths), [address, None, None, ""]).decode()
    assert record[len("ab" if address == "é" else "abc") :] == " " * 12 + "\r\n"


def test_error_names_the_column_whose_title_is_longer_than_its_field() -> None:
    with pytest.raises(ExtractError, match=r'^header, column "branch": a value has 6 bytes in utf-8'):
        header(FixedWidth(WIDTHS | {"branch": 5}, header=True), COLUMNS)


def test_fixed_width_file_can_have_constants_before_and_between_and_after_its_fields() -> None:
    fields: dict[str, int | Field | str] = {
        "type": "D",
        "branch": 5,
        "day": 10,
        "id": -4,
        "gap": "  ",
        "amount": -8,
    }
    form = FixedWidth(fields | {"currency": "EUR"}, header=True)
    assert written(form, ["North", "2026-10-31", "12", "7.50"]) == b"DNorth2026-10-31  12      7.50EUR\r\n"
    assert written(form, ["Os€", "2026-10-31", "12", "7.50"])[:8] == "DOs€20".encode()
    with pytest.raises(ExtractError, match='row 7, column "branch": a value has 6 bytes in utf-8'):
        written(form, ["Ost€", "2026-10-31", "12", "7.50"])
    with pytest.raises(ExtractError, match=r'header, column "branch": a value has 6 bytes'):
        header(form, COLUMNS)
    form = FixedWidth(fields | {"branch": 7, "currency": "€"}, header=True)
    assert header(form, COLUMNS) == b" branch day       id    amount     \r\n"


def test_each_row_of_a_csv_file_begins_with_the_record_type_of_the_format() -> None:
    form = Csv(delimiter="|", header=False, record_type="DTL")
    cells = ["North", "2026-10-31", "12", "7.50"]
    assert written(form, cells) == b"DTL|North|2026-10-31|12|7.50\r\n"
    form = Csv(header=False, record_type="D", quoting="all")
    assert written(form, cells) == b'"D","North","2026-10-31","12","7.50"\r\n'
    single = writer(Csv(header=False, record_type="D"), COLUMNS[:1], defuse=True)
    assert single([None], 1) == b"D,\r\n"


def test_missing_value_is_written_as_zeros_if_the_option_null_of_its_field_is_zeros() -> None:
    zeros = Field(-6, fill="0", null="0")
    form = FixedWidth({"branch": 3, "day": Field(8, null="00000000"), "id": zeros, "amount": zeros})
    assert written(form, [None, None, None, ""]) == b"   00000000000000000000\r\n"
    assert written(form, ["é", None, None, ""]) == "é 00000000000000000000\r\n".encode()


def test_text_can_be_filled_with_zeros_only_if_it_has_only_digits() -> None:
    form = FixedWidth({"branch": Field(-8, fill="0"), "day": 10, "id": -4, "amount": -5})
    assert written(form, ["4711", "2026-10-31", "1", "2"])[:8] == b"00004711"
    assert written(form, [None, "2026-10-31", "1", "2"])[:8] == b" " * 8
    for text in ("DE47", "-4711", "47 1", "٤٧"):
        with pytest.raises(ExtractError, match='row 7, column "branch": a value has characters that are not'):
            written(form, [text, "2026-10-31", "1", "2"], defuse=False)


@pytest.mark.parametrize("ends", ["\r", "\n", "\v", "\x1e", "\x85", "\u2028"])
@pytest.mark.parametrize(
    "form",
    [
        Csv(delimiter="|", quoting="none"),
        Csv(record_type="D"),
        Csv(record_type="D", quoting="all"),
    ],
)
def test_control_character_is_refused_in_a_csv_file_with_a_record_type_or_with_quoting_none(
    form: Csv, ends: str
) -> None:
    """A program may read these files line by line, so a line break in a value could begin a false record."""
    with pytest.raises(ExtractError, match=r"row 7, column \"branch\": a value has a (control|delimiter)"):
        written(form, [f"x{ends}T", *CELLS[1:]])


def test_text_with_the_character_u_0085_is_quoted_in_mainframe_encodings() -> None:
    assert written(Csv(encoding="cp037"), ["x\x85y", *CELLS[1:]]).startswith('"x\x85y",'.encode("cp037"))
    assert written(Csv(), ["x\x85y", *CELLS[1:]]).startswith("x\x85y,".encode())


@pytest.mark.parametrize("delimiter", [",", ";", "|", "\t"])
def test_each_text_that_follows_a_negative_number_in_a_row_is_quoted(delimiter: str) -> None:
    """Without quotes, a spreadsheet with another separator reads one formula: `-5,0*A1`."""
    columns = [Column("id", NUMBER), Column("day", DATE), Column("name", TEXT), Column("city", TEXT)]
    record = writer(Csv(delimiter=delimiter), columns, defuse=True)
    for number, quote in (("-5", '"'), ("5", "")):
        expected = delimiter.join([number, "2026-10-31", f"{quote}0*A1{quote}", f"{quote}Cape Town{quote}"])
        assert record([number, "2026-10-31", "0*A1", "Cape Town"], 1) == f"{expected}\r\n".encode()


def test_text_that_precedes_a_negative_number_in_a_row_is_not_quoted() -> None:
    record = writer(Csv(), [Column("name", TEXT), Column("amount", METRIC)], defuse=True)
    assert record(["First Bank", "-5.00"], 1) == b"First Bank,-5.00\r\n"
