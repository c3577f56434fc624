"""The mailbox is read in the order in which the mails came."""

from __future__ import annotations

import mailbox
from email.message import EmailMessage
from pathlib import Path

from local_cloud import inbox


def test_mails_of_one_moment_keep_their_order(tmp_path: Path) -> None:
    box = mailbox.Maildir(tmp_path / "mailbox", create=True)
    for number in range(12):  # the tenth sorts before the second as text
        mail = EmailMessage()
        mail["To"], mail["Subject"] = "team@example.com", f"{number}"
        mail.set_content("x")
        box.add(mail)
    assert [mail.subject for mail in inbox.read(tmp_path / "mailbox")] == [f"{n}" for n in range(12)]
