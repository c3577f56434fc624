"""Find the operation of a REST request by its method and path, and collect the parameters."""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, unquote
from xml.etree.ElementTree import Element, ParseError, fromstring

from local_cloud.aws.requests import decode

# Query fields that signatures and SDKs add. These fields are not parameters of the operation. The pattern
# also matches S3's x-amz- headers, because S3 accepts them as query fields.
ADDED = re.compile(r"(?i)x-amz-|x-id$|AWSAccessKeyId$|Signature$|Expires$")


class MalformedError(Exception):
    """The request body has an invalid format. The text of the error gives the reason."""


@dataclass(frozen=True, slots=True)
class Route:
    """An operation's method and path template."""

    operation: str
    method: str
    path: re.Pattern[str]
    labels: tuple[str, ...]
    query: Mapping[str, str]  # fixed query fields of the template, for example `list-type=2`
    required: tuple[tuple[str, str], ...]  # location and name of each required member
    rank: int  # longer path templates rank higher, deprecated operations rank lower


@functools.cache
def routes(model: Any) -> tuple[Route, ...]:
    """Return the routes of a REST service."""
    return tuple(_route(model.operation_model(name)) for name in model.operation_names)


def _route(operation: Any) -> Route:
    path, _, query = operation.http["requestUri"].partition("?")
    labels: list[str] = []

    def label(found: re.Match[str]) -> str:
        labels.append(found[1])
        return "(.+)" if found[2] else "([^/]+)"

    pattern = re.sub(r"\\{(\w+)(\\\+)?\\}", label, re.escape(path))
    shape, required = operation.input_shape, []
    for name in shape.required_members if shape else []:
        place = shape.members[name].serialization
        if place.get("location") in ("querystring", "header"):
            required.append((place["location"], place.get("name", name)))
    return Route(
        operation=operation.name,
        method=operation.http["method"],
        path=re.compile(pattern),
        labels=tuple(labels),
        query=dict(parse_qsl(query, keep_blank_values=True)),
        required=tuple(required),
        rank=len(path) - 1000 * operation.deprecated,
    )


def route_of(
    model: Any, method: str, raw_path: str, query: Mapping[str, list[str]], headers: Mapping[str, str]
) -> Route | None:
    """Return the route that fits a request best, or None if no route fits."""

    def fits(route: Route, path: str) -> bool:
        fixed = all(name in query and value in ("", *query[name]) for name, value in route.query.items())
        return route.method == method and fixed and route.path.fullmatch(path) is not None

    def likeness(route: Route) -> tuple[int, int, int]:
        there = sum(name in (query if place == "querystring" else headers) for place, name in route.required)
        return len(route.query), there - (len(route.required) - there), route.rank

    for path in (raw_path, raw_path.rstrip("/") or "/"):
        if found := [route for route in routes(model) if fits(route, path)]:
            return max(found, key=likeness)
    return None


def streams(operation: Any) -> bool:
    """Return whether the request body is raw bytes, for example a file, and not a document."""
    shape = operation.input_shape
    payload = shape and shape.serialization.get("payload")
    return bool(payload) and shape.members[payload].type_name == "blob"


def parameters(
    operation: Any,
    route: Route,
    raw_path: str,
    query: Mapping[str, list[str]],
    headers: Mapping[str, str],
    body: bytes,
) -> dict[str, Any]:
    """Return the parameters of the request in the form that boto3 accepts, but not a streamed body."""
    shape = operation.input_shape
    if shape is None:
        return {}
    found: dict[str, Any] = {}
    matched = route.path.fullmatch(raw_path) or route.path.fullmatch(raw_path.rstrip("/"))
    labels = dict(zip(route.labels, matched.groups() if matched else (), strict=True))
    claimed = set(route.query)
    for name, member in shape.members.items():
        place = member.serialization
        word = place.get("name", name)
        match place.get("location"):
            case "uri":
                found[name] = decode.from_text(unquote(labels[word]), member)
            case "querystring" if word in query:
                claimed.add(word)
                found[name] = _from_query(query[word], member)
            case "header" if word.lower() in headers:
                found[name] = _from_header(headers[word.lower()], member)
            case "headers":
                prefix = word.lower()
                held = {key[len(prefix) :]: text for key, text in headers.items() if key.startswith(prefix)}
                found |= {name: held} if held else {}
    found |= {name: texts for name, texts in query.items() if name not in claimed and not ADDED.match(name)}
    return found if streams(operation) else found | _from_body(operation, shape, body)


def _from_query(texts: list[str], shape: Any) -> Any:
    if shape.type_name == "list":
        return [decode.from_text(text, shape.member) for text in texts]
    return decode.from_text(texts[0], shape)


def _from_header(text: str, shape: Any) -> Any:
    if shape.type_name == "list":
        return [decode.from_text(part.strip(), shape.member) for part in text.split(",")]
    return decode.from_text(text, shape)


def _from_body(operation: Any, shape: Any, body: bytes) -> dict[str, Any]:
    payload = shape.serialization.get("payload")
    if not body:
        return {}
    inner = shape.members[payload] if payload else shape
    if inner.type_name == "string":
        return {payload: body.decode("utf-8", "replace")}
    if operation.service_model.metadata["protocol"] == "rest-xml":
        decoded = decode.from_xml(_xml(body), inner)
    else:
        decoded = decode.from_json(_json(body), inner)
    if payload:
        return {payload: decoded}
    if not isinstance(decoded, dict):
        raise MalformedError("the body is not an object")
    return decoded


def _xml(body: bytes) -> Element:
    try:
        return fromstring(body)
    except ParseError as error:
        raise MalformedError(str(error)) from error


def _json(body: bytes) -> Any:
    try:
        return json.loads(body)
    except ValueError as error:
        raise MalformedError(str(error)) from error
