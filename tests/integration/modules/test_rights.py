"""The rights of the roles of kms-bucket and glue-extract, applied in the local cloud.

Two extracts that share a bucket are applied once. Then the tests remove each right in turn, and exactly the
step that needs this right must fail. The tests also try forbidden calls. If the local cloud checks a call in
the same way as AWS, the test makes the call with the role. For some calls, AWS makes more checks than the
local cloud: for several resources of one call, for keys that other services use, or for network interfaces.
For such a call, `asks` contains the checks that the service authorization reference lists. The IAM evaluator
of the local cloud makes these checks with the deployed policies.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from local_cloud import aws
from tests.integration.modules.rights import (
    ACCOUNT,
    ARTIFACTS,
    BUCKET,
    EVERYTHING,
    LOGS,
    Forbidden,
    Right,
    Role,
    Step,
    changed,
    endpoint_allows,
    listed,
    rights,
    role_name,
    statements_that,
    without,
)
from tests.integration.modules.rights_deployment import Given
from tests.integration.modules.rights_forbidden import FORBIDDEN
from tests.integration.modules.rights_root import (
    deployed,
    ended,
)
from tests.integration.modules.rights_steps import STEPS, job_steps
from tools import policies


@pytest.fixture(params=list(STEPS))
def role(
    request: pytest.FixtureRequest, cloud: aws.Cloud, facts: dict[str, dict[str, str]]
) -> Iterator[Role]:
    name, _, kind = request.param.rpartition("-")
    found = deployed(cloud, role_name(name, kind), facts[name])
    yield found
    found.give(found.policies)


def steps(role: Role) -> tuple[Step, ...]:
    return STEPS[role.name.removesuffix(f"-{aws.REGION}")](role.facts)


def forbidden(role: Role) -> tuple[Forbidden, ...]:
    return FORBIDDEN[role.name.removesuffix(f"-{aws.REGION}")](role.facts)


def test_every_step_succeeds_with_the_rights_of_its_role(role: Role) -> None:
    assert role.failing(steps(role), role.policies) == []


def test_each_right_is_needed_by_exactly_one_step(role: Role) -> None:
    assert sorted(rights(role.policies)) == sorted(step.right for step in steps(role))
    for step in steps(role):
        sid, action = step.right
        fewer = without(role.policies, sid, "Action", action)
        role.give(fewer)
        assert role.failing(steps(role), fewer) == [step.name]


def test_each_resource_in_a_policy_is_needed_by_a_step_or_forbids_a_call(role: Role) -> None:
    for statement in (s for effect in ("Allow", "Deny") for s in statements_that(effect, role.policies)):
        key = "Resource" if "Resource" in statement else "NotResource"
        for resource in listed(statement[key]):
            fewer = without(role.policies, statement["Sid"], key, resource)
            if (statement["Effect"], key) == ("Deny", "Resource"):
                opened = [item.name for item in forbidden(role) if role.allows(fewer, item.ask)]
                assert opened, f"{statement['Sid']}: {resource} forbids nothing"
                continue
            stopped = [
                step.name for step in steps(role) if not all(role.allows(fewer, ask) for ask in step.asks)
            ]
            assert stopped, f"{statement['Sid']}: no step needs {resource}"


def test_each_condition_in_a_policy_forbids_a_call(role: Role) -> None:
    for document in role.policies.values():
        for statement in document["Statement"]:
            if "Condition" not in statement:
                continue
            sid = statement["Sid"]
            wider = changed(role.policies, sid, lambda s: {k: v for k, v in s.items() if k != "Condition"})
            opened = [item.name for item in forbidden(role) if role.allows(wider, item.ask)]
            assert opened, f"{sid}: its condition forbids nothing"


def test_forbidden_calls_are_refused(role: Role) -> None:
    assert [item.name for item in forbidden(role) if role.allows(role.policies, item.ask)] == []
    done = [item.name for item in forbidden(role) if item.call and not role.refused(item.call)]
    assert done == []


def test_deployed_role_has_only_rights_that_are_in_the_documentation(role: Role) -> None:
    kind = re.fullmatch(rf".+-(\w+)-{aws.REGION}", role.name)
    assert kind
    [listed_role] = [one for one in policies.roles("glue-extract") if one.name == kind[1]]
    own = {name: document for name, document in role.policies.items() if name != "target"}
    deployed_rights = {
        statement["Sid"]: (statement["Effect"], frozenset(listed(statement["Action"])))
        for document in own.values()
        for statement in document["Statement"]
    }
    assert deployed_rights
    assert deployed_rights.items() <= listed_role.rights.items()


def test_job_cannot_use_other_buckets_even_if_their_policies_allow_it(
    cloud: aws.Cloud, facts: dict[str, dict[str, str]]
) -> None:
    role = deployed(cloud, role_name("rights", "job"), facts["rights"])
    admitted = {**role.policies, "bucket": json.loads(EVERYTHING)}
    asks = [
        ("s3:GetObject", "arn:aws:s3:::mine/code.jar"),
        ("s3:GetObject", f"arn:aws:s3:::{BUCKET}/loans/bank_name=First/year=2026/month=10/x.csv.gz"),
        ("s3:GetObject", f"arn:aws:s3:::{BUCKET}/loans/_manifests/2026-10.json"),
        ("s3:PutObject", "arn:aws:s3:::mine/rows.csv"),
        ("s3:PutObject", f"arn:aws:s3:::{BUCKET}/fees/x.csv"),
        ("s3:PutObject", f"arn:aws:s3:::{BUCKET}/loans-of-others/x.csv"),
        ("s3:DeleteObject", f"arn:aws:s3:::{ARTIFACTS}/artifacts/rights-two/etl.py"),
    ]
    assert [ask for ask in asks if role.allows(admitted, (*ask, {}))] == []


@pytest.fixture
def endpoint_policies(deployment: Given, facts: dict[str, dict[str, str]]) -> dict[str, dict[str, Any]]:
    """Return the policies of the second extract's VPC endpoints, keyed by service."""
    state = deployment().state_pull()
    found = [
        instance["attributes"]
        for resource in state["resources"]
        if resource["type"] == "aws_vpc_endpoint"
        for instance in resource["instances"]
    ]
    return {one["service_name"].rpartition(".")[2]: json.loads(one["policy"]) for one in found}


