"""Failures of runs, crawls and deliveries in the local cloud, and the mails about these failures."""

from __future__ import annotations

import functools
import json
from collections import Counter
from collections.abc import Callable

import pytest

from local_cloud import sftp
from tests.integration.modules.alerts import (
    BUCKET,
    FAILS,
    FIRST,
    KAROO,
    SUCCEEDS,
    WAITS,
    Deployed,
    checked_time,
    crawler_event,
    job_event,
    says,
)
from tests.support.waiting import until

################################################################################
# A run
################################################################################


def test_failed_run_sends_one_mail_for_all_attempts_and_its_recovery_sends_a_second_mail(
    alerts: Deployed,
) -> None:
    # The two attempts of the job send two events, but the alerts send one mail.
    [failed] = alerts.mails_after(2, lambda: alerts.run_job(FAILS, period="2026-10"))
    says(failed, "job-failed", **checked_time(failed))

    assert alerts.mails_after(2, lambda: alerts.run_job(FAILS, period="2026-10")) == []

    [over] = alerts.mails_after(1, lambda: alerts.run_job(SUCCEEDS, period="2026-10"))
    says(over, "job-recovered", **checked_time(over))

    assert alerts.mails_after(1, lambda: alerts.run_job(SUCCEEDS, period="2026-10")) == []


def test_failure_with_a_different_reason_sends_a_second_mail(alerts: Deployed) -> None:
    alerts.mails_after(2, lambda: alerts.run_job(FAILS, period="2026-10"))
    other = "import sys\nsys.exit('2026-10: no table public.\"Loans\".')\n"
    [told] = alerts.mails_after(2, lambda: alerts.run_job(other, period="2026-10"))
    assert told.subject == '[FAILED] bank-loans 2026-10: no table public."Loans".'


def test_successful_dry_run_sends_no_mail_about_a_recovery(alerts: Deployed) -> None:
    alerts.mails_after(2, lambda: alerts.run_job(FAILS, period="2026-10"))
    trial = {"period": "2026-10", "dry-run": "true"}
    assert alerts.mails_after(1, lambda: alerts.run_job(SUCCEEDS, **trial)) == []


def test_successful_backfill_sends_a_mail_about_the_recovery_of_its_months(alerts: Deployed) -> None:
    alerts.mails_after(2, lambda: alerts.run_job(FAILS, period="2026-10"))
    [over] = alerts.mails_after(1, lambda: alerts.run_job(SUCCEEDS, **{"from": "2025-12", "to": "2026-10"}))
    assert over.subject.startswith("[RECOVERED] bank-loans 2025-12 to 2026-10: was FAILED: permission denied")


def test_stopped_run_sends_a_mail(alerts: Deployed) -> None:
    [stopped] = alerts.mails_after(1, lambda: stop_a_run(alerts))
    says(stopped, "job-stopped", **checked_time(stopped))


def test_crawler_and_job_have_separate_failures_and_recoveries(alerts: Deployed) -> None:
    [failed] = alerts.mails_after(
        1, lambda: alerts.cloud.client("glue").start_crawler(Name="bank-loans-crawler")
    )
    says(failed, "crawler-failed", **checked_time(failed))

    # The job also runs after a failed crawl. Neither a failed nor a successful run of the job ends the
    # failure of the crawler.
    [job] = alerts.mails_after(2, lambda: alerts.run_job(FAILS, period="2026-10"))
    assert job.subject.startswith("[FAILED] bank-loans 2026-10: permission denied")
    [over] = alerts.mails_after(1, lambda: alerts.run_job(SUCCEEDS, period="2026-10"))
    assert over.subject.startswith("[RECOVERED] bank-loans 2026-10: was FAILED: permission denied")

    [crawled] = alerts.execute("state_machine_arn", crawler_event("Succeeded"))
    says(crawled, "crawler-recovered")
    assert alerts.execute("state_machine_arn", crawler_event("Succeeded")) == []


################################################################################
# Delivery
################################################################################


