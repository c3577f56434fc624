"""`extracts new` on five public schemas: the answers are useful, and plain SQL computes the same metrics."""

from __future__ import annotations

import ast
import csv
import io
import math
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest

from extracts import preview
from extracts.errors import ExtractsError
from extracts.introspect import catalog, report
from extracts.introspect.finding import Ambiguous
from extracts.screen import Screen
from tests.support.introspection import spec

NAMES = ("adventureworks", "chinook", "northwind", "pagila", "sakila")
QUARTER = "between '2026-08-01' and '2026-10-31'"
YEAR = "between '2025-11-01' and '2026-10-31'"

Row = tuple[str, ...]


def published(project: Path, url: str) -> set[Row]:
    """Return the rows in all files of October: recipient, group by and metrics, without the period."""
    done = preview.preview(project, url, project.parent / "files", ["--period", "2026-10"])
    assert done.failure is None, done.failure
    found = set()
    for file in (project.parent / "files").rglob("*.csv"):
        with file.open(encoding="utf-8", newline="") as text:
            header, *lines = csv.reader(text)
        months = header.index("period")
        found |= {(*line[:months], *line[months + 3 :]) for line in lines}
    return found


def by_hand(url: str, query: str) -> set[Row]:
    with psycopg.connect(url) as connection:
        connection.execute("set time zone 'UTC'")
        return {
            tuple("" if value is None else str(value) for value in row) for row in connection.execute(query)
        }


################################################################################
# The user presses Enter at every prompt
################################################################################

