#!/usr/bin/python3
"""Make the users, public keys and folders of this machine match the recipients in the parameter store.

Runs with Python 3.9 of Amazon Linux 2023, without other packages. A timer starts the program every minute.
"""

from __future__ import annotations

import contextlib
import grp
import json
import os
import pwd
import re
import subprocess
import sys
from pathlib import Path

KEYS = Path("/etc/sftp/keys")
PREFIXES = Path("/etc/sftp/prefixes")
FOLDERS = Path("/srv/sftp")
GROUP = "recipients"
NAME = re.compile(r"[a-z][a-z0-9_-]{0,31}")
# A key may not have options, because options could lift restrictions of sshd_config.
KEY = re.compile(r"(ssh-ed25519|ssh-rsa|ecdsa-sha2-nistp(256|384|521)) [A-Za-z0-9+/]+={0,3}")


def run(*command: str) -> str:
    """Return what a command prints."""
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout


def recipients() -> dict[str, tuple[str, str]]:
    """Return for each user name the recipient's prefix and the content of the file with its public keys."""
    path = os.environ["SFTP_RECIPIENTS"]
    found = json.loads(run("aws", "ssm", "get-parameters-by-path", "--path", path))
    return {item["Name"].rsplit("/", 1)[1]: parsed(item["Value"]) for item in found["Parameters"]}


def parsed(value: str) -> tuple[str, str]:
    """Return the prefix and the content of the file with public keys, from the value of a parameter.

    >>> parsed('{"prefix": "loans/bank_name=FirstBank", "keys": ["ssh-ed25519 AAAA"]}')
    ('loans/bank_name=FirstBank', 'ssh-ed25519 AAAA\\n')
    """
    recipient = json.loads(value)
    keys = [key for key in recipient["keys"] if KEY.fullmatch(key)]
    if len(keys) < len(recipient["keys"]):
        print(
            "A public key was left out, because it is not one line or its type is unknown.", file=sys.stderr
        )
    return recipient["prefix"], "".join(f"{key}\n" for key in keys)


def members() -> set[str]:
    """Return the users of this machine that are recipients."""
    group = grp.getgrnam(GROUP).gr_gid
    return {user.pw_name for user in pwd.getpwall() if user.pw_gid == group}


def differs(path: Path, text: str) -> bool:
    """Return True if the file does not exist or its text differs from `text`."""
    return not path.exists() or path.read_text() != text


def write(path: Path, text: str) -> None:
    """Write a file in one step, so that no login reads an incomplete file."""
    if not differs(path, text):
        return
    new = path.with_name(f".{path.name}.new")
    new.write_text(text)
    new.chmod(0o644)
    new.replace(path)


def admit(name: str, prefix: str, keys: str, known: bool) -> None:
    """Create or update the user of a recipient."""
    unit = f"sftp-recipient@{name}.service"
    path = KEYS / name
    removed = path.exists() and not {*path.read_text().splitlines()} <= {*keys.splitlines()}
    # The file `restart` shows that systemd must restart the unit. It remains for the next run if this program
    # fails.
    restart = PREFIXES / f".{name}.restart"
    if removed or differs(PREFIXES / name, prefix):
        restart.touch()
    if removed:
        # Write the keys before the restart. The restart ends all sessions. It also ends unfinished logins,
        # which may use the removed key.
        write(path, keys)
    write(PREFIXES / name, prefix)
    if not known:
        # The value "*" matches no password. For sshd, the default, "!", is a locked account.
        options = ("--no-create-home", "--home-dir", "/", "--shell", "/sbin/nologin", "--password", "*")
        run("useradd", *options, "--gid", GROUP, name)
    # Until the prefix is mounted, a session finds no folder that it may read.
    with contextlib.suppress(FileExistsError):
        (FOLDERS / name).mkdir(mode=0o700)
    run("systemctl", "enable", "--quiet", unit)
    run("systemctl", "restart" if restart.exists() else "start", "--no-block", unit)
    restart.unlink(missing_ok=True)
    write(path, keys)


def dismiss(name: str) -> None:
    """End the sessions of a recipient, and remove its user and folder."""
    (KEYS / name).unlink(missing_ok=True)
    run("systemctl", "disable", "--quiet", "--now", f"sftp-recipient@{name}.service")
    run("userdel", "--force", name)
    (PREFIXES / name).unlink(missing_ok=True)
    (FOLDERS / name).rmdir()


def main() -> int:
    """Update all recipients. Return 1 if a recipient's name is not valid or belongs to another account."""
    failed = 0
    wanted, here = recipients(), members()
    for name in sorted(here - wanted.keys()):
        dismiss(name)
    accounts = {user.pw_name for user in pwd.getpwall()} - here
    for name, (prefix, keys) in sorted(wanted.items()):
        if not NAME.fullmatch(name) or name in accounts:
            print(f"{name} is an account of this machine, or not a valid user name.", file=sys.stderr)
            failed = 1
            continue
        admit(name, prefix, keys, known=name in here)
    return failed


if __name__ == "__main__":
    sys.exit(main())