@pytest.fixture
def pushing(alerts: Deployed) -> Deployed:
    """The deployed modules. The bucket sends events, so a new manifest starts the connectors."""
    alerts.cloud.client("s3").put_bucket_notification_configuration(
        Bucket=BUCKET, NotificationConfiguration={"EventBridgeConfiguration": {}}
    )
    return alerts


def test_server_with_an_unknown_host_key_gets_no_file_until_the_host_key_is_correct(
    pushing: Deployed,
) -> None:
    pushing.put(KAROO, b"bank_name,branch_id\r\nKaroo & Coast Bank,1\r\n")
    pushing.server.start(host_key=sftp.key_pair(pushing.place, "strange", "ecdsa"))
    port = {rf"\b{pushing.server.port}\b": "PORT"}
    # Wait for two events: one of the state machine that starts all transfers, and one of the recipient's
    # state machine.
    [failed] = pushing.mails_after(2, lambda: pushing.publish("2026-10"))
    says(failed, "delivery-failed", **checked_time(failed), **port)
    assert pushing.server.files() == {}
    pushing.server.stop()

    pushing.server.start()
    [over] = pushing.mails_after(2, lambda: pushing.publish("2026-10"))
    says(over, "delivery-recovered", **checked_time(over), **port)
    assert pushing.server.files() == {
        "incoming/KarooCoastBank_20261031.csv": b"bank_name,branch_id\r\nKaroo & Coast Bank,1\r\n"
    }
    assert pushing.mails_after(2, lambda: pushing.publish("2026-10")) == []
    pushing.server.stop()


def test_file_is_delivered_without_a_mail_if_the_server_recovers_within_the_retries(
    pushing: Deployed,
) -> None:
    pushing.put(KAROO, b"late\r\n")
    pushing.server.start(host_key=sftp.key_pair(pushing.place, "strange-again", "ecdsa"))
    refused = pushing.server.visits

    def publish_and_repair() -> None:
        pushing.publish("2026-10")
        until(lambda: pushing.server.visits > refused)
        pushing.server.stop()
        pushing.server.start()

    assert pushing.mails_after(2, publish_and_repair) == []
    pushing.server.stop()
    assert pushing.server.files() == {"incoming/KarooCoastBank_20261031.csv": b"late\r\n"}


def test_mail_is_sent_if_a_published_month_has_no_file_for_a_recipient(pushing: Deployed) -> None:
    [failed] = pushing.mails_after(2, lambda: pushing.publish("2026-09"))
    says(failed, "delivery-empty", **checked_time(failed))


def collection(alerts: Deployed, at: str) -> None:
    """Start the daily check of downloads."""
    states = alerts.cloud.client("stepfunctions")
    [machine] = [
        m["stateMachineArn"]
        for m in states.list_state_machines()["stateMachines"]
        if m["name"] == "bank-loans-uncollected"
    ]
    states.start_execution(stateMachineArn=machine, input=json.dumps({"time": at}))


def test_mail_is_sent_if_a_file_is_not_collected_by_the_due_day(
    alerts: Deployed,
) -> None:
    # Each successful check sends one event, and mails_after also waits for this event.
    due = "2026-11-10T07:00:00Z"
    assert alerts.mails_after(1, lambda: collection(alerts, due)) == [], "the month is not published"
    alerts.put(FIRST, b"bank_name,branch_id\r\nFirst Bank,1\r\n")
    assert alerts.mails_after(1, lambda: collection(alerts, due)) == [], "it has no manifest"
    alerts.publish("2026-10")
    assert alerts.mails_after(1, lambda: collection(alerts, "2026-11-10T06:59:59Z")) == [], "not due yet"
    [waiting] = alerts.mails_after(2, lambda: collection(alerts, due))
    says(waiting, "uncollected", **checked_time(waiting))
    assert alerts.mails_after(2, lambda: collection(alerts, "2026-11-11T07:00:00Z")) == []

    file = "/" + FIRST.split("/", 2)[2]
    [over] = alerts.mails_after(2, lambda: alerts.collect(f"get {file}"))
    says(over, "collected", **checked_time(over))
    receipts = alerts.cloud.client("dynamodb").scan(TableName="bank-loans-receipts")["Items"]
    assert [(r["recipient"]["S"], r["file"]["S"], r["client_ip"]["S"]) for r in receipts] == [
        ("first-bank", f"/{BUCKET}/{FIRST}", "127.0.0.1")
    ]
    assert receipts[0]["collected"]["S"].startswith(f"2026-10 {file} ")
    assert alerts.mails_after(1, lambda: collection(alerts, "2026-11-12T07:00:00Z")) == []


