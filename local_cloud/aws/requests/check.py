"""Check one API call: first its shape, then the documented limits. Record every refusal."""

from __future__ import annotations

from typing import Any

from ministack.core.responses import get_account_id

from local_cloud.aws.requests import decode, limits, models, record, refusals, shapes
from local_cloud.aws.requests.refusals import Protocol
from local_cloud.aws.requests.request import Refusal, Request


def faults_of(request: Request) -> shapes.Faults:
    """Return the faults of the parameters: each difference from the shape of the operation in botocore."""
    shape = models.service(request.service).operation_model(request.operation).input_shape
    return shapes.validator(shape)(request.parameters) if shape is not None else ()


def refusal_of(request: Request, protocol: Protocol) -> Refusal | None:
    """Return the refusal with which AWS would answer the request, or None."""
    if faults := faults_of(request):
        shape = models.service(request.service).operation_model(request.operation).input_shape
        refusal: Refusal | None = refusals.of_faults(request.service, protocol, shape, faults)
    else:
        refusal = limits.check(request)
    if refusal is not None:
        record.note(request.service, request.operation, refusal)
    return refusal


def checked(service: str, operation: str, parameters: dict[str, Any], region: str) -> Refusal | None:
    """Return the refusal of a call that a service of AWS makes for the caller, or None.

    `service` and `operation` are names of botocore. The first letter of the operation may be lower case.
    `parameters` have the names of boto3. They may be JSON values, with times as text and bytes in base64.
    """
    operation = operation[:1].upper() + operation[1:]
    if operation not in models.service(service).operation_names:
        refusal = refusals.of_unknown_operation("json", operation)
        record.note(service, operation, refusal)
        return refusal
    return refusal_of(request_of(service, operation, parameters, region), "json")


def request_of(service: str, operation: str, parameters: dict[str, Any], region: str) -> Request:
    """Return a call with JSON parameters as a request."""
    shape = models.service(service).operation_model(operation).input_shape
    given = decode.from_json(parameters, shape, wire=False) if shape is not None else {}
    return Request(service, operation, given, str(get_account_id()), region)
