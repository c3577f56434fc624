"""Run `extracts run`, `history` and `resend` on a deployed project, with the user's own credentials."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from local_cloud.aws import REGION, Cloud
from tests.support import tool
from tests.support.tool import Extracts

BUCKET = "operate-files"
TABLE = "operate-receipts"
TRUST = {
    "Version": "2012-10-17",
    "Statement": [
        {"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole"}
        for service in ("glue.amazonaws.com", "states.amazonaws.com")
    ]
    + [{"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "sts:AssumeRole"}],
}
# A script that logs like the engine. It publishes a period, or fails in the same way as the engine.
SCRIPT = """
import json, sys
given = dict(zip(sys.argv[1::2], sys.argv[2::2]))
period = given.get("--period", "2026-10")
if period == "2020-01":
    sys.exit(f"{period}: 3 of 9 rows of the window reach no recipient. Nothing was published.")
published = f"{period}: 2 files, 3 rows, revision 1"
for event, message in (("started", f"Loans for {period}"), ("published", published)):
    print(json.dumps({"event": event, "message": message, "level": "info", "arguments": sorted(given)}))
"""


def totals(rows: int, amount: str) -> dict[str, Any]:
    """Return control totals in the form that the engine writes. Both metrics have a count and a sum."""
    metrics = {name: {"count": rows, "sum": amount} for name in ("loans_count", "amount_sum")}
    return {"rows": rows, "metrics": metrics}


def manifest(period: str, revision: int = 1, **more: object) -> dict[str, Any]:
    """Return a manifest with two files, in the form that the engine writes."""
    day = {"2026-09": "20260930", "2026-10": "20261031"}[period]
    year, month = period.split("-")
    files = [
        {
            "key": f"loans/bank_name={name}/year={year}/month={month}/{name}_{day}.csv",
            "recipient": name,
            "bytes": 1234,
            "rows": rows,
            "sha256": "0" * 64,
            "totals": totals(7, "70.00"),
        }
        for name, rows in (("FirstBank", 2), ("SecondBank", 1001))
    ]
    return {
        "period": period,
        "revision": revision,
        "complete": True,
        "reason": None,
        "files": files,
        "totals": totals(13999, "1234567.50"),
        "source": totals(14000, "1234567.50"),
        "orphans": totals(1, "0.00"),
        "warnings": [],
        "late_data": [],
        "published_at": "2026-11-01T00:05:00Z",
        **more,
    }


@pytest.fixture(scope="session")
def deployed(cloud: Cloud) -> dict[str, Any]:
    """The outputs of a deployed project: its job, its bucket, and its table of receipts."""
    s3, glue = cloud.client("s3"), cloud.client("glue")
    s3.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": REGION})
    s3.put_object(Bucket=BUCKET, Key="etl.py", Body=SCRIPT.encode())
    role = cloud.client("iam").create_role(RoleName="operate", AssumeRolePolicyDocument=json.dumps(TRUST))
    everything = {"Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
    cloud.client("iam").put_role_policy(
        RoleName="operate",
        PolicyName="all",
        PolicyDocument=json.dumps({"Version": "2012-10-17", **everything}),
    )
    glue.create_job(
        Name="operate",
        Role=role["Role"]["Arn"],
        Command={"Name": "glueetl", "ScriptLocation": f"s3://{BUCKET}/etl.py", "PythonVersion": "3"},
        GlueVersion="5.0",
        WorkerType="G.1X",
        NumberOfWorkers=2,
        DefaultArguments={"--custom-logGroup-prefix": "/operate"},
        ExecutionProperty={"MaxConcurrentRuns": 4},
    )
    cloud.client("dynamodb").create_table(
        TableName=TABLE,
        BillingMode="PAY_PER_REQUEST",
        KeySchema=[
            {"AttributeName": "recipient", "KeyType": "HASH"},
            {"AttributeName": "collected", "KeyType": "RANGE"},
        ],
        AttributeDefinitions=[
            {"AttributeName": name, "AttributeType": "S"} for name in ("recipient", "collected")
        ],
    )
    return {
        "alert_topic_arn": f"arn:aws:sns:{REGION}:123456789012:operate",
        "job_name": "operate",
        "log_groups": {"output": "/operate/output", "error": "/operate/error"},
        "manifests": f"s3://{BUCKET}/loans/_manifests/",
    }


def project(folder: Path, outputs: dict[str, Any]) -> Path:
    """Return a project whose Terraform state has the given outputs."""
    (folder / "bank-loans/Terraform").mkdir(parents=True, exist_ok=True)
    (folder / "bank-loans/Terraform/main.tf").write_text("")
    values = {name: {"value": value, "type": "dynamic"} for name, value in outputs.items()}
    for value in values.values():
        value["type"] = "string" if isinstance(value["value"], str) else ["map", "string"]
    state = {
        "version": 4,
        "terraform_version": "1.11.4",
        "serial": 1,
        "lineage": "operate",
        "outputs": values,
        "resources": [],
    }
    (folder / "bank-loans/Terraform/terraform.tfstate").write_text(json.dumps(state))
    return folder / "bank-loans"


@pytest.fixture
def bank_loans(deployed: dict[str, Any], tmp_path: Path) -> Path:
    return project(tmp_path, deployed)


@pytest.fixture
def published(cloud: Cloud, deployed: dict[str, Any]) -> Iterator[None]:
    """Two published months. The older month was restated, and the recipient downloaded one of its files."""
    s3, dynamodb = cloud.client("s3"), cloud.client("dynamodb")
    late = {"period": "2026-09", "difference": "FirstBank_20260930.csv differs (sum 70.00 -> 75.00)"}
    for found in (
        manifest("2026-09", revision=2, reason="late\nbookings"),
        manifest("2026-10", late_data=[late]),
    ):
        s3.put_object(
            Bucket=BUCKET, Key=f"loans/_manifests/{found['period']}.json", Body=json.dumps(found).encode()
        )
    s3.put_object(Bucket=BUCKET, Key="loans/_manifests/2026-10.claim", Body=b"{}")
    path = "/year=2026/month=09/FirstBank_20260930.csv"
    item = {
        "recipient": "first-bank",
        "collected": f"2026-09 {path} etag",
        "file": f"/{BUCKET}/loans/bank_name=FirstBank{path}",
        "time": "2026-10-01T06:00:00Z",
        "client_ip": "192.0.2.7",
    }
    dynamodb.put_item(TableName=TABLE, Item={name: {"S": value} for name, value in item.items()})
    yield
    for name in ("2026-09.json", "2026-10.json", "2026-10.claim"):
        s3.delete_object(Bucket=BUCKET, Key=f"loans/_manifests/{name}")


def in_folder(
    project: Path, command: str, cloud: Cloud, *more: str | Path
) -> subprocess.CompletedProcess[str]:
    """Run a command of the documentation in the folder of the project."""
    words = shlex.split(command)[1:]
    return tool.call(*words, *more, folder=project, variables={**os.environ, **cloud.environment})


def test_run_command_prints_the_log_and_ends_with_the_message_of_the_run(
    extracts: Extracts, bank_loans: Path, cloud: Cloud
) -> None:
    done = extracts("run", bank_loans, "--period", "2026-10", **cloud.environment)
    assert (done.returncode, done.stderr) == (0, "")
    first, *rest = done.stdout.splitlines()
    assert first.startswith("operate: run jr_")
    assert rest == ["Loans for 2026-10", "2026-10: 2 files, 3 rows, revision 1"]


@pytest.mark.parametrize(
    ("command", "arguments"),
    [
        (
            'extracts run . --period 2026-10 --restate --reason "late bookings"',
            {"--period": "2026-10", "--restate": "true", "--reason": "late bookings"},
        ),
        ("extracts run . --from 2026-01 --to 2026-09", {"--from": "2026-01", "--to": "2026-09"}),
    ],
)
def test_run_command_passes_its_options_to_the_job(
    bank_loans: Path, cloud: Cloud, command: str, arguments: dict[str, str]
) -> None:
    done = in_folder(bank_loans, command, cloud, "--json")
    found = json.loads(done.stdout)
    assert (done.returncode, found["state"]) == (0, "SUCCEEDED"), done.stderr
    run = cloud.client("glue").get_job_run(JobName="operate", RunId=found["run_id"])["JobRun"]
    assert run["Arguments"] == arguments
    assert [event["event"] for event in found["events"]] == ["started", "published"]


def test_run_command_ends_with_the_error_message_of_a_failed_run(
    extracts: Extracts, bank_loans: Path, cloud: Cloud
) -> None:
    done = extracts("run", bank_loans, "--period", "2020-01", **cloud.environment)
    assert done.returncode == 1
    assert "2020-01: 3 of 9 rows of the window reach no recipient. Nothing was published." in done.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--period", "2026-13"], '"2026-13" is not a period; write YYYY-MM, for example 2026-10.'),
        (["--from", "2026-01"], "--to is missing; a backfill needs --from and --to."),
        (["--from", "2026-03", "--to", "2026-01"], "--from 2026-03 is after --to 2026-01."),
        (["--period", "2026-01", "--to", "2026-02"], "Give either --period, or --from and --to."),
        (["--restate"], "--restate needs --reason TEXT, which the manifest records."),
        (
            ["--from", "2016-01", "--to", "2026-01"],
            "--from 2016-01 --to 2026-01 are 121 months; one run can do at most 120 months.",
        ),
        (["--reason", "x" * 1001], "--reason has 1001 characters; write at most 1000."),
    ],
)
def test_run_command_with_wrong_arguments_starts_no_run(
    extracts: Extracts, arguments: list[str], message: str
) -> None:
    done = extracts("run", "no-project", *arguments)
    assert (done.returncode, done.stdout, done.stderr) == (1, "", f"✗ {message}\n")


def test_error_names_the_missing_right(
    extracts: Extracts, bank_loans: Path, cloud: Cloud, deployed: object
) -> None:
    role = cloud.client("iam").create_role(
        RoleName="operate-nothing", AssumeRolePolicyDocument=json.dumps(TRUST)
    )
    session = cloud.client("sts").assume_role(RoleArn=role["Role"]["Arn"], RoleSessionName="nobody")
    keys = session["Credentials"]
    credentials = {
        "AWS_ACCESS_KEY_ID": keys["AccessKeyId"],
        "AWS_SECRET_ACCESS_KEY": keys["SecretAccessKey"],
        "AWS_SESSION_TOKEN": keys["SessionToken"],
    }
    for command, right in (("run", "glue:StartJobRun"), ("history", "s3:ListBucket")):
        done = extracts(command, bank_loans, **{**cloud.environment, **credentials})
        assert done.returncode == 1
        assert f"AWS refused {right}; grant it to your role." in done.stderr


def test_project_that_is_not_deployed_is_refused(extracts: Extracts, tmp_path: Path) -> None:
    done = extracts("history", project(tmp_path, {}))
    assert done.returncode == 1
    assert "bank-loans is not deployed, or its state is not available here" in done.stderr


@pytest.mark.usefixtures("published")
def test_history_lists_the_newest_month_first(
    extracts: Extracts, tmp_path: Path, deployed: dict[str, Any], cloud: Cloud
) -> None:
    folder = project(tmp_path, deployed | {"sftp_receipts_table": TABLE})
    done = extracts("history", folder, **cloud.environment)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines() == [
        "period   revision  published             files   rows  entity rows  orphan rows  collected",
        "2026-10         1  2026-11-01T00:05:00Z      2  1,003       14,000            1     0 of 2",
        "  total: 1,234,567.50 in 13,999 values",
        "2026-09         2  2026-11-01T00:05:00Z      2  1,003       14,000            1     1 of 2",
        "  total: 1,234,567.50 in 13,999 values",
        "  last collected by first-bank, 2026-10-01T06:00:00Z",
        "  late bookings; late data: FirstBank_20260930.csv differs (sum 70.00 -> 75.00)",
    ]


@pytest.mark.usefixtures("published")
def test_history_shows_who_collected_which_file_in_json_and_on_a_page(
    tmp_path: Path, deployed: dict[str, Any], cloud: Cloud
) -> None:
    folder = project(tmp_path, deployed | {"sftp_receipts_table": TABLE})
    done = in_folder(folder, "extracts history . --page history.html", cloud, "--json")
    september, october = json.loads(done.stdout)["periods"]
    assert september["files"][0]["collected"] == [
        {"user": "first-bank", "time": "2026-10-01T06:00:00Z", "client_ip": "192.0.2.7"}
    ]
    assert [file["collected"] for file in october["files"]] == [[], []]
    assert october["totals"] == totals(13999, "1234567.50")["metrics"]
    assert october["late_data"] == {"2026-09": "FirstBank_20260930.csv differs (sum 70.00 -> 75.00)"}
    page = folder / "history.html"
    assert page.stat().st_mode & 0o777 == 0o600
    shown = page.read_text()
    assert "2026-10-01T06:00:00Z by first-bank from 192.0.2.7" in shown
    assert "late data: FirstBank_20260930.csv differs (sum 70.00 -&gt; 75.00)" in shown
    assert '<td>amount_sum</td><td class="n">13,999</td><td class="n">1,234,567.50</td>' in shown


def test_history_does_not_replace_a_file_that_it_did_not_write(extracts: Extracts, tmp_path: Path) -> None:
    page = tmp_path / "notes.html"
    page.write_text("mine")
    done = extracts("history", "no-project", "--page", str(page))
    assert done.stderr == (
        f"✗ --page {page} is not a page of `extracts history`; move it away, or give another path.\n"
    )
    assert page.read_text() == "mine"


@pytest.mark.parametrize("content", ['{"period": "2026-08"}', '{"period": "2026-08", "revision": Infinity}'])
def test_history_refuses_a_manifest_that_the_engine_did_not_write(
    extracts: Extracts, bank_loans: Path, cloud: Cloud, content: str
) -> None:
    key = "loans/_manifests/2026-08.json"
    cloud.client("s3").put_object(Bucket=BUCKET, Key=key, Body=content.encode())
    done = extracts("history", bank_loans, **cloud.environment)
    cloud.client("s3").delete_object(Bucket=BUCKET, Key=key)
    assert done.returncode == 1
    assert (
        done.stderr == f"✗ s3://{BUCKET}/{key} is not a manifest of the engine; move it to another place.\n"
    )


@pytest.mark.usefixtures("published")
def test_resend_starts_the_state_machine_of_the_recipient(
    tmp_path: Path, deployed: dict[str, Any], cloud: Cloud
) -> None:
    role = cloud.client("iam").get_role(RoleName="operate")["Role"]["Arn"]
    states = cloud.client("stepfunctions")
    pushes = {}
    for name, state in (
        ("first-bank", {"Type": "Succeed"}),
        ("second-bank", {"Type": "Fail", "Error": "DidNotArrive", "Cause": "SecondBank did not get 1 file"}),
    ):
        definition = {"StartAt": "End", "States": {"End": state}}
        made = states.create_state_machine(
            name=f"operate-{name}", definition=json.dumps(definition), roleArn=role
        )
        pushes[name] = made["stateMachineArn"]
    folder = project(tmp_path, deployed | {"sftp_pushes": pushes})

    def resend(period: str, recipient: str) -> tuple[int, str]:
        command = "extracts resend . --period 2026-10 --recipient first-bank"
        done = in_folder(folder, command.replace("2026-10", period).replace("first-bank", recipient), cloud)
        return done.returncode, (done.stderr or done.stdout).splitlines()[-1]

    assert resend("2026-10", "first-bank") == (0, "2026-10: the files were sent to first-bank.")
    [execution] = states.list_executions(stateMachineArn=pushes["first-bank"])["executions"]
    given = json.loads(states.describe_execution(executionArn=execution["executionArn"])["input"])
    assert given == {"detail": {"object": {"key": "loans/_manifests/2026-10.json"}}}
    assert resend("2026-10", "second-bank") == (1, "✗ 2026-10: SecondBank did not get 1 file")
    assert resend("2026-10", "third-bank") == (
        1,
        '✗ There is no recipient "third-bank"; the recipients are: first-bank, second-bank.',
    )
    missing = f"s3://{BUCKET}/loans/_manifests/2026-07.json"
    assert resend("2026-07", "first-bank") == (1, f"✗ 2026-07 is not published: {missing} does not exist.")


def test_error_for_resend_without_a_connector_says_what_to_do(
    extracts: Extracts, bank_loans: Path, cloud: Cloud
) -> None:
    done = extracts(
        "resend", bank_loans, "--period", "2026-10", "--recipient", "first-bank", **cloud.environment
    )
    assert done.returncode == 1
    assert "Tell the recipient to download again." in done.stderr