def test_daily_check_reports_a_file_again_after_a_forged_event_of_its_download(alerts: Deployed) -> None:
    own = json.dumps({"extract": "bank-loans", "recipient": "first-bank", "period": "2026-09"})
    forged = {"Source": "sftp-transfer", "DetailType": "File Collected", "Detail": own}

    def forge() -> None:
        alerts.cloud.client("events").put_events(Entries=[forged])

    alerts.put(FIRST.replace("month=10", "month=09"), b"bank_name,branch_id\r\nFirst Bank,1\r\n")
    alerts.publish("2026-09")
    for day in ("2026-11-08", "2026-11-09"):
        [waiting] = alerts.mails_after(2, functools.partial(collection, alerts, f"{day}T07:00:00Z"))
        assert waiting.subject.startswith("[UNCOLLECTED] bank-loans 2026-09")
        [wrong] = alerts.mails_after(1, forge)
        assert wrong.subject.startswith("[RECOVERED] bank-loans 2026-09")
    # From the due day of October, the daily check looks for the file of October, and no longer for the file
    # of September. October is not published, so the check sends no mail.
    assert alerts.mails_after(1, lambda: collection(alerts, "2026-11-10T07:00:00Z")) == []


def test_daily_check_uses_the_manifest_to_find_a_file_in_a_flat_folder(alerts: Deployed) -> None:
    due = "2026-11-10T07:00:00Z"
    files = [f"loans/bank_name=FirstBank/FirstBank_{day}.csv" for day in (20260930, 20261031)]
    for key in files:
        alerts.put(key, b"bank_name\r\n")
    content = {"files": [{"key": "loans/bank_name=Beta/Beta_20261031.csv"}, {"key": files[1]}]}
    alerts.put("loans/_manifests/2026-10.json", json.dumps(content).encode())
    # A download of another month's file does not count, although the file is in the same folder.
    alerts.mails_after(1, lambda: alerts.collect("get /FirstBank_20260930.csv"))
    [waiting] = alerts.mails_after(2, lambda: collection(alerts, due))
    says(waiting, "uncollected", **checked_time(waiting))

    assert alerts.mails_after(1, lambda: alerts.collect("get /FirstBank_20261031.csv")) == []
    [over] = alerts.mails_after(2, lambda: collection(alerts, "2026-11-11T07:00:00Z"))
    says(over, "collected", **checked_time(over))


def test_recipient_without_a_file_in_the_manifest_is_not_reported(alerts: Deployed) -> None:
    alerts.put("loans/_manifests/2026-10.json", b'{"files": []}')
    assert alerts.mails_after(1, lambda: collection(alerts, "2026-11-10T07:00:00Z")) == []


def start(alerts: Deployed, machine: str, given: object) -> None:
    arn = f"arn:aws:states:eu-west-1:000000000000:stateMachine:bank-loans-{machine}"
    alerts.cloud.client("stepfunctions").start_execution(stateMachineArn=arn, input=json.dumps(given))


def test_failed_daily_check_sends_a_mail(alerts: Deployed) -> None:
    given = {"time": "2026-99-99T00:00:00Z"}
    [failed] = alerts.mails_after(1, lambda: start(alerts, "uncollected", given))
    says(failed, "receipts-failed", **checked_time(failed))