def test_policies_of_vpc_endpoints_allow_the_calls_of_the_job(
    cloud: aws.Cloud, facts: dict[str, dict[str, str]], endpoint_policies: dict[str, dict[str, Any]]
) -> None:
    assert endpoint_policies.keys() == {"kms", "logs", "s3"}
    asks = [ask for step in job_steps(facts["rights-two"]) for ask in step.asks]
    through = [
        (action, resource) for action, resource, _ in asks if action.split(":")[0] in endpoint_policies
    ]
    assert {action.split(":")[0] for action, _ in through} == endpoint_policies.keys()
    for action, resource in through:
        policy = endpoint_policies[action.split(":")[0]]
        assert endpoint_allows(policy, aws.ACCOUNT, action, resource), action


def test_policies_of_vpc_endpoints_refuse_writes_with_credentials_of_other_accounts(
    endpoint_policies: dict[str, dict[str, Any]],
) -> None:
    writes = [
        ("s3", "s3:PutObject", "arn:aws:s3:::anybodys/loans.csv"),
        ("s3", "s3:PutBucketPolicy", "arn:aws:s3:::anybodys"),
        ("kms", "kms:Encrypt", f"arn:aws:kms:{ACCOUNT}:key/any"),
        ("logs", "logs:PutLogEvents", f"{LOGS}:any:log-stream:any"),
    ]
    for stranger in ("210987654321", ""):
        for service, action, resource in writes:
            assert not endpoint_allows(endpoint_policies[service], stranger, action, resource), action


def test_policy_of_the_s3_endpoint_allows_reads_from_buckets_of_aws(
    endpoint_policies: dict[str, dict[str, Any]],
) -> None:
    assets = f"arn:aws:s3:::aws-glue-jes-prod-{aws.REGION}-assets"
    for credentials in ("210987654321", ""):
        assert endpoint_allows(endpoint_policies["s3"], credentials, "s3:GetObject", f"{assets}/any.whl")
        assert endpoint_allows(endpoint_policies["s3"], credentials, "s3:ListBucket", assets)


@pytest.mark.parametrize(
    ("name", "taken", "message"),
    [
        ("rights", None, ""),
        ("rights", ("ReadArtifacts", "s3:GetObject"), "GetObject"),
        ("rights", ("ReadConnection", "glue:GetConnection"), "glue:GetConnection"),
        ("rights", ("WriteLogs", "logs:CreateLogStream"), "logs:CreateLogStream"),
        ("rights-two", None, ""),
    ],
    ids=["none", "artifacts", "connection", "logs", "none, with a token"],
)
def test_error_message_of_a_run_names_the_right_that_the_job_does_not_have(
    cloud: aws.Cloud, facts: dict[str, dict[str, str]], name: str, taken: Right | None, message: str
) -> None:
    role, glue = deployed(cloud, role_name(name, "job"), facts[name]), cloud.client("glue")
    if taken:
        role.give(without(role.policies, taken[0], "Action", taken[1]))
    found = ended(glue, name)
    role.give(role.policies)
    assert found["JobRunState"] == ("FAILED" if taken else "SUCCEEDED"), found
    assert message in found.get("ErrorMessage", "")


ALL_BUT_ITSELF = json.dumps(
    {
        **json.loads(EVERYTHING),
        "Statement": [
            *json.loads(EVERYTHING)["Statement"],
            {"Effect": "Deny", "Action": "glue:GetJobRuns", "Resource": "*"},
        ],
    }
)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"SecurityConfiguration": "rights-two"}, 'another security configuration, "rights-two"'),
        ({"ExecutionRoleSessionPolicy": EVERYTHING}, "a session policy"),
        ({"ExecutionRoleSessionPolicy": ALL_BUT_ITSELF}, "permission denied for the runs of this job"),
    ],
)
def test_run_fails_if_its_security_settings_are_changed(
    cloud: aws.Cloud, facts: dict[str, dict[str, str]], settings: dict[str, str], message: str
) -> None:
    found = ended(cloud.client("glue"), "rights", **settings)
    assert found["JobRunState"] == "FAILED", found
    assert message in found["ErrorMessage"]


def test_job_ignores_arguments_of_a_run_that_name_other_code(
    cloud: aws.Cloud, facts: dict[str, dict[str, str]]
) -> None:
    mine = dict.fromkeys(("--scriptLocation", "--extra-py-files"), "s3://nowhere/mine.py")
    # The bucket does not exist, so the run would fail if Glue used one of the arguments.
    assert ended(cloud.client("glue"), "rights", Arguments=mine)["JobRunState"] == "SUCCEEDED"
