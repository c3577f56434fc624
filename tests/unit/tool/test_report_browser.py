"""Chromium opens the page of a preview. The tests check its size, sorting, search and choice of a period."""

from __future__ import annotations

import os
import random
import re
import shutil
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Locator, Page, expect, sync_playwright

from extracts.report_numbers import Marks, difference
from tests.support import preview_page
from tests.support.preview_page import OVER, Months

CHROMIUM = next(filter(None, map(shutil.which, (
    "chromium-headless-shell", "chromium", "chromium-browser", "google-chrome", "google-chrome-stable",
))), None)  # fmt: skip
pytestmark = pytest.mark.skipif(
    CHROMIUM is None and not os.environ.get("EXTRACTS_BROWSER"),
    reason="no Chromium on the PATH; `make test-browser` demands one",
)
HOSTILE = '<img src=x onerror="window.hacked=1"> </script><script>window.hacked=1</script> \'"` ${1} ='
Open = Callable[..., Page]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    assert CHROMIUM, "No Chromium on the PATH: apt install chromium-headless-shell, or any Chrome."
    with sync_playwright() as playwright:
        arguments = ["--no-sandbox", "--disable-dev-shm-usage"]
        found = playwright.chromium.launch(executable_path=CHROMIUM, args=arguments, timeout=120_000)
        yield found
        found.close()


@pytest.fixture
def opened(browser: Browser, tmp_path: Path) -> Iterator[Open]:
    """Return a function that opens the page of a preview for `months`.

    After the test, check that no page had an error or used the network.
    """
    faults: list[str] = []
    contexts: list[BrowserContext] = []

    def opened(
        months: Months, *, width: int = 1280, scheme: Any = "light", script: bool = True, **more: Any
    ) -> Page:
        file = preview_page.write(tmp_path / str(len(contexts)), months, **more)
        context = browser.new_context(
            viewport={"width": width, "height": 900}, color_scheme=scheme, java_script_enabled=script
        )
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda message: faults.append(message.text))
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.on("request", lambda request: faults.append(request.url))
        page.goto(file.as_uri())
        faults.remove(file.as_uri())
        return page

    yield opened
    for context in contexts:
        context.close()
    assert faults == []


def periods(count: int) -> list[str]:
    """Return the last `count` months up to 2026-10."""
    return [f"{n // 12:04}-{n % 12 + 1:02}" for n in range(2026 * 12 + 10 - count, 2026 * 12 + 10)]


def made_up(months: int, groups: int, recipients: int = 1, seed: int = 1) -> Months:
    """Return months with groups that appear and disappear, long names, missing values and large numbers."""
    chance = random.Random(seed)

    def values() -> tuple[Any, ...]:
        count = chance.choice([0, 1, 7, 142, 99_000])
        average = Decimal(chance.randrange(1, 10**9)) / 100
        return (count, f"{average * count:.2f}", f"{average:.2f}") if count else (0, "", "")

    return {
        period: {
            f"Bank {bank} & sons": {
                f"Branch {group}, {'a long street ' * (group % 4)}": values()
                for group in range(groups)
                if group == 0 or chance.random() > 0.05
            }
            for bank in range(recipients)
        }
        for period in periods(months)
    }


FEW: Months = {
    "2026-08": {"First": {"A": (1, "1.10", "1.10"), "Ärger": (5, "9.99", "2.00"), "C": (2, "3.00", "1.50")}},
    "2026-09": {"First": {"A": (4, "1.30", "0.33"), "Ärger": (5, "9.99", "2.00"), "D": (9, "8.00", "0.89")}},
    "2026-10": {"First": {"A": (10, "10.00", "1.00"), "Ärger": (0, "", ""), "D": (9, "7.00", "0.78")}},
}


def names(page: Page) -> list[str]:
    """Return the texts in the first column of all visible groups."""
    return page.locator("table.groups tbody tr:not(.detail):visible td:first-child").all_inner_texts()


def choose(page: Page, what: str, option: str) -> None:
    """Choose `option` in the list `what`, which is "Period" or "Metric"."""
    page.get_by_role("combobox", name=what).select_option(label=option)


