"""Probes of EventBridge, its schedules and Step Functions."""

from __future__ import annotations

import json
import re
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from local_cloud import aws
from tests.support.emulator.common import fresh, queue_for, received, refuses, role, until


def events_start_nothing_without_the_right_to(cloud: aws.Cloud) -> bool:
    states, events = cloud.client("stepfunctions"), cloud.client("events")
    name = fresh("machine")
    definition = json.dumps({"StartAt": "End", "States": {"End": {"Type": "Succeed"}}})
    machine = states.create_state_machine(name=name, definition=definition, roleArn=role(cloud))[
        "stateMachineArn"
    ]
    events.put_rule(Name=name, EventPattern=json.dumps({"source": [name]}))
    events.put_targets(Rule=name, Targets=[{"Id": "x", "Arn": machine, "RoleArn": role(cloud)}])
    events.put_events(Entries=[{"Source": name, "DetailType": "x", "Detail": "{}"}])
    return not until(lambda: bool(states.list_executions(stateMachineArn=machine)["executions"]), seconds=3)


def events_that_nobody_may_start_wait_in_the_dead_letter_queue(cloud: aws.Cloud) -> bool:
    states, events, name = cloud.client("stepfunctions"), cloud.client("events"), fresh("machine")
    definition = json.dumps({"StartAt": "End", "States": {"End": {"Type": "Succeed"}}})
    machine = states.create_state_machine(name=name, definition=definition, roleArn=role(cloud))
    url, queue = queue_for(cloud)
    events.put_rule(Name=name, EventPattern=json.dumps({"source": [name]}))
    target = {"Arn": machine["stateMachineArn"], "RoleArn": role(cloud), "DeadLetterConfig": {"Arn": queue}}
    events.put_targets(Rule=name, Targets=[{"Id": "x", **target}])
    events.put_events(Entries=[{"Source": name, "DetailType": "x", "Detail": "{}"}])
    return [json.loads(letter["Body"])["source"] for letter in received(cloud, url)] == [name]


def events_set_no_subject(cloud: aws.Cloud) -> bool:
    sns, events, name = cloud.client("sns"), cloud.client("events"), fresh("topic")
    topic = sns.create_topic(Name=name)["TopicArn"]
    url, queue = queue_for(cloud)
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=queue)
    events.put_rule(Name=name, EventPattern=json.dumps({"source": [name]}))
    events.put_targets(Rule=name, Targets=[{"Id": "x", "Arn": topic}])
    events.put_events(Entries=[{"Source": name, "DetailType": "x", "Detail": "{}"}])
    return [bool(json.loads(m["Body"]).get("Subject")) for m in received(cloud, url)] == [False]


def started_by_a_schedule(cloud: aws.Cloud, service: str) -> list[str]:
    """Return the inputs of the executions that an overdue schedule starts. The role trusts the service."""
    states, scheduler, name = cloud.client("stepfunctions"), cloud.client("scheduler"), fresh("schedule")
    definition = json.dumps({"StartAt": "End", "States": {"End": {"Type": "Succeed"}}})
    machine = states.create_state_machine(name=name, definition=definition, roleArn=role(cloud))[
        "stateMachineArn"
    ]
    start = {"Effect": "Allow", "Action": "states:StartExecution", "Resource": machine}
    scheduler.create_schedule(
        Name=name,
        ScheduleExpression="at(2026-01-01T00:00:00)",
        FlexibleTimeWindow={"Mode": "OFF"},
        Target={
            "Arn": machine,
            "RoleArn": role(cloud, start, services=(service,)),
            "Input": '{"time":"<aws.scheduler.scheduled-time>"}',
        },
    )

    def executions() -> list[Any]:
        return list(states.list_executions(stateMachineArn=machine)["executions"])

    until(lambda: bool(executions()), seconds=4)
    return [states.describe_execution(executionArn=e["executionArn"])["input"] for e in executions()]


def schedules_start_nothing_in_a_role_for_rules(cloud: aws.Cloud) -> bool:
    return started_by_a_schedule(cloud, "events.amazonaws.com") == []


