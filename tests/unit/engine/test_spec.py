"""A spec that contradicts itself is refused before the run connects to AWS or to the database."""

from __future__ import annotations

import contextlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from rolling_errors import ExtractError
from rolling_extract import run
from rolling_spec import Extract, Join, Metric
from rolling_spec_check import check

LOANS = Extract(
    entity="Loans",
    date_column="loan_date",
    joins=(
        Join("Account", left="Loans.Account_idAccount", right="idAccount"),
        Join("Bank", left="Account.Bank_idBank", right="idBank"),
    ),
    recipient={"bank_name": "Bank.Name"},
    group_by={"account_id": "Account.idAccount"},
    metrics={"amount_avg": Metric("avg", "Amount", window=3)},
)
SPARK: dict[str, Any] = {"aggregate_in": "spark"}
LISTING: dict[str, Any] = {"group_by": None, "metrics": None, "rows": {"loan_id": "idLoan"}}


def refusal(spec: object) -> str:
    with pytest.raises(ExtractError) as refused:
        check(spec)
    assert refused.value.kind == "spec"
    return str(refused.value)


def metric(*fields: Any, **named: Any) -> dict[str, Any]:
    return {"metrics": {"x": Metric(*fields, **named)}}


@pytest.mark.parametrize(
    "changes",
    [
        {},
        LISTING,
        {**LISTING, "columns": ("loan_id", "bank_name")},
        {"columns": ("bank_name", "window_end", "amount_avg")},
        metric("count"),
        metric("sum", "Amount / 3", where="Account.kind = 'today'", window="year_to_date", scale=0),
        metric("p99", "Loan Amount"),
        {"where": "loans.status = 'open' AND account.kind IS NULL"},
        {"recipients_where": "active"},
        {**SPARK, "transform": lambda rows: rows, "transform_columns": ("fee",), "partition_by": "idLoan"},
        {"joins": (*LOANS.joins, Join("sales.Bank", "Account.x", ("idBank",), alias="Other", optional=True))},
        {"max_orphan_rows": 10**9, "late_data_periods": 0, "swing_factor": 1.5},
    ],
)
def test_valid_spec_is_accepted(changes: dict[str, Any]) -> None:
    check(replace(LOANS, **changes))


def made(cls: Any, *positional: Any, **named: Any) -> Any:
    """Call a class of the spec with any arguments, also with arguments that a type checker would refuse."""
    return cls(*positional, **named)


@pytest.mark.parametrize(
    ("spec", "sentence"),
    [
        (
            made(Extract, entity="Loans", metric="Amount"),
            'Extract has no field "metric". Did you mean "metrics"? Its fields are entity, date_column,',
        ),
        (
            made(Extract, entity="Loans", window_months=3),
            'Extract has no field "window_months"; its fields are entity,',
        ),
        (made(Extract, "Loans"), "Extract lacks date_column, recipient"),
        (made(Extract, "Loans", entity="Loans"), 'Extract has its field "entity" twice'),
        (made(Extract, *range(30)), "Extract has 26 fields, not 30: entity, date_column"),
        (
            replace(LOANS, joins=(made(Join, "Bank", on="x"),)),
            'Join has no field "on"; its fields are table,',
        ),
        (replace(LOANS, **metric("sum", column="x")), 'metric "x": Metric has no field "column"'),
        ({}, "run needs an Extract, not {}"),
    ],
)
def test_unknown_missing_or_repeated_field_is_reported_in_one_sentence(spec: object, sentence: str) -> None:
    assert refusal(spec).startswith(sentence)


