"""Answers either work exactly or are refused, every wrong one at once, and none is ever run."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from cookiecutter.exceptions import FailedHookException

QUESTIONS = (
    "project_slug", "entity", "metric", "aggregate", "date_column",
    "window_months", "joins", "group", "recipient", "alert_email",
    "_sftp", "_schedule", "_time_zone", "_region", "_github_workflows", "_object_lock",
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
    """Stamp, see it refused with nothing left, and give what was said: question -> sentences."""

    def refused(**answers: object) -> dict[str, list[str]]:
        around = sorted(output.parent.rglob("*"))
        with pytest.raises(FailedHookException):
            typed(**answers)
        assert sorted(output.parent.rglob("*")) == around, "something was left behind"
        said: dict[str, list[str]] = {}
        for line in capfd.readouterr().err.splitlines():
            if line.startswith("  - "):
                question, _, sentence = line.removeprefix("  - ").partition(": ")
                said.setdefault(question, []).append(sentence)
        return said

    return refused


def spec(project: Path) -> dict[str, object]:
    """The keywords of the stamped `Extract(...)`, each hop as a tuple; read, not run."""
    tree = ast.parse((project / "Glue/etl.py").read_text(encoding="utf-8"))
    [call] = [
        node for node in ast.walk(tree) if isinstance(node, ast.Call) and ast.unparse(node.func) == "Extract"
    ]
    found: dict[str, object] = {
        k.arg: ast.literal_eval(k.value) for k in call.keywords if k.arg and k.arg != "joins"
    }
    [joins] = [k.value for k in call.keywords if k.arg == "joins"]
    assert isinstance(joins, ast.Tuple)
    hops = [hop for hop in joins.elts if isinstance(hop, ast.Call)]
    found["joins"] = [
        tuple(ast.literal_eval(part) for part in (*h.args, *(k.value for k in h.keywords))) for h in hops
    ]
    return found


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE.keys())
def test_a_hostile_answer_is_refused_at_every_question_at_once(
    text: str, refused: Callable[..., dict[str, list[str]]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    said = refused(**dict.fromkeys(QUESTIONS, text))
    # Without hops is a way to answer; every other question needs something.
    expected = [q for q in QUESTIONS if text.strip() or q != "joins"]
    assert list(said) == expected
    assert not list(tmp_path.rglob("CANARY"))


def test_an_answer_from_the_command_line_is_data_once_it_is_there(
    stamp: Callable[..., Path], output: Path
) -> None:
    # Cookiecutter renders what it is given there; what comes out must still be a name.
    with pytest.raises(FailedHookException):
        stamp(entity="{{ 7 * 7 }}")
    with pytest.raises(FailedHookException):
        stamp(entity="{% raw %}{{ 7 * 7 }}{% endraw %}")
    assert not list(output.iterdir())


@pytest.mark.parametrize(
    "question", ["_sftp", "_schedule", "_time_zone", "_region", "_github_workflows", "_object_lock"]
)
def test_an_option_from_the_command_line_is_not_even_rendered(
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
def test_a_name_that_is_a_path_leaves_no_folder_anywhere(
    slug: str, stamp: Callable[..., Path], output: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(FailedHookException):
        stamp(project_slug=slug)
    assert "  - project_slug: " in capfd.readouterr().err
    assert [path.name for path in output.parent.iterdir()] == ["stamped"]
    assert not list(output.iterdir())
    assert not Path("/tmp/escaped").exists()


def test_answers_typed_at_the_prompts_are_never_run(
    template: Path, cookiecutter_settings: Path, tmp_path: Path, output: Path
) -> None:
    run = "{{ cycler.__init__.__globals__.os.popen('touch CANARY').read() }}"
    lines = ["", run, "", "2", "", "6", "", "", "", "nobody"]
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
    assert "Which table has one row per fact?" in done.stdout
    assert "[10/10]" in done.stdout
    assert "How do the files get to their recipients?" not in done.stdout
    assert [path for path in tmp_path.rglob("*") if path != output] == []


@pytest.mark.parametrize(
    ("question", "text", "sentence"),
    [
        ("project_slug", "Bank Loans", "joined by single hyphens, e.g. bank-loans"),
        ("project_slug", "ab", "three or more"),
        ("project_slug", "moving-average-of-loans-per-branch-and-bank", "has 43 characters; use at most 40"),
        ("project_slug", "com1", "reserved"),
        ("entity", "1Loans", "starts with a letter"),
        ("entity", "L" * 64, "63 bytes"),
        ("entity", "é" * 32, "63 bytes"),
        ("metric", "Account.Amount", "a column of that table"),
        ("aggregate", "median", "none of avg, sum, count, min, max"),
        ("_sftp", "Server", "none of server, connector, none; did you mean server?"),
        ("_schedule", "cron(1 0 1 * ? *)", "write the day of the month and the time in the extract's"),
        ("_schedule", "0 00:01", "is no schedule"),
        ("_schedule", "1 24:00", "is no schedule"),
        ("_schedule", "\u0661 00:01", "is no schedule"),
        ("_schedule", "28 00:01", "the last one is 27"),
        ("_time_zone", "Europe/Pariss", "is not a time zone of the IANA database; write area and place"),
        ("_time_zone", "europe/vienna", "did you mean Europe/Vienna?"),
        ("_time_zone", "São Paulo", "did you mean America/Sao_Paulo?"),
        ("_time_zone", "Mars/Olympus_Mons", "is not a time zone"),
        ("_time_zone", "CET", "write area and place"),
        ("_time_zone", "GMT+2", "write area and place, e.g. Europe/Paris"),
        ("_time_zone", "localtime", "is not a time zone"),
        ("_time_zone", "posix/Europe/Paris", "is not a time zone"),
        ("_time_zone", "../Europe/Paris", "is not a time zone"),
        ("_region", "eu-west-1a", "is no region of AWS"),
        ("_region", "Ireland", "write e.g. eu-west-1"),
        ("_github_workflows", "maybe", "none of yes, no"),
        ("_object_lock", "5 years", "write none, or governance or compliance"),
        ("_object_lock", "governance 0 days", "is no lock"),
        ("_object_lock", "compliance 101 years", "for 100 years at most"),
        ("_object_lock", "compliance 36501 days", "for 100 years at most"),
        ("metric", "loan_date", "is the date column too"),
        ("date_column", "Worker.hired", "each needs a hop in joins"),
        ("group", "amount = Loans.Amount", "is the metric"),
        ("recipient", "amount = Loans.Amount", "is the metric"),
        ("date_column", "Acount.open_date", "did you mean Account?"),
        ("window_months", "0", "whole number from 1"),
        ("window_months", "3.5", "whole number from 1"),
        ("window_months", "٣", "whole number from 1"),
        ("window_months", "99999", "whole number from 1"),
        ("joins", "Account", "write TABLE: LEFT.COLUMN = COLUMN"),
        ("joins", "Account: Account_idAccount = idAccount", "names no table"),
        ("joins", "Loans: Loans.a = b", "there twice"),
        ("joins", "Account: Loans.a = Client.b", "a column of its own table"),
        ("joins", "Account: Loans.a = b and Loans.c", "is no key; write Loans.COLUMN = COLUMN and"),
        ("joins", "Account: Loans.a = b AND Loans.c = d", "write Loans.COLUMN = COLUMN and"),
        ("joins", "Account: Loans.a = b, Loans.c = d", "each from that one table"),
        ("joins", "Account: Loans.a = b and c = d", "each from that one table"),
        ("joins", "Account: Loans.a = b; Client: Loans.a = b and Account.c = d", "each from that one table"),
        ("joins", "Account: Loans.a = b and Loans.a = d", '"Loans.a" is there twice in one key'),
        ("joins", "Account: Loans.a = b and Loans.c = b", '"Account.b" is there twice in one key'),
        ("joins", "Account: Loans.a = b and Loans.c = Client.d", "a column of its own table"),
        ("joins", "Account: Loans.a = b and Loans. = d", "the column name is missing"),
        ("joins", "Account: Loans.a = b and Loans.c  d = e", "single blanks"),
        ("joins", "Account: Loans.a = b and\u00a0Loans.c\u00a0d = e", "single blanks"),
        ("group", "Branch.idBranch", "write label = TABLE.COLUMN"),
        ("group", "branch id = Branch.idBranch", "cannot head a column"),
        ("group", "branch_id = idBranch", "names no table"),
        ("group", "branch_id = Branches.idBranch", "did you mean Branch?"),
        ("group", "bank_name = Branch.idBranch", "label of another column"),
        ("group", "loans_count = Branch.idBranch", "label of another column"),
        ("group", "amount_avg = Branch.idBranch", "label of another column"),
        ("group", "Branch = Branch.idBranch", "cannot head a column"),
        ("recipient", "period = Bank.Name", "label of another column"),
        ("recipient", "bank_name = Bank.Name, x = Bank.idBank", "no column name"),
        ("alert_email", "data-team", "write e.g. data-team@example.com"),
        ("alert_email", "a@example.com, b@example.com", "write e.g."),
        ("_version", "latest", "no version"),
        ("_repository", "git@github.com:a/b", "no https address"),
        ("__module_source", "../../modules", "the word MODULE once"),
        ("__module_source", '../MODULE"${', "no quotes"),
    ],
)  # fmt: skip
def test_a_wrong_answer_alone_is_told_with_what_would_be_right(
    question: str, text: str, sentence: str, refused: Callable[..., dict[str, list[str]]]
) -> None:
    said = refused(**{question: text})
    # A wrong table is not told again by the answers that refer to it.
    assert list(said) == [question]
    assert any(sentence in told for told in said[question]), said


@pytest.mark.parametrize(
    ("sentence", "answers"),
    [
        (
            'the hop to "Bank" leads nowhere',
            {"group": "client = Client.Surname", "recipient": "branch = Branch.Address"},
        ),
        (
            'the hop to "Account" leads nowhere',
            {
                "joins": "Account: Loans.Account_idAccount = idAccount; Bank: Loans.bank = idBank",
                "group": "till = Loans.till",
            },
        ),
    ],
)
def test_a_hop_that_nothing_needs_is_refused(
    sentence: str, answers: dict[str, str], refused: Callable[..., dict[str, list[str]]]
) -> None:
    said = refused(**answers)
    assert list(said) == ["joins"]
    assert sentence in said["joins"][0]


def test_what_is_counted_may_be_what_a_line_stands_for(typed: Callable[..., Path]) -> None:
    project = typed(aggregate="count", group="amount = Loans.Amount")
    assert spec(project)["group"] == {"amount": "Loans.Amount"}


def test_one_wrong_hop_does_not_make_the_later_ones_wrong(
    refused: Callable[..., dict[str, list[str]]],
) -> None:
    said = refused(
        joins="Account: Loan.x = y; Client: Account.a = b; Branch: Client.a = b; Bank: Branch.a = b"
    )
    assert said == {"joins": ['no table "Loan" among Loans; each needs a hop in joins; did you mean Loans?']}


def test_names_of_any_script_and_with_blanks_arrive_exactly(typed: Callable[..., Path]) -> None:
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
        "metric": "Bruttobetrag_é",
        "aggregate": "max",
        "date_column": "Filiale.eröffnet$am",
        "window_months": 12,
        "time_zone": "Etc/GMT",
        "joins": [("Filiale", "Darlehen Größe.filiale-id", "id"), ("銀行", "Filiale.銀行_id", "番号")],
        "group": {"filiale": "Filiale.Straße"},
        "recipient": {"bank": "銀行.名前"},
    }
    variables = (project / "Terraform/variables.tf").read_text(encoding="utf-8")
    assert 'optional(string, "vertrieb")' in variables
    assert '["o.k+loans@sub.example.co"]' in variables
    assert '    "銀行",\n' in (project / "Terraform/main.tf").read_text(encoding="utf-8")


def test_keys_of_several_columns_arrive_exactly_whatever_is_called_and(typed: Callable[..., Path]) -> None:
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


def test_blanks_last_separators_and_repeated_table_names_are_forgiven(typed: Callable[..., Path]) -> None:
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
def test_an_entity_that_holds_everything_needs_no_hops(none: str, typed: Callable[..., Path]) -> None:
    project = typed(joins=none, group="branch = Loans.branch", recipient="bank = Loans.bank")
    assert spec(project)["joins"] == []
    assert (project / "Glue/etl.py").read_text().startswith("from rolling_extract import Extract, run\n")


@pytest.mark.parametrize(
    ("answer", "stamped"), [(" yes ", True), (True, True), ("no", False), (False, False)]
)
def test_yes_and_no_are_understood_however_a_file_writes_them(
    answer: object, stamped: bool, typed: Callable[..., Path]
) -> None:
    project = typed(_github_workflows=answer)
    assert (project / ".github").exists() == stamped
    assert f'_github_workflows: "{"yes" if stamped else "no"}"' in (project / "extract.yaml").read_text()


def test_numbers_in_an_answers_file_are_as_good_as_text(typed: Callable[..., Path]) -> None:
    assert spec(typed(window_months=6))["window_months"] == 6
