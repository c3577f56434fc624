"""Every failure, provoked on the local cloud, and the mail that comes of it, whole, as `mails/` holds it.

`failure-alerts` is deployed beside `sftp-transfer`, once with a server and once with connectors. The job is
one of our own that ends as it is told; crawler, SFTP client and the server sent to are real. What the
emulator cannot make happen (a time-out, a rotation) is handed to the state machine as AWS sends it.
"""

from __future__ import annotations

import json
import os
import re
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from tests.modules.hcl import MODULES
from tests.modules.recipients_server import Server
from tests.support.terraform import OpenRoot, Root, variables

from extracts.local import aws, inbox, sftp

MAILS = Path(__file__).parent / "mails"
REFRESH = "REFRESH_MAILS=1 python -m pytest tests/modules/test_mail.py"
BUCKET = "bank-loans-data"
FIRST = "loans/bank_name=FirstBank/year=2026/month=10/FirstBank_20261031.csv"
KAROO = "loans/bank_name=KarooCoastBank/year=2026/month=10/KarooCoastBank_20261031.csv"
ROOT = """\
variable "key" { type = string }
variable "server" {
  type = object({ url = string, host_key = string, secret_arn = string })
}
variable "changes" { type = any }

locals {
  bucket      = "bank-loans-data"
  kms_key_arn = "arn:aws:kms:eu-west-1:000000000000:key/00000000-0000-0000-0000-000000000000"
  manifests   = "loans/_manifests"
  glue = {
    crawled  = ["Glue Crawler State Change", { crawlerName = ["bank-loans-crawler"], state = ["Succeeded"] }]
    crawler  = ["Glue Crawler State Change", { crawlerName = ["bank-loans-crawler"], state = ["Failed"] }]
    job      = ["Glue Job State Change", { jobName = ["bank-loans"], state = ["FAILED", "STOPPED"] }]
    finished = ["Glue Job State Change", { jobName = ["bank-loans"], state = ["SUCCEEDED"] }]
  }
  patterns = {
    for key, event in local.glue :
    key => jsonencode({ source = ["aws.glue"], detail-type = [event[0]], detail = event[1] })
  }
}

module "server" {
  source = "MODULES/sftp-transfer"

  name        = "bank-loans"
  bucket      = local.bucket
  kms_key_arn = local.kms_key_arn
  endpoint    = { type = "PUBLIC" }
  receipts    = { due_day = try(var.changes.due_day, 10) }

  dead_letter_queue = module.alerts.dead_letter_queue
  recipients = {
    first-bank = { prefix = "loans/bank_name=FirstBank", public_keys = { laptop = var.key } }
  }
}

module "connector" {
  source = "MODULES/sftp-transfer"

  name            = "bank-loans"
  mode            = "connector"
  bucket          = local.bucket

  dead_letter_queue = module.alerts.dead_letter_queue

  kms_key_arn     = local.kms_key_arn
  manifest_prefix = local.manifests
  recipients = {
    karoo = {
      prefix = "loans/bank_name=KarooCoastBank"
      push = {
        url               = var.server.url
        folder            = try(var.changes.folder, "/incoming")
        secret_arn        = var.server.secret_arn
        trusted_host_keys = [var.server.host_key]
      }
    }
  }
}

module "alerts" {
  source = "MODULES/failure-alerts"

  name          = "bank-loans"
  kms_key       = { arn = local.kms_key_arn }
  deadline      = try(var.changes.deadline, {})
  runbook_url   = "https://wiki.example.com/bank-loans"
  subscriptions = merge({ team = { endpoint = "data-team@example.com" } }, try(var.changes.more, {}))
  tags          = try(var.changes.tags, {})
  failure_events = {
    name              = "bank-loans"
    job_name          = "bank-loans"
    log_group         = "/aws-glue/jobs/bank-loans/output"
    workflow_name     = "bank-loans"
    catch_up_schedule = "cron(0 6 2-10 * ? *)"
    events            = { for key in ["crawler", "job"] : key => local.patterns[key] }
    recoveries        = { crawler = local.patterns["crawled"], job = local.patterns["finished"] }
    time_zone         = "Africa/Johannesburg"
  }
  delivery = {
    events          = merge(module.server.delivery.events, module.connector.delivery.events)
    push_arn_prefix = module.connector.delivery.push_arn_prefix
    recipients      = module.server.delivery.recipients
    recoveries      = merge(module.server.delivery.recoveries, module.connector.delivery.recoveries)
    rule_arns       = concat(module.server.delivery.rule_arns, module.connector.delivery.rule_arns)
  }
  expected_output = { bucket = local.bucket, manifest_prefix = local.manifests }
}

output "alerts" { value = module.alerts }
output "server" { value = module.server }
"""
FAILS = """import sys
sys.exit('2026-10: permission denied for table public."Loans"; grant SELECT on it to role "extract_reader".')
"""
SUCCEEDS = "print('published')\n"
WAITS = "import time\ntime.sleep(600)\n"


