"""Limits of IAM: size and form of policies, and the quotas of a role."""

from __future__ import annotations

from local_cloud.aws.requests.limits import policies, state
from local_cloud.aws.requests.limits.limit import Complaint, Limit, Source, at_most, documentation, each
from local_cloud.aws.requests.request import Request

QUOTAS = documentation("IAM and AWS STS quotas", "IAM/latest/UserGuide/reference_iam-quotas.html")
GRAMMAR = documentation(
    "Grammar of the IAM JSON policy language", "IAM/latest/UserGuide/reference_policies_grammar.html"
)
TAGS = documentation(
    "Tags for AWS Identity and Access Management resources", "IAM/latest/UserGuide/id_tags.html"
)

IDENTITY = "PutRolePolicy PutUserPolicy PutGroupPolicy CreatePolicy CreatePolicyVersion"
TRUST = "CreateRole UpdateAssumeRolePolicy"
TRUST_POLICY = "AssumeRolePolicyDocument|PolicyDocument"

SIDS = (
    "Statement IDs (SID) must be alpha-numeric. Check that your input satisfies the regular expression "
    "[0-9A-Za-z]*"
)


def _inline_policies(request: Request) -> str | None:
    role = request.parameters["RoleName"]
    documents = state.inline_policies(role)
    documents[request.parameters["PolicyName"]] = request.parameters["PolicyDocument"]
    if sum(map(policies.size, documents.values())) > 10_240:
        return f"Maximum policy size of 10240 bytes exceeded for role {role}"
    return None


def _managed_policies(request: Request) -> str | None:
    attached = state.attached_policies(request.parameters["RoleName"]) | {request.parameters["PolicyArn"]}
    return "Cannot exceed quota for PoliciesPerRole: 10" if len(attached) > 10 else None


def _tags(request: Request) -> str | None:
    given = {tag["Key"] for tag in each(request.parameters, "Tags[]")}
    total = given | state.role_tags(request.parameters["RoleName"])
    return "Cannot exceed quota for TagsPerRole: 50" if len(total) > 50 else None


def _quota(operations: str, name: str, complaint: Complaint, source: Source = QUOTAS) -> Limit:
    return Limit("iam", operations, name, complaint, "LimitExceeded", source, 409)


def _malformed(operations: str, name: str, complaint: Complaint) -> Limit:
    return Limit("iam", operations, name, complaint, "MalformedPolicyDocument", GRAMMAR)


def _identity(name: str, fault: policies.Fault) -> Limit:
    return _malformed(IDENTITY, name, policies.each_statement("PolicyDocument", fault))


def _trust(name: str, fault: policies.Fault) -> Limit:
    return _malformed(TRUST, name, policies.each_statement(TRUST_POLICY, fault))


LIMITS = (
    _quota("PutRolePolicy", "total size of a role's inline policies", _inline_policies),
    _quota(
        "CreatePolicy CreatePolicyVersion",
        "size of a managed policy",
        at_most("PolicyDocument", 6_144, "Cannot exceed quota for PolicySize: 6144", policies.size),
    ),
    # The default quota for the size of a trust policy. AWS can raise the quota of an account to 4,096
    # characters.
    _quota(
        TRUST,
        "size of a trust policy",
        at_most(TRUST_POLICY, 2_048, "Cannot exceed quota for ACLSizePerRole: 2048", policies.size),
    ),
    # The default quota for the number of managed policies of a role. AWS can raise the quota of an account to
    # 20 policies.
    _quota("AttachRolePolicy", "managed policies of a role", _managed_policies),
    _quota("TagRole", "tags of a role", _tags, TAGS),
    _malformed(
        IDENTITY,
        "format of an identity policy",
        policies.syntax("PolicyDocument", "Syntax errors in policy."),
    ),
    _malformed(TRUST, "format of a trust policy", policies.syntax(TRUST_POLICY, "Syntax errors in policy.")),
    _malformed(
        IDENTITY,
        "repeated Sids in an identity policy",
        policies.distinct_sids("PolicyDocument", "Statement IDs (SID) in a single policy must be unique."),
    ),
    _identity("actions", policies.needs("Action", "Policy statement must contain actions.")),
    _identity(
        "prefixes of actions",
        policies.values(
            "Action",
            policies.is_action,
            "Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc.",
        ),
    ),
    _identity("resources", policies.needs("Resource", "Policy statement must contain resources.")),
    _identity(
        "format of resources",
        policies.values("Resource", policies.is_arn, 'Resource {value} must be in ARN format or "*".'),
    ),
    _identity(
        "principal in an identity policy",
        policies.forbids("Principal", "Policy document should not specify a principal."),
    ),
    _identity("characters of a Sid", policies.values("Sid", policies.is_sid, SIDS)),
    _trust("principals", policies.needs("Principal", "Missing required field Principal")),
    _trust("actions of a trust policy", policies.needs("Action", "Missing required field Action")),
    _trust(
        "service of the actions in a trust policy",
        policies.values(
            "Action",
            lambda value: str(value).lower().startswith("sts:"),
            "AssumeRole policy may only specify STS AssumeRole actions.",
        ),
    ),
    _trust("resource in a trust policy", policies.forbids("Resource", "Has prohibited field Resource")),
    _trust("characters of a Sid in a trust policy", policies.values("Sid", policies.is_sid, SIDS)),
)
