"""EventBridge Scheduler: ministack never calls universal targets and ignores time zones."""

from __future__ import annotations

import functools
import json
import os
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from botocore import xform_name
from botocore.config import Config
from botocore.exceptions import ClientError, ParamValidationError
from ministack.core.responses import (
    get_account_id,
    get_region,
    new_uuid,
    set_request_account_id,
    set_request_region,
)
from ministack.services import eventbridge, scheduler, sqs

from local_cloud.aws.common import Body, client, in_background, log
from local_cloud.aws.identity import credentials

UNIVERSAL = re.compile(r"arn:[^:]+:scheduler:::aws-sdk:(?P<service>[a-z0-9]+):(?P<action>[A-Za-z0-9]+)")

# Universal targets use the service names of the SDK for Java. This table has the names that differ in
# botocore.
SERVICES = {"cloudwatchlogs": "logs", "eventbridge": "events", "sfn": "stepfunctions"}
ONE_ATTEMPT = Config(retries={"total_max_attempts": 1})


################################################################################
# Universal targets
################################################################################


@dataclass(frozen=True, slots=True)
class Refused(Exception):
    """The error of a failed call to a target, with the code and the message for the dead letter queue."""

    code: str
    message: str


def close_universal_targets() -> None:
    """Call a universal target with its role. AWS would follow the retry policy, but the emulator does not.

    The call goes through the endpoint of the emulator like any other request, so the emulator checks and
    authorizes it. https://docs.aws.amazon.com/scheduler/latest/UserGuide/managing-targets-universal.html
    """
    original = eventbridge._invoke_target

    @functools.wraps(original)
    def invoke(target: Body, event: Body, rule: Body, view: Any = None) -> Any:
        if UNIVERSAL.fullmatch(target.get("Arn", "")):
            in_background(_deliver, target, rule, event["Time"])
            return None
        return original(target, event, rule, view)

    eventbridge._invoke_target = invoke


def _deliver(target: Body, schedule: Body, scheduled: float) -> None:
    group = schedule["Arn"].rsplit("/", 1)[0].replace(":schedule/", ":schedule-group/")
    # In requests of a schedule, aws:SourceArn is the ARN of the schedule group, not of the schedule.
    role = credentials(target.get("RoleArn", ""), "scheduler.amazonaws.com", group)
    try:
        if not role:
            raise Refused(
                "AccessDeniedException",
                f"the trust policy of {target.get('RoleArn')} does not allow scheduler.amazonaws.com for"
                f" {group}",
            )
        _call(target, role)
    except Refused as refused:
        log.warning("Scheduler: %s: %s: %s", schedule["Name"], refused.code, refused.message)
        if role and "Arn" in target.get("DeadLetterConfig", {}):
            _keep_dead_letter(target, schedule, scheduled, role, refused)


def _call(target: Body, role: Mapping[str, str]) -> None:
    found = UNIVERSAL.fullmatch(target["Arn"])
    assert found
    service = client(SERVICES.get(found["service"], found["service"]), role, ONE_ATTEMPT)
    operation = found["action"][:1].upper() + found["action"][1:]
    if operation not in service.meta.service_model.operation_names:
        raise Refused("ValidationException", f"{target['Arn']} is not an operation")
    try:
        getattr(service, xform_name(operation))(**json.loads(target.get("Input") or "{}"))
    except ParamValidationError as error:
        raise Refused("ValidationException", str(error)) from error
    except ClientError as error:
        raise Refused(error.response["Error"]["Code"], error.response["Error"]["Message"]) from error


def _keep_dead_letter(
    target: Body, schedule: Body, scheduled: float, role: Mapping[str, str], refused: Refused
) -> None:
    """Use the schedule's role to send a message about a failed call to the dead letter queue.

    https://docs.aws.amazon.com/scheduler/latest/UserGuide/configuring-schedule-dlq.html
    """
    queue = target["DeadLetterConfig"]["Arn"]
    attributes = {
        "ERROR_CODE": refused.code,
        "ERROR_MESSAGE": refused.message,
        "EXECUTION_ID": os.urandom(8).hex(),
        "IS_PAYLOAD_TRUNCATED": "false",
        "RETRY_ATTEMPTS": "0",
        "SCHEDULED_TIME": f"{datetime.fromtimestamp(scheduled, UTC):%Y-%m-%dT%H:%M:%SZ}",
        "SCHEDULE_ARN": schedule["Arn"],
        "TARGET_ARN": target["Arn"],
    }
    try:
        client("sqs", role, ONE_ATTEMPT).send_message(
            QueueUrl=sqs._queue_url(queue.rsplit(":", 1)[-1]),
            MessageBody=target.get("Input") or "{}",
            MessageAttributes={
                name: {"DataType": "String", "StringValue": text} for name, text in attributes.items()
            },
        )
    except ClientError as error:
        log.warning("Scheduler: no dead letter of %s in %s: %s", schedule["Name"], queue, error)


