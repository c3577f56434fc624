"""Read the texts of the policies and state machines that a root module will send to AWS.

A plan does not contain these texts, because each text contains the ARN of a resource that does not exist yet.
So Terraform plans the root module again in a Terraform test, which replaces the unknown ARNs with made-up
ARNs.
"""

from __future__ import annotations

import json
import re
import subprocess
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

Values = dict[str, Any]

TEST = "documents.tftest.hcl"
HERE = "eu-west-1:123456789012"
KEY = "01234567-89ab-cdef-0123-456789abcdef"
# Made-up ARNs and IDs for new resources, keyed by type of resource. The tool replaces each name in braces
# with the value of this attribute of the resource.
KNOWN: dict[str, Values] = {
    "aws_cloudwatch_event_rule": {"arn": f"arn:aws:events:{HERE}:rule/{{name}}"},
    "aws_cloudwatch_log_group": {"arn": f"arn:aws:logs:{HERE}:log-group:{{name}}"},
    "aws_cloudwatch_metric_alarm": {"arn": f"arn:aws:cloudwatch:{HERE}:alarm:{{alarm_name}}"},
    "aws_dynamodb_table": {"arn": f"arn:aws:dynamodb:{HERE}:table/{{name}}"},
    "aws_glue_catalog_database": {"arn": f"arn:aws:glue:{HERE}:database/{{name}}"},
    "aws_glue_connection": {"arn": f"arn:aws:glue:{HERE}:connection/{{name}}"},
    "aws_glue_crawler": {"arn": f"arn:aws:glue:{HERE}:crawler/{{name}}", "id": "{name}"},
    "aws_glue_job": {"arn": f"arn:aws:glue:{HERE}:job/{{name}}", "id": "{name}"},
    "aws_glue_security_configuration": {"id": "{name}"},
    "aws_glue_workflow": {"arn": f"arn:aws:glue:{HERE}:workflow/{{name}}", "id": "{name}"},
    "aws_iam_role": {"arn": "arn:aws:iam::123456789012:role/{name}", "id": "{name}"},
    "aws_kms_key": {"arn": f"arn:aws:kms:{HERE}:key/{KEY}", "id": KEY, "key_id": KEY},
    "aws_s3_bucket": {"arn": "arn:aws:s3:::{bucket}", "id": "{bucket}"},
    "aws_scheduler_schedule_group": {"arn": f"arn:aws:scheduler:{HERE}:schedule-group/{{name}}"},
    "aws_secretsmanager_secret": {"arn": f"arn:aws:secretsmanager:{HERE}:secret:{{name}}-aBcDeF"},
    "aws_security_group": {"arn": f"arn:aws:ec2:{HERE}:security-group/sg-0123", "id": "sg-0123456789abcdef0"},
    "aws_sfn_state_machine": {"arn": f"arn:aws:states:{HERE}:stateMachine:{{name}}"},
    "aws_sns_topic": {"arn": f"arn:aws:sns:{HERE}:{{name}}"},
    "aws_sqs_queue": {
        "arn": f"arn:aws:sqs:{HERE}:{{name}}",
        "id": "https://sqs.eu-west-1.amazonaws.com/{name}",
    },
    "aws_transfer_connector": {
        "arn": f"arn:aws:transfer:{HERE}:connector/c-0123456789abcdef0",
        "id": "c-0123456789abcdef0",
        "connector_id": "c-0123456789abcdef0",
    },
    "aws_transfer_server": {
        "arn": f"arn:aws:transfer:{HERE}:server/s-0123456789abcdef0",
        "id": "s-0123456789abcdef0",
    },
}
# The keys are the attributes that contain a document, with the type of their resource. The values are the
# kinds of the documents.
DOCUMENTS = {
    ("aws_iam_policy", "policy"): "identity",
    ("aws_iam_role", "assume_role_policy"): "trust",
    ("aws_iam_role_policy", "policy"): "identity",
    ("aws_kms_key", "policy"): "key",
    ("aws_s3_bucket_policy", "policy"): "resource",
    ("aws_secretsmanager_secret_policy", "policy"): "resource",
    ("aws_sfn_state_machine", "definition"): "machine",
    ("aws_sns_topic_policy", "policy"): "resource",
    ("aws_sqs_queue", "policy"): "resource",
    ("aws_transfer_user", "policy"): "identity",
    ("aws_vpc_endpoint", "policy"): "endpoint",
}


@dataclass(frozen=True, slots=True)
class Document:
    """A policy or a state machine.

    `kind` is a value of `DOCUMENTS`. `address` is the address of the document's resource in Terraform.
    """

    address: str
    kind: str
    text: str


def overrides(plan: Values) -> str:
    """Return a Terraform test that plans the root module again, with made-up ARNs for the new resources."""
    found: dict[str, str] = {}
    for change in plan["resource_changes"]:
        address = re.sub(r"\[[^\]]*\]", "", change["address"])
        known = KNOWN.get(change["type"], {}) if "create" in change["change"]["actions"] else {}
        if not known or address in found:
            continue
        given = defaultdict(lambda: "known", {k: v for k, v in change["change"]["after"].items() if v})
        values = {name: text.format_map(given) for name, text in known.items()}
        found[address] = (
            f"override_resource {{\n  target = {address}\n  override_during = plan\n"
            f"  values = {json.dumps(values)}\n}}\n"
        )
    return "".join(found.values()) + 'run "documents" {\n  command = plan\n}\n'


def read(plan: Values) -> Iterator[Document]:
    """Yield the documents in a plan. Raise SystemExit if the plan does not know the text of a document."""
    for change in plan["resource_changes"]:
        for (kind, attribute), name in DOCUMENTS.items():
            # A data source can have one of these types. The tool skips it, because it only reads a document
            # and does not create the document.
            if (
                change.get("mode") == "data"
                or change["type"] != kind
                or "delete" in change["change"]["actions"]
            ):
                continue
            if change["change"].get("after_unknown", {}).get(attribute) is True:
                where = f"{change['address']}.{attribute}"
                raise SystemExit(
                    f"✗ {where} is unknown: add the type of the unknown resource to KNOWN in {__file__}"
                )
            if text := change["change"]["after"].get(attribute):
                yield Document(change["address"], name, text)


def collect(
    root: Path, plan: Values, command: Sequence[str], environment: Mapping[str, str], *arguments: str
) -> list[Document]:
    """Return the documents of the root module after `terraform init`.

    `plan` is the plan of the root module. `command` starts Terraform.
    """
    (root / TEST).write_text(overrides(plan))
    done = subprocess.run(
        [*command, "test", "-json", "-verbose", f"-filter={TEST}", *arguments],
        cwd=root,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    if done.returncode:
        errors = [line["@message"] for line in lines if line["@level"] == "error"]
        raise SystemExit(f"✗ terraform test in {root}: {' '.join(errors) or done.stderr}")
    [planned] = [line["test_plan"] for line in lines if line["type"] == "test_plan"]
    return list(read(planned))


def save(documents: list[Document], file: Path) -> None:
    """Write the documents to a file, as JSON."""
    file.write_text(json.dumps([asdict(one) for one in documents], indent=1))


def load(folder: Path) -> list[Document]:
    """Return the documents in all files of a folder."""
    return [Document(**one) for file in sorted(folder.glob("*.json")) for one in json.loads(file.read_text())]