def test_unknown_field_in_the_spec_ends_the_run_with_an_error_message(tmp_path: Path) -> None:
    arguments = [
        "--period",
        "2026-10",
        "--output",
        str(tmp_path / "out"),
        "--database-url",
        "postgresql://h/d",
    ]
    with pytest.raises(SystemExit) as end:
        run(made(Extract, entity="Loans", metric="Amount", aggregate="avg"), arguments)
    assert str(end.value.code).startswith('2026-10: Extract has no field "metric". Did you mean "metrics"?')
    assert str(end.value.code).endswith("transform_columns. Nothing was published.")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        # A value of a wrong type is reported in one sentence.
        ({"entity": None}, "entity=None is not a text"),
        ({"entity": " "}, "entity is empty; write the name of a table"),
        ({"date_column": 5}, "date_column=5 is not a text"),
        ({"where": True}, "where=True is not a text"),
        ({"recipient": "Bank.Name"}, "recipient='Bank.Name' must name columns; write for example"),
        ({"group_by": {}}, "group_by={} must name columns"),
        ({"group_by": {"a": None}}, "group_by has 'a': None; write for example"),
        ({"metrics": {}}, "metrics={} does not name metrics"),
        ({"metrics": {"x": "sum"}}, "metrics has 'x': 'sum'; write for example Metric(\"sum\", \"Amount\")"),
        ({"joins": LOANS.joins[0]}, "joins is one Join, not a tuple; write (Join(...),)"),
        ({"joins": 5}, "joins=5 must be a tuple of Join"),
        ({"joins": ("Bank",)}, "joins has 'Bank'; write for example Join("),
        ({"joins": (Join("Bank", 5, "x"),)}, 'the join to "Bank" has left=5, which is not a column'),  # type: ignore[arg-type]
        ({"joins": (Join("Bank", "Loans.x", ()),)}, 'the join to "Bank" has right=(), which is not a column'),
        ({"joins": (Join("Bank", "Loans.x", "y", optional=1),)}, 'the join to "Bank" has optional=1'),  # type: ignore[arg-type]
        ({"columns": "period"}, 'columns="period" is one text, not a tuple; write ("period",)'),
        ({"columns": 5}, "columns=5 must be a tuple of texts"),
        ({"defuse_formulas": "no"}, "defuse_formulas='no' is not True or False"),
        ({"max_orphan_rows": -1}, "max_orphan_rows=-1 is not a whole number from 0 up"),
        ({"max_undated_rows": True}, "max_undated_rows=True is not a whole number from 0 up"),
        ({"late_data_periods": 25}, "late_data_periods=25 is not a whole number from 0 to 24"),
        ({"partitions": 0}, "partitions=0 is not a whole number from 1 to 1000"),
        ({"swing_factor": 1}, "swing_factor=1 is not a number above 1"),
        ({"swing_factor": "2"}, "swing_factor='2' is not a number above 1"),
        ({"grain": "week"}, 'grain="week" is not supported; the grain is "month"'),
        ({"time_zone": "CEST?"}, 'there is no time zone "CEST?"'),
        ({"unassigned": "?"}, 'unassigned="?" must have a letter or digit, because it names a file'),
        # Metrics.
        (
            metric("mean", "Amount"),
            "metric \"x\" has the aggregate 'mean', which is not one of avg, sum, count",
        ),
        (metric("p100", "Amount"), "metric \"x\" has the aggregate 'p100'"),
        (metric(None, "Amount"), 'metric "x" has the aggregate None'),
        (
            metric("sum"),
            'metric "x" has no expression; add an expression, or use "count" to count rows',
        ),
        (metric("sum", " "), 'metric "x" has an empty expression'),
        (metric("sum", 5), 'metric "x" has expression=5, which is not a text'),
        (metric("sum", "Amount", window=0), 'metric "x" has window=0, which is not a whole number from 1 to'),
        (metric("sum", "Amount", window="ytd"), "metric \"x\" has window='ytd'"),
        (
            metric("sum", "Amount", scale=19),
            'metric "x" has scale=19, which is not a whole number from 0 to 18',
        ),
        (metric("count", scale=2), 'metric "x" has scale=2, but a count is a whole number; leave scale out'),
        (metric("sum", "now() - day"), 'the expression "now() - day" of metric "x" depends on now()'),
        (metric("sum", "Bank.(x)"), 'the expression "Bank.(x)" of metric "x" has "(" (character 6) where'),
        (metric("sum", "x", where="a ="), 'where="a =" of metric "x" ends where a value should follow'),
        # Fields of the spec that are missing or contradict each other, and wrong names of columns.
        (
            {"metrics": None},
            'metrics is missing; write for example metrics={"amount_sum": Metric("sum", "Amount")}',
        ),
        ({"group_by": None}, "group_by is missing; name the columns that identify one row of a file"),
        ({"rows": {"loan_id": "idLoan"}}, "rows and group_by must not be given together"),
        ({"recipient": {"a": "Bank.Name", "b": "Bank.Name"}}, "recipient names 2 columns, but must name one"),
        ({"recipient": {"bank name": "Bank.Name"}}, '"bank name" cannot be the name of a column'),
        ({"group_by": {"bank_name": "Bank.idBank"}}, "two columns of the file have the name bank_name"),
        ({"group_by": {"period": "Bank.idBank"}}, "two columns of the file have the name period"),
        ({"group_by": {"amount_avg": "Bank.idBank"}}, "two columns of the file have the name amount_avg"),
        (
            {"group_by": {"Bank_Name": "Bank.idBank"}},
            "column names of the file differ only in upper and lower case: Bank_Name, bank_name",
        ),
        ({"columns": ()}, "columns is empty; to write all columns, leave it out"),
        ({"columns": ("amount",)}, 'columns has "amount", which is not one of bank_name, account_id, period'),
        ({"columns": ("period", "period")}, 'columns has "period" twice'),
        # Names.
        ({"group_by": {"x": "Worker.id"}}, 'group_by "x" is "Worker.id", but no join leads to "Worker"'),
        ({"date_column": "Worker.day"}, 'date_column is "Worker.day", but no join leads to "Worker"'),
        ({"where": "Worker.x = 1"}, 'where="Worker.x = 1" names "Worker.x", but no join leads to "Worker"'),
        (
            {"where": "loan_date < 'today'"},
            "where=\"loan_date < 'today'\" depends on 'today', so a later run of the same period",
        ),
        ({"where": "x; y"}, 'where="x; y" has a semicolon'),
        ({"recipients_where": ""}, 'recipients_where="" is empty; leave it out'),
        # Joins.
        (
            {"joins": (*LOANS.joins, LOANS.joins[0])},
            'two tables of the spec are called "Account"; give one of',
        ),
        (
            {"joins": (*LOANS.joins, Join("a.Bank", "Account.x", "y"))},
            'two tables of the spec are called "Bank"; give one of the joins an alias',
        ),
        (
            {"joins": (Join("Account", "Client.x", "id"),)},
            'the join to "Account" starts at "Client.x", which is',
        ),
        (
            {"joins": (Join("Account", "x", "id"),)},
            'the join to "Account" starts at "x", which is not a column of',
        ),
        (
            {"joins": (Join("Account", ("Loans.a", "Loans.b"), "id"),)},
            'the join to "Account" compares 2 columns with 1',
        ),
        (
            {"joins": (*LOANS.joins, Join("X", ("Loans.a", "Bank.b"), ("c", "d")))},
            'the join to "X" starts at two tables; it must start at one table',
        ),
        # Spark.
        ({"aggregate_in": "excel"}, 'aggregate_in="excel" is unknown; write "database" or "spark"'),
        ({"transform": lambda rows: rows}, 'transform needs Spark; add aggregate_in="spark"'),
        (
            {"partition_by": "idLoan"},
            'partition_by="idLoan" needs Spark; add aggregate_in="spark"',
        ),
        (
            {**SPARK, "partition_by": "Account.x"},
            'partition_by has "Account.x", which is not a column of the entity',
        ),
        ({**SPARK, "transform": "twice"}, "transform='twice' must be a function from DataFrame to DataFrame"),
        ({**SPARK, "transform_columns": ("fee",)}, "transform_columns is given without a transform"),
        (
            {**SPARK, "transform_columns": "fee"},
            'transform_columns="fee" is one text, not a tuple; write ("fee",)',
        ),
    ],
)
def test_contradiction_in_a_spec_is_reported_in_one_sentence(changes: dict[str, Any], sentence: str) -> None:
    assert refusal(replace(LOANS, **changes)).startswith(sentence)