################################################################################
# Time zones
################################################################################

# The time of the last check of each schedule, keyed by account, region, "group/name" and time of creation.
_seen: dict[tuple[str, str, str, float], datetime] = {}


def next_start(schedule: Body, after: datetime) -> datetime | None:
    """Return the next start after `after`, in UTC. The schedule's expression uses the schedule's time zone.

    If daylight saving time skips the hour of a start, the start does not happen. If the hour occurs twice,
    the start happens only the first time.
    https://docs.aws.amazon.com/scheduler/latest/UserGuide/schedule-types.html
    """
    zone = ZoneInfo(schedule.get("ScheduleExpressionTimezone") or "UTC")
    expression = schedule["ScheduleExpression"].strip()
    if found := re.fullmatch(r"at\((.+)\)", expression):
        once = datetime.fromisoformat(found[1]).replace(tzinfo=zone).astimezone(UTC)
        return once if once > after else None
    if seconds := eventbridge._parse_rate_seconds(expression):
        created = schedule["CreationDate"]
        passed = max(0, int((after.timestamp() - created) // seconds))
        return datetime.fromtimestamp(created + (passed + 1) * seconds, UTC)
    fields = eventbridge._parse_cron_fields(expression)
    if fields is None:
        return None
    local = after.astimezone(zone).replace(tzinfo=UTC)  # the local time, marked as UTC for ministack
    while local := eventbridge._cron_next_fire(fields, local):
        start: datetime = local.replace(tzinfo=zone).astimezone(UTC)
        is_skipped = start.astimezone(zone).replace(tzinfo=UTC) != local
        if start > after and not is_skipped:
            return start
    return None


def close_time_zones() -> None:
    """Start each schedule in its own time zone. ministack treats every time as UTC."""
    scheduler._tick_schedules = tick


def tick() -> None:
    """Start the schedules that are due, each in its own account and region."""
    now = datetime.fromtimestamp(time.time(), UTC)
    previous = get_account_id(), get_region()
    try:
        for key, schedule in list(scheduler._schedules._data.items()):
            set_request_account_id(key[0])
            set_request_region(key[1])
            if schedule["State"] == "ENABLED" and _is_running(schedule, now):
                _start_if_due(key, schedule, now)
    finally:
        set_request_account_id(previous[0])
        set_request_region(previous[1])


def _is_running(schedule: Body, now: datetime) -> bool:
    begin, end = (scheduler._to_epoch(schedule.get(name)) for name in ("StartDate", "EndDate"))
    return (begin is None or begin <= now.timestamp()) and (end is None or now.timestamp() <= end)


def _start_if_due(key: tuple[str, str, str], schedule: Body, now: datetime) -> None:
    is_once = schedule["ScheduleExpression"].strip().startswith("at(")
    # A one-time schedule starts even if its time was already past when the schedule was created.
    created = (*key, schedule["CreationDate"])
    since = _seen.get(created, datetime.min.replace(tzinfo=UTC) if is_once else now)
    due = next_start(schedule, since)
    _seen[created] = now
    if due is None or due > now:
        return
    event = {
        "EventId": new_uuid(),
        "Source": "aws.scheduler",
        "DetailType": "Scheduled Event",
        "Detail": "{}",
        "Time": due.timestamp(),
        "Resources": [schedule["Arn"]],
        "Account": key[0],
        "Region": key[1],
    }
    eventbridge._invoke_target(schedule["Target"], event, schedule)
    if is_once and schedule.get("ActionAfterCompletion") == "DELETE":
        scheduler._schedules._data.pop(key, None)
