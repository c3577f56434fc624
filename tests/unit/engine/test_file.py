"""The published file: its names, its paths, CSV, formulas and rounding."""

from __future__ import annotations

import csv
import io
import os
import signal
import tempfile
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rolling_blocks import Block, blocks_of
from rolling_errors import ExtractError
from rolling_file import (
    cells_of,
    check_fills,
    check_names,
    columns_of,
    file_name,
    place,
    recipients_of,
    scratch,
)
from rolling_format import Csv, Field, File, FixedWidth
from rolling_period import Period
from rolling_record import TEXT, Column
from rolling_records import writer
from rolling_resolved import Resolved
from rolling_result import Result
from rolling_span import Span
from rolling_totals import Row, Tally
from rolling_values import rounded
from rolling_writing import write_files
from tests.support.engine.handmade import column, measure, metric, resolved, tables

DAYS = ("2026-10-01", "2026-10-31")


def spec(**changes: Any) -> Resolved:
    """Return a resolved spec whose file has a key, an address, a count and a sum."""
    names = ("bank", "id", "address", "period", "window_start", "window_end", "fees_count", "fees_sum")
    settings: dict[str, Any] = {
        "tables": tables("fees"),
        "date": column("t0", "day", "date"),
        "recipient_label": "bank",
        "recipient": column("t0", "bank"),
        "group_by": {"id": column("t0", "id", "integer"), "address": column("t0", "address")},
        "measures": (measure(column("t0", "amount", "numeric", 2)),),
        "metrics": (metric("count", scale=None, name="fees_count"), metric("sum", name="fees_sum")),
        "columns": names,
        **changes,
    }
    return resolved(**settings)


def line(address: str | None, recipient: str = "Alpha", key: str = "-1") -> Row:
    return Row(recipient, (key, address), ("2", "10.01"), (2, 2, 1001, 2, 1001))


def written(found: Row, **changes: Any) -> bytes:
    made = spec(**changes)
    [block] = blocks_of([found])
    cells = cells_of(made, DAYS, Period(2026, 10))(block)
    return writer(Csv(), columns_of(made), defuse=made.defuse_formulas)(cells, 1)


def fields(data: bytes) -> list[str]:
    [found] = csv.reader(io.StringIO(data.decode(), newline=""))
    return found


@pytest.mark.parametrize(
    ("recipient", "name"),
    [
        ("First Bank", "FirstBank"),
        ("O'Neill & Sons, plc. (NI)", "ONeillSonsplcNI"),
        ("Crédit Łódź 24", "CréditŁódź24"),
        ("Cre\u0301dit", "Crédit"),  # the composed and the decomposed form of é give the same name
        ("三菱銀行", "三菱銀行"),
        ("../../etc/passwd", "etcpasswd"),
        ("a/b=c", "abc"),
        ("١٢٣", "١٢٣"),
    ],
)
def test_file_name_contains_only_the_letters_and_digits_of_the_recipient(recipient: str, name: str) -> None:
    assert file_name(recipient) == name


def test_path_has_the_month_and_the_last_day_of_the_period() -> None:
    assert place("bank_name", "First Bank", Period(2026, 2), "FirstBank_20260228.csv") == (
        "bank_name=FirstBank/year=2026/month=02/FirstBank_20260228.csv"
    )


@given(fields=st.lists(st.text(st.characters(exclude_categories=["Cs"])), min_size=2, max_size=6))
def test_any_text_in_a_csv_file_is_read_back_unchanged(fields: list[str]) -> None:
    data = writer(Csv(), [Column("a", TEXT)] * len(fields), defuse=False)([[field] for field in fields], 1)
    assert data.endswith(b"\r\n")
    [read] = csv.reader(io.StringIO(data.decode(), newline=""), strict=True)
    assert read == fields


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\ufe66"])
def test_text_that_starts_like_a_formula_is_defused(start: str) -> None:
    found = fields(written(line(f"{start}cmd", recipient="=A")))
    assert (found[0], found[2]) == ("'=A", f"'{start}cmd")


