"""A documented limit of an AWS service, and functions that define limits."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from local_cloud.aws.requests.request import Request

# A function that returns the message of AWS if a request exceeds the limit, and None otherwise.
Complaint = Callable[[Request], str | None]
# A function that returns whether AWS accepts a value.
Accepts = Callable[[Any], bool]


@dataclass(frozen=True, slots=True)
class Source:
    """The page that documents a limit."""

    title: str
    address: str


@dataclass(frozen=True, slots=True)
class Limit:
    """A rule by which AWS refuses a request that the model of botocore allows.

    `operations` are separated by spaces. If the code and the message of AWS are publicly known, `code` and
    the message are equal to them. Otherwise, `code` and the message have the same meaning as in AWS.
    """

    service: str
    operations: str
    name: str
    complaint: Complaint
    code: str
    source: Source
    status: int = 400


def documentation(title: str, path: str) -> Source:
    """Return a page in the documentation of AWS."""
    return Source(title, f"https://docs.aws.amazon.com/{path}")


def each(value: Any, path: str) -> Iterator[Any]:
    """Yield the values at a path of a request.

    In the path, `[]` stands for every item of a list, and `|` separates alternative paths.

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
    """Refuse the first value that `accepts` does not accept. The message may contain {value}."""

    def complain(request: Request) -> str | None:
        for value in each(request.parameters, path):
            if not accepts(value):
                return sentence.replace("{value}", str(value))
        return None

    return complain


def at_most(path: str, maximum: int, sentence: str, measure: Callable[[Any], int] = len) -> Complaint:
    """Refuse a value for which `measure` returns more than `maximum`. The default measure is the length."""
    return each_is(path, lambda value: measure(value) <= maximum, sentence)


def between(path: str, low: int, high: int, sentence: str) -> Complaint:
    """Refuse a number outside the range, and a text that is not a number."""

    def accepts(value: Any) -> bool:
        try:
            return low <= float(value) <= high
        except ValueError:
            return False

    return each_is(path, accepts, sentence)


def matching(path: str, pattern: str, sentence: str) -> Complaint:
    """Refuse a text if the whole text does not match the pattern."""
    compiled = re.compile(pattern, re.DOTALL)
    return each_is(path, lambda value: compiled.fullmatch(str(value)) is not None, sentence)


def one_of(path: str, values: frozenset[Any], sentence: str) -> Complaint:
    """Refuse a value that is not in `values`."""
    return each_is(path, lambda value: value in values, sentence)


def octets(value: Any) -> int:
    """Return the number of bytes of a value in UTF-8."""
    return len(value if isinstance(value, bytes | bytearray) else str(value).encode())


def parsed(text: str) -> Any:
    """Return the JSON value in a text, or None if the text is not JSON."""
    try:
        return json.loads(text)
    except ValueError:
        return None
