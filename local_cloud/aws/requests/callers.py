"""Answer only callers with credentials of this emulator.

This check is needed because every user of the machine can connect to the emulator.
"""

from __future__ import annotations

import os
from typing import Any

from ministack.core import iam_evaluator as iam
from ministack.core.responses import get_account_id
from ministack.core.router import extract_access_key_id
from ministack.services import sts

from local_cloud.aws.requests import wire


def trust_only_issued_keys() -> None:
    """Let the emulator check the signature of every caller, including the administrator.

    ministack treats a caller as the administrator in three cases: the access key is `test`, the access key is
    the number of an account, or the request has no access key.
    """
    account = get_account_id()
    administrator = {
        "AccountId": account,
        "Arn": f"arn:aws:iam::{account}:root",
        "PrincipalType": "Root",
        "SecretAccessKey": os.environ["AWS_SECRET_ACCESS_KEY"],
        "UserId": account,
    }
    sts.register_session(os.environ["AWS_ACCESS_KEY_ID"], administrator)
    enforce = iam.enforce

    def is_root_access_key(access_key_id: str) -> bool:
        return False

    def with_links(access_key_id: str, action: str, service: str, *rest: Any, **named: Any) -> Any:
        if not access_key_id and iam._served_unsigned(service, action):
            return None
        return enforce(access_key_id, action, service, *rest, **named)

    iam.is_root_access_key = sts.is_root_access_key = is_root_access_key
    iam.enforce = with_links


def key_of(http: wire.Http) -> str:
    """Return the access key of the caller, or an empty text for a request without a signature."""
    return str(extract_access_key_id(http.headers, http.query))


def is_issued(key: str) -> bool:
    """Return whether this emulator has issued an access key. The emulator checks the signature later."""
    return key in sts._sessions or iam.find_iam_access_key_account(key) is not None


def is_public(call: wire.Call) -> bool:
    """Return whether AWS answers a call without a signature, for example for a link in a mail."""
    return bool(iam._served_unsigned(call.service, f"{call.service}:{call.operation}"))
