"""Templates for names of files and for first and last records. They have fields such as {recipient}."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import date
from string import Formatter

import rolling_record
from rolling_errors import ExtractError, quoted
from rolling_totals import Totals

NAME_FIELDS = ("recipient", "date", "period", "window_start", "window_end", "entity", "revision")
RECORD_FIELDS = (*NAME_FIELDS, "rows", "records", "sum", "count")
_DATES = ("date", "window_start", "window_end")
# Windows refuses these characters in a name. It also refuses the names of its devices such as "con", even
# with an ending: "con.txt".
_REFUSED = re.compile(r'[<>:"/\\|?*\x00-\x1f\x7f]')
_DEVICES = re.compile(r"(?:con|conin\$|conout\$|prn|aux|nul|(?:com|lpt)[0-9¹²³])(?:\.|$)", re.IGNORECASE)
_ARCHIVES = (".tar.gz", ".tgz")
_MARKERS = (".sha256", ".done")
_LONGEST = 255  # maximum length of a name in bytes, on most file systems
_ZEROS = re.compile(r"0[0-9]+")
_NUMBERS = ("rows", "records", "sum", "count", "revision")
_WIDEST = 1000
# The format of a field with a width: fill, alignment, width and the maximum number of characters.
_SIZED = re.compile(r"(?:(.)?([<>^]))?([1-9][0-9]{0,3})?(?:\.([1-9][0-9]{0,3}))?")
_FIELD = re.compile(r"([a-z_]+)(?:\[([^\]]*)\])?")


def parts_of(template: str) -> Iterator[tuple[str, str | None, str]]:
    """Yield (name, key, format) of each field {name[key]:format}.

    Raise ValueError for an invalid template.
    """
    for _, field, form, conversion in Formatter().parse(template):
        if field is None:
            continue
        found = _FIELD.fullmatch(field)
        if found is None or conversion or "{" in (form or ""):
            raise ValueError(f"{{{field}}} is not a field")
        yield found[1], found[2], form or ""


def recipient_columns(templates: Iterable[str]) -> list[str]:
    """Return the keys in {recipient[key]} of checked templates.

    >>> recipient_columns(["{recipient[code]}_{date:%Y}", "T{recipient[code]}{rows}"])
    ['code']
    """
    found = [part for template in templates for part in parts_of(template)]
    return list(dict.fromkeys(key for name, key, _ in found if name == "recipient" and key is not None))


def has_revision(templates: Iterable[str]) -> bool:
    """Return whether checked templates contain the field {revision}."""
    return any(name == "revision" for template in templates for name, _, _ in parts_of(template))


def unsafe(value: str) -> str:
    """Return the first character that is not safe in a name or record, or an empty text.

    Letters and digits of any script are safe. "_", "-", "." and spaces are safe only after a letter or digit.
    A space at the end is never safe. A safe value cannot begin a formula or an option of a command, cannot
    end quotes, and has no invisible characters.

    >>> [unsafe(value) for value in ("A-01", "Łódź 2", "=1+1", "A;0", "-rf", "A ", "A\u200b")]
    ['', '', '=', ';', '-', ' ', '\u200b']
    """
    for place, character in enumerate(value):
        kind = unicodedata.category(character)
        if character in " _-.":
            if place == 0 or (character == " " and place == len(value) - 1):
                return character
        elif rolling_record.is_hidden(character) or not (
            kind[0] == "L" or kind == "Nd" or (kind[0] == "M" and place)
        ):
            return character
    return ""


def check_template(what: str, template: str, known: tuple[str, ...], metrics: Mapping[str, bool]) -> None:
    """Refuse a template with invalid fields. `metrics` says for each metric whether it has a sum."""
    try:
        parts = list(parts_of(template))
    except ValueError as error:
        raise _wrong(f'{what}="{template}" is not a template: {error}') from None
    for name, key, form in parts:
        field = name if key is None else f"{name}[{key}]"
        if name == "now":
            raise _wrong(f"{what} has {{now}}, so each run would give different bytes; use {{date}}")
        if name not in known:
            raise _wrong(f"{what} has {{{name}}}; the fields are {', '.join(known)}")
        if name in ("sum", "count"):
            summed = [metric for metric, has_sum in metrics.items() if has_sum or name == "count"]
            if key not in summed:
                raise _wrong(f"{what} has {{{field}}}; the possible names are {', '.join(summed) or 'none'}")
        elif key is not None and (name != "recipient" or not key):
            raise _wrong(f"{what} has {{{field}}}; write {{{name}}} without brackets")
        if form:
            _check_format(what, name, field, form)


def _check_format(what: str, name: str, field: str, form: str) -> None:
    if name in _DATES:
        if fault := date_fault(form):
            raise _wrong(f"{what} has {{{field}:{form}}}, and {fault}")
        return
    if _ZEROS.fullmatch(form):
        # With {rows:08}, Python pads a text with zeros at its end: 5 rows would become 50000000.
        raise _wrong(f"{what} has {{{field}:{form}}}; write {{{field}:0>{form.lstrip('0') or '1'}}}")
    found = _SIZED.fullmatch(form)
    if found is None or (found[2] and not found[3]):
        raise _wrong(f'{what} has {{{field}:{form}}}, and "{form}" is not a format; write {{{field}:>10}}')
    if max(int(found[3] or 0), int(found[4] or 0)) > _WIDEST:
        raise _wrong(f"{what} has {{{field}:{form}}}; a width is at most {_WIDEST}")
    fill = found[1] or " "
    if name in _NUMBERS and (
        found[2] != ">" or found[4] or fill in "+-.," or (fill.isnumeric() and fill != "0")
    ):
        raise _wrong(
            f"{what} has {{{field}:{form}}}, which would change the number; write {{{field}:0>10}}, or"
            f" {{{field}:>10}} for spaces"
        )


_DIRECTIVE = re.compile(r"%(?:-[dmjy]|[aAbBdGjmuUVwWyY])")


def date_fault(form: str) -> str:
    """Return what is wrong with a date format, or an empty text.

    A format may use only parts that every date has. The parts must not depend on the settings of the machine.

    >>> date_fault("%d.%m.%Y"), date_fault("%H%M")
    ('', '"%H" is not part of a date; use for example %Y, %m and %d')
    """
    rest = _DIRECTIVE.sub("", form.replace("%%", ""))
    if "%" in rest:
        return f'"{rest[rest.index("%") :][:2]}" is not part of a date; use for example %Y, %m and %d'
    if rest == form.replace("%%", ""):
        return f'"{form}" has no part of a date; use for example %Y, %m and %d'
    return ""


def filled(
    template: str,
    fields: Mapping[str, str | date],
    totals: Totals | None = None,
    number: Callable[[str, str], str] = lambda _, value: value,
    *,
    encoding: str | None = None,
    where: str = "the name of a file",
) -> str:
    """Return the template with its fields filled in. The function `number` formats the sum of a metric.

    If `encoding` is given, a width is a number of bytes: `{field:>10}` has as many bytes as ten spaces. Then
    every value that is longer than its width raises ExtractError, because the fields after the value would
    move. Without an encoding, only a number that is longer than its width raises ExtractError.
    """
    text = []
    for before, field, form, _ in Formatter().parse(template):
        text.append(before)
        if field is None:
            continue
        found = _FIELD.fullmatch(field)
        assert found is not None  # `check_template` has refused other fields
        name, key = found[1], found[2]
        value: str | date
        if name in ("sum", "count"):
            assert totals is not None
            metric = totals.metrics[key]
            value = str(metric.count) if name == "count" else number(key, metric.sum or "0")
        else:
            value = fields[field]
        sized = _SIZED.fullmatch(form or "")
        exact = encoding is not None or name in _NUMBERS
        if not exact or sized is None or sized[3] is None or isinstance(value, date):
            text.append(format(value, form or ""))
            continue
        try:
            text.append(_exact(value[: int(sized[4])] if sized[4] else value, sized, encoding, name))
        except ValueError as error:
            raise ExtractError(f"{where}: {{{field}}} {error}", kind="file") from None
    return "".join(text)


def _exact(value: str, sized: re.Match[str], encoding: str | None, name: str) -> str:
    """Return a value, filled to its width. Raise ValueError if the value does not fit."""
    fill, align, width = sized[1] or " ", sized[2] or "<", int(sized[3])
    # Characters that the encoding lacks raise no error in this function. A later check refuses the whole
    # record.
    blank, size, unit = (
        len(text) if encoding is None else len(text.encode(encoding, "replace"))
        for text in (" ", value, fill)
    )
    width *= blank
    count, rest = divmod(width - size, unit)
    if rest and width > size:
        raise ValueError(
            f"has the width {width}: {width - size} bytes must be filled, but each fill character has {unit}"
        )
    if count < 0:
        what = "characters" if encoding is None else f"bytes in {encoding}"
        raise ValueError(f"has {size} {what}, but its width is {width}")
    if name in _NUMBERS and fill == "0" and value.startswith("-"):
        return "-" + "0" * count + value[1:]  # zeros are a part of the number, so they come after its sign
    return format(value, f"{fill}{align}{len(value) + count}")


def check_record(template: str, fields: Mapping[str, str | date], delimiter: str) -> None:
    """Refuse a value that contains the delimiter or the next character of the template.

    A program would split such a record at the wrong place, so all later fields would be wrong.
    """
    parts = [*Formatter().parse(template)]
    for (_, field, _, _), (after, *_) in zip(parts, [*parts[1:], ("", None, None, None)], strict=True):
        if field is None or not field.startswith("recipient["):
            continue
        if bad := {delimiter, after[:1]} & {*str(fields[field])}:
            raise ExtractError(
                f'the record "{template}": the value of {{{field}}} has {quoted(min(bad))}, which is also'
                " the separator of the fields; correct the value, or use another separator",
                kind="file",
            )


def check_literals(what: str, template: str, day: date, markers: Iterable[str]) -> None:
    """Refuse a template whose names are always invalid. `day` is an example date for the date fields."""
    text = []
    for before, field, form, _ in Formatter().parse(template):
        text.append(before)
        if field is not None:
            text.append(format(day, form or "") if field in _DATES else "x")
    if fault := _fault("".join(text), markers):
        raise _wrong(f'{what}="{template}" {fault}')


def check_name(name: str, recipient: str, markers: Iterable[str]) -> str:
    """Return a file's name.

    Raise ExtractError if this name is not allowed, or if the name of one of its markers is too long.
    """
    if fault := _fault(name, markers):
        raise ExtractError(f"the file name {quoted(name)} of {quoted(recipient)} {fault}", kind="file")
    return name


def _fault(name: str, markers: Iterable[str]) -> str:
    """Return what is wrong with a file's name, or an empty text."""
    if bad := _REFUSED.search(name):
        return f"has the character {bad[0]!r}, which some systems do not allow"
    if not name or name.strip(". ") != name.lstrip(". ") or name[0] in ". ":
        return "begins or ends with a dot or a space"
    if _DEVICES.match(name):
        return "is the name of a device on Windows"
    if name.casefold().endswith(_ARCHIVES):
        return (
            "ends in .tar.gz or .tgz, which is not allowed, because Glue could load the file as code; choose"
            " another name"
        )
    if name.casefold().endswith(_MARKERS):
        return "ends like a marker, and markers are sent after all files; choose another name"
    marker = max((f".{marker}" for marker in markers), key=len, default="")
    if (size := len(f"{name}{marker}".encode())) > _LONGEST:
        own = f"and its marker {marker} has" if marker else "has"
        return f"{own} {size} bytes, more than {_LONGEST}"
    return ""


def _wrong(sentence: str) -> ExtractError:
    return ExtractError(sentence, kind="spec")
