"""Commands on pages are valid. Numbers on pages agree with the code and the expected files."""

from __future__ import annotations

import html
import json
import re
import tomllib
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from functools import cache
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

from extracts import cli
from local_cloud.demo import store
from tests.support.oracle import oracle
from tools.drawings import ROOT

README = (ROOT / "README.md").read_text()
TUTORIAL = (ROOT / "docs/tutorial/first-deployment.md").read_text()
COSTS = (ROOT / "docs/reference/costs.md").read_text()
PAGES = [
    page
    for folder in (".", ".github", "docs/**", "modules/*", "examples/*")
    for page in sorted(ROOT.glob(f"{folder}/*.md"))
]
FORMS = sorted((ROOT / ".github/ISSUE_TEMPLATE").glob("*.yml"))


@cache
def options(command: str) -> set[str]:
    """Return the long options of a command of the tool, or an empty set if it does not exist."""
    done = CliRunner().invoke(cli.app, [command, "--help"], env={"COLUMNS": "200", "TERM": "dumb"})
    return set(re.findall(r"(--[a-z-]+)", done.output)) if done.exit_code == 0 else set()


def test_every_call_of_the_tool_on_a_page_is_valid() -> None:
    calls = [
        (page.relative_to(ROOT), call)
        for page in PAGES
        for call in re.findall(r"(?:\$ (?:\.venv/bin/)?|`)extracts ([a-z][^\n`]*)", page.read_text())
    ]
    assert len(calls) > 4
    for page, call in calls:
        command, *words = call.split()
        assert options(command), f"{page}: there is no extracts {command}"
        unknown = {word.partition("=")[0] for word in words if word.startswith("--")} - options(command)
        assert not unknown, f"{page}: extracts {command} has no option {unknown}"


def test_picture_of_the_demo_shows_the_rows_that_the_oracle_computes() -> None:
    picture = (ROOT / ".github/demo.svg").read_text()
    shown = html.unescape("".join(re.findall(r">([^<>]*)<", picture))).replace("\xa0", " ")
    last = re.search(r"KarooCoastBank_(\d{4})(\d\d)\d\d\.csv, in full", shown)
    assert last
    rows = store.generate(date(int(last[1]), int(last[2]), 1))
    header, *lines = oracle(rows, "Karoo & Coast Bank").decode().rstrip().split("\r\n")
    assert lines
    for line in (header, *lines):
        assert line in shown


def test_preview_in_the_tutorial_shows_rows_that_the_oracle_computes() -> None:
    given = re.search(r"demo database with ([\d,]+) loans", TUTORIAL)
    assert given
    rows = store.generate(date(2026, 10, 1), loans=int(given[1].replace(",", "")))
    header, *lines = oracle(rows, "First Bank").decode().replace('"', "").split("\r\n")
    assert header.endswith("loans_count,amount_sum,amount_avg")
    shown = re.findall(r"^\| (\d+) \| (.*) \| (\d+) \| ([\d.]+) \| ([\d.]+) \|$", TUTORIAL, re.MULTILINE)
    assert shown
    for branch, address, *figures in shown:
        start, end = f"First Bank,{branch},{address},2026-10,", ",".join(figures)
        assert any(line.startswith(start) and line.endswith(end) for line in lines), address


def costs() -> list[list[str]]:
    """Return the rows of the table of costs: part, quantity, price, and dollars per month."""
    section = COSTS.partition("## What a month costs")[2].partition("\n## ")[0]
    rows = [line.strip("|").split("|") for line in section.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in row] for row in rows[2:]]


def test_rows_of_the_table_of_costs_add_up_to_the_totals() -> None:
    parts, totals = [], {}
    for part, quantity, price, month in costs():
        if part.startswith("**"):
            totals[part.strip("*")] = Decimal(month.strip("*"))
        elif price:
            cents = Decimal(month)
            exact = Decimal(quantity.split()[0]) * Decimal(price)
            assert exact.quantize(Decimal("0.01"), ROUND_HALF_UP) == cents, part
            parts.append((part, cents))
    small = Decimal("0.10")
    with_sftp = sum(cents for _, cents in parts) + small
    server = next(cents for part, cents in parts if part.startswith("SFTP server"))
    assert totals == {"with SFTP": round(with_sftp), "without SFTP": round(with_sftp - server)}


def test_total_in_the_readme_of_a_project_equals_the_total_on_the_page_of_costs() -> None:
    project = (ROOT / "examples/bank-loans/README.md").read_text()
    [(_, _, _, total)] = [row for row in costs() if row[0] == "**with SFTP**"]
    assert f"| **total** | {total} |" in project


def test_readme_of_the_repository_has_fewer_than_600_words() -> None:
    assert len(README.split()) < 600


def test_every_page_of_docs_is_in_an_index() -> None:
    folder = ROOT / "docs"
    linked = {
        (index.parent / link).resolve()
        for index in (folder / "README.md", folder / "decisions/README.md")
        for link in re.findall(r"\]\(([^)#]+\.md)", index.read_text())
    }
    assert set(folder.rglob("*.md")) - linked == {folder / "README.md"}


def test_readme_of_the_repository_links_every_module() -> None:
    for module in sorted((ROOT / "modules").iterdir()):
        assert f"](modules/{module.name})" in README


def test_license_file_contains_the_license_of_the_package() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert project["license"] == "Apache-2.0"
    words = (ROOT / "LICENSE").read_text().split()
    assert words[:4] == ["Apache", "License", "Version", "2.0,"]


@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.name)
def test_every_issue_form_has_the_structure_that_github_requires(form: Path) -> None:
    given = yaml.safe_load(form.read_text())
    if form.name == "config.yml":
        assert given["blank_issues_enabled"] is False
        assert {tuple(sorted(link)) for link in given["contact_links"]} == {("about", "name", "url")}
        return
    assert (
        {"name", "description", "body"} <= given.keys() <= {"name", "description", "title", "labels", "body"}
    )
    names = [field["id"] for field in given["body"] if field["type"] != "markdown"]
    assert len(names) == len(set(names)) > 0
    for field in given["body"]:
        assert field["type"] in {"checkboxes", "dropdown", "input", "markdown", "textarea"}
        assert field["attributes"].get("label" if field["type"] != "markdown" else "value")
    assert any(field.get("validations", {}).get("required") for field in given["body"])


def test_bug_form_lists_every_module() -> None:
    given = yaml.safe_load((ROOT / ".github/ISSUE_TEMPLATE/fault.yml").read_text())
    [part] = [field for field in given["body"] if field.get("id") == "part"]
    modules = {module.name for module in (ROOT / "modules").iterdir()}
    assert modules <= set(part["attributes"]["options"]), json.dumps(sorted(modules))
