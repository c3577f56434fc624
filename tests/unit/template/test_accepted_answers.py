"""A project contains each accepted answer unchanged, or in the syntax that the file requires."""

from __future__ import annotations

import runpy
from collections.abc import Callable
from pathlib import Path

import pytest

import rolling_description
from tests.support.stamping import spec


def test_column_that_a_metric_counts_may_also_be_in_group_by(typed: Callable[..., Path]) -> None:
    project = typed(aggregate="count", group="amount = Loans.Amount")
    assert spec(project)["group_by"] == {"amount": "Loans.Amount"}
    assert spec(project)["metrics"] == {
        "loans_count": ("count", "Amount", 3),
        "amount_sum": ("sum", "Amount", 3),
        "amount_count": ("count", "Amount", 3),
    }


def test_metric_that_equals_a_default_metric_is_written_once(typed: Callable[..., Path]) -> None:
    summed = spec(typed(aggregate="sum"))["metrics"]
    assert summed == {"loans_count": ("count", "Amount", 3), "amount_sum": ("sum", "Amount", 3)}
    project = typed(
        entity="Amount",
        aggregate="count",
        joins="Bank: Amount.bank = id",
        group="bank = Bank.id",
        project_slug="counted",
    )
    assert spec(project)["metrics"] == {
        "amount_count": ("count", "Amount", 3),
        "amount_sum": ("sum", "Amount", 3),
    }


@pytest.mark.parametrize("metric", ["order", "Total", "net-total", "Net Total", "größe"])
def test_metric_column_with_an_unusual_name_is_quoted(metric: str, typed: Callable[..., Path]) -> None:
    """The spec has the metric as an SQL expression, so an unusual column name needs quotes."""
    found = spec(typed(metric=metric))["metrics"]
    assert isinstance(found, dict)
    expression = found["loans_count"][1]
    assert expression == (metric if metric == "Total" else f'"{metric}"')


def check_readme(project: Path, line: str) -> None:
    """Check that the README has `line`, and that its description of the spec is up to date."""
    readme = (project / "README.md").read_text()
    assert line in readme.splitlines()
    extract = runpy.run_path(str(project / "Glue/etl.py"))["EXTRACT"]
    assert rolling_description.stale(readme, extract) == ""


def test_metric_may_be_a_name_and_an_sql_expression(typed: Callable[..., Path]) -> None:
    project = typed(metric="value = Account.rate * Amount * (1 - coalesce(discount, 0.05))", aggregate="max")
    expression = "Account.rate * Amount * (1 - coalesce(discount, 0.05))"
    assert spec(project)["metrics"] == {
        "loans_count": ("count", expression, 3),
        "value_sum": ("sum", expression, 3),
        "value_max": ("max", expression, 3),
    }
    check_readme(project, f"| `value_max` | largest `{expression}` over 3 months |")
    quoted = spec(typed(metric='value = "unit price" * quantity', project_slug="quoted"))["metrics"]
    assert isinstance(quoted, dict)
    assert quoted["value_avg"] == ("avg", '"unit price" * quantity', 3)


def test_join_that_only_a_metric_expression_needs_is_kept(typed: Callable[..., Path]) -> None:
    """No other answer uses the table Currency, but the metric needs the join to this table."""
    joins = "Account: Loans.a = b; Currency: Loans.currency = code; Bank: Account.bank = id"
    project = typed(joins=joins, metric="euros = Amount * Currency.rate", group="till = Loans.till")
    assert '"Currency", left=' in (project / "Glue/etl.py").read_text()


def test_spec_counts_rows_if_the_answer_for_the_metric_is_none(typed: Callable[..., Path]) -> None:
    project = typed(metric="none", aggregate="count")
    assert '"loans_count": Metric("count", window=3),' in (project / "Glue/etl.py").read_text()
    check_readme(project, "| `loans_count` | number of rows over 3 months |")


def test_join_may_use_a_table_of_another_schema(typed: Callable[..., Path]) -> None:
    project = typed(
        joins="core.Account: Loans.a = Account.b; ref.Bank: Account.bank = ref.Bank.id",
        group="till = Account.till",
    )
    assert spec(project)["joins"] == [("core.Account", "Loans.a", "b"), ("ref.Bank", "Account.bank", "id")]
    tables = (project / "Terraform/main.tf").read_text().partition("tables = [")[2].partition("]")[0]
    assert tables.split() == ['"Loans",', '"core.Account",', '"ref.Bank",']
    check_readme(project, "   └─ Bank (ref.Bank): bank = id")


