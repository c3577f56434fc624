"""A program on the SFTP instance finds downloads in the log of OpenSSH."""

from __future__ import annotations

import importlib.util
import io
import json
import subprocess
import threading
import types
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from tools.hcl import MODULES

INSTANCE = MODULES / "sftp-transfer/instance"


def program(name: str) -> ModuleType:
    """Load a program of the SFTP instance as a Python module."""
    spec = importlib.util.spec_from_file_location(name, INSTANCE / f"{name}.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


journal, recipients = program("journal"), program("recipients")


def entries(*lines: str, unit: str = "sftp-server.service") -> list[dict[str, str]]:
    """Return journal entries for these lines of one process, with one second from each entry to the next."""
    return [
        {
            "__CURSOR": str(number),
            "__REALTIME_TIMESTAMP": str((1_793_693_730 + number) * 1_000_000),
            "_PID": "7",
            "_SYSTEMD_UNIT": unit,
            "MESSAGE": line,
        }
        for number, line in enumerate(lines, 1)
    ]


def opened(path: str) -> str:
    return f'open "{path}" flags READ mode 0666'


def closed(path: str, size: int = 12) -> str:
    return f'close "{path}" bytes read {size} written 0'


def read(path: str, size: int = 12) -> tuple[str, str]:
    """Return the lines of one download."""
    return opened(path), closed(path, size)


def downloads(*lines: str, unit: str = "sftp-server.service") -> list[tuple[object, ...]]:
    """Return the downloads that these lines of one process report."""
    sessions, found = journal.Sessions({}), []
    for entry in entries(*lines, unit=unit):
        if download := sessions.download(entry):
            found.append(tuple(download))
            sessions.close(entry, download.path)
    return found


OPENED = "session opened for local user first-bank from [203.0.113.7]"


@pytest.mark.parametrize("suffix", ["", " [postauth]"])
def test_file_that_was_read_and_closed_is_a_download(suffix: str) -> None:
    found = downloads(*(f"{line}{suffix}" for line in (OPENED, *read("/a b.csv"))))
    first = 1_793_693_732
    assert found == [("first-bank", "203.0.113.7", "/a b.csv", 12, first, "2026-11-03T08:15:33Z")]


FAILED = "sent status No such file"


@pytest.mark.parametrize(
    ("lines", "second"),
    [
        ((opened("/a.csv"), opened("/b.csv"), closed("/b.csv"), closed("/a.csv")), 1),
        ((opened("/a.csv"), opened("/a.csv"), closed("/a.csv")), 1),
        ((*read("/a.csv"), *read("/a.csv")), 3),
        # The first open failed, because the file did not exist yet.
        ((opened("/a.csv"), FAILED, *read("/a.csv")), 3),
        ((opened("/a.csv"), opened("/a.csv"), FAILED, closed("/a.csv")), 1),
        ((opened("/a.csv"), 'opendir "/"', FAILED, *read("/a.csv")), 1),
        ((closed("/a.csv"),), None),
    ],
)
def test_time_of_a_download_is_the_time_at_which_the_client_opened_the_file(
    lines: tuple[str, ...], second: int
) -> None:
    *_, found = downloads(OPENED, *lines)
    assert found[2:5] == ("/a.csv", 12, second and 1_793_693_731 + second)


def test_file_that_the_client_failed_to_open_is_not_kept_in_the_state() -> None:
    sessions = journal.Sessions({})
    for entry in entries(OPENED, *[line for n in range(100) for line in (opened(f"/{n}"), FAILED)]):
        sessions.download(entry)
    assert len(json.dumps(sessions.known)) < 100


def test_file_that_is_open_when_its_client_disconnects_is_a_download() -> None:
    """If the client disconnects, OpenSSH closes the file and logs a line that begins with `forced close`."""
    [found] = downloads(OPENED, 'forced close "/a.csv" bytes read 12 written 0')
    assert found[2:4] == ("/a.csv", 12)


@pytest.mark.parametrize(
    "line",
    [
        'open "/a.csv" flags READ mode 0666',
        'opendir "close "/a.csv" bytes read 12 written 0"',
        'sent status No such file for close "/a.csv" bytes read 12 written 0',
    ],
)
def test_log_line_about_opening_a_file_or_folder_or_an_error_is_not_a_download(line: str) -> None:
    assert downloads(OPENED, line) == []


def test_lines_of_another_program_are_ignored() -> None:
    assert downloads(OPENED, 'close "/a.csv" bytes read 12 written 0', unit="other.service") == []


def test_file_name_that_contains_a_log_line_is_read_as_a_file_name() -> None:
    [found] = downloads(OPENED, 'close "/a" bytes read 9 written 0.csv" bytes read 1 written 0')
    assert found[2:4] == ('/a" bytes read 9 written 0.csv', 1)


def test_download_with_a_path_that_sshd_shortened_gives_a_warning_and_no_receipt(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert downloads(OPENED, 'close "/' + "a" * 500) == []
    assert "has no receipt" in capsys.readouterr().err


def test_user_of_a_download_is_unknown_if_openssh_logs_it_after_the_end_of_the_session() -> None:
    closed = "session closed for local user first-bank from [203.0.113.7]"
    [found] = downloads(OPENED, closed, 'close "/a.csv" bytes read 12 written 0')
    assert found[0] == ""


@pytest.mark.parametrize(
    ("escaped", "name"),
    [
        ("/plain.csv", "/plain.csv"),
        (r"/\305\201\303\263d\305\272.csv", "/Łódź.csv"),
        (r"/back\\slash", r"/back\slash"),
        (r"/line\nend", "/line\nend"),
    ],
)
def test_escaped_file_names_are_decoded(escaped: str, name: str) -> None:
    assert journal.unescaped(escaped) == name


BUCKET = {"loans/bank_name=FirstBank/a.csv": 12, "loans/bank_name=FirstBank/b.csv": 0}


class Cloud:
    """A stub for the AWS CLI. Its command `head-object` fails for the keys in `broken`."""

    def __init__(self) -> None:
        self.broken: set[str] = set()
        self.missing = 404
        self.modified = "2026-11-03T08:00:00Z"
        self.started: list[dict[str, Any]] = []
        self.logged: list[str] = []

    def run(self, command: tuple[str, ...], **options: Any) -> subprocess.CompletedProcess[str]:
        answer, error = self.answer(command)
        if error and options["check"]:
            raise subprocess.CalledProcessError(254, command, "", error)
        return subprocess.CompletedProcess(command, 254 if error else 0, json.dumps(answer), error)

    def answer(self, command: tuple[str, ...]) -> tuple[Any, str]:
        given = dict(zip(command[3::2], command[4::2], strict=True))
        if command[2] == "head-object":
            failed = "An error occurred (%s) when calling the HeadObject operation: %s"
            if given["--key"] in self.broken:
                return {}, failed % (500, "Internal Server Error")
            if given["--key"] not in BUCKET:
                return {}, failed % (self.missing, "Forbidden or Not Found")
            if self.modified > given["--if-unmodified-since"]:
                return {}, failed % (412, "Precondition Failed")
            return {"ETag": '"etag"', "ContentLength": BUCKET[given["--key"]]}, ""
        if command[2] == "put-log-events":
            self.logged += [line["message"] for line in self.file(given["--log-events"])]
        elif command[2] == "start-execution":
            assert given["--state-machine-arn"] == "receipts"
            self.started.append(self.file(given["--input"]))
        return {}, ""

    def file(self, address: str) -> Any:
        return json.loads(Path(address.removeprefix("file://")).read_text())


Tried = Callable[..., list[str]]


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Cloud:
    cloud = Cloud()
    monkeypatch.setattr(journal.subprocess, "run", cloud.run)
    return cloud


@pytest.fixture
def send(aws: Cloud, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Tried:
    """Return a function that sends log lines. Like systemd, it restarts the program after each failure."""
    (tmp_path / "first-bank").write_text("loans/bank_name=FirstBank")
    monkeypatch.setattr(journal, "PREFIXES", tmp_path)
    monkeypatch.setattr(journal, "STATE", tmp_path / "journal.json")
    for name in ("BUCKET", "LOG_GROUP", "RECEIPTS", "SERVER"):
        monkeypatch.setenv(f"SFTP_{name}", name.lower())

    def run(*lines: str, starts: int = 1) -> list[str]:
        (tmp_path / "journal.json").write_text('{"cursor": "0", "sessions": {}}')
        for _ in range(starts):
            state = json.loads((tmp_path / "journal.json").read_text())
            left = [entry for entry in entries(*lines) if int(entry["__CURSOR"]) > int(state["cursor"])]
            try:
                journal.send(left, state)
            except subprocess.CalledProcessError:
                continue
            break
        return [each["detail"]["file-path"].rsplit("/", 1)[1] for each in aws.started]

    return run


def test_receipt_starts_with_an_event_in_the_format_of_transfer_family(send: Tried, aws: Cloud) -> None:
    assert send(OPENED, *read("//x/../a.csv")) == ["a.csv"]
    assert aws.started == [
        {
            "detail-type": "SFTP Server File Download Completed",
            "time": "2026-11-03T08:15:33Z",
            "detail": {
                "bytes": 12,
                "client-ip": "203.0.113.7",
                "etag": "etag",
                "file-path": "/bucket/loans/bank_name=FirstBank/a.csv",
                "protocol": "SFTP",
                "server-id": "server",
                "status-code": "COMPLETED",
                "username": "first-bank",
            },
        }
    ]


@pytest.mark.parametrize(
    ("size", "told"), [(12, ["a.csv"]), (11, [])], ids=["whole file", "part of the file"]
)
def test_only_a_whole_download_starts_a_receipt(send: Tried, size: int, told: list[str]) -> None:
    assert send(OPENED, *read("/a.csv", size)) == told


@pytest.mark.parametrize(
    ("modified", "told"), [("08:15:30", ["a.csv"]), ("08:15:31", []), ("08:15:32", []), ("08:15:40", [])]
)
def test_download_has_no_receipt_if_the_file_changed_after_the_client_opened_it(
    send: Tried, aws: Cloud, modified: str, told: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    """The client has read the old version, but the receipt would contain the ETag of the new version."""
    aws.modified = f"2026-11-03T{modified}Z"
    assert send(OPENED, *read("/a.csv")) == told
    shown = capsys.readouterr().err
    assert ("FirstBank/a.csv has no receipt, because the file may have changed" in shown) is not bool(told)


def test_download_has_no_receipt_if_the_journal_does_not_show_when_the_file_was_opened(
    send: Tried, capsys: pytest.CaptureFixture[str]
) -> None:
    assert send(OPENED, closed("/a.csv")) == []
    assert "/a.csv has no receipt, because the journal does not contain the time" in capsys.readouterr().err


def test_empty_file_has_a_receipt(send: Tried) -> None:
    assert send(OPENED, *read("/b.csv", 0)) == ["b.csv"]


@pytest.mark.parametrize("status", [403, 404])
@pytest.mark.parametrize("path", ["/year=2026", "/gone.csv"], ids=["folder", "deleted file"])
def test_receipts_of_other_downloads_start_even_if_a_file_is_missing_in_the_bucket(
    send: Tried, aws: Cloud, path: str, status: int, capsys: pytest.CaptureFixture[str]
) -> None:
    aws.missing = status
    assert send(OPENED, *read(path, 0), *read("/a.csv")) == ["a.csv"]
    assert f"FirstBank{path} has no receipt" in capsys.readouterr().err


def test_other_receipts_start_even_if_aws_refuses_one_receipt_at_every_attempt(
    send: Tried, aws: Cloud, capsys: pytest.CaptureFixture[str]
) -> None:
    aws.broken.add("loans/bank_name=FirstBank/b.csv")
    lines = OPENED, *read("/a.csv"), *read("/b.csv", 0), *read("/a.csv")
    assert send(*lines, starts=journal.TRIES) == ["a.csv"]
    aws.started.clear()
    assert send(*lines, starts=journal.TRIES + 1) == ["a.csv", "a.csv"]
    assert (
        "/b.csv of first-bank has no receipt, because 10 attempts to start its receipt failed."
        in capsys.readouterr().err
    )
    state = json.loads(journal.STATE.read_text())
    assert (state["cursor"], state["tries"]) == ("7", 0)


def test_download_is_reported_later_if_aws_accepts_no_logs(
    send: Tried, aws: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(command: tuple[str, ...], **options: Any) -> None:
        raise subprocess.CalledProcessError(254, command)

    with monkeypatch.context() as outage:
        outage.setattr(journal.subprocess, "run", refuse)
        assert send(OPENED, *read("/a.csv"), starts=2 * journal.TRIES) == []
    assert json.loads(journal.STATE.read_text())["cursor"] == "0"
    assert send(OPENED, *read("/a.csv")) == ["a.csv"]


@pytest.mark.parametrize(
    "key",
    ['command="sh" ssh-ed25519 AAAA', "ssh-ed25519 AAAA\nssh-ed25519 BBBB", "ssh-dss AAAA"],
    ids=["options", "two lines", "unknown type"],
)
def test_public_key_with_options_or_two_lines_or_an_unknown_type_is_left_out(
    key: str, capsys: pytest.CaptureFixture[str]
) -> None:
    value = json.dumps({"prefix": "p", "keys": ["ssh-ed25519 AAAA", key]})
    assert recipients.parsed(value) == ("p", "ssh-ed25519 AAAA\n")
    assert "was left out" in capsys.readouterr().err


def test_program_does_not_pause_before_a_batch_if_many_journal_entries_are_waiting(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """If one recipient causes many entries, a pause per batch would delay other receipts for hours."""
    pauses, sent = [], []

    def pause(seconds: float) -> None:
        pauses.append(seconds)
        threading.Event().wait(0.2)  # during this wait, the thread that reads the journal fills the queue

    monkeypatch.setattr(journal, "time", types.SimpleNamespace(sleep=pause))
    monkeypatch.setattr(journal, "send", lambda batch, state: sent.extend(batch))
    source = io.StringIO("{}\n" * 20 * journal.BATCH)
    with pytest.raises(RuntimeError, match="journalctl has ended"):
        journal.send_all(types.SimpleNamespace(stdout=source), {})
    assert len(sent) > 18 * journal.BATCH
    # The queue has 2 of the 20 batches after each pause, so about 10 pauses are enough.
    assert len(pauses) < 14
