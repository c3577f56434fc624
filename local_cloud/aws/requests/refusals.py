"""Create the response of AWS to a refused request, for each service and protocol."""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Sequence
from typing import Any, Literal
from xml.sax.saxutils import escape

from local_cloud.aws.requests import shapes
from local_cloud.aws.requests.request import Refusal
from local_cloud.aws.requests.shapes import Fault

Protocol = Literal["json", "cbor", "query", "ec2", "rest-json", "rest-xml"]

Headers = dict[str, str]

# Error codes for a request with an invalid shape, for services where the code is not ValidationException.
# Public reports show ValidationException for Glue, KMS, Lambda, Secrets Manager and Step Functions. They show
# ValidationError for IAM (github.com/SWO-GS/auto-tag/issues/90) and InvalidParameterException for CloudWatch
# Logs. The other codes come from each service's list of common errors.
_CODES = {
    "cloudformation": "ValidationError",
    "cloudwatch": "ValidationError",
    "iam": "ValidationError",
    "logs": "InvalidParameterException",
    "rds": "InvalidParameterValue",
    "route53": "InvalidInput",
    "serverlessrepo": "BadRequestException",
    "sts": "ValidationError",
}


def of_faults(service: str, protocol: Protocol, input_shape: Any, faults: Sequence[Fault]) -> Refusal:
    """Return the refusal of a request with invalid parameters."""
    if service in _OWN_WORDS:
        return _OWN_WORDS[service](input_shape, faults)
    if protocol in ("json", "rest-json", "cbor") and any(fault.kind == "type" for fault in faults):
        [wrong, *_] = [fault for fault in faults if fault.kind == "type"]
        return Refusal("SerializationException", _sentence([wrong]))
    return Refusal(_CODES.get(service, "ValidationException"), _sentence(faults))


def of_malformed(service: str, protocol: Protocol, why: str) -> Refusal:
    """Return the refusal of a body that cannot be parsed."""
    if protocol == "rest-xml":
        return Refusal("MalformedXML" if service.startswith("s3") else "InvalidInput", _not_well_formed(why))
    return Refusal("SerializationException", f"The body of the request cannot be read: {why}")


def of_unknown_operation(protocol: Protocol, operation: str) -> Refusal:
    """Return the refusal of an operation that the service does not have."""
    if protocol in ("query", "ec2"):
        return Refusal("InvalidAction", f"The action {operation} is not valid for this web service.")
    if protocol == "rest-xml":
        return Refusal(
            "MethodNotAllowed", f"The specified method is not allowed against this resource: {operation}", 405
        )
    return Refusal("UnknownOperationException", f"The service has no operation {operation}.")


def of_stranger(service: str, protocol: Protocol, *, signed: bool) -> Refusal:
    """Return the refusal of a caller with an unknown access key, or without a signature.

    https://docs.aws.amazon.com/IAM/latest/APIReference/CommonErrors.html
    https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html
    """
    invalid = "The security token included in the request is invalid."
    with_xml = protocol in ("query", "ec2", "rest-xml")
    if service == "s3" and signed:
        text = "The AWS Access Key Id you provided does not exist in our records."
        return Refusal("InvalidAccessKeyId", text, 403)
    if service == "s3":
        return Refusal("AccessDenied", "Access Denied", 403)
    if not signed and with_xml:
        return Refusal("MissingAuthenticationToken", "Request is missing Authentication Token", 403)
    if not signed:
        return Refusal("MissingAuthenticationTokenException", "Missing Authentication Token")
    if protocol == "ec2":
        text = "AWS was not able to validate the provided access credentials"
        return Refusal("AuthFailure", text, 401)
    if with_xml:
        return Refusal("InvalidClientTokenId", invalid, 403)
    return Refusal("UnrecognizedClientException", invalid, 403 if protocol == "rest-json" else 400)


def _sentence(faults: Sequence[Fault]) -> str:
    count = "1 validation error" if len(faults) == 1 else f"{len(faults)} validation errors"
    return f"{count} detected: " + "; ".join(shapes.sentence(fault) for fault in faults)


def _not_well_formed(why: str) -> str:
    schema = "The XML you provided was not well-formed or did not validate against our published schema"
    return f"{schema} ({why})"