def schedules_tell_the_time_they_were_set_to(cloud: aws.Cloud) -> bool:
    [given] = started_by_a_schedule(cloud, "scheduler.amazonaws.com")
    return bool(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", json.loads(given)["time"]))


def execution_started_by_a_schedule_sends_requests_over_tls(cloud: aws.Cloud) -> bool:
    states, scheduler, sns = (cloud.client(name) for name in ("stepfunctions", "scheduler", "sns"))
    name = fresh("topic")
    topic = sns.create_topic(Name=name)["TopicArn"]
    deny = {
        "Effect": "Deny",
        "Principal": "*",
        "Action": "sns:Publish",
        "Resource": topic,
        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
    }
    policy = json.dumps({"Version": "2012-10-17", "Statement": [deny]})
    sns.set_topic_attributes(TopicArn=topic, AttributeName="Policy", AttributeValue=policy)
    publish = {
        "Type": "Task",
        "Resource": "arn:aws:states:::sns:publish",
        "Arguments": {"TopicArn": topic, "Message": "published"},
        "End": True,
    }
    definition = {"StartAt": "Publish", "QueryLanguage": "JSONata", "States": {"Publish": publish}}
    machine = states.create_state_machine(
        name=name,
        definition=json.dumps(definition),
        roleArn=role(cloud, {"Effect": "Allow", "Action": "sns:Publish", "Resource": topic}),
    )["stateMachineArn"]
    start = {"Effect": "Allow", "Action": "states:StartExecution", "Resource": machine}
    scheduler.create_schedule(
        Name=name,
        ScheduleExpression="at(2026-01-01T00:00:00)",
        FlexibleTimeWindow={"Mode": "OFF"},
        Target={"Arn": machine, "RoleArn": role(cloud, start, services=("scheduler.amazonaws.com",))},
    )

    def statuses() -> list[str]:
        return [e["status"] for e in states.list_executions(stateMachineArn=machine)["executions"]]

    until(lambda: bool(statuses()) and "RUNNING" not in statuses())
    return statuses() == ["SUCCEEDED"]


def state_machine_that_is_started_twice_under_one_name_is_told_so(cloud: aws.Cloud) -> bool:
    states, arn = cloud.client("stepfunctions"), role(cloud)

    def machine(state: dict[str, Any]) -> str:
        definition = {"StartAt": "Only", "QueryLanguage": "JSONata", "States": {"Only": state}}
        made = states.create_state_machine(
            name=fresh("machine"), definition=json.dumps(definition), roleArn=arn
        )
        return str(made["stateMachineArn"])

    def ended(execution: str) -> dict[str, Any]:
        assert until(lambda: states.describe_execution(executionArn=execution)["status"] != "RUNNING")
        return dict(states.describe_execution(executionArn=execution))

    started = machine({"Type": "Succeed"})
    start = {
        "Type": "Task",
        "Resource": "arn:aws:states:::states:startExecution",
        "Arguments": {"StateMachineArn": started, "Name": "once", "Input": {}},
        "End": True,
    }
    starting = machine(start)
    first = ended(states.start_execution(stateMachineArn=starting)["executionArn"])
    ended(json.loads(first["output"])["ExecutionArn"])
    second = ended(states.start_execution(stateMachineArn=starting)["executionArn"])
    return second.get("error") == "StepFunctions.ExecutionAlreadyExistsException"


def schedules_call_any_operation_in_their_role(cloud: aws.Cloud) -> bool:
    secrets_manager, scheduler, name = (
        cloud.client("secretsmanager"),
        cloud.client("scheduler"),
        fresh("call"),
    )
    create = {"Effect": "Allow", "Action": "secretsmanager:CreateSecret", "Resource": "*"}
    scheduler.create_schedule(
        Name=name,
        ScheduleExpression="at(2026-01-01T00:00:00)",
        FlexibleTimeWindow={"Mode": "OFF"},
        Target={
            "Arn": "arn:aws:scheduler:::aws-sdk:secretsmanager:createSecret",
            "RoleArn": role(cloud, create, services=("scheduler.amazonaws.com",)),
            "Input": json.dumps({"Name": name}),
        },
    )
    return until(lambda: not refuses(lambda: secrets_manager.describe_secret(SecretId=name)), 5)


def schedules_start_in_their_own_time_zone(cloud: aws.Cloud) -> bool:
    sqs, scheduler, name = cloud.client("sqs"), cloud.client("scheduler"), fresh("zone")
    url, queue = queue_for(cloud)
    send = {"Effect": "Allow", "Action": "sqs:SendMessage", "Resource": queue}
    past = datetime.now(ZoneInfo("Asia/Tokyo")) - timedelta(minutes=1)  # in UTC, several hours later
    scheduler.create_schedule(
        Name=name,
        ScheduleExpression=f"at({past:%Y-%m-%dT%H:%M:%S})",
        ScheduleExpressionTimezone="Asia/Tokyo",
        FlexibleTimeWindow={"Mode": "OFF"},
        Target={
            "Arn": queue,
            "RoleArn": role(cloud, send, services=("scheduler.amazonaws.com",)),
            "Input": "due",
        },
    )
    return until(lambda: bool(sqs.receive_message(QueueUrl=url).get("Messages")), 4)


PROBES = (
    events_start_nothing_without_the_right_to,
    events_that_nobody_may_start_wait_in_the_dead_letter_queue,
    events_set_no_subject,
    schedules_start_nothing_in_a_role_for_rules,
    schedules_tell_the_time_they_were_set_to,
    execution_started_by_a_schedule_sends_requests_over_tls,
    state_machine_that_is_started_twice_under_one_name_is_told_so,
    schedules_call_any_operation_in_their_role,
    schedules_start_in_their_own_time_zone,
)
