"""Questions and messages of `extracts new` and `extracts inspect` for five public schemas."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from extracts import cli
from extracts.errors import ExtractsError
from extracts.introspect.finding import Ambiguous


def test_candidates_for_joins_are_shown_as_paths(
    public: Callable[[str], str], created: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    created(public("pagila"), terminal=True)
    shown = capsys.readouterr().err.splitlines()
    assert "  1  payment → customer → address → city → country" in shown
    assert "  12  payment → rental → inventory → store → staff → address → city → country" in shown


def test_columns_with_personal_data_come_after_the_other_columns_of_all_tables(
    public: Callable[[str], str], created: Callable[..., Path]
) -> None:
    with pytest.raises(Ambiguous) as raised:
        created(
            public("northwind"), "--entity", "order_details", "--metric", "quantity",
            "--date-column", "orders.order_date",
        )  # fmt: skip
    [question] = raised.value.findings
    candidates = [candidate.rpartition(".")[2] for candidate in question.candidates]
    assert candidates.index("company_name") == 1
    plain, personal = candidates.index("supplier_id"), candidates.index("contact_name")
    assert plain < personal
    assert set(candidates[personal:]) <= {
        "contact_name", "contact_title", "address", "postal_code", "phone", "fax", "last_name", "first_name",
        "title_of_courtesy", "home_phone", "extension", "notes", "photo_path", "homepage",
    }  # fmt: skip


def test_commands_of_the_how_to_guide_create_a_project(
    public: Callable[[str], str], created: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    place = "postgresql://reader@source.example.com/shop"
    start = f"--database-url {public('pagila')}"

    def words(command: str) -> list[str]:
        return command.replace(f"--database-url {place}", start).split()[1:]

    cli.app(
        words("extracts inspect --database-url postgresql://reader@source.example.com/shop"),
        standalone_mode=False,
    )
    shown = capsys.readouterr().out
    assert "payment → customer → address → city → country" in shown
    assert "11 more paths lead to country." in shown
    assert len(shown.splitlines()) < 50
    options = words("extracts new --database-url postgresql://reader@source.example.com/shop")[3:]
    assert created(public("pagila"), *options, terminal=True).is_dir()
    with pytest.raises(Ambiguous, match="12 paths lead from payment to country") as raised:
        cli.app(
            words(
                "extracts new --no-input --database-url postgresql://reader@source.example.com/shop"
                " --entity payment --recipient country"
            ),
            standalone_mode=False,
        )
    assert '--joins "customer: payment.customer_id = customer_id; address:' in str(raised.value)


@pytest.mark.parametrize(
    ("recipient", "sentence"),
    [
        ("production.prodct.name", 'recipient: there is no table "production.prodct"; did you mean'),
        (
            "humanresources.shift.name",
            'no foreign keys lead from salesorderdetail to "humanresources"."shift"',
        ),
    ],
)
def test_error_about_a_table_of_another_schema_names_the_schema(
    recipient: str, sentence: str, public: Callable[[str], str], created: Callable[..., Path]
) -> None:
    with pytest.raises(ExtractsError) as raised:
        created(
            public("adventureworks"), "--entity", "sales.salesorderdetail", "--metric", "unitprice",
            "--date-column", "salesorderheader.orderdate", "--recipient", recipient,
        )  # fmt: skip
    assert sentence in str(raised.value)


def test_recipient_is_ambiguous_if_its_values_are_not_unique(
    public: Callable[[str], str], created: Callable[..., Path]
) -> None:
    """The schema has two cities with the same name, in different countries."""
    with pytest.raises(Ambiguous) as raised:
        created(public("pagila"), "--entity", "payment", "--recipient", "city")
    [question] = raised.value.findings
    assert question.candidates == ("city_id = city.city_id", "city = city.city")
