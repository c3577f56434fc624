"""Limits of CloudWatch and CloudWatch Logs: alarms and log groups."""

from __future__ import annotations

from local_cloud.aws.requests.limits.limit import (
    Limit,
    at_most,
    documentation,
    each_is,
    matching,
    octets,
    one_of,
)
from local_cloud.aws.requests.request import Request

ALARM = documentation("PutMetricAlarm", "AmazonCloudWatch/latest/APIReference/API_PutMetricAlarm.html")
GROUP = documentation("CreateLogGroup", "AmazonCloudWatchLogs/latest/APIReference/API_CreateLogGroup.html")
RETENTION = documentation(
    "PutRetentionPolicy", "AmazonCloudWatchLogs/latest/APIReference/API_PutRetentionPolicy.html"
)
RESOURCE_POLICY = documentation(
    "PutResourcePolicy", "AmazonCloudWatchLogs/latest/APIReference/API_PutResourcePolicy.html"
)
DAYS = [
    1,
    3,
    5,
    7,
    14,
    30,
    60,
    90,
    120,
    150,
    180,
    365,
    400,
    545,
    731,
    1096,
    1827,
    2192,
    2557,
    2922,
    3288,
    3653,
]


def _span(request: Request) -> str | None:
    period = request.parameters.get("Period", 0)
    span = period * request.parameters.get("EvaluationPeriods", 1)
    most, name = (86_400, "day") if period < 3_600 else (604_800, "week")
    if span > most:
        return (
            f"Metrics cannot be checked across more than a {name} "
            f"(EvaluationPeriods * Period must be <= {most})."
        )
    return None


def _datapoints(request: Request) -> str | None:
    if request.parameters.get("DatapointsToAlarm", 1) > request.parameters.get("EvaluationPeriods", 1):
        return "DatapointsToAlarm must be less than or equal to EvaluationPeriods."
    return None


LIMITS = (
    Limit("cloudwatch", "PutMetricAlarm", "time that an alarm evaluates", _span, "ValidationError", ALARM),
    Limit(
        "cloudwatch",
        "PutMetricAlarm",
        "period of an alarm",
        each_is(
            "Period",
            lambda seconds: seconds in (10, 20, 30) or seconds % 60 == 0,
            "Period must be 10, 20, 30 or a multiple of 60.",
        ),
        "ValidationError",
        ALARM,
    ),
    Limit(
        "cloudwatch",
        "PutMetricAlarm",
        "treatment of missing data",
        one_of(
            "TreatMissingData",
            frozenset({"breaching", "notBreaching", "ignore", "missing"}),
            "The value {value} is not supported for TreatMissingData parameter.",
        ),
        "ValidationError",
        ALARM,
    ),
    Limit("cloudwatch", "PutMetricAlarm", "datapoints of an alarm", _datapoints, "ValidationError", ALARM),
    Limit(
        "logs",
        "CreateLogGroup",
        "reserved name of a log group",
        matching("logGroupName", "(?!aws/).*", "Log groups starting with AWS/ are reserved for AWS."),
        "InvalidParameterException",
        GROUP,
    ),
    Limit(
        "logs",
        "PutRetentionPolicy",
        "days of retention",
        one_of(
            "retentionInDays", frozenset(DAYS), f"Invalid retention value {{value}}. Valid values are: {DAYS}"
        ),
        "InvalidParameterException",
        RETENTION,
    ),
    Limit(
        "logs",
        "PutResourcePolicy",
        "size of a policy for log groups",
        at_most("policyDocument", 5_120, "The policy document is over 5120 characters.", octets),
        "LimitExceededException",
        RESOURCE_POLICY,
    ),
)