def heading(page: Page, text: str) -> Locator:
    return page.locator("table.groups th").filter(has_text=re.compile(f"^{text}")).get_by_role("button")


@pytest.mark.parametrize(
    ("months", "groups", "width", "scheme"),
    [(1, 3, 390, "light"), (36, 3, 1280, "dark"), (60, 3, 390, "dark"), (12, 600, 390, "light")],
)
def test_page_fits_the_screen(opened: Open, months: int, groups: int, width: int, scheme: str) -> None:
    page = opened(made_up(months, groups, recipients=2), width=width, scheme=scheme)
    page.locator("#recipient-1").scroll_into_view_if_needed()
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    charts = page.locator("#recipient-1 canvas")
    assert (charts.count() > 0) == (months > 1)
    for chart in charts.all():
        box = chart.bounding_box()
        assert box
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= width
        assert box["height"] > 100
    if months > 1:
        page.locator("#recipient-1 .spark button").first.click()
        page.locator(".detail canvas").wait_for()
        assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_long_headings_do_not_overlap_on_a_phone(opened: Open) -> None:
    """A browser wraps text at spaces, but a name such as `productcategory_name` has no space."""
    label = "productsubcategory_identifier"
    page = opened(
        made_up(3, 3),
        width=390,
        recipient={label: "Bank.Name"},
        group_by={f"{label}_1": "Branch.Name"},
    )
    page.locator("#recipient-1").scroll_into_view_if_needed()
    heads = page.locator("thead th:first-child").all()
    assert any(label in head.inner_text() for head in heads)
    for head in heads:
        assert head.evaluate("element => element.scrollWidth <= element.clientWidth + 1"), head.inner_text()


def test_click_on_a_heading_sorts_the_table(opened: Open) -> None:
    page = opened(FEW)
    assert names(page) == ["A", "Ärger", "D"]
    heading(page, "sum").click()
    # The page sorts numbers, not texts, so 10.00 is more than 7.00. A group without a value comes last.
    assert names(page) == ["A", "D", "Ärger"]
    heading(page, "sum").click()
    assert names(page) == ["D", "A", "Ärger"]
    assert page.locator("th[aria-sort=ascending]").inner_text().startswith("sum")
    heading(page, "branch").click()
    assert names(page) == ["A", "Ärger", "D"]
    assert page.locator("th[aria-sort]").count() == 1
    heading(page, "branch").focus()
    page.keyboard.press("Enter")
    assert names(page) == ["D", "Ärger", "A"]


def test_search_ignores_case_and_accents(opened: Open) -> None:
    page = opened(FEW)
    page.get_by_label("Search").fill("aRG")
    assert names(page) == ["Ärger"]
    assert page.locator(".found").inner_text() == "1 of 3"
    page.get_by_label("Search").fill("nothing")
    assert names(page) == []
    page.get_by_label("Search").fill("")
    assert names(page) == ["A", "Ärger", "D"]


@pytest.mark.parametrize("metric", ["count", "sum", "avg"])
def test_page_shows_the_values_and_changes_of_the_period_that_the_user_chooses(
    opened: Open, metric: str
) -> None:
    """The expected values come from a second page, which was made for September and runs no scripts."""
    months = made_up(4, 40, seed=7)
    page, asked = opened(months), opened({p: months[p] for p in periods(4)[:3]}, script=False)
    choose(page, "Period", "Sep 2026")
    choose(page, "Metric", metric)
    place = ["count", "sum", "avg"].index(metric)
    assert "Sep 2026" in page.locator("h1").inner_text()
    parts = ("h3", "> p", f'[data-metric="{place}"]')
    expected = [text for part in parts for text in asked.locator(f".changes {part}").all_inner_texts()]
    assert expected[0] == "What changed since Aug 2026"
    assert len(expected) == 4  # heading, text, list of new groups, list of removed groups
    assert page.locator(".changes:visible").inner_text().split() == " ".join(expected).split()
    # If scripts are off, the table shows the changes of the first metric only. So for another metric, the
    # test does not compare the two columns with changes.
    columns = 7 if place == 0 else 5

    def rows(page: Page) -> list[list[str]]:
        found = page.locator(".groups tbody tr:visible").all_inner_texts()
        return sorted(row.split("\t")[:columns] for row in found)

    assert rows(page) == rows(asked)


