"""Glue: run jobs and crawlers, and send their events. ministack runs nothing and sends no events."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile

from ministack.core.responses import error_response_json, get_account_id, json_response
from ministack.services import glue

from local_cloud.aws.common import (
    Body,
    Response,
    answer_json,
    body_of,
    emit,
    in_background,
    seconds_now,
)

# The progress of each workflow run, keyed by workflow and run ID: the nodes that ended, with their states,
# and the triggers that fired.
_workflow_progress: dict[tuple[str, str], tuple[dict[tuple[str, str], str], set[str]]] = {}
WorkflowRun = tuple[str, str] | None


# The process of each run that has not ended, keyed by run ID.
_processes: dict[str, subprocess.Popen[str]] = {}
_stopped: set[str] = set()
# Settings of a run. A job has no ExecutionRoleSessionPolicy, but may have a default SecurityConfiguration.
_FROM_JOB = ("ExecutionRoleSessionPolicy", "SecurityConfiguration")


def execute(what: str, name: str, run_id: str, timeout_minutes: int) -> tuple[str, str]:
    """Run a job or a crawler in a process. Return the final state and the reason of a failure."""
    command = [sys.executable, "-m", "local_cloud.aws.glue_process", what, name, run_id]
    with tempfile.TemporaryDirectory(prefix="extracts-glue-") as scratch:
        process = subprocess.Popen(
            command,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            cwd=scratch,
            start_new_session=True,  # `_end` can then stop the process together with its child processes
        )
        _processes[run_id] = process
        try:
            _, errors = process.communicate(timeout=60 * timeout_minutes)
        except subprocess.TimeoutExpired:
            _end(process)
            return "TIMEOUT", f"{what} run timed out"
        finally:
            _processes.pop(run_id, None)
    if run_id in _stopped:
        _stopped.discard(run_id)  # all crawls of a crawler have the same run ID
        return "STOPPED", ""
    if process.returncode:
        lines = [line for line in errors.splitlines() if line.strip()]
        return "FAILED", lines[-1] if lines else f"Command failed with exit code {process.returncode}"
    return "SUCCEEDED", ""


def _stop(run_id: str) -> None:
    if process := _processes.get(run_id):
        _stopped.add(run_id)
        os.killpg(process.pid, signal.SIGKILL)


def _end(process: subprocess.Popen[str]) -> None:
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()


def stop_job_runs(data: Body) -> Response:
    """Stop runs of a job (BatchStopJobRun). In ministack, this action stops nothing and sends no event."""
    for run_id in data["JobRunIds"]:
        _stop(run_id)
    done = [{"JobName": data["JobName"], "JobRunId": run_id} for run_id in data["JobRunIds"]]
    return json_response({"SuccessfulSubmissions": done, "Errors": []})


def start_job_run(data: Body, workflow: WorkflowRun = None) -> Response:
    """Start a run of a job (StartJobRun). ministack reports success without running anything."""
    name = data["JobName"]
    job = glue._jobs.get(name)
    if job is None:
        return error_response_json("EntityNotFoundException", f"Job {name} not found", 400)
    runs = glue._job_runs.setdefault(name, [])
    live = [run for run in runs if run["JobRunState"] in ("STARTING", "RUNNING")]
    if len(live) >= job["ExecutionProperty"]["MaxConcurrentRuns"]:
        return error_response_json(
            "ConcurrentRunsExceededException", f"Concurrent runs exceeded for {name}", 400
        )
    arguments = dict(data.get("Arguments", {}))
    if workflow:
        arguments |= {"--WORKFLOW_NAME": workflow[0], "--WORKFLOW_RUN_ID": workflow[1]}
    run: Body = {
        "Id": "jr_" + os.urandom(32).hex(),
        "Attempt": 0,
        "JobName": name,
        "Arguments": arguments,
        "GlueVersion": job.get("GlueVersion"),
        "Timeout": data.get("Timeout") or job.get("Timeout") or 480,
        "PredecessorRuns": [],
        "LogGroupName": "/aws-glue/jobs",
    }
    # A setting of the run replaces the setting of its job.
    given = {**job, **data}
    run |= {key: given[key] for key in _FROM_JOB if given.get(key)}
    _begin(run)
    in_background(_finish_job_run, run, workflow)
    return json_response({"JobRunId": run["Id"]})


def _begin(run: Body) -> None:
    now = seconds_now()
    run.update(JobRunState="RUNNING", StartedOn=now, LastModifiedOn=now, ExecutionTime=0)
    glue._job_runs[run["JobName"]].append(run)


def _finish_job_run(run: Body, workflow: WorkflowRun) -> None:
    state, why = execute("job", run["JobName"], run["Id"], run["Timeout"])
    run.update(JobRunState=state, CompletedOn=seconds_now(), LastModifiedOn=seconds_now())
    run["ExecutionTime"] = run["CompletedOn"] - run["StartedOn"]
    if why:
        run["ErrorMessage"] = why
    detail = {
        "jobName": run["JobName"],
        "jobRunId": run["Id"],
        "state": state,
        "severity": {"FAILED": "ERROR", "TIMEOUT": "WARN"}.get(state, "INFO"),
        "message": why or ("Job run succeeded" if state == "SUCCEEDED" else ""),
    }
    emit("Glue Job State Change", {key: value for key, value in detail.items() if value})
    job = glue._jobs.get(run["JobName"], {})
    if state == "FAILED" and run["Attempt"] < int(job.get("MaxRetries") or 0):
        attempt = run["Attempt"] + 1
        first = run["Id"].split("_attempt_")[0]
        again = {key: run[key] for key in run if key not in ("CompletedOn", "ErrorMessage")}
        again |= {"Id": f"{first}_attempt_{attempt}", "Attempt": attempt, "PreviousRunId": run["Id"]}
        _begin(again)
        _finish_job_run(again, workflow)
        return
    _advance(workflow, ("job", run["JobName"]), state)


def start_crawler(data: Body, workflow: WorkflowRun = None) -> Response:
    """Start a crawler (StartCrawler). In ministack, a crawler finds no tables and sends no event."""
    crawler = glue._crawlers.get(data["Name"])
    if crawler is None:
        return error_response_json("EntityNotFoundException", f"Crawler {data['Name']} not found", 400)
    if crawler["State"] == "RUNNING":
        return error_response_json("CrawlerRunningException", f"Crawler {data['Name']} is running", 400)
    crawler["State"] = "RUNNING"
    in_background(_finish_crawl, crawler, workflow)
    return json_response({})


def stop_crawler(data: Body) -> Response:
    """Stop a crawler (StopCrawler). In ministack, this action stops nothing."""
    crawler = glue._crawlers.get(data["Name"])
    if crawler is None:
        return error_response_json("EntityNotFoundException", f"Crawler {data['Name']} not found", 400)
    if crawler["State"] != "RUNNING":
        words = f"Crawler with name {data['Name']} isn't running"
        return error_response_json("CrawlerNotRunningException", words, 400)
    _stop(_crawl_id(data["Name"]))
    return json_response({})


def _crawl_id(name: str) -> str:
    return f"crawl of {name}"


def _finish_crawl(crawler: Body, workflow: WorkflowRun) -> None:
    name = crawler["Name"]
    state, why = execute("crawler", name, _crawl_id(name), 30)
    state = {"STOPPED": "CANCELLED", "TIMEOUT": "FAILED"}.get(state, state)
    crawler.update(
        State="READY", LastCrawl={"Status": state, "StartTime": seconds_now(), "ErrorMessage": why}
    )
    detail = {"crawlerName": name, "accountId": get_account_id()}
    if state == "SUCCEEDED":
        emit("Glue Crawler State Change", {**detail, "state": "Succeeded", "message": "Crawler Succeeded"})
    elif state == "FAILED":  # Glue sends no event for a crawl that was stopped
        emit(
            "Glue Crawler State Change",
            {**detail, "state": "Failed", "message": "Crawler Failed", "errorMessage": why},
        )
    _advance(workflow, ("crawler", name), state)


def _advance(workflow: WorkflowRun, node: tuple[str, str], state: str) -> None:
    """Fire the conditional triggers that wait for `node`. If no trigger fires, complete the workflow run."""
    if workflow is None:
        return
    ended, fired = _workflow_progress.setdefault(workflow, ({}, set()))
    ended[node] = state
    went_on = False
    for trigger in list(glue._triggers.values()):
        waits = trigger["WorkflowName"] == workflow[0] and trigger["Type"] == "CONDITIONAL"
        if not waits or trigger["State"] != "ACTIVATED" or trigger["Name"] in fired:
            continue
        met = [
            ended.get(("job", c["JobName"])) == c["State"]
            if c.get("JobName")
            else ended.get(("crawler", c["CrawlerName"])) == c["CrawlState"]
            for c in trigger["Predicate"]["Conditions"]
        ]
        if (all if trigger["Predicate"].get("Logical", "AND") == "AND" else any)(met):
            fired.add(trigger["Name"])
            went_on = True
            _fire(trigger, workflow)
    if not went_on:
        run = next(r for r in glue._workflow_runs[workflow[0]] if r["WorkflowRunId"] == workflow[1])
        run.update(Status="COMPLETED", CompletedOn=seconds_now())


def _fire(trigger: Body, workflow: WorkflowRun) -> None:
    for action in trigger["Actions"]:
        if action.get("JobName"):
            start_job_run({"JobName": action["JobName"], "Arguments": action.get("Arguments", {})}, workflow)
        else:
            start_crawler({"Name": action["CrawlerName"]}, workflow)


def close_glue_runs() -> None:
    """Run, retry and stop jobs and crawlers, and send the events that Glue sends."""
    answer_json(
        glue,
        "_handle_request_sync",
        instead={
            "BatchStopJobRun": stop_job_runs,
            "StartCrawler": start_crawler,
            "StartJobRun": start_job_run,
            "StopCrawler": stop_crawler,
        },
        after={},
    )


def close_glue_run_pages() -> None:
    """Return the runs of a job in pages, newest first. ministack returns all runs, oldest first.

    https://docs.aws.amazon.com/glue/latest/webapi/API_GetJobRuns.html
    """

    def page(data: Body) -> Response:
        runs = glue._job_runs.get(data["JobName"], [])[::-1]
        first = int(data.get("NextToken", "0"))
        last = first + int(data.get("MaxResults", 200))
        more = {"NextToken": str(last)} if last < len(runs) else {}
        return json_response({"JobRuns": runs[first:last], **more})

    answer_json(glue, "_handle_request_sync", instead={"GetJobRuns": page}, after={})


def close_glue_workflows() -> None:
    """Fire the start trigger of a workflow run, then the other triggers. In ministack, the run never ends."""

    def without_gaps(run: Body) -> Body:
        return {key: value for key, value in run.items() if value is not None}

    def started(data: Body, response: Response) -> None:
        workflow = (data["Name"], body_of(response)["RunId"])
        for trigger in list(glue._triggers.values()):
            if trigger["WorkflowName"] == workflow[0] and trigger["Type"] in (
                "ON_DEMAND",
                "SCHEDULED",
                "EVENT",
            ):
                _fire(trigger, workflow)

    def got(_: Body, response: Response) -> Response:
        out = body_of(response)
        if "LastRun" in out["Workflow"]:
            out["Workflow"]["LastRun"] = without_gaps(out["Workflow"]["LastRun"])
        return json_response(out)

    def got_run(data: Body) -> Response:
        for run in glue._workflow_runs.get(data["Name"], []):
            if run["WorkflowRunId"] == data["RunId"]:
                return json_response({"Run": without_gaps(run)})
        return error_response_json("EntityNotFoundException", f"Workflow run {data['RunId']} not found", 400)

    answer_json(
        glue,
        "_handle_request_sync",
        instead={"GetWorkflowRun": got_run},
        after={"StartWorkflowRun": started, "GetWorkflow": got},
    )
