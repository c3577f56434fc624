"""Limits of Glue: jobs, triggers, schedules and connections."""

from __future__ import annotations

from typing import Any

from local_cloud.aws.requests.limits import schedules, state
from local_cloud.aws.requests.limits.limit import (
    Complaint,
    Limit,
    Source,
    documentation,
    each,
    each_is,
)
from local_cloud.aws.requests.request import Request

JOB = documentation("Jobs", "glue/latest/dg/aws-glue-api-jobs-job.html")
ADD_JOB = documentation("Configuring job properties for Spark jobs", "glue/latest/dg/add-job.html")
ARGUMENTS = documentation(
    "Using job parameters in AWS Glue jobs", "glue/latest/dg/aws-glue-programming-etl-glue-arguments.html"
)
TRIGGER = documentation("Triggers", "glue/latest/dg/aws-glue-api-jobs-trigger.html")
ABOUT_TRIGGERS = documentation("AWS Glue triggers", "glue/latest/dg/about-triggers.html")
WORKFLOWS = documentation("Overview of workflows in AWS Glue", "glue/latest/dg/workflows_overview.html")
SCHEDULES = documentation(
    "Time-based schedules for jobs and crawlers", "glue/latest/dg/monitor-data-warehouse-schedule.html"
)
CONNECTION = documentation(
    "Connections API", "glue/latest/dg/aws-glue-api-catalog-connections-connections.html"
)
CONDITION = Source(
    "CfnTrigger.predicate.conditions has required fields marked as optional",
    "https://github.com/aws/aws-cdk/issues/24575",
)
RESERVED = frozenset({"--debug", "--mode", "--JOB_NAME", "--endpoint"})
FLEX_WORKERS = ("G.1X", "G.2X")


