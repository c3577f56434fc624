"""Run the queries of the engine in a real PostgreSQL, on sources with a few rows."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

import rolling_database
import rolling_jdbc
import rolling_read
from rolling_checks import check_period, check_source, check_totals
from rolling_errors import ExtractError
from rolling_expression import Binary, Call, Number, Ref, Text
from rolling_nodes import Case
from rolling_period import Period
from rolling_pgp import Keys
from rolling_resolved import Listing, Resolved
from rolling_result import Result
from rolling_source import Source
from tests.support.bank import Store
from tests.support.engine.handmade import column, measure, metric, resolved, step, tables
from tests.support.engine.queries import figures, read

OCTOBER = Period(2026, 10)

SOURCE = """
create table bank (id int primary key, name text, active boolean);
create table account (id int primary key, bank int, rate numeric(6,4));
create table loan (id int primary key, account int, amount numeric(12,2), day date, kind text);
insert into bank values (1, 'Alpha', true), (2, 'beta', true), (3, 'Empty', true);
insert into account values (10, 1, 0.5000), (11, 1, 0.1250), (20, 2, 2.0000), (30, 3, 1.0000);
insert into loan values
  (1, 10, 10.00, '2026-10-01', 'a'), (2, 10, 20.00, '2026-10-31', 'b'), (3, 11, 5.00, '2026-09-15', 'a'),
  (4, 20, 7.35, '2026-10-15', 'a'), (5, 20, null, '2026-10-16', 'b'), (6, 11, 1.00, '2026-11-01', 'a');
