"""The page of a preview shows charts and tables of the files, and loads no external resources."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import unquote
from xml.etree import ElementTree

import pytest

from extracts import report_changes, report_lines, report_months, report_page
from extracts.errors import ExtractsError
from tests.support import preview_page
from tests.support.preview_page import OVER, SPEC, Lines, Months
from tools.drawings import ROOT

HOSTILE = '<script>alert(1)</script> "O\'Neil" & {{ 7 * 7 }} ]]> \x01'
FOLDER = ROOT / "generator/extracts/page"
Page = Callable[..., ElementTree.Element]


@pytest.fixture
def page(tmp_path: Path) -> Page:
    """Return a function that makes the page of a preview.

    `months` contains the rows of each file, by period and recipient. By default, only the last month is
    requested.
    """

    def page(months: Months, **more: Any) -> ElementTree.Element:
        return ElementTree.fromstring(preview_page.write(tmp_path, months, **more).read_text())

    return page


def words(element: ElementTree.Element) -> str:
    return " ".join(" ".join(element.itertext()).split())


def all_of(element: ElementTree.Element, tag: str) -> list[ElementTree.Element]:
    return element.findall(f".//{{http://www.w3.org/1999/xhtml}}{tag}")


def text(element: ElementTree.Element) -> str:
    """Return the text that a browser without JavaScript shows. Hidden elements are not shown."""

    def parts(element: ElementTree.Element) -> Iterator[str]:
        if not element.get("hidden") and not element.tag.endswith(("script", "style")):
            yield element.text or ""
            for inner in element:
                yield from parts(inner)
                yield inner.tail or ""

    return " ".join(" ".join(parts(element)).split())


def data(element: ElementTree.Element) -> Any:
    """Return the data for the scripts of the page."""
    [found] = [script for script in all_of(element, "script") if script.get("id") == "data"]
    return json.loads(found.text or "")


def groups(element: ElementTree.Element) -> list[str]:
    """Return the rows of all tables that list groups."""
    tables = [table for table in all_of(element, "table") if table.get("class", "").startswith("groups")]
    return [words(row) for table in tables for row in all_of(table, "tr")]


def test_sparkline_has_a_point_for_each_month_with_a_value(page: Page) -> None:
    months = {
        "2026-07": {"First": {"North": (1, "1.00", "1.00")}},
        "2026-08": {"First": {"North": (3, "5.00", "5.00")}},
        "2026-10": {"First": {"North": (2, "14.00", "7.00"), "South": (1, "9.50", "9.50")}},
    }
    paths = [path.get("d") for path in all_of(page(months), "path")]
    assert paths == ["M4 24L41.3 4M116 14h1", "M116 14h1"]  # a month without a file interrupts the line


def test_page_shows_changes_since_the_previous_month(page: Page) -> None:
    months = {
        "2026-09": {"First": {"A": (1, "5", "5"), "B": (1, "1000.10", "1000.10"), "C": (1, "3", "3")}},
        "2026-10": {"First": {"B": (1, "400.05", "400.05"), "C": (1, "3", "3"), "D": (1, "1", "1")}},
    }
    said = text(page(months))
    assert "What changed since Sep 2026 New: D . Removed: A ." in said
    assert "sum changed in 1 of 2 groups:" in said
    assert "count changed" not in said
    assert "B 1000.10 400.05 \u2212600.05 \u221260.0\u00a0%".replace("\u00a0", " ") in said


def test_page_does_not_mention_changes_if_no_value_changed(page: Page) -> None:
    lines = {"A": (1, "5", "5")}
    said = text(page({"2026-09": {"First": lines}, "2026-10": {"First": lines}}))
    assert "changed" not in said


def test_page_shows_no_changes_if_the_previous_month_is_missing(page: Page) -> None:
    said = text(
        page({"2026-08": {"First": {"A": (1, "5", "5")}}, "2026-10": {"First": {"B": (1, "4", "4")}}})
    )
    assert "New:" not in said
    assert "What changed" not in said


def test_page_shows_no_difference_if_the_previous_value_is_missing(page: Page) -> None:
    months = {"2026-09": {"First": {"A": (0, "", "")}}, "2026-10": {"First": {"A": (1, "5", "5")}}}
    assert "A \u2013 5 no value before" in text(page(months))


def test_page_shows_numbers_with_the_same_digits_and_separators_as_the_file(page: Page) -> None:
    lines = {"A": (1234, "1234567.50", "-1000.10"), "B": (1, "0.00", "")}
    form = {"encoding": "utf-8", "decimal": ",", "thousands": "."}
    files = {"Second": {"compression": None, "format": form}}
    found = page({"2026-10": {"First": lines, "Second": lines}}, files=files)
    assert groups(found) == [
        "branch count sum avg", "A 1234 1234567.50 -1000.10", "B 1 0.00 \u2013",
        "branch count sum avg", "A 1.234 1.234.567,50 -1.000,10", "B 1 0,00 \u2013",
    ]  # fmt: skip


def test_scripts_of_the_page_get_the_unchanged_values_of_all_months(page: Page) -> None:
    months = {
        "2026-07": {"First": {"A": (2, "10.50", "5.25")}},
        "2026-09": {"First": {"A": (0, "", ""), "Old": (1, "7.00", "7.00")}},
        "2026-10": {"First": {"A": (3, "9.00", "3.00"), "B": (1, "1.10", "1.10")}},
    }
    found = page(months)
    said = data(found)
    assert [(period["id"], period["published"]) for period in said["periods"]] == [
        ("2026-07", True), ("2026-08", False), ("2026-09", True), ("2026-10", True),
    ]  # fmt: skip
    _, total, _ = said["sections"]["recipient-1"]["values"]
    assert total == [
        ["10.50", None, "", "9.00"],
        [None, None, None, "1.10"],
        [None, None, "7.00", None],
    ]
    assert [row.split()[0] for row in groups(found)[1:]] == ["A", "B", "Old"]


def test_page_lists_the_largest_groups_and_the_changed_groups_of_a_large_file(page: Page) -> None:
    before = {f"g{n:04}": (n, "5.00", "5.00") for n in range(1, 2001)}
    now = {**before, "g0007": (7, "900.00", "5.00"), "g0009": (9, "5.00", "901.00"), "new": (1, "5.00", "5")}
    found = page({"2026-09": {"First": before}, "2026-10": {"First": now}})
    listed = [row.split()[0] for row in groups(found)[1:]]
    assert listed == ["g0007", "g0009", *(f"g{n:04}" for n in range(1904, 2001)), "new"]
    assert len(listed) == report_lines.LISTED
    assert "1,901 more rows are in the file." in text(found)
    assert data(found)["sections"]["recipient-1"]["whole"] is False


def test_page_lists_only_100_groups_per_file_if_all_files_together_have_too_many_values(
    page: Page, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = {f"g{n:03}": (n, "5.00", "5.00") for n in range(1, 151)}
    months = {"2026-10": {"First": lines, "Second": lines}}
    assert len(groups(page(months))) == 2 * 151
    monkeypatch.setattr(report_lines, "VALUES", 150 * 2 * 3 - 1)
    assert len(groups(page(months))) == 2 * 101


def test_two_groups_with_the_same_name_have_two_rows_but_only_one_comparison(
    page: Page, tmp_path: Path
) -> None:
    """Two groups can have one name if formulas are escaped, or if `columns` omits a column of `group_by`."""
    rows = [report_months.Row(("'=x",), ("1",)), report_months.Row(("'=x",), ("2",))]
    with report_changes.changes(rows, rows) as against:
        assert (against.new().count, against.compared(1)[0].same) == (0, 1)
    page({"2026-10": {"First": {"A": (1, "1", "1")}}})
    [month] = report_months.published(tmp_path / "output")
    path = tmp_path / "output" / month.manifest["files"][0]["key"]
    path.write_text(path.read_text() + "First,A,2026-10,,,2,2,2\r\n")
    listed = report_lines.lines(report_months.Shown.of(SPEC), [month], ["2026-10"], "First", None)
    assert [line.texts[0] for line in listed] == [["1"], ["2"]]


def test_largest_changes_are_first_and_equal_changes_are_in_the_order_of_the_file() -> None:
    def rows(*values: str) -> list[report_months.Row]:
        return [report_months.Row((str(place),), (value,)) for place, value in enumerate(values)]

    with report_changes.changes(rows(*"00000000", "5"), rows(*"12131111", "")) as against:
        [compared] = against.compared(1)
    assert [move.group for move in compared.moves] == [("8",), ("3",), ("1",), ("0",), ("2",), ("4",)]
    assert (compared.changed, compared.same) == (9, 0)
    assert (compared.moves[0].before, compared.moves[0].now) == (Decimal(5), None)


def test_manifest_is_refused_if_it_names_a_file_outside_the_folder_of_the_preview(
    page: Page, tmp_path: Path
) -> None:
    (tmp_path / "secret.csv").write_text("a,b\n1,2\n")
    page({"2026-10": {"Alpha": {"Main": (1, "1.00", "1.00")}}})
    manifest = tmp_path / "output/_manifests/2026-10.json"
    said = json.loads(manifest.read_text())
    said["files"][0]["key"] = "../secret.csv"
    manifest.write_text(json.dumps(said))
    [month] = report_months.published(tmp_path / "output")
    with pytest.raises(ExtractsError, match=r"\.\./secret\.csv is not a path inside"):
        list(report_months.Shown.of(SPEC).rows(month, "Alpha"))


def test_page_shows_the_first_lines_of_every_file_and_a_link_to_the_file(page: Page, tmp_path: Path) -> None:
    lines = {f"g{n}": (n, "5.00", "5.00") for n in range(1, 9)}
    months: Months = {f"2026-{month:02}": {"First": lines, "Sec:ond": lines} for month in (8, 9, 10)}
    found = page(months, asked=2)
    links = {link.get("href", "") for link in all_of(found, "a") if link.get("href", "")[0] != "#"}
    targets = {(tmp_path / "output" / unquote(link)).resolve() for link in links}
    assert targets == set((tmp_path / "output").rglob("*.csv"))
    assert len(targets) == 4
    beginnings = [words(pre) for pre in all_of(found, "pre")[:-1]]
    assert len(beginnings) == 4  # August was not requested, so its files are not in the output
    assert (
        beginnings[1].splitlines()[0].startswith("bank,branch,period,window_start,window_end,count,sum,avg")
    )
    assert beginnings[1].endswith("First,g3,2026-10,,,3,5.00,5.00")


def test_page_shows_the_first_lines_of_an_encrypted_file_as_plain_text(page: Page, tmp_path: Path) -> None:
    page({"2026-10": {"First": {"A": (1, "5", "5")}}})
    [plain] = report_months.published(tmp_path / "output")
    [entry] = plain.manifest["files"]
    encrypted = {**entry, "key": "First.csv.pgp", "encryption": {"keys": ["ABCD"]}}
    month = report_months.Month("2026-10", tmp_path, {"files": [encrypted]}, readable=plain)
    said = report_months.beginning(month, encrypted, SPEC)
    assert said.splitlines()[1] == "First,A,2026-10,,,1,5,5"
    unknown = report_months.Month("2026-10", tmp_path, {"files": [encrypted]})
    assert report_months.beginning(unknown, encrypted, SPEC) == "encrypted for ABCD"


def test_links_are_relative_to_the_folder_of_the_page(tmp_path: Path) -> None:
    folder = tmp_path / "pages & more"
    folder.mkdir()
    page = preview_page.write(
        tmp_path, {"2026-10": {"First": {"A": (1, "5", "5")}}}, page=folder / "page.html"
    )
    [link, _] = re.findall(r'href="([^"#]+)"', page.read_text())
    assert (folder / unquote(link)).resolve() == tmp_path / "output/bank=0/2026-10-0.csv"


def test_page_reports_a_recipient_that_has_no_file_this_month(page: Page) -> None:
    found = page({"2026-09": {"First": {}, "Old": {"A": (1, "1", "1")}}, "2026-10": {"First": {}}})
    said = text(found)
    assert "Old No file this month. What changed since Sep 2026 Removed: A ." in said


def test_names_from_the_database_are_escaped(page: Page, tmp_path: Path) -> None:
    metrics = {HOSTILE + "2": {"aggregate": HOSTILE, **OVER}, "b": {"aggregate": "sum", **OVER}}
    months = {"2026-09": {HOSTILE: {HOSTILE: (1, "2.00")}}, "2026-10": {HOSTILE: {HOSTILE: (1, "1.00")}}}
    found = page(
        months, group_by={HOSTILE: "x.y"}, recipient={HOSTILE: "x.y"}, entity=HOSTILE, where=HOSTILE,
        metrics=metrics,
    )  # fmt: skip
    written = (tmp_path / "output/report.html").read_text()
    assert len(all_of(found, "script")) == 1 + len(report_page.SCRIPTS) == written.count("<script")
    assert "<script>alert" not in written
    shown = HOSTILE.replace("\x01", "\ufffd")
    assert words(all_of(found, "h2")[1]) == shown
    assert data(found)["metrics"] == [HOSTILE + "2", "b"]
    assert groups(found)[1].startswith(shown)
    assert words(all_of(found, "pre")[-1]) == "SELECT '<b>' FROM \"Loans\""


def test_page_has_no_external_resources_and_allows_only_its_own_scripts(page: Page, tmp_path: Path) -> None:
    found = page({"2026-10": {"First": {"A": (1, "5", "5")}}})
    written = (tmp_path / "output/report.html").read_text()
    markup = re.sub(r"(<script[^>]*>).*?</script>", r"\1", written, flags=re.DOTALL)
    assert re.findall(r"https?://(?!www\.w3\.org/1999/xhtml)", markup) == []
    assert not re.search(r"<link|<img|\ssrc=|@import|url\(|\sstyle=|\son\w+=", markup)
    assert not re.search(r"fetch\(|XMLHttpRequest|import\(|eval\(|innerHTML|insertAdjacentHTML",
                         "".join(file.read_text() for file in FOLDER.glob("*.js")))  # fmt: skip
    [policy] = [meta.get("content", "") for meta in all_of(found, "meta") if meta.get("http-equiv")]
    rules = dict(rule.strip().split(" ", 1) for rule in policy.split(";"))
    assert {name: rules[name] for name in ("default-src", "base-uri", "form-action")} == {
        "default-src": "'none'", "base-uri": "'none'", "form-action": "'none'",
    }  # fmt: skip
    for tag, rule in (("script", "script-src"), ("style", "style-src")):
        parts = re.findall(rf"<{tag}>(.*?)</{tag}>", written, re.DOTALL)
        hashes = [base64.b64encode(hashlib.sha256(part.encode()).digest()).decode() for part in parts]
        assert rules[rule].split() == [f"'sha256-{found}'" for found in hashes]


def test_vendored_files_match_the_digests_in_their_readme_and_have_a_license(tmp_path: Path) -> None:
    recorded = dict(
        re.findall(
            r"^\| `([\w.]+)` \|.*`([0-9a-f]{64})` \|$", (FOLDER / "vendor/README.md").read_text(), re.M
        )
    )
    found = {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in (FOLDER / "vendor").iterdir()
        if path.suffix in (".js", ".css")
    }
    assert recorded == found
    license_text = (FOLDER / "vendor/uPlot.LICENSE").read_text().strip()
    assert license_text.startswith("The MIT License")
    assert license_text in preview_page.write(tmp_path, {"2026-10": {"First": {}}}).read_text()


def contrast(one: str, other: str) -> float:
    """Return the contrast of two colors, by the formula of WCAG 2."""

    def luminance(color: str) -> float:
        parts = [int(color[i : i + 2], 16) / 255 for i in (1, 3, 5)]
        linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("scheme", [0, 1], ids=["light", "dark"])
def test_every_text_has_enough_contrast(scheme: int) -> None:
    blocks = re.findall(r":root \{(.*?)\}", (FOLDER / "base.css").read_text(), re.DOTALL)
    colors = dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6})", blocks[scheme]))
    for on in ("paper", "card", "shade"):
        for ink in ("ink", "soft", "accent", "other"):
            assert contrast(colors[ink], colors[on]) >= 4.5, (ink, on)
    assert contrast(colors["warn"], colors["warn-fill"]) >= 4.5


def test_control_totals_show_the_rows_of_the_source_and_of_the_files_and_the_orphan_rows(page: Page) -> None:
    said = text(page({"2026-10": {"First": {"A": (3, "5", "5")}}}))
    assert "Oct 2026 8 3 2 3 ✓ yes" in said
    assert "Oct 2026 sum 8 12355.50 12345.50 10.00" in said
    assert "Oct 2026 count 8 \u2013 \u2013 \u2013" in said


def test_page_describes_each_metric_and_shows_its_column(page: Page) -> None:
    filtered = {**OVER, "expression": "Amount / 2", "window": "year_to_date", "where": "Amount > 0"}
    metrics = {"half": {"aggregate": "median", **filtered}, "top": {"aggregate": "p90", **OVER, "window": 1}}
    found = page({"2026-10": {"First": {"A": ("1.00", "2.00")}}}, metrics=metrics)
    assert groups(found) == ["branch half top", "A 1.00 2.00"]
    said = text(found)
    assert "half median of Amount / 2 over the year to date, where Amount > 0" in said
    assert "top p90 of Amount over the month" in said


def test_page_of_an_extract_without_metrics_shows_all_rows_and_no_changes(page: Page) -> None:
    months = {period: {"First": {"A": ()}} for period in ("2026-09", "2026-10")}
    found = page(months, metrics=None, group_by=None, rows={"branch": "Branch.Name"})
    assert groups(found) == ["branch", "A"]
    said = text(found)
    assert "All rows" in said
    assert "What changed" not in said


def test_page_shows_the_recipient_in_the_first_column_if_the_extract_has_no_groups(page: Page) -> None:
    found = page({"2026-10": {"First": {"": (3, "5", "5")}}}, columns=("bank", "count", "sum", "avg"))
    assert groups(found) == ["bank count sum avg", "First 3 5 5"]


def test_page_does_not_show_metrics_whose_columns_are_not_in_the_files(page: Page) -> None:
    columns = ("bank", "branch", "count", "sum")
    found = page({"2026-10": {"First": {"A": (3, "5", "5")}}}, columns=columns)
    assert groups(found) == ["branch count sum", "A 3 5"]


def test_page_has_40_sections_and_lists_the_files_of_all_further_recipients(page: Page) -> None:
    lines: Lines = {"A": (1, "5", "5")}
    found = page({"2026-10": {f"Bank {n}": lines for n in range(43)}})
    assert len(all_of(found, "section")) == 40
    assert "3 more recipients have files. They have no section on this page." in text(found)
    assert "bank%3D42/2026-10-42.csv" in {link.get("href") for link in all_of(found, "a")}
