"""Reference pages agree with the code."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import hcl2
import pytest

import rolling_arguments
import rolling_file
import rolling_manifest
from extracts.new import questions
from rolling_file import Encryption, File
from rolling_period import Period
from rolling_publication import Plan
from rolling_store import open_store
from rolling_totals import MetricTotals, Totals
from tools import reference
from tools.drawings import ROOT

FOLDER = ROOT / "docs/reference"
RUNTIME = ROOT / "modules/glue-extract/runtime"


def page(name: str) -> str:
    return (FOLDER / name).read_text()


def rows(text: str) -> list[list[str]]:
    """Return the cells of all table rows whose first cell is inline code."""
    lines = [line for line in text.splitlines() if line.startswith("| `")]
    return [[cell.strip() for cell in re.split(r"(?<!\\)\|", line.strip("|"))] for line in lines]


def section(text: str, title: str) -> str:
    return text.partition(f"\n## {title}\n")[2].partition("\n## ")[0]


@pytest.mark.parametrize("name", reference.PAGES)
def test_generated_page_is_up_to_date(name: str) -> None:
    assert page(name) == reference.PAGES[name](), "run make docs"


def test_all_prices_in_the_template_are_also_on_the_page_of_costs() -> None:
    [delivery] = [question for question in questions().values() if question.name == "sftp"]
    prices = {
        name: re.findall(r"[0-9.]+(?: to [0-9.]+)?(?= USD)", meaning)
        for name, meaning in zip(delivery.choices, delivery.meanings, strict=True)
    }
    assert {name: len(found) for name, found in prices.items()} == {
        "server": 2, "instance": 1, "connector": 2, "none": 0,
    }  # fmt: skip
    costs = page("costs.md")
    for price in (price for found in prices.values() for price in found):
        assert re.search(rf"(?<![0-9.]){re.escape(price)}(?:\.00)?(?![0-9])", costs), price


def test_page_of_run_arguments_lists_every_argument() -> None:
    text = page("run-arguments.md")
    listed = set(re.findall(r"`[^`]*`", text))
    names = {name.lower() for code in listed for name in re.findall(r"--([A-Za-z0-9-]+)", code)}
    known = {*rolling_arguments._VALUES, *rolling_arguments._FLAGS, *rolling_arguments._GUARDED}
    assert known <= names
    assert names - known == {"job-name", "arguments", "restat"}


def names(value: object, prefix: str = "") -> Iterator[str]:
    """Yield the names of all fields in a JSON document, except inside control totals and spec texts."""
    if isinstance(value, dict):
        for key, inner in value.items():
            if prefix == "expressions." or (set(value) == {"rows", "metrics"}):
                continue
            yield f"{prefix}{key}"
            yield from names(inner, f"{prefix}{key}.")
    elif isinstance(value, list):
        for inner in value:
            yield from names(inner, f"{prefix[:-1]}[].")


def manifest(folder: Path) -> dict[str, Any]:
    """Return the manifest of a restatement that has every possible field."""
    path = folder / "bank_name=A/year=2026/month=10/A_20261031.csv"
    path.parent.mkdir(parents=True)
    path.write_text("1")
    totals = Totals(1, {"amount_sum": MetricTotals(1, "1.00")})
    encryption = Encryption(1, "1" * 64, ("2" * 40,), ("3" * 40,), armor=False)
    file = File("A", path, str(path.relative_to(folder)), 1, 1, "0" * 64, totals, encryption=encryption)
    before = {"revision": 1, "published_at": "2026-11-01T00:00:00Z", "run_id": "jr_1", "files": []}
    done = File("A", path, f"{file.place}.done", 0, 0, "0" * 64, Totals(0, {}), "done")
    plan = Plan(
        Period(2026, 10), (file, done), {}, frozenset(), frozenset(), before, "1", None, None, (), same=False
    )
    result = SimpleNamespace(
        resolved=SimpleNamespace(time_zone="Etc/GMT", texts={"where": "true"}),
        span=SimpleNamespace(days=lambda period: (period.first_day, period.shift(1).first_day)),
        undated=0,
        facts=SimpleNamespace(strays=0, recipient_keys={"A": "4" * 64}),
        snapshot_time="2026-11-01T00:00:00+00:00",
        **dict.fromkeys(("orphans", "excluded", "control"), lambda _: SimpleNamespace(totals=totals)),
    )
    run = rolling_manifest.Run("jr_2", "1", "now", "why", True, ("a",), ("b",), {"2026-09": "c"})
    return rolling_manifest.manifest(open_store(str(folder)), plan, cast(Any, result), totals, run)


def test_page_of_the_manifest_has_every_field_that_the_engine_writes(tmp_path: Path) -> None:
    listed = {name for cells in rows(page("manifest.md")) for name in re.findall(r"`([^`]+)`", cells[0])}
    # The page lists the fields inside these objects, but not the objects themselves.
    inside = {"window", "files", "files[].encryption", "markers", "late_data"}
    kept = {f"replaces.{name}" for name in ("revision", "published_at", "run_id", "files")}
    written = set(names(manifest(tmp_path)))
    assert kept <= written
    assert listed - {"rows", "metrics"} == written - inside - kept


def calls(name: str) -> Iterator[ast.Call]:
    for file in sorted(RUNTIME.glob("*.py")):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == name:
                yield node


def strings(node: ast.AST) -> set[str]:
    """Return the possible results of an expression that chooses between strings."""
    if isinstance(node, ast.IfExp):
        return strings(node.body) | strings(node.orelse)
    return {node.value} if isinstance(node, ast.Constant) and isinstance(node.value, str) else set()


def test_page_of_log_events_has_every_event_with_its_level_and_fields() -> None:
    logged: dict[str, tuple[set[str], set[str]]] = {}
    for call in calls("log"):
        given = {keyword.arg: keyword.value for keyword in call.keywords if keyword.arg}
        level = strings(given.pop("level")) if "level" in given else {"info"}
        for event in strings(call.args[0]):
            levels, more = logged.setdefault(event, (set(), set()))
            levels |= level
            more |= set(given)
    listed = {
        cells[0].strip("`"): ({cells[1]}, set(re.findall(r"`(\w+)`", cells[3])))
        for cells in rows(page("log-events.md"))
    }
    assert listed == logged


def test_page_of_exit_codes_has_every_kind_of_failure() -> None:
    kinds = {
        kind
        for file in RUNTIME.glob("*.py")
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.keyword) and node.arg == "kind"
        for kind in strings(node.value)
    }
    assert [f"`{kind}`" for kind in sorted(kinds)] == [cells[0] for cells in rows(page("exit-codes.md"))]


def test_page_of_files_has_the_paths_that_the_engine_writes() -> None:
    place = rolling_file.place("bank_name", "First Bank", Period(2026, 10), "FirstBank_20261031.csv")
    assert f"loans/{place}\nloans/{rolling_manifest.manifest_place(Period(2026, 10))}\n" in page("files.md")
    assert Period(2026, 10).file_date == date(2026, 10, 31)


def variables(folder: str) -> set[str]:
    text = "".join(file.read_text() for file in (ROOT / folder).glob("variables*.tf"))
    return set(re.findall(r'^variable "(\w+)"', text, re.MULTILINE))


@pytest.mark.parametrize("guide", sorted((ROOT / "docs/how-to").glob("*.md")), ids=lambda guide: guide.stem)
def test_terraform_code_on_a_how_to_page_uses_only_existing_variables(guide: Path) -> None:
    """An attribute outside a block must be a variable of a project or an input of the module glue-extract."""
    known = variables("examples/bank-loans/Terraform") | variables("modules/glue-extract")
    for block in re.findall(r"^ *```hcl\n(.*?)^ *```$", guide.read_text(), re.DOTALL | re.MULTILINE):
        given = hcl2.loads(block)
        assert given
        for module in given.pop("module", []):
            for arguments in module.values():
                source = re.search(r"//(modules/[\w-]+)\?ref=", arguments["source"])
                assert source
                assert {name for name in arguments if not name.startswith("__")} <= {
                    "source",
                    *variables(source[1]),
                }
        outside = {name for name in given if not name.startswith("__")} - {"data", "output"}
        assert outside <= known
