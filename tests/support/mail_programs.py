"""Evaluate the JSONata programs of `failure-alerts`, and make events for them."""

from __future__ import annotations

import functools
import json
from typing import Any

import jsonata

from tools.hcl import MODULES

PUSH = "arn:aws:states:eu-west-1:123456789012:stateMachine:bank-loans_push"
CONSOLE = "https://eu-west-1.console.aws.amazon.com"
CONFIG = {
    "bucket": "bank-loans-data",
    "catch_up_schedule": "cron(0 6 2-10 * ? *)",
    "consoles": [f"{CONSOLE}/", "https://console.aws.amazon.com/"],
    "deadline": "-02T06:00:00Z",
    "extract": "bank-loans",
    "hours_ahead": 0,
    "job_name": "bank-loans",
    "links": {
        place: f"{CONSOLE}/{place}/"
        for place in ("crawler", "execution", "log", "manifests", "run", "secret", "workflow")
    },
    "manifest_prefix": "loans/_manifests",
    "push_arn_prefix": PUSH,
    "recipients": {"first-bank": "s3://bank-loans-data/loans/bank_name=FirstBank"},
    "region": "eu-west-1",
    "runbook_url": "",
    "state_machines": "arn:aws:states:eu-west-1:123456789012:stateMachine:",
    "time_zone": "Etc/GMT",
}


@functools.cache
def parsed(program: str) -> Any:
    found = jsonata.Jsonata.jsonata((MODULES / "failure-alerts" / f"{program}.jsonata").read_text())
    found.register_lambda("parse", json.loads)  # JSONata has no parse(), but Step Functions adds it
    return found


def evaluate(program: str, **variables: Any) -> Any:
    """Return the result of one program. `variables` are the workflow variables of Step Functions."""
    return parsed(program).evaluate(None, {"config": CONFIG} | variables)


def facts(event: dict[str, Any], **variables: Any) -> dict[str, Any]:
    """Return the result of the program `facts` for an event."""
    given = {"states": {"input": event}, "run": {}, "job": {}} | variables
    return dict(evaluate("facts", **given))


def text(event: dict[str, Any], **variables: Any) -> str:
    """Return the text of the mail about an event."""
    found = facts(event, **variables)
    shown = evaluate("places", facts=found, **variables)
    return str(evaluate("failure-text", facts=found, places=shown, **variables))


def glue(kind: str, **detail: Any) -> dict[str, Any]:
    return {"source": "aws.glue", "detail-type": kind, "time": "2026-11-01T00:09:12Z", "detail": detail}


def job(**detail: Any) -> dict[str, Any]:
    given = {"jobName": "bank-loans", "jobRunId": "jr_0123", "state": "FAILED"} | detail
    return glue("Glue Job State Change", **given)


def crawler(**detail: Any) -> dict[str, Any]:
    given = {"crawlerName": "bank-loans-crawler", "state": "Failed"} | detail
    return glue("Glue Crawler State Change", **given)


def execution(name: str = "bank-loans_push_karoo", **detail: Any) -> dict[str, Any]:
    prefix = "arn:aws:states:eu-west-1:123456789012"
    given = {
        "executionArn": f"{prefix}:execution:{name}:0123",
        "stateMachineArn": f"{prefix}:stateMachine:{name}",
        "status": "FAILED",
    } | detail
    return {
        "source": "aws.states",
        "detail-type": "Step Functions Execution Status Change",
        "time": "2026-11-01T00:09:12Z",
        "detail": given,
    }


def collection(**detail: Any) -> dict[str, Any]:
    given = {"extract": "bank-loans", "recipient": "first-bank", "period": "2026-10"} | detail
    event = {"source": "sftp-transfer", "detail-type": "File Not Collected", "time": "2026-12-10T07:00:00Z"}
    return event | {"detail": given}
