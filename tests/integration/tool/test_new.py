"""`extracts new` creates the same files as cookiecutter, or nothing if an answer is invalid."""

from __future__ import annotations

import json
import shlex
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pexpect
import pytest
from psycopg.conninfo import conninfo_to_dict

from extracts import asking, new
from extracts.errors import ExtractsError
from extracts.introspect import catalog
from tests.support.files import tree
from tests.support.tool import call

ROOT = Path(__file__).parents[3]


def run_new(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    address = () if "--alert-email" in arguments else ("--alert-email", "data-team@example.com")
    return call("new", "--output-dir", folder, *address, *arguments)


def test_new_creates_the_same_files_as_cookiecutter(tmp_path: Path) -> None:
    answers = ("--project-slug", "shop-orders", "--entity", "Orders", "--aggregate", "sum", "--joins", "none")
    more = ("--metric", "Total", "--date-column", "day", "--group", "shop = Orders.Shop")
    done = run_new(tmp_path / "ours", *answers, *more, "--recipient", "owner = Orders.Owner", "--no-input")
    assert done.returncode == 0, done.stderr
    given = ["project_slug=shop-orders", "entity=Orders", "aggregate=sum", "joins=none", "metric=Total"]
    given += ["date_column=day", "group=shop = Orders.Shop", "recipient=owner = Orders.Owner"]
    given += ["alert_email=data-team@example.com"]
    settings = tmp_path / "settings.yaml"
    settings.write_text(f"cookiecutters_dir: {tmp_path}/c\nreplay_dir: {tmp_path}/r\n")
    plain = [sys.executable, "-m", "cookiecutter", "--no-input", "--config-file", str(settings)]
    template = str(ROOT / "templates/extract")
    subprocess.run([*plain, "-o", str(tmp_path / "plain"), template, *given], check=True, capture_output=True)
    assert tree(tmp_path / "ours") == tree(tmp_path / "plain")
    assert [path.name for path in (tmp_path / "ours").iterdir()] == ["shop-orders"]
    assert (
        '"total_sum": Metric("sum", "Total", window=3)'
        in (tmp_path / "ours/shop-orders/Glue/etl.py").read_text()
    )


def test_all_invalid_answers_are_reported_and_nothing_is_created(tmp_path: Path) -> None:
    done = run_new(tmp_path, "--no-input", "--window-months", "0", "--alert-email", "nobody")
    assert done.returncode == 1
    first, *reasons = done.stderr.splitlines()
    assert first == "✗ 2 answers are invalid; nothing was written:"
    assert [reason.split(":")[0] for reason in reasons] == ["  - window_months", "  - alert_email"]
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("answer", ["{{ 1 + 1 }}", "{% set x = 1 %}", "{# x #}"])
def test_answer_is_not_executed(tmp_path: Path, answer: str) -> None:
    done = run_new(tmp_path, "--no-input", "--entity", answer)
    assert f"  - entity: {json.dumps(answer)} is not a valid table name" in done.stderr
    assert not list(tmp_path.iterdir())


def test_existing_folder_is_not_overwritten(tmp_path: Path) -> None:
    (tmp_path / "bank-loans").mkdir()
    (tmp_path / "bank-loans/mine").write_text("mine")
    done = run_new(tmp_path, "--no-input")
    assert done.returncode == 1
    assert "already exists and is not overwritten" in done.stderr
    assert tree(tmp_path) == {"bank-loans/mine": b"mine"}


def test_dry_run_lists_the_files_and_creates_none(tmp_path: Path) -> None:
    done = run_new(tmp_path, "--no-input", "--dry-run")
    assert "bank-loans/Glue/etl.py" in done.stdout.splitlines()
    assert done.stdout.splitlines()[-1].endswith("files would be created.")
    assert not list(tmp_path.iterdir())


def test_missing_answers_without_a_terminal_are_refused(tmp_path: Path) -> None:
    done = run_new(tmp_path, "--entity", "Loans")
    assert done.returncode == 2
    assert "no terminal to prompt for" in " ".join(done.stderr.split())
    assert "--metric" in done.stderr


def test_schema_without_a_database_is_refused(tmp_path: Path) -> None:
    done = run_new(tmp_path, "--no-input", "--schema", "sales", "--entity", "Loans")
    assert done.returncode == 2
    assert (
        "--schema needs --database-url; without a database, write the schema with the table: --entity"
        " sales.Loans" in " ".join(done.stderr.split())
    )
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("place", [(), ("--database-url", "postgresql://reader@127.0.0.1:1/bank")])
def test_two_schemas_of_the_entity_are_refused(place: tuple[str, ...], tmp_path: Path) -> None:
    done = run_new(tmp_path, "--no-input", "--schema", "sales", "--entity", "shop.Loans", *place)
    assert done.returncode == 2
    assert "--schema is sales, but --entity has the schema shop" in " ".join(done.stderr.split())


def test_unknown_key_in_an_answers_file_is_reported_with_the_nearest(tmp_path: Path) -> None:
    file = tmp_path / "answers.json"
    file.write_text(json.dumps({"entiti": "Loans"}))
    with pytest.raises(ExtractsError, match='unknown question "entiti"; did you mean "entity"'):
        new.read_answers(file)


def test_options_override_answers_from_a_file(tmp_path: Path) -> None:
    (tmp_path / "answers.yaml").write_text("project_slug: from-file\nwindow_months: 6\n")
    done = run_new(
        tmp_path, "--no-input", "--answers", str(tmp_path / "answers.yaml"), "--window-months", "12"
    )
    assert done.returncode == 0, done.stderr
    assert "window=12" in (tmp_path / "from-file/Glue/etl.py").read_text()


@pytest.fixture
def terminal(tmp_path: Path) -> Iterator[Callable[..., pexpect.spawn]]:
    """The installed command at a terminal that is wide enough for its questions."""
    started: list[pexpect.spawn] = []

    def terminal(*arguments: str, command: str = "") -> pexpect.spawn:
        command = command or str(Path(sys.executable).with_name("extracts"))
        at = pexpect.spawn(
            command, list(arguments), cwd=str(tmp_path), encoding="utf-8", timeout=120, dimensions=(50, 400)
        )
        started.append(at)
        return at

    yield terminal
    for at in started:
        at.close(force=True)


def test_invalid_answer_is_asked_again_and_the_others_are_kept(
    terminal: Callable[..., pexpect.spawn], tmp_path: Path
) -> None:
    at = terminal("new", "--entity", "Orders", "--joins", "none", "--recipient", "owner = Orders.Owner")
    at.expect("Name of the project")
    at.sendline("Shop Orders")
    at.expect('"Shop Orders" is not a valid name.*Name of the project')
    at.sendline("shop-orders")
    at.expect("Metric, the numeric column")
    at.sendline("Total")
    at.expect(r"Aggregate of the metric.*\(avg, sum, count, min, max\)")
    at.sendline("median")
    at.expect('"median" is not one of avg, sum, count, min, max.*Aggregate of the metric')
    at.sendline("sum")
    at.expect("Date column, the date")
    at.sendline("day")
    at.expect("Window, the number of calendar months")
    at.sendline("")  # the default
    at.expect("Group by, the columns")
    at.sendline("shop = Shops.Id")
    at.expect('"Shops" is neither the entity.*Group by, the columns')
    at.sendline("shop = Orders.Shop")
    at.expect("semicolon: .*Delimiter and decimal mark")
    at.sendline("")
    at.expect("about 219 USD a month .*How do the recipients get the files")
    at.sendline("")
    at.expect("Mail address for alerts")
    at.sendline("")
    at.expect("the address is empty, so nobody would get the alerts.*Mail address for alerts")
    at.sendline("team@example.com")
    at.expect("shop-orders: .* created")
    at.expect(pexpect.EOF)
    at.close()
    assert at.exitstatus == 0
    stamped = (tmp_path / "shop-orders/Glue/etl.py").read_text()
    assert 'entity="Orders"' in stamped
    assert 'Metric("sum", ' in stamped
    assert 'group_by={"shop": "Orders.Shop"}' in stamped


def test_existing_name_is_asked_again(terminal: Callable[..., pexpect.spawn], tmp_path: Path) -> None:
    (tmp_path / "taken").mkdir()
    at = terminal("new", "--project-slug", "taken")
    at.expect("taken already exists and is not overwritten.*Name of the project")
    at.sendline("free-name")
    at.expect(r"Entity, the table.*\[Loans\]: ")
    at.kill(signal.SIGINT)
    at.expect("✗ Interrupted; nothing was created.")
    at.expect(pexpect.EOF)
    at.close()
    assert at.exitstatus == 130
    assert [path.name for path in tmp_path.iterdir()] == ["taken"]


def test_prompts_are_not_on_stdout(
    terminal: Callable[..., pexpect.spawn], shops: str, tmp_path: Path
) -> None:
    script = 'exec "$0" new --json --database-url "$1" --project-slug shops --window-months 3 > made.json'
    at = terminal("-c", script, str(Path(sys.executable).with_name("extracts")), shops, command="bash")
    at.expect("1  category_title = categories.title.*2  region_name = regions.name")
    at.sendline("2")
    for question, said in (
        ("Aggregate of the metric", ""),
        ("Delimiter", ""),
        ("How do the recipients get the files", ""),
        ("Mail address for alerts", "data-team@example.com"),
        ("Time zone of the months", "Europe/Paris"),
    ):
        at.expect(question)
        at.sendline(said)
    at.expect(pexpect.EOF)
    at.close()
    assert at.exitstatus == 0
    assert json.loads((tmp_path / "made.json").read_text())["project"] == "shops"


def test_number_selects_a_candidate(
    terminal: Callable[..., pexpect.spawn], shops: str, tmp_path: Path
) -> None:
    at = terminal("new", "--database-url", shops, "--metric", "price")
    at.expect(
        r'there is no column "price".*Candidates from the database \(the only number in sales\):.*1  paid'
    )
    at.sendline("1")
    at.expect(r"the paths from sales end at 2 tables\):.*2  region_name = regions.name")
    at.sendline("3")
    at.expect("✗ 3 is not a number from 1 to 2.*2  region_name = regions.name")
    at.sendline("2")
    at.expect("Found in the database.*sales → stores → regions")
    for question, said in (
        ("Name of the project", ""),
        ("Aggregate of the metric", ""),
        ("Window, the number", ""),
        ("Delimiter", ""),
        ("How do the recipients get the files", ""),
        ("Mail address for alerts", "data-team@example.com"),
        ("Time zone of the months", "Europe/Paris"),
    ):
        at.expect(question)
        at.sendline(said)
    at.expect("regions-sales: .* created")
    at.expect(pexpect.EOF)
    stamped = (tmp_path / "regions-sales/Glue/etl.py").read_text()
    assert 'recipient={"region_name": "regions.name"}' in stamped
    assert 'Metric("avg", "paid", window=3)' in stamped
    assert 'time_zone="Europe/Paris"' in stamped


def test_next_command_has_the_database_without_its_password(
    shops: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = ("--no-input", "--database-url", shops, "--recipient", "region_name = regions.name")
    done = run_new(tmp_path, *given)
    assert done.returncode == 0, done.stderr
    command = done.stdout.splitlines()[-1].partition("Next: ")[2].partition("; ")[0]
    password = str(conninfo_to_dict(shops)["password"])
    assert password not in command
    monkeypatch.setenv("PGPASSWORD", password)
    shown = call(*shlex.split(command)[1:], "--history", "0")
    assert 'public."regions" contains no recipient' in shown.stderr  # the tables are empty


def test_next_command_without_a_database_names_the_missing_option(tmp_path: Path) -> None:
    done = run_new(tmp_path, "--no-input")
    assert f"Next: extracts preview {tmp_path}/bank-loans --database-url URL; " in done.stdout


@pytest.mark.parametrize(("given", "is_told"), [((), True), (("--time-zone", "Asia/Tokyo"), False)])
def test_message_names_the_time_zone_of_a_timestamp_without_a_prompt(
    given: tuple[str, ...], is_told: bool, shops: str, tmp_path: Path
) -> None:
    options = ("--no-input", "--database-url", shops, "--recipient", "region_name = regions.name")
    done = run_new(tmp_path, *options, *given)
    assert done.returncode == 0, done.stderr
    told = "the month of a row depends on the time zone of the extract, here Etc/GMT; set another time zone"
    told += " with --time-zone"
    assert (f"sold_at is a timestamp with time zone: {told}" in done.stdout) == is_told


@pytest.mark.parametrize(
    ("entity", "date", "has_zone"),
    [
        ("vertrieb.order", "date", False),
        ("vertrieb.order", "erfasst am", True),
        ("vertrieb.Kunden", "order.erfasst am", True),
        ("vertrieb.Kunden", "erfasst am", False),
        ("order", "erfasst am", False),
    ],
)
def test_time_zone_matters_only_for_timestamps_with_time_zone(
    entity: str, date: str, has_zone: bool, ledger: str
) -> None:
    answers = {"entity": entity, "date_column": date}
    assert asking.has_time_zone(catalog.read(ledger), answers) == has_zone


@pytest.mark.parametrize("place", ["default", "file"])
def test_empty_address_for_alerts_is_refused(place: str, tmp_path: Path) -> None:
    (tmp_path / "answers.yaml").write_text("project_slug: no-alerts\nalert_email: ''\n")
    given = ("--answers", tmp_path / "answers.yaml") if place == "file" else ()
    done = call("new", "--output-dir", tmp_path / "made", "--no-input", *given)
    assert (done.returncode, done.stderr) == (
        1,
        "✗ 1 answer is invalid; nothing was written:\n  - alert_email: the address is empty, so nobody would"
        " get the alerts; write e.g. data-team@example.com\n",
    )
    assert not (tmp_path / "made").exists()


def test_project_can_be_created_again_from_its_extract_yaml(tmp_path: Path) -> None:
    options = ("--window-months", "6", "--schedule", "2 04:30", "--github-workflows", "no", "--sftp", "none")
    first = run_new(tmp_path / "first", "--no-input", *options)
    assert first.returncode == 0, first.stderr
    kept = tmp_path / "first/bank-loans/extract.yaml"
    second = run_new(tmp_path / "second", "--no-input", "--answers", str(kept))
    assert second.returncode == 0, second.stderr
    assert tree(tmp_path / "second") == tree(tmp_path / "first")
    assert not (tmp_path / "second/bank-loans/.github").exists()


def test_unknown_choice_is_refused_without_a_prompt(tmp_path: Path) -> None:
    done = run_new(tmp_path, "--no-input", "--sftp", "pigeon")
    assert done.returncode == 1
    assert "  - sftp: " in done.stderr
    assert not list(tmp_path.iterdir())
