"""The page about access rights lists every role that the modules create, with every right of the role."""

from __future__ import annotations

import re

import pytest

from tools import policies
from tools.drawings import ROOT
from tools.hcl import NAMES

PAGE = (ROOT / "docs/reference/access-rights.md").read_text()
ROLES = {f"{role.module}: {role.name}": role for module in NAMES for role in policies.roles(module)}
PLAN = (ROOT / "examples/github-roles/plan.tf").read_text()
SECURITY = " ".join((ROOT / ".github/SECURITY.md").read_text().split())
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


# Actions that the role of a plan may use in the whole account. Each value is the term with which the threat
# model names the data that the action returns.
EVERYWHERE = {
    "ec2:DescribeAddresses": "Elastic IP addresses",
    "ec2:DescribeInstances": "EC2 instances",
    "ec2:DescribeNetworkInterfaces": "network interfaces",
    "ec2:DescribePrefixLists": "prefix lists",
    "ec2:DescribeSecurityGroupRules": "security groups with their rules",
    "ec2:DescribeSecurityGroups": "security groups with their rules",
    "ec2:DescribeSubnets": "subnets",
    "ec2:DescribeTags": "tags",
    "ec2:DescribeVolumes": "volumes",
    "ec2:DescribeVpcEndpoints": "VPC endpoints",
    "glue:GetSecurityConfiguration": "Glue security configurations",
    "kms:ListAliases": "KMS aliases",
    "logs:DescribeLogGroups": "log groups",
    "serverlessrepo:GetApplication": "applications in the Serverless Application Repository",
    "sns:GetSubscriptionAttributes": "SNS subscription",
    "ssm:DescribeParameters": "SSM parameters",
}
# The threat model does not list these actions. They return no data of the account, or only types and settings
# of EC2 instances.
HARMLESS = {
    "ec2:DescribeInstanceCreditSpecifications",
    "ec2:DescribeInstanceTypes",
    "states:ValidateStateMachineDefinition",
}


def test_threat_model_lists_all_data_that_a_plan_can_read_in_the_whole_account() -> None:
    statements = re.findall(r"^    (\w+) = \{\n(.*?)^    \}", PLAN, re.M | re.S)
    everywhere = {name: text for name, text in statements if 'Resource = ["*"]' in text}
    assert set(everywhere) == {"Account", "InstanceAccount"}
    actions = {found for text in everywhere.values() for found in re.findall(r'"(\w+:\w+)"', text)}
    assert actions == EVERYWHERE.keys() | HARMLESS
    [told] = re.findall(r"- \*\*No defense against a reader of settings.*?(?=- \*\*)", SECURITY)
    assert [name for name in EVERYWHERE.values() if name not in told] == []
