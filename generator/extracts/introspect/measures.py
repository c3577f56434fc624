"""Find values that can be summed in a table: numbers, and products such as `unit_price * quantity`."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from extracts.introspect import graph
from extracts.introspect.catalog import Column, Table
from extracts.introspect.words import singular, words

COUNT = "none"  # the answer for a table without numbers; the metric counts its rows
# Numeric columns with these words in their names identify, describe or order a row. A sum over such a column
# has no meaning.
_NO_AMOUNT = frozenset(
    """
    active age bin code fax flag idx index lat latitude level lng lon longitude month num number ord order
    ordinal phone pos position postal postalcode postcode priority rank rating revision sequence size sort
    status style type version year zip
    """.split()  # noqa: SIM905 (as a list it takes a line for each word)
)
_KEYS = ("id", "fk", "pk", "key", "no", "nr", "guid")
# Endings of names of such columns if the words of the name are not separated, for example `number` in
# `revisionnumber`.
_JOINED = (
    *("number", "flag", "status", "code", "rating", "sequence", "level", "promotion", "frequency", "type"),
    *("expmonth", "expyear"),
)
# Words in names of rates. A sum of rates is possible but rarely useful, so rates are listed last.
_RATES = ("rate", "percent", "pct", "discount", "ratio", "share", "factor", "margin")
# Names of price columns. Words of the table's name do not count, so in the table order_items, the column
# `item_price` is a price.
_PRICES = (
    "unitprice",
    "price",
    "unitcost",
    "saleprice",
    "priceeach",
    "einzelpreis",
    "preis",
    "prix",
    "prijs",
)
_QUANTITIES = (
    *("quantity", "qty", "orderqty", "orderquantity", "quantityordered", "units", "menge", "anzahl"),
    *("aantal", "quantite", "quantità", "cantidad"),
)
_DISCOUNTS = ("discount", "unitpricediscount", "discountrate", "rabatt", "korting")


@dataclass(frozen=True, slots=True)
class Measure:
    """The value that a metric aggregates: a column, or an expression over columns of the entity."""

    answer: str  # answer to the template's question for the metric
    columns: tuple[str, ...]
    note: str = ""


def measures(table: Table, links: graph.Links) -> list[Measure]:
    """Return values that can be summed, the likeliest first: price times quantity, amounts, then rates."""
    found = numbers(table, links)
    plain = [Measure(column.name, (column.name,)) for column in found]
    plain.sort(key=lambda measure: _joined(measure.answer).endswith(_RATES))
    return [*_products(table, found), *plain]


def numbers(table: Table, links: graph.Links) -> list[Column]:
    """Return the readable numeric columns, without keys and without names such as `id`, `code` or `rank`."""
    taken = {column for key in (table.primary_key, *table.keys) for column in key}
    taken.update(graph.foreign_keys(links, table))

    def identifies(column: Column) -> bool:
        said = words(column.name)
        return (
            said[:1] == ("id",)
            or bool({*said[-1:]} & {*_KEYS, *_NO_AMOUNT})
            or _joined(column.name).endswith(_JOINED)
            or (len(said) == 1 and len(said[0]) > 4 and said[0].endswith("id") and column.type != "numeric")
        )

    return [
        column
        for column in table.columns
        if column.is_number and column.readable and column.name not in taken and not identifies(column)
    ]


def _products(table: Table, columns: Sequence[Column]) -> list[Measure]:
    """Return price times quantity, minus a discount if the table has one."""
    own = {singular(word) for word in words(table.name)}
    meanings = {"".join(w for w in words(c.name) if singular(w) not in own): c for c in reversed(columns)}

    def called(names: Sequence[str]) -> Column | None:
        return next((meanings[name] for name in names if name in meanings), None)

    price, quantity, discount = called(_PRICES), called(_QUANTITIES), called(_DISCOUNTS)
    if price is None or quantity is None:
        return []
    text = f"{sql_name(price.name)} * {sql_name(quantity.name)}"
    used = (price, quantity, *([discount] if discount else []))
    if discount is None:
        return [Measure(f"amount = {text}", tuple(column.name for column in used))]
    rate = sql_name(discount.name)
    rate = f"coalesce({rate}, 0)" if discount.nullable else rate
    note = f"the expression assumes that {discount.name} is a fraction: 0.1 for 10 %"
    return [Measure(f"amount = {text} * (1 - {rate})", tuple(column.name for column in used), note)]


def _joined(name: str) -> str:
    return "".join(words(name))


# Words that SQL reserves. In an expression, a column with such a name has quotes.
_RESERVED = frozenset(
    """
    all and any array as asc both case cast check collate column constraint create default desc distinct do
    else end except false fetch for foreign from grant group having in initially intersect into is leading
    like limit not null offset on only or order placing primary references returning select some table then
    to trailing true union unique user using when where window with
    """.split()  # noqa: SIM905
)


def sql_name(name: str) -> str:
    """Return a column name as it must be in an SQL expression, with quotes if SQL needs quotes.

    >>> sql_name("UnitPrice"), sql_name("Unit Price"), sql_name("order")
    ('UnitPrice', '"Unit Price"', '"order"')
    """
    plain = re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name) and name.lower() not in _RESERVED
    return name if plain else '"' + name.replace('"', '""') + '"'
