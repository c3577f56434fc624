"""Describe a spec in Markdown. `make readme` writes this description into a project's README.

The template writes the same lines when it stamps a project. Only the text between the two markers of a README
is checked and replaced.
"""

from __future__ import annotations

import runpy
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

from rolling_errors import ExtractError, one_line
from rolling_file import place
from rolling_format import Csv, File, FixedWidth
from rolling_period import Period
from rolling_spec import Extract, Join, Metric
from rolling_spec_check import check

BEGIN = '<!-- Generated from Glue/etl.py by "make readme". -->'
END = "<!-- End of the generated part. -->"
_AGGREGATES = {
    "avg": "average of",
    "sum": "sum of",
    "count": "number of values of",
    "count_distinct": "number of different values of",
    "min": "smallest",
    "max": "largest",
    "median": "median of",
    "stddev": "standard deviation of",
}
BAR = r"\|"  # in a cell of a Markdown table, `|` would end the cell
_CHARACTERS = {"\t": "a tab", " ": "a space"}


def lines(extract: Extract) -> list[str]:
    """Return the lines of the description, without the markers."""
    said = [f"- {sentence}" for sentence in _sentences(extract)]
    table = ["| column | content |", "|---|---|", *_columns(extract)]
    return [*said, "", *table, *_tree(extract)]


def stale(readme: str, extract: Extract) -> str:
    """Return a sentence about the first wrong line of a README's description, or "" if no line is wrong."""
    found = _split(readme)
    if found is None:
        return ""
    _, have, _ = found
    want = lines(extract)
    number = next((i for i, pair in enumerate(zip(have, want, strict=False)) if pair[0] != pair[1]), None)
    if number is None and len(have) == len(want):
        return ""
    number = min(len(have), len(want)) if number is None else number
    said, right = (each[number] if number < len(each) else "nothing" for each in (have, want))
    return f"README.md has {said!r}, but Glue/etl.py requires {right!r}; run: make readme"


def written(readme: str, extract: Extract) -> str:
    """Return the README with the description of the spec between its markers.

    Raises ExtractError if the README has no markers.
    """
    found = _split(readme)
    if found is None:
        raise ExtractError(
            f"README.md has no line {BEGIN} followed by {END}; add both where the description belongs",
            kind="spec",
        )
    before, _, after = found
    ending = "\r\n" if "\r\n" in readme else "\n"
    return ending.join([*before, *lines(extract), *after]) + ending


def _split(readme: str) -> tuple[list[str], list[str], list[str]] | None:
    """Return the lines before the first marker, between the markers, and from the second marker on."""
    text = readme.splitlines()
    if BEGIN not in text or END not in text[text.index(BEGIN) :]:
        return None
    begin = text.index(BEGIN) + 1
    end = text.index(END, begin)
    return text[:begin], text[begin:end], text[end:]


################################################################################
# Sentences
################################################################################


def _sentences(extract: Extract) -> Iterator[str]:
    entity = _code(extract.entity_name)
    if extract.rows is not None:
        row = f"row of {entity} in the month"
    else:
        row = _and(map(_code, extract.group_by or ()))
    yield f"One file per {_code(extract.recipient[extract.recipient_label])} and month, one row per {row}."
    name = place(extract.recipient_label, "NAME", Period(2026, 10), extract.file.template)
    yield f"The file of a month is `{name}`."
    yield (
        f"A row of {entity} belongs to the month of its {_code(extract.date_column)}"
        f" in the time zone {_code(extract.time_zone)}."
    )
    if extract.transform is not None:
        yield f"The function `transform` changes the rows of {entity} before they are joined."
    if extract.where is not None:
        yield f"Only rows for which {_code(extract.where)} is true are used."
    if extract.recipients_where is not None:
        yield f"Only recipients for which {_code(extract.recipients_where)} is true get a file."
    if any(join.optional for join in extract.joins):
        yield (
            "If an optional join on the path to the recipient finds no row, the row of the entity goes to the"
            f" recipient {_code(extract.unassigned)}."
        )
    yield from _format(extract.file)
    for recipient in extract.files or ():
        yield f"The file of the recipient {_code(recipient)} has a different format."


