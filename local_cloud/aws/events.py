"""EventBridge: ministack calls targets without checking permissions."""

from __future__ import annotations

import functools
import json
import os
from datetime import UTC, datetime
from typing import Any

from ministack.core.responses import get_account_id
from ministack.services import eventbridge, sns, sqs

from local_cloud.aws.common import Body, log
from local_cloud.aws.identity import role_may, role_of, trusts


def close_event_target_permissions() -> None:
    """Start a state machine only if the role of the target trusts the service and allows the start.

    ministack uses one function for the rules of EventBridge and the schedules of EventBridge Scheduler.
    """
    original = eventbridge._invoke_target

    def refusal(target: Body, service: str, source_arn: str) -> str:
        role_arn = target.get("RoleArn", "")
        role = role_of(role_arn)
        if role is None:
            return "the target has no role"
        if not trusts(role, service, source_arn):
            return f"the trust policy of {role_arn} does not allow {service} for {source_arn}"
        if not role_may(role_arn, "states:StartExecution", target["Arn"]):
            return f"{role_arn} may not start the state machine"
        return ""

    @functools.wraps(original)
    def invoke(target: Body, event: Body, rule: Body, view: Any = None) -> Any:
        service, source_arn = "events.amazonaws.com", rule.get("Arn", "")
        # For a schedule, the source ARN is the ARN of the schedule group, not the ARN of the schedule.
        if _is_schedule(rule):
            service = "scheduler.amazonaws.com"
            source_arn = source_arn.rsplit("/", 1)[0].replace(":schedule/", ":schedule-group/")
        if ":states:" in target.get("Arn", "") and (why := refusal(target, service, source_arn)):
            log.warning("EventBridge: %s not delivered to %s: %s", rule.get("Name"), target["Arn"], why)
            _keep_dead_letter(target, event, rule, why)
            return None
        return original(target, event, rule, view)

    eventbridge._invoke_target = invoke


def _keep_dead_letter(target: Body, event: Body, rule: Body, why: str) -> None:
    """Send an undelivered event to the dead letter queue of its target, with the reason.

    If the event comes from a rule, the policy of the queue must allow the action sqs:SendMessage. If the
    event comes from a schedule, the role of the schedule must allow this action.
    """
    queue = target.get("DeadLetterConfig", {}).get("Arn", "")
    if not queue:
        return
    if _is_schedule(rule):
        allowed = role_may(target.get("RoleArn", ""), "sqs:SendMessage", queue)
    else:
        allowed = sqs.queue_policy_allows(
            queue, "events.amazonaws.com", rule.get("Arn", ""), get_account_id()
        )
    if not allowed:
        log.warning("EventBridge: %s may not send a dead letter to %s", rule.get("Name"), queue)
        return
    view = eventbridge._pattern_event_view(event)
    told = {"ERROR_CODE": "NO_PERMISSIONS", "ERROR_MESSAGE": why, "RULE_ARN": rule.get("Arn", "")}
    message = {
        "QueueUrl": sqs._queue_url(queue.rsplit(":", 1)[-1]),
        "MessageBody": json.dumps(view.event_with_detail()),
        "MessageAttributes": {
            key: {"DataType": "String", "StringValue": value} for key, value in told.items()
        },
    }
    sqs._act_send_message(message, message["QueueUrl"])


def close_event_subjects() -> None:
    """Send mails of EventBridge without a subject. ministack sets the subject "EventBridge Notification"."""
    original = sns.publish_internal

    @functools.wraps(original)
    def publish(topic_arn: str, message: Any, subject: str = "", **named: Any) -> Any:
        return original(topic_arn, message, "" if subject == "EventBridge Notification" else subject, **named)

    sns.publish_internal = publish


def close_schedule_keywords() -> None:
    """Replace the context attributes of Scheduler in a schedule's input with their values."""
    original = eventbridge._invoke_target

    @functools.wraps(original)
    def invoke(target: Body, event: Body, rule: Body, view: Any = None) -> Any:
        if _is_schedule(rule) and target.get("Input"):
            moment = datetime.fromtimestamp(event["Time"], UTC)
            words = {
                "<aws.scheduler.attempt-number>": "1",
                "<aws.scheduler.execution-id>": os.urandom(8).hex(),
                "<aws.scheduler.schedule-arn>": rule["Arn"],
                "<aws.scheduler.scheduled-time>": f"{moment:%Y-%m-%dT%H:%M:%SZ}",
            }
            given = target["Input"]
            for word, meaning in words.items():
                given = given.replace(word, meaning)
            target = {**target, "Input": given}
        return original(target, event, rule, view)

    eventbridge._invoke_target = invoke


def _is_schedule(rule: Body) -> bool:
    return ":scheduler:" in rule.get("Arn", "")
