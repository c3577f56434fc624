"""All commands: help with an example, completion, exit codes, and texts on stdout and stderr."""

from __future__ import annotations

import os
import re
import shlex
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import typer

from extracts.cli import app
from tests.support.tool import Extracts

ROOT = Path(__file__).parents[3]
COMMANDS = sorted(typer.main.get_group(app).commands)


def whole(text: str) -> str:
    """Return a text on one line. A word that was broken at a line end becomes two words."""
    return " ".join(text.split())


def test_help_lists_all_commands_with_whole_sentences(extracts: Extracts) -> None:
    done = extracts("--help", COLUMNS="80")
    assert done.returncode == 0
    assert {"doctor", "inspect", "new", "preview", "status", "update"} <= set(COMMANDS)
    for name, command in typer.main.get_group(app).commands.items():
        first = whole(command.help or "").partition(". ")[0].rstrip(".")
        assert f" {name} {first}." in whole(done.stdout)


@pytest.mark.parametrize("name", COMMANDS)
def test_help_fits_80_columns_and_has_a_valid_example(name: str, extracts: Extracts) -> None:
    done = extracts(name, "--help", COLUMNS="80")
    assert done.returncode == 0
    assert max(map(len, done.stdout.splitlines())) <= 80
    command = typer.main.get_group(app).commands[name]
    texts = [command.help, *(param.help for param in command.params)]  # type: ignore[attr-defined]
    assert len(texts) > 2
    for text in texts:
        assert whole(text or "") in whole(done.stdout)
    for param in command.params:
        assert param.param_type_name == "argument" or set(param.opts) <= set(done.stdout.split())
    [example] = re.findall(r"Example: (extracts .+?)\s*$", done.stdout, re.MULTILINE)
    command_name, *arguments = shlex.split(example)[1:]
    assert command_name == name
    # With --help, the command parses its example but does not run.
    assert extracts(name, *arguments, "--help").returncode == 0
    for option in [argument for argument in arguments if argument.startswith("--")]:
        assert option in done.stdout


@pytest.mark.parametrize("command", COMMANDS)
def test_usage_error_is_printed_on_stderr_and_the_exit_code_is_2(command: str, extracts: Extracts) -> None:
    done = extracts(command, "--no-such-option")
    assert done.returncode == 2
    assert "No such option: --no-such-option" in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""


def test_unknown_command_is_a_usage_error(extracts: Extracts) -> None:
    done = extracts("inspekt")
    assert done.returncode == 2
    assert "inspekt" in done.stderr
    assert done.stdout == ""


FAILING = pytest.mark.parametrize(
    "arguments",
    [
        ("doctor", "nowhere"),
        ("inspect", "--database-url", "nowhere"),
        ("new", "--no-input", "--answers", "nowhere"),
        ("preview", "nowhere", "--database-url", "postgresql://me@127.0.0.1:1/x", "--output", "out"),
        ("status", "nowhere"),
        ("update", "nowhere"),
    ],
    ids=lambda arguments: arguments[0],
)


@FAILING
def test_failure_prints_one_line_on_stderr_and_exits_with_code_1(
    arguments: tuple[str, ...], extracts: Extracts
) -> None:
    assert {"doctor", "inspect", "new", "preview", "status", "update"} >= {arguments[0]}
    done = extracts(*arguments)
    assert done.returncode == 1
    assert done.stderr.startswith("✗ ")
    assert len(done.stderr.splitlines()) == 1
    assert "Traceback" not in done.stderr


@FAILING
def test_failing_command_has_the_same_exit_code_and_message_without_standard_input(
    arguments: tuple[str, ...], extracts: Extracts
) -> None:
    closed = extracts(*arguments, closed=True)
    assert (closed.returncode, closed.stderr) == (1, extracts(*arguments).stderr)


