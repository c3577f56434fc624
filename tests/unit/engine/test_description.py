"""The description of a spec in the README of a project: its text, and the check that finds old text."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

import rolling_description
from extracts import report_months
from rolling_errors import ExtractError
from rolling_extract import Csv, Extract, File, FixedWidth, Join, Metric

TREE = Extract(
    entity="Sale",
    date_column="sold",
    joins=(
        Join("Product", left="Sale.product", right="id"),
        Join("Employee", alias="Seller", left="Sale.seller", right="id", optional=True),
        Join("Brand", left=("Product.country", "Product.brand"), right=("country", "code")),
        Join("hr.Employee", alias="Manager", left="Seller.manager", right="id"),
    ),
    recipient={"brand": "Brand.name"},
    group_by={"product": "Product.id", "seller": "Seller.name", "country": "Brand.country"},
    metrics={
        "paid": Metric("sum", "price | fee", window="year_to_date", where="state = 'paid'"),
        "p95": Metric("p95", "price"),
        "rows": Metric("count"),
    },
    file=File(format=Csv(delimiter="\t", decimal=",", encoding="cp1252"), compression="gzip"),
    where="price > 0",
)


def readme(extract: Extract) -> str:
    return "\n".join(
        (
            "# Sales",
            rolling_description.BEGIN,
            *rolling_description.lines(extract),
            rolling_description.END,
            "By us.\n",
        )
    )


def test_description_shows_joins_as_a_tree() -> None:
    text = "\n".join(rolling_description.lines(TREE))
    assert text.endswith(
        "```text\n"
        "Sale\n"
        "├─ Product: product = id\n"
        "│  └─ Brand: country = country and brand = code\n"
        "└─ Seller (Employee): seller = id, optional\n"
        "   └─ Manager (hr.Employee): manager = id\n"
        "```"
    )


def test_description_has_sentences_and_a_table_with_a_row_for_each_column() -> None:
    assert rolling_description.lines(TREE)[:20] == [
        "- One file per `Brand.name` and month, one row per `product`, `seller` and `country`.",
        "- The file of a month is `brand=NAME/year=2026/month=10/{recipient}_{date:%Y%m%d}.csv.gz`.",
        "- A row of `Sale` belongs to the month of its `sold` in the time zone `Etc/GMT`.",
        "- Only rows for which `price > 0` is true are used.",
        "- If an optional join on the path to the recipient finds no row, the row of the entity goes to the"
        " recipient `Unassigned`.",
        "- The delimiter is a tab and the decimal mark is `,`.",
        "- Other settings of the file: `encoding='cp1252'`, `compression='gzip'`.",
        "",
        "| column | content |",
        "|---|---|",
        "| `brand` | `Brand.name` |",
        "| `product` | `Product.id` |",
        "| `seller` | `Seller.name` |",
        "| `country` | `Brand.country` |",
        "| `period` | the reported month, `YYYY-MM` |",
        "| `window_start` | first day of the longest window |",
        "| `window_end` | last day of the month |",
        "| `paid` | sum of `price \\| fee` over the year to date, where `state = 'paid'` |",
        "| `p95` | p95 of `price` over the month |",
        "| `rows` | number of rows over the month |",
    ]


def test_description_of_a_listing_mentions_fixed_widths_and_lists_the_chosen_columns() -> None:
    listing = Extract(
        entity="Sale",
        date_column="sold",
        recipient={"shop": "Sale.shop"},
        rows={"number": "Sale.id"},
        columns=("number", "period"),
        file=File(format=FixedWidth({"number": 8, "period": 7}, encoding="latin-1")),
        files={"Alpha": File()},
    )
    text = rolling_description.lines(listing)
    assert text[0] == "- One file per `Sale.shop` and month, one row per row of `Sale` in the month."
    assert text[3:6] == [
        "- Fields have fixed widths.",
        "- Other settings of the file: `encoding='latin-1'`.",
        "- The file of the recipient `Alpha` has a different format.",
    ]
    assert text[-2:] == ["| `number` | `Sale.id` |", "| `period` | the reported month, `YYYY-MM` |"]


def test_window_start_is_described_as_first_day_of_the_window_or_of_the_month_of_a_listing() -> None:
    metrics = {"paid": Metric("sum", "price", window=3), "rows": Metric("count", window=3)}
    said = "\n".join(rolling_description.lines(replace(TREE, metrics=metrics)))
    assert "| `window_start` | first day of the window |\n" in said
    listing = replace(
        TREE, metrics=None, group_by=None, rows={"number": "Sale.id"}, columns=("number", "window_start")
    )
    assert "| `window_start` | first day of the month |" in "\n".join(rolling_description.lines(listing))


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        (
            {"where": None},
            "has '- Only rows for which `price > 0` is true are used.', but Glue/etl.py requires '- If an",
        ),
        (
            {"time_zone": "Europe/Paris"},
            "but Glue/etl.py requires '- A row of `Sale` belongs to the month of",
        ),
        ({"joins": ()}, "but Glue/etl.py requires '- The delimiter is a tab"),
        ({"metrics": {**(TREE.metrics or {}), "most": Metric("max", "fee")}}, "'| `most` | largest"),
    ],
)
def test_error_quotes_the_first_line_that_is_out_of_date(changed: dict[str, object], sentence: str) -> None:
    said = rolling_description.stale(readme(TREE), replace(TREE, **changed))  # type: ignore[arg-type]
    assert sentence in said
    assert said.startswith("README.md has ")
    assert said.endswith("; run: make readme")


def test_readme_with_missing_or_additional_lines_is_out_of_date() -> None:
    text = readme(TREE).replace("|---|---|\n", "").replace("```\n", "```\nMore.\n")
    assert rolling_description.stale(readme(TREE), TREE) == ""
    assert "requires '|---|---|'" in rolling_description.stale(text, TREE)
    surplus = readme(TREE).replace("\n" + rolling_description.END, "\nMore.\n" + rolling_description.END)
    assert "README.md has 'More.', but Glue/etl.py requires 'nothing'" in rolling_description.stale(
        surplus, TREE
    )


@pytest.mark.parametrize("ending", ["\n", "\r\n"])
def test_only_the_generated_part_of_the_readme_is_replaced(ending: str) -> None:
    changed = replace(TREE, where=None)
    before = readme(TREE).replace("\n", ending)
    assert rolling_description.written(before, changed) == readme(changed).replace("\n", ending)


def test_readme_without_markers_is_neither_checked_nor_written() -> None:
    assert rolling_description.stale("# Ours\n", TREE) == ""
    with pytest.raises(ExtractError, match=re.escape(rolling_description.BEGIN)):
        rolling_description.written("# Ours\n", TREE)


def describe(project: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "rolling_description"]
    variables = {**os.environ, "PYTHONPATH": str(Path(rolling_description.__file__).parent)}
    return subprocess.run(command, cwd=project, env=variables, capture_output=True, text=True, check=False)


SPEC = """from rolling_extract import Extract, Metric
EXTRACT = Extract(entity="Sale", date_column="sold", recipient={"shop": "Sale.shop"},
                  group_by={"till": "Sale.till"}, metrics={"rows": Metric("count")})
