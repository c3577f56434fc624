"""Check how this run was started. Anyone who may start a run can give it weaker settings than its job has.

A run that has another security configuration could write no log, an unencrypted log, or a log that is
encrypted in another way. A run that has a session policy has fewer rights, and could end in the middle of a
restatement.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from rolling_arguments import Arguments
from rolling_database import aws_error
from rolling_errors import ExtractError, harmless

_LIVE = ("STARTING", "RUNNING")


def check(arguments: Arguments) -> None:
    """Refuse a run with weaker settings than its job, and a run that cannot be checked.

    The function checks only jobs of the module. Such a job has one run at a time, so the only active run of
    the job is this run. The function does not use the argument `--JOB_RUN_ID`, because it could name another
    run.
    """
    own = arguments.job_security_configuration
    if own is None:
        return
    runs: Iterable[dict[str, Any]] = [] if arguments.job_name is None else _runs(arguments.job_name)
    live = next((run for run in runs if run.get("JobRunState") in _LIVE), None)
    if live is None:
        raise _refused(
            "Glue lists no active run of this job, so this run cannot be checked; start the run again"
        )
    # If Glue shows no configuration for the run, the run has the configuration of the job.
    if (given := live.get("SecurityConfiguration", own)) != own:
        raise _refused(
            f"the run was started with another security configuration, {harmless(given)}; start the run"
            " without it"
        )
    if live.get("ExecutionRoleSessionPolicy"):
        raise _refused("the run was started with a session policy; start the run without it")


def _runs(job: str) -> Iterator[dict[str, Any]]:
    """Return the runs of a job, newest first."""
    import boto3  # import only in a run on AWS

    try:
        for page in boto3.client("glue").get_paginator("get_job_runs").paginate(JobName=job):
            yield from page["JobRuns"]
    except Exception as error:
        raise aws_error(error, "the runs of this job", "glue:GetJobRuns", kind="run") from error


def _refused(sentence: str) -> ExtractError:
    return ExtractError(sentence, kind="run")
