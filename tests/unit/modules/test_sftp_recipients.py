"""A program on the SFTP instance creates, changes and removes users and keys to match the recipients."""

from __future__ import annotations

import importlib.util
import subprocess
from pathlib import Path
from types import ModuleType

import pytest

from tools.hcl import MODULES

OLD, NEW = "ssh-ed25519 OLD\n", "ssh-ed25519 NEW\n"


@pytest.fixture
def recipients(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """Return the program as a module that uses temporary folders.

    `notes` lists each command of systemctl and the public keys of the user `first` at that moment.
    """
    spec = importlib.util.spec_from_file_location(
        "recipients", MODULES / "sftp-transfer/instance/recipients.py"
    )
    assert spec
    assert spec.loader
    program = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(program)
    for name in ("KEYS", "PREFIXES", "FOLDERS"):
        (tmp_path / name).mkdir()
        monkeypatch.setattr(program, name, tmp_path / name)
    notes: list[tuple[str, str]] = []

    def run(*command: str) -> str:
        keys = tmp_path / "KEYS/first"
        if command[0] == "systemctl":
            notes.append((command[1], keys.read_text() if keys.exists() else ""))
        return ""

    monkeypatch.setattr(program, "run", run)
    monkeypatch.setattr(program, "notes", notes, raising=False)
    program.admit("first", "loans", OLD, False)
    notes.clear()
    return program


def test_sessions_of_a_recipient_end_after_a_key_is_removed(recipients: ModuleType) -> None:
    """The program first removes the key. Then it restarts the recipient's unit, which ends the sessions."""
    recipients.admit("first", "loans", NEW, True)
    assert recipients.notes[-1] == ("restart", NEW)


@pytest.mark.parametrize("keys", [OLD, OLD + NEW], ids=["the same", "one more"])
def test_sessions_continue_if_no_key_is_removed(recipients: ModuleType, keys: str) -> None:
    recipients.admit("first", "loans", keys, True)
    assert [command for command, _ in recipients.notes] == ["enable", "start"]
    assert (recipients.KEYS / "first").read_text() == keys


@pytest.mark.parametrize(
    ("prefix", "keys"), [("loans", NEW), ("other", OLD)], ids=["a removed key", "another prefix"]
)
def test_sessions_end_at_the_second_attempt_if_the_first_attempt_to_change_a_recipient_fails(
    recipients: ModuleType, monkeypatch: pytest.MonkeyPatch, prefix: str, keys: str
) -> None:
    def fail(*command: str) -> str:
        raise subprocess.CalledProcessError(1, command)

    with monkeypatch.context() as broken:
        broken.setattr(recipients, "run", fail)
        with pytest.raises(subprocess.CalledProcessError):
            recipients.admit("first", prefix, keys, True)
    for expected in ("restart", "start"):
        recipients.admit("first", prefix, keys, True)
        assert recipients.notes[-1] == (expected, keys)