JUNK: tuple[object, ...] = (
    None,
    0,
    -1,
    1.5,
    float("nan"),
    "",
    "x",
    b"x",
    (),
    [],
    {},
    set(),
    object(),
    {"a": 1},
    ("x", 1),
    Extract,
)


@pytest.mark.parametrize("field", [name for name in Extract.__dataclass_fields__ if name != "fault"])
def test_invalid_value_in_a_field_raises_no_exception_except_extract_error(field: str) -> None:
    for junk in JUNK:
        changes: dict[str, Any] = {field: junk}
        with contextlib.suppress(ExtractError):  # some of these values are valid, for example where=None
            check(replace(LOANS, **changes))


@pytest.mark.parametrize(
    ("reference", "table", "column"),
    [
        ("Amount", "Loans", "Amount"),
        ("Loans.Amount", "Loans", "Amount"),
        ("loans.Amount", "Loans", "Amount"),
        ("Product.price", "Product", "price"),
        ("production.Product.price", "Product", "price"),
        ("Other.name", "Other", "name"),
        ("nobody.name", "Loans", "nobody.name"),
    ],
)
def test_reference_is_split_into_table_and_column(reference: str, table: str, column: str) -> None:
    joins = (Join("production.Product", "Loans.a", "b"), Join("Product", "Loans.c", "d", alias="Other"))
    assert replace(LOANS, joins=joins).split(reference) == (table, column)


def test_file_has_all_columns_by_default() -> None:
    assert LOANS.file_columns == (
        "bank_name",
        "account_id",
        "period",
        "window_start",
        "window_end",
        "amount_avg",
    )
    assert replace(LOANS, **LISTING).file_columns == ("bank_name", "loan_id", "period")
