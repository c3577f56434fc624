"""Expressions in a spec: their SQL, and the error messages for invalid expressions."""

from __future__ import annotations

import pytest

from rolling_exact import numerator
from rolling_expression import Node, columns_of, is_portable, render
from rolling_grammar import parse
from rolling_repeatable import Function, check_clocks, check_functions
from rolling_resolved import Column
from rolling_tokens import ExpressionError

COLUMNS = {
    "amount": Column("t0", "amount", "numeric", "N", 2),
    "count": Column("t0", "count", "integer", "N", 0),
    "rate": Column("t0", "rate", "double precision", "N", None),
    "price": Column("t1", "price", "numeric", "N", 4),
    "fee": Column("t1", "fee", "numeric", "N", None),
    "kind": Column("t0", "kind", "text", "S", None),
    "Odd (name": Column("t0", "Odd (name", "text", "S", None),
    "day": Column("t0", "day", "date", "D", None),
}


def read(text: str) -> Node:
    node = parse(text, lambda names: COLUMNS[names[-1]])
    check_clocks(node)
    return node


def written(text: str, dialect: str = "postgresql") -> tuple[str, int]:
    """Return the numerator of an expression as SQL, and its constant divisor as a number."""
    node, divisor = numerator(read(text))
    return render(node, dialect, lambda column: column.name), divisor


@pytest.mark.parametrize(
    ("text", "sql", "divisor"),
    [
        # The cast prevents an overflow of whole numbers. A constant divisor is not part of the SQL.
        ("count * 2", "(CAST(count AS numeric) * 2)", 1),
        ("amount / 3", "amount", 3),
        ("amount / -2.5", "(- (amount * 2))", 5),
        ("amount / 3 + price", "(amount + (price * 3))", 3),
        ("(amount + 1) / (2 * 3) / 4", "(amount + 1)", 24),
        ("1 / 3 * amount", "amount", 3),
        ("1.50e2 * amount", "(150 * amount)", 1),
        ("abs(amount / 3)", "abs(amount)", 3),
        ("coalesce(amount / 3, 1)", "coalesce(amount, 3)", 3),
        (
            "CASE WHEN kind = 'x' THEN amount / 3 ELSE price / 7 END",
            "CASE WHEN (kind = 'x') THEN (amount * 7) ELSE (price * 3) END",
            21,
        ),
        ("amount / price", "(div(amount * 1e60, price) * 1e-60)", 1),
        ("sqrt(amount) * 2", "(CAST(sqrt(amount) AS numeric) * 2)", 1),
        ("length(kind) * amount", "(CAST(CAST(length(kind) AS text) AS numeric) * amount)", 1),
        ("round(count, 1)", "round(CAST(count AS numeric), 1)", 1),
        (
            "width_bucket(rate, 0, 1, 2)",
            "width_bucket(CAST(CAST(rate AS text) AS double precision), 0, 1, 2)",
            1,
        ),
        ("- count - -1", "((- CAST(count AS numeric)) - (-1))", 1),
        # Conditions.
        ("amount / 3 > price / 2", "((amount * 2) > (price * 3))", 1),
        ("count = 5", "(count = 5)", 1),
        ("NOT count = 5 OR kind IS NULL AND TRUE", "((NOT (count = 5)) OR ((kind IS NULL) AND TRUE))", 1),
        ("amount BETWEEN 1 AND 2 + 3", "((amount >= 1) AND (amount <= 5))", 1),
        ("amount NOT BETWEEN 1 AND 2", "(NOT ((amount >= 1) AND (amount <= 2)))", 1),
        ("kind NOT IN ('a', 'it''s')", "(kind NOT IN ('a', 'it''s'))", 1),
        ("kind IS DISTINCT FROM 'x'", "(kind IS DISTINCT FROM 'x')", 1),
        ("kind !~ '^a' AND kind ILIKE '%b'", "((kind !~ '^a') AND (kind ILIKE '%b'))", 1),
        ("\"Odd (name\" = '; --'", "(Odd (name = '; --')", 1),
        ("CASE kind WHEN 'a' THEN true END", "CASE WHEN (kind = 'a') THEN TRUE END", 1),
        # Other types.
        ("day + 3 > DATE '2026-01-01'", "((day + 3) > CAST('2026-01-01' AS date))", 1),
        (
            "day::timestamp(0) with time zone AT TIME ZONE 'UTC'",
            "timezone('UTC', CAST(day AS timestamp(0) with time zone))",
            1,
        ),
        ("extract(YEAR FROM day) = 2026", "(EXTRACT(year FROM day) = 2026)", 1),
        ("CAST(kind AS double precision) || 'x'", "(CAST(kind AS double precision) || 'x')", 1),
    ],
)
def test_expression_is_written_as_sql_of_postgresql(text: str, sql: str, divisor: int) -> None:
    assert written(text) == (sql, divisor)