ENTERED = {
    "adventureworks": (
        {"entity": "salesorderdetail", "schema": "sales", "date_column": "salesorderheader.orderdate"},
        f"""
        select c.name, s.productsubcategoryid, s.name, count(d.value), round(sum(d.value), 2),
               round(avg(d.value), 2)
        from production.productcategory c join production.productsubcategory s using (productcategoryid)
        left join (
          select p.productsubcategoryid, l.unitprice * l.orderqty * (1 - l.unitpricediscount) as value
          from sales.salesorderdetail l join sales.salesorderheader h using (salesorderid)
          join production.product p using (productid) where h.orderdate::date {QUARTER}
        ) d using (productsubcategoryid) group by 1, 2, 3
        """,
    ),
    "chinook": (
        {"entity": "invoice_line", "date_column": "invoice.invoice_date"},
        f"""
        select a.name, b.album_id, b.title, count(d.value), round(sum(d.value), 2), round(avg(d.value), 2)
        from artist a join album b using (artist_id) left join (
          select t.album_id, l.unit_price * l.quantity as value
          from invoice_line l join invoice i using (invoice_id) join track t using (track_id)
          where i.invoice_date::date {QUARTER}
        ) d using (album_id) group by 1, 2, 3
        """,
    ),
    "northwind": (
        {"entity": "order_details", "date_column": "orders.order_date"},
        f"""
        select c.category_name, p.product_id, p.product_name, count(d.value), round(sum(d.value), 2),
               round(avg(d.value), 2)
        from categories c join products p using (category_id) left join (
          select l.product_id,
                 l.unit_price::text::numeric * l.quantity * (1 - l.discount::text::numeric) as value
          from order_details l join orders o using (order_id) where o.order_date {QUARTER}
        ) d using (product_id) group by 1, 2, 3
        """,
    ),
    **dict.fromkeys(
        ("pagila", "sakila"),
        (
            {"entity": "payment", "date_column": "payment_date"},
            f"""
            select n.country, c.city_id, c.city, count(d.amount), round(sum(d.amount), 2),
                   round(avg(d.amount), 2)
            from country n join city c using (country_id) left join (
              select a.city_id, p.amount from payment p join customer u using (customer_id)
              join address a on a.address_id = u.address_id where p.payment_date::date {QUARTER}
            ) d using (city_id) group by 1, 2, 3
            """,
        ),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_default_answers_create_an_extract_with_correct_values(
    name: str, public: Callable[[str], str], created: Callable[..., Path]
) -> None:
    expected, query = ENTERED[name]
    project = created(public(name), terminal=True)
    found = spec(project)
    assert {key: found[key] for key in expected} == expected
    assert set(found["recipient"].values()).isdisjoint(found["group_by"].values())
    rows = published(project, public(name))
    assert len(rows) > 3
    assert rows == by_hand(public(name), query)


@pytest.mark.parametrize("name", NAMES)
def test_report_lists_fact_tables_first_and_offers_neither_keys_nor_personal_data(
    name: str, public: Callable[[str], str]
) -> None:
    found = report.describe(catalog.read(public(name)), None, None)["entities"]
    assert found[0]["table"] == ENTERED[name][0]["entity"]
    no_amounts = ("id", "_id", "number", "status", "type", "expmonth", "expyear")
    assert [m for each in found for m in each["metrics"] if m.endswith(no_amounts)] == []
    offered = [
        recipient for each in found for path in each.get("paths", ()) for recipient in path["recipients"]
    ]
    private = (
        "phone",
        "email",
        "first",
        "last_name",
        "lastname",
        "address",
        "cardnumber",
        "password",
        "postal",
    )
    assert offered
    assert not [one for one in offered if any(word in one.partition(".")[2] for word in private)]


@pytest.mark.parametrize("width", [80, 120])
@pytest.mark.parametrize("name", NAMES)
def test_report_fits_on_a_screen(name: str, width: int, public: Callable[[str], str]) -> None:
    file = io.StringIO()
    found = report.describe(catalog.read(public(name)), None, None)
    report.show(found, Screen(file=file, width=width, highlight=False))
    lines = file.getvalue().splitlines()
    assert sum(max(1, math.ceil(len(line) / width)) for line in lines) <= 50, file.getvalue()
    assert found["entities"][0]["table"] in file.getvalue()


################################################################################
# Several schemas, expressions, bridge tables, and counts
################################################################################


def first_joins(created: Callable[..., Path], url: str, *options: str) -> str:
    """Return the first path that `extracts new` offers."""
    with pytest.raises(Ambiguous) as raised:
        created(url, *options)
    [open_question] = raised.value.findings
    assert open_question.question == "joins"
    return open_question.candidates[0]


def test_order_values_per_product_and_territory_are_correct(
    public: Callable[[str], str], created: Callable[..., Path]
) -> None:
    url = public("adventureworks")
    options = (
        *("--entity", "sales.salesorderdetail", "--aggregate", "sum", "--window-months", "12"),
        *("--metric", "amount = unitprice * orderqty * (1 - unitpricediscount)"),
        *("--date-column", "salesorderheader.orderdate", "--recipient", "salesterritory.name"),
        *("--group", "production.product"),
    )
    joins = first_joins(created, url, *options)
    assert joins == (
        "salesorderheader: salesorderdetail.salesorderid = salesorderid;"
        " salesterritory: salesorderheader.territoryid = territoryid;"
        " specialofferproduct: salesorderdetail.specialofferid = specialofferid and"
        " salesorderdetail.productid = productid;"
        " production.product: specialofferproduct.productid = productid"
    )
    project = created(url, *options, "--joins", joins)
    assert spec(project)["group_by"] == {"product_id": "product.productid", "product_name": "product.name"}
    # A file also has a row with 0 for a product whose orders are all before the window. The result of
    # the SQL query has no row for such a product.
    rows = {row for row in published(project, url) if row[3] != "0"}
    assert rows == by_hand(url, f"""
        select t.name, p.productid, p.name, count(*),
               round(sum(l.unitprice * l.orderqty * (1 - l.unitpricediscount)), 2)
        from sales.salesorderdetail l join sales.salesorderheader h using (salesorderid)
        join sales.salesterritory t using (territoryid) join production.product p using (productid)
        where h.orderdate::date {YEAR} group by 1, 2, 3
        """)  # fmt: skip


def test_payments_per_category_and_store_go_through_a_bridge_table(
    public: Callable[[str], str], created: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    url = public("pagila")
    options = ("--entity", "payment", "--recipient", "store.store_id", "--group", "category")
    joins = first_joins(created, url, *options)
    assert joins == (
        "rental: payment.rental_id = rental_id; inventory: rental.inventory_id = inventory_id;"
        " store: inventory.store_id = store_id; film: inventory.film_id = film_id;"
        " film_category: film.film_id = film_id; category: film_category.category_id = category_id"
    )
    project = created(url, *options, "--joins", joins)
    rows = {row for row in published(project, url) if row[3] != "0"}
    assert rows == by_hand(url, f"""
        select i.store_id, c.category_id, c.name, count(*), sum(p.amount), round(avg(p.amount), 2)
        from payment p join rental r using (rental_id) join inventory i using (inventory_id)
        join film_category f using (film_id) join category c using (category_id)
        where p.payment_date::date {QUARTER} group by 1, 2, 3
        """)  # fmt: skip


def test_error_for_a_join_that_multiplies_rows_suggests_a_view_that_works(
    public: Callable[[str], str], created: Callable[..., Path]
) -> None:
    url = public("sakila")
    with pytest.raises(ExtractsError) as raised:
        created(url, "--entity", "payment", "--recipient", "actor.actor_id", "--group", "store")
    said = str(raised.value)
    assert said.startswith("joins: film_actor has several rows with the same film_id. A row of payment would")
    view = said.partition("run: ")[2].partition(" Then use --entity ")
    with psycopg.connect(url) as connection:
        connection.execute(view[0].encode())
    project = created(
        url, "--entity", view[2], "--recipient", "actor.actor_id", "--group", "store",
        "--metric", "amount", "--joins", "actor: payment_by_film_actor.actor_id = actor_id;"
        " customer: payment_by_film_actor.customer_id = customer_id; store: customer.store_id = store_id",
    )  # fmt: skip
    rows = {row for row in published(project, url) if row[2] != "0"}
    assert rows == by_hand(url, f"""
        select a.actor_id, u.store_id, count(*), sum(p.amount), round(avg(p.amount), 2)
        from payment p join rental r using (rental_id) join inventory i using (inventory_id)
        join film_actor a using (film_id) join customer u on u.customer_id = p.customer_id
        where p.payment_date::date {QUARTER} group by 1, 2
        """)  # fmt: skip


def test_rows_of_a_table_without_a_number_are_counted(
    public: Callable[[str], str], created: Callable[..., Path]
) -> None:
    url = public("pagila")
    project = created(
        url, "--entity", "rental", "--recipient", "language.name", "--date-column", "rental_date",
        "--joins", "inventory: rental.inventory_id = inventory_id; film: inventory.film_id = film_id;"
        " language: film.language_id = language_id",
    )  # fmt: skip
    [call] = ast.parse(spec(project)["metrics"]).body
    assert ast.unparse(call) == "{'rental_count': Metric('count', window=3)}"
    assert published(project, url) == by_hand(url, f"""
        select n.name::text, f.film_id, f.title, count(d.film_id)
        from language n join film f using (language_id)
        left join (select i.film_id from rental r join inventory i using (inventory_id)
                   where r.rental_date::date {QUARTER}) d using (film_id) group by 1, 2, 3
        """)  # fmt: skip


def test_metric_on_a_column_of_a_joined_table_is_written_as_an_expression(
    public: Callable[[str], str], created: Callable[..., Path]
) -> None:
    url = public("chinook")
    project = created(
        url, "--entity", "invoice_line", "--metric", "Track.Milliseconds", "--aggregate", "max",
        "--date-column", "invoice.invoice_date", "--recipient", "genre.name", "--group", "media_type",
    )  # fmt: skip
    assert 'Metric("max", "track.milliseconds", window=3)' in (project / "Glue/etl.py").read_text()
    rows = {row for row in published(project, url) if row[3] != "0"}
    assert rows == by_hand(url, f"""
        select g.name, m.media_type_id, m.name, count(*), sum(t.milliseconds), max(t.milliseconds)
        from invoice_line l join invoice i using (invoice_id) join track t using (track_id)
        join genre g using (genre_id) join media_type m using (media_type_id)
        where i.invoice_date::date {QUARTER} group by 1, 2, 3
        """)  # fmt: skip
