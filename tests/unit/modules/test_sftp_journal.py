"""The program of the SFTP instance that finds downloads in OpenSSH's log."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from types import ModuleType

import pytest

from tools.hcl import MODULES

INSTANCE = MODULES / "sftp-transfer/instance"


def program(name: str) -> ModuleType:
    """Return a program of the instance as a module."""
    spec = importlib.util.spec_from_file_location(name, INSTANCE / f"{name}.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


journal, recipients = program("journal"), program("recipients")


def downloads(*lines: str, unit: str = "sftp-server.service") -> list[tuple[object, ...]]:
    """Return the downloads that these lines of one process report."""
    sessions = journal.Sessions({})
    entries = [{"_SYSTEMD_UNIT": unit, "_PID": "7", "MESSAGE": line} for line in lines]
    return [tuple(found) for entry in entries if (found := sessions.download(entry))]


OPENED = "session opened for local user first-bank from [203.0.113.7]"


@pytest.mark.parametrize("suffix", ["", " [postauth]"])
def test_closed_file_is_a_download(suffix: str) -> None:
    found = downloads(f"{OPENED}{suffix}", f'close "/a b.csv" bytes read 12 written 0{suffix}')
    assert found == [("first-bank", "203.0.113.7", "/a b.csv", 12)]


@pytest.mark.parametrize(
    "line",
    [
        'open "/a.csv" flags READ mode 0666',
        'opendir "close "/a.csv" bytes read 12 written 0"',
        'sent status No such file for close "/a.csv" bytes read 12 written 0',
    ],
)
def test_other_lines_are_no_download(line: str) -> None:
    assert downloads(OPENED, line) == []


def test_lines_of_another_program_are_ignored() -> None:
    assert downloads(OPENED, 'close "/a.csv" bytes read 12 written 0', unit="other.service") == []


def test_name_that_imitates_a_log_line_stays_a_name() -> None:
    [found] = downloads(OPENED, 'close "/a" bytes read 9 written 0.csv" bytes read 1 written 0')
    assert found[2:] == ('/a" bytes read 9 written 0.csv', 1)


def test_cut_path_is_reported(capsys: pytest.CaptureFixture[str]) -> None:
    assert downloads(OPENED, 'close "/' + "a" * 500) == []
    assert "has no receipt" in capsys.readouterr().err


def test_end_of_a_session_forgets_its_user() -> None:
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
def test_names_are_unescaped(escaped: str, name: str) -> None:
    assert journal.unescaped(escaped) == name


@pytest.mark.parametrize(("size", "told"), [(12, True), (11, False)], ids=["whole file", "part of the file"])
def test_only_a_whole_download_has_an_event(
    size: int, told: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "first-bank").write_text("loans/bank_name=FirstBank")
    monkeypatch.setattr(journal, "PREFIXES", tmp_path)
    monkeypatch.setattr(journal, "version", lambda key: ("etag", 12))
    for name in ("BUCKET", "SERVER", "EVENT_SOURCE"):
        monkeypatch.setenv(f"SFTP_{name}", name.lower())
    made = journal.event(journal.Download("first-bank", "203.0.113.7", "//x/../a.csv", size))
    assert (made is not None) is told
    if made:
        assert '"file-path": "/bucket/loans/bank_name=FirstBank/a.csv"' in made["Detail"]


@pytest.mark.parametrize(
    "key",
    ['command="sh" ssh-ed25519 AAAA', "ssh-ed25519 AAAA\nssh-ed25519 BBBB", "ssh-dss AAAA"],
    ids=["options", "two lines", "unknown type"],
)
def test_key_that_could_widen_rights_is_left_out(key: str, capsys: pytest.CaptureFixture[str]) -> None:
    value = json.dumps({"prefix": "p", "keys": ["ssh-ed25519 AAAA", key]})
    assert recipients.parsed(value) == ("p", "ssh-ed25519 AAAA\n")
    assert "was left out" in capsys.readouterr().err
