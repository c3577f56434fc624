"""Run the workflows of bank-loans in the local cloud, from the pull request to the backfill.

The tests run in the order of this file. Each test starts with the state after the previous test.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import boto3
import pytest
import yaml
from botocore.exceptions import ClientError

import extracts
from local_cloud import aws
from local_cloud.demo import store
from tests.support.github import HOME, ROOT, Run, assume
from tests.support.story import BACKEND, Story

REASON = 'late bookings, "again"; $(id)'


def refusal(run: Run, job: str) -> str:
    """Check that only the given job has failed, and return its only error message."""
    assert run.failures.keys() == {job}, run.failures
    [error] = run.jobs[job].errors
    return error


@pytest.fixture(scope="module")
def proposed(story: Story) -> Run:
    """Open the first pull request. It contains the stamped project and a backend for its state."""
    story.github.push(story.project, "Begin")
    story.write("Terraform/backend.tf", BACKEND)
    story.github.push(story.project, "Keep the state", branch="backend")
    return story.github.run("extract.yml", story.github.pull_request(2, "backend"))


@pytest.fixture(scope="module")
def deployed(story: Story, proposed: Run) -> Run:
    """Merge the first pull request, and run the workflow."""
    return story.github.run("extract.yml", story.github.merge(2))


def test_plan_without_a_backend_is_refused(story: Story) -> None:
    story.github.push(story.project, "Begin")
    run = story.github.run("extract.yml", story.github.pull_request(1, "main"))
    assert refusal(run, "plan / plan").startswith(
        "Terraform/ names no backend, and a runner forgets its own state."
    )
    assert run.jobs["plan / scan"].result == "skipped"


def test_pull_request_shows_its_plan_in_a_comment(story: Story, proposed: Run) -> None:
    assert proposed.failures == {}
    [comment] = story.github.comments(2)
    assert comment.startswith("<!-- extract-plan . -->\n### Plan of `.`\nPlan: ")
    assert f"`{proposed.jobs['plan / show / show'].outputs['digest']}`" in comment
    assert len(comment) < 65_536, "GitHub refuses a longer comment"


def test_shortened_comment_has_a_note_and_a_link_to_the_whole_plan(story: Story, proposed: Run) -> None:
    [comment] = story.github.comments(2)
    [whole] = story.github.shown(proposed)
    shown, of = map(int, re.findall(r"\*\*Cut here: (\d+) of (\d+) lines are shown\.\*\*", comment)[0])
    assert (0 < shown < of, of) == (True, len(whole.read_text().splitlines()))
    assert f"/actions/runs/{proposed.number}/artifacts/" in comment.splitlines()[-3]
    # The artifact and the summary of the run contain the lines that the comment leaves out.
    for text in (whole.read_text(), proposed.jobs["plan / show / show"].summary):
        assert "# module.sftp.aws_transfer_server.this[0] will be created" in text
        assert len(re.findall(r"^  # \S+ will be", text, re.MULTILINE)) > 100


def test_next_push_updates_the_same_comment(story: Story, proposed: Run) -> None:
    story.push("Say whose it is", branch="backend")
    again = story.github.run("extract.yml", story.github.pull_request(2, "backend"))
    [comment] = story.github.comments(2)
    assert again.jobs["plan / show / show"].outputs["digest"] in comment
    [whole] = story.github.shown(again)
    assert 'tags.team = "data"' in whole.read_text()


def test_plans_with_different_hidden_values_have_different_digests(story: Story, proposed: Run) -> None:
    """For the properties of the connection, the text of the plan shows only `(sensitive value)`."""
    values = story.project / "Terraform/team.auto.tfvars.json"
    before = values.read_text()
    story.write("Terraform/team.auto.tfvars.json", before.replace('"localhost"', '"evil.internal"'))
    story.push("Read elsewhere", branch="elsewhere")
    other = story.github.run("extract.yml", story.github.pull_request(5, "elsewhere"))
    story.write("Terraform/team.auto.tfvars.json", before)
    last = story.github.runs[-2]
    assert (
        last.jobs["plan / show / show"].outputs["digest"]
        != other.jobs["plan / show / show"].outputs["digest"]
    )


HERE = f"{HOME}/.github/workflows"
TAG = f"refs/tags/v{extracts.__version__}"
OWN = "banking-group/bank-loans/.github/workflows/own.yml@refs/heads/evil"


@pytest.mark.parametrize(
    ("role", "subject", "workflow", "allowed"),
    [
        ("PLAN", "pull_request", f"{HERE}/extract-plan.yml@{TAG}", True),
        ("PLAN", "ref:refs/heads/main", f"{HERE}/extract-drift.yml@{TAG}", True),
        ("PLAN", "environment:plan", f"{HERE}/extract-plan.yml@{TAG}", False),
        ("PLAN", "pull_request", f"{HERE}/extract-plan.yml@refs/tags/v99.0.0", False),
        ("PLAN", "pull_request", f"{HERE}/extract-plan.yml@{'0' * 40}", False),  # a commit of a fork
        ("PLAN", "ref:refs/heads/evil", f"{HERE}/extract-plan.yml@{TAG}", False),
        ("PLAN", "pull_request", OWN, False),
        ("APPLY", "environment:production", f"{HERE}/extract-apply.yml@{TAG}", True),
        ("APPLY", "environment:production", OWN, False),
        ("APPLY", "pull_request", f"{HERE}/extract-apply.yml@{TAG}", False),
        ("APPLY", "ref:refs/heads/main", f"{HERE}/extract-apply.yml@{TAG}", False),
        ("APPLY", "environment:other", f"{HERE}/extract-apply.yml@{TAG}", False),
        ("RUN", "environment:production", f"{HERE}/extract-backfill.yml@{TAG}", True),
        ("RUN", "environment:production", f"{HERE}/extract-apply.yml@{TAG}", False),
    ],
)
def test_only_the_jobs_that_need_a_role_can_assume_the_role(
    story: Story, role: str, subject: str, workflow: str, allowed: bool
) -> None:
    """Otherwise, anyone who can push a branch could deploy, or use the plan role in another workflow."""
    arn = story.github.variables[f"AWS_{role}_ROLE_ARN"]
    of = f"{story.github.subject}:{subject}"
    if allowed:
        assert assume(story.cloud, arn, of, workflow)
        return
    with pytest.raises(ClientError, match="AccessDenied"):
        assume(story.cloud, arn, of, workflow)
    with pytest.raises(ClientError, match="AccessDenied"):
        assume(story.cloud, arn, of.replace("banking-group@", "somebody@"), workflow)


def test_artifact_of_the_plan_contains_no_state(story: Story, proposed: Run) -> None:
    """Every reader of the repository can download the artifact, and a Terraform state contains secrets."""
    folder = story.github.artifact(proposed, proposed.jobs["plan / plan"].outputs["artifact"])
    assert sorted(path.name for path in folder.iterdir()) == ["files.txt", "plan.json"]
    plan = json.loads((folder / "plan.json").read_text())
    assert plan["resource_changes"]
    assert plan.keys().isdisjoint({"prior_state", "resource_drift"})


def test_reviewed_plan_is_applied(story: Story, deployed: Run) -> None:
    assert deployed.failures == {}
    assert deployed.jobs["apply / reviewed"].result == "success"
    assert "Apply complete!" in deployed.jobs["apply / apply"].log
    assert story.cloud.client("glue").get_job(JobName="bank-loans")["Job"]["Name"] == "bank-loans"


def test_plan_role_cannot_read_files_or_secrets_or_other_projects(story: Story, deployed: Run) -> None:
    """Code of a branch runs with the plan role.

    The plans in other tests show that the rights of the plan role are sufficient.
    """
    properties = {"JDBC_CONNECTION_URL": "jdbc:postgresql://other.internal/bank", "SECRET_ID": "other"}
    story.cloud.client("glue").create_connection(
        ConnectionInput={"Name": "other", "ConnectionType": "JDBC", "ConnectionProperties": properties}
    )
    variables = json.loads((story.project / "Terraform/team.auto.tfvars.json").read_text())
    bucket = f"bank-loans-{aws.ACCOUNT}-{aws.REGION}"
    calls: list[tuple[str, str, dict[str, Any]]] = [
        ("glue", "get_connection", {"Name": "other"}),
        ("glue", "get_connections", {}),
        ("glue", "get_job_runs", {"JobName": "bank-loans"}),
        ("secretsmanager", "get_secret_value", {"SecretId": variables["database"]["secret_arn"]}),
        ("s3", "get_object", {"Bucket": bucket, "Key": "loans/_manifests/2026-10.json"}),
        ("s3", "get_object", {"Bucket": "terraform-states", "Key": "other.tfstate"}),
        ("dynamodb", "scan", {"TableName": "bank-loans-incidents"}),
        ("logs", "get_log_events", {"logGroupName": "/aws/transfer/bank-loans", "logStreamName": "x"}),
    ]
    role = story.github.variables["AWS_PLAN_ROLE_ARN"]
    subject = f"{story.github.subject}:pull_request"
    given = assume(story.cloud, role, subject, f"{HERE}/extract-plan.yml@{TAG}")
    session = boto3.Session(given["AccessKeyId"], given["SecretAccessKey"], given["SessionToken"], aws.REGION)
    for service, call, arguments in calls:
        client = session.client(service, endpoint_url=story.cloud.endpoint, verify=str(story.cloud.authority))
        with pytest.raises(ClientError, match="AccessDenied"):
            getattr(client, call)(**arguments)


def test_costs_page_shows_the_number_of_planned_resources(story: Story, deployed: Run) -> None:
    artifact = deployed.jobs["apply / plan / plan"].outputs["artifact"]
    plan = json.loads((story.github.artifact(deployed, artifact) / "plan.json").read_text())
    planned = Counter(
        change["type"] for change in plan["resource_changes"] if change["change"]["actions"] == ["create"]
    )
    costs = (ROOT / "docs/reference/costs.md").read_text().partition("\n## Prices")[0]
    rows = re.findall(r"^\| (.*?) \| (\d+) \| [\d.]+ \|", costs, re.MULTILINE)
    counted = {
        "KMS keys": planned["aws_kms_key"],
        "secret of the source's login": 1,  # the user creates this secret, not Terraform
        "CloudWatch alarms": planned["aws_cloudwatch_metric_alarm"],
    }
    assert {part: int(number) for part, number in rows} == counted
    assert planned["aws_transfer_server"] == 1


def test_plan_is_not_applied_if_no_pull_request_showed_it(story: Story, deployed: Run) -> None:
    run = story.github.run("extract.yml", story.push("Just so", team="nobody asked"))
    assert refusal(run, "apply / reviewed").startswith("No pull request showed this plan.")
    assert run.jobs["apply / apply"].result == "skipped"


def test_plan_is_not_applied_if_it_differs_from_the_shown_plan(story: Story, deployed: Run) -> None:
    story.push("Rename the team", team="figures", branch="rename")
    story.github.pull_request(3, "rename")  # merged before a workflow plans this pull request
    run = story.github.run("extract.yml", story.github.merge(3))
    assert refusal(run, "apply / reviewed").startswith(
        "This is not the plan that #3 showed: something changed since."
    )
    assert run.jobs["apply / apply"].result == "skipped"


def test_forged_run_or_comment_does_not_prove_that_a_plan_was_shown(story: Story, deployed: Run) -> None:
    """Anyone who can push a branch can write comments and upload artifacts of any name from its workflow."""
    story.push("Rename the team again", team="forged", branch="forge")
    event = story.github.pull_request(4, "forge")
    story.github.run("extract.yml", event)
    merged = story.github.merge(4)
    whole = story.github.state
    honest = whole["runs"][-1]
    # tests/unit/workflows/test_plan_gate.py tries other forgeries.
    forged = {**honest, "path": ".github/workflows/own.yml"}
    story.github.write_state({**whole, "runs": [*whole["runs"][:-1], forged]})
    assert len(story.github.comments(4)) == 1
    run = story.github.run("extract.yml", merged)
    assert refusal(run, "apply / reviewed").startswith(
        "This is not the plan that #4 showed: something changed since."
    )


@pytest.fixture(scope="module")
def unchanged(story: Story, deployed: Run) -> Run:
    """Run the drift check on an unchanged deployment."""
    return story.github.run("drift.yml", story.push("As deployed"))


def test_drift_check_succeeds_without_drift(unchanged: Run) -> None:
    assert unchanged.failures == {}


def test_plan_of_an_update_shows_only_the_changes_of_the_new_release(
    story: Story, deployed: Run, tmp_path: Path
) -> None:
    """The update keeps an edit of the spec that is not applied yet, but does not report it as a change."""
    workflow = story.github.home / "modules/glue-extract/main.tf"
    words = '"of the extract ${var.name}."'
    assert workflow.read_text().count(words) == 1
    workflow.write_text(workflow.read_text().replace(words, '"of the extract ${var.name}, as of 99."'))
    story.github.release("99.0.0")
    shutil.copytree(story.project, tmp_path / "project")
    spec = tmp_path / "project/Glue/etl.py"
    spec.write_text("# Agreed with finance.\n" + spec.read_text())
    done = subprocess.run(
        [
            *(sys.executable, "-m", "extracts", "update", str(tmp_path / "project"), "--json"),
            *("--template", str(story.github.home), "--plan", "--dry-run"),
        ],
        capture_output=True,
        text=True,
        check=False,
        env={
            **story.github.settings,
            **story.cloud.environment,
            **story.github.redirected,
            "PATH": f"{story.github.folder / 'bin'}{os.pathsep}{os.environ['PATH']}",
        },
    )
    assert done.returncode == 0, done.stderr
    [update] = json.loads(done.stdout)["projects"]
    assert (update["from"], update["to"]) == (extracts.__version__, "99.0.0")
    assert update["files"]["Terraform/main.tf"] == "updated"
    assert "Glue/etl.py" not in update["files"]
    assert [(change["address"], change["verb"], change["detail"]) for change in update["terraform"]] == [
        ("module.extract.aws_glue_workflow.this", "changed", "description")
    ]


def test_manual_change_is_reported_as_drift(story: Story, deployed: Run) -> None:
    story.cloud.client("glue").update_workflow(Name="bank-loans", Description="by hand")
    run = story.github.run("drift.yml", story.push("As deployed"))
    assert refusal(run, "drift / drift").startswith(
        "The deployment differs from the branch: Plan: 0 to add, 1 to change"
    )
    assert "by hand" in run.jobs["drift / drift"].summary


def backfill(story: Story, period: str, *, restate: bool = False, reason: str = "") -> Run:
    event = story.push("As deployed")
    inputs = {"period": period, "restate": restate, "reason": reason}
    return story.github.run("backfill.yml", replace(event, name="workflow_dispatch", inputs=inputs))


@pytest.mark.parametrize(
    ("period", "restate", "reason", "sentence"),
    [
        ("October", False, "", "period: a month like 2026-10, or two with .. between them."),
        ("2026-10; id", False, "", "period: a month like 2026-10, or two with .. between them."),
        ("2026-10", True, "  ", "reason: say why the months are to be replaced."),
    ],
)
def test_backfill_with_an_invalid_input_starts_no_job_run(
    story: Story, deployed: Run, period: str, restate: bool, reason: str, sentence: str
) -> None:
    run = backfill(story, period, restate=restate, reason=reason)
    assert refusal(run, "backfill / request") == sentence
    assert run.jobs["backfill / backfill"].result == "skipped"
    assert story.cloud.client("glue").get_job_runs(JobName="bank-loans")["JobRuns"] == []


@pytest.fixture(scope="module")
def months() -> tuple[str, str]:
    """Return the last two complete months."""
    last = store.last_complete_month(datetime.now(UTC).date())
    return f"{store.months_before(last, 1):%Y-%m}", f"{last:%Y-%m}"


@pytest.fixture(scope="module")
def published(story: Story, deployed: Run, months: tuple[str, str]) -> Run:
    """Run a backfill of the last two complete months."""
    return backfill(story, "..".join(months), restate=True, reason=REASON)


def test_backfill_publishes_the_requested_months(
    story: Story, published: Run, months: tuple[str, str]
) -> None:
    assert published.failures == {}
    assert published.jobs["backfill / backfill"].summary.endswith("Succeeded.\n")
    for month in months:
        body = story.cloud.client("s3").get_object(
            Bucket=f"bank-loans-{aws.ACCOUNT}-{aws.REGION}", Key=f"loans/_manifests/{month}.json"
        )["Body"]
        assert json.loads(body.read())["period"] == month
    [run] = story.cloud.client("glue").get_job_runs(JobName="bank-loans")["JobRuns"]
    assert run["Arguments"]["--reason"] == REASON
    # The summary that the approver sees contains the arguments of the job run.
    shown = json.loads("".join(published.jobs["backfill / request"].summary.splitlines()[6:-2]))
    assert shown == {k: run["Arguments"][k] for k in ("--from", "--to", "--restate", "--reason")}


def test_failed_backfill_shows_the_error(story: Story, deployed: Run) -> None:
    error = refusal(backfill(story, "2026-13"), "backfill / backfill")
    assert error.startswith("FAILED: ")
    assert "2026-13" in error


@pytest.fixture(scope="module")
def started_by_hand(story: Story, deployed: Run, published: Run) -> Run:
    """Start the workflow manually for a plan that no pull request showed.

    The last tests use this fixture, because it changes the deployment.
    """
    story.write("Terraform/hand.auto.tfvars", 'alert_emails = ["by-hand@example.com"]\n')
    pushed = story.push("By hand")
    refused = story.github.run("extract.yml", pushed)
    assert refusal(refused, "apply / reviewed").startswith("No pull request showed this plan.")
    return story.github.run("extract.yml", replace(pushed, name="workflow_dispatch"))


def test_approved_manual_start_applies_a_plan_that_no_pull_request_showed(started_by_hand: Run) -> None:
    assert started_by_hand.failures == {}
    assert "Apply complete!" in started_by_hand.jobs["apply / apply"].log
    environments = {name: job.environment for name, job in started_by_hand.jobs.items() if job.environment}
    assert environments == {"apply / apply": "production"}


def test_manual_start_on_another_branch_is_denied(story: Story, started_by_hand: Run) -> None:
    """For a manual start, the plan role trusts only the main branch."""
    event = replace(story.push("On a branch", branch="aside"), name="workflow_dispatch")
    with pytest.raises(ClientError, match="AccessDenied"):
        story.github.run("extract.yml", event)


def test_every_step_of_the_reusable_workflows_was_executed(
    story: Story, proposed: Run, deployed: Run, unchanged: Run, published: Run, started_by_hand: Run
) -> None:
    executed = {command for run in story.github.runs for job in run.jobs.values() for command in job.commands}
    called = [
        path for each in ("extract-*", "s*-plan") for path in (ROOT / ".github/workflows").glob(f"{each}.yml")
    ]
    for path in called:
        for name, job in yaml.safe_load(path.read_text())["jobs"].items():
            for step in job.get("steps", []):
                assert step.get("run") in {None, *executed}, f"{path.name}: {name}"
    assert len(called) == 6