def until(question: Callable[[], Any], seconds: float = 120) -> Any:
    """The first answer that is not nothing."""
    deadline = time.monotonic() + seconds
    while not (answer := question()):
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.1)
    return answer


@dataclass(frozen=True)
class Deployed:
    """The three modules on the local cloud, and what stands around them."""

    cloud: aws.Cloud
    outputs: dict[str, Any]
    server: Server
    key: sftp.KeyPair
    place: Path
    root: Root
    given: dict[str, str]

    def mails(self) -> list[inbox.Mail]:
        return inbox.read(self.cloud.mailbox)

    def execute(self, machine: str, given: dict[str, Any], ends: str = "SUCCEEDED") -> list[inbox.Mail]:
        """Start a state machine of the alerts; what came by mail until it was done."""
        before, states = self.mails(), self.cloud.client("stepfunctions")
        execution = states.start_execution(
            stateMachineArn=self.outputs["alerts"][machine], input=json.dumps(given)
        )["executionArn"]

        def ended() -> Any:
            told = states.describe_execution(executionArn=execution)
            return told if told["status"] != "RUNNING" else None

        told = until(ended)
        assert told["status"] == ends, told
        # A message is in the mailbox before its publication is answered.
        return list((Counter(self.mails()) - Counter(before)).elements())

    def heard(self, events: int, provoke: Callable[[], object]) -> list[inbox.Mail]:
        """What came by mail until so many events that the provocation sends were worked off."""
        before, done = self.mails(), self._worked_off()
        provoke()
        until(lambda: self._worked_off() >= done + events)
        return list((Counter(self.mails()) - Counter(before)).elements())

    def _worked_off(self) -> int:
        states = self.cloud.client("stepfunctions")
        pages = states.get_paginator("list_executions").paginate(
            stateMachineArn=self.outputs["alerts"]["state_machine_arn"]
        )
        return sum(run["status"] != "RUNNING" for page in pages for run in page["executions"])

    def run_job(self, script: str, **arguments: str) -> str:
        """Give the job this script and see it to its end."""
        glue = self.cloud.client("glue")
        self.cloud.client("s3").put_object(Bucket="bank-loans-artifacts", Key="etl.py", Body=script.encode())
        given = {f"--{name}": value for name, value in arguments.items()}
        return str(glue.start_job_run(JobName="bank-loans", Arguments=given)["JobRunId"])

    def put(self, key: str, body: bytes = b"{}") -> None:
        self.cloud.client("s3").put_object(Bucket=BUCKET, Key=key, Body=body)

    def publish(self, period: str) -> None:
        self.put(f"loans/_manifests/{period}.json")

    def collect(self, *commands: str) -> Any:
        known_hosts = self.place / "known_hosts"
        return sftp.Recipient(self.cloud.sftp_port, "first-bank", self.key, known_hosts, self.place).run(
            *commands
        )


