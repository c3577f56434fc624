"""Check one API call: first its shape, then the documented limits. Every refusal is recorded."""

from __future__ import annotations

from typing import Any

from ministack.core.responses import get_account_id

from local_cloud.aws.requests import decode, limits, models, record, refusals, shapes
from local_cloud.aws.requests.refusals import Protocol
from local_cloud.aws.requests.request import Refusal, Request


def faults_of(request: Request) -> shapes.Faults:
    """Return the parts of the input that the shape of the operation does not allow."""
    shape = models.service(request.service).operation_model(request.operation).input_shape
    return shapes.validator(shape)(request.parameters) if shape is not None else ()


def refusal_of(request: Request, protocol: Protocol) -> Refusal | None:
    """Return why AWS would refuse the request, or None."""
    if faults := faults_of(request):
        shape = models.service(request.service).operation_model(request.operation).input_shape
        refusal: Refusal | None = refusals.of_faults(request.service, protocol, shape, faults)
    else:
        refusal = limits.check(request)
    if refusal is not None:
        record.note(request.service, request.operation, refusal)
    return refusal


def checked(service: str, operation: str, parameters: dict[str, Any], region: str) -> Refusal | None:
    """Return why AWS would refuse a call that one of its services makes for the caller, or None.

    `service` and `operation` are botocore's names; the first letter of the operation may be small.
    `parameters` have the names of boto3 and may be JSON: times as text, bytes in base64.
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
