"""A documented limit of an AWS service, and the ways to state one."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from local_cloud.aws.requests.request import Request

# Returns AWS's sentence about a request over the limit, None about any other.
Complaint = Callable[[Request], str | None]
# Returns whether one value is as AWS wants it.
Accepts = Callable[[Any], bool]


@dataclass(frozen=True, slots=True)
class Source:
    """Where the limit is documented."""

    title: str
    address: str


@dataclass(frozen=True, slots=True)
class Limit:
    """What AWS refuses although botocore's model allows it.

    `operations` are separated by spaces. `code` and the complaint's sentence are AWS's own where they are
    public knowledge, and to the same effect where they are not.
    """

    service: str
    operations: str
    name: str
    complaint: Complaint
    code: str
    source: Source
    status: int = 400


def documentation(title: str, path: str) -> Source:
    """Return a page of AWS's documentation."""
    return Source(title, f"https://docs.aws.amazon.com/{path}")


def each(value: Any, path: str) -> Iterator[Any]:
    """Yield what a request has at a path; `[]` is every item, `|` parts alternatives.

    >>> list(each({"Targets": [{"Input": "a"}, {"Id": "b"}]}, "Targets[].Input"))
    ['a']
    """
    for way in path.split("|"):
        yield from _along(value, way)


def _along(value: Any, way: str) -> Iterator[Any]:
    head, _, rest = way.partition(".")
    found = value.get(head.removesuffix("[]")) if isinstance(value, dict) else None
    if found is None:
        return
    for item in found if head.endswith("[]") else [found]:
        yield from _along(item, rest) if rest else [item]


def each_is(path: str, accepts: Accepts, sentence: str) -> Complaint:
    """Complain of the first value that is not accepted; the sentence may use {value}."""

    def complain(request: Request) -> str | None:
        for value in each(request.parameters, path):
            if not accepts(value):
                return sentence.replace("{value}", str(value))
        return None

    return complain


def at_most(path: str, maximum: int, sentence: str, measure: Callable[[Any], int] = len) -> Complaint:
    """Complain of what measures more."""
    return each_is(path, lambda value: measure(value) <= maximum, sentence)


def between(path: str, low: int, high: int, sentence: str) -> Complaint:
    """Complain of a number outside the range."""
    return each_is(path, lambda value: low <= float(value) <= high, sentence)


def matching(path: str, pattern: str, sentence: str) -> Complaint:
    """Complain of a text that does not match as a whole."""
    compiled = re.compile(pattern, re.DOTALL)
    return each_is(path, lambda value: compiled.fullmatch(str(value)) is not None, sentence)


def one_of(path: str, values: frozenset[Any], sentence: str) -> Complaint:
    """Complain of any other value."""
    return each_is(path, lambda value: value in values, sentence)


def octets(value: Any) -> int:
    """Return the size in UTF-8."""
    return len(value if isinstance(value, bytes | bytearray) else str(value).encode())


def parsed(text: str) -> Any:
    """Return the JSON in a text, or None where it holds none."""
    try:
        return json.loads(text)
    except ValueError:
        return None
