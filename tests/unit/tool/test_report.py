"""The page of a preview: charts and tables from the files, without external resources."""

from __future__ import annotations

import csv
import json
import os
import re
import shutil
import subprocess
from collections.abc import Callable, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from extracts import report, report_changes, report_charts, report_months
from extracts.errors import ExtractsError

CHROMIUM = next(filter(None, map(shutil.which, (
    "chromium-headless-shell", "chromium", "chromium-browser", "google-chrome", "google-chrome-stable",
))), None)  # fmt: skip
HOSTILE = '<script>alert(1)</script> "O\'Neil" & {{ 7 * 7 }} ]]> \x01'
OVER = {"expression": "Amount", "window": 3, "where": None, "scale": None}
SPEC = {
    "entity": "Loans", "date_column": "loan_date", "group_by": {"branch": "Branch.Name"}, "rows": None,
    "recipient": {"bank": "Bank.Name"}, "where": None, "recipients_where": None, "columns": None,
    "file": {"compression": None, "format": {"encoding": "utf-8"}},
    "files": None,
    "metrics": {name: {"aggregate": name, **OVER} for name in ("count", "sum", "avg")},
}  # fmt: skip
Lines = Mapping[str, tuple[Any, ...]]  # the metrics of each group
Page = Callable[..., ElementTree.Element]


@pytest.fixture
def page(tmp_path: Path) -> Page:
    """Return the page of these months, keyed by period and recipient. The last month is the requested one."""

    def page(months: Mapping[str, Mapping[str, Lines]], **more: Any) -> ElementTree.Element:
        spec, asked = {**SPEC, **more}, max(months)
        groups = spec["group_by"] or spec["rows"]
        for period, recipients in months.items():
            folder = tmp_path / ("output" if period == asked else "history")
            _publish(folder, period, recipients, [*(spec["metrics"] or ())], [*spec["recipient"], *groups])
        log: list[Mapping[str, Any]] = [
            {"event": "started", "message": "", "level": "info", "periods": [asked]},
            {"event": "query", "message": "", "level": "info", "sql": "\n    SELECT '<b>' FROM \"Loans\""},
            {"event": "spec", "spec": spec},
        ]
        text = report.page("bank-loans", log, tmp_path / "output", tmp_path / "history")
        (tmp_path / "report.html").write_text(text, encoding="utf-8")
        return ElementTree.fromstring(text)

    return page


def _publish(
    folder: Path, period: str, recipients: Mapping[str, Lines], metrics: list[str], labels: list[str]
) -> None:
    files = []
    for number, (recipient, lines) in enumerate(recipients.items()):
        key = f"{period}-{number}.csv"
        folder.mkdir(exist_ok=True)
        with (folder / key).open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow([*labels, "period", "window_start", "window_end", *metrics])
            writer.writerows([recipient, group, period, "", "", *line] for group, line in lines.items())
        totals = {
            "rows": sum(line[0] for line in lines.values() if line and isinstance(line[0], int)),
            "metrics": {},
        }
        files.append({"recipient": recipient, "key": key, "rows": len(lines), "bytes": 1, "sha256": "ab" * 32,
                      "totals": totals})  # fmt: skip
    rows = sum(file["totals"]["rows"] for file in files)  # type: ignore[index]

    def part(rows: int, total: str) -> dict[str, Any]:
        """Return totals as the manifest has them; a count of rows has no sum."""
        values = {name: {"count": rows, **({} if name == "count" else {"sum": total})} for name in metrics}
        return {"rows": rows, "metrics": values}

    manifest = {
        "period": period, "window": {"start": "2026-08-01", "end": "2026-10-31", "time_zone": "Etc/GMT"},
        "files": files,
        "totals": part(rows, "12345.50"), "source": part(rows + 5, "12355.50"),
        "orphans": part(2, "10.00"), "excluded": part(3, "0"), "undated_rows": 0,
        "groups_without_recipient": 0, "revision": 1,
        "complete": True, "snapshot_time": "2026-11-01", "engine_version": "1", "run_id": "local-1",
    }  # fmt: skip
    (folder / "_manifests").mkdir(exist_ok=True)
    (folder / "_manifests" / f"{period}.json").write_text(json.dumps(manifest))


def words(element: ElementTree.Element) -> str:
    return " ".join(" ".join(element.itertext()).split())


def all_of(element: ElementTree.Element, tag: str) -> list[ElementTree.Element]:
    return element.findall(f".//{{http://www.w3.org/1999/xhtml}}{tag}")


def test_chart_has_a_point_for_each_month_with_a_value(page: Page) -> None:
    months = {
        "2026-08": {"First": {"North": (1, "5.00", "5.00")}},
        "2026-09": {"First": {"North": (0, "", "")}},
        "2026-10": {"First": {"North": (2, "14.00", "7.00"), "South": (1, "9.50", "9.50")}},
    }
    north, south = all_of(page(months), "figure")
    assert [words(title) for title in all_of(north, "title")] == ["Aug 2026: 5.00", "Oct 2026: 7.00"]
    assert "7.00 none before" in words(north)
    assert [words(title) for title in all_of(south, "title")] == ["Oct 2026: 9.50"]
    [_, line] = all_of(north, "path")
    assert line.get("d") == ""  # a month without a value interrupts the line


