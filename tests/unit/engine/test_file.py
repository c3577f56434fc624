"""A published file: names, paths, CSV, formulas and rounding."""

from __future__ import annotations

import csv
import io
import os
import signal
import tempfile
from decimal import Decimal
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rolling_contract1 import Column, Contract
from rolling_errors import ExtractError
from rolling_figures1 import Line, Totals, rounded
from rolling_file1 import check_names, file_name, line_bytes, place, row, scratch, write_files
from rolling_period import Period
from rolling_spec1 import Extract

SPEC = Extract(
    entity="Loans",
    metric="Amount",
    date_column="loan_date",
    group={"id": "Branch.id", "address": "Branch.Address"},
    recipient={"bank": "Bank.Name"},
)


def column(category: str) -> Column:
    return Column("t0", "t", "c", "any", category, digits=None)


CONTRACT = Contract(
    "public", "r", (), (), (), column("N"), column("D"), (column("N"), column("S")), column("S")
)


def line(address: str | None, recipient: str = "Alpha", key: str = "-1") -> Line:
    return Line(recipient, (key, address), Totals(2, 2, Decimal("10.005")), Decimal(1), Decimal(9))


@pytest.mark.parametrize(
    ("recipient", "name"),
    [
        ("First Bank", "FirstBank"),
        ("O'Neill & Sons, plc. (NI)", "ONeillSonsplcNI"),
        ("Crédit Łódź 24", "CréditŁódź24"),
        ("Cre\u0301dit", "Crédit"),  # the composed and the decomposed form give the same name
        ("三菱銀行", "三菱銀行"),
        ("../../etc/passwd", "etcpasswd"),
        ("a/b=c", "abc"),
        ("١٢٣", "١٢٣"),
    ],
)
def test_file_name_has_the_letters_and_digits_of_the_recipient(recipient: str, name: str) -> None:
    assert file_name(recipient) == name


def test_path_has_the_month_and_the_last_day_of_the_period() -> None:
    assert place("bank_name", "First Bank", Period(2026, 2)) == (
        "bank_name=FirstBank/year=2026/month=02/FirstBank_20260228.csv"
    )


@given(fields=st.lists(st.text(st.characters(exclude_categories=["Cs"])), min_size=2, max_size=6))
def test_csv_reader_returns_any_text_unchanged(fields: list[str]) -> None:
    data = row(fields)
    assert data.endswith(b"\r\n")
    [read] = csv.reader(io.StringIO(data.decode(), newline=""), strict=True)
    assert read == fields


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r", "\n", "\uff1d"])
def test_text_that_starts_like_a_formula_is_defused(start: str) -> None:
    text = line_bytes(SPEC, CONTRACT, Period(2026, 10), line(f"{start}cmd", recipient="=A")).decode()
    [fields] = csv.reader(io.StringIO(text, newline=""))
    assert (fields[0], fields[2]) == ("'=A", f"'{start}cmd")


@pytest.mark.parametrize(
    ("text", "defused"),
    [
        ("x;=1+1;y", "x;'=1+1;y"),
        ("x,+1|-2\t@3", "x,'+1|'-2\t'@3"),
        ("a\n=1\r\n=2\u2028=3", "a\n'=1\r\n'=2\u2028'=3"),
        ('x;"=1"', 'x;\'"=1"'),
        ("x;\x01=1", "x;'\x01=1"),
        ("12 Main St; -; Flat 3-4, a=b", "12 Main St; -; Flat 3-4, a=b"),
    ],
)
def test_formula_after_another_separator_is_defused(text: str, defused: str) -> None:
    made = line_bytes(SPEC, CONTRACT, Period(2026, 10), line(text)).decode()
    [fields] = csv.reader(io.StringIO(made, newline=""))
    assert fields[2] == defused


