"""Refuse errors in each `File` of a spec, with one sentence, before the source is read."""

from __future__ import annotations

import codecs
import re
from collections.abc import Mapping
from datetime import date

from rolling_encoding import check_encoding
from rolling_errors import ExtractError, counted, listed
from rolling_format import Csv, Field, File, FixedWidth, Pgp
from rolling_name import (
    NAME_FIELDS,
    RECORD_FIELDS,
    check_literals,
    check_template,
    date_fault,
    filled,
    recipient_columns,
)
from rolling_period import Period, between
from rolling_record import has_control
from rolling_spec import Extract

_QUOTING = ("minimal", "all", "nonnumeric", "none")
_ENDINGS = ("\r\n", "\n", "\r")
_COMPRESSION = {"gzip": ".gz", "zip": ".zip"}
_MARKERS = ("sha256", "done")
ENCRYPTED = (".pgp", ".gpg", ".asc")
_DATES = ("period", "window_start", "window_end")
_SIGNS = ("leading", "trailing", "none")


def check_files(spec: Extract, metrics: Mapping[str, bool]) -> None:
    """Refuse an invalid `File`. For each metric, `metrics` contains whether the metric has a sum."""
    files: list[tuple[str, object]] = [("file", spec.file)]
    if spec.files is not None:
        if not isinstance(spec.files, Mapping):
            raise _wrong(f'files={_kind(spec.files)} is not a mapping; write {{"First Bank": File(...)}}')
        if (wrong := next((name for name in spec.files if not isinstance(name, str)), "")) != "":
            raise _wrong(
                f"files has {_kind(wrong)}, which is not the name of a recipient; write for example"
                ' "First Bank"'
            )
        files += [(f'files["{name}"]', file) for name, file in spec.files.items()]
    for what, file in files:
        if not isinstance(file, File):
            raise _wrong(f"{what}={_kind(file)} is not a File")
        if file.fault is not None:
            raise _wrong(f"{what}: {file.fault}")
        _check_file(what, file, spec, metrics)


def _check_file(what: str, file: File, spec: Extract, metrics: Mapping[str, bool]) -> None:
    for name, given in (("name", file.name), ("header_record", file.header_record)):
        _check_text(what, name, given)
    _check_text(what, "trailer_record", file.trailer_record)
    if file.compression is not None and file.compression not in (*_COMPRESSION,):
        raise _wrong(f'{what}: compression={_kind(file.compression)} is not "gzip", "zip" or None')
    if file.encryption is not None:
        _check_pgp(what, file.encryption)
    # The default name depends on compression and encryption, so check these two before the name.
    check_template(f"{what}: name", file.template, NAME_FIELDS, {})
    for name, text in (("header_record", file.header_record), ("trailer_record", file.trailer_record)):
        if text is not None:
            check_template(f"{what}: {name}", text, RECORD_FIELDS, metrics)
            if has_control(text.replace("\t", "") if isinstance(file.format, Csv) else text):
                raise _wrong(
                    f"{what}: {name} has a line break or another control character, but must be one record"
                )
    if (keys := recipient_columns(file.templates)) and spec.is_recipient_of_entity:
        raise _wrong(
            f"{what} has {{recipient[{keys[0]}]}}, but this spec has no recipient's table: the recipient is a"
            f' column of the entity "{spec.entity_name}"; leave out {{recipient[{keys[0]}]}}'
        )
    if not isinstance(file.flat, bool):
        raise _wrong(f"{what}: flat={_kind(file.flat)} is not True or False")
    if file.flat:
        _check_flat(what, file.template)
    inner = file.template
    if file.encryption is not None:
        inner = inner[:-4] if inner.endswith(ENCRYPTED) else ""
        if not inner:
            raise _wrong(
                f'{what}: name="{file.template}" must end with ".pgp", ".gpg" or ".asc", because'
                " encryption=Pgp()"
            )
    if file.compression is not None and not inner.endswith(_COMPRESSION[file.compression]):
        before = "" if file.encryption is None else f' before "{file.template[-4:]}"'
        raise _wrong(
            f'{what}: name="{file.template}" must end with "{_COMPRESSION[file.compression]}"{before},'
            f' because compression="{file.compression}"'
        )
    if isinstance(file.markers, str) or not isinstance(file.markers, tuple | list):
        raise _wrong(f'{what}: markers={_kind(file.markers)} is not a tuple; write ("sha256",)')
    if wrong := [marker for marker in file.markers if marker not in _MARKERS]:
        raise _wrong(f'{what}: markers has {_kind(wrong[0])}; the possible markers are "sha256" and "done"')
    if len({*file.markers}) < len(file.markers):
        raise _wrong(f"{what}: markers={_kind(file.markers)} has the same marker twice")
    check_literals(f"{what}: name", file.template, date(2000, 1, 31), file.markers)
    if isinstance(file.format, Csv | FixedWidth) and file.format.fault is not None:
        raise _wrong(f"{what}: {file.format.fault}")
    if isinstance(file.format, Csv):
        _check_csv(f"{what}: Csv", file.format)
    elif isinstance(file.format, FixedWidth):
        _check_fixed(f"{what}: FixedWidth", file.format, spec, metrics)
    else:
        raise _wrong(f"{what}: format={_kind(file.format)} must be Csv(...) or FixedWidth(...)")


