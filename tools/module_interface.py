"""Read the interface of a module from its code: inputs, outputs, resources and moves."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import hcl2


@dataclass(frozen=True, slots=True)
class Type:
    """A Terraform type. For a map, list or set, `of` is the type of its values. Objects have `attributes`."""

    name: str
    of: Type | None = None
    attributes: Mapping[str, Attribute] = field(default_factory=dict)

    def __str__(self) -> str:
        return f"{self.name}({self.of})" if self.of else self.name


@dataclass(frozen=True, slots=True)
class Attribute:
    """An attribute of an object. `default` is the text of the default value."""

    type: Type
    optional: bool
    default: str | None


@dataclass(frozen=True, slots=True)
class Input:
    """A variable."""

    type: Type
    required: bool
    default: str
    nullable: bool
    conditions: frozenset[str]


@dataclass(frozen=True, slots=True)
class Interface:
    """The inputs and outputs of a module, and the addresses of its resources."""

    inputs: Mapping[str, Input]
    outputs: frozenset[str]
    resources: Mapping[str, str]  # from an address without index to "one", "count" or "for_each"
    moved: Mapping[str, str]
    requires: Mapping[str, str]  # from "Terraform" or a provider to its version constraint


def interface(module: Path) -> Interface:
    """Return the interface of the module in a folder."""
    inputs: dict[str, Input] = {}
    outputs: set[str] = set()
    resources: dict[str, str] = {}
    moved: dict[str, str] = {}
    requires: dict[str, str] = {}
    for file in sorted(module.glob("*.tf")):
        content = hcl2.loads(file.read_text(encoding="utf-8"))
        for name, body in _labelled(content.get("variable", [])):
            inputs[name] = _input(body)
        outputs |= {name for name, _ in _labelled(content.get("output", []))}
        for kind, named in _labelled(content.get("resource", [])):
            for name, body in named.items():
                resources[f"{kind}.{_bare(name)}"] = _instances(body)
        for name, body in _labelled(content.get("module", [])):
            resources[f"module.{name}"] = _instances(body)
        for body in content.get("moved", []):
            moved[_address(body["from"])] = _address(body["to"])
        for settings in content.get("terraform", []):
            if "required_version" in settings:
                requires["Terraform"] = _bare(settings["required_version"])
            for providers in settings.get("required_providers", []):
                for name, body in providers.items():
                    if isinstance(body, dict):
                        requires[f"the provider {_bare(name)}"] = _bare(body["version"])
    return Interface(inputs, frozenset(outputs), resources, moved, requires)


def read_type(text: str) -> Type:
    """Return the type that this text describes.

    >>> read_type("map(object({a = string, b = optional(number, 1)}))").of.attributes["b"].default
    '1'
    """
    outer = re.fullmatch(r"(\w+)\((.*)\)", text.strip(), flags=re.DOTALL)
    if not outer:
        return Type(text.strip())
    name, inner = outer[1], outer[2].strip()
    if name != "object":
        return Type(name, of=read_type(inner))
    attributes = {}
    for part in _parts(inner.removeprefix("{").removesuffix("}")):
        key, _, written = (piece.strip() for piece in part.partition("="))
        optional = re.fullmatch(r"optional\((.*)\)", written, flags=re.DOTALL)
        if optional:
            kind, *default = _parts(optional[1], limit=1)
            attributes[key] = Attribute(read_type(kind), True, default[0] if default else None)
        else:
            attributes[key] = Attribute(read_type(written), False, None)
    return Type("object", attributes=attributes)


def _parts(text: str, limit: int = -1) -> list[str]:
    """Split the text at commas outside of brackets and strings, at most `limit` times."""
    parts: list[str] = []
    depth, quoted, start = 0, False, 0
    for place, sign in enumerate(text):
        if sign == '"' and text[place - 1 : place] != "\\":
            quoted = not quoted
        elif not quoted and sign in "([{":
            depth += 1
        elif not quoted and sign in ")]}":
            depth -= 1
        elif not quoted and depth == 0 and sign == "," and limit != len(parts):
            parts.append(text[start:place].strip())
            start = place + 1
    return [part for part in (*parts, text[start:].strip()) if part]


def _input(body: Mapping[str, Any]) -> Input:
    return Input(
        type=read_type(_bare(body["type"])) if "type" in body else Type("any"),
        required="default" not in body,
        default=json.dumps(body.get("default"), sort_keys=True),
        nullable=bool(body.get("nullable", True)),
        conditions=frozenset(_condition(rule) for rule in body.get("validation", [])),
    )


def _condition(rule: Mapping[str, Any]) -> str:
    """Return a condition without the brackets around it. In the code, they only allow line breaks."""
    text = _bare(str(rule["condition"]))
    depth = 0
    for place, sign in enumerate(text, start=1):
        depth += (sign in "([{") - (sign in ")]}")
        if depth == 0 and place < len(text):
            return text
    return text[1:-1].strip() if text.startswith("(") else text


def _labelled(blocks: list[Mapping[str, Any]]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for block in blocks:
        for label, body in block.items():
            if label != "__is_block__":
                yield _bare(label), {k: v for k, v in body.items() if k != "__is_block__"}


def _bare(text: str) -> str:
    """Remove the markers that the parser of HCL puts around expressions and strings."""
    inner = re.fullmatch(r"\$\{(.*)\}", text, flags=re.DOTALL)
    return inner[1] if inner else text.removeprefix('"').removesuffix('"')


def _instances(body: Mapping[str, Any]) -> str:
    return "for_each" if "for_each" in body else "count" if "count" in body else "one"


def _address(text: str) -> str:
    return re.sub(r"\[[^]]*\]", "", _bare(text))
