"""A preview shows messages about its run. It reads them in the log of the engine."""

from __future__ import annotations

import ast
import json
import re
from pathlib import Path

import pytest
import typer

import rolling_extract
from extracts import cli
from extracts.errors import ExtractsError
from extracts.preview import Preview, engine, failure, tell_message

LATE = {"event": "late_data", "level": "warning", "period": "2026-09", "message": "1 row is late"}
NO_HISTORY = {"event": "history_failed", "level": "info", "message": "2026-09: 1 orphan"}
LOG = (
    {"event": "started", "level": "info", "periods": ["2026-10"], "message": "October"},
    {"event": "spec", "level": "info"},
    LATE,
    {
        "event": "published",
        "level": "info",
        "period": "2026-10",
        "files": 1,
        "rows": 1200,
        "message": "2026-10: published: 1 file, 1200 rows, revision 1",
    },
    NO_HISTORY,
)


def test_json_lists_each_warning_and_the_reason_why_earlier_months_are_missing(tmp_path: Path) -> None:
    assert Preview(tmp_path, None, LOG, None).as_json()["warnings"] == [
        {"event": "late_data", "period": "2026-09", "message": "1 row is late"},
        {"event": "history_failed", "period": None, "message": "2026-09: 1 orphan"},
    ]


def test_messages_say_why_earlier_months_are_missing() -> None:
    told: list[str] = []
    for entry in LOG:
        tell_message(json.dumps(entry), told.append)
    for line in ("a line that Spark wrote", "{'a': 1}", '{"message": "a dict"}', '{"a":' * 100_000):
        tell_message(line, told.append)
    assert told == [
        "October",
        "1 row is late",
        "2026-10: 1 file, 1,200 rows",
        "no earlier months: 2026-09: 1 orphan",
    ]


def test_failed_preview_says_that_nothing_was_written_even_if_the_engine_published_months() -> None:
    """If a preview fails, the tool deletes the files of this preview and keeps the previous preview."""
    whole = "2026-09 to 2026-10: the disk is full. Published before the error: 2026-09."
    event = {
        "event": "failed",
        "level": "error",
        "message": whole,
        "reason": whole.partition(" Published")[0],
    }
    assert failure([*LOG, event], f"{whole}\n") == (
        "2026-09 to 2026-10: the disk is full. Nothing was written."
    )
    assert failure(LOG, "etl.py fails\n\n") == "etl.py fails"
    assert failure(LOG, "") == ""


# A preview never shows a message of the engine about one of these options. The key is the option, and the
# value is the reason.
NOT_IN_A_PREVIEW = {
    **dict.fromkeys(("--restate", "--reason", "--dry-run"), "the engine writes to an empty folder"),
    **dict.fromkeys(
        ("--connection", "--jdbc-url", "--iam-user", "--ca-certificate", "--output", "--pgp-keys-sha256"),
        "the tool gives --database-url and --output",
    ),
}


def test_preview_has_every_option_that_its_messages_mention() -> None:
    """If a message says "start it with --lock-timeout", the command `preview` must have this option."""
    command = typer.main.get_group(cli.app).commands["preview"]
    options = {option for param in command.params for option in param.opts}
    named = {
        option
        for module in Path(rolling_extract.__file__).parent.glob("rolling_*.py")
        for option in re.findall(r"--[a-z][a-z0-9-]+", _messages(module.read_text()))
    }
    assert {"--lock-timeout", "--allow-incomplete", "--restate"} <= named
    assert named - options - set(NOT_IN_A_PREVIEW) == set()


def _messages(source: str) -> str:
    """Return all texts inside the function calls of this code: also the texts of errors and log events."""
    calls = (node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call))
    texts = (part for call in calls for part in ast.walk(call) if isinstance(part, ast.Constant))
    return "\n".join(str(part.value) for part in texts if isinstance(part.value, str))


@pytest.mark.parametrize("content", ["", '{"Modules": 5}', '{"Modules": [{"Key": "extract"}]}', "[" * 9_000])
def test_unreadable_modules_json_is_reported_in_one_sentence(content: str, tmp_path: Path) -> None:
    listed = tmp_path / "Terraform/.terraform/modules/modules.json"
    listed.parent.mkdir(parents=True)
    listed.write_text(content)
    with pytest.raises(ExtractsError) as refused:
        engine(tmp_path)
    assert str(refused.value) == f"{listed} cannot be read; run `terraform init` in {tmp_path}/Terraform."
