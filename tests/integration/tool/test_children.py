"""Programs that the tool starts end when the tool ends, even if the tool is killed."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from extracts import children

# A program that starts a child, a grandchild in another session, and an orphan. All of them sleep.
FAMILY = """
import os, subprocess, sys, time
mark = sys.argv[1]
sleeper = [sys.executable, "-c", "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN);"
           "open(__import__('sys').argv[2], 'w').close(); time.sleep(120)", mark]
folder = sys.argv[2]
subprocess.Popen([*sleeper, folder + "/child"])
subprocess.Popen([*sleeper, folder + "/session"], start_new_session=True)
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        os.execv(sleeper[0], [*sleeper, folder + "/orphan"])
    os._exit(0)
time.sleep(120)
"""
PARENT = """
import signal, sys
from extracts import children
signal.signal(signal.SIGINT, signal.default_int_handler)  # which `nohup` and `&` ignore
signal.signal(signal.SIGHUP, signal.SIG_DFL)
children.run([sys.executable, "-c", *sys.argv[1:]])
"""


def alive(mark: str) -> list[int]:
    """Return the processes whose command line contains `mark`."""
    found = []
    for place in Path("/proc").glob("[0-9]*"):
        try:
            words = (place / "cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        if mark.encode() in words and int(place.name) != os.getpid():
            found.append(int(place.name))
    return found


def until(true: Callable[[], object], seconds: float = 20) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if true():
            return True
        time.sleep(0.05)
    return False


@pytest.fixture
def mark() -> Iterator[str]:
    mark = uuid.uuid4().hex
    yield mark
    for left in alive(mark):
        os.kill(left, signal.SIGKILL)


@pytest.fixture
def family(mark: str, tmp_path: Path) -> subprocess.Popen[bytes]:
    """Start the tool with a program that has several children, and wait until all processes run."""
    process = subprocess.Popen(
        [sys.executable, "-c", PARENT, FAMILY, mark, str(tmp_path)], stderr=subprocess.DEVNULL
    )
    assert until(lambda: len(list(tmp_path.iterdir())) == 3)
    return process


needs_proc = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="processes are seen by /proc")


@needs_proc
@pytest.mark.parametrize("sign", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL, signal.SIGHUP])
def test_program_and_its_children_end_when_the_tool_ends(
    family: subprocess.Popen[bytes], mark: str, sign: signal.Signals
) -> None:
    assert len(alive(mark)) >= 5  # parent, guard, program, and the three processes that the program started
    family.send_signal(sign)
    family.wait(20)
    assert until(lambda: not alive(mark)), alive(mark)


@needs_proc
def test_program_ends_when_its_guard_process_is_killed(mark: str) -> None:
    sleep = "import time; time.sleep(120)"
    parent = subprocess.Popen([sys.executable, "-c", PARENT, sleep, mark])
    assert until(lambda: len(alive(mark)) == 3)
    [guard] = [
        number
        for number in alive(mark)
        if children.__file__.encode() in Path(f"/proc/{number}/cmdline").read_bytes()
    ]
    os.kill(guard, signal.SIGKILL)
    assert parent.wait(20) == 0
    assert until(lambda: not alive(mark))


@needs_proc
def test_children_of_a_program_end_when_the_program_ends(mark: str) -> None:
    leaves = (
        "import subprocess, sys; subprocess.Popen("
        "[sys.executable, '-c', 'import time; time.sleep(120)', sys.argv[1]], start_new_session=True)"
    )
    done = children.run([sys.executable, "-c", leaves, mark])
    assert (done.returncode, alive(mark)) == (0, [])


def test_tool_sends_input_to_the_program_and_gets_its_output() -> None:
    upper = "import sys; sys.stdout.write(sys.stdin.read().upper()); sys.stderr.write('e' * 200_000)"
    done = children.run([sys.executable, "-c", upper], input="é" * 100_000)
    assert (done.returncode, done.stdout, len(done.stderr)) == (0, "É" * 100_000, 200_000)


def test_output_lines_are_received_while_the_program_runs(tmp_path: Path) -> None:
    """The program waits for a file. The function that gets the program's first line writes this file."""
    waits = (
        "import pathlib, sys, time; print('first', flush=True)\n"
        "while not pathlib.Path(sys.argv[1]).exists(): time.sleep(0.05)\n"
        "sys.exit('end')"
    )
    allowed = tmp_path / "allowed"
    told: list[str] = []

    def receive(line: str) -> None:
        told.append(line)
        allowed.touch()

    done = children.run([sys.executable, "-c", waits, allowed], each_line=receive)
    assert (told, done.stdout, done.stderr, done.returncode) == (["first\n"], "first\n", "end\n", 1)