"""


def test_writing_the_readme_prints_one_line(tmp_path: Path) -> None:
    (tmp_path / "Glue").mkdir()
    (tmp_path / "Glue/etl.py").write_text(SPEC)
    (tmp_path / "README.md").write_text(readme(TREE))
    done = describe(tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "README.md now describes Glue/etl.py.\n"
    written = (tmp_path / "README.md").read_text()
    assert "one row per `till`." in written
    done = describe(tmp_path)
    assert done.stdout == "README.md already describes Glue/etl.py; nothing changed.\n"
    assert (tmp_path / "README.md").read_text() == written


@pytest.mark.parametrize(
    ("spec", "sentence"),
    [
        ("EXTRACT = ", "✗ Glue/etl.py cannot be read: SyntaxError: invalid syntax"),
        ("run = 1\n", "✗ Glue/etl.py cannot be read: KeyError: 'EXTRACT'"),
        ("EXTRACT = 1\n", "✗ run needs an Extract, not"),
    ],
)
def test_unreadable_spec_is_reported_in_one_sentence_and_the_readme_stays_unchanged(
    spec: str, sentence: str, tmp_path: Path
) -> None:
    (tmp_path / "Glue").mkdir()
    (tmp_path / "Glue/etl.py").write_text(spec)
    (tmp_path / "README.md").write_text(readme(TREE))
    done = describe(tmp_path)
    assert done.returncode == 1
    assert done.stderr.startswith(sentence)
    assert len(done.stderr.splitlines()) == 1
    assert (tmp_path / "README.md").read_text() == readme(TREE)


def test_readme_and_preview_describe_an_aggregate_with_the_same_words() -> None:
    """The tool and the engine have separate copies of these words.

    The tool cannot use the copy of the engine, because a project may have another version of the engine.
    """
    assert rolling_description._AGGREGATES == report_months.AGGREGATES
