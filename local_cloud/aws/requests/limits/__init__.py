"""Documented limits of AWS that the models of botocore lack. Most modules cover one or two services."""

from __future__ import annotations

from local_cloud.aws.requests.limits import (
    events,
    glue,
    iam,
    keys,
    monitoring,
    s3,
    scheduler,
    sns,
    sqs,
    state,
    stepfunctions,
    storage,
    tags,
    transfer,
)
from local_cloud.aws.requests.limits.limit import Limit
from local_cloud.aws.requests.request import Refusal, Request

TABLES = (
    events,
    glue,
    iam,
    keys,
    monitoring,
    s3,
    scheduler,
    sns,
    sqs,
    stepfunctions,
    storage,
    tags,
    transfer,
)
LIMITS: tuple[Limit, ...] = tuple(limit for table in TABLES for limit in table.LIMITS)


def check(request: Request) -> Refusal | None:
    """Return the refusal of AWS if a request exceeds a documented limit, or None.

    Some limits count objects in the emulator, so the caller must set the account of the request first.
    """
    state.enter(request.region)
    for limit in LIMITS:
        applies = limit.service == request.service and request.operation in limit.operations.split()
        if applies and (sentence := limit.complaint(request)) is not None:
            return Refusal(limit.code, sentence, limit.status)
    return None
