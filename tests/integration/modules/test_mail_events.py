"""Mails about events that the emulator does not send, and about missing periods."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from local_cloud import aws, inbox
from tests.integration.modules.alerts import (
    ARN,
    BUCKET,
    SUCCEEDS,
    Deployed,
    crawler_event,
    delay_event,
    event,
    job_event,
    line,
    rotation_event,
    says,
)

# An error message of version 42.1 of PostgreSQL's JDBC driver, and an error message of Lake Formation.
SCRAM = (
    "The authentication type 10 is not supported. Check that you have configured the pg_hba.conf file to "
    "include the client's IP address or subnet, and that it is using an authentication scheme supported by "
    "the driver."
)
LAKE_FORMATION = "Insufficient Lake Formation permission(s): Required Create Table on bank_loans"

AS_AWS_SENDS_IT = {
    "crawler-lake-formation": crawler_event("Failed", LAKE_FORMATION),
    "crawler-scram": crawler_event("Failed", SCRAM),
    "job-timeout": job_event(None, state="TIMEOUT"),
    "job-error": job_event(None, state="ERROR"),
    "job-backfill": job_event('SystemExit: 2026-01 to 2026-09: no table public."Loans".'),
    "job-slow": delay_event(),
    "rotation-failed": rotation_event("RotationFailed", "The function timed out."),
}


@pytest.mark.parametrize("name", AS_AWS_SENDS_IT)
def test_repeated_event_of_aws_sends_the_expected_mail_only_once(alerts: Deployed, name: str) -> None:
    [mail] = alerts.execute("state_machine_arn", AS_AWS_SENDS_IT[name])
    says(mail, name)
    assert alerts.execute("state_machine_arn", AS_AWS_SENDS_IT[name]) == [], "no second mail"


def test_failed_receipts_state_machine_with_push_in_its_name_is_not_reported_as_a_delivery(
    alerts: Deployed,
) -> None:
    kind, name = "Step Functions Execution Status Change", "till-push-daily-receipts"
    told = {"stateMachineArn": f"{ARN}:stateMachine:{name}", "status": "FAILED", "error": "States.Runtime"}
    failed = event("aws.states", kind, executionArn=f"{ARN}:execution:{name}:0", **told)
    [mail] = alerts.execute("state_machine_arn", failed)
    assert "bank-loans cannot record who collects its files." in mail.text
    assert line(mail, "Reason") == "receipts: States[.]Runtime"


def test_successful_rotation_sends_one_mail_about_the_recovery(alerts: Deployed) -> None:
    alerts.execute("state_machine_arn", rotation_event("RotationFailed", "The function timed out."))
    [over] = alerts.execute("state_machine_arn", rotation_event("RotationSucceeded"))
    says(over, "rotation-recovered")
    assert alerts.execute("state_machine_arn", rotation_event("RotationSucceeded")) == []


@pytest.mark.parametrize(
    "nothing",
    [
        job_event("Job run succeeded", state="SUCCEEDED"),
        event("aws.glue", "Glue Job State Change", jobName="till-takings", state="FAILED"),
        event("aws.glue", "Glue Crawler State Change", crawlerName="bank-loans-crawler", state="Succeeded"),
        event("aws.glue", "Glue Crawler State Change", crawlerName="bank-loans-crawler", state="Started"),
        event("aws.transfer", "SFTP Server File Download Completed", username="first-bank"),
        event(
            "aws.states",
            "Step Functions Execution Status Change",
            stateMachineArn=f"{ARN}:stateMachine:bank-loans_push_karoo",
            status="RUNNING",
        ),
        event(
            "aws.states",
            "Step Functions Execution Status Change",
            stateMachineArn=f"{ARN}:stateMachine:till-takings_push_karoo",
            status="FAILED",
        ),
        event("sftp-transfer", "File Not Collected", extract="till-takings", recipient="first-bank"),
    ],
    ids=lambda nothing: nothing["detail-type"],
)
def test_events_that_are_not_failures_match_no_rule(deployed: Deployed, nothing: dict[str, Any]) -> None:
    events = deployed.cloud.client("events")
    sent = json.dumps(nothing | {"id": "0", "account": "0", "region": "eu-west-1", "resources": []})
    rules = deployed.outputs["alerts"]["rule_arns"].values()
    patterns = [events.describe_rule(Name=arn.rsplit("/", 1)[-1])["EventPattern"] for arn in rules]
    assert len(patterns) == 5
    assert not any(events.test_event_pattern(EventPattern=p, Event=sent)["Result"] for p in patterns)


@pytest.mark.parametrize(
    ("at", "period"),
    [
        ("2026-01-31T20:59:59Z", "2025-12"),
        # In Johannesburg, this time is already on 1 February, so January is the previous month.
        ("2026-01-31T22:00:00Z", "2026-01"),
        ("2026-03-31T12:00:00Z", "2026-02"),
        ("2028-03-01T00:00:00Z", "2028-02"),
    ],
)
def test_mail_about_a_failure_without_a_period_names_the_previous_month(
    alerts: Deployed, at: str, period: str
) -> None:
    [mail] = alerts.execute("state_machine_arn", job_event("Job run timed out", at=at))
    assert line(mail, "Period") == period


def test_reason_in_a_mail_contains_the_invalid_period_of_the_error_message(alerts: Deployed) -> None:
    [mail] = alerts.execute("state_machine_arn", job_event("SystemExit: 2026-13: there is no such month"))
    assert (line(mail, "Period"), line(mail, "Reason")) == ("2026-10", "2026-13: there is no such month")


def test_reason_in_a_mail_is_the_python_error_from_a_longer_message_of_glue(alerts: Deployed) -> None:
    message = "Error Category: IMPORT_ERROR; Failed Line Number: 3; ModuleNotFoundError: No 'x'"
    [mail] = alerts.execute("state_machine_arn", job_event(message))
    assert line(mail, "Reason") == "ModuleNotFoundError: No 'x'"


FORGED = "x\r\n\r\nWhat to do\u2028Send\x85money\u202eto\tus"


@pytest.mark.parametrize(
    ("forged", "label", "shown"),
    [
        (job_event(f"SystemExit: 2026-10: {FORGED}"), "Reason", "x What to do Send money to us"),
        (rotation_event("RotationFailed", FORGED), "Reason", "rotation: x What to do Send money to us"),
        (
            event("aws.glue", "Glue Crawler State Change", crawlerName=FORGED, state=FORGED),
            "What",
            "crawler x What to do Send money to us ended with status X WHAT TO DO SEND MONEY TO US",
        ),
    ],
    ids=["job", "rotation", "crawler"],
)
def test_values_of_a_forged_event_cannot_add_lines_to_a_mail(
    alerts: Deployed, forged: dict[str, Any], label: str, shown: str
) -> None:
    [mail] = alerts.execute("state_machine_arn", forged)
    honest = json.loads(json.dumps(forged).replace(json.dumps(FORGED)[1:-1], "y"))
    [plain] = alerts.execute("state_machine_arn", honest)
    assert line(mail, label) == shown
    assert len(mail.text.splitlines()) == len(plain.text.splitlines())
    assert "\n" not in mail.subject


def test_mail_contains_no_text_of_a_forged_event_about_a_delivery(alerts: Deployed) -> None:
    own = {"extract": "bank-loans", "recipient": "first-bank", "period": "2026-10"}
    for forged in [{"recipient": "send money"}, {"period": "send money"}, {"recipient": "karoo"}]:
        sent = event("sftp-transfer", "File Not Collected", **(own | forged))
        assert alerts.execute("state_machine_arn", sent) == []
    sent = event("sftp-transfer", "File Not Collected", **own, folder="https://evil.example.com")
    [mail] = alerts.execute("state_machine_arn", sent)
    assert line(mail, "Folder") == f"s3://{BUCKET}/loans/bank_name=FirstBank/"
    assert "evil" not in mail.text


def test_subject_of_a_mail_is_ascii_and_shorter_than_100_characters(alerts: Deployed) -> None:
    message = 'SystemExit: 2026-10: no table "Pożyczki" ' + "and more " * 20
    [mail] = alerts.execute("state_machine_arn", job_event(message))
    assert mail.subject.startswith('[FAILED] bank-loans 2026-10: no table "Po?yczki" and more')
    assert len(mail.subject) < 100
    assert 'no table "Pożyczki"' in line(mail, "Reason")


################################################################################
# Missing periods
################################################################################


def check(alerts: Deployed, at: str | None) -> list[inbox.Mail]:
    return alerts.execute("missing_state_machine_arn", {"time": at} if at else {})


def test_missing_month_sends_a_mail_every_day_until_it_is_published(alerts: Deployed) -> None:
    alerts.publish("2026-09")
    [mail] = check(alerts, "2026-11-05T06:00:00Z")
    assert mail.to == "data-team@example.com"
    says(mail, "missing")
    [again] = check(alerts, "2026-11-06T06:00:00Z")
    assert again.subject == mail.subject

    alerts.put("loans/_manifests/2026-10.json")
    [over] = check(alerts, "2026-11-07T06:00:00Z")
    says(over, "missing-recovered")
    assert check(alerts, "2026-11-08T06:00:00Z") == []


def test_run_that_publishes_a_missing_month_reports_the_recovery_once(
    alerts: Deployed,
) -> None:
    check(alerts, "2026-11-05T06:00:00Z")
    alerts.put("loans/_manifests/2026-10.json")
    [over] = alerts.mails_after(1, lambda: alerts.run_job(SUCCEEDS, period="2026-10"))
    assert over.subject == "[RECOVERED] bank-loans 2026-10: was MISSING: due on 2026-11-02 06:00 GMT"
    assert check(alerts, "2026-11-06T06:00:00Z") == []


def test_month_is_reported_as_missing_if_only_manifests_with_similar_names_exist(alerts: Deployed) -> None:
    for name in ("2026-09.json", "2026-11.json", "2026-10.json.bak"):
        alerts.put(f"loans/_manifests/{name}")
    [mail] = check(alerts, "2026-11-05T06:00:00Z")
    assert line(mail, "Period") == "2026-10"


# Five days are enough here, because the unit tests of the program `due` check every day of a year.
@pytest.mark.parametrize("day", [1, 2, 3, 10, 31])
def test_daily_check_in_january_reports_the_month_that_is_due(alerts: Deployed, day: int) -> None:
    at, period = f"2026-01-{day:02}T06:00:00Z", "2025-11" if day == 1 else "2025-12"
    [mail] = check(alerts, at)
    assert mail.subject.startswith(f"[MISSING] bank-loans {period}: not published, due on ")
    alerts.cloud.client("dynamodb").delete_item(
        TableName="bank-loans-incidents", Key={"incident": {"S": f"missing {period}"}}
    )
    alerts.put(f"loans/_manifests/{period}.json")
    assert check(alerts, at) == []


def test_daily_check_without_a_given_time_uses_the_current_time(alerts: Deployed) -> None:
    # On any day, the month that is due is the previous month or the month before it.
    months = {f"{datetime.now(UTC).date().replace(day=1) - timedelta(days=days):%Y-%m}" for days in (1, 32)}
    [mail] = check(alerts, None)
    assert line(mail, "Period") in months


def test_role_of_the_daily_check_can_only_list_manifests(alerts: Deployed) -> None:
    alerts.publish("2026-10")
    iam = alerts.cloud.client("iam")
    rights = iam.get_role_policy(
        RoleName="bank-loans-missing-states-eu-west-1", PolicyName="look-and-publish"
    )
    # Create a second role with the same rights, because only the state machine can assume the deployed role.
    trust = {"Effect": "Allow", "Principal": {"Service": "states.amazonaws.com"}, "Action": "sts:AssumeRole"}
    role = iam.create_role(RoleName="looker", AssumeRolePolicyDocument=json.dumps({"Statement": [trust]}))
    iam.put_role_policy(
        RoleName="looker", PolicyName="rights", PolicyDocument=json.dumps(rights["PolicyDocument"])
    )
    given = alerts.cloud.client("sts").assume_role(RoleArn=role["Role"]["Arn"], RoleSessionName="look")
    s3 = boto3.client(
        "s3",
        endpoint_url=alerts.cloud.endpoint,
        region_name=aws.REGION,
        aws_access_key_id=given["Credentials"]["AccessKeyId"],
        aws_secret_access_key=given["Credentials"]["SecretAccessKey"],
        aws_session_token=given["Credentials"]["SessionToken"],
        verify=str(alerts.cloud.authority),
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


def test_daily_check_sends_a_mail_if_it_cannot_list_the_bucket(alerts: Deployed) -> None:
    s3 = alerts.cloud.client("s3")
    s3.delete_bucket(Bucket=BUCKET)
    [mail] = check(alerts, "2026-11-05T06:00:00Z")
    s3.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": aws.REGION})
    says(mail, "unknown")
