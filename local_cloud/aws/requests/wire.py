"""Find the API call in an HTTP request, for every protocol of AWS."""

from __future__ import annotations

import gzip
import io
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, parse_qsl

from botocore.parsers import ResponseParserError, RpcV2CBORParser

from local_cloud.aws.requests import decode, models, refusals, rest
from local_cloud.aws.requests.refusals import Protocol
from local_cloud.aws.requests.request import Refusal

_SCOPE = re.compile(r"Credential=[^/]+/\d{8}/([^/]*)/([^/]+)/aws4_request")
_CBOR_PATH = re.compile(r"/service/([^/]+)/operation/([^/]+)")
_FORM = "application/x-www-form-urlencoded"


class UnrecognizedError(Exception):
    """The request is not an API call of AWS."""

    def __init__(self, service: str, operation: str, refusal: Refusal, protocol: Protocol) -> None:
        super().__init__(refusal.message)
        self.service, self.operation, self.refusal, self.protocol = service, operation, refusal, protocol


@dataclass(frozen=True, slots=True)
class Http:
    """The head of an HTTP request: header names in lower case, and the unchanged path."""

    method: str
    path: str
    query_string: str
    headers: Mapping[str, str]

    @property
    def query(self) -> dict[str, list[str]]:
        """Return the fields of the query."""
        return parse_qs(self.query_string, keep_blank_values=True)

    @property
    def scope(self) -> tuple[str, str]:
        """Return the region and the service from the signature, which is in a header or in the query.

        Return two empty texts for a request without a signature.
        """
        given = (
            self.headers.get("authorization") or f"Credential={self.query.get('X-Amz-Credential', [''])[0]}"
        )
        found = _SCOPE.search(given)
        return (found[1], found[2]) if found else ("", "")


@dataclass(frozen=True, slots=True)
class Call:
    """The operation that a request calls. The object does not contain the operation's parameters."""

    http: Http
    service: str
    operation: str
    protocol: Protocol
    route: rest.Route | None = None

    @property
    def model(self) -> Any:
        """Return the model of the operation."""
        return models.service(self.service).operation_model(self.operation)

    @property
    def has_readable_body(self) -> bool:
        """Return whether the body can contain parameters. Otherwise, it is raw bytes, for example a file."""
        return self.route is None or not rest.streams(self.model)


def is_form(http: Http) -> bool:
    """Return whether the operation is in the field `Action` of a form. The form is the query or the body."""
    return http.path == "/" and (
        "Action" in http.query or http.headers.get("content-type", "").startswith(_FORM)
    )


def call_of(http: Http, form: bytes = b"") -> Call:
    """Return the API call in a request. `form` is the request body if `is_form` is true, else empty."""
    _, signing_name = http.scope
    target = http.headers.get("x-amz-target", "")
    if http.headers.get("smithy-protocol") == "rpc-v2-cbor":
        found = _CBOR_PATH.fullmatch(http.path)
        prefix, operation = (found[1], found[2]) if found else ("", http.path)
        return _targeted(http, signing_name, prefix, operation, "cbor")
    if target:
        prefix, _, operation = target.rpartition(".")
        return _targeted(http, signing_name, prefix, operation, "json")
    if is_form(http):
        return _asked(http, signing_name, dict(_pairs(http, form)))
    # Treat a request without a signature as a request for S3, because S3 has anonymous requests.
    return _routed(http, signing_name or "s3")


def _targeted(http: Http, signing_name: str, prefix: str, operation: str, protocol: Protocol) -> Call:
    service = models.signed_as(signing_name, http.path)
    if service is None or models.service(service).metadata.get("targetPrefix") != prefix:
        raise UnrecognizedError(
            signing_name,
            operation,
            Refusal("UnknownOperationException", f"The operation {prefix}.{operation} does not exist."),
            protocol,
        )
    return _known(http, service, operation, protocol)


def _asked(http: Http, signing_name: str, form: Mapping[str, str]) -> Call:
    action, version = form.get("Action", ""), form.get("Version", "")
    signed = bool(signing_name)
    service = models.signed_as(signing_name, http.path) if signed else models.by_action(action, version)
    protocol: Protocol = "ec2" if service == "ec2" else "query"
    if service is None:
        raise UnrecognizedError(
            signing_name, action, refusals.of_unknown_operation("query", action), protocol
        )
    return _known(http, service, action, protocol)


def _routed(http: Http, signing_name: str) -> Call:
    service = models.signed_as(signing_name, http.path)
    what = f"{http.method} {http.path}"
    kind = models.service(service).metadata["protocol"] if service else ""
    protocol: Protocol = "rest-xml" if kind == "rest-xml" else "rest-json"
    route = None
    if service and kind in ("rest-xml", "rest-json"):
        route = rest.route_of(models.service(service), http.method, http.path, http.query, http.headers)
    if service is None or route is None:
        raise UnrecognizedError(
            service or signing_name, what, refusals.of_unknown_operation(protocol, what), protocol
        )
    return Call(http, service, route.operation, protocol, route)


def _known(http: Http, service: str, operation: str, protocol: Protocol) -> Call:
    if operation not in models.service(service).operation_names:
        refusal = refusals.of_unknown_operation(protocol, operation)
        raise UnrecognizedError(service, operation, refusal, protocol)
    return Call(http, service, operation, protocol)


def parameters(call: Call, body: bytes) -> dict[str, Any]:
    """Return the parameters of the call in the form that boto3 accepts.

    If the body of the request does not contain parameters, `body` must be empty. For example, the body of an
    upload is the content of an object.
    """
    http, shape = call.http, call.model.input_shape
    if body and http.headers.get("content-encoding") == "gzip" and call.has_readable_body:
        body = gzip.decompress(body)
    if call.route is not None:
        return rest.parameters(call.model, call.route, http.path, http.query, http.headers, body)
    if shape is None:
        return {}
    if call.protocol in ("query", "ec2"):
        pairs = [(name, text) for name, text in _pairs(http, body) if not rest.ADDED.match(name)]
        node = decode.tree((name, text) for name, text in pairs if name not in ("Action", "Version"))
        return dict(decode.from_query(node, shape, ec2=call.protocol == "ec2"))
    decoded = decode.from_json(_data(call.protocol, body), shape)
    if not isinstance(decoded, dict):
        raise rest.MalformedError("the body is not an object")
    return decoded


def _pairs(http: Http, form: bytes) -> list[tuple[str, str]]:
    given = [http.query_string, form.decode("utf-8", "replace")]
    return [pair for text in given for pair in parse_qsl(text, keep_blank_values=True)]


def _data(protocol: Protocol, body: bytes) -> Any:
    if not body:
        return {}
    try:
        if protocol == "cbor":
            return RpcV2CBORParser().parse_data_item(io.BufferedReader(io.BytesIO(body)))
        return json.loads(body)
    except (ValueError, ResponseParserError) as error:
        raise rest.MalformedError(str(error)) from error
