"""A published file: names, paths, CSV, formulas and rounding."""

from __future__ import annotations

import csv
import io
import os
import signal
import tempfile
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rolling_errors import ExtractError
from rolling_file import (
    check_names,
    file_name,
    place,
    recipients_of,
    row,
    scratch,
    write_files,
    writer_of,
)
from rolling_period import Period
from rolling_resolved import Resolved
from rolling_totals import Row, Tally
from tests.support.engine2.handmade import loans

OCTOBER = Period(2026, 10)
DAYS = ("2026-08-01", "2026-10-31")
SPEC = loans()
SPEC = replace(
    SPEC,
    columns=("bank_name", "branch_id", "branch_address", "period", "window_start", "window_end", *(
        metric.name for metric in SPEC.metrics
    )),
)  # fmt: skip


def line(address: str | None, recipient: str = "Alpha", key: str = "-1") -> Row:
    return Row(recipient, (key, address), ("2", "10", "5.00"), (2, 2, 10))


def written(row: Row, spec: Resolved = SPEC) -> bytes:
    return writer_of(spec, DAYS, OCTOBER)(row)


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
    text = written(line(f"{start}cmd", recipient="=A")).decode()
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
    made = written(line(text)).decode()
    [fields] = csv.reader(io.StringIO(made, newline=""))
    assert fields[2] == defused


@given(
    texts=st.lists(st.text(alphabet=";,|\t\r\n\"'=+-@\x01\uff1d x", max_size=12), min_size=1, max_size=3),
    separator=st.sampled_from(",;|\t"),
)
def test_no_separator_turns_text_into_a_formula(texts: list[str], separator: str) -> None:
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
        assert len(list(tmp_path.iterdir())) == 2  # the other run still lives
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    with scratch() as mine:
        assert list(tmp_path.iterdir()) == [mine]
        assert mine.stat().st_mode & 0o077 == 0
    assert list(tmp_path.iterdir()) == []


def test_defusing_is_optional_and_leaves_numbers_unchanged() -> None:
    assert written(line("x")).split(b",")[1] == b"-1"
    plain = written(line("=1"), replace(SPEC, defuse_formulas=False))
    assert plain.split(b",")[2] == b"=1"


def test_row_has_its_columns_in_order() -> None:
    assert written(line(None)) == b"Alpha,-1,,2026-10,2026-08-01,2026-10-31,2,10,5.00\r\n"
    chosen = replace(SPEC, columns=("amount_avg", "period", "bank_name"))
    assert written(line(None), chosen) == b"5.00,2026-10,Alpha\r\n"


def test_recipients_with_the_same_file_name_are_both_named() -> None:
    with pytest.raises(ExtractError, match='"A B" and "A-B" would share the file name AB'):
        check_names(["A-B", "A B", "C"])


def test_recipients_that_differ_in_case_only_are_both_named() -> None:
    with pytest.raises(
        ExtractError, match='"ALPHA" and "Alpha" would share the file name Alpha, where upper'
    ):
        check_names(["Alpha", "ALPHA"])


def test_rows_with_the_same_name_are_refused_only_if_each_is_a_recipient() -> None:
    with pytest.raises(ExtractError, match=r'several rows of public."Bank" are called "North"'):
        recipients_of(SPEC, {"North": 3})
    of_bank = replace(SPEC, group_by={"bank": SPEC.recipient})
    assert recipients_of(of_bank, {"North": 3}) == ["North"]


def test_every_recipient_has_a_file(tmp_path: Path) -> None:
    rows = [line("x", "Alpha", str(i)) for i in range(3)] + [line("y", "Beta")]
    result = SimpleNamespace(
        resolved=SPEC,
        span=SimpleNamespace(days=lambda period: (period.first_day, period.shift(1).first_day)),
        rows=lambda _: iter(rows),
        tally=lambda: Tally(SPEC, (0,)),
    )
    files, tally = write_files(cast(Any, result), OCTOBER, ["Alpha", "Beta", "Gamma"], tmp_path / "f")
    assert [(file.recipient, file.rows, file.totals.metrics["amount_avg"].count) for file in files] == [
        ("Alpha", 3, 6),
        ("Beta", 1, 2),
        ("Gamma", 0, 0),
    ]
    assert tally.totals.rows == 8
    for file in files:
        assert file.bytes == file.path.stat().st_size
