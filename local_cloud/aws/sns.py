"""SNS: ministack sends no mail."""

from __future__ import annotations

import functools
import mailbox
import os
from datetime import UTC, datetime
from email.message import EmailMessage
from typing import Any

from ministack.services import sns

from local_cloud.aws.common import Body

UNSUBSCRIBE = (
    "If you wish to stop receiving notifications from this topic,"
    " please click or visit the link below to unsubscribe:"
)


def close_sns_email() -> None:
    """Put a message for an e-mail subscription into the mailbox, with the text and the encoding of SNS."""
    original = sns._fanout

    @functools.wraps(original)
    def fan_out(topic_arn: str, message_id: str, message: str, subject: str, *rest: Any, **named: Any) -> Any:
        topic = sns._topic_by_arn_any_scope(topic_arn)
        for subscription in topic["subscriptions"] if topic else ():
            if subscription["protocol"] == "email" and subscription["confirmed"]:
                _post(topic, subscription, message, subject)
        return original(topic_arn, message_id, message, subject, *rest, **named)

    sns._fanout = fan_out


def _post(topic: Body, subscription: Body, message: str, subject: str) -> None:
    sender = topic.get("attributes", {}).get("DisplayName") or "AWS Notifications"
    mail = EmailMessage()
    mail["From"] = f"{sender} <no-reply@sns.amazonaws.com>"
    mail["To"] = subscription["endpoint"]
    mail["Subject"] = subject or "AWS Notification Message"
    mail["Date"] = datetime.now(UTC)
    mail.set_content(f"{message}\n\n--\n{UNSUBSCRIBE}\n{subscription['arn']}\n")
    mailbox.Maildir(os.environ["EXTRACTS_MAILBOX"], create=True).add(mail)
