"""Probes of EventBridge, its schedules and Step Functions."""

from __future__ import annotations

import json
import re
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from local_cloud import aws
from tests.support.emulator.common import fresh, outcome, probe, queue_for, received, role, until


@probe(on_aws=False, published=True)
def event_starts_nothing_without_permission(cloud: aws.Cloud) -> object:
    states, events = cloud.client("stepfunctions"), cloud.client("events")
    name = fresh("machine")
    definition = json.dumps({"StartAt": "End", "States": {"End": {"Type": "Succeed"}}})
    machine = states.create_state_machine(name=name, definition=definition, roleArn=role(cloud))[
        "stateMachineArn"
    ]
    events.put_rule(Name=name, EventPattern=json.dumps({"source": [name]}))
    events.put_targets(Rule=name, Targets=[{"Id": "x", "Arn": machine, "RoleArn": role(cloud)}])
    events.put_events(Entries=[{"Source": name, "DetailType": "x", "Detail": "{}"}])
    return until(lambda: bool(states.list_executions(stateMachineArn=machine)["executions"]), seconds=3)


@probe(on_aws=[True], published=[])
def event_without_permission_goes_to_the_dead_letter_queue(cloud: aws.Cloud) -> object:
    states, events, name = cloud.client("stepfunctions"), cloud.client("events"), fresh("machine")
    definition = json.dumps({"StartAt": "End", "States": {"End": {"Type": "Succeed"}}})
    machine = states.create_state_machine(name=name, definition=definition, roleArn=role(cloud))
    url, queue = queue_for(cloud)
    events.put_rule(Name=name, EventPattern=json.dumps({"source": [name]}))
    target = {"Arn": machine["stateMachineArn"], "RoleArn": role(cloud), "DeadLetterConfig": {"Arn": queue}}
    events.put_targets(Rule=name, Targets=[{"Id": "x", **target}])
    events.put_events(Entries=[{"Source": name, "DetailType": "x", "Detail": "{}"}])
    return [json.loads(letter["Body"])["source"] == name for letter in received(cloud, url)]


@probe(on_aws=[False], published=[True])
def event_has_no_subject(cloud: aws.Cloud) -> object:
    sns, events, name = cloud.client("sns"), cloud.client("events"), fresh("topic")
    topic = sns.create_topic(Name=name)["TopicArn"]
    url, queue = queue_for(cloud)
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=queue)
    events.put_rule(Name=name, EventPattern=json.dumps({"source": [name]}))
    events.put_targets(Rule=name, Targets=[{"Id": "x", "Arn": topic}])
    events.put_events(Entries=[{"Source": name, "DetailType": "x", "Detail": "{}"}])
    return [bool(json.loads(m["Body"]).get("Subject")) for m in received(cloud, url)]


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


@probe(on_aws=0, published=1)
def schedule_starts_nothing_with_a_role_for_rules(cloud: aws.Cloud) -> object:
    return len(started_by_a_schedule(cloud, "events.amazonaws.com"))


@probe(on_aws="0000-00-00T00:00:00Z", published="<aws.scheduler.scheduled-time>")
def schedule_passes_on_its_scheduled_time(cloud: aws.Cloud) -> object:
    [given] = started_by_a_schedule(cloud, "scheduler.amazonaws.com")
    return re.sub(r"\d", "0", json.loads(given)["time"])


@probe(on_aws=["SUCCEEDED"], published=["FAILED"])
def execution_started_by_a_schedule_sends_requests_over_tls(cloud: aws.Cloud) -> object:
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
    return statuses()


@probe(on_aws="StepFunctions.ExecutionAlreadyExistsException", published="ExecutionAlreadyExists")
def second_start_with_the_same_name_has_the_error_of_aws(cloud: aws.Cloud) -> object:
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
    return second.get("error")


@probe(on_aws='{"read": "Łódź"}', published="States.Runtime")
def execution_reads_the_text_of_an_object(cloud: aws.Cloud) -> object:
    states, s3, bucket = cloud.client("stepfunctions"), cloud.client("s3"), fresh("bucket")
    s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": aws.REGION})
    s3.put_object(Bucket=bucket, Key="a/b.json", Body='{"read": "Łódź"}'.encode())
    read = {
        "Type": "Task",
        "Resource": "arn:aws:states:::aws-sdk:s3:getObject",
        "Arguments": {"Bucket": bucket, "Key": "a/b.json"},
        "Output": "{% $states.result.Body %}",
        "End": True,
    }
    definition = {"StartAt": "Read", "QueryLanguage": "JSONata", "States": {"Read": read}}
    get = {"Effect": "Allow", "Action": "s3:GetObject", "Resource": f"arn:aws:s3:::{bucket}/*"}
    machine = states.create_state_machine(
        name=fresh("machine"), definition=json.dumps(definition), roleArn=role(cloud, get)
    )["stateMachineArn"]
    execution = states.start_execution(stateMachineArn=machine)["executionArn"]
    assert until(lambda: states.describe_execution(executionArn=execution)["status"] != "RUNNING")
    ended = states.describe_execution(executionArn=execution)
    return ended["error"] if "error" in ended else json.loads(ended["output"])


@probe(on_aws="accepted", published="ResourceNotFoundException")
def schedule_calls_any_operation(cloud: aws.Cloud) -> object:
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
    until(lambda: outcome(lambda: secrets_manager.describe_secret(SecretId=name)) == "accepted", 5)
    return outcome(lambda: secrets_manager.describe_secret(SecretId=name))


@probe(on_aws=True, published=False)
def schedule_starts_in_its_time_zone(cloud: aws.Cloud) -> object:
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
    event_starts_nothing_without_permission,
    event_without_permission_goes_to_the_dead_letter_queue,
    event_has_no_subject,
    schedule_starts_nothing_with_a_role_for_rules,
    schedule_passes_on_its_scheduled_time,
    execution_started_by_a_schedule_sends_requests_over_tls,
    second_start_with_the_same_name_has_the_error_of_aws,
    execution_reads_the_text_of_an_object,
    schedule_calls_any_operation,
    schedule_starts_in_its_time_zone,
)
