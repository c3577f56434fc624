"""Modules for tests of mails: `failure-alerts`, and `sftp-transfer` with a server and with connectors.

Terraform applies the modules in the local cloud. The job runs a script of the test instead of the engine.
The crawler, the SFTP client and the recipient's server are real. The emulator does not send some events, for
example of a timeout or a rotation. For these events, the tests start the state machine with the event that
AWS would send. The expected mails are in `mails/`.
"""

from __future__ import annotations

import json
import os
import re
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from local_cloud import aws, inbox, sftp
from tests.support.recipients_server import Server
from tests.support.terraform import OpenRoot, Root, variables
from tests.support.waiting import until
from tools.hcl import MODULES

MAILS = Path(__file__).parent / "mails"
REFRESH = "REFRESH_MAILS=1 python -m pytest tests/integration/modules -k mail"
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

  manifest_prefix = local.manifests

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
  target = { bucket = local.bucket, manifest_prefix = local.manifests }
}

output "alerts" { value = module.alerts }
output "server" { value = module.server }
"""
FAILS = """import sys
sys.exit('2026-10: permission denied for table public."Loans"; grant SELECT on it to role "extract_reader".')
"""
SUCCEEDS = "print('published')\n"
WAITS = "import time\ntime.sleep(600)\n"


@dataclass(frozen=True)
class Deployed:
    """The three deployed modules, and the local servers that they use."""

    cloud: aws.Cloud
    outputs: dict[str, Any]
    server: Server
    key: sftp.KeyPair
    place: Path
    root: Root
    given: dict[str, str]
    parts: ExitStack

    def mails(self) -> list[inbox.Mail]:
        return inbox.read(self.cloud.mailbox)

    def execute(self, machine: str, given: dict[str, Any], ends: str = "SUCCEEDED") -> list[inbox.Mail]:
        """Start a state machine of the alerts, and return the mails that the execution sent."""
        before, states = self.mails(), self.cloud.client("stepfunctions")
        execution = states.start_execution(
            stateMachineArn=self.outputs["alerts"][machine], input=json.dumps(given)
        )["executionArn"]

        def ended() -> Any:
            told = states.describe_execution(executionArn=execution)
            return told if told["status"] != "RUNNING" else None

        told = until(ended)
        assert told["status"] == ends, told
        # The mailbox already has all mails, because SNS stores a message before the call of Publish returns.
        return list((Counter(self.mails()) - Counter(before)).elements())

    def mails_after(self, events: int, provoke: Callable[[], object]) -> list[inbox.Mail]:
        """Call `provoke`, wait until the alerts have processed `events` events, and return the new mails."""
        before, done = self.mails(), self._processed()
        provoke()
        until(lambda: self._processed() >= done + events)
        return list((Counter(self.mails()) - Counter(before)).elements())

    def _processed(self) -> int:
        states = self.cloud.client("stepfunctions")
        pages = states.get_paginator("list_executions").paginate(
            stateMachineArn=self.outputs["alerts"]["state_machine_arn"]
        )
        return sum(run["status"] != "RUNNING" for page in pages for run in page["executions"])

    def run_job(self, script: str, **arguments: str) -> str:
        """Upload this script as the script of the job, start a run, and return the run's ID."""
        glue = self.cloud.client("glue")
        self.cloud.client("s3").put_object(Bucket="bank-loans-artifacts", Key="etl.py", Body=script.encode())
        given = {f"--{name}": value for name, value in arguments.items()}
        return str(glue.start_job_run(JobName="bank-loans", Arguments=given)["JobRunId"])

    def put(self, key: str, body: bytes = b"{}") -> None:
        self.cloud.client("s3").put_object(Bucket=BUCKET, Key=key, Body=body)

    def publish(self, period: str) -> None:
        """Write the manifest of a period to the bucket. It names all files in the folders of the period."""
        listed = self.cloud.client("s3").list_objects_v2(Bucket=BUCKET, Prefix="loans/bank_name=")
        folder = f"/year={period[:4]}/month={period[5:]}/"
        keys = [entry["Key"] for entry in listed.get("Contents", ()) if folder in entry["Key"]]
        manifest = {"files": [{"key": key} for key in keys]}
        self.put(f"loans/_manifests/{period}.json", json.dumps(manifest).encode())

    def collect(self, *commands: str) -> Any:
        known_hosts = self.place / "known_hosts"
        return sftp.Recipient(self.cloud.sftp_port, "first-bank", self.key, known_hosts, self.place).run(
            *commands
        )


