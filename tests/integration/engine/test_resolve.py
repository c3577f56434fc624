"""Resolve specs against the catalog of a real PostgreSQL: names, types, rights and expressions."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

import rolling_database
import rolling_psycopg
import rolling_resolve
from rolling_errors import ExtractError
from rolling_resolved import Resolved
from rolling_source import Source
from rolling_spec import Extract, Join, Metric
from rolling_spec_check import check
from tests.support.bank import Store
from tests.support.engine import extract_page

FEES = Extract(
    entity="fees",
    date_column="day",
    joins=(Join("Bank", left="fees.bank", right="id"),),
    recipient={"bank_name": "Bank.name"},
    group_by={"bank_id": "Bank.id"},
    metrics={"amount_sum": Metric("sum", "amount")},
)


@pytest.fixture
def fees(bare_store: Store) -> Store:
    bare_store.sql(
        """CREATE TABLE "Bank" (id int PRIMARY KEY, name text NOT NULL);
        CREATE TABLE fees (
            id int PRIMARY KEY, amount numeric(12,2), rate real, day date NOT NULL, bank int, status text,
            since timestamptz, "Loan Amount" int
        )"""
    )
    return bare_store


def resolved(store: Store, spec: Extract = FEES, url: str | None = None, **changes: Any) -> Resolved:
    """Check a spec, and resolve it against the source."""
    spec = replace(spec, schema=store.schema, **changes)
    check(spec)
    source = Source(
        rolling_database.from_url(url or store.url), rolling_psycopg.connect, "Etc/GMT", "jr_1", 60, 60
    )
    with source.session() as session:
        return rolling_resolve.read(spec, session)


def metric(expression: str, aggregate: str = "sum", **fields: Any) -> dict[str, Any]:
    return {"metrics": {"x": Metric(aggregate, expression, **fields)}}


def test_names_match_regardless_of_case(fees: Store) -> None:
    found = resolved(fees, entity="FEES", date_column="Day", recipient={"bank_name": "bank.NAME"})
    assert [(table.alias, table.table) for table in found.tables] == [("t0", "fees"), ("t1", "Bank")]
    assert (found.recipient.alias, found.recipient.name, found.recipient.not_null) == ("t1", "name", True)
    assert found.steps[0].unique
    assert found.date.not_null


def test_postgresql_accepts_every_expression(fees: Store) -> None:
    metrics = {
        "rate_avg": Metric("avg", "rate * amount / 3"),
        "days": Metric("sum", "extract(DAY FROM since AT TIME ZONE 'UTC')", where="lower(status) = 'open'"),
        "root": Metric("max", "sqrt(rate) + 1"),
        "plain": Metric("sum", "Loan Amount"),
        "kinds": Metric("count_distinct", "coalesce(status, 'none')"),
        "ratio": Metric("avg", 'amount / nullif("Loan Amount", 0)'),
        "rows": Metric("count", where="day >= '2026-01-01' OR Bank.name LIKE 'A%'"),
        "length": Metric("p90", "length(status)"),
    }
    found = resolved(
        fees, metrics=metrics, where="status IS DISTINCT FROM 'x'", recipients_where="name <> 'Beta'"
    )
    assert [measure.divisor for measure in found.measures] == [3, 1, 1, 1, 1, 1, 1, 1]
    assert [metric.scale for metric in found.metrics] == [2, 2, 2, None, None, 2, None, 2]
    assert found.measures[4].counted_only


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        (
            {"entity": "fee", "joins": (Join("Bank", "fee.bank", "id"),)},
            'no table {schema}.fee. Did you mean "fees"?',
        ),
        ({"date_column": "dya"}, 'no column "dya" in {schema}.fees. Did you mean "day"?'),
        (metric("ammount * 2"), 'no column "ammount" in {schema}.fees. Did you mean "amount"?'),
        (metric("Bank.nam"), 'no column "nam" in {schema}."Bank". Did you mean "name"?'),
        (metric("status"), 'metric "x", "status" in {schema}.fees, is text, not a number'),
        (
            metric("status || 'x'"),
            """the expression "status || 'x'" of metric "x" is a text, not a number""",
        ),
        (metric("day"), 'metric "x", "day" in {schema}.fees, is date, not a number'),
        (metric("amount = 1"), 'the expression "amount = 1" of metric "x" is a condition, not a number'),
        (
            metric("clock_timestamp()"),
            "depends on clock_timestamp(), so a later run of the same period would give different values",
        ),
        (metric("pg_backend_pid()"), "calls pg_backend_pid(), which is not immutable in PostgreSQL"),
        (metric("lowr(status)"), "calls lowr(), which is not a function of PostgreSQL"),
        (metric("amount / (2 - 2)"), 'the expression "amount / (2 - 2)" of metric "x" divides by zero'),
        (
            metric("left(status, day)", "count"),
            'PostgreSQL does not accept the expression of metric x, "left(status, day)": function left(text,'
            " date) does not exist",
        ),
        (metric("make_date(2026, 1, 1)"), "has the type date, but must be a number"),
        (
            {"where": "day > 'soon'"},
            """PostgreSQL does not accept where "day > 'soon'": invalid input syntax for type date""",
        ),
        ({"where": "amount + 1"}, 'where="amount + 1" is a number, not a condition'),
        ({"where": "day < 'today'"}, """where="day < 'today'" depends on 'today'"""),
        (
            {"recipients_where": "fees.status = 'x'"},
            'names "status" in {schema}.fees; it can name only columns of "Bank"',
        ),
        ({"date_column": "status"}, 'date_column "status" in {schema}.fees is text, not a date or timestamp'),
        (
            {"joins": (Join("Bank", "fees.status", "id"),)},
            "compares text with integer; both must be of the same kind",
        ),
    ],
)
def test_invalid_spec_is_refused_with_an_error_that_names_the_fault(
    fees: Store, changes: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(ExtractError) as refused:
        resolved(fees, **changes)
    assert sentence.replace("{schema}", fees.schema) in str(refused.value)


def test_role_needs_no_rights_on_the_table_of_an_unused_join(fees: Store, reader: str) -> None:
    joins = (*FEES.joins, Join("secret", left="fees.id", right="id"))
    fees.sql("CREATE TABLE secret (id int PRIMARY KEY)")
    fees.sql(f'GRANT SELECT ON fees, "Bank" TO {reader}')
    found = resolved(fees, url=as_role(fees, reader), joins=joins)
    assert [table.table for table in found.tables] == ["fees", "Bank"]
    with pytest.raises(ExtractError, match=r'no column "idd" in .*secret. Did you mean "id"'):
        resolved(fees, joins=(*FEES.joins, Join("secret", left="fees.id", right="idd")))


def test_error_for_missing_rights_names_table_and_role(fees: Store, reader: str) -> None:
    with pytest.raises(ExtractError) as refused:
        resolved(fees, url=as_role(fees, reader))
    assert str(refused.value) == (
        f'permission denied for tables {fees.schema}.fees, {fees.schema}."Bank"; grant SELECT on them to role'
        f' "{reader}"'
    )
    fees.sql(f'GRANT SELECT ON "Bank" TO {reader}; GRANT SELECT (id, day, bank) ON fees TO {reader}')
    with pytest.raises(
        ExtractError, match=rf'column "amount" of table .*; grant SELECT on it to role "{reader}"'
    ):
        resolved(fees, url=as_role(fees, reader))


def test_table_with_row_level_security_for_the_role_is_refused(fees: Store, reader: str) -> None:
    fees.sql(
        f"""GRANT SELECT ON fees, "Bank" TO {reader}; ALTER TABLE fees ENABLE ROW LEVEL SECURITY;
        CREATE POLICY only_first ON fees FOR SELECT TO {reader} USING (bank = 1)"""
    )
    with pytest.raises(ExtractError) as refused:
        resolved(fees, url=as_role(fees, reader))
    assert str(refused.value) == (
        f'row-level security can hide rows of {fees.schema}.fees from role "{reader}" (policy "only_first");'
        " give the role BYPASSRLS, or read a view whose owner sees every row"
    )
    assert resolved(fees).role != reader  # the owner of the table sees every row


def test_examples_of_the_documentation_are_valid_for_the_source(store: Store) -> None:
    for example in extract_page.EXAMPLES:
        resolved(store, extract_page.changed(example))


@pytest.mark.parametrize("entity", ["Überweisung", "überweisung"])
def test_table_name_with_a_non_ascii_capital_letter_is_found(fees: Store, entity: str) -> None:
    fees.sql('CREATE TABLE "Überweisung" (id int, "Größe" numeric(12,2), tag date, bank int)')
    found = resolved(
        fees,
        entity=entity,
        date_column="Tag",
        joins=(Join("Bank", f"{entity}.bank", "id"),),
        **metric("GRÖSSE" if entity.istitle() else "größe"),
    )
    assert found.tables[0].table == "Überweisung"
    assert found.measures[0].columns[0].name == "Größe"


@pytest.mark.parametrize(
    ("table", "column"), [("fees? 50%:net", 'a$b"c'), ("t" * 63, "ü" * 31), ("a.b'c\\", "x{y} z")]
)
def test_names_with_unusual_characters_are_found(fees: Store, table: str, column: str) -> None:
    quoted = column.replace('"', '""')
    fees.sql(f'CREATE TABLE "{table}" (id int, "{quoted}" numeric(12,2), day date, bank int)')
    metrics = {
        "plain": Metric("sum", column),
        "twice": Metric("sum", f'"{quoted}" * 2', where=f'"{quoted}" > 1'),
    }
    found = resolved(fees, entity=table, joins=(Join("Bank", f"{table}.bank", "id"),), metrics=metrics)
    assert found.tables[0].table == table
    assert {measure.columns[0].name for measure in found.measures} == {column}


def test_join_may_use_a_table_of_another_schema(fees: Store) -> None:
    fees.sql(f"CREATE SCHEMA {fees.schema}_more; CREATE TABLE {fees.schema}_more.bank (id int, name text)")
    joins = (Join(f"{fees.schema}_more.Bank", left="fees.bank", right="id"),)
    found = resolved(fees, joins=joins)
    fees.sql(f"DROP SCHEMA {fees.schema}_more CASCADE")
    assert (found.tables[1].schema, found.tables[1].table) == (f"{fees.schema}_more", "bank")
    assert not found.steps[0].unique


def test_money_column_has_two_digits_after_the_point(fees: Store) -> None:
    fees.sql("ALTER TABLE fees ADD fee money")
    assert resolved(fees, **metric("fee")).measures[0].digits == 2


def test_column_of_a_domain_has_the_base_type_of_the_domain(fees: Store) -> None:
    fees.sql(
        "CREATE DOMAIN cents AS numeric(10,2); CREATE DOMAIN price AS cents; ALTER TABLE fees ADD cost price"
    )
    [column] = resolved(fees, **metric("cost")).measures[0].columns
    assert (column.type, column.digits) == ("numeric", 2)


def test_nondeterministic_collation_is_refused(fees: Store) -> None:
    fees.sql(
        """CREATE COLLATION any_case (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
        ALTER TABLE "Bank" ALTER name TYPE text COLLATE any_case"""
    )
    with pytest.raises(ExtractError, match="has the nondeterministic collation any_case"):
        resolved(fees)


def test_rows_of_a_listing_are_ordered_by_the_primary_key(fees: Store) -> None:
    listing: dict[str, Any] = {"group_by": None, "metrics": None, "rows": {"loan": "id", "paid": "amount"}}
    found = resolved(fees, **listing)
    assert found.listing is not None
    assert [column.name for column in found.listing.key] == ["id"]
    assert found.columns == ("bank_name", "loan", "paid", "period")
    fees.sql("ALTER TABLE fees DROP CONSTRAINT fees_pkey")
    with pytest.raises(ExtractError, match="a listing needs a primary key on"):
        resolved(fees, **listing)


@pytest.mark.parametrize(
    ("index", "unique"),
    [
        ("CREATE UNIQUE INDEX ON target (id)", True),
        ("CREATE UNIQUE INDEX ON target (id, part)", False),
        ("CREATE UNIQUE INDEX ON target (id) WHERE part > 0", False),
        ("CREATE UNIQUE INDEX ON target (id) INCLUDE (part)", True),
        ("ALTER TABLE target ADD UNIQUE (id) DEFERRABLE", False),
        ("CREATE UNIQUE INDEX ON target (id); CREATE TABLE child () INHERITS (target)", False),
    ],
)
def test_join_is_unique_only_if_a_unique_index_guarantees_unique_join_keys(
    fees: Store, index: str, unique: bool
) -> None:
    fees.sql(f"CREATE TABLE target (id int, part int, name text); {index}")
    found = resolved(
        fees,
        joins=(Join("target", "fees.bank", "id"),),
        recipient={"bank_name": "target.name"},
        group_by={"bank_id": "target.id"},
    )
    assert found.steps[0].unique is unique


@pytest.mark.parametrize(
    ("expression", "sentence"),
    [
        ("amount / 3 + Bank.id", None),
        ('amount / "Loan Amount"', None),
        (
            "amount / Bank.id",
            "over several tables, but cannot compute it exactly: it divides",
        ),
        ("rate * Bank.id", 'the type of column "rate" does not fix the number of digits after the point'),
    ],
)
def test_expression_that_spark_cannot_compute_exactly_is_refused(
    fees: Store, expression: str, sentence: str | None
) -> None:
    def resolve() -> Resolved:
        return resolved(fees, aggregate_in="spark", **metric(expression))

    if sentence is None:
        assert resolve().aggregate_in == "spark"
    else:
        with pytest.raises(ExtractError) as refused:
            resolve()
        assert sentence in str(refused.value)


@pytest.fixture
def reader(fees: Store) -> Iterator[str]:
    """A role that may use the schema, but no table in it."""
    role = f"{fees.schema}_reader"
    fees.sql(f"CREATE ROLE {role} LOGIN PASSWORD 'secret'; GRANT USAGE ON SCHEMA {fees.schema} TO {role}")
    yield role
    fees.sql(f"DROP OWNED BY {role}; DROP ROLE {role}")


def as_role(store: Store, role: str) -> str:
    before, _, after = store.url.partition("@")
    return f"{before.partition('://')[0]}://{role}:secret@{after}"
