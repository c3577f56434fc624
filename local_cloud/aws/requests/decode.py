"""Convert the body of a request into boto3's parameters, by means of a shape of the service model.

Values that are not in the shape, and values of a wrong type, are not converted. The check reports them later.
"""

from __future__ import annotations

import base64
import binascii
import functools
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from typing import Any
from xml.etree.ElementTree import Element

from botocore.utils import parse_to_aware_datetime

_NUMBERS = {"NaN", "Infinity", "-Infinity"}


Naming = Callable[[Any, str], str]


def _plainly(member: Any, name: str) -> str:
    return str(member.serialization.get("name", name))


def _as_it_is(member: Any, name: str) -> str:
    return name


def _in_query(member: Any, name: str) -> str:
    if member.type_name == "list" and member.serialization.get("flattened"):
        return str(member.member.serialization.get("name", _plainly(member, name)))
    return _plainly(member, name)


def _in_ec2(member: Any, name: str) -> str:
    plain = _plainly(member, name)
    return str(member.serialization.get("queryName") or plain[0].upper() + plain[1:])


@functools.cache
def _names(shape: Any, naming: Naming) -> Mapping[str, str]:
    """Return the members of a structure, keyed by their names in the protocol."""
    return {naming(member, name): name for name, member in shape.members.items()}


def from_json(value: Any, shape: Any, *, wire: bool = True) -> Any:
    """Convert a JSON or CBOR value for boto3. If `wire` is true, members have the names of the protocol."""
    kind = shape.type_name
    if kind == "structure" and isinstance(value, dict) and not shape.is_document_type:
        names = _names(shape, _plainly if wire else _as_it_is)
        return {
            names.get(key, key): from_json(item, shape.members[names[key]], wire=wire)
            if key in names
            else item
            for key, item in value.items()
            if item is not None and key != "__type"
        }
    if kind == "list" and isinstance(value, list):
        return [from_json(item, shape.member, wire=wire) for item in value]
    if kind == "map" and isinstance(value, dict):
        return {
            key: from_json(item, shape.value, wire=wire) for key, item in value.items() if item is not None
        }
    if kind == "blob":
        return _bytes(value)
    if kind == "timestamp":
        return _moment(value)
    if kind in ("float", "double") and isinstance(value, str) and value in _NUMBERS:
        return float(value)
    return value


def from_text(text: str, shape: Any) -> Any:
    """Convert the text of a header, a query field or an XML element for boto3."""
    kind = shape.type_name
    try:
        if kind in ("integer", "long"):
            return int(text)
        if kind in ("float", "double"):
            return float(text)
    except ValueError:
        return text
    if kind == "boolean":
        return {"true": True, "false": False}.get(text.lower(), text)
    if kind == "timestamp":
        return _moment(text)
    if kind == "blob":
        return _bytes(text)
    if kind == "list" and not text:
        return []
    return text


def from_xml(element: Element, shape: Any) -> Any:
    """Convert an XML element for boto3."""
    kind = shape.type_name
    if kind == "structure":
        return _structure_from_xml(element, shape)
    if kind == "list":
        return [from_xml(child, shape.member) for child in element]
    if kind == "map":
        return _map_from_xml(element, shape)
    return from_text(element.text or "", shape)


def _structure_from_xml(element: Element, shape: Any) -> dict[str, Any]:
    names, found = _names(shape, _plainly), dict[str, Any]()
    for attribute, text in element.attrib.items():
        name = names.get(attribute) or names.get(f"xsi:{_local(attribute)}")
        if name is not None:
            found[name] = text
    for child in element:
        name = names.get(_local(child.tag))
        if name is None:
            found[_local(child.tag)] = child.text
            continue
        member = shape.members[name]
        if member.type_name == "list" and member.serialization.get("flattened"):
            found.setdefault(name, []).append(from_xml(child, member.member))
        else:
            found[name] = from_xml(child, member)
    return found


def _map_from_xml(element: Element, shape: Any) -> dict[str, Any]:
    found = {}
    for entry in element:
        parts = {_local(child.tag): child for child in entry}
        key = parts[shape.key.serialization.get("name", "key")].text or ""
        found[key] = from_xml(parts[shape.value.serialization.get("name", "value")], shape.value)
    return found


def _local(tag: str) -> str:
    return tag.rpartition("}")[2]


Tree = dict[str, Any]


def tree(pairs: Iterable[tuple[str, str]]) -> Tree:
    """Return the fields of a query as nested dicts: `A.member.1=x` is at `["A"]["member"]["1"][""]`."""
    root: Tree = {}
    for name, text in pairs:
        node = root
        for part in name.split("."):
            node = node.setdefault(part, {})
        node[""] = text
    return root


def from_query(node: Tree, shape: Any, *, ec2: bool = False) -> Any:
    """Convert a node of the query's tree for boto3."""
    kind = shape.type_name
    if kind == "structure":
        names = _names(shape, _in_ec2 if ec2 else _in_query)
        return {
            names.get(key, key): from_query(child, shape.members[names[key]], ec2=ec2)
            if key in names
            else child
            for key, child in node.items()
            if key
        }
    if kind == "list":
        if not ec2 and not shape.serialization.get("flattened"):
            node = node.get(shape.member.serialization.get("name", "member"), node)
        return [from_query(child, shape.member, ec2=ec2) for child in _numbered(node)]
    if kind == "map":
        if not shape.serialization.get("flattened"):
            node = node.get("entry", node)
        key, value = (
            part.serialization.get("name", word)
            for part, word in ((shape.key, "key"), (shape.value, "value"))
        )
        return {
            entry.get(key, {}).get("", ""): from_query(entry.get(value, {}), shape.value, ec2=ec2)
            for entry in _numbered(node)
        }
    return from_text(node.get("", ""), shape)


def _numbered(node: Tree) -> list[Tree]:
    numbers = sorted(int(key) for key in node if key.isdecimal())
    return [node[str(number)] for number in numbers]


def _bytes(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    try:
        return base64.b64decode(value, validate=True)
    except binascii.Error:
        return value


def _moment(value: Any) -> Any:
    try:
        if isinstance(value, int | float) and not isinstance(value, bool):
            return datetime.fromtimestamp(value, UTC)
        return parse_to_aware_datetime(value)
    except (ValueError, TypeError, OverflowError, RuntimeError):
        return value