def jobs(parameters: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the job that a request creates or updates."""
    return [parameters.get("JobUpdate", parameters)]


def triggers(parameters: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the trigger that a request creates or updates."""
    return [parameters.get("TriggerUpdate", parameters)]


def _reserved_arguments(request: Request) -> str | None:
    of_job = ("DefaultArguments", "NonOverridableArguments")
    for path in (*of_job, "Arguments", *(f"JobUpdate.{name}" for name in of_job)):
        for given in each(request.parameters, path):
            if used := sorted(RESERVED & given.keys()):
                return f"{used[0]} is internal to AWS Glue. Do not set."
    return None


def _capacity(request: Request) -> str | None:
    for job in jobs(request.parameters):
        if "MaxCapacity" in job and {"WorkerType", "NumberOfWorkers"} & job.keys():
            return "Please do not set Max Capacity if using Worker Type and Number of Workers."
    return None


def _flex(request: Request) -> str | None:
    for job in jobs(request.parameters):
        spark = job.get("Command", {}).get("Name") == "glueetl"
        major = job.get("GlueVersion", "5.1").partition(".")[0]
        recent = major.isdecimal() and int(major) >= 3
        small = job.get("WorkerType", "G.1X") in FLEX_WORKERS
        if job.get("ExecutionClass") == "FLEX" and not (spark and recent and small):
            return (
                "Only jobs with Glue version 3.0 and above, command type glueetl and worker type G.1X or "
                "G.2X will be allowed to set ExecutionClass to FLEX."
            )
    return None


def _maintenance_window(request: Request) -> str | None:
    for job in jobs(request.parameters):
        if job.get("MaintenanceWindow") and job.get("Command", {}).get("Name") != "gluestreaming":
            return "MaintenanceWindow is only supported for streaming jobs."
    return None


def _trigger_needs(request: Request) -> str | None:
    kind = request.parameters.get("Type")
    if kind == "SCHEDULED" and not request.parameters.get("Schedule"):
        return "Schedule is required for a trigger of type SCHEDULED."
    if kind == "CONDITIONAL" and not request.parameters.get("Predicate"):
        return "Predicate is required for a trigger of type CONDITIONAL."
    if kind == "ON_DEMAND" and request.parameters.get("StartOnCreation"):
        return "StartOnCreation is not supported for ON_DEMAND triggers."
    return None


def _conditions(request: Request) -> str | None:
    for trigger in triggers(request.parameters):
        for condition in each(trigger, "Predicate.Conditions[]"):
            if condition.get("JobName") and not condition.get("State"):
                return (
                    "State cannot be null or empty, choose from one of the following job state: "
                    "[SUCCEEDED, STOPPED, FAILED, TIMEOUT]"
                )
            if not condition.get("JobName") and not condition.get("CrawlerName"):
                return "JobName or CrawlerName in condition cannot be null or empty"
            if not condition.get("JobName") and not condition.get("CrawlState"):
                return (
                    "State cannot be null or empty, choose from one of the following crawler state: "
                    "[SUCCEEDED, FAILED, CANCELLED]"
                )
            if not condition.get("LogicalOperator"):
                return "Logical operator cannot be null or empty"
    return None


def _condition_states(request: Request) -> str | None:
    for trigger in triggers(request.parameters):
        for condition in each(trigger, "Predicate.Conditions[]"):
            job, crawl = condition.get("State"), condition.get("CrawlState")
            if condition.get("JobName") and job not in ("SUCCEEDED", "STOPPED", "FAILED", "TIMEOUT"):
                return f"A trigger cannot watch for the job state {job}"
            if condition.get("CrawlerName") and crawl not in ("SUCCEEDED", "FAILED", "CANCELLED"):
                return f"A trigger cannot watch for the crawler state {crawl}"
    return None


def _logical(request: Request) -> str | None:
    for predicate in each(request.parameters, "Predicate|TriggerUpdate.Predicate"):
        if len(predicate.get("Conditions", [])) > 1 and not predicate.get("Logical"):
            return "Logical is required if multiple conditions are listed"
    return None


def _actions(request: Request) -> str | None:
    for trigger in triggers(request.parameters):
        actions = trigger.get("Actions", [])
        watched = set(each(trigger, "Predicate.Conditions[].JobName"))
        if any(action.get("JobName") and action.get("CrawlerName") for action in actions):
            return "Both JobName and CrawlerName cannot be set together in an action"
        if watched & set(each(trigger, "Actions[].JobName")):
            return "Job cannot be a Predicate and Action for Conditional Trigger."
    return None


def _crawlers(request: Request) -> str | None:
    for trigger in triggers(request.parameters):
        if len(list(each(trigger, "Actions[].CrawlerName"))) > 2:
            return "Only two crawlers can be activated by a single trigger"
    return None


def _start_triggers(request: Request) -> str | None:
    workflow = request.parameters.get("WorkflowName")
    if not workflow or request.parameters.get("Type") == "CONDITIONAL":
        return None
    others = state.workflow_triggers(workflow)
    others.pop(request.parameters["Name"], None)
    if any(trigger.get("Type") != "CONDITIONAL" for trigger in others.values()):
        return f"Workflow {workflow} already has a starting trigger"
    return None


def _too_fast(expression: str) -> bool:
    return not schedules.is_cron(expression) or schedules.gap(expression) >= 5


def _jdbc(request: Request) -> str | None:
    for connection in each(request.parameters, "ConnectionInput"):
        given = connection.get("ConnectionProperties", {}).keys()
        if connection.get("ConnectionType") != "JDBC":
            continue
        if not ({"JDBC_CONNECTION_URL"} <= given or {"HOST", "PORT", "JDBC_ENGINE"} <= given):
            return "JDBC_CONNECTION_URL, or HOST, PORT and JDBC_ENGINE are required for type JDBC"
        if not ({"SECRET_ID"} <= given or {"USERNAME", "PASSWORD"} <= given):
            return "SECRET_ID, or USERNAME and PASSWORD are required for type JDBC"
    return None


def _network(request: Request) -> str | None:
    for connection in each(request.parameters, "ConnectionInput"):
        if connection.get("ConnectionType") == "NETWORK" and not connection.get(
            "PhysicalConnectionRequirements"
        ):
            return "PhysicalConnectionRequirements is required for type NETWORK"
    return None


def _limit(operations: str, name: str, complaint: Complaint, source: Source) -> Limit:
    return Limit("glue", operations, name, complaint, "InvalidInputException", source)


LIMITS = (
    _limit("CreateJob UpdateJob StartJobRun", "reserved arguments", _reserved_arguments, ARGUMENTS),
    _limit(
        "CreateJob UpdateJob StartJobRun",
        "timeout",
        each_is(
            "Timeout|JobUpdate.Timeout",
            lambda minutes: minutes <= 10_080,
            "Timeout must not be over 7 days or 10080 minutes.",
        ),
        JOB,
    ),
    _limit("CreateJob UpdateJob StartJobRun", "capacity", _capacity, JOB),
    _limit("CreateJob UpdateJob", "flexible execution", _flex, ADD_JOB),
    _limit("CreateJob UpdateJob", "maintenance window", _maintenance_window, JOB),
    _limit("CreateTrigger", "fields of a trigger type", _trigger_needs, TRIGGER),
    _limit("CreateTrigger UpdateTrigger", "elements of a condition", _conditions, CONDITION),
    _limit("CreateTrigger UpdateTrigger", "states of a condition", _condition_states, ABOUT_TRIGGERS),
    _limit("CreateTrigger UpdateTrigger", "logical operator of several conditions", _logical, TRIGGER),
    _limit(
        "CreateTrigger UpdateTrigger",
        "actions of a trigger",
        _actions,
        Source(
            "Job cannot be a Predicate and Action for Conditional Trigger",
            "https://github.com/hashicorp/terraform-provider-aws/issues/39571",
        ),
    ),
    _limit("CreateTrigger UpdateTrigger", "crawlers of a trigger", _crawlers, ABOUT_TRIGGERS),
    _limit("CreateTrigger", "start triggers of a workflow", _start_triggers, WORKFLOWS),
    _limit(
        "CreateTrigger UpdateTrigger CreateCrawler UpdateCrawler",
        "format of a schedule",
        each_is(
            "Schedule|TriggerUpdate.Schedule",
            lambda text: text == "" or schedules.is_cron(text),
            "Invalid cron expression: {value}",
        ),
        SCHEDULES,
    ),
    _limit(
        "CreateTrigger UpdateTrigger CreateCrawler UpdateCrawler",
        "shortest interval of a schedule",
        each_is(
            "Schedule|TriggerUpdate.Schedule",
            _too_fast,
            "Cron expressions that lead to rates faster than 5 minutes are not supported: {value}",
        ),
        SCHEDULES,
    ),
    _limit("CreateConnection UpdateConnection", "properties of a JDBC connection", _jdbc, CONNECTION),
    _limit("CreateConnection UpdateConnection", "subnet of a network connection", _network, CONNECTION),
)
