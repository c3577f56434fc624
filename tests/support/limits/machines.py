"""Probes of the limits of EventBridge, Scheduler, Step Functions, CloudWatch and CloudWatch Logs."""

from __future__ import annotations

import json
from typing import Any

from tests.support.limits.probe import Parameters, Probe

TOPIC = "arn:aws:sns:eu-west-1:123456789012:alerts"
MACHINE = "arn:aws:states:eu-west-1:123456789012:stateMachine:mail"
WILDCARD = json.dumps({"detail": {"object": {"key": [{"wildcard": "a/*.json"}]}}})


def rule(pattern: str) -> Parameters:
    return {"Name": "failures", "EventPattern": pattern}


def long(size: int) -> str:
    return '{"a":["'.ljust(size - 3, "x") + '"]}'


def held(count: int) -> Parameters:
    return {"rules": {f"rule-{number}": {"EventPattern": WILDCARD} for number in range(count)}}


def target(**given: Any) -> Parameters:
    return {
        "Rule": "failures",
        "Targets": [{"Id": "one", "Arn": TOPIC} | given],
    }


def either(outer: int, inner: int) -> str:
    """Return a pattern with this many combinations of two alternatives."""
    ways = [{"a": ["1"]}] * inner
    return json.dumps({"$or": [{"b": ["1"]}] * outer, "detail": {"$or": ways}})


def entries(size: int) -> Parameters:
    return {"Entries": [{"Source": "own", "DetailType": "done", "Detail": "x" * (size - 7)}]}


def schedule(**given: Any) -> Parameters:
    return {"Name": "monthly", "ScheduleExpression": "cron(1 0 1 * ? *)"} | given


def goal(**given: Any) -> Parameters:
    return schedule(Target={"Arn": MACHINE, "RoleArn": "role"} | given)


def alarm(**given: Any) -> Parameters:
    return {"AlarmName": "letters", "Period": 300, "EvaluationPeriods": 1} | given


EVENTS = {
    "size of a pattern": Probe(rule(long(2_048)), rule(long(2_049))),
    "rules with wildcards": Probe(
        rule('{"source": [{"prefix": "aws."}]}'), rule(WILDCARD), "maximum number allowed", state=held(30)
    ),
    "rules of an event bus": Probe(
        {"Name": "rule-0", "EventPattern": "{}"},
        {"Name": "rule-300", "EventPattern": "{}"},
        "maximum number allowed",
        state=held(300),
    ),
    "combinations of $or": Probe(rule(either(31, 32)), rule(either(32, 32)), "combinations"),
    "targets of a rule": Probe(
        target(Id="4"), target(Id="5"), "maximum number allowed", state={"targets": {"0", "1", "2", "3", "4"}}
    ),
    "input of a target": Probe(
        target(Input='{"a": 1}'), target(Input='{"a": 1}', InputPath="$.detail"), "Only one of"
    ),
    "role for a state machine": Probe(target(Arn=MACHINE, RoleArn="role"), target(Arn=MACHINE), "Role"),
    "size of all entries": Probe(entries(1_048_575), entries(1_048_576)),
}

SCHEDULER = {
    "format of a schedule expression": Probe(
        schedule(ScheduleExpression="cron(0/15 8-18 ? JAN-MAR MON#2 2026)"),
        schedule(ScheduleExpression="cron(1 0 1 * * *)"),
        "Invalid Schedule Expression cron(1 0 1 * * *).",
    ),
    "time zone": Probe(
        schedule(ScheduleExpressionTimezone="America/Sao_Paulo"),
        schedule(ScheduleExpressionTimezone="America/Brasilia"),
        "America/Brasilia",
    ),
    "flexible time window": Probe(
        schedule(FlexibleTimeWindow={"Mode": "FLEXIBLE", "MaximumWindowInMinutes": 5}),
        schedule(FlexibleTimeWindow={"Mode": "FLEXIBLE"}),
    ),
    "target": Probe(
        goal(Arn="arn:aws:scheduler:::aws-sdk:glue:startWorkflowRun", Input="{}"),
        goal(Arn="arn:aws:scheduler:::aws-sdk:glue:getWorkflowRun", Input="{}"),
    ),
    "format of a target's input": Probe(goal(Input='{"period": "2026-10"}'), goal(Input="2026-10,"), "JSON"),
}


def machine(**given: Any) -> Parameters:
    """Return a state machine with one task, after which it ends."""
    task = {"Type": "Task", "Resource": "arn:aws:states:::sns:publish", "End": True} | given
    return {
        "definition": json.dumps({"QueryLanguage": "JSONata", "StartAt": "Mail", "States": {"Mail": task}})
    }


def padded(size: int) -> Parameters:
    text = machine()["definition"]
    return {"definition": text + " " * (size - len(text))}


STATES = {
    "characters of a name": Probe({"name": "extract_push-1"}, {"name": "extract push"}, "Invalid Name"),
    "size of a definition": Probe(padded(1_048_576), padded(1_048_577)),
    "format of a definition": Probe(
        machine(Arguments={"Message": "{% $states.input.detail %}"}), machine(Next="Nowhere"), "Nowhere"
    ),
    "size of an input": Probe(
        {"input": f'"{"é" * 131_071}"'},
        {"input": f'"{"é" * 131_071}e"'},
        "Execution Input",
    ),
    "format of an input": Probe({"input": "null"}, {"input": "{"}, "Execution Input"),
    "size of an output": Probe({"output": f'"{"é" * 131_071}"'}, {"output": f'"{"é" * 131_071}e"'}),
}

CLOUDWATCH = {
    "time that an alarm evaluates": Probe(
        alarm(Period=86_400, EvaluationPeriods=7), alarm(Period=86_400, EvaluationPeriods=8), "a week"
    ),
    "period of an alarm": Probe(alarm(Period=10), alarm(Period=90)),
    "treatment of missing data": Probe(alarm(TreatMissingData="breaching"), alarm(TreatMissingData="ok")),
    "datapoints of an alarm": Probe(alarm(DatapointsToAlarm=1), alarm(DatapointsToAlarm=2)),
}

LOGS = {
    "reserved name of a log group": Probe({"logGroupName": "/aws/glue"}, {"logGroupName": "aws/spans"}),
    "days of retention": Probe({"retentionInDays": 731}, {"retentionInDays": 730}),
    "size of a policy for log groups": Probe(
        {"policyDocument": "x" * 5_120}, {"policyDocument": "x" * 5_121}, "5120"
    ),
}
