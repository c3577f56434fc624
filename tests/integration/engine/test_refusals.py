"""If the source or Spark reports an error, the message and the log of the run contain no value of a row."""

from __future__ import annotations

import json
from typing import Any

import pytest

import rolling_database
import rolling_refusals
from rolling_errors import one_line, quoted
from tests.support.bank import Engine, Store

CARD = "card 4111 1111 1111 1111"


@pytest.fixture(params=["database", "spark"])
def way(request: pytest.FixtureRequest) -> str:
    return str(request.param)


UNSPOKEN = "the error text is hidden, because it may contain values"


@pytest.mark.parametrize(
    ("condition", "why"),
    [
        ("note::int > 0", "a text cannot be cast to the type (SQLSTATE 22P02)"),
        ("note::date > '2020-01-01'", "a text cannot be cast to a date or time (SQLSTATE 22007)"),
        ("raised(note)", "a function of the database raised an exception (SQLSTATE P0001)"),
        ("note::tsquery IS NOT NULL", f"{UNSPOKEN} (SQLSTATE 42601)"),
        ("note::jsonpath IS NOT NULL", f"{UNSPOKEN} (SQLSTATE 42601)"),
        ("replace(note, ' ', '')::regclass IS NOT NULL", f"{UNSPOKEN} (SQLSTATE 42P01)"),
        ("(replace(note, ' ', '') || '.b')::regclass IS NOT NULL", f"{UNSPOKEN} (SQLSTATE 3F000)"),
        ("(replace(note, ' ', '') || '.b.c')::regclass IS NOT NULL", f"{UNSPOKEN} (SQLSTATE 0A000)"),
        ("repeat(replace(note, ' ', ''), 99)::tsquery IS NOT NULL", f"{UNSPOKEN} (SQLSTATE 54000)"),
    ],
)
def test_error_of_a_failed_read_contains_no_value_of_the_row(
    store: Store, engine: Engine, way: str, condition: str, why: str
) -> None:
    store.loan(store.branch(), "2026-10-01", 5)
    store.sql('ALTER TABLE "Loans" RENAME TO loans_proper')
    store.sql(f"ALTER TABLE loans_proper ADD COLUMN note text DEFAULT '{CARD} permission denied'")
    store.sql(
        """CREATE FUNCTION raised(text) RETURNS boolean LANGUAGE plpgsql AS
        $$ BEGIN RAISE EXCEPTION 'no luck with %', $1; END $$"""
    )
    store.sql(f'CREATE VIEW "Loans" AS SELECT * FROM loans_proper WHERE {condition}')
    sentence = engine.refusal("2026-10", aggregate_in=way)
    assert why in sentence
    assert "4111" not in sentence + json.dumps(engine.log)
    assert engine.log[-1]["kind"] == "database"


def test_error_of_a_failed_transform_contains_no_column_name_of_a_pivot(store: Store, engine: Engine) -> None:
    store.sql('ALTER TABLE "Loans" ADD note text')
    store.loan(store.branch(), "2026-10-01", 5)
    store.sql('UPDATE "Loans" SET note = %s', CARD)

    def pivoted(rows: Any) -> Any:
        return rows.groupBy("idLoan").pivot("note").count().select("closed")

    changes: dict[str, Any] = {"transform": pivoted, "transform_columns": ("note",)}
    sentence = engine.refusal("2026-10", aggregate_in="spark", **changes)
    assert "failed with AnalysisException in line " in sentence
    assert "[UNRESOLVED_COLUMN.WITH_SUGGESTION]" in sentence
    assert "4111" not in sentence + json.dumps(engine.log)


def test_error_of_a_failed_transform_contains_no_value_of_the_row(store: Store, engine: Engine) -> None:
    store.loan(store.branch(), "2026-10-01", 4111)

    def at_once(rows: Any) -> Any:
        raise ValueError(f"no luck with {rows.collect()[0]['Amount']}")

    def later(rows: Any) -> Any:
        from pyspark.sql import functions as F

        def fails(amount: Any) -> Any:
            raise ValueError(f"no luck with {amount}")

        return rows.withColumn("Amount", F.udf(fails, "decimal(38,0)")("Amount"))

    for transform, told in ((at_once, "failed with ValueError in line"), (later, "ValueError")):
        sentence = engine.refusal("2026-10", aggregate_in="spark", transform=transform)
        assert told in sentence
        assert "4111" not in sentence + json.dumps(engine.log)


