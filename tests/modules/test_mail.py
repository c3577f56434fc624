"""The mail of `failure-alerts`: its state machine, run on events as Glue sends them, read in the mailbox."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from tests.modules.hcl import MODULES, Terraform

from extracts.local import aws, inbox

Mail = Callable[[dict[str, Any]], inbox.Mail]

ROOT = """\
variable "kms_key_arn" { type = string }

module "alerts" {
  source = "%s"

  name          = "bank-loans"
  kms_key_arn   = var.kms_key_arn
  subscriptions = { team = { endpoint = "data-team@example.com" } }
  failure_events = {
    name          = "bank-loans"
    job_name      = "bank-loans"
    log_group     = "/aws-glue/jobs/bank-loans/output"
    workflow_name = "bank-loans"
    events        = { job = jsonencode({ source = ["aws.glue"] }) }
  }
}

output "state_machine_arn" { value = module.alerts.state_machine_arn }
"""
# Without queue, rules and key: the provider waits a minute for those, and the mail needs none of them.
TARGETS = ("aws_sfn_state_machine.this", "aws_sns_topic_policy.this", "aws_sns_topic_subscription.this")


@pytest.fixture(scope="module")
def mail(cloud: aws.Cloud, run_terraform: Terraform, tmp_path_factory: pytest.TempPathFactory) -> Mail:
    """Hand an event to the deployed state machine and read what comes by mail."""
    root = tmp_path_factory.mktemp("alerts")
    (root / "main.tf").write_text(ROOT % (MODULES / "failure-alerts"))
    key = cloud.client("kms").create_key()["KeyMetadata"]["Arn"]
    settings = cloud.environment | {"TF_VAR_kms_key_arn": key}
    targets = [f"-target=module.alerts.{target}" for target in TARGETS]
    for arguments in (["init"], ["apply", "-auto-approve", *targets]):
        done = run_terraform(root, *arguments, "-no-color", **settings)
        assert done.returncode == 0, done.stderr
    outputs = json.loads(run_terraform(root, "output", "-json", **settings).stdout)
    states = cloud.client("stepfunctions")

    def send(event: dict[str, Any]) -> inbox.Mail:
        before = inbox.read(cloud.mailbox)
        execution = states.start_execution(
            stateMachineArn=outputs["state_machine_arn"]["value"], input=json.dumps(event)
        )["executionArn"]
        deadline = time.monotonic() + 30
        while (status := states.describe_execution(executionArn=execution)["status"]) == "RUNNING":
            assert time.monotonic() < deadline
            time.sleep(0.1)
        assert status == "SUCCEEDED"
        while not (received := list((Counter(inbox.read(cloud.mailbox)) - Counter(before)).elements())):
            assert time.monotonic() < deadline
            time.sleep(0.1)
        assert len(received) == 1
        return received[0]

    return send


def job_event(
    message: str | None, *, state: str = "FAILED", at: str = "2026-11-01T00:09:12Z"
) -> dict[str, Any]:
    detail = {"jobName": "bank-loans", "jobRunId": "jr_0123", "state": state, "severity": "ERROR"}
    if message is not None:
        detail["message"] = message
    return {"source": "aws.glue", "detail-type": "Glue Job State Change", "time": at, "detail": detail}


def crawler_event(message: str) -> dict[str, Any]:
    return {
        "source": "aws.glue",
        "detail-type": "Glue Crawler State Change",
        "time": "2026-11-01T00:04:00Z",
        "detail": {
            "crawlerName": "bank-loans-crawler",
            "state": "Failed",
            "errorMessage": message,
            "cloudWatchLogLink": "https://console.aws.amazon.com/cloudwatch/home?region=eu-west-1#crawl",
        },
    }


def line(mail: inbox.Mail, label: str) -> str:
    """What stands behind the first line that begins with the label."""
    return next(
        text.removeprefix(f"{label}:").strip()
        for text in mail.text.splitlines()
        if text.startswith(f"{label}:")
    )


def test_a_failed_job_is_told_in_plain_lines(mail: Mail) -> None:
    received = mail(
        job_event(
            "Error Category: UNCLASSIFIED_ERROR; Failed Line Number: 12; SystemExit: 2026-10: "
            'permission denied for table public."Loans"; grant SELECT on it to role "extract_reader".'
        )
    )
    assert received.subject == (
        '[FAILED] bank-loans 2026-10: permission denied for table public."Loans"; grant SELECT on it to r...'
    )
    assert received.text.startswith(
        """\
The extract bank-loans did not finish.