@pytest.fixture(scope="module")
def deployed(
    cloud: aws.Cloud, open_root: OpenRoot, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Deployed]:
    folder, place = tmp_path_factory.mktemp("alerts"), tmp_path_factory.mktemp("recipient")
    key = sftp.key_pair(place)
    login, host = (sftp.key_pair(place, name, "ecdsa") for name in ("karoo", "host"))
    server = Server(place / "incoming", login, host)
    value = {"Username": "extracts", "PrivateKey": server.key.private.read_text()}
    secret = cloud.client("secretsmanager").create_secret(
        Name="aws/transfer/karoo", SecretString=json.dumps(value)
    )
    make_job(cloud)
    (folder / "main.tf").write_text(ROOT.replace("MODULES", str(MODULES)))
    recipient = {"url": server.url, "host_key": server.host_key.public, "secret_arn": secret["ARN"]}
    given = variables(key=key.public, server=recipient, changes={})
    root = open_root(folder, **cloud.environment)
    root.setup()
    root.apply(tf_vars=given)
    outputs = dict(root.output())
    sftp.pin(cloud.sftp_port, outputs["server"]["host_key_fingerprint"], place / "known_hosts")
    yield Deployed(cloud, outputs, server, key, place, root, given)
    server.stop()


def make_job(cloud: aws.Cloud) -> None:
    """A job that Glue tries twice, and a crawler whose connection is not there."""
    iam, s3, glue = cloud.client("iam"), cloud.client("s3"), cloud.client("glue")
    trust = {"Effect": "Allow", "Principal": {"Service": "glue.amazonaws.com"}, "Action": "sts:AssumeRole"}
    rights = {"Effect": "Allow", "Action": ["s3:*", "logs:*", "glue:*"], "Resource": "*"}
    role = iam.create_role(
        RoleName="stand-in-job", AssumeRolePolicyDocument=json.dumps({"Statement": [trust]})
    )["Role"]["Arn"]
    iam.put_role_policy(
        RoleName="stand-in-job", PolicyName="all", PolicyDocument=json.dumps({"Statement": [rights]})
    )
    s3.create_bucket(
        Bucket="bank-loans-artifacts", CreateBucketConfiguration={"LocationConstraint": aws.REGION}
    )
    glue.create_job(
        Name="bank-loans",
        Role=role,
        MaxRetries=1,
        Command={"Name": "glueetl", "ScriptLocation": "s3://bank-loans-artifacts/etl.py"},
    )
    target = {"ConnectionName": "bank-loans-gone", "Path": "store/public/%"}
    glue.create_crawler(
        Name="bank-loans-crawler", Role=role, DatabaseName="x", Targets={"JdbcTargets": [target]}
    )


@pytest.fixture
def alerts(deployed: Deployed) -> Iterator[Deployed]:
    """An empty bucket, and alerts that remember nothing."""
    s3, table = deployed.cloud.client("s3"), deployed.outputs["alerts"]["incidents_table_name"]
    s3.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": aws.REGION})
    yield deployed
    for found in s3.list_objects_v2(Bucket=BUCKET).get("Contents", ()):
        s3.delete_object(Bucket=BUCKET, Key=found["Key"])
    s3.delete_bucket(Bucket=BUCKET)
    dynamodb = deployed.cloud.client("dynamodb")
    for item in dynamodb.scan(TableName=table)["Items"]:
        dynamodb.delete_item(TableName=table, Key={"incident": item["incident"]})


def says(mail: inbox.Mail, name: str, **names: str) -> None:
    """Hold a mail against `mails/`, where what differs from run to run goes by the name given for it."""
    text = f"Subject: {mail.subject}\n\n" + mail.text.split("\n\n--\n")[0].rstrip() + "\n"
    for pattern, stands in {
        r"jr_[0-9a-f]{64}": "jr_RUN",
        r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}": "EXECUTION",
        **names,
    }.items():
        text = re.sub(pattern, stands, text)
    path = MAILS / f"{name}.txt"
    if os.environ.get("REFRESH_MAILS"):
        path.write_text(text)
    assert text == path.read_text(), f"if it should be so: {REFRESH}"


