"""`extracts inspect` and `extracts new` find useful answers in the database of a shop."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.support.introspection import NEW, paths, spec
from tests.support.tool import Extracts


def test_foreign_keys_of_partitions_belong_to_the_partitioned_table(
    cinema: str, entities: Callable[..., dict[str, Any]]
) -> None:
    payment = entities(cinema)["public.payment"]
    assert paths(payment) == ["payment → customer → store → city"]
    assert [join["guess"] for path in payment["paths"] for join in path["joins"]] == [None, None, None]


def test_report_offers_the_date_column_of_orders_for_the_entity_order_line(
    cinema: str, entities: Callable[..., dict[str, Any]]
) -> None:
    line = entities(cinema)["public.order_line"]
    assert [date["column"] for date in line["dates"]] == ["orders.order_date"]
    assert line["metrics"] == ["amount = unit_price * quantity", "unit_price", "quantity"]


def test_report_offers_no_metrics_for_numbers_without_a_meaningful_sum(
    cinema: str, entities: Callable[..., dict[str, Any]]
) -> None:
    found = entities(cinema)
    assert found["public.orders"]["metrics"] == ["none"]  # the only number in this table is a postal code
    assert "line_number" not in found["public.order_line"]["metrics"]


def test_columns_with_contact_details_are_the_last_candidates(cinema: str, extracts: Extracts) -> None:
    done = extracts(*NEW, "--database-url", cinema, "--entity", "payment", "--recipient", "customer")
    candidates = [
        line.rpartition(".")[2].strip(' "') for line in done.stderr.splitlines() if "customer." in line
    ]
    assert candidates == ["customer_id", "first_name", "last_name", "email", "card_number"]


def test_extracts_new_finds_the_date_and_recipient_columns_of_order_lines(
    cinema: str, extracts: Extracts, tmp_path: Path
) -> None:
    done = extracts(
        *(*NEW, "--database-url", cinema, "--entity", "order_line", "--metric", "unit_price"),
        *("--recipient", "city", "--output-dir", "made"),
    )
    assert done.returncode == 0, done.stderr
    [project] = (tmp_path / "made").iterdir()
    made = spec(project)
    assert made["date_column"] == "orders.order_date"
    assert made["recipient"] == {"city": "city.city"}


def test_report_of_150_tables_fits_on_a_screen(made: Callable[[str, str], str], extracts: Extracts) -> None:
    lookups = "".join(f"create table kind_{i} (id int primary key, name text);" for i in range(100))
    facts = "".join(
        f"create table fact_{i} (id int primary key, day date, amount numeric, kind int references kind_{i});"
        for i in range(50)
    )
    views = "create view daily as select day, sum(amount) as amount from fact_1 group by day;"
    url = made("many_tables", lookups + facts + views)
    done = extracts("inspect", "--database-url", url)
    lines = done.stdout.splitlines()
    assert len(lines) <= 60, done.stdout
    assert "--all lists 36 more tables and views." in lines
    assert not any(line.lstrip("│┃ ").startswith("daily") for line in lines)
    everything = extracts("inspect", "--database-url", url, "--all").stdout.splitlines()
    assert any(line.lstrip("│┃ ").startswith("daily") for line in everything)
