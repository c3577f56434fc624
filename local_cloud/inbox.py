"""The mailbox of the e-mail subscriptions. It is a Maildir, which any mail program can read."""

from __future__ import annotations

import mailbox
import re
import time
from dataclasses import dataclass
from email import policy
from email.parser import BytesParser
from pathlib import Path

from extracts.errors import ExtractsError


@dataclass(frozen=True, slots=True)
class Mail:
    """A message as the recipient sees it."""

    to: str
    subject: str
    text: str


def read(folder: Path) -> list[Mail]:
    """Return all messages, oldest first."""
    if not folder.is_dir():
        return []
    parser = BytesParser(policy=policy.default)
    box = mailbox.Maildir(folder, create=False)
    messages = [parser.parsebytes(box.get_bytes(key)) for key in sorted(box.keys(), key=_age)]
    return [Mail(str(m["To"]), str(m["Subject"]), str(m.get_content())) for m in messages]


def _age(key: str) -> list[int]:
    """Return a sort key that puts older messages first.

    The key of a message contains the time in seconds, the microseconds and the number of the message. These
    numbers have no leading zeros, so they must be sorted as numbers.
    """
    return [int(number) for number in re.findall(r"\d+", key.split(".", 2)[0] + " " + key.split(".", 2)[1])]


def wait(folder: Path, *, after: int, seconds: float = 60) -> Mail:
    """Wait until the mailbox has more than `after` messages. Return message number `after` + 1."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        mails = read(folder)
        if len(mails) > after:
            return mails[after]
        time.sleep(0.2)
    raise ExtractsError(f"No e-mail arrived within {seconds:.0f} s; see {folder.parent / 'aws.log'}.")
