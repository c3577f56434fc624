"""Roles: which principal may assume a role, and which actions a role may call."""

from __future__ import annotations

import json
import os
import time
from typing import Any
from urllib.parse import unquote

from ministack.core import iam_actions
from ministack.core import iam_evaluator as iam
from ministack.core.responses import get_account_id, get_region
from ministack.services import sts

from local_cloud.aws import web_identity
from local_cloud.aws.common import Body


def role_of(arn: str) -> Body | None:
    from ministack.services import iam as iam_service

    return iam_service._roles.get(arn.rsplit("/", 1)[-1])


def trusts(role: Body, service: str, source_arn: str) -> bool:
    """Return whether the trust policy of the role lets the service assume the role for the source ARN."""
    document = role["AssumeRolePolicyDocument"]
    trust = json.loads(document) if isinstance(document, str) else document
    named = [s for s in trust["Statement"] if iam._service_principal_matches(s.get("Principal"), service)]
    account = get_account_id()
    context = iam.EvalContext(
        principal_arn=service,
        principal_type="Root",  # for "Root", ministack evaluates the policy for any service
        principal_account=account,
        action="sts:AssumeRole",
        resource_arn="*",
        region=get_region(),
        service_context={"aws:sourceaccount": account, "aws:sourcearn": source_arn},
    )
    return iam.evaluate_trust_policy({**trust, "Statement": named}, f"arn:aws:iam::{account}:root", context)


def credentials(role_arn: str, service: str, source_arn: str) -> dict[str, str]:
    """Return environment variables with credentials of the role.

    Return an empty dict if the role does not trust the service.
    """
    role = role_of(role_arn)
    if role is None or not trusts(role, service, source_arn):
        return {}
    key, secret, token = (os.urandom(size).hex() for size in (8, 20, 40))
    session = {
        "AccountId": get_account_id(),
        "Arn": f"{role_arn.replace(':iam:', ':sts:').replace(':role/', ':assumed-role/')}/service",
        "Expiration": time.time() + 900,
        "PrincipalType": "AssumedRole",
        "SecretAccessKey": secret,
        "SessionToken": token,
        "UserId": f"AROA{key.upper()}:service",
    }
    sts.register_session(f"ASIA{key.upper()}", session)
    return {
        "AWS_ACCESS_KEY_ID": f"ASIA{key.upper()}",
        "AWS_SECRET_ACCESS_KEY": secret,
        "AWS_SESSION_TOKEN": token,
    }


def close_resource_names() -> None:
    """Authorize a request for the resource that it names: a parameter path, a log stream or a connector.

    https://docs.aws.amazon.com/service-authorization/latest/reference/list_awssystemsmanager.html
    https://docs.aws.amazon.com/service-authorization/latest/reference/list_awstransferfamily.html
    """
    original = iam_actions.extract_resource_arn

    def resource(service: str, method: str, path: str, headers: Body, body: bytes, *rest: Any) -> str:
        found = str(original(service, method, path, headers, body, *rest))
        action = str(headers.get("x-amz-target", "")).rsplit(".", 1)[-1]
        if service == "ssm" and action == "GetParametersByPath":
            region, account = rest[1:3]
            return f"arn:aws:ssm:{region}:{account}:parameter{json.loads(body)['Path']}"
        if service == "logs" and action in ("CreateLogStream", "PutLogEvents"):
            return f"{found}:log-stream:{json.loads(body)['logStreamName']}"
        if service == "transfer" and "ConnectorId" in json.loads(body):
            region, account = rest[1:3]
            return f"arn:aws:transfer:{region}:{account}:connector/{json.loads(body)['ConnectorId']}"
        return found

    iam_actions.extract_resource_arn = resource


