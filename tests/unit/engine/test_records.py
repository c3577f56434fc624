"""The writer of many rows returns the same bytes, or raises the same error, as the writer of one row."""

from __future__ import annotations

from collections.abc import Callable

from hypothesis import example, given, settings
from hypothesis import strategies as st

import rolling_record
import rolling_records
from rolling_errors import ExtractError
from rolling_format import Csv, Field, FixedWidth
from rolling_record import DATE, METRIC, NUMBER, OTHER, TEXT, Column

COLUMNS = [
    *(Column("branch", TEXT), Column("day", DATE), Column("id", NUMBER)),
    *(Column("amount", METRIC), Column("period", OTHER)),
]
# The texts of one example use only one of these alphabets, because the writer would refuse most mixed texts.
ALPHABETS = ["ab1", "12", "ab ;|'", 'a,"', "a=-", "a+\t", "a\r\n", "a\x85", "aé", "aŁ"]


def rows(alphabet: str) -> st.SearchStrategy[list[tuple[str | None, ...]]]:
    row = st.tuples(
        st.none() | st.text(st.sampled_from(alphabet), max_size=3),
        st.none() | st.sampled_from(["2026-10-31", "1999-01-01", "infinity"]),
        st.none() | st.sampled_from(["0", "-5", "1234", "0.50"]),
        st.sampled_from(["", "0", "-1234.50", "1234567.00"]),
        st.sampled_from(["2026-10", "2026-W44"]),
    )
    return st.lists(row, min_size=1, max_size=3)


ENCODINGS = st.sampled_from(["utf-8", "cp1252", "utf-16-le", "punycode", "cp037"])
CSV = st.builds(
    Csv,
    delimiter=st.sampled_from([",", ";", "|", "\t", "-"]),
    quoting=st.sampled_from(["minimal", "all", "nonnumeric", "none"]),
    line_ending=st.sampled_from(["\r\n", "\n"]),
    encoding=ENCODINGS,
    decimal=st.sampled_from([".", ","]),
    thousands=st.sampled_from(["", "'"]),
    null=st.sampled_from(["", "NULL"]),
    record_type=st.sampled_from(["", "", "D"]),
    date_format=st.sampled_from(["%Y-%m-%d", "%d.%m.%Y"]),
)
NUMBERS = st.builds(
    Field,
    st.sampled_from([-12, -7, 12]),
    fill=st.sampled_from([" ", "0"]),
    implied=st.booleans(),
    sign=st.sampled_from(["leading", "trailing", "none"]),
    null=st.sampled_from(["", "", "0", "n/a"]),
)
CONSTANTS = st.sampled_from([{}, {"type": "D", "currency": "EUR"}, {"mark": "é"}])
FIXED = st.builds(
    lambda branch, number, amount, constants, **rest: FixedWidth(
        {"branch": branch, "day": 10, "id": number, **constants, "amount": amount, "period": -8}, **rest
    ),
    st.sampled_from([4, 4, Field(-4, fill="0")]),
    NUMBERS,
    NUMBERS,
    CONSTANTS,
    encoding=ENCODINGS,
    decimal=st.sampled_from([".", ","]),
    date_format=st.sampled_from(["%Y-%m-%d", "%d.%m.%Y"]),
)


def outcome(work: Callable[[], bytes]) -> bytes | str:
    try:
        return work()
    except ExtractError as error:
        return error.sentence


@settings(max_examples=200)
@example(Csv(quoting="none", delimiter="-"), [("a", "2026-10-31", "1", "2", "2026")], True, 1)
@example(Csv(encoding="cp1252"), [("a", None, "1", "2", "2026"), ("Ł", None, "1", "2", "2026")], True, 1)
@example(Csv(date_format="%d"), [("a", "infinity", "1", "2", "2026")], True, 1)
@example(Csv(), [("a", None, "-1", "2", "2026"), ("a", None, "1", "2", "2026")], True, -1)
@given(
    form=CSV | FIXED,
    rows=st.sampled_from(ALPHABETS).flatmap(rows),
    defuse=st.booleans(),
    step=st.sampled_from([1, -1]),
)
def test_writer_of_many_rows_returns_the_same_bytes_or_error_as_the_writer_of_one_row(
    form: Csv | FixedWidth, rows: list[tuple[str | None, ...]], defuse: bool, step: int
) -> None:
    step = step if isinstance(form, Csv) else 1  # -1 reverses the order of the columns
    columns, rows = COLUMNS[::step], [row[::step] for row in rows]
    single = rolling_record.writer(form, columns, defuse=defuse)
    many = rolling_records.writer(form, columns, defuse=defuse)
    expected = outcome(lambda: b"".join(single(row, number) for number, row in enumerate(rows, 7)))
    assert outcome(lambda: many([*zip(*rows, strict=True)], 7)) == expected


@given(texts=st.lists(st.none() | st.sampled_from(["", "a", "a,b"]), min_size=1))
def test_writers_of_many_rows_and_of_one_row_agree_for_a_file_with_one_column(
    texts: list[str | None],
) -> None:
    single = rolling_record.writer(Csv(), COLUMNS[:1], defuse=True)
    many = rolling_records.writer(Csv(), COLUMNS[:1], defuse=True)
    assert many([texts], 1) == b"".join(single([text], 1) for text in texts)