@pytest.mark.parametrize("closed", [True, False])
def test_missing_answer_without_a_terminal_is_a_usage_error(closed: bool, extracts: Extracts) -> None:
    done = extracts("new", closed=closed)
    assert done.returncode == 2
    assert "no terminal to prompt for --project-slug" in " ".join(done.stderr.split())
    assert done.stdout == ""


def test_help_lists_the_exit_codes(extracts: Extracts) -> None:
    said = " ".join(extracts("--help", COLUMNS="200").stdout.split())
    assert (
        "Exit codes: 0 success; 1 failure, with the reason on stderr; 2 usage error; 130 interrupted." in said
    )


@pytest.mark.parametrize("command", ["inspect", "doctor", "preview"])
def test_interrupted_command_ends_with_code_130_and_no_traceback(command: str, tmp_path: Path) -> None:
    # This server accepts connections, but never answers.
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"postgresql://me@127.0.0.1:{silent.getsockname()[1]}/store"
        project = [] if command == "inspect" else [str(ROOT / "examples/bank-loans")]
        output = ["--output", str(tmp_path / "out")] if command == "preview" else []
        running = subprocess.Popen(
            [sys.executable, "-m", "extracts", command, *project, "--database-url", url, *output],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        silent.settimeout(180)
        connection, _ = silent.accept()  # the command now waits for the database
        os.killpg(running.pid, signal.SIGINT)
        _, errors = running.communicate(timeout=180)
        connection.close()
    assert running.returncode == 130
    assert "Traceback" not in errors


@pytest.mark.parametrize("command", ["doctor", "inspect", "new", "preview", "status", "update"])
def test_command_has_a_json_option(command: str, extracts: Extracts) -> None:
    assert "--json" in extracts(command, "--help").stdout


def test_output_without_a_terminal_has_no_color(extracts: Extracts) -> None:
    for arguments in (
        ("doctor",),
        ("new", "--help"),
        ("new", "--entity"),
        ("inspect", "--database-url", "x"),
    ):
        done = extracts(*arguments)
        assert "\x1b" not in done.stdout + done.stderr, arguments


@pytest.mark.parametrize(
    ("typed", "completed"),
    [
        ("extracts ins", "inspect"),
        ("extracts doctor --te", "--test-mail"),
        ("extracts new --win", "--window-months"),
    ],
)
@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_shell_completes_commands_and_options(
    shell: str, typed: str, completed: str, extracts: Extracts
) -> None:
    variables = {
        "bash": {"COMP_WORDS": typed, "COMP_CWORD": str(len(typed.split()) - 1)},
        "zsh": {"_TYPER_COMPLETE_ARGS": typed},
        "fish": {"_TYPER_COMPLETE_ARGS": typed, "_TYPER_COMPLETE_FISH_ACTION": "get-args",
                 "_TYPER_COMPLETE_WORD_TO_COMPLETE": typed.split()[-1]},
    }[shell]  # fmt: skip
    done = extracts(_EXTRACTS_COMPLETE=f"complete_{shell}", **variables)
    assert completed in done.stdout


def test_bash_completes_a_command_after_it_loads_the_printed_script(extracts: Extracts) -> None:
    # By default, Typer looks for the shell that started the tests. A job in the background has no such shell,
    # so the test turns this search off.
    shown = extracts("--show-completion", "bash", _TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION="1")
    assert (shown.returncode, shown.stderr) == (0, "")
    typed = 'COMP_WORDS=(extracts ins); COMP_CWORD=1; _extracts_completion extracts; echo "${COMPREPLY[@]}"'
    done = subprocess.run(
        ["bash", "--norc", "-c", f"{shown.stdout}\n{typed}"],
        env={"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "inspect\n"


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_script_is_printed(shell: str, extracts: Extracts) -> None:
    done = extracts(_EXTRACTS_COMPLETE=f"source_{shell}")
    assert done.returncode == 0
    assert "_EXTRACTS_COMPLETE" in done.stdout
