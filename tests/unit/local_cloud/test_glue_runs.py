"""Runs of jobs and crawlers in the local cloud: their start, failure and stop."""

from __future__ import annotations

import json

import psycopg
import pytest
from botocore.exceptions import ClientError
from ministack.services import glue

from local_cloud.aws import glue_process, glue_runs

DENIED = ClientError({"Error": {"Code": "AccessDenied", "Message": "no\nrights"}}, "GetObject")


@pytest.mark.parametrize(
    ("what", "function", "error", "message"),
    [
        ("job", "run_job", glue_process.ServiceError("no such\nrole"), "no such role"),
        ("job", "run_job", DENIED, f"{DENIED}".replace("\n", " ")),
        ("crawler", "run_crawler", psycopg.OperationalError("not\n\tallowed\n"), "not allowed"),
    ],
)
def test_failed_run_ends_with_its_error_in_one_line(
    what: str, function: str, error: Exception, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*arguments: str) -> None:
        raise error

    monkeypatch.setattr(glue_process, function, fails)
    with pytest.raises(SystemExit) as ended:
        glue_process.main(what, "loans", "jr_1")
    assert ended.value.code == message


@pytest.mark.parametrize(
    ("what", "expected"), [("job", ["job", "loans", "jr_1"]), ("crawler", ["crawler", "loans"])]
)
def test_glue_process_runs_the_requested_job_or_crawler(
    what: str, expected: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    ran: list[str] = []
    monkeypatch.setattr(glue_process, "run_job", lambda *given: ran.extend(("job", *given)))
    monkeypatch.setattr(glue_process, "run_crawler", lambda *given: ran.extend(("crawler", *given)))
    glue_process.main(what, "loans", "jr_1")
    assert ran == expected


def stop(name: str) -> tuple[int, str]:
    """Call StopCrawler. Return the status and the error code."""
    status, _, body = glue_runs.stop_crawler({"Name": name})
    return status, json.loads(body).get("__type", "")


def test_only_a_running_crawler_can_be_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    crawlers = {"idle": {"State": "READY"}, "busy": {"State": "RUNNING"}}
    monkeypatch.setattr(glue, "_crawlers", crawlers)
    stopped: list[str] = []
    monkeypatch.setattr(glue_runs, "_stop", stopped.append)
    assert stop("unknown") == (400, "EntityNotFoundException")
    assert stop("idle") == (400, "CrawlerNotRunningException")
    assert stop("busy") == (200, "")
    assert stopped == ["crawl of busy"]


def test_run_cannot_change_an_argument_that_is_not_overridable() -> None:
    job = {
        "DefaultArguments": {"--lock-timeout": "60", "--statement-timeout": "60"},
        "NonOverridableArguments": {"--output": "s3://loans/x", "--scriptLocation": "s3://loans/etl.py"},
    }
    run = {
        "Arguments": {"--output": "s3://mine/x", "--scriptLocation": "s3://mine/x.py", "--lock-timeout": "5"}
    }
    assert glue_process.resolved_arguments(job, run) == {
        "--lock-timeout": "5",
        "--output": "s3://loans/x",
        "--scriptLocation": "s3://loans/etl.py",
        "--statement-timeout": "60",
    }
