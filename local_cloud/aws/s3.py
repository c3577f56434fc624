"""S3: in ministack, the condition of a policy cannot check the encryption key of an upload."""

from __future__ import annotations

import functools
from typing import Any

from ministack.core import iam_actions

from local_cloud.aws.common import Body


def close_upload_keys() -> None:
    """Let conditions of policies check the encryption key of an upload. ministack ignores the key."""
    original, header = iam_actions.s3_service_context, "x-amz-server-side-encryption-aws-kms-key-id"

    @functools.wraps(original)
    def context(action: str, query: Any, path: str = "", headers: Any = None) -> Body:
        found: Body = original(action, query, path, headers)
        if action == "s3:PutObject" and headers and headers.get(header):
            found[f"s3:{header}"] = headers[header]
        return found

    iam_actions.s3_service_context = context
