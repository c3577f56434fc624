"""Probes of the limits of Glue."""

from __future__ import annotations

from typing import Any

from tests.support.limits.probe import Parameters, Probe

CRAWLED: Parameters = {"CrawlerName": "crawl", "CrawlState": "SUCCEEDED", "LogicalOperator": "EQUALS"}
DONE: Parameters = {"JobName": "first", "State": "SUCCEEDED", "LogicalOperator": "EQUALS"}


def job(**given: Any) -> Parameters:
    return {"Name": "extract", "Command": {"Name": "glueetl"}, "GlueVersion": "6.0"} | given


def trigger(*conditions: Parameters, **given: Any) -> Parameters:
    """Return a conditional trigger that starts a job."""
    predicate = {"Logical": "AND", "Conditions": list(conditions or (CRAWLED,))}
    actions = [{"JobName": "extract"}]
    return {"Name": "then", "Type": "CONDITIONAL", "Predicate": predicate, "Actions": actions} | given


def start(**given: Any) -> Parameters:
    return {"Name": "start", "Type": "ON_DEMAND", "Actions": [{"CrawlerName": "crawl"}]} | given


def schedule(expression: str) -> Parameters:
    return start(Type="SCHEDULED", Schedule=expression)


def connection(kind: str = "JDBC", place: str = "", **properties: str) -> Parameters:
    requirements = {"PhysicalConnectionRequirements": {"SubnetId": place}} if place else {}
    given = {"ConnectionType": kind, "ConnectionProperties": properties}
    return {"ConnectionInput": given | requirements}


def without(condition: Parameters, name: str) -> Parameters:
    return {key: value for key, value in condition.items() if key != name}


GLUE = {
    "reserved arguments": Probe(
        job(DefaultArguments={"--period": "2026-10"}), job(DefaultArguments={"--JOB_NAME": "x"}), "--JOB_NAME"
    ),
    "timeout": Probe(job(Timeout=10_080), job(Timeout=10_081), "10080"),
    "capacity": Probe(
        job(WorkerType="G.1X", NumberOfWorkers=2), job(WorkerType="G.1X", MaxCapacity=2.0), "Max Capacity"
    ),
    "flexible execution": Probe(
        job(ExecutionClass="FLEX", WorkerType="G.2X"), job(ExecutionClass="FLEX", WorkerType="G.4X"), "FLEX"
    ),
    "maintenance window": Probe(
        job(MaintenanceWindow="Sun:3", Command={"Name": "gluestreaming"}), job(MaintenanceWindow="Sun:3")
    ),
    "fields of a trigger type": Probe(trigger(), trigger(Predicate=None), "Predicate is required"),
    "elements of a condition": Probe(
        trigger(CRAWLED),
        trigger(without(CRAWLED, "LogicalOperator")),
        "Logical operator cannot be null",
    ),
    "states of a condition": Probe(
        trigger(CRAWLED | {"CrawlState": "CANCELLED"}), trigger(CRAWLED | {"CrawlState": "ERROR"}), "ERROR"
    ),
    "logical operator of several conditions": Probe(
        trigger(Predicate={"Conditions": [CRAWLED]}), trigger(Predicate={"Conditions": [CRAWLED, DONE]})
    ),
    "actions of a trigger": Probe(
        trigger(DONE), trigger(DONE, Actions=[{"JobName": "first"}]), "Job cannot be a Predicate and Action"
    ),
    "crawlers of a trigger": Probe(
        start(Actions=[{"CrawlerName": name} for name in "ab"]),
        start(Actions=[{"CrawlerName": name} for name in "abc"]),
    ),
    "start triggers of a workflow": Probe(
        start(WorkflowName="monthly"),
        start(WorkflowName="monthly", Name="second"),
        "already has a starting trigger",
        state={"workflow_triggers": {"start": {"Type": "ON_DEMAND"}, "then": {"Type": "CONDITIONAL"}}},
    ),
    "format of a schedule": Probe(schedule("cron(1 0 1 * ? *)"), schedule("cron(1 0 1 * ?)"), "Invalid cron"),
    "shortest interval of a schedule": Probe(
        schedule("cron(0/5 * * * ? *)"), schedule("cron(0/4 * * * ? *)"), "5 min"
    ),
    "properties of a JDBC connection": Probe(
        connection(JDBC_CONNECTION_URL="jdbc:postgresql://host/db", SECRET_ID="secret"),
        connection(JDBC_CONNECTION_URL="jdbc:postgresql://host/db", USERNAME="reader"),
    ),
    "subnet of a network connection": Probe(
        connection("NETWORK", "subnet-1"), connection("NETWORK"), "Physical"
    ),
}
