"""Answers are used exactly or refused, all invalid ones at once, and never executed."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from cookiecutter.exceptions import FailedHookException

from tests.support.stamping import spec

QUESTIONS = (
    "project_slug", "entity", "metric", "aggregate", "date_column",
    "window_months", "joins", "group", "recipient", "delimiter", "sftp", "alert_email",
    "_schedule", "_time_zone", "_region", "_github_workflows", "_object_lock",
)  # fmt: skip
HOSTILE = {
    "nothing": "",
    "blanks": "   ",
    "double quote": 'a"b',
    "triple quotes": '"""\'\'\'',
    "single quote": "a'b",
    "backslash": "a\\",
    "braces": "a{b}c",
    "python": '", entity=__import__("os").system("touch CANARY"))#',
    "jinja expression": "{{ cycler.__init__.__globals__.os.popen('touch CANARY').read() }}",
    "jinja statement": "{% set x = 1 %}{# comment #}",
    "jinja end": "}} %} {{",
    "terraform": '${file("CANARY")}%{ if true }',
    "workflow": "${{ github.token }}",
    "shell": "$(touch CANARY) `touch CANARY`; touch CANARY",
    "line break": "Loans\nimport os",
    "carriage return": "a\rb",
    "next line": "a\x85b",
    "line separator": "a\u2028b",
    "null": "a\0b",
    "escape": "\x1b[31mred",
    "right to left": "a\u202eb",
    "lone surrogate": "a\ud800b",
    "path": "../../escaped",
    "absolute path": "/tmp/escaped",
    "nested path": "a/b/c",
    "long": "x." * 150,
    "very long": "é" * 6000,
    "markdown": "[a](javascript:b) | <script>",
    "comment": "a # b",
    "sql": "Loans\"; DROP TABLE \"Loans",
}  # fmt: skip