What:    job bank-loans ended as FAILED
Period:  2026-10
Why:     permission denied for table public."Loans"; grant SELECT on it to role "extract_reader".
When:    2026-11-01 00:09:12 GMT
Run:     jr_0123

Where to look
Run:     https://eu-west-1.console.aws.amazon.com/gluestudio/home?region=eu-west-1#/job/bank-loans/run/jr_0123
Log:     https://eu-west-1.console.aws.amazon.com/cloudwatch/home?region=eu-west-1#logsV2:log-groups/log-group/\
$252Faws-glue$252Fjobs$252Fbank-loans$252Foutput$3FlogStreamNameFilter$3Djr_0123

What happens next
Unless the job is set to retry, nothing runs before the next scheduled run.
That one reports the next month.
Months that were published before are as they were.

What to do
Put right what stands under Why, then start the same period again:
aws glue start-job-run --region eu-west-1 --job-name bank-loans --arguments=--period=2026-10
What is published already is not published twice.
"""
    )


def test_a_failed_crawler_is_told_with_the_month_before_and_its_own_log(mail: Mail) -> None:
    received = mail(crawler_event("The connection timed out."))
    assert received.subject == "[FAILED] bank-loans 2026-10: crawler: The connection timed out."
    assert line(received, "What") == "crawler bank-loans-crawler ended as FAILED"
    assert line(received, "Log") == "https://console.aws.amazon.com/cloudwatch/home?region=eu-west-1#crawl"
    assert line(received, "Chain").endswith("/workflows/view/bank-loans")
    assert "The job did not start, because it waits for the crawler." in received.text
    assert "Run:" not in received.text


def test_a_back_fill_is_told_with_its_range(mail: Mail) -> None:
    received = mail(job_event('SystemExit: 2026-01 to 2026-09: no table public."Loans".'))
    assert received.subject == '[FAILED] bank-loans 2026-01 to 2026-09: no table public."Loans".'
    assert "--arguments=--from=2026-01,--to=2026-09\n" in received.text


@pytest.mark.parametrize(
    ("state", "why"),
    [
        ("TIMEOUT", "the run took longer than its time-out allows"),
        ("STOPPED", "somebody or something stopped the run"),
        ("ERROR", "Glue gave no reason"),
    ],
)
def test_an_end_without_a_message_is_told_in_words(mail: Mail, state: str, why: str) -> None:
    received = mail(job_event(None, state=state))
    assert received.subject == f"[{state}] bank-loans 2026-10: {why}"


@pytest.mark.parametrize(
    ("at", "period"),
    [
        ("2026-01-31T23:59:59Z", "2025-12"),
        ("2026-03-31T12:00:00Z", "2026-02"),
        ("2028-03-01T00:00:00Z", "2028-02"),
    ],
)
def test_a_failure_that_names_no_period_is_put_down_to_the_month_before(
    mail: Mail, at: str, period: str
) -> None:
    assert line(mail(job_event("Job run timed out", at=at)), "Period") == period


def test_what_only_looks_like_a_period_is_part_of_the_reason(mail: Mail) -> None:
    received = mail(job_event("SystemExit: 2026-13: there is no such month"))
    assert (line(received, "Period"), line(received, "Why")) == ("2026-10", "2026-13: there is no such month")


def test_a_failure_of_glue_keeps_its_own_words(mail: Mail) -> None:
    received = mail(
        job_event("Error Category: IMPORT_ERROR; Failed Line Number: 3; ModuleNotFoundError: No 'x'")
    )
    assert line(received, "Why") == "ModuleNotFoundError: No 'x'"


def test_values_cannot_forge_lines(mail: Mail) -> None:
    honest = mail(job_event("SystemExit: 2026-10: x"))
    forged = mail(job_event("SystemExit: 2026-10: x\r\n\r\nWhat to do\u2028Send\x85money\u202eto\tus"))
    assert line(forged, "Why") == "x What to do Send money to us"
    assert len(forged.text.splitlines()) == len(honest.text.splitlines())
    assert "\n" not in forged.subject


def test_a_subject_is_ascii_and_fits(mail: Mail) -> None:
    received = mail(job_event('SystemExit: 2026-10: no table "Pożyczki" ' + "and more " * 20))
    assert received.subject.startswith('[FAILED] bank-loans 2026-10: no table "Po?yczki" and more')
    assert len(received.subject) < 100
    assert 'no table "Pożyczki"' in line(received, "Why")


def test_an_event_that_cannot_be_told_still_sends_a_mail(mail: Mail) -> None:
    received = mail(job_event("x", at="yesterday"))
    assert received.subject == "[FAILED] bank-loans: look at its last run"
    assert "The details could not be put into this mail." in received.text