def test_names_with_spaces_or_letters_of_any_alphabet_are_unchanged(typed: Callable[..., Path]) -> None:
    project = typed(
        project_slug="darlehen-2",
        entity="vertrieb.Darlehen Größe",
        metric="Bruttobetrag_é",
        aggregate="max",
        date_column="Filiale.eröffnet$am",
        window_months="12",
        joins="Filiale: Darlehen Größe.filiale-id = id; 銀行: Filiale.銀行_id = 番号",
        group="filiale = Filiale.Straße",
        recipient="bank = 銀行.名前",
        alert_email="o.k+loans@sub.example.co",
    )
    assert spec(project) == {
        "entity": "Darlehen Größe",
        "schema": "vertrieb",
        "date_column": "Filiale.eröffnet$am",
        "time_zone": "Etc/GMT",
        "joins": [("Filiale", "Darlehen Größe.filiale-id", "id"), ("銀行", "Filiale.銀行_id", "番号")],
        "recipient": {"bank": "銀行.名前"},
        "group_by": {"filiale": "Filiale.Straße"},
        "metrics": {
            "darlehen_größe_count": ("count", '"Bruttobetrag_é"', 12),
            "bruttobetrag_é_sum": ("sum", '"Bruttobetrag_é"', 12),
            "bruttobetrag_é_max": ("max", '"Bruttobetrag_é"', 12),
        },
    }
    variables = (project / "Terraform/variables.tf").read_text(encoding="utf-8")
    assert 'optional(string, "vertrieb")' in variables
    assert '["o.k+loans@sub.example.co"]' in variables
    assert '    "銀行",\n' in (project / "Terraform/main.tf").read_text(encoding="utf-8")


def test_column_names_that_contain_the_word_and_are_allowed_in_a_composite_key(
    typed: Callable[..., Path],
) -> None:
    project = typed(
        entity="and and",
        joins="or:and and.and=and and and and.and and = and and ; 銀行 : or.a and b =銀行 . 番号 and or . c "
        f"= x  and  or.{'d' * 63} = {'e' * 63}",
        group="branch = or.and",
        recipient="bank = 銀行.番号",
    )
    assert spec(project)["joins"] == [
        ("or", ("and and.and", "and and.and and"), ("and", "and and")),
        ("銀行", ("or.a and b", "or.c", f"or.{'d' * 63}"), ("番号", "x", "e" * 63)),
    ]


def test_answers_may_have_extra_spaces_and_separators_at_the_end_and_repeated_table_names(
    typed: Callable[..., Path],
) -> None:
    project = typed(
        entity=" Loans ",
        metric=" Loans . Amount ",
        date_column=" loan_date",
        window_months=" 3 ",
        joins="Account:Loans.Account_idAccount=Account.idAccount ;Client : Account.Client_idClient=idClient;"
        "  Branch: Client.Branch_idBranch = Branch . idBranch; Bank: Branch.Bank_idBank = idBank; ",
        group="branch_id=Branch.idBranch,branch_address =  Branch . Address,",
        recipient=" bank_name=Bank.Name",
        alert_email=" data-team@example.com ",
    )
    assert spec(project) == spec(typed(project_slug="as-by-default"))
    assert '["data-team@example.com"]' in (project / "Terraform/variables.tf").read_text()


@pytest.mark.parametrize("none", ["", "none", " None "])
def test_no_joins_are_needed_if_the_entity_has_all_columns_of_the_spec(
    none: str, typed: Callable[..., Path]
) -> None:
    project = typed(joins=none, group="branch = Loans.branch", recipient="bank = Loans.bank")
    assert spec(project)["joins"] == []
    assert (
        (project / "Glue/etl.py").read_text().startswith("from rolling_extract import Extract, Metric, run\n")
    )


@pytest.mark.parametrize(
    ("answer", "stamped"), [(" yes ", True), (True, True), ("no", False), (False, False)]
)
def test_answer_yes_or_no_may_be_a_text_or_a_boolean(
    answer: object, stamped: bool, typed: Callable[..., Path]
) -> None:
    project = typed(_github_workflows=answer)
    assert (project / ".github").exists() == stamped
    assert f'_github_workflows: "{"yes" if stamped else "no"}"' in (project / "extract.yaml").read_text()


def test_number_in_an_answers_file_is_accepted(typed: Callable[..., Path]) -> None:
    metrics = spec(typed(window_months=6))["metrics"]
    assert isinstance(metrics, dict)
    assert metrics["amount_avg"] == ("avg", "Amount", 6)