def test_page_shows_changes_since_the_month_before(page: Page) -> None:
    months = {
        "2026-09": {"First": {"A": (1, "5", "5"), "B": (1, "1000.10", "1000.10"), "C": (1, "3", "3")}},
        "2026-10": {"First": {"B": (1, "400.05", "400.05"), "C": (1, "3", "3"), "D": (1, "1", "1")}},
    }
    said = words(page(months))
    assert "New: D . Removed: A ." in said
    assert "B 1,000.10 400.05 \u2212600.05" in said
    assert "1 group has the same value." in said


def test_page_without_the_month_before_shows_no_changes(page: Page) -> None:
    said = words(
        page({"2026-08": {"First": {"A": (1, "5", "5")}}, "2026-10": {"First": {"B": (1, "4", "4")}}})
    )
    assert "New:" not in said
    assert "Changes since" not in said


def test_largest_groups_have_charts_and_the_others_share_one(page: Page) -> None:
    lines = {f"g{n:03}": (n, f"{n * n}.00", f"{n}.00") for n in range(1, 201)}
    found = page({"2026-10": {"First": lines}})
    charts = all_of(found, "figure")
    assert [words(all_of(chart, "b")[0]) for chart in charts[:-1]] == [f"g{n}" for n in range(190, 201)]
    counts, total = sum(range(1, 190)), sum(n * n for n in range(1, 190))
    mean = (Decimal(total) / counts).quantize(
        Decimal("0.01")
    )  # average of the rows, not of the groups' averages
    assert words(charts[-1]).startswith(f"the other 189 in total {mean}")
    assert "100 more rows are in the file." in words(found)


def test_groups_with_equal_names_are_compared_once(tmp_path: Path) -> None:
    """Escaping formulas can make two names equal."""
    month = [(("'=x",), Decimal(1)), (("'=x",), Decimal(2))]
    with report_changes.changes(month, month) as against:
        assert (against.new().count, against.same()) == (0, 1)


def test_manifest_with_a_file_outside_is_refused(page: Page, tmp_path: Path) -> None:
    (tmp_path / "secret.csv").write_text("a,b\n1,2\n")
    page({"2026-10": {"Alpha": {"Main": (1, "1.00", "1.00")}}})
    manifest = tmp_path / "output/_manifests/2026-10.json"
    said = json.loads(manifest.read_text())
    said["files"][0]["key"] = "../secret.csv"
    manifest.write_text(json.dumps(said))
    [month] = report_months.published(tmp_path / "output")
    with pytest.raises(ExtractsError, match=r"\.\./secret\.csv is not a path inside"):
        list(report_months.Shown.of(SPEC).rows(month, "Alpha"))


def test_removed_recipient_is_reported(page: Page) -> None:
    found = page({"2026-09": {"First": {}, "Old": {"A": (1, "1", "1")}}, "2026-10": {"First": {}}})
    assert "Old No file this month. There was one in the month before." in words(found)


def test_names_from_the_database_are_escaped(page: Page) -> None:
    months = {"2026-10": {HOSTILE: {HOSTILE: (1, "1.00", "1.00")}}}
    found = page(months, group_by={HOSTILE: "x.y"}, recipient={HOSTILE: "x.y"}, entity=HOSTILE, where=HOSTILE)
    assert not all_of(found, "script")
    shown = HOSTILE.replace("\x01", "\ufffd")
    assert words(all_of(found, "h2")[0]) == shown
    assert all_of(found, "svg")[0].get("aria-label") == f"{shown}: 1.00"
    assert words(all_of(found, "pre")[-1]) == "SELECT '<b>' FROM \"Loans\""


def test_page_has_no_external_resources(page: Page, tmp_path: Path) -> None:
    page({"2026-10": {"First": {"A": (1, "5", "5")}}})
    text = (tmp_path / "report.html").read_text()
    assert re.findall(r"https?://(?!www\.w3\.org/1999/xhtml)", text) == []
    assert not re.search(r"<script|<link|<img|\ssrc=|@import|url\(", text)
    assert "default-src 'none'" in text


def test_control_totals_show_source_files_and_orphan_rows(page: Page) -> None:
    found = page({"2026-10": {"First": {"A": (3, "5", "5")}}})
    assert "Oct 2026 8 3 2 3 ✓" in words(found)
    assert "Oct 2026 sum 8 12,355.50 12,345.50 10.00" in words(found)
    assert "Oct 2026 count 8 \u2013 \u2013 \u2013" in words(found)


