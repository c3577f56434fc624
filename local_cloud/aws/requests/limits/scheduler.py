"""Limits of EventBridge Scheduler: expressions, time zones and the input of targets."""

from __future__ import annotations

import re
from zoneinfo import available_timezones

from local_cloud.aws.requests.limits import schedules
from local_cloud.aws.requests.limits.limit import (
    Complaint,
    Limit,
    Source,
    documentation,
    each,
    each_is,
    one_of,
    parsed,
)
from local_cloud.aws.requests.request import Request

TYPES = documentation(
    "Schedule types in EventBridge Scheduler", "scheduler/latest/UserGuide/schedule-types.html"
)
CREATE = documentation("CreateSchedule", "scheduler/latest/APIReference/API_CreateSchedule.html")
UNIVERSAL = documentation(
    "Using universal targets in EventBridge Scheduler",
    "scheduler/latest/UserGuide/managing-targets-universal.html",
)
OPERATIONS = "CreateSchedule UpdateSchedule"
# Scheduler cannot call an operation that only reads data.
READS = re.compile(
    "(get|describe|list|poll|receive|search|scan|query|select|read|lookup|discover|validate|batchGet|"
    "batchDescribe|batchRead|transactGet|adminGet|adminList|testMigration|retrieve|testConnection|"
    "translateDocument|isAuthorized|invokeModel)"
)


def _is_schedule(text: str) -> bool:
    with_year = re.sub(r"^cron\((\S+ \S+ \S+ \S+ \S+)\)$", r"cron(\1 *)", text)
    return schedules.is_cron(with_year) or schedules.is_rate(text) or schedules.is_at(text)


def _window(request: Request) -> str | None:
    for window in each(request.parameters, "FlexibleTimeWindow"):
        if (window.get("Mode") == "FLEXIBLE") != ("MaximumWindowInMinutes" in window):
            return "MaximumWindowInMinutes is required if Mode is FLEXIBLE, and not allowed if Mode is OFF."
    return None


def _is_target(arn: str) -> bool:
    """Return whether an ARN names a resource, or a universal target that calls a write action."""
    universal = re.fullmatch(r"arn:[^:]+:scheduler:::aws-sdk:([a-z0-9-]+):([a-z]\w+)", arn)
    if ":::aws-sdk:" in arn:
        return universal is not None and READS.match(universal[2]) is None
    return re.match(r"arn:[^:]+:[a-z0-9-]+:[^:]*:[^:]*:", arn) is not None


def _input(request: Request) -> str | None:
    for target in each(request.parameters, "Target"):
        needs_json = re.search(r":(lambda|states|events):|:::aws-sdk:", target.get("Arn", ""))
        if needs_json and "Input" in target and parsed(target["Input"]) is None:
            return "Invalid Input. Reason: the input of this target must be well-formed JSON."
    return None


def _limit(name: str, complaint: Complaint, source: Source) -> Limit:
    return Limit("scheduler", OPERATIONS, name, complaint, "ValidationException", source)


LIMITS = (
    _limit(
        "format of a schedule expression",
        each_is("ScheduleExpression", _is_schedule, "Invalid Schedule Expression {value}."),
        TYPES,
    ),
    _limit(
        "time zone",
        one_of(
            "ScheduleExpressionTimezone",
            frozenset(available_timezones()),
            "Invalid ScheduleExpressionTimezone: {value} is not a time zone of the IANA database.",
        ),
        TYPES,
    ),
    _limit("flexible time window", _window, CREATE),
    _limit(
        "target", each_is("Target.Arn", _is_target, "The target Arn {value} is not supported."), UNIVERSAL
    ),
    _limit("format of a target's input", _input, CREATE),
)
