"""Start the deployed job, follow its log, and report how the run ended."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from extracts import untrusted
from extracts.errors import ExtractsError
from extracts.operate.deployment import Deployment, explained

_LIVE = ("STARTING", "RUNNING", "STOPPING", "WAITING")
_PAUSE = 5.0  # seconds between two queries of the state
# The limits of the engine. The tool checks them before it starts the job.
_LONGEST_REASON, _MOST_MONTHS = 1000, 120


@dataclass(frozen=True, slots=True)
class Run:
    """A run of the job. `message` is its last log message, or the error message of a failed run."""

    run_id: str
    state: str
    message: str
    events: tuple[Mapping[str, Any], ...]

    def as_json(self) -> dict[str, Any]:
        return {
            "run_id": self.run_id,
            "state": self.state,
            "message": self.message,
            "events": list(self.events),
        }


def run(
    deployed: Deployment,
    arguments: Mapping[str, str],
    say: Callable[[str], None],
    *,
    pause: float = _PAUSE,
) -> Run:
    """Start a run with these arguments of the job, and wait until it ends. Call `say` with each message.

    Return the run, even if the run failed. Raise ExtractsError if AWS refuses a call, for example the start.
    """
    job = str(deployed.output("job_name", "names the job"))
    glue = deployed.client("glue")
    with explained(f"The job {job}"):
        started = glue.start_job_run(JobName=job, Arguments=dict(arguments))
    run_id = str(started["JobRunId"])
    say(f"{job}: run {run_id} started.")
    events: list[Mapping[str, Any]] = []
    log = _log(deployed, run_id)
    while True:
        with explained(f"The job {job}"):
            found = glue.get_job_run(JobName=job, RunId=run_id)["JobRun"]
        for event in next(log):
            events.append(event)
            if event.get("level") != "error":
                say(str(event["message"]))
        if found["JobRunState"] not in _LIVE:
            break
        time.sleep(pause)
    last = str(events[-1]["message"]) if events else ""
    state = str(found["JobRunState"])
    message = last if state == "SUCCEEDED" else str(found.get("ErrorMessage") or last or state)
    return Run(run_id, state, message, tuple(events))


def _log(deployed: Deployment, run_id: str) -> Iterator[list[Mapping[str, Any]]]:
    """Yield the new events of the run's log at each iteration.

    The first lists are empty, because AWS creates the log some seconds after the start of the run.
    """
    logs = deployed.client("logs")
    groups = deployed.output("log_groups", "gives the log groups of the job")
    given: dict[str, Any] = {
        "logGroupName": groups["output"],
        "logStreamName": run_id,
        "startFromHead": True,
    }
    while True:
        found: list[Mapping[str, Any]] = []
        with explained(f"The log {groups['output']}"):
            try:
                while True:
                    page = logs.get_log_events(**given)
                    found += filter(None, (_event(entry["message"]) for entry in page["events"]))
                    if page["nextForwardToken"] == given.get("nextToken"):
                        break
                    given["nextToken"] = page["nextForwardToken"]
            except logs.exceptions.ResourceNotFoundException:
                pass  # the log has no message yet
        yield found


def _event(line: str) -> Mapping[str, Any] | None:
    """Return the event in a line of the log, or None if the engine did not write the line."""
    event = untrusted.event(line)
    return event if event and "message" in event else None


def arguments(
    *,
    period: str | None,
    first: str | None,
    last: str | None,
    restate: bool,
    reason: str | None,
    dry_run: bool,
) -> dict[str, str]:
    """Return the arguments of the job. Raise ExtractsError for a combination that the engine would refuse."""
    if period and (first or last):
        raise ExtractsError("Give either --period, or --from and --to.")
    if bool(first) != bool(last):
        raise ExtractsError(f"--{'to' if first else 'from'} is missing; a backfill needs --from and --to.")
    if first and last and first > last:
        raise ExtractsError(f"--from {first} is after --to {last}.")
    if first and last and (months := _month(last) - _month(first) + 1) > _MOST_MONTHS:
        raise ExtractsError(
            f"--from {first} --to {last} are {months} months; one run can do at most {_MOST_MONTHS} months."
        )
    if len(reason or "") > _LONGEST_REASON:
        raise ExtractsError(f"--reason has {len(reason or '')} characters; write at most {_LONGEST_REASON}.")
    if restate and not reason:
        raise ExtractsError("--restate needs --reason TEXT, which the manifest records.")
    given = {"--period": period, "--from": first, "--to": last, "--reason": reason}
    flags = {"--restate": restate, "--dry-run": dry_run}
    return {name: value for name, value in given.items() if value} | {
        name: "true" for name, is_set in flags.items() if is_set
    }


def _month(period: str) -> int:
    return int(period[:4]) * 12 + int(period[5:])
