"""Invalid answers are refused, all at once, and never executed."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from cookiecutter.exceptions import FailedHookException

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
        ("metric", "Account.Amount", "is not a column of Loans; write a column, e.g. Amount, or"),
        ("metric", "none", 'the metric "none" counts the rows; use the aggregate count'),
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
        ("aggregate", "agv", "is not one of avg, sum, count, min, max"),
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
        ("joins", "Account: Loans.a = b and Loans.a = d", '"Loans.a" occurs twice in one key'),
        ("joins", "Account: Loans.a = b and Loans.c = b", '"Account.b" occurs twice in one key'),
        ("joins", "Account: Loans.a = b and Loans.c = Client.d", "is not a column of Account"),
        ("joins", "Account: Loans.a = b and Loans. = d", "the column name is empty"),
        ("joins", "Account: Loans.a = b and Loans.c  d = e", "single spaces"),
        ("joins", "Account: Loans.a = b and\u00a0Loans.c\u00a0d = e", "single spaces"),
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


@pytest.mark.parametrize("aggregate", ["median", "count_distinct", "stddev", "p95"])
def test_error_for_an_aggregate_that_is_no_answer_names_the_file_for_it(
    aggregate: str, refused: Callable[..., dict[str, list[str]]]
) -> None:
    reason = (
        f'"{aggregate}" is not one of avg, sum, count, min, max; choose one of these, and later'
        f" write {aggregate} instead in Glue/etl.py of the project"
    )
    assert refused(aggregate=aggregate) == {"aggregate": [reason]}


@pytest.mark.parametrize(
    ("question", "text"), [("delimiter", "colon"), ("sftp", "nope"), ("aggregate", "medium")]
)
def test_choice_that_only_looks_similar_is_not_suggested(
    question: str, text: str, refused: Callable[..., dict[str, list[str]]]
) -> None:
    [reason] = refused(**{question: text})[question]
    assert "did you mean" not in reason


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


def test_invalid_join_does_not_invalidate_later_ones(
    refused: Callable[..., dict[str, list[str]]],
) -> None:
    said = refused(
        joins="Account: Loan.x = y; Client: Account.a = b; Branch: Client.a = b; Bank: Branch.a = b"
    )
    assert said == {"joins": ['"Loan" is neither the entity nor a table in joins; did you mean Loans?']}