def told_now(mail: inbox.Mail) -> dict[str, str]:
    """The time at which it was told, which must be about now, and how it is written in `mails/`."""
    when = line(mail, "When")
    age = datetime.now(UTC) - datetime.strptime(when, "%Y-%m-%d %H:%M:%S GMT").replace(tzinfo=UTC)
    assert timedelta(seconds=-5) < age < timedelta(minutes=10)
    return {re.escape(when): "NOW"}


def line(mail: inbox.Mail, label: str) -> str:
    """What stands behind the first line that begins with the label."""
    return next(
        text.removeprefix(f"{label}:").strip()
        for text in mail.text.splitlines()
        if text.startswith(f"{label}:")
    )


################################################################################
# A run
################################################################################


def test_a_run_that_fails_is_told_once_over_all_retries_and_so_is_its_end(alerts: Deployed) -> None:
    # Two attempts, so two events, and one mail.
    [failed] = alerts.heard(2, lambda: alerts.run_job(FAILS, period="2026-10"))
    says(failed, "job-failed", **told_now(failed))

    assert alerts.heard(2, lambda: alerts.run_job(FAILS, period="2026-10")) == []

    [over] = alerts.heard(1, lambda: alerts.run_job(SUCCEEDS, period="2026-10"))
    says(over, "job-recovered", **told_now(over))

    assert alerts.heard(1, lambda: alerts.run_job(SUCCEEDS, period="2026-10")) == []


def test_a_run_that_fails_for_another_reason_is_told_again(alerts: Deployed) -> None:
    alerts.heard(2, lambda: alerts.run_job(FAILS, period="2026-10"))
    other = "import sys\nsys.exit('2026-10: no table public.\"Loans\".')\n"
    [told] = alerts.heard(2, lambda: alerts.run_job(other, period="2026-10"))
    assert told.subject == '[FAILED] bank-loans 2026-10: no table public."Loans".'


def test_a_trial_that_publishes_nothing_ends_no_failure(alerts: Deployed) -> None:
    alerts.heard(2, lambda: alerts.run_job(FAILS, period="2026-10"))
    trial = {"period": "2026-10", "dry-run": "true"}
    assert alerts.heard(1, lambda: alerts.run_job(SUCCEEDS, **trial)) == []


def test_a_backfill_ends_the_failure_of_each_of_its_months(alerts: Deployed) -> None:
    alerts.heard(2, lambda: alerts.run_job(FAILS, period="2026-10"))
    [over] = alerts.heard(1, lambda: alerts.run_job(SUCCEEDS, **{"from": "2025-12", "to": "2026-10"}))
    assert over.subject.startswith("[RECOVERED] bank-loans 2025-12 to 2026-10: was FAILED: permission denied")


def test_a_run_that_is_stopped_is_told(alerts: Deployed) -> None:
    [stopped] = alerts.heard(1, lambda: stop_a_run(alerts))
    says(stopped, "job-stopped", **told_now(stopped))


def test_failed_crawl_is_an_incident_of_its_own(alerts: Deployed) -> None:
    [failed] = alerts.heard(1, lambda: alerts.cloud.client("glue").start_crawler(Name="bank-loans-crawler"))
    says(failed, "crawler-failed", **told_now(failed))

    # The job runs all the same, and neither its failure nor its success ends the crawler's.
    [job] = alerts.heard(2, lambda: alerts.run_job(FAILS, period="2026-10"))
    assert job.subject.startswith("[FAILED] bank-loans 2026-10: permission denied")
    [over] = alerts.heard(1, lambda: alerts.run_job(SUCCEEDS, period="2026-10"))
    assert over.subject.startswith("[RECOVERED] bank-loans 2026-10: was FAILED: permission denied")

    [crawled] = alerts.execute("state_machine_arn", crawler_event("Succeeded"))
    says(crawled, "crawler-recovered")
    assert alerts.execute("state_machine_arn", crawler_event("Succeeded")) == []


################################################################################
# Delivery
################################################################################


@pytest.fixture
def pushing(alerts: Deployed) -> Deployed:
    """A bucket that tells EventBridge what is put into it, so that connectors send."""
    alerts.cloud.client("s3").put_bucket_notification_configuration(
        Bucket=BUCKET, NotificationConfiguration={"EventBridgeConfiguration": {}}
    )
    return alerts


