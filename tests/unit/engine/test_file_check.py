"""A file definition that cannot work is refused with one sentence, before the engine reads the source."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from rolling_errors import ExtractError
from rolling_extract import Csv, Field, File, FixedWidth, Pgp
from rolling_spec_check import check
from tests.support.bank import LOANS


def _made(kind: Any, *given: Any, **named: Any) -> Any:
    """Return an object of `kind`. The type checker allows wrong arguments, because `kind` is Any."""
    return kind(*given, **named)


WIDTHS: dict[str, Any] = {
    "bank_name": 20,
    "branch_id": 6,
    "branch_address": 40,
    "period": 7,
    "window_start": 10,
    "window_end": 10,
}
METRICS = {"loans_count": -8, "amount_sum": -15, "amount_avg": -15}


@pytest.mark.parametrize(
    "file",
    [
        File(name="{recipient}-{period}.txt", format=Csv(delimiter="|", header=False)),
        File(
            format=FixedWidth(WIDTHS | METRICS), header_record="H{date:%Y%m%d}", trailer_record="T{rows:0>8}"
        ),
        File(trailer_record="{sum[amount_sum]:0>18}{count[amount_avg]}", markers=("sha256", "done")),
        File(compression="gzip"),
        File(name="{recipient[code]:0>8}_{period}_{revision:0>2}.csv", flat=True),
        File(name="LOANS{date:%y%m}.DAT", flat=True),
        File(flat=True),
        File(name="{recipient[code]}{date:%Y%m%d}.csv", flat=True),
        File(name="{recipient[code]}_{date:%-m}_{date:%Y}.csv", flat=True),
        File(name="{date:%B%Y}-{recipient[a]}_{recipient[b]}_{revision}.csv", flat=True),
        File(name="{date:%Y%m%d}{revision:0>2}.csv", flat=True),
        File(name="{revision}r{date:%-m}_{date:%Y}.csv", flat=True),
        File(compression="zip", encryption=Pgp()),
        File(name="{recipient}.gz.asc", compression="gzip", encryption=Pgp(armor=True)),
        File(name="{entity}_{window_start:%Y}_{window_end}.zip", compression="zip"),
        File(header_record="H\t{rows}", format=Csv(delimiter="\t", encoding="shift_jis_2004")),
        File(format=Csv(date_format="%d/%b/%y%%", encoding="cp037")),
        File(format=Csv(encoding="utf-16-le", bom=True, delimiter="\t", quoting="all", null="\\N")),
        File(
            format=FixedWidth({"type": "D", **WIDTHS, **METRICS, "gap": "  "}),
            trailer_record="T{records:0>6}",
        ),
        File(format=FixedWidth(WIDTHS | METRICS | {"amount_sum": Field(-9, fill="0", null="0")})),
        File(format=Csv(delimiter="|", header=False, record_type="DTL")),
    ],
)
def test_valid_file_is_accepted(file: File) -> None:
    check(dataclasses.replace(LOANS, file=file))


@pytest.mark.parametrize(
    ("file", "message"),
    [
        ("x.csv", "file='x.csv' is not a File"),
        (_made(File, nam="x"), 'file: File has no field "nam". Did you mean "name"?'),
        (File(name="{version}.csv"), "file: name has {version}; the fields are recipient, date"),
        (File(name="{date[x]}.csv"), "file: name has {date[x]}; write {date} without brackets"),
        (File(name="{recipient[]}.csv"), "file: name has {recipient[]}; write {recipient} without brackets"),
        (File(name="{revision:02}.csv"), "file: name has {revision:02}; write {revision:0>2}"),
        (
            File(trailer_record="{sum[amount_sum]:015}"),
            "has {sum[amount_sum]:015}; write {sum[amount_sum]:0>15}",
        ),
        (_made(File, flat="yes"), "flat='yes' is not True or False"),
        (
            File(name="LOANS.csv", flat=True),
            'file: name="LOANS.csv" is the same in 2000-01 and 2000-02, and flat=True puts the'
            " files of both months into one folder; add {date:%Y%m%d}",
        ),
        (File(name="{date:%m}.csv", flat=True), "is the same in 2000-01 and 2001-01"),
        (
            File(name="{recipient}_{revision}_{window_start}.csv", flat=True),
            "is the same in 2000-01 and 2000-02",
        ),
        # Two months can give the same name: code 2221 in January 2027 gives 222112027, and code 222 in
        # November 2027 gives 222112027, too.
        (
            File(name="{recipient[code]}{date:%-m}{date:%Y}.csv", flat=True),
            'name="{recipient[code]}{date:%-m}{date:%Y}.csv" can be the same in 2000-01 and 2000-11, and'
            " flat=True puts the files of both months into one folder; begin the name with {date:%Y%m%d}_",
        ),
        (
            File(name="{recipient[code]:0>9}1{date:%-m}{date:%Y}.csv", flat=True),
            "can be the same in 2000-01 and 2000-11",
        ),
        (File(name="{date:%Y}{date:%-m}{revision:0>2}.csv", flat=True), "can be the same in 2000-01 and"),
        (
            File(name="{recipient[a]}_{date:%Y%m%d}_{recipient[b]}.csv", flat=True),
            "can be the same in 2000-01 and 2000-02",
        ),
        (
            File(name="{now}.csv"),
            "file: name has {now}, so each run would give different bytes; use {date}",
        ),
        (File(name="{rows}.csv"), "file: name has {rows}; the fields are"),
        (File(name="{recipient"), 'file: name="{recipient" is not a template'),
        (File(name="{recipient!r}.csv"), "is not a field"),
        (File(trailer_record="{sum}"), "has {sum}; the possible names are"),
        *(
            (File(trailer_record=f"{{{field}}}"), f"has {{{field}}}, which would change the number; write")
            for field in (
                *("rows:.1", "rows:6", "rows:0<8", "rows:1>6", "rows:->6", "rows:>6.2", "revision:<3"),
                *("sum[amount_sum]:.3", "sum[amount_sum]:0^12", "count[amount_avg]:٣>9"),
            )
        ),
        (File(trailer_record="{rows:.0}"), 'has {rows:.0}, and ".0" is not a format'),
        (File(trailer_record="{rows:=+9,}"), "is not a format; write {rows:>10}"),
        (File(trailer_record="{recipient:.0}"), '".0" is not a format; write {recipient:>10}'),
        (File(trailer_record="{recipient:>9999999999}"), "is not a format"),
        (File(name="{recipient:>1001}.csv"), "a width is at most 1000"),
        (File(name="{date:%H}.csv"), 'has {date:%H}, and "%H" is not part of a date; use for example %Y'),
        (File(name="{date:8}.csv"), '"8" has no part of a date'),
        (File(name="{recipient:%d}.csv"), 'and "%d" is not a format'),
        (File(trailer_record="{sum[amount]}"), "the possible names are loans_count, amount_sum, amount_avg"),
        (File(trailer_record="{rows[a]}"), "write {rows} without brackets"),
        (
            File(trailer_record="a\nb"),
            "trailer_record has a line break or another control character, but must be one record",
        ),
        (File(header_record=""), "header_record is empty; leave it out"),
        (File(compression="bz2"), "compression='bz2' is not"),
        (File(name="x.csv", compression="gzip"), 'must end with ".gz", because compression="gzip"'),
        (_made(File, encryption="pgp"), "encryption='pgp' is not a Pgp; write Pgp()"),
        (File(encryption=_made(Pgp, armour=True)), 'Pgp has no field "armour". Did you mean "armor"?'),
        (File(encryption=_made(Pgp, armor=1)), "Pgp: armor=1 is not True or False"),
        (File(name="x.csv", encryption=Pgp()), 'must end with ".pgp", ".gpg" or ".asc", because encryption'),
        (File(name=".pgp", encryption=Pgp()), 'must end with ".pgp", ".gpg" or ".asc"'),
        (
            File(name="x.csv.pgp", compression="gzip", encryption=Pgp()),
            'must end with ".gz" before ".pgp", because compression="gzip"',
        ),
        (_made(File, markers="done"), "markers='done' is not a tuple"),
        (File(markers=("md5",)), "markers has 'md5'; the possible markers are"),
        (_made(File, format="csv"), "format='csv' must be Csv(...) or FixedWidth(...)"),
        (
            File(format=_made(Csv, delimeter=";")),
            'file: Csv has no field "delimeter". Did you mean "delimiter"?',
        ),
        (File(format=Csv(decimal="1")), "file: Csv: decimal='1' is not a mark such as a comma"),
        (File(format=Csv(delimiter="||")), "delimiter='||' is not one character"),
        (File(format=Csv(delimiter='"')), "cannot separate fields"),
        (File(format=Csv(quoting="some")), "quoting='some' is not one of minimal, all, nonnumeric, none"),
        (File(format=Csv(decimal=",", quoting="none")), "delimiter=',' is also a character in numbers"),
        (File(format=Csv(decimal=",", thousands=",")), "decimal and thousands are both ','"),
        (File(format=Csv(thousands="-")), "file: Csv: thousands='-' is not a mark such as a comma"),
        (File(format=Csv(encoding="klingon")), "encoding='klingon' is not a text encoding of Python"),
        (File(format=Csv(encoding="base64")), "encoding='base64' is not a text encoding of Python"),
        (File(format=Csv(encoding="utf-16")), 'writes its own byte order mark; use "utf-16-le" and bom=True'),
        (File(format=Csv(encoding="cp1252", bom=True)), "bom=True needs an encoding such as utf-8"),
        (
            File(format=Csv(delimiter="¦", encoding="ascii")),
            'ascii has no character "¦", which the format uses',
        ),
        *(
            (
                _made(File, format=Csv(encoding=encoding)),
                f"file: Csv: encoding='{encoding}' changes characters",
            )
            for encoding in ("unicode_escape", "raw_unicode_escape", "punycode", "utf-7")
        ),
        *(
            (
                _made(File, format=form),
                'escape sequences, with which a text could change the next fields; use for example "utf-8"',
            )
            for encoding in ("iso2022_jp", "ISO-2022-KR", "hz", "hz-gb-2312")
            for form in (_made(Csv, encoding=encoding), FixedWidth(WIDTHS | METRICS, encoding=encoding))
        ),
        *(
            (_made(File, format=_made(Csv, encoding=encoding)), "is not a text encoding of Python")
            for encoding in ("idna", "undefined", "utf8\0", "\ud800", 8, ["utf-8"])
        ),
        *(
            (File(format=Csv(date_format=form)), f"date_format='{form}': ")
            for form in (
                "%s",
                "%c",
                "%x",
                "%X",
                "%d.%m.%Y %H:%M",
                "%Z",
                "%Q",
                "%",
                "%Y%",
                "%%",
                "2026",
                "%-H",
            )
        ),
        (File(format=Csv(date_format="%Y\n")), "is not a format such as"),
        *(
            (File(trailer_record=f"T{mark}"), "trailer_record has a line break or another control character")
            for mark in ("\0", "\x85", "\u2028", "\r")
        ),
        (File(header_record="a\tb", format=FixedWidth(WIDTHS | METRICS)), "header_record has a line break"),
        (_made(File, compression=["gzip"]), 'is not "gzip", "zip"'),
        (_made(File, compression={}), 'is not "gzip", "zip"'),
        (File(name="\ud800.csv"), "name='\\ud800.csv' has a surrogate"),
        (File(markers=("done", "done")), "markers=('done', 'done') has the same marker twice"),
        *(
            (File(format=FixedWidth(WIDTHS | METRICS, fill=fill)), f"fill={fill!r} must be one character")
            for fill in ("\n", "\x85", "\t")
        ),
        (File(format=FixedWidth(WIDTHS | METRICS, fill="-")), 'fill="-" would change the number'),
        (
            File(format=FixedWidth(WIDTHS | METRICS | {"period": Field(-9, fill="0")})),
            '"period": fill="0" is only for numbers and texts of digits, not for dates',
        ),
        (
            File(format=FixedWidth(WIDTHS | METRICS | {"period": Field(-9, fill="\u0661")})),
            'fill="\u0661" would change the number',
        ),
        (
            File(format=FixedWidth(WIDTHS | METRICS, encoding="utf-16")),
            "FixedWidth: encoding='utf-16' writes its own byte order mark; use \"utf-16-le\"",
        ),
        (
            File(format=FixedWidth({"type": "\n", **WIDTHS, **METRICS})),
            'FixedWidth: the text of "type" is empty or has a control character',
        ),
        (
            File(format=FixedWidth({"type": "", **WIDTHS, **METRICS})),
            'the text of "type" is empty or has a control character',
        ),
        (
            File(format=FixedWidth({"type": "€", **WIDTHS, **METRICS}, encoding="ascii")),
            'ascii has no character "€", which the format uses',
        ),
        (
            File(format=FixedWidth(WIDTHS | METRICS | {"period": "2026-10"})),
            "\"period\" is a column of the file, and '2026-10' is not a width",
        ),
        (
            File(format=FixedWidth(METRICS | WIDTHS)),
            "FixedWidth: fields must have the order of the columns: bank_name, branch_id, ",
        ),
        (
            File(format=FixedWidth(WIDTHS | METRICS | {"amount_sum": Field(-9, null="\n")})),
            "\"amount_sum\": null='\\n' must be a text without control characters",
        ),
        (
            File(format=FixedWidth(WIDTHS | METRICS | {"period": Field(2, null="n/a")})),
            "\"period\": null='n/a' has 3 bytes in utf-8, but the field has 2",
        ),
        (File(format=Csv(record_type="D")), "record_type='D' adds a field without a name in the header; set"),
        *(
            (
                _made(File, format=_made(Csv, header=False, record_type=kind)),
                "must be a text without delimiter, quotes and line breaks",
            )
            for kind in ("D,", '"', "\n", 5)
        ),
        (File(name="{records}.csv"), "file: name has {records}; the fields are"),
        (File(name="CON.csv"), 'file: name="CON.csv" is the name of a device on Windows'),
        (File(name="{period}:x.csv"), "has the character ':', which some systems do not allow"),
        (File(name="{date:%d/%m/%Y}.csv"), "has the character '/', which some systems do not allow"),
        (File(name="{period}.tar.gz"), "ends in .tar.gz or .tgz, which is not allowed"),
        (File(name="{period}.TGZ"), "ends in .tar.gz or .tgz, which is not allowed"),
        (File(name="x" * 256), "has 256 bytes, more than 255"),
        (File(name="COM¹.csv"), "is the name of a device on Windows"),
        (File(name="conin$"), "is the name of a device on Windows"),
        (
            File(name="x" * 250, markers=("done", "sha256")),
            "and its marker .sha256 has 257 bytes, more than 255",
        ),
        (File(name="{period}.done"), "ends like a marker, and markers are sent after all files"),
        (File(name="{period}.SHA256"), "ends like a marker, and markers are sent after all files"),
        (File(name=".{recipient}"), "begins or ends with a dot or a space"),
        (File(format=Csv(null="a,b")), "null='a,b' must be a text without delimiter"),
        (File(format=Csv(line_ending="")), "line_ending='' is not"),
        (File(format=_made(Csv, date_format=5)), "date_format=5 is not a format"),
        (File(format=FixedWidth(WIDTHS)), "fields has no width for loans_count, amount_sum, amount_avg"),
        (
            File(format=FixedWidth(WIDTHS | METRICS | {"x": 1})),
            'fields has "x", which is not a column; the columns are bank_name',
        ),
        (File(format=FixedWidth(WIDTHS | METRICS | {"period": 0})), '"period": the width 0 must be from 1'),
        (
            File(format=FixedWidth(WIDTHS | METRICS, decimal="5")),
            "FixedWidth: decimal='5' is not a mark such as a comma",
        ),
        (
            File(format=FixedWidth(WIDTHS | METRICS | {"period": Field(7, fill="·")}, encoding="ascii")),
            'ascii has no character "·", which the format uses',
        ),
        (
            File(format=_made(FixedWidth, WIDTHS | METRICS | {"period": "7"})),
            "\"period\" is a column of the file, and '7' is not a width",
        ),
        (
            File(format=FixedWidth(WIDTHS | METRICS | {"period": Field(7, implied=True)})),
            '"period": implied=True is only for metrics',
        ),
        (
            File(format=FixedWidth(WIDTHS | METRICS | {"amount_sum": Field(15, fill="0")})),
            'fill="0" would change the number; use "0" with a negative width',
        ),
    ],
)
def test_invalid_file_settings_are_refused(file: Any, message: str) -> None:
    with pytest.raises(ExtractError) as caught:
        check(dataclasses.replace(LOANS, file=file))
    assert message in caught.value.sentence
    with pytest.raises(ExtractError) as caught:
        check(dataclasses.replace(LOANS, files={"First Bank": file}))
    assert 'files["First Bank"]' in caught.value.sentence


def test_recipient_column_in_a_file_name_needs_a_recipients_table() -> None:
    entity = dataclasses.replace(LOANS, recipient={"bank_name": "region"}, file=File(name="{recipient[x]}"))
    with pytest.raises(ExtractError) as caught:
        check(entity)
    assert caught.value.sentence == (
        "file has {recipient[x]}, but this spec has no recipient's table: the recipient is a"
        ' column of the entity "Loans"; leave out {recipient[x]}'
    )


@pytest.mark.parametrize("name", [1, None])
def test_every_key_of_the_dict_files_must_be_a_string(name: Any) -> None:
    with pytest.raises(ExtractError, match=f"^files has {name}, which is not the name of a recipient"):
        check(dataclasses.replace(LOANS, files={name: File()}))


def test_error_for_utf_16_in_a_fixed_width_file_does_not_suggest_the_option_bom() -> None:
    with pytest.raises(ExtractError) as caught:
        check(dataclasses.replace(LOANS, file=File(format=FixedWidth(WIDTHS | METRICS, encoding="utf-16"))))
    assert "bom" not in caught.value.sentence
