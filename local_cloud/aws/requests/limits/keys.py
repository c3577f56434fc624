"""Limits of KMS and Secrets Manager: key policies, aliases, names, and deletion of secrets."""

from __future__ import annotations

from local_cloud.aws.requests.limits import policies, state
from local_cloud.aws.requests.limits.limit import (
    Limit,
    at_most,
    between,
    documentation,
    each,
    each_is,
    matching,
    octets,
)
from local_cloud.aws.requests.request import Request

KEY_QUOTAS = documentation("Resource quotas", "kms/latest/developerguide/resource-limits.html")
KEY = documentation("CreateKey", "kms/latest/APIReference/API_CreateKey.html")
ALIAS = documentation("CreateAlias", "kms/latest/APIReference/API_CreateAlias.html")
DELETE_KEY = documentation("ScheduleKeyDeletion", "kms/latest/APIReference/API_ScheduleKeyDeletion.html")
SECRET = documentation("CreateSecret", "secretsmanager/latest/apireference/API_CreateSecret.html")
DELETE_SECRET = documentation("DeleteSecret", "secretsmanager/latest/apireference/API_DeleteSecret.html")
GRAMMAR = documentation(
    "Grammar of the IAM JSON policy language", "IAM/latest/UserGuide/reference_policies_grammar.html"
)
SIDS = documentation(
    "IAM JSON policy elements: Sid", "IAM/latest/UserGuide/reference_policies_elements_sid.html"
)
KEY_POLICIES = "CreateKey PutKeyPolicy"


def _deletion(request: Request) -> str | None:
    if request.parameters.get("ForceDeleteWithoutRecovery") and "RecoveryWindowInDays" in request.parameters:
        return "You can't use ForceDeleteWithoutRecovery in conjunction with RecoveryWindowInDays."
    return None


def _kept_name(request: Request) -> str | None:
    if state.secret_is_deleted(request.parameters["Name"]):
        return (
            "You can't create this secret because a secret with this name is already scheduled for deletion."
        )
    return None


def _one_value(request: Request) -> str | None:
    if {"SecretString", "SecretBinary"} <= request.parameters.keys():
        return "You must provide either SecretString or SecretBinary, not both."
    return None


LIMITS = (
    Limit(
        "kms",
        KEY_POLICIES,
        "size of a key policy",
        at_most("Policy", 32_768, "Policy document size is over the quota of 32768 bytes", octets),
        "LimitExceededException",
        KEY_QUOTAS,
    ),
    Limit(
        "kms",
        KEY_POLICIES,
        "format of a key policy",
        policies.syntax("Policy", "The new key policy is not valid JSON with statements."),
        "MalformedPolicyDocumentException",
        KEY,
    ),
    Limit(
        "kms",
        KEY_POLICIES,
        "principals of a key policy",
        policies.each_statement(
            "Policy", policies.needs("Principal", "Each statement must contain one or more principals.")
        ),
        "MalformedPolicyDocumentException",
        KEY,
    ),
    # AWS accepts a statement without an action, but ignores the statement. The emulator refuses it, because
    # otherwise nobody would notice the mistake.
    Limit(
        "kms",
        KEY_POLICIES,
        "actions of a key policy",
        policies.each_statement(
            "Policy", policies.needs("Action", "A statement without Action has no effect in a key policy.")
        ),
        "MalformedPolicyDocumentException",
        KEY,
    ),
    Limit(
        "kms",
        KEY_POLICIES,
        "resources of a key policy",
        policies.each_statement(
            "Policy",
            policies.needs("Resource", "A statement without Resource has no effect in a key policy."),
        ),
        "MalformedPolicyDocumentException",
        KEY,
    ),
    Limit(
        "kms",
        "CreateAlias",
        "name of an alias",
        matching("AliasName", "alias/[a-zA-Z0-9/_-]+", 'Alias must start with the prefix "alias/".'),
        "InvalidAliasNameException",
        ALIAS,
    ),
    Limit(
        "kms",
        "CreateAlias",
        "reserved alias",
        each_is("AliasName", lambda name: not name.startswith("alias/aws/"), "Alias {value} is reserved"),
        "NotAuthorizedException",
        ALIAS,
    ),
    Limit(
        "kms",
        "ScheduleKeyDeletion",
        "days until a key is deleted",
        between("PendingWindowInDays", 7, 30, "PendingWindowInDays must be from 7 to 30"),
        "ValidationException",
        DELETE_KEY,
    ),
    Limit(
        "secretsmanager",
        "CreateSecret",
        "characters of a secret's name",
        matching(
            "Name",
            r"[A-Za-z0-9/_+=.@!-]+",
            "Invalid name. Must be a valid name containing alphanumeric characters, or any of the following: "
            "-/_+=.@!",
        ),
        "ValidationException",
        SECRET,
    ),
    Limit(
        "secretsmanager",
        "CreateSecret",
        "reuse of a deleted secret's name",
        _kept_name,
        "InvalidRequestException",
        DELETE_SECRET,
    ),
    Limit(
        "secretsmanager",
        "CreateSecret PutSecretValue UpdateSecret",
        "size of a secret",
        at_most("SecretString|SecretBinary", 65_536, "The secret is over 65536 bytes.", octets),
        "ValidationException",
        documentation("AWS Secrets Manager quotas", "secretsmanager/latest/userguide/reference_limits.html"),
    ),
    Limit(
        "secretsmanager",
        "CreateSecret PutSecretValue UpdateSecret",
        "both text and bytes in a secret",
        _one_value,
        "InvalidParameterException",
        SECRET,
    ),
    Limit(
        "secretsmanager",
        "DeleteSecret",
        "days until a secret is deleted",
        between(
            "RecoveryWindowInDays",
            7,
            30,
            "RecoveryWindowInDays value must be between 7 and 30 days (inclusive).",
        ),
        "InvalidParameterException",
        DELETE_SECRET,
    ),
    Limit(
        "secretsmanager",
        "DeleteSecret",
        "deletion with and without recovery",
        _deletion,
        "InvalidParameterException",
        DELETE_SECRET,
    ),
    Limit(
        "secretsmanager",
        "PutResourcePolicy",
        "format of a secret's policy",
        policies.syntax("ResourcePolicy", "This resource policy contains invalid Json."),
        "MalformedPolicyDocumentException",
        GRAMMAR,
    ),
    Limit(
        "secretsmanager",
        "PutResourcePolicy",
        "principals of a secret's policy",
        policies.each_statement(
            "ResourcePolicy",
            policies.needs("Principal", "This resource policy contains an unsupported principal."),
        ),
        "MalformedPolicyDocumentException",
        GRAMMAR,
    ),
    Limit(
        "secretsmanager",
        "PutResourcePolicy",
        "characters of a Sid in a secret's policy",
        policies.each_statement(
            "ResourcePolicy",
            policies.values("Sid", policies.is_sid, "This resource policy contains an invalid Sid: {value}"),
        ),
        "MalformedPolicyDocumentException",
        SIDS,
    ),
    Limit(
        "secretsmanager",
        "RotateSecret",
        "schedule of a rotation",
        lambda request: (
            "You can't specify both AutomaticallyAfterDays and ScheduleExpression."
            if any(
                {"AutomaticallyAfterDays", "ScheduleExpression"} <= rules.keys()
                for rules in each(request.parameters, "RotationRules")
            )
            else None
        ),
        "InvalidParameterException",
        documentation("RotationRulesType", "secretsmanager/latest/apireference/API_RotationRulesType.html"),
    ),
)