def _format(file: File) -> Iterator[str]:
    form = file.format
    if isinstance(form, Csv):
        delimiter, decimal = (_CHARACTERS.get(c, f"`{c}`") for c in (form.delimiter, form.decimal))
        yield f"The delimiter is {delimiter} and the decimal mark is {decimal}."
        other = _settings(form, Csv(), {"delimiter", "decimal"})
    else:
        yield "Fields have fixed widths."
        other = _settings(form, FixedWidth({}), {"fields"})
    other += _settings(file, File(), {"format", "name"})
    if other:
        yield f"Other settings of the file: {', '.join(other)}."


def _settings(given: Any, usual: Any, without: set[str]) -> list[str]:
    """Return the fields whose values are not their defaults."""
    pairs = {f.name: (getattr(given, f.name), getattr(usual, f.name)) for f in fields(given) if f.compare}
    return [
        _code(f"{name}={value!r}")
        for name, (value, default) in pairs.items()
        if value != default and name not in without
    ]


################################################################################
# Columns and joins
################################################################################


def _columns(extract: Extract) -> Iterator[str]:
    sources = {**extract.recipient, **(extract.group_by or {}), **(extract.rows or {})}
    metrics: Mapping[str, Metric] = extract.metrics or {}
    windows = {metric.window for metric in metrics.values()}
    start = "month" if not metrics else "window" if len(windows) == 1 else "longest window"
    dates = {
        "period": "the reported month, `YYYY-MM`",
        "window_start": f"first day of the {start}",
        "window_end": "last day of the month",
    }
    for name in extract.file_columns:
        if name in metrics:
            content = _words(metrics[name])
        else:
            content = _code(sources[name]) if name in sources else dates[name]
        yield f"| {_code(name)} | {content.replace('|', BAR)} |"


def _words(metric: Metric) -> str:
    kind = _AGGREGATES.get(metric.aggregate, f"{metric.aggregate} of")
    what = "number of rows" if metric.expression is None else f"{kind} {_code(metric.expression)}"
    over = "the year to date" if not isinstance(metric.window, int) else f"{metric.window} months"
    where = "" if metric.where is None else f", where {_code(metric.where)}"
    return f"{what} over {'the month' if metric.window == 1 else over}{where}"


def _tree(extract: Extract) -> list[str]:
    """Return the joins as a tree, in a code block. Return no lines if the spec has no joins."""
    if not extract.joins:
        return []

    def below(name: str, indent: str) -> Iterator[str]:
        joins = [join for join in extract.joins if extract.split(join.lefts[0])[0] == name]
        for join in joins:
            is_last = join is joins[-1]
            yield f"{indent}{'└─' if is_last else '├─'} {_step(extract, join)}"
            yield from below(join.name, indent + ("   " if is_last else "│  "))

    return ["", "```text", one_line(extract.entity_name), *below(extract.entity_name, ""), "```"]


def _step(extract: Extract, join: Join) -> str:
    called = join.name if join.name == join.table else f"{join.name} ({join.table})"
    pairs = zip((extract.split(left)[1] for left in join.lefts), join.rights, strict=True)
    keys = " and ".join(f"{left} = {right}" for left, right in pairs)
    return one_line(f"{called}: {keys}{', optional' if join.optional else ''}")


def _code(text: str) -> str:
    """Return a text of the spec in backticks, on one line."""
    return "`" + one_line(text).replace("`", "'") + "`"


def _and(words: Iterable[str]) -> str:
    *first, last = words
    return f"{', '.join(first)} and {last}" if first else last


def main(project: Path) -> None:
    """Write the description of a project's spec into its README, and print what was done."""
    readme = project / "README.md"
    try:
        extract = runpy.run_path(str(project / "Glue/etl.py"))["EXTRACT"]
    except Exception as error:  # the project's own code runs here and can raise any error
        raise SystemExit(f"✗ Glue/etl.py cannot be read: {type(error).__name__}: {error}") from None
    try:
        check(extract)
        before = readme.read_bytes().decode("utf-8")
        text = written(before, extract)
    except ExtractError as error:
        raise SystemExit(f"✗ {error}") from None
    if text == before:
        print("README.md already describes Glue/etl.py; nothing changed.")
        return
    readme.write_bytes(text.encode("utf-8"))
    print("README.md now describes Glue/etl.py.")


if __name__ == "__main__":
    main(Path.cwd())
