"""`extracts new`: plain cookiecutter's bytes, and nothing half-made when an answer is wrong."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from extracts import new
from extracts.errors import ExtractsError

ROOT = Path(__file__).parents[2]


def call(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "extracts", "new", "--output-dir", str(folder), *arguments],
        capture_output=True,
        text=True,
        check=False,
        stdin=subprocess.DEVNULL,
    )


def tree(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_the_same_bytes_as_plain_cookiecutter(tmp_path: Path) -> None:
    answers = ("--project-slug", "shop-orders", "--entity", "Orders", "--aggregate", "sum", "--joins", "none")
    more = ("--metric", "Total", "--date-column", "day", "--group", "shop = Orders.Shop")
    done = call(tmp_path / "ours", *answers, *more, "--recipient", "owner = Orders.Owner", "--no-input")
    assert done.returncode == 0, done.stderr
    given = ["project_slug=shop-orders", "entity=Orders", "aggregate=sum", "joins=none", "metric=Total"]
    given += ["date_column=day", "group=shop = Orders.Shop", "recipient=owner = Orders.Owner"]
    settings = tmp_path / "settings.yaml"
    settings.write_text(f"cookiecutters_dir: {tmp_path}/c\nreplay_dir: {tmp_path}/r\n")
    plain = [sys.executable, "-m", "cookiecutter", "--no-input", "--config-file", str(settings)]
    template = str(ROOT / "templates/extract")
    subprocess.run([*plain, "-o", str(tmp_path / "plain"), template, *given], check=True, capture_output=True)
    assert tree(tmp_path / "ours") == tree(tmp_path / "plain")
    assert 'aggregate="sum"' in (tmp_path / "ours/shop-orders/Glue/etl.py").read_text()


def test_every_wrong_answer_is_told_and_nothing_is_made(tmp_path: Path) -> None:
    done = call(tmp_path, "--no-input", "--window-months", "0", "--alert-email", "nobody")
    assert done.returncode == 1
    first, *reasons = done.stderr.splitlines()
    assert first == "✗ 2 answers cannot be used; nothing was written:"
    assert [reason.split(":")[0] for reason in reasons] == ["  - window_months", "  - alert_email"]
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("answer", ["{{ 1 + 1 }}", "{% set x = 1 %}", "{# x #}"])
def test_an_answer_is_never_run(tmp_path: Path, answer: str) -> None:
    done = call(tmp_path, "--no-input", "--entity", answer)
    assert f"  - entity: {json.dumps(answer)} is no table name" in done.stderr
    assert not list(tmp_path.iterdir())


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    (tmp_path / "bank-loans").mkdir()
    (tmp_path / "bank-loans/mine").write_text("mine")
    done = call(tmp_path, "--no-input")
    assert done.returncode == 1
    assert "is there already; nothing is overwritten" in done.stderr
    assert tree(tmp_path) == {"bank-loans/mine": b"mine"}


def test_a_dry_run_names_the_files_and_makes_none(tmp_path: Path) -> None:
    done = call(tmp_path, "--no-input", "--dry-run")
    assert "bank-loans/Glue/etl.py" in done.stdout.splitlines()
    assert done.stdout.splitlines()[-1].endswith("files would be made.")
    assert not list(tmp_path.iterdir())


def test_without_a_terminal_nothing_is_asked(tmp_path: Path) -> None:
    done = call(tmp_path, "--entity", "Loans")
    assert done.returncode == 2
    assert "there is no terminal to ask for" in " ".join(done.stderr.split())
    assert "--metric" in done.stderr


def test_an_unknown_key_in_an_answers_file_is_named_with_its_nearest(tmp_path: Path) -> None:
    file = tmp_path / "answers.json"
    file.write_text(json.dumps({"entiti": "Loans"}))
    with pytest.raises(ExtractsError, match='there is no question "entiti"; did you mean "entity"'):
        new.read_answers(file)


def test_answers_come_from_a_file_and_options_win(tmp_path: Path) -> None:
    (tmp_path / "answers.yaml").write_text("project_slug: from-file\nwindow_months: 6\n")
    done = call(tmp_path, "--no-input", "--answers", str(tmp_path / "answers.yaml"), "--window-months", "12")
    assert done.returncode == 0, done.stderr
    assert "window_months=12" in (tmp_path / "from-file/Glue/etl.py").read_text()