def test_every_metric_is_described_and_has_a_column(page: Page) -> None:
    filtered = {**OVER, "expression": "Amount / 2", "window": "year_to_date", "where": "Amount > 0"}
    metrics = {"half": {"aggregate": "median", **filtered}, "top": {"aggregate": "p90", **OVER, "window": 1}}
    found = page({"2026-10": {"First": {"A": ("1.00", "2.00")}}}, metrics=metrics)
    said = words(found)
    assert "half is the median of Amount / 2 over the year to date, where Amount > 0" in said
    assert "top is the p90 of Amount over the month" in said
    assert "branch half top" in said
    assert "A 1.00 2.00" in said


def test_aggregate_that_the_page_does_not_know_is_shown_by_its_name(page: Page) -> None:
    metrics = {"it": {"aggregate": "mode", **OVER}}
    found = page({"2026-10": {"First": {"A": ("7.00",)}}}, metrics=metrics)
    assert "it is the mode of Amount over 3 months" in words(found)
    assert words(all_of(found, "figure")[0]).startswith("A 7.00")


def test_groups_that_share_no_chart_are_counted(page: Page) -> None:
    """A median of several groups cannot be computed from their medians."""
    lines = {f"g{n:03}": (f"{n}.00",) for n in range(1, 31)}
    found = page({"2026-10": {"First": lines}}, metrics={"it": {"aggregate": "median", **OVER}})
    assert len(all_of(found, "figure")) == report.CHARTS
    assert "19 more groups have no chart." in words(found)


def test_listing_shows_its_rows_without_charts(page: Page) -> None:
    months = {period: {"First": {"A": ()}} for period in ("2026-09", "2026-10")}
    found = page(months, metrics=None, group_by=None, rows={"branch": "Branch.Name"})
    assert not all_of(found, "figure")
    assert "The rows branch A" in words(found)
    assert "Changes since" not in words(found)


def test_columns_that_the_files_lack_are_not_shown(page: Page) -> None:
    columns = ("bank", "branch", "count", "sum")
    found = page({"2026-10": {"First": {"A": (3, "5", "5")}}}, columns=columns)
    assert "branch count sum A 3 5" in words(found)


@pytest.mark.parametrize(
    ("values", "labels"),
    [(["1", "9"], ["0", "5", "10"]), (["50000", "61000"], ["50k", "60k", "70k"]),
     (["7"], ["4", "6", "8", "10"]), ([], ["0", "0.5", "1"]),
     (["-5", "5"], ["-5", "0", "5"]), (["0", "0"], ["-1", "0", "1"])],
)  # fmt: skip
def test_axis_has_round_numbers_around_the_values(values: list[str], labels: list[str]) -> None:
    scale = report_charts.Scale.over(map(Decimal, values))
    assert [label for _, label in scale.ticks()] == labels
    assert all(scale.low <= float(value) <= scale.high for value in values)


@pytest.mark.skipif(
    CHROMIUM is None and not os.environ.get("EXTRACTS_BROWSER"),
    reason="no Chromium on the PATH; `make test-browser` demands one",
)
@pytest.mark.parametrize("width", [1200, 390])
def test_chromium_shows_the_page(page: Page, tmp_path: Path, width: int) -> None:
    assert CHROMIUM, "No Chromium on the PATH: apt install chromium-headless-shell, or any Chrome."
    lines = {f"branch {n} " + "of a long name " * n: (n, "5.00", f"{n}.00") for n in range(1, 9)}
    page({"2026-09": {"First & Last": lines}, "2026-10": {"First & Last": lines}})

    def chromium(order: str, file: str) -> str:
        command = [CHROMIUM, "--headless", "--no-sandbox", "--disable-dev-shm-usage", "--hide-scrollbars"]
        command += [f"--user-data-dir={tmp_path}/profile", f"--window-size={width},900", order]
        done = subprocess.run([*command, f"file://{tmp_path}/{file}"], capture_output=True, text=True,
                              check=True, timeout=300, stdin=subprocess.DEVNULL)  # fmt: skip
        return done.stdout

    # A copy without the page's policy runs a script that measures the layout.
    text = (tmp_path / "report.html").read_text()
    root = "document.documentElement"
    probe = f"[innerWidth, {root}.scrollWidth, document.querySelector('svg').clientHeight]"
    text = re.sub(r"<meta http-equiv[^>]*>", "", text)
    text = text.replace("</body>", f"<script>document.title = {probe}</script></body>")
    (tmp_path / "probed.html").write_text(text)
    dom = chromium("--dump-dom", "probed.html")
    measured = re.search(r"<title>(\d+),(\d+),(\d+)</title>", dom)
    assert measured, dom[:2000]
    inner, laid_out, chart = map(int, measured.groups())
    assert laid_out <= inner  # nothing is outside the window
    assert chart > 60
    picture = tmp_path / "report.png"
    chromium(f"--screenshot={picture}", "report.html")
    assert picture.read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"
    assert picture.stat().st_size > 10_000
