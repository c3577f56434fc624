"""Check parameters against the shapes of a service model.

This check includes rules that botocore's own check does not have.
"""

from __future__ import annotations

import datetime
import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from local_cloud.aws.requests import patterns

Kind = Literal["missing", "unknown", "type", "enum", "length", "range", "pattern"]

_TYPES: dict[str, tuple[type, ...]] = {
    "structure": (dict,),
    "map": (dict,),
    "list": (list, tuple),
    "string": (str,),
    "character": (str,),
    "boolean": (bool,),
    "integer": (int,),
    "long": (int,),
    "float": (float, int),
    "double": (float, int),
    "timestamp": (datetime.datetime,),
    "blob": (bytes, bytearray),
}


@dataclass(frozen=True, slots=True)
class Fault:
    """A value that its shape does not allow.

    `path` leads from the outermost member to the value, in the notation of AWS: ("tags", "1", "member",
    "key"). `constraint` is the text with which AWS describes the violated rule.
    """

    kind: Kind
    value: Any
    constraint: str
    shape: Any
    path: tuple[str, ...] = ()

    def below(self, *names: str) -> Fault:
        """Return the fault with `names` added at the beginning of its path."""
        return replace(self, path=names + self.path)


Faults = Sequence[Fault]
Validator = Callable[[Any], Faults]


@functools.cache
def validator(shape: Any) -> Validator:
    """Return the check of a shape: a function that returns the faults of a value."""
    if shape.type_name == "structure":
        return _structure(shape)
    checks = [_type(shape)]
    if shape.type_name == "list":
        checks.append(_items(shape))
    elif shape.type_name == "map":
        checks.append(_entries(shape))
    limits = _limits(shape)

    def check(value: Any) -> Faults:
        for one in checks:
            if faults := one(value):
                return faults
        return [fault for one in limits if (fault := one(value))] if limits else ()

    return check


def _type(shape: Any) -> Validator:
    types, is_boolean = _TYPES[shape.type_name], shape.type_name == "boolean"

    def check(value: Any) -> Faults:
        if isinstance(value, types) and (is_boolean or not isinstance(value, bool)):
            return ()
        return (Fault("type", value, f"Member must be of type {shape.type_name}", shape),)

    return check


def _structure(shape: Any) -> Validator:
    if shape.is_document_type:
        return lambda value: ()
    right_type = _type(shape)
    required = shape.required_members
    # `check` fills this dictionary at its first call, not earlier, because a shape may contain itself.
    checks: dict[str, Validator] = {}

    def check(value: Any) -> Faults:
        if faults := right_type(value):
            return faults
        found = [
            Fault("missing", None, "Member must not be null", shape.members[name], (in_path(name),))
            for name in required
            if name not in value
        ]
        for name, item in value.items():
            if name not in checks:
                member = shape.members.get(name)
                checks[name] = _unknown(shape) if member is None else validator(member)
            found += [fault.below(in_path(name)) for fault in checks[name](item)]
        if shape.is_tagged_union and len(value) != 1:
            found.append(Fault("type", value, "Member must have a value for exactly one field", shape))
        return found

    return check


def _unknown(shape: Any) -> Validator:
    return lambda value: (Fault("unknown", value, f"Member is not known to {shape.name}", shape),)


def _items(shape: Any) -> Validator:
    def check(value: Any) -> Faults:
        one = validator(shape.member)
        return [
            fault.below(str(number), "member") for number, item in enumerate(value, 1) for fault in one(item)
        ]

    return check


def _entries(shape: Any) -> Validator:
    def whole(value: Any, what: str, fault: Fault) -> Fault:
        return replace(fault, value=value, constraint=f"{what} must satisfy constraint: [{fault.constraint}]")

    def check(value: Any) -> Faults:
        one_key, one_value = validator(shape.key), validator(shape.value)
        found = [whole(value, "Map keys", fault) for key in value for fault in one_key(key)]
        for key, item in value.items():
            for fault in one_value(item):
                found.append(
                    fault.below(str(key), "member") if fault.path else whole(value, "Map value", fault)
                )
        return found

    return check


def _limits(shape: Any) -> list[Callable[[Any], Fault | None]]:
    metadata = shape.metadata
    checks: list[Callable[[Any], Fault | None]] = []
    sized = shape.type_name in ("string", "blob", "list", "map")
    measure = len if sized else (lambda value: value)
    what: tuple[Kind, str] = ("length", "length") if sized else ("range", "value")
    if "min" in metadata:
        least = metadata["min"]
        words = f"Member must have {what[1]} greater than or equal to {least}"
        checks.append(lambda v: Fault(what[0], v, words, shape) if measure(v) < least else None)
    if "max" in metadata:
        most = metadata["max"]
        text = f"Member must have {what[1]} less than or equal to {most}"
        checks.append(lambda v: Fault(what[0], v, text, shape) if measure(v) > most else None)
    if "pattern" in metadata and shape.type_name == "string":
        pattern = metadata["pattern"]
        sentence = f"Member must satisfy regular expression pattern: {pattern}"
        checks.append(
            lambda v: None if patterns.matches(pattern, v) else Fault("pattern", v, sentence, shape)
        )
    if "enum" in metadata:
        allowed = frozenset(metadata["enum"])
        choice = f"Member must satisfy enum value set: [{', '.join(metadata['enum'])}]"
        checks.append(lambda v: None if v in allowed else Fault("enum", v, choice, shape))
    return checks


def in_path(name: str) -> str:
    """Return the name of a member as AWS writes it in error messages: "dBName" for "DBName"."""
    return name[:1].lower() + name[1:]


def sentence(fault: Fault) -> str:
    """Return AWS's error message about one fault, in the form that most services use.

    >>> sentence(Fault("length", "abc", "Member must have length less than or equal to 2", None, ("name",)))
    "Value 'abc' at 'name' failed to satisfy constraint: Member must have length less than or equal to 2"
    """
    sensitive = fault.shape is not None and fault.shape.metadata.get("sensitive")
    value = " null" if fault.kind == "missing" else "" if sensitive else f" '{_written(fault.value)}'"
    return f"Value{value} at '{'.'.join(fault.path)}' failed to satisfy constraint: {fault.constraint}"


def _written(value: Any) -> str:
    """Return a value in the form in which Java prints it."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}={_written(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(_written(item) for item in value) + "]"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, bytes | bytearray):
        return f"{len(value)} bytes"
    return str(value)