def _check_flat(what: str, template: str) -> None:
    """Refuse a file name that can be the same in two periods within 40 years. Case is ignored.

    A column's value and the revision may differ from period to period. So only the text before the first and
    after the last of these fields can distinguish two periods. If a digit is next to a revision, the name
    does not show where the revision ends. So this check assumes that such a revision can be any text.
    """
    same: dict[str, str | date] = {"recipient": "x", "entity": "x", "revision": _REVISION}
    same |= {f"recipient[{key}]": _ANYTHING for key in recipient_columns([template])}
    # window_start is the same in all months of a year if the window is "year_to_date"
    same["window_start"] = date(2000, 1, 1)
    found: dict[Period, list[str]] = {}
    for period in between(Period(2000, 1), Period(2039, 12)):
        days = {"date": period.file_date, "window_end": period.file_date}
        name = filled(template, {**same, **days, "period": str(period)}).casefold()
        name = re.sub(f"(?<=[0-9]){_REVISION}|{_REVISION}(?=[0-9])", _ANYTHING, name)
        found[period] = name.split(_ANYTHING)
    # Group the names by their start and end, and compare only names of the same group. For most names, this
    # is faster than a comparison of all periods with each other.
    first, last = (min(len(parts[i]) for parts in found.values()) for i in (0, -1))
    near: dict[tuple[str, str], list[Period]] = {}
    for period, parts in found.items():
        others = near.setdefault((parts[0][:first], parts[-1][len(parts[-1]) - last :]), [])
        for other in others:
            if _can_be_equal(parts, found[other]):
                fixed = len(parts) == 1
                may = "is" if fixed else "can be"
                remedy = "add {date:%Y%m%d}" if fixed else "begin the name with {date:%Y%m%d}_"
                raise _wrong(
                    f'{what}: name="{template}" {may} the same in {other} and {period},'
                    f" and flat=True puts the files of both months into one folder; {remedy}"
                )
        others.append(period)


def _can_be_equal(one: list[str], other: list[str]) -> bool:
    """Return whether two names can be equal. A name is a list of parts, with any text between two parts."""
    if len(one) == 1:
        return one == other
    (begin, end), (first, last) = sorted((one[0], other[0]), key=len), sorted((one[-1], other[-1]), key=len)
    return end.startswith(begin) and last.endswith(first)


class _Free(str):
    """A placeholder for a value of unknown length. A format with a width does not pad the placeholder."""

    __slots__ = ()

    def __format__(self, form: str) -> str:
        return str(self)


_ANYTHING, _REVISION = _Free("\0"), _Free("\1")


def _check_pgp(what: str, form: object) -> None:
    if not isinstance(form, Pgp):
        raise _wrong(f"{what}: encryption={_kind(form)} is not a Pgp; write Pgp()")
    if form.fault is not None:
        raise _wrong(f"{what}: {form.fault}")
    if not isinstance(form.armor, bool):
        raise _wrong(f"{what}: Pgp: armor={_kind(form.armor)} is not True or False")