@given(
    texts=st.lists(st.text(alphabet=";,|\t\r\n\"'=+-@\x01\uff1d x", max_size=12), min_size=1, max_size=3),
    separator=st.sampled_from(",;|\t"),
)
def test_no_separator_turns_text_into_a_formula(texts: list[str], separator: str) -> None:
    lines = [line_bytes(SPEC, CONTRACT, Period(2026, 10), line(text, f"A{text}", "1")) for text in texts]
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
        assert len(list(tmp_path.iterdir())) == 2  # the other run still lives
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    with scratch() as mine:
        assert list(tmp_path.iterdir()) == [mine]
        assert mine.stat().st_mode & 0o077 == 0
    assert list(tmp_path.iterdir()) == []


def test_defusing_is_optional_and_leaves_numbers_unchanged() -> None:
    from dataclasses import replace

    assert line_bytes(SPEC, CONTRACT, Period(2026, 10), line("x")).split(b",")[1] == b"-1"
    plain = line_bytes(replace(SPEC, defuse_formulas=False), CONTRACT, Period(2026, 10), line("=1"))
    assert plain.split(b",")[2] == b"=1"


def test_row_has_its_columns_in_order() -> None:
    assert line_bytes(SPEC, CONTRACT, Period(2026, 10), line(None)) == (
        b"Alpha,-1,,2026-10,2026-10-01,2026-10-31,2,10.01,5.00\r\n"
    )


@given(
    units=st.integers(-(10**37), 10**37), digits=st.integers(0, 20), count=st.integers(1, 10**9),
    scale=st.integers(0, 18),
)  # fmt: skip
def test_exact_quotient_is_rounded_half_up(units: int, digits: int, count: int, scale: int) -> None:
    total = Decimal(units).scaleb(-digits) if abs(units) < 10**27 else Decimal(f"{units}E-{digits}")
    exact = Fraction(units, 10**digits) / count
    text = rounded(total, count, scale)
    error = Fraction(text) - exact
    assert abs(error) <= Fraction(1, 2 * 10**scale)
    assert abs(error) < Fraction(1, 2 * 10**scale) or abs(Fraction(text)) > abs(
        exact
    )  # a tie is rounded away from zero
    assert (len(text.partition(".")[2]) if scale else 0) == scale


def test_zero_has_no_minus_sign() -> None:
    assert rounded(Decimal("-0.004"), 1, 2) == "0.00"


def test_recipients_with_the_same_file_name_are_both_named() -> None:
    with pytest.raises(ExtractError, match='"A B" and "A-B" would share the file name AB'):
        check_names(["A-B", "A B", "C"], {}, one_row_each="")


def test_rows_with_the_same_name_are_refused_only_if_each_is_a_recipient() -> None:
    check_names(["North"], {"North": 3}, one_row_each="")
    with pytest.raises(ExtractError, match=r'several rows of Bank are called "North"'):
        check_names(["North"], {"North": 3}, one_row_each="Bank")


def test_every_recipient_has_a_file(tmp_path: Path) -> None:
    lines = iter([line("x", "Alpha", str(i)) for i in range(3)] + [line("y", "Beta")])
    files = write_files(SPEC, CONTRACT, Period(2026, 10), lines, ["Alpha", "Beta", "Gamma"], tmp_path / "f")
    assert [(file.recipient, file.rows, file.totals.values) for file in files] == [
        ("Alpha", 3, 6),
        ("Beta", 1, 2),
        ("Gamma", 0, 0),
    ]
    for file in files:
        assert file.bytes == file.path.stat().st_size


@pytest.mark.parametrize("digits", [2_501, 6_000])
def test_sum_with_more_than_2000_digits_is_refused(digits: int) -> None:
    whole = Totals(1, 1, Decimal("9" * digits))
    with pytest.raises(ExtractError, match="a sum of the metric has more than 2000 digits"):
        whole + Totals(1, 1, Decimal("0.01"))


def test_value_with_more_than_4000_digits_is_refused() -> None:
    with pytest.raises(ExtractError, match="a value of the metric has more than 4000 digits"):
        rounded(Decimal("9" * 6_000), 1, 2)


def test_sum_with_2000_digits_is_exact() -> None:
    total = Totals(1, 1, Decimal("9" * 1_998)) + Totals(1, 1, Decimal("0.01"))
    assert rounded(total.total, 1, 2) == "9" * 1_998 + ".01"