@pytest.mark.parametrize(
    "hidden", ["\x01", "\x7f\x80", "\xad", "\u200b\ufeff", "\u202e", "\u2066", "\U000e0041", "\ufe0f"]
)
def test_formula_after_invisible_characters_is_defused(hidden: str) -> None:
    text = f"{hidden}=1+1;{hidden}-2"
    assert fields(written(line(text)))[2] == f"'{hidden}=1+1;'{hidden}-2"


@pytest.mark.parametrize(
    ("text", "defused"),
    [
        ("x;=1+1;y", "x;'=1+1;y"),
        ("x,+1|-2\t@3", "x,'+1|'-2\t'@3"),
        ("a\n=1\r\n=2\u2028=3", "a\n'=1\r\n'=2\u2028'=3"),
        ('x;"=1"', 'x;\'"=1"'),
        ("x;\x01=1", "x;'\x01=1"),
        ("12 Main St; -; Flat 3-4, a=b", "12 Main St; -; Flat 3-4, a=b"),
        ("a; =1+1,  @SUM(1)|\x01 \uff1d1", "a;' =1+1,'  @SUM(1)|'\x01 \uff1d1"),
        ('a; "=1"; +1', 'a;\' "=1"; +1'),
        ("a; b=1; c@example.com", "a; b=1; c@example.com"),
        ("\u200bAlpha; \u202eBeta", "\u200bAlpha; \u202eBeta"),
    ],
)
def test_formula_after_a_possible_field_separator_is_defused(text: str, defused: str) -> None:
    assert fields(written(line(text)))[2] == defused


@given(
    texts=st.lists(st.text(alphabet=";,|\t\r\n\"'=+-@\x01\uff1d x", max_size=12), min_size=1, max_size=3),
    separator=st.sampled_from(",;|\t"),
)
def test_no_cell_is_a_formula_if_the_reader_uses_another_separator(texts: list[str], separator: str) -> None:
    lines = [written(line(text, f"A{text}", "1")) for text in texts]
    read = csv.reader(io.StringIO(b"".join(lines).decode(), newline=""), delimiter=separator)
    cells = [cell.lstrip("\x01") for cells in read for cell in cells]
    assert [cell for cell in cells if cell.startswith(("=", "+", "-", "@", "\uff1d"))] == []


def test_scratch_files_of_killed_runs_are_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    ready, forever = os.pipe(), os.pipe()
    child = os.fork()
    if child == 0:
        with scratch() as folder:
            (folder / "figures").write_text("1")
            os.write(ready[1], b".")
            os.read(forever[0], 1)
    os.read(ready[0], 1)
    with scratch() as mine:
        # The other folder belongs to the child process, which is still alive.
        assert len(list(tmp_path.iterdir())) == 2
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    with scratch() as mine:
        assert list(tmp_path.iterdir()) == [mine]
        assert mine.stat().st_mode & 0o077 == 0
    assert list(tmp_path.iterdir()) == []


def test_numbers_are_never_defused_and_texts_only_if_defuse_formulas_is_true() -> None:
    assert written(line("x")).split(b",")[1] == b"-1"
    assert written(line("=1"), defuse_formulas=False).split(b",")[2] == b"=1"


def test_values_of_a_row_are_in_the_order_of_the_columns_in_the_spec() -> None:
    assert written(line(None)) == b"Alpha,-1,,2026-10,2026-10-01,2026-10-31,2,10.01\r\n"


def test_spec_chooses_and_orders_the_columns_of_the_file() -> None:
    assert written(line("x"), columns=("fees_sum", "period", "address")) == b"10.01,2026-10,x\r\n"


@given(
    units=st.integers(-(10**37), 10**37), digits=st.integers(0, 20), count=st.integers(1, 10**9),
    scale=st.integers(0, 18),
)  # fmt: skip
def test_exact_quotient_is_rounded_half_up(units: int, digits: int, count: int, scale: int) -> None:
    exact = Fraction(units, 10**digits) / count
    text = rounded(units, 10**digits * count, scale)
    error = Fraction(text) - exact
    assert abs(error) <= Fraction(1, 2 * 10**scale)
    # A number in the middle between two results is rounded away from zero.
    assert abs(error) < Fraction(1, 2 * 10**scale) or abs(Fraction(text)) > abs(exact)
    assert (len(text.partition(".")[2]) if scale else 0) == scale


