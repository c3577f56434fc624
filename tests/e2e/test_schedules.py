"""Schedules start an extract on the local cloud. The extract publishes even if the crawler fails."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import psycopg
import pytest
from psycopg import sql

from extracts import terraform
from local_cloud import aws, database
from local_cloud.aws.scheduler import next_start
from local_cloud.demo import account, store
from tests.support.provider import Provider
from tests.support.terraform import Root
from tools.hcl import REPOSITORY

PASSWORD = "a password of the tests"
ROOT: dict[str, Any] = {
    "module": {
        "extract": {
            "source": "./modules/glue-extract",
            "name": "loans",
            "script_path": "etl.py",
            "tables": ["Loans", "Account", "Client", "Branch", "Bank"],
            "recipient_column": "bank_name",
            "kms_key_arn": "${aws_kms_key.this.arn}",
            "artifacts": {"bucket": "${aws_s3_bucket.this.bucket}"},
            "catch_up_schedule": "cron(0 6 2-10 * ? *)",
            "crawler": "${var.crawler}",
            "database": "${var.database}",
            "dead_letter_queue": {
                "arn": "${aws_sqs_queue.this.arn}",
                "kms_key_arn": "${aws_kms_key.this.arn}",
            },
            "network": {
                "vpc_id": "${data.aws_subnet.this.vpc_id}",
                "subnet_id": "${data.aws_subnet.this.id}",
                "availability_zone": "${data.aws_subnet.this.availability_zone}",
            },
            "target": {
                "bucket": "${aws_s3_bucket.this.bucket}",
                "prefix": "loans",
                "writer_policy_json": json.dumps(
                    {
                        "Version": "2012-10-17",
                        "Statement": [{"Effect": "Allow", "Action": ["s3:*", "kms:*"], "Resource": "*"}],
                    }
                ),
            },
        }
    },
    "variable": {"crawler": {"type": "any"}, "database": {"type": "any"}, "subnet_id": {}},
    "data": {"aws_subnet": {"this": {"id": "${var.subnet_id}"}}},
    "resource": {
        "aws_kms_key": {"this": {}},
        "aws_s3_bucket": {"this": {"bucket": "schedules-data", "force_destroy": True}},
        "aws_sqs_queue": {"this": {"name": "schedules-dead-letters"}},
    },
    "output": {
        "crawl_failed": {"value": "${module.extract.failure_events.events.crawler}"},
        "queue": {"value": "${aws_sqs_queue.this.url}"},
    },
}


@dataclass(frozen=True)
class Deployed:
    """An extract that is deployed in the local cloud. Its login has a SCRAM password."""

    cloud: aws.Cloud
    outputs: dict[str, Any]
    apply: Callable[..., dict[str, Any]]

    def job_runs(self) -> dict[str, dict[str, Any]]:
        return {run["Id"]: run for run in self.cloud.client("glue").get_job_runs(JobName="loans")["JobRuns"]}

    def last_workflow_run(self) -> str:
        workflow = self.cloud.client("glue").get_workflow(Name="loans")["Workflow"]
        return str(workflow["LastRun"]["WorkflowRunId"])

    def crawl(self) -> dict[str, Any]:
        return dict(self.cloud.client("glue").get_crawler(Name="loans-crawler")["Crawler"])

    def next_job_run(self, start: Callable[[], None]) -> dict[str, Any]:
        """Call `start`, wait until the next run of the job has ended, and return this run."""
        known = self.job_runs().keys()
        start()
        eventually(lambda: self.job_runs().keys() > known)
        [new] = self.job_runs().keys() - known
        eventually(lambda: self.job_runs()[new]["JobRunState"] != "RUNNING", seconds=180)
        return self.job_runs()[new]

    def messages(self) -> list[dict[str, Any]]:
        """Return the messages in the dead letter queue, and remove them."""
        sqs, url = self.cloud.client("sqs"), self.outputs["queue"]
        found = sqs.receive_message(
            QueueUrl=url, MaxNumberOfMessages=10, MessageAttributeNames=["All"], WaitTimeSeconds=2
        ).get("Messages", [])
        for message in found:
            sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
        return list(found)


def eventually(condition: Callable[[], bool], seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "did not happen in time"
        time.sleep(0.2)


@pytest.fixture(scope="module")
def deployed(tmp_path_factory: pytest.TempPathFactory, provider: Provider) -> Iterator[Deployed]:
    folder = tmp_path_factory.mktemp("schedules")
    (folder / "modules").symlink_to(REPOSITORY / "modules")
    (folder / "etl.py").write_text((REPOSITORY / "examples/bank-loans/Glue/etl.py").read_text())
    (folder / "driver.jar").write_text("stands in for a driver\n")
    (folder / "main.tf.json").write_text(json.dumps(ROOT))
    # This test has its own AWS account, because other tests create a secret with the same name in the shared
    # account.
    with aws.serve(folder / "aws") as cloud, database.serve(folder / "database") as served:
        root = Root(folder, terraform.environment(folder) | cloud.environment, provider)
        last_month = store.last_complete_month(datetime.now(UTC).date())
        store.load(served.url, store.generate(last_month, loans=500), PASSWORD)
        with psycopg.connect(served.url) as connection:
            connection.execute("set password_encryption = 'scram-sha-256'")
            connection.execute(
                sql.SQL("alter role {} password {}").format(
                    sql.Identifier(store.READER), sql.Literal(PASSWORD)
                )
            )
        made = account.prepare(cloud, username=store.READER, password=PASSWORD)

        def apply(**crawler: Any) -> dict[str, Any]:
            given = {
                "crawler": crawler,
                "subnet_id": made.subnet_id,
                "database": {
                    "host": "localhost",
                    "port": served.port,
                    "name": served.name,
                    "secret_arn": made.secret_arn,
                    "ca_certificate": served.authority.read_text(),
                },
            }
            (folder / "given.auto.tfvars.json").write_text(json.dumps(given))
            root.apply()
            assert root.changes() == ""
            return dict(root.output())

        root.setup()
        yield Deployed(cloud, apply(), apply)


def test_period_is_published_although_the_crawler_cannot_log_in(deployed: Deployed) -> None:
    events = deployed.cloud.client("events")
    queue = deployed.cloud.client("sqs").get_queue_attributes(
        QueueUrl=deployed.outputs["queue"], AttributeNames=["QueueArn"]
    )["Attributes"]["QueueArn"]
    events.put_rule(Name="crawl-failed", EventPattern=deployed.outputs["crawl_failed"])
    events.put_targets(Rule="crawl-failed", Targets=[{"Id": "queue", "Arn": queue}])

    run = deployed.next_job_run(lambda: aws.start_schedule(deployed.cloud, "loans", "loans-start"))

    assert deployed.crawl()["LastCrawl"]["Status"] == "FAILED"
    assert run["JobRunState"] == "SUCCEEDED", run
    period = f"{store.last_complete_month(datetime.now(UTC).date()):%Y-%m}"
    manifest = deployed.cloud.client("s3").get_object(
        Bucket="schedules-data", Key=f"loans/_manifests/{period}.json"
    )
    assert len(json.loads(manifest["Body"].read())["files"]) == len(store.BANKS)
    [event] = [json.loads(message["Body"]) for message in deployed.messages()]
    assert event["detail"]["crawlerName"] == "loans-crawler"
    assert "The authentication type 10 is not supported" in event["detail"]["errorMessage"]


def test_catch_up_schedule_starts_the_job_but_not_the_workflow(deployed: Deployed) -> None:
    before = deployed.last_workflow_run()
    run = deployed.next_job_run(lambda: aws.start_schedule(deployed.cloud, "loans", "loans-catch-up"))
    assert run["JobRunState"] == "SUCCEEDED", run
    assert "--WORKFLOW_NAME" not in run["Arguments"]
    assert deployed.last_workflow_run() == before


def test_denied_start_of_the_workflow_goes_to_the_dead_letter_queue(
    deployed: Deployed,
) -> None:
    iam, role = deployed.cloud.client("iam"), f"loans-schedule-{aws.REGION}"
    policy = iam.get_role_policy(RoleName=role, PolicyName="start")["PolicyDocument"]
    fewer = [s for s in policy["Statement"] if s["Sid"] != "StartWorkflow"]
    document = json.dumps({**policy, "Statement": fewer})
    iam.put_role_policy(RoleName=role, PolicyName="start", PolicyDocument=document)
    before = deployed.last_workflow_run()

    aws.start_schedule(deployed.cloud, "loans", "loans-start")

    letters: list[dict[str, Any]] = []

    def received() -> bool:
        letters.extend(deployed.messages())
        return bool(letters)

    eventually(received)
    iam.put_role_policy(RoleName=role, PolicyName="start", PolicyDocument=json.dumps(policy))
    [letter] = letters
    told = {name: value["StringValue"] for name, value in letter["MessageAttributes"].items()}
    assert json.loads(letter["Body"]) == {"Name": "loans"}
    assert told["TARGET_ARN"] == "arn:aws:scheduler:::aws-sdk:glue:startWorkflowRun"
    assert told["ERROR_CODE"] == "AccessDeniedException"
    assert "glue:StartWorkflowRun" in told["ERROR_MESSAGE"]
    assert deployed.last_workflow_run() == before


def test_schedule_in_another_schedule_group_cannot_use_the_role_of_the_extract(deployed: Deployed) -> None:
    scheduler = deployed.cloud.client("scheduler")
    target = scheduler.get_schedule(GroupName="loans", Name="loans-start")["Target"]
    with suppress(scheduler.exceptions.ConflictException):
        scheduler.create_schedule_group(Name="others")
    before = deployed.last_workflow_run()
    scheduler.create_schedule(
        Name="other",
        GroupName="others",
        FlexibleTimeWindow={"Mode": "OFF"},
        ScheduleExpression="at(2026-01-01T00:00:00)",
        Target=target,
    )
    time.sleep(3)
    assert deployed.last_workflow_run() == before


def test_crawler_with_an_uploaded_jdbc_driver_logs_in_and_fills_the_data_catalog(deployed: Deployed) -> None:
    deployed.apply(driver_jar_path="driver.jar")
    glue = deployed.cloud.client("glue")
    glue.start_crawler(Name="loans-crawler")
    eventually(lambda: deployed.crawl()["State"] == "READY")
    assert deployed.crawl()["LastCrawl"]["Status"] == "SUCCEEDED", deployed.crawl()
    tables = {table["Name"] for table in glue.get_tables(DatabaseName="loans")["TableList"]}
    assert tables == {f"store_public_{name}" for name in ("account", "bank", "branch", "client", "loans")}


################################################################################
# When a schedule starts
################################################################################


def start_after(expression: str, zone: str, after: str) -> str:
    schedule = {
        "CreationDate": 0.0,
        "ScheduleExpression": expression,
        "ScheduleExpressionTimezone": zone,
    }
    found = next_start(schedule, datetime.fromisoformat(after))
    assert found
    return found.isoformat(timespec="minutes")


def test_schedule_uses_the_time_zone_of_the_extract() -> None:
    assert start_after("cron(1 0 1 * ? *)", "America/Sao_Paulo", "2026-10-31T12:00+00:00") == (
        "2026-11-01T03:01+00:00"
    )


def test_schedule_skips_a_day_on_which_the_start_time_does_not_exist() -> None:
    assert start_after("cron(30 2 * * ? *)", "America/Los_Angeles", "2026-03-07T18:00+00:00") == (
        "2026-03-09T09:30+00:00"
    )


def test_schedule_starts_once_if_the_start_time_occurs_twice() -> None:
    first = start_after("cron(30 1 * * ? *)", "America/Los_Angeles", "2026-11-01T00:00+00:00")
    assert first == "2026-11-01T08:30+00:00"
    assert start_after("cron(30 1 * * ? *)", "America/Los_Angeles", first) == "2026-11-02T09:30+00:00"
