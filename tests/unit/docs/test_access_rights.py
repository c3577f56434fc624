"""The page about access rights lists every role that the modules create, with every right of the role."""

from __future__ import annotations

import re

import pytest

from tools import policies
from tools.drawings import ROOT
from tools.hcl import NAMES

PAGE = (ROOT / "docs/reference/access-rights.md").read_text()
ROLES = {f"{role.module}: {role.name}": role for module in NAMES for role in policies.roles(module)}
SECTIONS = dict(re.findall(r"^#### ([^\n]+)\n(.*?)(?=^#|\Z)", PAGE, re.M | re.S))


def test_every_role_is_listed() -> None:
    assert len(ROLES) > 15
    assert set(SECTIONS) == set(ROLES)


@pytest.mark.parametrize("name", list(ROLES))
def test_every_right_of_a_role_is_listed(name: str) -> None:
    listed = {
        sid: ("Deny" if denied else "Allow", frozenset(re.findall(r"`([^`]+)`", actions)))
        for sid, denied, actions in re.findall(
            r"^\| `(\w+)` \| (deny )?(.+?) \| .+ \|$", SECTIONS[name], re.M
        )
    }
    assert ROLES[name].rights
    assert listed == ROLES[name].rights
    assert f"The service `{ROLES[name].service}` assumes the role." in SECTIONS[name]
    given = {found.removeprefix("var.") for found in ROLES[name].given}
    assert given == set(re.findall(r"The policy `([\w.]+)` is added", SECTIONS[name]))