def close_event_conditions() -> None:
    """Add condition keys for the source and the detail type of the events that a role sends.

    https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-use-conditions.html
    """
    context = iam_actions.request_tag_context

    def with_entries(service: str, action: str, body: bytes, parameters: Any) -> Body:
        found: Body = context(service, action, body, parameters)
        if action == "events:PutEvents":
            entries = json.loads(body)["Entries"]
            for key, member in (("events:detail-type", "DetailType"), ("events:source", "Source")):
                values = sorted({str(entry.get(member)) for entry in entries})
                found[key] = values[0] if len(values) == 1 else values
        return found

    iam_actions.request_tag_context = with_entries


def close_web_identity_claims() -> None:
    """Check the signature of tokens, and add condition keys for more claims of GitHub's tokens.

    ministack checks no signature and has only the condition keys `aud` and `sub`.
    https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_iam-condition-keys.html
    """
    principal = sts._web_identity_principal
    known = ("actor", "actor_id", "environment", "job_workflow_ref", "ref", "repository", "repository_id")

    def with_claims(token: str, provider_id: str, role_arn: str) -> tuple[str, dict[str, str]]:
        claims = web_identity.claims_of(token, os.environ["AWS_SECRET_ACCESS_KEY"])
        if claims is None:
            return "", {}  # no trust policy accepts this empty principal
        arn, keys = principal(token, provider_id, role_arn)
        host = str(claims.get("iss", "")).removeprefix("https://")
        if host == "token.actions.githubusercontent.com":
            keys |= {f"{host}:{name}": str(claims[name]) for name in known if name in claims}
        return arn, keys

    sts._web_identity_principal = with_claims


def role_may(role_arn: str, action: str, resource: str) -> bool:
    context = iam.EvalContext(
        principal_arn=role_arn,
        principal_type="AssumedRole",
        principal_account=get_account_id(),
        action=action,
        resource_arn=resource,
        region=get_region(),
        secure_transport=True,
    )
    policies = iam._gather_role_policies(role_arn.rsplit("/", 1)[-1], get_account_id())
    return bool(iam.evaluate(context, policies).decision == "Allow")


def close_named_resources() -> None:
    """Authorize a request for the resource that it names. ministack authorizes some requests for `*`.

    The ARN of a rule contains the name of the event bus, except on the default event bus.
    https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazoneventbridge.html
    """
    extract = iam_actions.extract_resource_arn

    def with_names(
        service: str,
        method: str,
        path: str,
        headers: Body,
        body: bytes,
        query: Body,
        region: str,
        account: str,
    ) -> str:
        found = str(extract(service, method, path, headers, body, query, region, account))
        values = json.loads(body) if body.startswith(b"{") else {k: _first(v) for k, v in query.items()}
        place = f"{region}:{account}"
        if service == "scheduler" and path.startswith("/tags/"):
            return unquote(path.removeprefix("/tags/"))
        if service == "scheduler" and path.startswith("/schedules/"):
            group = values.get("groupName") or values.get("GroupName") or "default"
            return f"arn:aws:scheduler:{place}:schedule/{group}/{path.removeprefix('/schedules/')}"
        if service == "events" and "Rule" in values:
            bus = str(values.get("EventBusName", "default")).rpartition("/")[2]
            found = f"arn:aws:events:{place}:rule/{bus}/{values['Rule']}"
        if found == "*" and service == "iam" and "InstanceProfileName" in values:
            found = f"arn:aws:iam::{account}:instance-profile/{values['InstanceProfileName']}"
        alarms = values.get("AlarmNames") or values.get("AlarmNames.member.1")
        if found == "*" and service == "monitoring" and alarms:
            found = f"arn:aws:cloudwatch:{place}:alarm:{_first(alarms)}"
        if found == "*":
            found = next((str(v) for k, v in values.items() if k.lower() == "resourcearn"), found)
        # The ARN of a public parameter contains no account.
        found = found.replace(f"{place}:parameter/aws/", f"{region}::parameter/aws/")
        return found.replace(":rule/default/", ":rule/")

    iam_actions.extract_resource_arn = with_names


def _first(value: str | list[str]) -> str:
    return value if isinstance(value, str) else value[0]