def test_page_does_not_mention_changes_if_no_value_changed_in_the_chosen_period(opened: Open) -> None:
    lines = {"A": (1, "5", "5")}
    page = opened(
        {"2026-08": {"First": lines}, "2026-09": {"First": lines}, "2026-10": {"First": {"A": (2, "6", "3")}}}
    )
    expect(page.locator("main")).to_contain_text("What changed since Sep 2026", use_inner_text=True)
    choose(page, "Period", "Sep 2026")
    expect(page.locator("main")).not_to_contain_text("hanged", use_inner_text=True)


def test_page_does_not_mention_changes_if_the_chosen_metric_did_not_change(opened: Open) -> None:
    page = opened({"2026-09": {"First": {"A": (1, "5", "5")}}, "2026-10": {"First": {"A": (1, "6", "6")}}})
    expect(page.locator("main")).not_to_contain_text("hanged", use_inner_text=True)
    choose(page, "Metric", "sum")
    expect(page.locator("main")).to_contain_text("sum changed in 1 of 1 group:", use_inner_text=True)
    choose(page, "Metric", "count")
    expect(page.locator("main")).not_to_contain_text("hanged", use_inner_text=True)


def test_section_below_the_screen_shows_no_changes_if_the_chosen_metric_did_not_change(opened: Open) -> None:
    same = {f"First {n}": {f"g{m}": (m, "5", "5") for m in range(40)} for n in range(3)}
    changed = {name: {group: (row[0], "6", "6") for group, row in of.items()} for name, of in same.items()}
    page = opened({"2026-09": same, "2026-10": changed})
    expect(page.locator("#recipient-3 .changes")).to_be_hidden()


def test_page_compares_all_groups_of_a_large_file_only_for_the_reported_period(opened: Open) -> None:
    months = {
        period: {"First": {f"g{n}": (n, f"{n + place}.00", "1.00") for n in range(1_100)}}
        for place, period in enumerate(periods(3))
    }
    page = opened(months)
    choose(page, "Period", "Sep 2026")
    expect(page.locator("main")).to_contain_text(
        "The page compares all groups of this file only for Oct 2026.", use_inner_text=True
    )
    assert len(names(page)) == 100


def test_scripts_draw_the_same_sparklines_as_the_tool(opened: Open) -> None:
    months = made_up(12, 30, seed=3)

    def points(page: Page) -> list[list[float]]:
        paths = page.locator(".spark path").evaluate_all("paths => paths.map(path => path.getAttribute('d'))")
        return [[float(number) for number in re.findall(r"[\d.]+", path)] for path in paths]

    plain, drawn = points(opened(months, script=False)), points(opened(months))
    assert len(plain) >= 30
    assert [len(path) for path in drawn] == [len(path) for path in plain]
    for one, other in zip(drawn, plain, strict=True):
        # The tool and the script round to one decimal, but they may round a number such as 0.25 differently.
        assert one == pytest.approx(other, abs=0.11)


def test_scripts_write_numbers_in_the_same_way_as_the_tool(opened: Open) -> None:
    page = opened(FEW)
    chance = random.Random(5)
    numbers = ["0", "-0.01", "999.99", "1000", "-123456789012345678901.2345"]
    numbers += [
        f"{Decimal(chance.randrange(-(10**9), 10**9)).scaleb(-chance.randrange(5)):f}" for _ in range(60)
    ]
    pairs = [(chance.choice(numbers), chance.choice(numbers)) for _ in range(200)]
    program = """([pairs, marks]) => pairs.map(([now, before]) => {
      const cell = document.createElement("td");
      showChange(cell, before, now, marks);
      return [written(now, marks), cell.textContent];
    })"""
    for marks in (Marks(), Marks(",", "."), Marks(".", "'")):
        found = page.evaluate(program, [pairs, {"decimal": marks.decimal, "thousands": marks.thousands}])
        assert found == [
            [marks.write(now), difference(Decimal(now), Decimal(before), marks)] for now, before in pairs
        ]


