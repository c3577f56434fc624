"""A request to an AWS service, and the answer if AWS would refuse it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Request:
    """One API call in any protocol.

    `service` and `operation` are botocore's names, for example "stepfunctions" and "CreateStateMachine".
    `parameters` are boto3's parameters for this operation.
    """

    service: str
    operation: str
    parameters: dict[str, Any]
    account: str
    region: str


@dataclass(frozen=True, slots=True)
class Refusal:
    """AWS's error for a request that it refuses: error code, message and HTTP status."""

    code: str
    message: str
    status: int = 400
