"""The modules of the mail tests: second plan, changed inputs, and destroy."""

from __future__ import annotations

import re
from typing import Any

from tests.integration.modules.alerts import Deployed
from tests.support.terraform import variables


def test_second_plan_is_empty(deployed: Deployed) -> None:
    assert deployed.root.changes(deployed.given) == ""


def test_changed_inputs_change_resources_in_place_and_destroy_deletes_all_resources(
    deployed: Deployed,
) -> None:
    # This test must be the last test of the last file of mail tests, because it destroys the deployment.
    changes: dict[str, Any] = {
        "deadline": {"day": 3, "hour": 7},
        "due_day": 12,
        "folder": "/from-bank-loans",
        "more": {"second": {"endpoint": "second@example.com"}},
        "tags": {"team": "data"},
    }
    given = deployed.given | variables(changes=changes)
    changed = deployed.root.apply(tf_vars=given)
    counted = re.search(r"Resources: (\d+) added, (\d+) changed, (\d+) destroyed", changed)
    assert counted
    added, altered, destroyed = map(int, counted.groups())
    assert (added, destroyed) == (1, 0), "only the second address is new"
    assert altered > 10
    assert deployed.root.changes(given) == ""

    assert all(left(deployed).values())
    deployed.parts.close()
    assert not any(left(deployed).values())


def left(deployed: Deployed) -> dict[str, list[str]]:
    """Return the names of the resources that still exist, keyed by kind.

    Only the resources of this deployment have `bank-loans` in their names.
    """
    client = deployed.cloud.client
    found = {
        "machines": [one["name"] for one in client("stepfunctions").list_state_machines()["stateMachines"]],
        "rules": [one["Name"] for one in client("events").list_rules()["Rules"]],
        "tables": client("dynamodb").list_tables()["TableNames"],
        "topics": [one["TopicArn"] for one in client("sns").list_topics()["Topics"]],
    }
    return {kind: [name for name in names if "bank-loans" in name] for kind, names in found.items()}