@pytest.mark.parametrize(
    "said",
    [
        f'PSQLException: ERROR: invalid input syntax for type integer: "{CARD} due to lock timeout"',
        f"PSQLException: ERROR: duplicate key\\n  Detail: Key (note)=({CARD}) already exists.",
        f'[CAST_INVALID_INPUT] The value \'{CARD}\' of the type "STRING" cannot be cast to "INT"',
        f"[CAST_INVALID_INPUT] The value 'PSQLException: permission denied for table x; {CARD}' of the type",
        f"ValueError: x PSQLException: canceling statement due to lock timeout - {CARD}",
        f'org.postgresql.util.PSQLException: ERROR: time zone "{CARD}" not recognized',
        f'Job aborted: java.lang.NumberFormatException: For input string: "{CARD}"',
        f"Traceback (most recent call last):\nValueError: invalid literal for int(): '{CARD}'",
    ],
)
def test_text_of_an_error_without_sqlstate_is_not_in_the_message(said: str) -> None:
    database = rolling_database.from_url("postgresql://u:p@h:1/d?sslmode=require")
    found = rolling_refusals.explained(RuntimeError(said), database)
    assert "4111" not in f"{found} {found.cause}"
    assert found.kind == "database"


def test_message_about_a_spark_error_names_only_its_error_classes() -> None:
    database = rolling_database.from_url("postgresql://u:p@h:1/d?sslmode=require")
    aborted = (
        "org.apache.spark.SparkException: Job aborted due to stage failure: Task 0 in stage 1.0 failed"
        " 4 times, most recent failure: Lost task 0.3 in stage 1.0 (TID 3) (172.31.0.1 executor 2): "
    )
    invalid = "org.apache.spark.SparkNumberFormatException: [CAST_INVALID_INPUT] The value 'x'"
    for text, kinds in (
        (aborted + invalid, "CAST_INVALID_INPUT, org.apache.spark.SparkNumberFormatException"),
        (f"{aborted}java.lang.OutOfMemoryError: Java heap space", "java.lang.OutOfMemoryError"),
        ("[UNRESOLVED_COLUMN.WITH_SUGGESTION] x", "UNRESOLVED_COLUMN.WITH_SUGGESTION"),
        ("no luck", "RuntimeError"),
    ):
        found = rolling_refusals.explained(RuntimeError(text), database)
        assert found.sentence == f"Spark could not finish the read: {kinds}"


@pytest.mark.parametrize("begun", ["no luck: ", "java.lang.NumberFormatException: For input string: "])
@pytest.mark.parametrize(
    "row",
    ["[PAY_NOW]", "pay.your.InvoiceError: x", "java.PayError: x", "\nPayError: x", "\n[PAY_NOW]"],
)
def test_value_that_looks_like_an_error_class_is_not_in_the_message(begun: str, row: str) -> None:
    database = rolling_database.from_url("postgresql://u:p@h:1/d?sslmode=require")
    found = rolling_refusals.explained(RuntimeError(begun + row), database)
    assert "pay" not in f"{found} {found.cause}".lower()


@pytest.mark.parametrize("mark", ["\u2063", "\u061c", "\U000e0041", "\u200b", "\u202e", "\ufeff", "\x1b"])
def test_message_has_no_invisible_characters(mark: str) -> None:
    assert one_line(f"First{mark} Bank") == "First Bank"


@pytest.mark.parametrize(
    ("text", "defused"),
    [
        ("see https://evil.example/pay now", "see https[:]//evil.example/pay now"),
        ("HTTP://evil.example", "HTTP[:]//evil.example"),
        ("ftp://x mailto:a@b www.evil.example", "ftp[:]//x mailto[:]a[@]b www[.]evil.example"),
        ("s3://bucket/loans, jdbc:postgresql://h/d", "s3://bucket/loans, jdbc:postgresql://h/d"),
    ],
)
def test_message_has_no_clickable_address(text: str, defused: str) -> None:
    assert one_line(text) == defused


def test_quoted_name_has_no_clickable_address() -> None:
    assert quoted("pay at evil.example/x, plc. a@b.example") == (
        '"pay at evil[.]example/x, plc. a[@]b[.]example"'
    )
