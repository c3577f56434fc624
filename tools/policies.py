"""Read from HCL which roles the modules create, and which rights the policies of each role have.

The HCL can add a statement or an action under a condition. The tool assumes that each condition is true, so
the result has all rights that a role can have.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

from tools.hcl import MODULES

_STATEMENT = re.compile(
    r'Sid\s*=\s*"(\w+)"\s+Effect\s*=\s*"(\w+)"\s+Action\s*=(.*?)\b(?:Resource|NotResource)\s*=', re.S
)


@dataclass(frozen=True, slots=True)
class Role:
    """A role of a module, and the service that may assume the role."""

    module: str
    name: str  # the name in HCL, for example "job" for aws_iam_role.job
    service: str
    rights: dict[str, tuple[str, frozenset[str]]]  # from a statement's ID to its effect and its actions
    given: frozenset[str]  # inputs of the module that contain a whole policy of the role


def roles(module: str) -> list[Role]:
    """Return the roles of a module, in the order of its files."""
    return [
        Role(module, name, _service(module, body), _rights(module, name), _given(module, name))
        for name, body in _blocks(module, "aws_iam_role")
    ]


def _rights(module: str, role: str) -> dict[str, tuple[str, frozenset[str]]]:
    found: dict[str, tuple[str, frozenset[str]]] = {}
    for policy in _policies(module, role):
        whole = _resolved(module, policy)
        statements = _STATEMENT.findall(whole)
        assert len(statements) == len(re.findall(r"\bEffect\s*=", whole)), f"{module}: {role}"
        for sid, effect, text in statements:
            actions = frozenset(re.findall(r'"([a-z0-9-]+:[A-Za-z*]+)"', _resolved(module, text)))
            assert actions, f"{module}: {role}: {sid}"
            found[sid] = (effect, actions | found.get(sid, (effect, frozenset()))[1])
    return found


def _given(module: str, role: str) -> frozenset[str]:
    """Return the inputs of the module that contain a whole policy of the role."""
    return frozenset(
        name for text in _policies(module, role) for name in re.findall(r"\bpolicy\s*=\s*(var\.[\w.]+)", text)
    )


def _service(module: str, body: str) -> str:
    # In all regions except China, `local.dns_suffix` is amazonaws.com. The tool assumes such a region.
    text = _resolved(module, body).replace("${local.dns_suffix}", "amazonaws.com")
    found = set(re.findall(r'Service\s*=\s*"([\w.]+)"', text))
    assert len(found) == 1, f"{module}: {found}"
    return str(found.pop())


def _policies(module: str, role: str) -> list[str]:
    return [
        body
        for _, body in _blocks(module, "aws_iam_role_policy")
        if re.search(rf"\brole\s*=\s*aws_iam_role\.{role}\b", body)
    ]


def _resolved(module: str, text: str) -> str:
    """Return this text and the code of all locals that it uses, directly or through other locals."""
    seen: set[str] = set()
    parts = [text]
    for part in parts:
        for name in re.findall(r"\blocal\.(\w+)", part):
            if name not in seen and name in _locals(module):
                seen.add(name)
                parts.append(_locals(module)[name])
    return "\n".join(parts)


@cache
def _source(module: str) -> str:
    text = "\n".join(path.read_text() for path in sorted((MODULES / module).glob("*.tf")))
    return re.sub(r"^\s*#.*\n", "", text, flags=re.M)


@cache
def _locals(module: str) -> dict[str, str]:
    blocks = re.findall(r"^locals \{\n(.*?)^\}", _source(module), flags=re.M | re.S)
    items = re.findall(r"^  (\w+)\s*= (.*?)(?=^  \w+\s*= |\Z)", "\n".join(blocks), flags=re.M | re.S)
    return dict(items)


def _blocks(module: str, kind: str) -> Iterator[tuple[str, str]]:
    for match in re.finditer(
        rf'^resource "{kind}" "(\w+)" \{{\n(.*?)^\}}', _source(module), flags=re.M | re.S
    ):
        yield match[1], match[2]