def test_a_server_that_shows_a_strange_key_gets_nothing_and_that_is_told_until_it_has_its_file(
    pushing: Deployed,
) -> None:
    pushing.put(KAROO, b"bank_name,branch_id\r\nKaroo & Coast Bank,1\r\n")
    pushing.server.start(host_key=sftp.key_pair(pushing.place, "strange", "ecdsa"))
    port = {rf"\b{pushing.server.port}\b": "PORT"}
    # Two events: of the state machine that starts the transfers, and of the recipient's own.
    [failed] = pushing.heard(2, lambda: pushing.publish("2026-10"))
    says(failed, "delivery-failed", **told_now(failed), **port)
    assert pushing.server.files() == {}
    pushing.server.stop()

    pushing.server.start()
    [over] = pushing.heard(2, lambda: pushing.publish("2026-10"))
    says(over, "delivery-recovered", **told_now(over), **port)
    assert pushing.server.files() == {
        "incoming/KarooCoastBank_20261031.csv": b"bank_name,branch_id\r\nKaroo & Coast Bank,1\r\n"
    }
    assert pushing.heard(2, lambda: pushing.publish("2026-10")) == []
    pushing.server.stop()


def test_a_server_that_is_there_again_in_time_gets_its_file_and_nobody_is_told(pushing: Deployed) -> None:
    pushing.put(KAROO, b"late\r\n")
    pushing.server.start(host_key=sftp.key_pair(pushing.place, "strange-again", "ecdsa"))
    refused = pushing.server.visits

    def publish_and_mend() -> None:
        pushing.publish("2026-10")
        until(lambda: pushing.server.visits > refused)
        pushing.server.stop()
        pushing.server.start()

    assert pushing.heard(2, publish_and_mend) == []
    pushing.server.stop()
    assert pushing.server.files() == {"incoming/KarooCoastBank_20261031.csv": b"late\r\n"}


def test_a_published_month_without_a_file_for_a_recipient_is_told(pushing: Deployed) -> None:
    [failed] = pushing.heard(2, lambda: pushing.publish("2026-09"))
    says(failed, "delivery-empty", **told_now(failed))


def collection(alerts: Deployed, at: str) -> None:
    """Make the daily look whether recipients have collected."""
    states = alerts.cloud.client("stepfunctions")
    [machine] = [
        m["stateMachineArn"]
        for m in states.list_state_machines()["stateMachines"]
        if m["name"] == "bank-loans-uncollected"
    ]
    states.start_execution(stateMachineArn=machine, input=json.dumps({"time": at}))


def test_a_file_that_nobody_collects_by_its_day_is_told_until_somebody_does(alerts: Deployed) -> None:
    # The look itself succeeds, and its success is an event as well.
    look = "2026-11-10T07:00:00Z"
    assert alerts.heard(1, lambda: collection(alerts, look)) == [], "a month that is not published"
    alerts.put(FIRST, b"bank_name,branch_id\r\nFirst Bank,1\r\n")
    assert alerts.heard(1, lambda: collection(alerts, "2026-11-10T06:59:59Z")) == [], "not due yet"
    [waiting] = alerts.heard(2, lambda: collection(alerts, look))
    says(waiting, "uncollected", **told_now(waiting))
    assert alerts.heard(2, lambda: collection(alerts, "2026-11-11T07:00:00Z")) == []

    file = "/" + FIRST.split("/", 2)[2]
    [over] = alerts.heard(2, lambda: alerts.collect(f"get {file}"))
    says(over, "collected", **told_now(over))
    receipts = alerts.cloud.client("dynamodb").scan(TableName="bank-loans-receipts")["Items"]
    assert [(r["recipient"]["S"], r["file"]["S"], r["client_ip"]["S"]) for r in receipts] == [
        ("first-bank", f"/{BUCKET}/{FIRST}", "127.0.0.1")
    ]
    assert receipts[0]["collected"]["S"].startswith(f"2026-10 {file} ")
    assert alerts.heard(1, lambda: collection(alerts, "2026-11-12T07:00:00Z")) == []