@pytest.fixture
def refused(
    typed: Callable[..., Path], output: Path, capfd: pytest.CaptureFixture[str]
) -> Callable[..., dict[str, list[str]]]:
    """Create a project, expect a refusal without files, and return the reasons of each question."""

    def refused(**answers: object) -> dict[str, list[str]]:
        around = sorted(output.parent.rglob("*"))
        with pytest.raises(FailedHookException):
            typed(**answers)
        assert sorted(output.parent.rglob("*")) == around, "files were left behind"
        said: dict[str, list[str]] = {}
        for line in capfd.readouterr().err.splitlines():
            if line.startswith("  - "):
                question, _, sentence = line.removeprefix("  - ").partition(": ")
                said.setdefault(question, []).append(sentence)
        return said

    return refused


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE.keys())
def test_hostile_answer_is_refused_by_every_question(
    text: str, refused: Callable[..., dict[str, list[str]]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    said = refused(**dict.fromkeys(QUESTIONS, text))
    # joins may be empty; every other question needs an answer.
    expected = [q for q in QUESTIONS if text.strip() or q != "joins"]
    assert list(said) == expected
    assert not list(tmp_path.rglob("CANARY"))


def test_answer_with_template_syntax_on_the_command_line_is_refused(
    stamp: Callable[..., Path], output: Path
) -> None:
    # cookiecutter renders answers from the command line; the result must still be a name.
    with pytest.raises(FailedHookException):
        stamp(entity="{{ 7 * 7 }}")
    with pytest.raises(FailedHookException):
        stamp(entity="{% raw %}{{ 7 * 7 }}{% endraw %}")
    assert not list(output.iterdir())


@pytest.mark.parametrize(
    "question", ["_schedule", "_time_zone", "_region", "_github_workflows", "_object_lock"]
)
def test_option_from_the_command_line_is_not_rendered(
    question: str,
    stamp: Callable[..., Path],
    output: Path,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(output)
    with pytest.raises(FailedHookException):
        stamp(**{question: "{{ cycler.__init__.__globals__.os.popen('touch CANARY').read() }}"})
    assert f'  - {question}: "{{{{ cycler' in capfd.readouterr().err
    assert not list(output.iterdir())


@pytest.mark.parametrize(
    "slug", ["../escaped", "a/b/c", "/tmp/escaped", ".", "..", "", "x" * 300, "É", "a\nb"]
)
def test_name_that_is_a_path_creates_no_folder(
    slug: str, stamp: Callable[..., Path], output: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(FailedHookException):
        stamp(project_slug=slug)
    assert "  - project_slug: " in capfd.readouterr().err
    assert [path.name for path in output.parent.iterdir()] == ["stamped"]
    assert not list(output.iterdir())
    assert not Path("/tmp/escaped").exists()


def test_answers_at_the_prompts_are_not_executed(
    template: Path, cookiecutter_settings: Path, tmp_path: Path, output: Path
) -> None:
    run = "{{ cycler.__init__.__globals__.os.popen('touch CANARY').read() }}"
    lines = ["", run, "", "2", "", "6", "", "", "", "2", "9", "1", "nobody"]
    done = subprocess.run(
        [sys.executable, "-m", "cookiecutter", "--config-file", cookiecutter_settings, template],
        cwd=output,
        input="".join(f"{line}\n" for line in lines),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert [line.split(":")[0] for line in done.stderr.splitlines() if line.startswith("  - ")] == [
        "  - entity",
        "  - alert_email",
    ]
    assert "Entity, the table with one row per fact?" in done.stdout
    assert "[12/12]" in done.stdout
    assert "Day of the month and time" not in done.stdout
    assert [path for path in tmp_path.rglob("*") if path != output] == []


@pytest.mark.parametrize(
    ("question", "text", "sentence"),
    [
        ("project_slug", "Bank Loans", "join words with single hyphens, e.g. bank-loans"),
        ("project_slug", "ab", "at least three characters"),
        ("project_slug", "moving-average-of-loans-per-branch-and-bank", "has 43 characters; use at most 40"),
        ("project_slug", "com1", "reserved"),
        ("entity", "1Loans", "start with a letter"),
        ("entity", "L" * 64, "63 bytes"),
        ("entity", "é" * 32, "63 bytes"),
        ("metric", "Account.Amount", "is not a column of Loans"),
        ("metric", "none", "none counts the rows; use the aggregate count"),
        ("metric", "Total = price * quantity", "is not a valid name; use a to z"),
        ("metric", "total = ", "is not an expression of columns"),
        ("metric", "total = price * 'x'", "is not an expression of columns"),
        ("metric", "total = price -- quantity", "is not an expression of columns"),
        ("metric", "total = price; drop", "is not an expression of columns"),
        ("metric", 'total = "a\\" * price', "is not an expression of columns"),
        ("metric", "total = \"a'b\" * price", "is not an expression of columns"),
        ("metric", "total = (price * quantity", "has an unbalanced parenthesis"),
        ("metric", "total = Worker.wage * hours", "is neither the entity nor a table in joins"),
        ("joins", "a/b.Account: Loans.a = b", "is not a valid schema name"),
        ("joins", "Account: Loans.a = b; other.Account: Loans.c = b", '"Account" is joined twice'),
        ("aggregate", "median", "is not one of avg, sum, count, min, max"),
        ("sftp", "Server", "is not one of server, instance, connector, none; did you mean server?"),
        ("_schedule", "cron(1 0 1 * ? *)", "is not a day of the month and a time"),
        ("_schedule", "0 00:01", "is not a day of the month and a time"),
        ("_schedule", "1 24:00", "is not a day of the month and a time"),
        ("_schedule", "\u0661 00:01", "is not a day of the month and a time"),
        ("_schedule", "28 00:01", "is after the 27th"),
        ("_time_zone", "Europe/Pariss", "is not a time zone of the IANA database; write area and place"),
        ("_time_zone", "europe/vienna", "did you mean Europe/Vienna?"),
        ("_time_zone", "São Paulo", "did you mean America/Sao_Paulo?"),
        ("_time_zone", "Mars/Olympus_Mons", "is not a time zone"),
        ("_time_zone", "CET", "write area and place"),
        ("_time_zone", "GMT+2", "write area and place, e.g. Europe/Paris"),
        ("_time_zone", "localtime", "is not a time zone"),
        ("_time_zone", "posix/Europe/Paris", "is not a time zone"),
        ("_time_zone", "../Europe/Paris", "is not a time zone"),
        ("_region", "eu-west-1a", "is not an AWS region"),
        ("_region", "Ireland", "write e.g. eu-west-1"),
        ("_github_workflows", "maybe", "is not one of yes, no"),
        ("_object_lock", "5 years", "is not none, or a mode and time"),
        ("_object_lock", "governance 0 days", "is not none, or a mode and time"),
        ("_object_lock", "compliance 101 years", "at most 100 years"),
        ("_object_lock", "compliance 36501 days", "at most 100 years"),
        ("metric", "loan_date", "is also the date column"),
        ("date_column", "Worker.hired", "is neither the entity nor a table in joins"),
        ("group", "amount = Loans.Amount", "is also the metric"),
        ("recipient", "amount = Loans.Amount", "is also the metric"),
        ("date_column", "Acount.open_date", "did you mean Account?"),
        ("window_months", "0", "is not a number from 1 to 1200"),
        ("window_months", "3.5", "is not a number from 1 to 1200"),
        ("window_months", "٣", "is not a number from 1 to 1200"),
        ("window_months", "99999", "is not a number from 1 to 1200"),
        ("joins", "Account", "write TABLE: LEFT.COLUMN = COLUMN"),
        ("joins", "Account: Account_idAccount = idAccount", "has no table"),
        ("joins", "Loans: Loans.a = b", "is joined twice"),
        ("joins", "Account: Loans.a = Client.b", "is not a column of Account"),
        ("joins", "Account: Loans.a = b and Loans.c", "is not a key; write Loans.COLUMN = COLUMN and"),
        ("joins", "Account: Loans.a = b AND Loans.c = d", "write Loans.COLUMN = COLUMN and"),
        ("joins", "Account: Loans.a = b, Loans.c = d", "is not a key"),
        ("joins", "Account: Loans.a = b and c = d", "is not a key"),
        ("joins", "Account: Loans.a = b; Client: Loans.a = b and Account.c = d", "is not a key"),
        ("joins", "Account: Loans.a = b and Loans.a = d", '"Loans.a" is twice in one key'),
        ("joins", "Account: Loans.a = b and Loans.c = b", '"Account.b" is twice in one key'),
        ("joins", "Account: Loans.a = b and Loans.c = Client.d", "is not a column of Account"),
        ("joins", "Account: Loans.a = b and Loans. = d", "the column name is empty"),
        ("joins", "Account: Loans.a = b and Loans.c  d = e", "single blanks"),
        ("joins", "Account: Loans.a = b and\u00a0Loans.c\u00a0d = e", "single blanks"),
        ("group", "Branch.idBranch", "write NAME = TABLE.COLUMN"),
        ("group", "branch id = Branch.idBranch", "is not a valid name"),
        ("group", "branch_id = idBranch", "has no table"),
        ("group", "branch_id = Branches.idBranch", "did you mean Branch?"),
        ("group", "bank_name = Branch.idBranch", "is already the name of a column or key part"),
        ("group", "loans_count = Branch.idBranch", "is already the name of a column or key part"),
        ("group", "amount_avg = Branch.idBranch", "is already the name of a column or key part"),
        ("group", "Branch = Branch.idBranch", "is not a valid name"),
        ("recipient", "period = Bank.Name", "is already the name of a column or key part"),
        ("recipient", "bank_name = Bank.Name, x = Bank.idBank", "is not a valid column name"),
        ("delimiter", ";", "is not one of comma, semicolon, tab, other"),
        ("alert_email", "", "the address is empty, so nobody would get the alerts; write e.g. data-team@"),
        ("alert_email", "data-team", "write e.g. data-team@example.com"),
        ("alert_email", "a@example.com, b@example.com", "write e.g."),
        ("_version", "latest", "is not a version"),
        ("_repository", "git@github.com:a/b", "is not the https address"),
        ("__module_source", "../../modules", "must contain MODULE once"),
        ("__module_source", '../MODULE"${', "and no quotes"),
    ],
)  # fmt: skip
def test_invalid_answer_is_reported_with_a_valid_example(
    question: str, text: str, sentence: str, refused: Callable[..., dict[str, list[str]]]
) -> None:
    said = refused(**{question: text})
    # An invalid table is not reported again by the answers that refer to it.
    assert list(said) == [question]
    assert any(sentence in reason for reason in said[question]), said


@pytest.mark.parametrize(
    ("sentence", "answers"),
    [
        (
            '"Bank" is joined, but no other answer uses it',
            {"group": "client = Client.Surname", "recipient": "branch = Branch.Address"},
        ),
        (
            '"Account" is joined, but no other answer uses it',
            {
                "joins": "Account: Loans.Account_idAccount = idAccount; Bank: Loans.bank = idBank",
                "group": "till = Loans.till",
            },
        ),
    ],
)
def test_unused_join_is_refused(
    sentence: str, answers: dict[str, str], refused: Callable[..., dict[str, list[str]]]
) -> None:
    said = refused(**answers)
    assert list(said) == ["joins"]
    assert sentence in said["joins"][0]


def test_counted_column_may_be_in_group_by(typed: Callable[..., Path]) -> None:
    project = typed(aggregate="count", group="amount = Loans.Amount")
    assert spec(project)["group_by"] == {"amount": "Loans.Amount"}
    assert spec(project)["metrics"] == {
        "loans_count": ("count", "Amount", 3),
        "amount_sum": ("sum", "Amount", 3),
        "amount_count": ("count", "Amount", 3),
    }


def test_column_that_two_metrics_would_have_is_stamped_once(typed: Callable[..., Path]) -> None:
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
def test_metric_is_an_expression_that_means_its_column(metric: str, typed: Callable[..., Path]) -> None:
    """A name that SQL would read as something else is quoted."""
    found = spec(typed(metric=metric))["metrics"]
    assert isinstance(found, dict)
    expression = found["loans_count"][1]
    assert expression == (metric if metric == "Total" else f'"{metric}"')


def test_metric_may_be_an_expression_with_a_name(typed: Callable[..., Path]) -> None:
    project = typed(metric="value = Account.rate * Amount * (1 - coalesce(discount, 0.05))", aggregate="max")
    expression = "Account.rate * Amount * (1 - coalesce(discount, 0.05))"
    assert spec(project)["metrics"] == {
        "loans_count": ("count", expression, 3),
        "value_sum": ("sum", expression, 3),
        "value_max": ("max", expression, 3),
    }
    assert "the **largest value** of `Account.rate" in (project / "README.md").read_text()
    quoted = spec(typed(metric='value = "unit price" * quantity', project_slug="quoted"))["metrics"]
    assert isinstance(quoted, dict)
    assert quoted["value_avg"] == ("avg", '"unit price" * quantity', 3)


def test_table_of_an_expression_needs_its_join(typed: Callable[..., Path]) -> None:
    """No other answer uses the table of the currency."""
    joins = "Account: Loans.a = b; Currency: Loans.currency = code; Bank: Account.bank = id"
    project = typed(joins=joins, metric="euros = Amount * Currency.rate", group="till = Loans.till")
    assert '"Currency", left=' in (project / "Glue/etl.py").read_text()


def test_without_a_metric_the_rows_are_counted(typed: Callable[..., Path]) -> None:
    project = typed(metric="none", aggregate="count")
    assert '"loans_count": Metric("count", window=3),' in (project / "Glue/etl.py").read_text()
    text = (project / "README.md").read_text()
    assert "`loans_count` is the **number of rows** of `Loans` whose `loan_date`" in text
    assert "| `loans_count` | number of rows, the metric |" in text
    assert "Loans.none" not in text


def test_join_to_a_table_of_another_schema(typed: Callable[..., Path]) -> None:
    project = typed(
        joins="core.Account: Loans.a = Account.b; ref.Bank: Account.bank = ref.Bank.id",
        group="till = Account.till",
    )
    assert spec(project)["joins"] == [("core.Account", "Loans.a", "b"), ("ref.Bank", "Account.bank", "id")]
    tables = (project / "Terraform/main.tf").read_text().partition("tables = [")[2].partition("]")[0]
    assert tables.split() == ['"Loans",', '"core.Account",', '"ref.Bank",']


def test_invalid_join_does_not_invalidate_later_ones(
    refused: Callable[..., dict[str, list[str]]],
) -> None:
    said = refused(
        joins="Account: Loan.x = y; Client: Account.a = b; Branch: Client.a = b; Bank: Branch.a = b"
    )
    assert said == {"joins": ['"Loan" is neither the entity nor a table in joins; did you mean Loans?']}


def test_names_of_any_script_and_with_blanks_are_kept(typed: Callable[..., Path]) -> None:
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


def test_composite_keys_with_names_containing_and_are_kept(typed: Callable[..., Path]) -> None:
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


def test_blanks_trailing_separators_and_repeated_table_names_are_allowed(typed: Callable[..., Path]) -> None:
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
def test_entity_with_all_columns_needs_no_joins(none: str, typed: Callable[..., Path]) -> None:
    project = typed(joins=none, group="branch = Loans.branch", recipient="bank = Loans.bank")
    assert spec(project)["joins"] == []
    assert (
        (project / "Glue/etl.py").read_text().startswith("from rolling_extract import Extract, Metric, run\n")
    )


@pytest.mark.parametrize(
    ("answer", "stamped"), [(" yes ", True), (True, True), ("no", False), (False, False)]
)
def test_yes_and_no_may_be_text_or_booleans(
    answer: object, stamped: bool, typed: Callable[..., Path]
) -> None:
    project = typed(_github_workflows=answer)
    assert (project / ".github").exists() == stamped
    assert f'_github_workflows: "{"yes" if stamped else "no"}"' in (project / "extract.yaml").read_text()


def test_number_in_an_answers_file_is_accepted(typed: Callable[..., Path]) -> None:
    metrics = spec(typed(window_months=6))["metrics"]
    assert isinstance(metrics, dict)
    assert metrics["amount_avg"] == ("avg", "Amount", 6)
