"""The mailbox returns mails in the order in which they arrived."""

from __future__ import annotations

import mailbox
from email.message import EmailMessage
from pathlib import Path

from local_cloud import inbox


def test_mails_with_the_same_time_keep_their_order(tmp_path: Path) -> None:
    box = mailbox.Maildir(tmp_path / "mailbox", create=True)
    for number in range(12):  # sorted as text, the tenth mail would come before the second
        mail = EmailMessage()
        mail["To"], mail["Subject"] = "team@example.com", f"{number}"
        mail.set_content("x")
        box.add(mail)
    assert [mail.subject for mail in inbox.read(tmp_path / "mailbox")] == [f"{n}" for n in range(12)]