def test_program_runs_without_standard_streams(tmp_path: Path) -> None:
    """A service may start the tool without standard streams.

    Then a new pipe of the tool can get the number 0. The program must not use this pipe as its input.
    """
    closed = (
        "import os, sys; os.closerange(0, 3)\n"
        "from extracts import children\n"
        "done = children.run([sys.executable, '-c', 'print(1 + 1)'])\n"
        "open(sys.argv[1], 'w').write(f'{done.returncode} {done.stdout}')"
    )
    subprocess.run([sys.executable, "-c", closed, str(tmp_path / "told")], check=True)
    assert (tmp_path / "told").read_text() == "0 2\n"


def test_exit_code_and_signal_of_the_program_are_returned() -> None:
    assert children.run([sys.executable, "-c", "raise SystemExit(7)"]).returncode == 7
    for sign in (signal.SIGKILL, signal.SIGSEGV, signal.SIGTERM):
        killed = f"import os; os.kill(os.getpid(), {int(sign)})"
        assert children.run([sys.executable, "-c", killed]).returncode == -sign


def test_program_is_killed_after_the_timeout(mark: str) -> None:
    with pytest.raises(subprocess.TimeoutExpired):
        children.run([sys.executable, "-c", "import time; time.sleep(120)", mark], seconds=1)
    assert alive(mark) == []


def test_missing_program_is_an_error() -> None:
    with pytest.raises(FileNotFoundError, match="no-such-program"):
        children.run(["no-such-program"])


def test_program_gets_no_passwords_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PGPASSWORD", "swordfish")
    monkeypatch.setenv("DATABASE_URL", "postgresql://reader:swordfish@host/db")
    shown = children.run([sys.executable, "-c", "import os; print(dict(os.environ))"]).stdout
    assert "swordfish" not in shown


def test_parallel_programs_end_when_the_tool_ends(mark: str) -> None:
    """No program may inherit the pipe of another program, because the pipe would then stay open."""
    both = """
import sys, threading
from extracts import children
sleep = [sys.executable, "-c", "import time; time.sleep(120)", sys.argv[1]]
for _ in range(2):
    threading.Thread(target=children.run, args=[sleep]).start()
"""
    parent = subprocess.Popen([sys.executable, "-c", both, mark])
    assert until(lambda: len(alive(mark)) == 5)
    parent.kill()
    parent.wait(10)
    assert until(lambda: not alive(mark))


def modules_with(pattern: str) -> set[str]:
    """Return the modules of the tool whose code contains the pattern."""
    package = Path(children.__file__).parent
    found = (path for path in package.rglob("*.py") if re.search(pattern, path.read_text()))
    return {str(path.relative_to(package)) for path in found}


def test_only_one_module_starts_programs() -> None:
    starting = r"subprocess\.(run|Popen|check_\w+)\(|os\.(system|popen|spawn)"
    assert modules_with(starting) == {"children.py"}


def test_only_one_module_builds_a_command_that_starts_python() -> None:
    """Other modules use `sys.executable` as text: in reports, in first lines of scripts, and for Spark."""
    assert modules_with(r"\[\s*sys\.executable|\bpython3?\b['\"],") == {"children.py"}


def test_python_does_not_import_from_the_current_folder(tmp_path: Path) -> None:
    """The test starts Python with -c, with -m, with a script, and from a script that starts Python."""
    (tmp_path / "json.py").write_text("print('json of the current folder')")
    (tmp_path / "script.py").write_text("import json")
    (tmp_path / "starts.py").write_text(
        "import subprocess, sys; subprocess.run([sys.executable, '-m', 'json.tool', '--help'], check=True)"
    )
    for words in (
        ["-c", "import json"], ["-m", "json.tool", "--help"], ["script.py"], ["starts.py"],
    ):  # fmt: skip
        done = children.run([sys.executable, *words], folder=tmp_path)
        assert (done.returncode, "of the current folder" in done.stdout) == (0, False), words
    done = children.run([sys.executable, "-c", "import json"], folder=tmp_path, variables={})
    assert done.stdout == ""
    assert (
        "of the current folder"
        not in children.run([*children.python("json.tool"), "--help"], folder=tmp_path).stdout
    )
