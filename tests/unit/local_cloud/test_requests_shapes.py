"""The local cloud checks parameters against the shapes of AWS's service models, also in nested lists."""

from __future__ import annotations

from typing import Any

from local_cloud.aws.requests import models, shapes


def faults(service: str, operation: str, **parameters: Any) -> list[tuple[str, str]]:
    """Check the parameters of a call. Return the path and the kind of each fault in the parameters."""
    shape = models.service(service).operation_model(operation).input_shape
    return [(".".join(fault.path), fault.kind) for fault in shapes.validator(shape)(parameters)]


def test_path_of_a_fault_in_a_list_contains_the_number_of_the_list_item() -> None:
    tags = [{"Key": "a", "Value": "b"}, {"Key": "k" * 129, "Value": "b"}, {"Key": "a"}]
    assert faults("iam", "TagRole", RoleName="loans", Tags=tags) == [
        ("tags.2.member.key", "length"),
        ("tags.3.member.value", "missing"),
    ]


def test_each_item_of_a_list_of_texts_and_of_a_nested_list_is_checked() -> None:
    given = {"KeyId": "k", "Operations": ["Decrypt", "Dream"], "GranteePrincipal": "p"}
    assert faults("kms", "CreateGrant", **given) == [("operations.2.member", "enum")]
    conditions = {"Logical": "AND", "Conditions": [{"JobName": "loans"}, {"JobName": ""}]}
    trigger = {"Name": "loans", "Type": "CONDITIONAL", "Actions": [], "Predicate": conditions}
    assert faults("glue", "CreateTrigger", **trigger) == [("predicate.conditions.2.member.jobName", "length")]


def test_valid_list_has_no_fault() -> None:
    assert faults("iam", "TagRole", RoleName="loans", Tags=[{"Key": "a", "Value": ""}]) == []