@pytest.mark.parametrize(
    ("text", "sql"),
    [
        ("count * amount", "(CAST(count AS DECIMAL(10, 0)) * amount)"),
        ("kind = 'it''s \\ here'", "(kind = 'it\\'s \\\\ here')"),
    ],
)
def test_expression_is_written_as_sql_of_spark(text: str, sql: str) -> None:
    assert written(text, "spark") == (sql, 1)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("count * amount + price", None),
        ("amount / 3", None),
        ("fee", None),
        ("CASE WHEN kind = 'x' THEN amount ELSE coalesce(price, 0) END", None),
        ("amount * fee", 'the type of column "fee" does not fix the number of digits after the point'),
        ("amount / price", "it divides by a column"),
        ("lower(kind) = 'x'", "it calls lower()"),
        ("kind LIKE 'x%'", "it uses the operator LIKE"),
        ("kind < 'x'", "it compares dates or texts"),
        ("day > '2026-01-01'", "it compares dates or texts"),
        ("amount::integer", "it has a cast to integer"),
        ("day - 3", "it uses - on values that are not numbers"),
        ("price * price * price * price * price", "its values have more than 19 digits after the point"),
    ],
)
def test_check_returns_the_reason_why_spark_cannot_compute_an_expression_exactly(
    text: str, reason: str | None
) -> None:
    assert is_portable(numerator(read(text))[0]) == reason


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (" ", "is empty; leave it out"),
        ("amount +", "ends where a value should follow"),
        ("amount price", 'has "price" (character 8) where the end should follow'),
        ("(amount", 'ends where ")" should follow'),
        ("amount)", 'has ")" (character 7) where the end should follow'),
        ("count = 1 = 2", 'has "=" (character 11) where AND or OR should follow'),
        ("amount; DROP TABLE x", "has a semicolon; write one expression, not a statement"),
        ("amount -- fee", "has a comment; write the comment in Python, beside the spec"),
        ("amount /* fee */", "has a comment; write the comment in Python, beside the spec"),
        ("kind = 'x", "has a quote that is not closed"),
        ("kind = E'\\''", "has a text of the form E'…'; write the text without escapes"),
        (
            "kind ? 'x'",
            "uses an operator with ?, which the driver reads as a parameter; use the function of the operator"
            " instead",
        ),
        ("amount[1]", "has a '[' that is not in quotes (character 7)"),
        ("kind = $1", "has a '$' that is not in quotes (character 8)"),
        ("amount > (SELECT 1)", "has a subquery; use a view instead of the table, or join the table"),
        ("sum(amount) OVER ()", "uses OVER, which is not supported; put the expression into a view"),
        ("count(*)", "calls the aggregate count(); write the aggregate as the first field of a Metric"),
        (
            "public.secret(1)",
            "calls public.secret(); only built-in functions of PostgreSQL are allowed",
        ),
        ("amount / 0", "divides by zero"),
        ("amount / (1 - 1)", "divides by zero"),
        ("1e99 * amount", "has the number 1e99, which has too many digits"),
        ("(" * 50 + "1" + ")" * 50, "is nested more than 40 levels deep; put the expression into a view"),
        ("1" + "+amount" * 200, "has more than 150 operators in a row; put the expression into a view"),
        ("amount" * 2000, "has more than 10000 characters; put the expression into a view"),
    ],
)
def test_invalid_expression_is_refused(text: str, reason: str) -> None:
    with pytest.raises(ExpressionError) as refused:
        numerator(parse(text, lambda names: COLUMNS.get(names[-1], COLUMNS["amount"])))
    assert str(refused.value) == reason


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("day < now()", "now()"),
        ("day < current_date", "current_date"),
        ("day < 'today'", "'today'"),
        ("day IN ('2026-01-01', 'Tomorrow 10:00')", "'Tomorrow'"),
        ("day BETWEEN 'yesterday'::timestamp AND '2026-01-01'", "'yesterday'"),
        ("current_setting('TimeZone') = 'x'", "current_setting()"),
        ("pg_sleep(1) IS NULL", "pg_sleep()"),
        ("kind = CURRENT_USER", "current_user"),
        ("coalesce(day, 'now') > '2026-01-01'", "'now'"),
    ],
)
def test_expression_that_depends_on_the_current_time_is_refused(text: str, what: str) -> None:
    with pytest.raises(ExpressionError) as refused:
        read(text)
    assert (
        str(refused.value)
        == f"depends on {what}, so a later run of the same period would give different values"
    )


@pytest.mark.parametrize(
    "text", ["kind = 'today'", "kind LIKE '%now%'", "lower(kind) IN ('now')", "kind || 'now' = 'x'"]
)
def test_word_such_as_today_is_allowed_in_a_text_that_is_not_compared_with_a_date(text: str) -> None:
    read(text)


FUNCTIONS = [
    Function("lower", "f", "i", False, 1, 1),
    Function("length", "f", "i", False, 1, 1),
    Function("length", "f", "s", False, 2, 2),
    Function("date_trunc", "f", "i", False, 2, 2),
    Function("date_trunc", "f", "s", False, 2, 2),
    Function("inet_client_port", "f", "s", False, 0, 0),
    Function("avg", "a", "i", False, 1, 1),
    Function("unnest", "f", "i", True, 1, 1),
]


@pytest.mark.parametrize("text", ["coalesce(lower(kind), 'x')", "length(kind)", "date_trunc('month', day)"])
def test_expression_with_immutable_functions_is_accepted(text: str) -> None:
    check_functions(read(text), FUNCTIONS)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("inet_client_port() = 1", "calls inet_client_port(), which is not immutable in PostgreSQL"),
        ("length(kind, 'x')", "calls length(), which is not immutable in PostgreSQL"),
        ("lower(kind, 'x')", "calls lower() with 2 arguments, but PostgreSQL has no such function"),
        ("avg(amount)", "calls the aggregate avg()"),
        ("unnest(kind) = 'x'", "calls unnest(), which returns several rows"),
        ("lowr(kind) = 'x'", "calls lowr(), which is not a function of PostgreSQL"),
    ],
)
def test_expression_with_an_unsuitable_function_is_refused(text: str, reason: str) -> None:
    with pytest.raises(ExpressionError) as refused:
        check_functions(read(text), FUNCTIONS)
    assert str(refused.value).startswith(reason)


def test_columns_of_an_expression_are_listed_once_in_the_order_of_their_appearance() -> None:
    node = read("CASE WHEN price > 1 THEN amount ELSE price END")
    assert [column.name for column in columns_of(node, None, read("kind = 'x'"))] == [
        "price",
        "amount",
        "kind",
    ]