@pytest.fixture(scope="session")
def deployed(
    cloud: aws.Cloud, open_root: OpenRoot, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Deployed]:
    """Deploy the modules once for all tests of mails.

    The last test of the last test file destroys the deployment.
    """
    folder, place = tmp_path_factory.mktemp("alerts"), tmp_path_factory.mktemp("recipient")
    key = sftp.key_pair(place)
    login, host = (sftp.key_pair(place, name, "ecdsa") for name in ("karoo", "host"))
    with ExitStack() as parts:
        server = Server(place / "incoming", login, host)
        parts.callback(server.stop)
        value = {"Username": "extracts", "PrivateKey": server.key.private.read_text()}
        secrets = cloud.client("secretsmanager")
        secret = secrets.create_secret(Name="aws/transfer/karoo", SecretString=json.dumps(value))
        parts.callback(secrets.delete_secret, SecretId=secret["ARN"], ForceDeleteWithoutRecovery=True)
        make_job(cloud)
        parts.callback(delete_job, cloud)
        (folder / "main.tf").write_text(ROOT.replace("MODULES", str(MODULES)))
        recipient = {"url": server.url, "host_key": server.host_key.public, "secret_arn": secret["ARN"]}
        given = variables(key=key.public, server=recipient, changes={})
        root = open_root(folder, **cloud.environment)
        root.setup()
        parts.callback(root.destroy, tf_vars=given)
        root.apply(tf_vars=given)
        outputs = dict(root.output())
        sftp.pin(cloud.sftp_port, outputs["server"]["host_key_fingerprint"], place / "known_hosts")
        yield Deployed(cloud, outputs, server, key, place, root, given, parts)


def make_job(cloud: aws.Cloud) -> None:
    """Create a job with one retry, and a crawler that fails because its connection does not exist."""
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


def delete_job(cloud: aws.Cloud) -> None:
    """Delete the resources of `make_job`, so that another test file can create them in the same account."""
    iam, s3, glue = cloud.client("iam"), cloud.client("s3"), cloud.client("glue")
    glue.delete_crawler(Name="bank-loans-crawler")
    glue.delete_job(JobName="bank-loans")
    iam.delete_role_policy(RoleName="stand-in-job", PolicyName="all")
    iam.delete_role(RoleName="stand-in-job")
    for found in s3.list_objects_v2(Bucket="bank-loans-artifacts").get("Contents", ()):
        s3.delete_object(Bucket="bank-loans-artifacts", Key=found["Key"])
    s3.delete_bucket(Bucket="bank-loans-artifacts")


@pytest.fixture
def alerts(deployed: Deployed) -> Iterator[Deployed]:
    """The deployed modules, with an empty bucket and without open failures."""
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
    """Compare a mail with the file in `mails/`.

    Some values differ in each run of the test. `names` maps a regular expression for such a value to the word
    that replaces the value in the file.
    """
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
    assert text == path.read_text(), f"if the mail is right, run: {REFRESH}"


def checked_time(mail: inbox.Mail) -> dict[str, str]:
    """Check that the time in a mail is about now. Return the argument of `says` that writes NOW instead."""
    when = line(mail, "When")
    age = datetime.now(UTC) - datetime.strptime(when, "%Y-%m-%d %H:%M:%S GMT").replace(tzinfo=UTC)
    assert timedelta(seconds=-5) < age < timedelta(minutes=10)
    return {re.escape(when): "NOW"}


def line(mail: inbox.Mail, label: str) -> str:
    """Return the text after the label in the first line that begins with the label."""
    return next(
        text.removeprefix(f"{label}:").strip()
        for text in mail.text.splitlines()
        if text.startswith(f"{label}:")
    )


################################################################################
# Events in the form in which AWS sends them
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
    """Return the event of a crawl. The event has an `errorMessage` if the crawl failed."""
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