def _check_csv(what: str, form: Csv) -> None:
    for name in ("delimiter", "decimal"):
        value = getattr(form, name)
        if not isinstance(value, str) or len(value) != 1:
            raise _wrong(f"{what}: {name}={_kind(value)} is not one character")
    if not isinstance(form.thousands, str) or len(form.thousands) > 1:
        raise _wrong(f"{what}: thousands={_kind(form.thousands)} must be one character or empty")
    for name in ("header", "bom"):
        if not isinstance(getattr(form, name), bool):
            raise _wrong(f"{what}: {name}={_kind(getattr(form, name))} is not True or False")
    if form.delimiter in '"\r\n' or form.delimiter.isalnum():
        raise _wrong(f"{what}: delimiter={_kind(form.delimiter)} cannot separate fields")
    if form.quoting not in _QUOTING:
        raise _wrong(f"{what}: quoting={_kind(form.quoting)} is not one of {listed(list(_QUOTING))}")
    for name, mark in (("decimal", form.decimal), ("thousands", form.thousands.replace("'", ""))):
        if mark and not _is_mark(mark):
            raise _wrong(f"{what}: {name}={_kind(mark)} is not a mark such as a comma or a point")
    if form.decimal == form.thousands:
        raise _wrong(f"{what}: decimal and thousands are both {_kind(form.decimal)}")
    if form.quoting == "none" and form.delimiter in (form.decimal, form.thousands):
        raise _wrong(
            f'{what}: delimiter={_kind(form.delimiter)} is also a character in numbers; set quoting="minimal"'
            " or another delimiter"
        )
    if not isinstance(form.null, str) or set(form.null) & {form.delimiter, '"', "\r", "\n"}:
        raise _wrong(
            f"{what}: null={_kind(form.null)} must be a text without delimiter, quotes and line breaks"
        )
    _check_ending(what, form.line_ending)
    _check_record_type(what, form)
    marks = f"{form.delimiter}{form.decimal}{form.thousands}{form.null}{form.record_type}"
    check_encoding(what, form.encoding, marks, has_bom=True)
    if form.bom and not codecs.lookup(form.encoding).name.startswith("utf"):
        raise _wrong(
            f"{what}: bom=True needs an encoding such as utf-8; {form.encoding} has no byte order mark"
        )
    _check_date_format(what, form.date_format)


def _check_record_type(what: str, form: Csv) -> None:
    kind = form.record_type
    if not isinstance(kind, str) or form.delimiter in kind or '"' in kind or has_control(kind):
        raise _wrong(
            f"{what}: record_type={_kind(kind)} must be a text without delimiter, quotes and line breaks"
        )
    if kind and form.header:
        raise _wrong(
            f"{what}: record_type={_kind(kind)} adds a field without a name in the header; set header=False"
        )


def _check_fixed(what: str, form: FixedWidth, spec: Extract, metrics: Mapping[str, bool]) -> None:
    if not isinstance(form.fields, Mapping):
        raise _wrong(f'{what}: fields={_kind(form.fields)} is not a mapping; write {{"branch_id": 10}}')
    columns, constants = spec.file_columns, []
    for name, given in form.fields.items():
        if isinstance(given, str):
            constants.append(name)
            if name in columns:
                raise _wrong(f'{what}: "{name}" is a column of the file, and {_kind(given)} is not a width')
            if not given or has_control(given):
                raise _wrong(f'{what}: the text of "{name}" is empty or has a control character')
    if missing := [column for column in columns if column not in form.fields]:
        raise _wrong(f"{what}: fields has no width for {listed(missing)}")
    ordered = [name for name in form.fields if name not in constants]
    if unknown := [name for name in ordered if name not in columns]:
        raise _wrong(
            f'{what}: fields has "{unknown[0]}", which is not a column; the columns are {", ".join(columns)}'
        )
    if ordered != [*columns]:
        raise _wrong(f"{what}: fields must have the order of the columns: {', '.join(columns)}")
    if not isinstance(form.header, bool):
        raise _wrong(f"{what}: header={_kind(form.header)} is not True or False")
    if not isinstance(form.decimal, str) or len(form.decimal) != 1:
        raise _wrong(f"{what}: decimal={_kind(form.decimal)} is not one character")
    if not _is_mark(form.decimal):
        raise _wrong(f"{what}: decimal={_kind(form.decimal)} is not a mark such as a comma or a point")
    if not isinstance(form.fill, str) or len(form.fill) != 1 or has_control(form.fill):
        raise _wrong(f"{what}: fill={_kind(form.fill)} must be one character and not a control character")
    for name in columns:
        given = form.fields[name]
        if not isinstance(given, Field) and (isinstance(given, bool) or not isinstance(given, int)):
            raise _wrong(f'{what}: the width {_kind(given)} of "{name}" must be a whole number or a Field')
        _check_field(f'{what}: "{name}"', form.field(name), is_metric=name in metrics, is_date=name in _DATES)
    parts = [form.field(name) for name in columns]
    texts = "".join(sorted({text for part in parts for text in (part.fill, part.null)} | {*form.constants}))
    check_encoding(what, form.encoding, f"0123456789-{form.decimal}{texts}", has_bom=False)
    for name, part in zip(columns, parts, strict=True):
        if (size := len(part.null.encode(form.encoding))) > abs(part.width):
            raise _wrong(
                f'{what}: "{name}": null={_kind(part.null)} has {counted(size, "byte")} in {form.encoding},'
                f" but the field has {abs(part.width)}"
            )
    _check_ending(what, form.line_ending)
    _check_date_format(what, form.date_format)