def test_whoever_may_put_events_writes_no_text_of_a_mail(alerts: Deployed) -> None:
    own = {"extract": "bank-loans", "recipient": "first-bank", "period": "2026-10"}
    for forged in [{"recipient": "send money"}, {"period": "send money"}, {"recipient": "karoo"}]:
        sent = event("sftp-transfer", "File Not Collected", **(own | forged))
        assert alerts.execute("state_machine_arn", sent) == []
    sent = event("sftp-transfer", "File Not Collected", **own, folder="https://evil.example.com")
    [mail] = alerts.execute("state_machine_arn", sent)
    assert line(mail, "File") == f"s3://{BUCKET}/loans/bank_name=FirstBank/year=2026/month=10"
    assert "evil" not in mail.text


def test_a_receipt_that_cannot_be_kept_is_told(alerts: Deployed) -> None:
    states = alerts.cloud.client("stepfunctions")
    machine = "arn:aws:states:eu-west-1:000000000000:stateMachine:bank-loans-receipts"
    nonsense = json.dumps({"detail": {"username": "first-bank", "file-path": "/x", "bytes": "many"}})
    [failed] = alerts.heard(1, lambda: states.start_execution(stateMachineArn=machine, input=nonsense))
    assert failed.subject.startswith("[FAILED] bank-loans: receipts: ")
    says(failed, "receipts-failed", **told_now(failed), **{r"(receipts): .*": r"\1: WHY"})


################################################################################
# What the emulator cannot make happen, as AWS sends it
################################################################################

ARN = "arn:aws:states:eu-west-1:000000000000"


def event(source: str, kind: str, at: str = "2026-11-01T00:09:12Z", **detail: Any) -> dict[str, Any]:
    return {"source": source, "detail-type": kind, "time": at, "detail": detail}


def job_event(message: str | None, *, state: str = "FAILED", at: str = "2026-11-01T00:09:12Z") -> Any:
    told = {} if message is None else {"message": message}
    detail = {"jobName": "bank-loans", "jobRunId": "jr_0123", "state": state, "severity": "ERROR", **told}
    return event("aws.glue", "Glue Job State Change", at, **detail)


def delay_event(state: str = "RUNNING") -> Any:
    return event(
        "aws.glue",
        "Glue Job Run Status",
        "2026-11-01T00:31:00Z",
        jobName="bank-loans",
        jobRunId="jr_0123",
        state=state,
        severity="INFO",
        message=f"Job is in {state} state",
        notificationCondition={"NotifyDelayAfter": 30.0},
        startedOn="2026-11-01T00:01:00Z",
    )


def crawler_event(state: str, message: str | None = None) -> Any:
    """As AWS sends it; `errorMessage` is there if the crawl failed."""
    link = "https://console.aws.amazon.com/cloudwatch/home?region=eu-west-1#logEventViewer:group=/aws-glue/crawlers"
    told = (
        {"cloudWatchLogLink": link}
        if message is None
        else {"cloudWatchLogLink": link, "errorMessage": message}
    )
    return event(
        "aws.glue", "Glue Crawler State Change", crawlerName="bank-loans-crawler", state=state, **told
    )


def rotation_event(name: str, message: str | None = None) -> Any:
    told = {} if message is None else {"errorMessage": message}
    secret = "arn:aws:secretsmanager:eu-west-1:000000000000:secret:bank-loans-AbCdEf"
    return event(
        "aws.secretsmanager",
        "AWS Service Event via CloudTrail",
        eventSource="secretsmanager.amazonaws.com",
        eventName=name,
        additionalEventData={"SecretId": secret, "clientRequestToken": "0123"},
        **told,
    )


# As version 42.1 of the PostgreSQL driver says it, and as Lake Formation does.
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
def test_a_failure_that_aws_tells_of_is_told_whole(alerts: Deployed, name: str) -> None:
    [mail] = alerts.execute("state_machine_arn", AS_AWS_SENDS_IT[name])
    says(mail, name)
    assert alerts.execute("state_machine_arn", AS_AWS_SENDS_IT[name]) == [], "the same is told once"


