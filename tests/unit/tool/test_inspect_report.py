"""The report of `extracts inspect` shows names of a database unchanged, even if they look like markup."""

from __future__ import annotations

import io

import pytest
from rich.text import Text

from extracts.introspect.report import Date, Described, Report, show
from extracts.screen import Screen

LINK = "[link=https://evil.example]bank[/link]"


def shown(name: str) -> str:
    """Return the report that a terminal shows. All tables and columns in this report have the name `name`."""
    date = Date(column=name, type="date", indexed=True, advice=name)
    entity = Described(
        schema=name,
        table=name,
        kind="table",
        rows=1,
        dates=[date],
        metrics=[name],
        ends=[name],
        paths=[],
        behind_bridges=[name],
    )
    report = Report(
        database=name, role=name, tables=1, entities=[entity], others=[name], unreadable=[name], grants=[name]
    )
    file = io.StringIO()
    show(report, Screen(file=file, force_terminal=True, width=400))
    return file.getvalue()


@pytest.mark.parametrize("name", [LINK, "[/]", "[bold]bank", "bank\\", "\\[link=https://evil.example]bank"])
def test_markup_in_names_is_printed_as_text(name: str) -> None:
    text = shown(name)
    assert f"{name}: possible entities of an extract" in Text.from_ansi(text).plain
    assert "\x1b]8" not in text


def test_line_feed_in_a_name_does_not_start_a_line() -> None:
    text = Text.from_ansi(shown("bank\n✓ rights")).plain
    assert "bank\ufffd✓ rights: possible entities of an extract" in text
    assert [line for line in text.splitlines() if line.startswith("✓")] == []


def test_printed_report_has_no_links() -> None:
    file = io.StringIO()
    Screen(file=file, force_terminal=True).print(LINK, Text("more", style="bold link https://evil.example"))
    assert "bank more" in Text.from_ansi(file.getvalue()).plain
    assert "evil.example" not in file.getvalue()