def _is_mark(text: str) -> bool:
    """Return whether a character can separate the digits of a number. Letters, digits and "-" cannot."""
    return not text.isalnum() and text not in "-\"'\r\n"


def _check_field(what: str, part: Field, *, is_metric: bool, is_date: bool) -> None:
    if part.fault is not None:
        raise _wrong(f"{what}: {part.fault}")
    width = part.width
    if isinstance(width, bool) or not isinstance(width, int) or not 1 <= abs(width) <= 32_767:
        raise _wrong(
            f"{what}: the width {_kind(width)} must be from 1 to 32767, or from -32767 to -1 to align right"
        )
    if not isinstance(part.fill, str) or len(part.fill) != 1 or has_control(part.fill):
        raise _wrong(f"{what}: fill={_kind(part.fill)} must be one character and not a control character")
    if not isinstance(part.null, str) or has_control(part.null):
        raise _wrong(f"{what}: null={_kind(part.null)} must be a text without control characters")
    if part.sign not in _SIGNS:
        raise _wrong(f"{what}: sign={_kind(part.sign)} is not one of {listed(list(_SIGNS))}")
    if not isinstance(part.implied, bool):
        raise _wrong(f"{what}: implied={_kind(part.implied)} is not True or False")
    if part.implied and not is_metric:
        raise _wrong(f"{what}: implied=True is only for metrics")
    if part.fill == "0" and is_date:
        raise _wrong(f'{what}: fill="0" is only for numbers and texts of digits, not for dates')
    if is_metric and part.fill in "+-.,":
        raise _wrong(
            f'{what}: fill="{part.fill}" would change the number; use "0", a space or another character'
        )
    if part.fill.isnumeric() and (part.fill != "0" or width > 0):
        raise _wrong(f'{what}: fill="{part.fill}" would change the number; use "0" with a negative width')


def _check_text(what: str, name: str, given: object) -> None:
    if given == "":
        raise _wrong(f"{what}: {name} is empty; leave it out")
    if given is not None and not isinstance(given, str):
        raise _wrong(f"{what}: {name}={_kind(given)} is not a text")
    if given is not None and any("\ud800" <= character <= "\udfff" for character in given):
        raise _wrong(f"{what}: {name}={_kind(given)} has a surrogate (half of a character)")


def _check_ending(what: str, ending: object) -> None:
    if ending not in _ENDINGS:
        raise _wrong(f"{what}: line_ending={_kind(ending)} is not {listed([repr(one) for one in _ENDINGS])}")


def _check_date_format(what: str, form: object) -> None:
    if not isinstance(form, str) or not form or has_control(form):
        raise _wrong(f"{what}: date_format={_kind(form)} is not a format such as %d.%m.%Y")
    if fault := date_fault(form):
        raise _wrong(f"{what}: date_format={_kind(form)}: {fault}")


def _kind(value: object) -> str:
    return "None" if value is None else f"{value!r}"[:60]


def _wrong(sentence: str) -> ExtractError:
    return ExtractError(sentence, kind="spec")