def test_negative_number_that_is_rounded_to_zero_has_no_minus_sign() -> None:
    assert rounded(-4, 1000, 2) == "0.00"


def test_error_names_both_recipients_with_the_same_file_name() -> None:
    with pytest.raises(ExtractError, match='"A B" and "A-B" would share the file name AB'):
        check_names(["A-B", "A B", "C"])


def test_recipients_that_differ_only_by_case_are_refused() -> None:
    with pytest.raises(
        ExtractError, match='"ALPHA" and "Alpha" would share the file name Alpha, where upper'
    ):
        check_names(["Alpha", "ALPHA"])


def test_recipients_with_the_same_name_are_accepted_only_if_group_by_has_their_key() -> None:
    bank = {"tables": tables("fees", "Bank"), "recipient": column("t1", "name")}
    assert recipients_of(spec(**bank, group_by={"id": column("t1", "id", "integer")}), {"North": 3}) == [
        "North"
    ]
    with pytest.raises(ExtractError, match=r'several rows of public."Bank" are called "North"'):
        recipients_of(spec(**bank), {"North": 3})


class Found:
    """The result of the queries of the source, with the rows that the test gives."""

    def __init__(self, rows: list[Row], **changes: Any) -> None:
        self.resolved = spec(**changes)
        self.span = Span((Period(2026, 10),), (1,))
        self._rows = rows

    def blocks(self, _: Period) -> Iterator[Block]:
        return blocks_of(self._rows)

    def tally(self) -> Tally:
        return Tally(self.resolved, (2,))


def test_every_recipient_has_a_file(tmp_path: Path) -> None:
    found = Found([*(line("x", "Alpha", str(i)) for i in range(3)), line("y", "Beta")])
    known = ["Alpha", "Beta", "Gamma"]
    files, tally = write_files(cast(Result, found), Period(2026, 10), known, tmp_path / "f")
    assert [(file.recipient, file.rows, file.totals.rows) for file in files] == [
        ("Alpha", 3, 6),
        ("Beta", 1, 2),
        ("Gamma", 0, 0),
    ]
    assert tally.totals.rows == 8
    for file in files:
        assert file.bytes == file.path.stat().st_size


WIDTHS: dict[str, int | Field] = dict.fromkeys(spec().columns, -20)


@pytest.mark.parametrize(
    ("label", "fill", "why"),
    [
        ("address", "0", "would change the date"),
        ("id", "-", "would change the number"),
    ],
)
def test_fill_character_that_would_change_a_value_is_refused(label: str, fill: str, why: str) -> None:
    file = File(format=FixedWidth(WIDTHS | {"id": Field(-9, fill="0"), label: Field(-20, fill=fill)}))
    days = {"id": column("t0", "id", "integer"), "address": column("t0", "address", "date")}
    for changes, what in (({"file": file}, "file"), ({"files": {"Alpha": file}}, 'files["Alpha"]')):
        with pytest.raises(ExtractError) as caught:
            check_fills(spec(group_by=days, **changes))
        assert caught.value.sentence == f'{what}: FixedWidth: "{label}": fill="{fill}" {why}'


def test_fill_character_that_would_change_a_number_is_refused_if_the_entity_has_the_recipient(
    tmp_path: Path,
) -> None:
    file = File(format=FixedWidth(WIDTHS | {"id": Field(-20, fill="-")}))
    found = Found([line("x")], file=file)
    assert found.resolved.recipient.alias == "t0"
    with pytest.raises(ExtractError, match='"id": fill="-" would change the number'):
        write_files(cast(Result, found), Period(2026, 10), [], tmp_path / "f")


def test_fill_character_that_cannot_change_a_value_is_accepted() -> None:
    widths = WIDTHS | {"id": Field(-9, fill="0"), "fees_sum": Field(-9, fill="*")}
    check_fills(spec(file=File(format=FixedWidth(widths | {"address": Field(-10, fill="0")}))))
