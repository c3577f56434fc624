"""Classes for a request to an AWS service, and for the error of AWS if AWS refuses the request."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Request:
    """One API call in any protocol.

    `service` and `operation` are names of botocore, for example "stepfunctions" and "CreateStateMachine".
    `parameters` has the form that boto3 accepts for this operation.
    """

    service: str
    operation: str
    parameters: dict[str, Any]
    account: str
    region: str


@dataclass(frozen=True, slots=True)
class Refusal:
    """The error of AWS for a request that AWS refuses: error code, message and HTTP status."""

    code: str
    message: str
    status: int = 400
