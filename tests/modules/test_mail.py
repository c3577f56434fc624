"""The mail of `failure-alerts`: its state machine, run on events as Glue sends them, read in the mailbox."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from tests.modules.hcl import MODULES, Terraform

from extracts.local import aws, inbox

Run = Callable[[str, dict[str, Any]], list[inbox.Mail]]
Mail = Callable[[dict[str, Any]], inbox.Mail]
Check = Callable[..., list[inbox.Mail]]

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
  expected_output = { bucket = "bank-loans-data", manifest_prefix = "loans/_manifests" }
}

output "state_machine_arn" { value = module.alerts.state_machine_arn }
output "missing_state_machine_arn" { value = module.alerts.missing_state_machine_arn }
"""
# Without queue, rules and key: the provider waits a minute for those, and the mail needs none of them.
TARGETS = (
    "aws_sfn_state_machine.missing",
    "aws_sfn_state_machine.this",
    "aws_sns_topic_policy.this",
    "aws_sns_topic_subscription.this",
)
BUCKET = "bank-loans-data"


@pytest.fixture(scope="module")
def run(cloud: aws.Cloud, run_terraform: Terraform, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Hand an input to a deployed state machine and read what comes by mail."""
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

    def execute(machine: str, given: dict[str, Any]) -> list[inbox.Mail]:
        before = inbox.read(cloud.mailbox)
        execution = states.start_execution(
            stateMachineArn=outputs[machine]["value"], input=json.dumps(given)
        )["executionArn"]
        deadline = time.monotonic() + 30
        while (status := states.describe_execution(executionArn=execution)["status"]) == "RUNNING":
            assert time.monotonic() < deadline
            time.sleep(0.1)
        assert status == "SUCCEEDED", states.describe_execution(executionArn=execution)
        # A message is in the mailbox before its publication is answered.
        return list((Counter(inbox.read(cloud.mailbox)) - Counter(before)).elements())

    return execute


@pytest.fixture(scope="module")
def mail(run: Run) -> Mail:
    """The one mail that an event makes."""

    def send(event: dict[str, Any]) -> inbox.Mail:
        [received] = run("state_machine_arn", event)
        return received

    return send


@pytest.fixture
def check(run: Run, cloud: aws.Cloud) -> Iterator[Check]:
    """The mails of a daily check at a time, with these months published."""
    s3 = cloud.client("s3")
    s3.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": aws.REGION})

    def look(at: str | None, *published: str) -> list[inbox.Mail]:
        for key in published:
            s3.put_object(Bucket=BUCKET, Key=f"loans/_manifests/{key}", Body=b"{}")
        return run("missing_state_machine_arn", {"time": at} if at else {})

    yield look
    for found in s3.list_objects_v2(Bucket=BUCKET).get("Contents", ()):
        s3.delete_object(Bucket=BUCKET, Key=found["Key"])
    s3.delete_bucket(Bucket=BUCKET)


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


def test_a_file_that_a_partner_did_not_get_is_told_with_the_way_to_send_it_again(mail: Mail) -> None:
    received = mail(
        {
            "source": "aws.transfer",
            "detail-type": "SFTP Connector File Send Failed",
            "time": "2026-12-01T00:12:00Z",
            "detail": {
                "operation": "SEND",
                "connector-id": "c-0123456789abcdef0",
                "url": "sftp://sftp.first.example.com",
                "file-path": "/data/loans/bank_name=FirstBank/year=2026/month=10/FirstBank_20261031.csv",
                "status-code": "FAILED",
                "failure-code": "CONNECTION_ERROR",
                "failure-message": "Unknown host",
                "remote-directory-path": "/incoming",
            },
        }
    )
    assert received.subject == "[FAILED] bank-loans 2026-10: delivery: CONNECTION_ERROR: Unknown host"
    assert received.text.split("\n\n--\n")[0] + "\n" == (
        """\
The extract bank-loans did not reach a partner.

What:    delivery of /data/loans/bank_name=FirstBank/year=2026/month=10/FirstBank_20261031.csv to \
sftp://sftp.first.example.com ended as FAILED
Period:  2026-10
Why:     delivery: CONNECTION_ERROR: Unknown host
When:    2026-12-01 00:12:00 GMT

Where to look
Chain:   https://eu-west-1.console.aws.amazon.com/glue/home?region=eu-west-1#/v2/etl-configuration/workflows/view/\
bank-loans
Log:     https://eu-west-1.console.aws.amazon.com/cloudwatch/home?region=eu-west-1#logsV2:log-groups/log-group/\
$252Faws$252Ftransfer$252Fc-0123456789abcdef0

What happens next
The month is published and stays in the bucket. Nothing sends it again by itself.

What to do
Put right what stands under Why, then send it again:
aws transfer start-file-transfer --region eu-west-1 --connector-id c-0123456789abcdef0 --send-file-paths \
/data/loans/bank_name=FirstBank/year=2026/month=10/FirstBank_20261031.csv --remote-directory-path /incoming
"""
    )


def test_a_delivery_that_was_not_started_is_told_with_its_month(mail: Mail) -> None:
    execution = "arn:aws:states:eu-west-1:123456789012:execution:bank-loans-push-first-bank:0123"
    received = mail(
        {
            "source": "aws.states",
            "detail-type": "Step Functions Execution Status Change",
            "time": "2026-12-01T00:12:00Z",
            "detail": {
                "executionArn": execution,
                "status": "FAILED",
                "input": '{"detail":{"object":{"key":"loans/_manifests/2026-10.json"}}}',
                "error": "NothingToSend",
                "cause": "The month is published, but holds no file for first-bank.",
            },
        }
    )
    assert received.subject.startswith("[FAILED] bank-loans 2026-10: delivery: The month is published, but")
    assert line(received, "What") == f"delivery by {execution} ended as FAILED"
    assert "Log:" not in received.text
    assert received.text.split("\n\n--\n")[0].endswith(
        f"aws stepfunctions redrive-execution --region eu-west-1 --execution-arn {execution}"
    )


def test_a_run_that_takes_long_is_told_as_no_failure(mail: Mail) -> None:
    received = mail(
        {
            "source": "aws.glue",
            "detail-type": "Glue Job Run Status",
            "time": "2026-11-01T00:31:00Z",
            "detail": {
                "jobName": "bank-loans",
                "jobRunId": "jr_0123",
                "state": "RUNNING",
                "severity": "INFO",
                "message": "Job is in RUNNING state",
                "notificationCondition": {"NotifyDelayAfter": 30.0},
                "startedOn": "2026-11-01T00:01:00Z",
            },
        }
    )
    assert received.subject == "[SLOW] bank-loans 2026-10: not done after 30 minutes"
    assert received.text.split("\n\n--\n")[0] + "\n" == (
        """\
The extract bank-loans takes long.

What:    job bank-loans is still RUNNING
Period:  2026-10
Why:     not done after 30 minutes
When:    2026-11-01 00:31:00 GMT
Run:     jr_0123

Where to look
Run:     https://eu-west-1.console.aws.amazon.com/gluestudio/home?region=eu-west-1#/job/bank-loans/run/jr_0123
Log:     https://eu-west-1.console.aws.amazon.com/cloudwatch/home?region=eu-west-1#logsV2:log-groups/log-group/\
$252Faws-glue$252Fjobs$252Fbank-loans$252Foutput$3FlogStreamNameFilter$3Djr_0123

What happens next
The run goes on until it ends or its time-out stops it. If it fails, a mail says so.

What to do
Nothing, unless its log shows that it does not get on or the store complains.
"""
    )


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


def test_a_month_that_is_missing_is_told_whole(check: Check) -> None:
    [received] = check("2026-11-05T06:00:00Z", "2026-09.json")
    assert received.to == "data-team@example.com"
    assert received.subject == "[MISSING] bank-loans 2026-10: not published, and it was due on 2026-11-02"
    assert received.text.split("\n\n--\n")[0] + "\n" == (
        """\
The extract bank-loans has not published 2026-10.

What:    s3://bank-loans-data/loans/_manifests/2026-10.json is not there
Period:  2026-10
Due:     2026-11-02 06:00 GMT
When:    2026-11-05 06:00:00 GMT

Where to look
Chain:   https://eu-west-1.console.aws.amazon.com/glue/home?region=eu-west-1#/v2/etl-configuration/workflows/view/\
bank-loans
Log:     https://eu-west-1.console.aws.amazon.com/cloudwatch/home?region=eu-west-1#logsV2:log-groups/log-group/\
$252Faws-glue$252Fjobs$252Fbank-loans$252Foutput
Files:   https://eu-west-1.console.aws.amazon.com/s3/buckets/bank-loans-data?region=eu-west-1&prefix=\
loans%2F_manifests%2F

What happens next
This mail comes again every day until the month is published.
Whoever waits for the manifest takes nothing until then.

What to do
If a mail said [FAILED], it says why; else look whether the chain was started.
Then start the period:
aws glue start-job-run --region eu-west-1 --job-name bank-loans --arguments=--period=2026-10
What is published already is not published twice.
"""
    )


def test_a_month_that_is_published_sends_nothing(check: Check) -> None:
    assert check("2026-11-05T06:00:00Z", "2026-10.json") == []


def test_a_manifest_of_another_month_or_a_like_name_is_not_taken_for_it(check: Check) -> None:
    [received] = check("2026-11-05T06:00:00Z", "2026-09.json", "2026-11.json", "2026-10.json.bak")
    assert line(received, "Period") == "2026-10"


@pytest.mark.parametrize(
    ("at", "period", "due"),
    [
        ("2026-01-02T06:00:00Z", "2025-12", "2026-01-02 06:00 GMT"),
        ("2026-01-31T06:00:00Z", "2025-12", "2026-01-02 06:00 GMT"),
        ("2026-03-02T06:00:00.000Z", "2026-02", "2026-03-02 06:00 GMT"),
        ("2026-12-31T06:00:00Z", "2026-11", "2026-12-02 06:00 GMT"),
        # Not due yet: until then it is still about the month before.
        ("2027-01-01T06:00:00Z", "2026-11", "2026-12-02 06:00 GMT"),
        ("2027-01-02T05:59:59Z", "2026-11", "2026-12-02 06:00 GMT"),
        ("2028-03-01T06:00:00Z", "2028-01", "2028-02-02 06:00 GMT"),
    ],
)
def test_on_every_day_of_the_year_it_is_about_the_month_that_is_due(
    check: Check, at: str, period: str, due: str
) -> None:
    [received] = check(at)
    assert received.subject == f"[MISSING] bank-loans {period}: not published, and it was due on {due[:10]}"
    assert (line(received, "Period"), line(received, "Due")) == (period, due)
    assert check(at, f"{period}.json") == []


def test_a_check_by_hand_is_about_today(check: Check) -> None:
    # Two months back at most, whatever the day.
    months = {f"{datetime.now(UTC).date().replace(day=1) - timedelta(days=days):%Y-%m}" for days in (1, 32)}
    [received] = check(None)
    assert line(received, "Period") in months


def test_the_check_may_see_names_of_manifests_and_nothing_else(cloud: aws.Cloud, check: Check) -> None:
    check("2026-11-05T06:00:00Z", "2026-10.json")
    iam = cloud.client("iam")
    rights = iam.get_role_policy(RoleName="bank-loans-missing-states", PolicyName="look-and-publish")
    # The same rights in a role that a test can take: the check's own is for its state machine alone.
    trust = {"Effect": "Allow", "Principal": {"Service": "states.amazonaws.com"}, "Action": "sts:AssumeRole"}
    role = iam.create_role(RoleName="looker", AssumeRolePolicyDocument=json.dumps({"Statement": [trust]}))
    iam.put_role_policy(
        RoleName="looker", PolicyName="rights", PolicyDocument=json.dumps(rights["PolicyDocument"])
    )
    given = cloud.client("sts").assume_role(RoleArn=role["Role"]["Arn"], RoleSessionName="look")
    s3 = boto3.client(
        "s3",
        endpoint_url=cloud.endpoint,
        region_name=aws.REGION,
        aws_access_key_id=given["Credentials"]["AccessKeyId"],
        aws_secret_access_key=given["Credentials"]["SecretAccessKey"],
        aws_session_token=given["Credentials"]["SessionToken"],
        verify=str(cloud.authority),
    )
    assert s3.list_objects_v2(Bucket=BUCKET, Prefix="loans/_manifests/2026-10.json")["KeyCount"] == 1
    refused: list[Callable[[], object]] = [
        lambda: s3.list_objects_v2(Bucket=BUCKET),
        lambda: s3.list_objects_v2(Bucket=BUCKET, Prefix="loans/bank_name=FirstBank/"),
        lambda: s3.get_object(Bucket=BUCKET, Key="loans/_manifests/2026-10.json"),
        lambda: s3.put_object(Bucket=BUCKET, Key="loans/_manifests/2026-11.json", Body=b"{}"),
    ]
    for call in refused:
        with pytest.raises(ClientError, match="AccessDenied"):
            call()


def test_a_bucket_that_cannot_be_asked_is_told_too(run: Run) -> None:
    [received] = run("missing_state_machine_arn", {"time": "2026-11-05T06:00:00Z"})
    assert received.subject == "[UNKNOWN] bank-loans: nobody could see if it is published"
    assert "A month may be missing, and nobody would be told." in received.text
    assert "/states/home?region=eu-west-1#/statemachines/view/arn%3Aaws%3Astates" in line(received, "Check")
