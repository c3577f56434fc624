"""Glue: ministack does not store some attributes."""

from __future__ import annotations

import functools
import json
import re
from typing import Any

from ministack.core import iam_actions
from ministack.core.responses import error_response_json, json_response
from ministack.services import glue

from local_cloud.aws.common import Afterwards, Body, Response, answer_json, body_of, seconds_now

RESOURCE = re.compile(r"[A-Z][a-z]+(?P<kind>Connection|Crawler|Database|Job|Trigger|Workflow)(Run)?")
JOB_ATTRIBUTES = (
    "ExecutionClass",
    "ExecutionProperty",
    "JobMode",
    "JobRunQueuingEnabled",
    "LogUri",
    "MaintenanceWindow",
    "NotificationProperty",
)


def remember_tags(kind: str) -> Afterwards:
    """Return a function that stores the tags of a create request, so that GetTags can return the tags."""

    def created(data: Body, _: Response) -> None:
        name = data.get("Name") or data.get("ConnectionInput", {}).get("Name")
        if data.get("Tags"):
            glue._tags[glue._arn(kind, name)] = dict(data["Tags"])

    return created


def close_glue_jobs() -> None:
    """Store all attributes of jobs. An update removes the attributes that the request omits."""

    def created(data: Body, response: Response) -> None:
        remember_tags("job")(data, response)
        job = glue._jobs[data["Name"]]
        job.pop("Tags", None)
        job.update({key: data[key] for key in JOB_ATTRIBUTES if key in data})
        job.setdefault("ExecutionProperty", {"MaxConcurrentRuns": 1})

    def updated(data: Body, _: Response) -> None:
        job, update = glue._jobs[data["JobName"]], data.get("JobUpdate", {})
        for key in JOB_ATTRIBUTES:
            job.pop(key, None)
        job.update({key: update[key] for key in JOB_ATTRIBUTES if key in update})
        job.setdefault("ExecutionProperty", {"MaxConcurrentRuns": 1})
        job["MaxRetries"] = update.get("MaxRetries", 0)
        for arguments in ("DefaultArguments", "NonOverridableArguments"):
            job[arguments] = update.get(arguments, {})

    answer_json(glue, "_handle_request_sync", instead={}, after={"CreateJob": created, "UpdateJob": updated})


def close_glue_crawlers() -> None:
    """Store the lineage setting, the recrawl policy and the tags of crawlers."""

    def created(data: Body, response: Response) -> None:
        remember_tags("crawler")(data, response)
        crawler = glue._crawlers[data["Name"]]
        crawler["LineageConfiguration"] = data.get("LineageConfiguration") or {
            "CrawlerLineageSettings": "DISABLE"
        }
        crawler["RecrawlPolicy"] = data.get("RecrawlPolicy") or {"RecrawlBehavior": "CRAWL_EVERYTHING"}

    answer_json(glue, "_handle_request_sync", instead={}, after={"CreateCrawler": created})


def close_glue_connections() -> None:
    """Store the tags of connections. Add UpdateConnection, which ministack lacks."""

    def update(data: Body) -> Response:
        old = glue._connections.get(data["Name"])
        if old is None:
            return error_response_json("EntityNotFoundException", f"Connection {data['Name']} not found", 400)
        times = {"CreationTime": old["CreationTime"], "LastUpdatedTime": seconds_now()}
        glue._connections[data["Name"]] = data["ConnectionInput"] | times
        return json_response({})

    answer_json(
        glue,
        "_handle_request_sync",
        instead={"UpdateConnection": update},
        after={"CreateConnection": remember_tags("connection")},
    )


def close_glue_resources() -> None:
    """Authorize a request for the resource that it names. ministack treats every resource as a table."""
    original = iam_actions.extract_resource_arn

    @functools.wraps(original)
    def extract(service: str, method: str, path: str, headers: Any, body: Any, *rest: Any) -> str:
        found = str(original(service, method, path, headers, body, *rest))
        if service != "glue":
            return found
        data = json.loads(body or b"{}")
        action = headers.get("x-amz-target", "").rsplit(".", 1)[-1]
        home = found.split(":")[:5]
        if (named := RESOURCE.fullmatch(action)) and "Name" in data:
            return ":".join([*home, f"{named['kind'].lower()}/{data['Name']}"])
        table = data.get("TableInput", {}).get("Name") or (data.get("Name") if "Table" in action else None)
        if table:
            return ":".join([*home, f"table/{data['DatabaseName']}/{table}"])
        return found

    iam_actions.extract_resource_arn = extract


def close_glue_triggers() -> None:
    """Remove an empty predicate from the response of GetTrigger. ministack adds it to some triggers."""

    def got(_: Body, response: Response) -> Response:
        out = body_of(response)
        if not out["Trigger"].get("Predicate"):
            out["Trigger"].pop("Predicate", None)
        return json_response(out)

    answer_json(glue, "_handle_request_sync", instead={}, after={"GetTrigger": got})