def test_a_state_machine_is_known_by_what_delivers_and_not_by_how_it_is_called(alerts: Deployed) -> None:
    kind, name = "Step Functions Execution Status Change", "till-push-daily-receipts"
    told = {"stateMachineArn": f"{ARN}:stateMachine:{name}", "status": "FAILED", "cause": "No table."}
    failed = event("aws.states", kind, executionArn=f"{ARN}:execution:{name}:0", **told)
    [mail] = alerts.execute("state_machine_arn", failed)
    assert "bank-loans cannot record who collects its files." in mail.text
    assert line(mail, "Reason") == "receipts: No table."


def test_a_rotation_that_works_again_is_told_once(alerts: Deployed) -> None:
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
def test_an_event_that_is_no_failure_of_this_extract_is_heard_by_no_rule_for_failures(
    deployed: Deployed, nothing: dict[str, Any]
) -> None:
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
        # In Johannesburg it is the first of February.
        ("2026-01-31T22:00:00Z", "2026-01"),
        ("2026-03-31T12:00:00Z", "2026-02"),
        ("2028-03-01T00:00:00Z", "2028-02"),
    ],
)
def test_a_failure_that_names_no_period_is_put_down_to_the_month_before(
    alerts: Deployed, at: str, period: str
) -> None:
    [mail] = alerts.execute("state_machine_arn", job_event("Job run timed out", at=at))
    assert line(mail, "Period") == period


def test_what_only_looks_like_a_period_is_part_of_the_reason(alerts: Deployed) -> None:
    [mail] = alerts.execute("state_machine_arn", job_event("SystemExit: 2026-13: there is no such month"))
    assert (line(mail, "Period"), line(mail, "Reason")) == ("2026-10", "2026-13: there is no such month")


def test_a_failure_of_glue_keeps_its_own_words(alerts: Deployed) -> None:
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
def test_values_cannot_forge_lines(alerts: Deployed, forged: dict[str, Any], label: str, shown: str) -> None:
    [mail] = alerts.execute("state_machine_arn", forged)
    honest = json.loads(json.dumps(forged).replace(json.dumps(FORGED)[1:-1], "y"))
    [plain] = alerts.execute("state_machine_arn", honest)
    assert line(mail, label) == shown
    assert len(mail.text.splitlines()) == len(plain.text.splitlines())
    assert "\n" not in mail.subject


def test_a_subject_is_ascii_and_fits(alerts: Deployed) -> None:
    message = 'SystemExit: 2026-10: no table "Pożyczki" ' + "and more " * 20
    [mail] = alerts.execute("state_machine_arn", job_event(message))
    assert mail.subject.startswith('[FAILED] bank-loans 2026-10: no table "Po?yczki" and more')
    assert len(mail.subject) < 100
    assert 'no table "Pożyczki"' in line(mail, "Reason")


################################################################################
# The alerts themselves
################################################################################


def test_a_test_message_says_that_it_is_one(alerts: Deployed) -> None:
    given = json.loads(alerts.outputs["alerts"]["test_message"]["input"])
    for _ in range(2):  # on demand, so as often as it is asked for
        [mail] = alerts.execute("state_machine_arn", given)
        says(mail, "test")