"""

AMOUNT = column("t0", "amount", "numeric", 2)
RATE = column("t1", "rate", "numeric", 4)
KIND = column("t0", "kind")
ACCOUNT = step(column("t0", "account", "integer"), column("t1", "id", "integer"))
BANK = step(column("t1", "bank", "integer"), column("t2", "id", "integer"))

Read = Callable[..., Result]


def spec(store: Store, **settings: Any) -> Resolved:
    """Return a spec for the source: the sum of the loans per account, for each bank."""
    defaults: dict[str, Any] = {
        "tables": tables("loan", "account", "bank", schema=store.schema),
        "steps": (ACCOUNT, BANK),
        "date": column("t0", "day", "date"),
        "recipient": column("t2", "name"),
        "group_by": {"account": column("t1", "id", "integer")},
        "measures": (measure(AMOUNT),),
        "metrics": (metric("sum"),),
    }
    return resolved(**{**defaults, **settings})


@pytest.fixture
def store(bare_store: Store) -> Store:
    bare_store.connection.execute(SOURCE)
    return bare_store


@pytest.fixture
def reading(store: Store, tmp_path: Path) -> Read:
    """A function that reads the source with a given spec. PostgreSQL aggregates the rows."""
    return lambda found, *periods, **more: read(store.connection, found, tmp_path, *periods, **more)


@pytest.fixture(params=["database", "spark"])
def either(request: pytest.FixtureRequest, store: Store, tmp_path: Path, reading: Read) -> Read:
    """A function that reads the source with a given spec. PostgreSQL or Spark aggregates the rows."""
    if request.param == "database":
        return reading
    request.getfixturevalue("spark")
    source = Source(rolling_database.from_url(store.url), rolling_jdbc.connect, "Etc/GMT", "jr_1", 60, 60)

    def in_spark(found: Resolved, *periods: str, cutoff: datetime | None = None) -> Result:
        found = replace(found, aggregate_in="spark", partitions=3)
        with source.session() as session:
            asked = tuple(map(Period.parse, periods or ("2026-10",)))
            folder = Path(tempfile.mkdtemp(dir=tmp_path))
            return rolling_read.read(found, asked, cutoff, session, folder, Keys())

    return in_spark


def test_group_without_entity_rows_in_the_window_has_a_row_with_an_empty_metric(
    store: Store, reading: Read
) -> None:
    assert figures(reading(spec(store))) == [
        ("Alpha", "10", "30.00"),
        ("Alpha", "11", ""),
        ("Empty", "30", ""),
        ("beta", "20", "7.35"),
    ]


def test_metrics_may_have_windows_of_different_lengths(store: Store, either: Read) -> None:
    metrics = (metric("sum"), metric("sum", window=2), metric("count", window="year_to_date", scale=None))
    result = either(spec(store, metrics=metrics), "2026-10", "2026-11")
    assert figures(result) == [
        ("Alpha", "10", "30.00", "30.00", "2"),
        ("Alpha", "11", "", "5.00", "1"),
        ("Empty", "30", "", "", "0"),
        ("beta", "20", "7.35", "7.35", "1"),
    ]
    assert figures(result, "2026-11") == [
        ("Alpha", "10", "", "30.00", "2"),
        ("Alpha", "11", "1.00", "1.00", "2"),
        ("Empty", "30", "", "", "0"),
        ("beta", "20", "", "7.35", "1"),
    ]


def test_all_aggregates_have_the_expected_values(store: Store, either: Read) -> None:
    needs = frozenset({"sum", "min", "max", "squares"})
    names = ("count", "sum", "avg", "min", "max", "stddev", "median", "p25", "count_distinct")
    found = spec(
        store,
        group_by={},
        measures=(measure(AMOUNT, needs=needs),),
        metrics=tuple(
            metric(name, window=2, scale=None if name.startswith("count") else 2) for name in names
        ),
    )
    assert figures(either(found)) == [
        ("Alpha", "3", "35.00", "11.67", "5.00", "20.00", "7.64", "10.00", "7.50", "3"),
        ("Empty", "0", "", "", "", "", "", "", "", "0"),
        ("beta", "1", "7.35", "7.35", "7.35", "7.35", "", "7.35", "7.35", "1"),
    ]


def test_expression_may_use_columns_of_joined_tables(store: Store, either: Read) -> None:
    interest = Binary("*", Ref(AMOUNT), Ref(RATE))
    of_a = Binary("=", Ref(KIND), Text("a"))
    found = spec(
        store,
        measures=(
            measure(interest, aliases=("t1",)),
            measure(AMOUNT, of_a, divisor=100),
            measure(None, of_a, needs=frozenset()),
        ),
        metrics=(metric("sum", 0), metric("sum", 1, scale=4), metric("count", 2, scale=None)),
    )
    assert figures(either(found)) == [
        ("Alpha", "10", "15.00", "0.1000", "1"),
        ("Alpha", "11", "", "", "0"),
        ("Empty", "30", "", "", "0"),
        ("beta", "20", "14.70", "0.0735", "1"),
    ]


def test_result_has_a_row_for_each_group_whose_first_entity_row_is_not_after_the_period(
    store: Store, either: Read
) -> None:
    found = spec(store, group_by={"kind": KIND, "amount": AMOUNT})
    result = either(found, "2026-09", "2026-10")
    assert figures(result, "2026-09") == [("Alpha", "a", "5.00", "5.00")]
    assert figures(result) == [
        ("Alpha", "a", "5.00", ""),
        ("Alpha", "a", "10.00", "10.00"),
        ("Alpha", "b", "20.00", "20.00"),
        ("beta", "a", "7.35", "7.35"),
        ("beta", "b", None, ""),
    ]


def test_median_and_count_distinct_are_correct_for_groups_of_an_entity_column(
    store: Store, reading: Read
) -> None:
    metrics = (metric("sum"), metric("median", window=2), metric("count_distinct", window=2, scale=None))
    found = spec(store, group_by={"kind": KIND}, metrics=metrics)
    assert figures(reading(found, "2026-10", "2026-11")) == [
        ("Alpha", "a", "10.00", "7.50", "2"),
        ("Alpha", "b", "20.00", "20.00", "1"),
        ("beta", "a", "7.35", "7.35", "1"),
        ("beta", "b", "", "", "0"),
    ]


def test_orphan_rows_are_counted_in_their_window(store: Store, reading: Read) -> None:
    store.connection.execute("insert into loan values (7, 99, 4.00, '2026-10-02', 'a')")
    result = reading(spec(store))
    figures(result)  # `figures` raises an error if the totals do not reconcile
    assert result.orphans(OCTOBER).totals.as_json() == {
        "rows": 1,
        "metrics": {"sum_0": {"count": 1, "sum": "4.00"}},
    }
    with pytest.raises(
        ExtractError, match=r"1 of 5 rows of the window that ends with 2026-10 reaches no rec"
    ):
        check_period(result.resolved, result, OCTOBER)
    check_period(replace(result.resolved, max_orphan_rows=1), result, OCTOBER)


def test_rows_of_a_recipient_without_a_name_are_orphan_rows(store: Store, reading: Read) -> None:
    store.connection.execute("update bank set name = null where id = 2")
    result = reading(spec(store))
    assert [row[0] for row in figures(result)] == ["Alpha", "Alpha", "Empty"]
    assert (result.orphans(OCTOBER).totals.rows, result.facts.strays) == (2, 1)


@pytest.mark.parametrize("groups", [{}, {"kind": KIND}], ids=["joined", "entity"])
def test_rows_without_a_recipient_go_to_unassigned(
    store: Store, either: Read, groups: dict[str, Any]
) -> None:
    store.connection.execute("insert into loan values (7, null, 4.00, '2026-10-02', 'c')")
    steps = (replace(ACCOUNT, optional=True), BANK)
    result = either(spec(store, steps=steps, group_by=groups, unassigned="Nobody"), "2026-10", "2026-11")
    assert [row for row in figures(result) if row[0] == "Nobody"] == [
        ("Nobody", *(["c"] if groups else []), "4.00")
    ]
    later = [row for row in figures(result, "2026-11") if row[0] == "Nobody"]
    assert later == ([("Nobody", "c", "")] if groups else [])
    assert result.orphans(OCTOBER).totals.rows == 0


def test_excluded_recipients_get_no_rows_but_the_result_has_their_totals(store: Store, either: Read) -> None:
    active = column("t2", "active", "boolean")
    store.connection.execute("update bank set active = null where id = 2")
    for groups in ({"account": column("t1", "id", "integer")}, {"kind": KIND}):
        result = either(spec(store, recipients_where=Ref(active), group_by=groups))
        assert {row[0] for row in figures(result)} == ({"Alpha"} if "kind" in groups else {"Alpha", "Empty"})
        assert result.excluded(OCTOBER).totals.metrics["sum_0"].sum == "7.35"
        assert result.orphans(OCTOBER).totals.rows == 0
        assert result.recipients == {"Alpha": 1, "Empty": 1}


def test_filter_on_the_entity_excludes_rows(store: Store, reading: Read) -> None:
    result = reading(spec(store, where=Binary("=", Ref(KIND), Text("b")), group_by={}))
    assert figures(result) == [("Alpha", "20.00"), ("Empty", ""), ("beta", "")]


def test_filter_on_a_joined_table_does_not_exclude_orphan_rows(store: Store, either: Read) -> None:
    store.connection.execute("insert into loan values (7, 99, 4.00, '2026-10-02', 'a')")
    where = Binary("<", Ref(RATE), Number("1"))
    result = either(spec(store, where=where, group_by={}))
    assert figures(result) == [("Alpha", "30.00"), ("Empty", ""), ("beta", "")]
    assert result.orphans(OCTOBER).totals.rows == 1
    assert result.control(OCTOBER).totals.rows == 3


def test_rows_without_a_date_are_counted(store: Store, reading: Read) -> None:
    store.connection.execute("insert into loan values (7, 10, 4.00, null, 'a'), (8, 10, 4.00, null, 'b')")
    found = spec(store, where=Binary("=", Ref(KIND), Text("a")))
    result = reading(found)
    assert result.undated == 1
    with pytest.raises(
        ExtractError, match=r'1 row of store_\d+."loan" has no date \("day"\), more than max_un'
    ):
        check_source(found, result)
    check_source(replace(found, max_undated_rows=1), result)


def test_date_column_may_be_in_a_joined_table(store: Store, reading: Read) -> None:
    store.connection.execute(
        "alter table account add opened date;"
        "update account set opened = '2026-10-05' where id = 10;"
        "insert into loan values (7, 99, 4.00, null, 'a')"
    )
    result = reading(spec(store, date=column("t1", "opened", "date"), group_by={}))
    assert figures(result) == [("Alpha", "30.00"), ("Empty", ""), ("beta", "")]
    assert result.undated == 5


def test_join_that_repeats_rows_is_refused(store: Store, reading: Read) -> None:
    store.connection.execute(
        "alter table bank drop constraint bank_pkey; insert into bank values (1, 'Twice', true)"
    )
    found = spec(store, steps=(ACCOUNT, replace(BANK, unique=False)))
    with pytest.raises(
        ExtractError, match=r"would multiply rows: 1 value of \"id\" of store_\d+.\"bank\" is not un"
    ):
        check_source(found, reading(found))


def test_files_are_refused_if_their_totals_differ_from_the_control_totals_of_the_source(
    store: Store, reading: Read
) -> None:
    result = reading(spec(store))
    files = result.tally()
    for row in list(result.rows(OCTOBER))[1:]:
        files.add(row)
    with pytest.raises(
        ExtractError, match=r"control totals of 2026-10 do not reconcile: the source has 4 rows"
    ):
        check_totals(result, OCTOBER, files)


@pytest.mark.parametrize("value", ["NaN", "Infinity"])
def test_error_for_nan_or_infinity_names_the_metric(store: Store, reading: Read, value: str) -> None:
    store.connection.execute("alter table loan alter amount type double precision")
    store.connection.execute(f"update loan set amount = '{value}' where id = 1")
    price = column("t0", "amount", "double precision")
    found = spec(store, measures=(measure(price),))
    result = reading(found, "2026-09", "2026-10")
    check_period(found, result, Period(2026, 9))
    assert figures(result, "2026-09")[1] == ("Alpha", "11", "5.00")
    with pytest.raises(
        ExtractError, match=r"the values of sum_0 in the window that ends with 2026-10 include NaN"
    ):
        check_period(found, result, OCTOBER)


def test_sum_of_floats_is_the_exact_sum_of_their_printed_decimal_numbers(store: Store, reading: Read) -> None:
    store.connection.execute(
        "alter table loan alter amount type double precision; update loan set amount = 0.1"
    )
    found = spec(
        store,
        measures=(measure(column("t0", "amount", "double precision")),),
        metrics=(metric("sum", scale=20),),
    )
    assert figures(reading(found))[0] == ("Alpha", "10", "0.20000000000000000000")


def test_argument_of_a_function_is_null_if_an_optional_join_finds_no_row(store: Store, either: Read) -> None:
    """If the join finds no row, the argument is NULL. The function coalesce can still return a value."""
    store.connection.execute("insert into loan values (7, null, 4.00, '2026-10-02', 'c')")
    steps = (replace(ACCOUNT, optional=True), BANK)
    value = Call("coalesce", (Ref(RATE), Number("9")))
    found = spec(
        store, steps=steps, unassigned="Nobody", group_by={}, measures=(measure(value, aliases=("t1",)),)
    )
    assert figures(either(found)) == [("Alpha", "1.00"), ("Empty", ""), ("Nobody", "9.00"), ("beta", "4.00")]


def test_row_before_the_window_cannot_cause_a_division_by_zero_error(store: Store, reading: Read) -> None:
    store.connection.execute("update loan set amount = 0 where day < '2026-10-01'")
    one = Binary("/", Number("1"), Ref(AMOUNT))
    over_rate = Case(((Binary(">", Ref(RATE), Number("0")), one),))
    for value, aliases in ((one, ()), (over_rate, ("t1",))):
        found = spec(store, group_by={"kind": KIND}, measures=(measure(value, aliases=aliases),))
        assert figures(reading(found))[0] == ("Alpha", "a", "0.10")


def test_product_of_a_quotient_and_a_number_is_rounded_only_at_the_end(store: Store, reading: Read) -> None:
    store.connection.execute("delete from loan; insert into loan values (1, 10, 6.00, '2026-10-01', 'a')")
    third = Binary("/", Number("0.01"), Ref(AMOUNT))
    found = spec(store, group_by={}, measures=(measure(Binary("*", third, Number("3"))),))
    assert figures(reading(found))[0] == ("Alpha", "0.01")


def test_listing_has_one_row_for_each_entity_row(store: Store, either: Read) -> None:
    key = column("t0", "id", "integer")
    listing = Listing((key, AMOUNT, column("t0", "day", "date"), RATE), (key,))
    found = spec(store, group_by={}, measures=(), metrics=(), listing=listing)
    result = either(found, "2026-09", "2026-10")
    assert figures(result, "2026-09") == [("Alpha", "3", "5.00", "2026-09-15", "0.1250")]
    assert figures(result) == [
        ("Alpha", "1", "10.00", "2026-10-01", "0.5000"),
        ("Alpha", "2", "20.00", "2026-10-31", "0.5000"),
        ("beta", "4", "7.35", "2026-10-15", "2.0000"),
        ("beta", "5", None, "2026-10-16", "2.0000"),
    ]
    assert result.control(OCTOBER).totals.as_json() == {"rows": 4, "metrics": {}}


def test_rows_of_recipients_with_equal_names_are_one_group(store: Store, reading: Read) -> None:
    store.connection.execute("update bank set name = 'Alpha' where id = 2")
    names = ("sum", "median")
    result = reading(spec(store, group_by={}, metrics=tuple(map(metric, names))))
    assert figures(result) == [("Alpha", "37.35", "10.00"), ("Empty", "", "")]
    assert result.recipients == {"Alpha": 2, "Empty": 1}


def test_groups_are_ordered_by_their_values_with_null_first(store: Store, either: Read) -> None:
    store.connection.execute(
        "update account set bank = 1, rate = null where id = 30; update account set rate = 10 where id = 20"
    )
    result = either(spec(store, group_by={"rate": RATE}))
    assert [row[:2] for row in figures(result)] == [
        ("Alpha", None),
        ("Alpha", "0.1250"),
        ("Alpha", "0.5000"),
        ("beta", "10.0000"),
    ]
