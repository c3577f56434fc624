"""On Glue, the engine refuses a run whose settings are weaker than the settings of its job."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import boto3
import pytest
from botocore.stub import Stubber

import rolling_glue
from rolling_arguments import parse
from rolling_errors import ExtractError

MODULE = ("--connection", "c", "--output", "s3://b/loans", "--job-security-configuration", "loans")
ARGUMENTS = parse([*MODULE, "--JOB_NAME", "loans", "--JOB_RUN_ID", "jr_2"])
EARLIER = {"Id": "jr_1", "JobRunState": "SUCCEEDED", "SecurityConfiguration": "other"}
POLICY = '{"Version": "2012-10-17", "Statement": []}'


@pytest.fixture
def glue(monkeypatch: pytest.MonkeyPatch) -> Stubber:
    """Return a stub of the Glue client. It checks the responses against the model of the Glue API."""
    client = boto3.client("glue", "eu-west-1", aws_access_key_id="x", aws_secret_access_key="x")
    monkeypatch.setattr(boto3, "client", lambda service: {"glue": client}[service])
    return Stubber(client)


def answer(glue: Stubber, *runs: dict[str, Any]) -> None:
    now = datetime(2026, 11, 1, tzinfo=UTC)
    found = [{"JobName": "loans", "StartedOn": now, **run} for run in runs]
    glue.add_response("get_job_runs", {"JobRuns": found}, {"JobName": "loans"})


@pytest.mark.parametrize("state", ["STARTING", "RUNNING"])
@pytest.mark.parametrize("own", [{}, {"SecurityConfiguration": "loans"}])
def test_engine_accepts_a_run_with_the_settings_of_its_job(
    glue: Stubber, state: str, own: dict[str, str]
) -> None:
    waiting = {"Id": "jr_3", "JobRunState": "WAITING", "SecurityConfiguration": "other"}
    with glue:
        answer(glue, waiting, {"Id": "jr_2", "JobRunState": state, **own}, EARLIER)
        rolling_glue.check(ARGUMENTS)
        glue.assert_no_pending_responses()


@pytest.mark.parametrize(
    ("run", "reason"),
    [
        ({"SecurityConfiguration": "mine"}, 'another security configuration, "mine"'),
        ({"SecurityConfiguration": "call 555 now"}, "another security configuration, the given value"),
        ({"SecurityConfiguration": "loans", "ExecutionRoleSessionPolicy": POLICY}, "a session policy"),
    ],
)
def test_engine_refuses_a_run_whose_settings_are_weaker_than_those_of_its_job(
    glue: Stubber, run: dict[str, str], reason: str
) -> None:
    with glue:
        answer(glue, {"Id": "jr_2", "JobRunState": "RUNNING", **run}, EARLIER)
        with pytest.raises(ExtractError) as refused:
            rolling_glue.check(ARGUMENTS)
    assert refused.value.sentence == f"the run was started with {reason}; start the run without it"
    assert refused.value.kind == "run"


def test_engine_checks_the_active_run_even_if_the_arguments_name_another_run(glue: Stubber) -> None:
    weak = {"Id": "jr_2", "JobRunState": "RUNNING", "SecurityConfiguration": "mine"}
    forged = parse([*MODULE, "--JOB_NAME", "loans", "--JOB_RUN_ID", "jr_1"])
    with glue:
        answer(glue, weak, {**EARLIER, "SecurityConfiguration": "loans"})
        with pytest.raises(ExtractError, match="another security configuration"):
            rolling_glue.check(forged)


def test_engine_refuses_a_run_that_glue_does_not_list(glue: Stubber) -> None:
    with glue:
        answer(glue, EARLIER)
        with pytest.raises(ExtractError, match="Glue lists no active run of this job"):
            rolling_glue.check(ARGUMENTS)
    with pytest.raises(ExtractError, match="Glue lists no active run of this job"):
        rolling_glue.check(parse([*MODULE]))


def test_engine_refuses_a_run_if_its_role_has_no_right_to_read_the_settings(glue: Stubber) -> None:
    with glue:
        glue.add_client_error("get_job_runs", "AccessDeniedException")
        with pytest.raises(ExtractError, match="grant glue:GetJobRuns to the job's role") as refused:
            rolling_glue.check(ARGUMENTS)
    assert refused.value.kind == "run"


def test_engine_sends_no_request_to_glue_if_the_arguments_of_the_module_are_missing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(boto3, "client", None)
    rolling_glue.check(parse(["--database-url", "postgresql://r@h/d", "--output", "o"]))


def test_engine_refuses_two_security_configurations_in_the_arguments() -> None:
    with pytest.raises(ExtractError, match="given twice"):
        parse([*MODULE, "--JOB_NAME", "loans", "--job-security-configuration=mine"])