def test_a_mail_that_cannot_be_written_is_told_by_a_rule_past_the_state_machine(alerts: Deployed) -> None:
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
def test_an_event_that_cannot_be_handed_over_waits_in_the_queue_and_sets_off_the_alarm(
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
    # The emulator measures no queue, so the measure is taken here.
    cloudwatch.set_alarm_state(AlarmName=alarm["AlarmName"], StateValue="ALARM", StateReason="1 > 0")
    [mail] = until(lambda: list((Counter(pushing.mails()) - Counter(before)).elements()))
    assert "so nothing was started and no mail was sent about it" in mail.text
    cloudwatch.set_alarm_state(AlarmName=alarm["AlarmName"], StateValue="OK", StateReason="0")


################################################################################
# Nothing happened at all
################################################################################


def check(alerts: Deployed, at: str | None) -> list[inbox.Mail]:
    return alerts.execute("missing_state_machine_arn", {"time": at} if at else {})


def test_a_month_that_is_missing_is_told_every_day_until_it_is_there(alerts: Deployed) -> None:
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


def test_a_run_that_publishes_a_missing_month_tells_that_it_is_over_and_the_check_does_not(
    alerts: Deployed,
) -> None:
    check(alerts, "2026-11-05T06:00:00Z")
    alerts.put("loans/_manifests/2026-10.json")
    [over] = alerts.heard(1, lambda: alerts.run_job(SUCCEEDS, period="2026-10"))
    assert over.subject == "[RECOVERED] bank-loans 2026-10: was MISSING: due on 2026-11-02 06:00 GMT"
    assert check(alerts, "2026-11-06T06:00:00Z") == []


def test_a_manifest_of_another_month_or_a_like_name_is_not_taken_for_it(alerts: Deployed) -> None:
    for name in ("2026-09.json", "2026-11.json", "2026-10.json.bak"):
        alerts.put(f"loans/_manifests/{name}")
    [mail] = check(alerts, "2026-11-05T06:00:00Z")
    assert line(mail, "Period") == "2026-10"


@pytest.mark.parametrize("day", range(1, 32))
def test_a_missing_month_sends_one_mail_on_each_day_of_january_and_a_published_one_none(
    alerts: Deployed, day: int
) -> None:
    at, period = f"2026-01-{day:02}T06:00:00Z", "2025-11" if day == 1 else "2025-12"
    [mail] = check(alerts, at)
    assert mail.subject.startswith(f"[MISSING] bank-loans {period}: not published, due on ")
    alerts.cloud.client("dynamodb").delete_item(
        TableName="bank-loans-incidents", Key={"incident": {"S": f"missing {period}"}}
    )
    alerts.put(f"loans/_manifests/{period}.json")
    assert check(alerts, at) == []


def test_a_check_by_hand_is_about_today(alerts: Deployed) -> None:
    # Two months back at most, whatever the day.
    months = {f"{datetime.now(UTC).date().replace(day=1) - timedelta(days=days):%Y-%m}" for days in (1, 32)}
    [mail] = check(alerts, None)
    assert line(mail, "Period") in months


def test_the_check_may_see_names_of_manifests_and_nothing_else(alerts: Deployed) -> None:
    alerts.publish("2026-10")
    iam = alerts.cloud.client("iam")
    rights = iam.get_role_policy(
        RoleName="bank-loans-missing-states-eu-west-1", PolicyName="look-and-publish"
    )
    # The same rights in a role that a test can take: the check's own is for its state machine alone.
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


def test_a_bucket_that_cannot_be_asked_is_told_too(alerts: Deployed) -> None:
    s3 = alerts.cloud.client("s3")
    s3.delete_bucket(Bucket=BUCKET)
    [mail] = check(alerts, "2026-11-05T06:00:00Z")
    s3.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": aws.REGION})
    says(mail, "unknown")


################################################################################
# What is deployed
################################################################################


def test_a_second_plan_is_empty(deployed: Deployed) -> None:
    assert deployed.root.changes(deployed.given) == ""


def test_what_can_change_changes_in_place_and_destroying_leaves_nothing(deployed: Deployed) -> None:
    # Last of this file's tests: nothing of it can be asked afterwards.
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
    assert (added, destroyed) == (1, 0), "the second address alone is new"
    assert altered > 10
    assert deployed.root.changes(given) == ""

    deployed.root.destroy(tf_vars=given)
    states, events = deployed.cloud.client("stepfunctions"), deployed.cloud.client("events")
    assert states.list_state_machines()["stateMachines"] == []
    assert events.list_rules()["Rules"] == []
    assert deployed.cloud.client("dynamodb").list_tables()["TableNames"] == []
    assert deployed.cloud.client("sns").list_topics()["Topics"] == []