def test_download_event_with_invalid_values_causes_no_receipt_and_no_mail(alerts: Deployed) -> None:
    detail = {"username": "first-bank", "file-path": "/x", "bytes": "The refund is at evil.example.com"}
    assert alerts.mails_after(1, lambda: start(alerts, "receipts", {"detail": detail})) == []
    receipts = alerts.cloud.client("dynamodb").scan(TableName="bank-loans-receipts")["Items"]
    assert "/x" not in [receipt["file"]["S"] for receipt in receipts]


################################################################################
# The message that tests the alerts, and failures of the alerts
################################################################################


def test_mail_is_sent_for_every_message_that_tests_the_alerts(alerts: Deployed) -> None:
    given = json.loads(alerts.outputs["alerts"]["test_message"]["input"])
    for _ in range(2):
        [mail] = alerts.execute("state_machine_arn", given)
        says(mail, "test")


def test_mail_is_sent_if_the_state_machine_of_the_alerts_fails(alerts: Deployed) -> None:
    before, given = alerts.mails(), job_event("x", at="yesterday")
    alerts.execute("state_machine_arn", given, ends="FAILED")
    [mail] = until(lambda: list((Counter(alerts.mails()) - Counter(before)).elements()))
    says(mail, "unwritten")


def stop_a_run(alerts: Deployed) -> None:
    run, glue = alerts.run_job(WAITS, period="2026-10"), alerts.cloud.client("glue")

    def stopped() -> bool:
        glue.batch_stop_job_run(JobName="bank-loans", JobRunIds=[run])
        state = glue.get_job_run(JobName="bank-loans", RunId=run)["JobRun"]["JobRunState"]
        return bool(state == "STOPPED")

    until(stopped)


@pytest.mark.parametrize(
    ("role", "provoke", "lost"),
    [
        ("bank-loans-failures-events-eu-west-1", stop_a_run, "Glue Job State Change"),
        ("bank-loans-published-eu-west-1", lambda alerts: alerts.publish("2026-10"), "Object Created"),
    ],
    ids=["failure", "manifest"],
)
def test_undeliverable_event_is_in_the_dead_letter_queue_and_the_alarm_sends_a_mail(
    pushing: Deployed, role: str, provoke: Callable[[Deployed], None], lost: str
) -> None:
    iam, sqs = pushing.cloud.client("iam"), pushing.cloud.client("sqs")
    rights = iam.get_role_policy(RoleName=role, PolicyName="start")["PolicyDocument"]
    iam.delete_role_policy(RoleName=role, PolicyName="start")
    queue = pushing.outputs["alerts"]["dead_letter_queue_url"]
    try:
        provoke(pushing)
        [letter] = until(
            lambda: sqs.receive_message(QueueUrl=queue, MessageAttributeNames=["All"]).get("Messages")
        )
    finally:
        iam.put_role_policy(RoleName=role, PolicyName="start", PolicyDocument=json.dumps(rights))
        sqs.purge_queue(QueueUrl=queue)
    assert json.loads(letter["Body"])["detail-type"] == lost
    assert "may not start" in letter["MessageAttributes"]["ERROR_MESSAGE"]["StringValue"]

    cloudwatch, before = pushing.cloud.client("cloudwatch"), pushing.mails()
    [alarm] = cloudwatch.describe_alarms(AlarmNames=["bank-loans-dead-letters"])["MetricAlarms"]
    assert alarm["Dimensions"] == [{"Name": "QueueName", "Value": queue.rsplit("/", 1)[-1]}]
    # The emulator has no metrics for queues, so the test sets the state of the alarm.
    cloudwatch.set_alarm_state(AlarmName=alarm["AlarmName"], StateValue="ALARM", StateReason="1 > 0")
    [mail] = until(lambda: list((Counter(pushing.mails()) - Counter(before)).elements()))
    assert "so nothing was started and no mail was sent about it" in mail.text
    cloudwatch.set_alarm_state(AlarmName=alarm["AlarmName"], StateValue="OK", StateReason="0")