def test_user_can_open_all_values_of_a_group_with_the_keyboard(opened: Open) -> None:
    page = opened(FEW)
    button = page.get_by_role("button", name="All periods of A", exact=True)
    button.focus()
    page.keyboard.press("Enter")
    assert button.get_attribute("aria-expanded") == "true"
    rows = page.locator(".detail .values tbody tr").all_inner_texts()
    assert [row.split("\t") for row in rows] == [
        ["Oct 2026", "10", "10.00", "1.00"],
        ["Sep 2026", "4", "1.30", "0.33"],
        ["Aug 2026", "1", "1.10", "1.10"],
    ]
    page.keyboard.press("Enter")
    assert page.locator(".detail").count() == 0


def test_chart_shows_the_value_under_the_pointer(opened: Open) -> None:
    page = opened(FEW)
    choose(page, "Metric", "sum")
    card = page.locator(".card").filter(has_text="A").first
    assert card.locator(".value").inner_text() == "10.00"
    card.locator(".u-over").hover(position={"x": 5, "y": 20})
    assert card.locator(".value").inner_text() == "1.10"
    assert card.locator(".when").inner_text() == "Aug 2026"


def test_charts_change_their_colors_if_the_system_changes_to_dark_mode(opened: Open) -> None:
    page = opened(FEW)
    canvas = page.locator("canvas").first
    light = canvas.evaluate("canvas => canvas.toDataURL()")
    page.emulate_media(color_scheme="dark")
    page.wait_for_timeout(200)
    assert page.locator("canvas").first.evaluate("canvas => canvas.toDataURL()") != light


def test_page_shows_its_texts_and_tables_if_javascript_is_off(opened: Open) -> None:
    page = opened(FEW, script=False, asked=2)
    expect(page.locator("main")).to_contain_text(
        "Sep 2026: bank=0/2026-09-0.csv", use_inner_text=True
    )  # without JavaScript, the page shows only a link to the file of September
    assert names(page) == ["A", "Ärger", "D"]
    said = page.inner_text("body")
    assert "if JavaScript is on" in said
    assert "New" not in said
    assert "Removed" not in said
    assert "sum changed in 3 of 3 groups" in said
    assert "First lines of the file" in said
    assert not page.locator("#period").is_visible()


def test_scripts_in_names_from_the_database_do_not_run(opened: Open) -> None:
    metrics = {HOSTILE + "1": {"aggregate": "count", **OVER}, HOSTILE + "2": {"aggregate": "sum", **OVER}}
    months: Months = {
        period: {HOSTILE: {HOSTILE: (place, "1.00"), HOSTILE + period: (1, "1.00")}}
        for place, period in enumerate(periods(4))
    }
    page = opened(months, metrics=metrics, group_by={HOSTILE: "x.y"}, recipient={HOSTILE + "0": "x.y"})
    choose(page, "Metric", HOSTILE + "2")
    choose(page, "Metric", HOSTILE + "1")
    choose(page, "Period", "Sep 2026")
    page.locator(".spark button").first.click()
    assert HOSTILE + "2026-09" in page.locator(".changes:visible").inner_text()
    assert HOSTILE in page.locator(".detail .name").inner_text()
    assert page.evaluate("window.hacked") is None


def test_content_security_policy_blocks_a_script_that_is_added_to_the_page(
    browser: Browser, tmp_path: Path
) -> None:
    page = browser.new_page()
    page.goto(preview_page.write(tmp_path, FEW).as_uri())
    page.evaluate("""() => {
      const script = document.createElement("script");
      script.textContent = "window.hacked = 1";
      document.body.append(script);
      document.body.insertAdjacentHTML("beforeend", "<img src='x:y' onerror='window.hacked = 1'>");
    }""")
    page.wait_for_timeout(200)
    assert page.evaluate("window.hacked") is None
    page.close()