def _s3(input_shape: Any, faults: Sequence[Fault]) -> Refusal:
    """Return the error of S3. The text in brackets is an addition of the local cloud.

    S3 tells which parameter is wrong only if the parameter is outside the request body.
    """
    outside = {
        shapes.in_path(name)
        for name, member in input_shape.members.items()
        if member.serialization.get("location")
    }
    first = faults[0]
    why = "; ".join(shapes.sentence(fault) for fault in faults)
    payload = input_shape.serialization.get("payload")
    in_body = first.path[0] not in outside and (
        len(first.path) > 1 or shapes.in_path(payload or "") == first.path[0]
    )
    if in_body and first.kind == "missing" and len(first.path) == 1:
        return Refusal("MissingRequestBodyError", f"Request Body is empty ({why})")
    if in_body:
        return Refusal("MalformedXML", _not_well_formed(why))
    return Refusal("InvalidArgument", f"Invalid Argument ({why})")


def _ec2(input_shape: Any, faults: Sequence[Fault]) -> Refusal:
    """https://docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html"""
    first = faults[0]
    place = ".".join(first.path)
    if first.kind == "missing":
        return Refusal("MissingParameter", f"The request must contain the parameter {place}")
    if first.kind == "unknown":
        return Refusal("UnknownParameter", f"The parameter {place} is not recognized")
    return Refusal(
        "InvalidParameterValue", f"Value ({first.value}) for parameter {place} is invalid. {first.constraint}"
    )


def _sns(input_shape: Any, faults: Sequence[Fault]) -> Refusal:
    """https://docs.aws.amazon.com/sns/latest/api/CommonErrors.html"""
    first = faults[0]
    name = first.path[0][:1].upper() + first.path[0][1:] if first.path else "Request"
    reason = "no value for required parameter" if first.kind == "missing" else shapes.sentence(first)
    return Refusal("InvalidParameter", f"Invalid parameter: {name} Reason: {reason}")


def _sqs(input_shape: Any, faults: Sequence[Fault]) -> Refusal:
    """https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/CommonErrors.html"""
    first = faults[0]
    name = first.path[0][:1].upper() + first.path[0][1:] if first.path else "Request"
    if first.kind == "missing":
        return Refusal("MissingParameter", f"The request must contain the parameter {name}.")
    return Refusal(
        "InvalidParameterValue",
        f"Value {first.value} for parameter {name} is invalid. Reason: {first.constraint}.",
    )


_OWN_WORDS: dict[str, Callable[[Any, Sequence[Fault]], Refusal]] = {
    "ec2": _ec2,
    "s3": _s3,
    "s3control": _s3,
    "sns": _sns,
    "sqs": _sqs,
}


def response(refusal: Refusal, protocol: Protocol, service: str) -> tuple[int, Headers, bytes]:
    """Return a refusal as a response in the protocol of the client."""
    request_id = secrets.token_hex(16)
    code, message = escape(refusal.code), escape(refusal.message)
    error = f"<Code>{code}</Code><Message>{message}</Message>"
    headers = {"x-amzn-requestid": request_id, "x-amz-request-id": request_id}
    # Some services used the query protocol in the past. Clients of these services read the error code from
    # the header x-amzn-query-error.
    by_query = {"x-amzn-query-error": f"{refusal.code};Sender"}
    match protocol:
        case "json":
            headers |= {"content-type": "application/x-amz-json-1.1"} | by_query
            body = json.dumps({"__type": refusal.code, "message": refusal.message}).encode()
        case "rest-json":
            headers |= {"content-type": "application/json", "x-amzn-errortype": refusal.code}
            body = json.dumps({"message": refusal.message}).encode()
        case "cbor":
            headers |= {"content-type": "application/cbor", "smithy-protocol": "rpc-v2-cbor"} | by_query
            body = b"\xa2" + b"".join(
                _cbor(text) for text in ("__type", refusal.code, "message", refusal.message)
            )
        case "ec2":
            headers["content-type"] = "text/xml;charset=UTF-8"
            body = (
                f"<Response><Errors><Error>{error}</Error></Errors>"
                f"<RequestID>{request_id}</RequestID></Response>"
            ).encode()
        case "rest-xml" if service == "s3":
            headers["content-type"] = "application/xml"
            body = f"<Error>{error}<RequestId>{request_id}</RequestId></Error>".encode()
        case "query" | "rest-xml":
            headers["content-type"] = "text/xml"
            body = (
                f"<ErrorResponse><Error><Type>Sender</Type>{error}</Error>"
                f"<RequestId>{request_id}</RequestId></ErrorResponse>"
            ).encode()
    return refusal.status, headers | {"content-length": str(len(body))}, body


def _cbor(text: str) -> bytes:
    """Return a text string in CBOR, RFC 8949 §3.1."""
    data = text.encode()
    return b"\x7a" + len(data).to_bytes(4, "big") + data
