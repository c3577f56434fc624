"""A request to an AWS service, and the answer when AWS would refuse it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Request:
    """One API call, whatever its protocol.

    `service` and `operation` are botocore's names, for example "stepfunctions" and "CreateStateMachine".
    `parameters` are what boto3 takes for this operation.
    """

    service: str
    operation: str
    parameters: dict[str, Any]
    account: str
    region: str


@dataclass(frozen=True, slots=True)
class Refusal:
    """AWS's error for a request that it does not accept: its error code, its sentence, the HTTP status."""

    code: str
    message: str
    status: int = 400
