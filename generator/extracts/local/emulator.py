"""The emulated AWS: ministack, with the gaps closed that stand between it and what the modules do.

Run as a process (`python -m extracts.local.emulator`) by `aws.serve`. Each gap is one small function that
wraps one of ministack's, with the reason why; `tests/local/test_emulator.py` holds a probe for each, which
fails once the gap is closed upstream. What AWS does is taken from its documents, not proven by this.
"""

from __future__ import annotations

import asyncio
import contextvars
import functools
import json
import logging
import mailbox
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from email.message import EmailMessage
from typing import Any
from xml.sax.saxutils import escape

# ministack reads its settings when it is imported; `aws.serve` has put them into the environment.
from ministack.core import iam_actions
from ministack.core import iam_evaluator as iam
from ministack.core.responses import error_response_json, get_account_id, get_region, json_response
from ministack.services import (
    cloudwatch,
    ec2,
    eventbridge,
    glue,
    scheduler,
    secretsmanager,
    sns,
    sqs,
    stepfunctions,
    sts,
    transfer,
)

log = logging.getLogger("extracts.emulator")

# ministack's own types, as far as we touch them.
Body = dict[str, Any]
Response = tuple[int, dict[str, str], bytes]
Answer = Callable[[Body], Response]
Afterwards = Callable[[Body, Response], Response | None]


def body_of(response: Response) -> Body:
    """The JSON in a response."""
    return dict(json.loads(response[2])) if response[2] else {}


def answer_json(
    module: Any, handler: str, *, instead: Mapping[str, Answer], after: Mapping[str, Afterwards]
) -> None:
    """Route actions of a JSON service: `instead` answers them, `after` sees and may replace the answer."""
    original = getattr(module, handler)

    def read(headers: Mapping[str, str], body: bytes) -> tuple[str, Body]:
        action = headers.get("x-amz-target", "").rsplit(".", 1)[-1]
        if action not in instead and action not in after:
            return "", {}
        return action, json.loads(body or b"{}")

    def finish(action: str, data: Body, response: Response) -> Response:
        if action in after and response[0] < 300:
            return after[action](data, response) or response
        return response

    if asyncio.iscoroutinefunction(original):

        @functools.wraps(original)
        async def handle_later(method: str, path: str, headers: Any, body: bytes, query: Any) -> Response:
            action, data = read(headers, body)
            if action in instead:
                return instead[action](data)
            return finish(action, data, await original(method, path, headers, body, query))

        setattr(module, handler, handle_later)
        return

    @functools.wraps(original)
    def handle(method: str, path: str, headers: Any, body: bytes, query: Any) -> Response:
        action, data = read(headers, body)
        if action in instead:
            return instead[action](data)
        return finish(action, data, original(method, path, headers, body, query))

    setattr(module, handler, handle)


def in_background(function: Callable[..., Any], *arguments: Any) -> None:
    """Run in a thread that knows the request's account and region."""
    context = contextvars.copy_context()
    threading.Thread(target=context.run, args=(function, *arguments), daemon=True).start()


def seconds_now() -> int:
    """The time as Glue tells it."""
    return int(time.time())


def emit(detail_type: str, detail: Body, source: str = "aws.glue") -> None:
    """Put one of a service's own events on the bus."""
    entry = {"Source": source, "DetailType": detail_type, "Detail": json.dumps(detail)}
    eventbridge._put_events({"Entries": [entry]}, allow_aws_source=True)


################################################################################
# Transfer Family: the control plane forgets most of what it is told
################################################################################

SERVER_ATTRIBUTES = (
    "EndpointDetails",
    "LoggingRole",
    "PostAuthenticationLoginBanner",
    "PreAuthenticationLoginBanner",
    "ProtocolDetails",
    "S3StorageOptions",
    "SecurityPolicyName",
    "StructuredLogDestinations",
)
USER_ATTRIBUTES = (
    "HomeDirectory",
    "HomeDirectoryMappings",
    "HomeDirectoryType",
    "Policy",
    "PosixProfile",
    "Role",
)


def close_transfer_servers() -> None:
    """Servers keep their security policy, logging and endpoint, else every plan wants to set them again."""

    def created(data: Body, response: Response) -> None:
        server = transfer._servers[body_of(response)["ServerId"]]
        server.update({"SecurityPolicyName": "TransferSecurityPolicy-2018-11"})
        server.update({key: data[key] for key in SERVER_ATTRIBUTES if key in data})

    def described(data: Body, response: Response) -> Response:
        out = body_of(response)
        server = transfer._servers[data["ServerId"]]
        out["Server"].update({key: server[key] for key in SERVER_ATTRIBUTES if key in server})
        key = transfer._sftp_load_or_generate_host_key()
        out["Server"]["HostKeyFingerprint"] = key.get_fingerprint()
        return json_response(out)

    def update(data: Body) -> Response:
        server = transfer._servers.get(data["ServerId"])
        if server is None:
            return error_response_json("ResourceNotFoundException", "Unknown server", 404)
        server.update({key: data[key] for key in SERVER_ATTRIBUTES if key in data})
        return json_response({"ServerId": data["ServerId"]})

    answer_json(
        transfer,
        "handle_request",
        instead={"UpdateServer": update},
        after={"CreateServer": created, "DescribeServer": described},
    )


def close_transfer_users() -> None:
    """Users keep their session policy, and a key's date is a number: as text the provider cannot read it."""

    def key_of(data: Body) -> str:
        return str(transfer._user_key(data["ServerId"], data["UserName"]))

    def created(data: Body, _: Response) -> None:
        transfer._users[key_of(data)].update({key: data[key] for key in USER_ATTRIBUTES if key in data})

    def described(data: Body, response: Response) -> Response:
        out = body_of(response)
        user = transfer._users[key_of(data)]
        out["User"].update({key: user[key] for key in ("Policy", "PosixProfile") if user.get(key)})
        for key in out["User"].get("SshPublicKeys", []):
            if isinstance(key["DateImported"], str):
                key["DateImported"] = datetime.fromisoformat(key["DateImported"]).timestamp()
        return json_response(out)

    def update(data: Body) -> Response:
        user = transfer._users.get(key_of(data))
        if user is None:
            return error_response_json("ResourceNotFoundException", "Unknown user", 404)
        user.update({key: data[key] for key in USER_ATTRIBUTES if key in data})
        return json_response({"ServerId": data["ServerId"], "UserName": data["UserName"]})

    answer_json(
        transfer,
        "handle_request",
        instead={"UpdateUser": update},
        after={"CreateUser": created, "DescribeUser": described},
    )


def close_transfer_tags() -> None:
    """Tags of servers and users can be read and changed; the three calls are missing."""

    def tagged(arn: str) -> Body:
        for store in (transfer._servers, transfer._users, _connectors):
            for record in store.values():
                if record["Arn"] == arn:
                    return dict(record) if record.get("Tags") is None else record
        return {}

    def tag(data: Body) -> Response:
        record = tagged(data["Arn"])
        tags = {t["Key"]: t["Value"] for t in [*record.get("Tags", []), *data["Tags"]]}
        record["Tags"] = [{"Key": key, "Value": value} for key, value in tags.items()]
        return json_response({})

    def untag(data: Body) -> Response:
        record = tagged(data["Arn"])
        record["Tags"] = [t for t in record.get("Tags", []) if t["Key"] not in data["TagKeys"]]
        return json_response({})

    def listed(data: Body) -> Response:
        return json_response({"Arn": data["Arn"], "Tags": tagged(data["Arn"]).get("Tags", [])})

    answer_json(
        transfer,
        "handle_request",
        instead={"TagResource": tag, "UntagResource": untag, "ListTagsForResource": listed},
        after={},
    )


################################################################################
# Transfer Family: the SFTP server asks nobody whether the user's role may
################################################################################

_sftp_user: contextvars.ContextVar[Body | None] = contextvars.ContextVar("sftp_user", default=None)


def close_sftp_authorization() -> None:
    """Every SFTP operation is decided by the user's role and session policy, as Transfer does it.

    Writing is refused when the file is opened, not when it is closed: only then does the client say so.
    """
    resolve = transfer._sftp_resolve_s3_target

    def resolve_and_remember(user: Body, path: str) -> Any:
        _sftp_user.set(user)
        return resolve(user, path)

    transfer._sftp_resolve_s3_target = resolve_and_remember

    def require(account: str, action: str, bucket: str, key: str) -> None:
        user = _sftp_user.get() or {}
        whole_bucket = action == "s3:ListBucket"
        context = iam.EvalContext(
            principal_arn=user.get("Role", ""),
            principal_type="AssumedRole",
            principal_account=account,
            action=action,
            resource_arn=f"arn:aws:s3:::{bucket}" + ("" if whole_bucket else f"/{key}"),
            region=get_region(),
            service_context={"s3:prefix": key} if whole_bucket else {},
            secure_transport=True,
        )
        role = user.get("Role", "").rsplit("/", 1)[-1]
        limits = [[iam.parse_policy_document(user["Policy"])]] if user.get("Policy") else []
        decision = iam.evaluate(context, iam._gather_role_policies(role, account), *limits)
        if decision.decision != "Allow":
            log.info("SFTP: %s on %s refused for %s", action, context.resource_arn, role)
            raise transfer.asyncssh.SFTPPermissionDenied(f"{action} is not allowed")

    def guard(name: str, action: str) -> None:
        original = getattr(transfer, name)

        @functools.wraps(original)
        def guarded(account: str, bucket: str, key: str, *rest: Any) -> Any:
            require(account, action, bucket, key)
            return original(account, bucket, key, *rest)

        setattr(transfer, name, guarded)

    guard("_sftp_s3_put_object", "s3:PutObject")
    guard("_sftp_s3_delete_object", "s3:DeleteObject")

    ensure = transfer._ensure_sftp_runtime

    def ensure_guarded() -> None:
        ensure()
        server = transfer._MiniStackSFTPServer
        if getattr(server, "authorizes", False):
            return

        def open_file(self: Any, path: bytes, flags: int, attributes: Any) -> Any:
            bucket, key = self._resolve(path)
            if bucket and key:
                # 0x02 and 0x04 write and append, 0x08 creates, 0x10 truncates.
                require(self._account_id, "s3:PutObject" if flags & 0x1E else "s3:GetObject", bucket, key)
            return original_open(self, path, flags, attributes)

        async def list_folder(self: Any, path: bytes) -> Any:
            bucket, key = self._resolve(path)
            if bucket:
                require(self._account_id, "s3:ListBucket", bucket, f"{key.rstrip('/')}/" if key else "")
            async for entry in original_list(self, path):
                yield entry

        original_open, original_list = server.open, server.scandir
        server.open, server.scandir, server.authorizes = open_file, list_folder, True

    transfer._ensure_sftp_runtime = ensure_guarded


def close_sftp_events() -> None:
    """A file that was read is an event, as Transfer sends it; completed where its end was reached."""
    ensure = transfer._ensure_sftp_runtime

    def ensure_telling() -> None:
        ensure()
        server = transfer._MiniStackSFTPServer
        if getattr(server, "tells", False):
            return

        def read(self: Any, handle: Any, offset: int, size: int) -> Any:
            data = original_read(self, handle, offset, size)
            file = self._open_files[handle]
            file["reached"] = max(file.get("reached", 0), offset + len(data))
            return data

        def close(self: Any, handle: Any) -> Any:
            file = self._open_files.get(handle)
            closed = original_close(self, handle)
            if file and file["mode"] == "read":
                self._resolve("/")  # the event belongs to the user's account and region
                completed = file.get("reached", 0) >= file["size"]
                detail = {
                    "bytes": file.get("reached", 0),
                    "client-ip": "127.0.0.1",
                    "file-path": f"/{file['bucket']}/{file['key']}",
                    "protocol": "SFTP",
                    "server-id": self._server_id,
                    "status-code": "COMPLETED" if completed else "FAILED",
                    "username": self._user["UserName"],
                }
                if not completed:
                    detail["failure-code"] = "PARTIAL_DOWNLOAD"
                end = "Completed" if completed else "Failed"
                emit(f"SFTP Server File Download {end}", detail, "aws.transfer")
            return closed

        original_read, original_close = server.read, server.close
        server.read, server.close, server.tells = read, close, True

    transfer._ensure_sftp_runtime = ensure_telling


################################################################################
# Transfer Family: connectors
################################################################################

_connectors: dict[str, Body] = {}
_transfers: dict[str, list[Body]] = {}
CONNECTOR_ATTRIBUTES = ("AccessRole", "LoggingRole", "SecurityPolicyName", "SftpConfig", "Url")


def close_transfer_connectors() -> None:
    """Connectors, which ministack does not know: a real SFTP client sends to the recipient's server."""

    def unknown(data: Body) -> Response:
        return error_response_json(
            "ResourceNotFoundException", f"Unknown connector {data['ConnectorId']}", 404
        )

    def create(data: Body) -> Response:
        number = f"c-{os.urandom(9).hex()[:17]}"
        arn = f"arn:aws:transfer:{get_region()}:{get_account_id()}:connector/{number}"
        kept = {key: data[key] for key in (*CONNECTOR_ATTRIBUTES, "Tags") if key in data}
        _connectors[number] = {"Arn": arn, "ConnectorId": number, **kept}
        return json_response({"ConnectorId": number})

    def describe(data: Body) -> Response:
        connector = _connectors.get(data["ConnectorId"])
        return json_response({"Connector": connector}) if connector else unknown(data)

    def update(data: Body) -> Response:
        connector = _connectors.get(data["ConnectorId"])
        if connector is None:
            return unknown(data)
        connector.update({key: data[key] for key in CONNECTOR_ATTRIBUTES if key in data})
        return json_response({"ConnectorId": data["ConnectorId"]})

    def delete(data: Body) -> Response:
        return json_response({}) if _connectors.pop(data["ConnectorId"], None) else unknown(data)

    def start(data: Body) -> Response:
        connector = _connectors.get(data["ConnectorId"])
        if connector is None:
            return unknown(data)
        number = os.urandom(16).hex()
        files = [{"FilePath": path, "StatusCode": "QUEUED"} for path in data["SendFilePaths"]]
        _transfers[number] = files
        in_background(_send, connector, data, number, files)
        return json_response({"TransferId": number})

    def results(data: Body) -> Response:
        return json_response({"FileTransferResults": _transfers.get(data["TransferId"], [])})

    answer_json(
        transfer,
        "handle_request",
        instead={
            "CreateConnector": create,
            "DeleteConnector": delete,
            "DescribeConnector": describe,
            "ListFileTransferResults": results,
            "StartFileTransfer": start,
            "UpdateConnector": update,
        },
        after={},
    )
    stepfunctions._AWS_SDK_SERVICE_MAP["transfer"] = {"target_prefix": "TransferService", "protocol": "json"}


def _send(connector: Body, order: Body, number: str, files: list[Body]) -> None:
    """Send the files one by one; each one's end is an event."""
    folder = order.get("RemoteDirectoryPath", "/")
    for file in files:
        file["StatusCode"] = "IN_PROGRESS"
        detail = {
            "connector-id": connector["ConnectorId"],
            "file-path": file["FilePath"],
            "operation": "SEND",
            "remote-directory-path": folder,
            "transfer-id": number,
            "url": connector["Url"],
        }
        if why := _refused(connector, file["FilePath"], folder):
            file.update(StatusCode="FAILED", FailureCode="SEND_FILE_FAILED", FailureMessage=why)
            detail |= {"failure-code": "SEND_FILE_FAILED", "failure-message": why}
        else:
            file["StatusCode"] = "COMPLETED"
        detail["status-code"] = file["StatusCode"]
        emit(f"SFTP Connector File Send {file['StatusCode'].capitalize()}", detail, "aws.transfer")


def _refused(connector: Body, path: str, folder: str) -> str:
    """Send one file in a process of its own, as the connector's role; why it failed. See `connector.py`."""
    credentials = _credentials(connector["AccessRole"], "transfer.amazonaws.com", connector["Arn"])
    if not credentials:
        return f"{connector['AccessRole']} does not trust {connector['Arn']}"
    done = subprocess.run(
        [sys.executable, "-m", "extracts.local.connector"],
        input=json.dumps({**connector, "Path": path, "Folder": folder}),
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, **credentials},
    )
    return done.stderr.strip().splitlines()[-1] if done.returncode else ""


################################################################################
# Glue: definitions lose attributes on the way in
################################################################################

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
    """Keep the tags that came with a creation, where the tag calls look for them."""

    def created(data: Body, _: Response) -> None:
        name = data.get("Name") or data.get("ConnectionInput", {}).get("Name")
        if data.get("Tags"):
            glue._tags[glue._arn(kind, name)] = dict(data["Tags"])

    return created


def close_glue_jobs() -> None:
    """Jobs keep class, concurrency, delay notice, queuing and tags; an update unsets what it leaves out."""

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

    answer_json(glue, "_handle_request_sync", instead={}, after={"CreateJob": created, "UpdateJob": updated})


def close_glue_crawlers() -> None:
    """Crawlers have a lineage setting, a recrawl policy and tags."""

    def created(data: Body, response: Response) -> None:
        remember_tags("crawler")(data, response)
        crawler = glue._crawlers[data["Name"]]
        crawler["LineageConfiguration"] = data.get("LineageConfiguration") or {
            "CrawlerLineageSettings": "DISABLE"
        }
        crawler["RecrawlPolicy"] = data.get("RecrawlPolicy") or {"RecrawlBehavior": "CRAWL_EVERYTHING"}

    answer_json(glue, "_handle_request_sync", instead={}, after={"CreateCrawler": created})


def close_glue_connections() -> None:
    """Connections keep their tags and can be changed; ministack knows no UpdateConnection."""

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
    """A right on one connection, database or table counts; ministack takes every name for a table's."""
    original = iam_actions.extract_resource_arn

    @functools.wraps(original)
    def extract(service: str, method: str, path: str, headers: Any, body: Any, *rest: Any) -> str:
        found = str(original(service, method, path, headers, body, *rest))
        if service != "glue":
            return found
        data = json.loads(body or b"{}")
        action = headers.get("x-amz-target", "").rsplit(".", 1)[-1]
        home = found.split(":")[:5]
        if action == "GetConnection":
            return ":".join([*home, f"connection/{data['Name']}"])
        if action == "GetDatabase":
            return ":".join([*home, f"database/{data['Name']}"])
        table = data.get("TableInput", {}).get("Name") or (data.get("Name") if "Table" in action else None)
        if table:
            return ":".join([*home, f"table/{data['DatabaseName']}/{table}"])
        return found

    iam_actions.extract_resource_arn = extract


def close_glue_triggers() -> None:
    """A trigger without a predicate has none, rather than an empty one."""

    def got(_: Body, response: Response) -> Response:
        out = body_of(response)
        if not out["Trigger"].get("Predicate"):
            out["Trigger"].pop("Predicate", None)
        return json_response(out)

    answer_json(glue, "_handle_request_sync", instead={}, after={"GetTrigger": got})


################################################################################
# Glue: runs do not run, and end without an event
################################################################################

# (workflow, run id) -> the nodes that ended and how, and the triggers that fired
_workflow_progress: dict[tuple[str, str], tuple[dict[tuple[str, str], str], set[str]]] = {}
WorkflowRun = tuple[str, str] | None


# run id -> its process, for as long as it runs
_processes: dict[str, subprocess.Popen[str]] = {}
_stopped: set[str] = set()


def execute(what: str, name: str, run_id: str, timeout_minutes: int) -> tuple[str, str]:
    """Run a job or a crawler in a process of its own; how it ended, and why. See `glue.py`."""
    command = [sys.executable, "-m", "extracts.local.glue", what, name, run_id]
    with tempfile.TemporaryDirectory(prefix="extracts-glue-") as scratch:
        process = subprocess.Popen(
            command,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            cwd=scratch,
            start_new_session=True,  # so that what it started can be ended with it
        )
        _processes[run_id] = process
        try:
            _, errors = process.communicate(timeout=60 * timeout_minutes)
        except subprocess.TimeoutExpired:
            _end(process)
            return "TIMEOUT", f"{what} run timed out"
        finally:
            _processes.pop(run_id, None)
    if run_id in _stopped:
        return "STOPPED", ""
    if process.returncode:
        lines = [line for line in errors.splitlines() if line.strip()]
        return "FAILED", lines[-1] if lines else f"Command failed with exit code {process.returncode}"
    return "SUCCEEDED", ""


def _end(process: subprocess.Popen[str]) -> None:
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()


def stop_job_runs(data: Body) -> Response:
    """BatchStopJobRun, which at ministack stops nothing and sends no event."""
    for run_id in data["JobRunIds"]:
        if process := _processes.get(run_id):
            _stopped.add(run_id)
            os.killpg(process.pid, signal.SIGKILL)
    done = [{"JobName": data["JobName"], "JobRunId": run_id} for run_id in data["JobRunIds"]]
    return json_response({"SuccessfulSubmissions": done, "Errors": []})


def start_job_run(data: Body, workflow: WorkflowRun = None) -> Response:
    """StartJobRun, which at ministack succeeds without running anything."""
    name = data["JobName"]
    job = glue._jobs.get(name)
    if job is None:
        return error_response_json("EntityNotFoundException", f"Job {name} not found", 400)
    runs = glue._job_runs.setdefault(name, [])
    live = [run for run in runs if run["JobRunState"] in ("STARTING", "RUNNING")]
    if len(live) >= job["ExecutionProperty"]["MaxConcurrentRuns"]:
        return error_response_json(
            "ConcurrentRunsExceededException", f"Concurrent runs exceeded for {name}", 400
        )
    arguments = dict(data.get("Arguments", {}))
    if workflow:
        arguments |= {"--WORKFLOW_NAME": workflow[0], "--WORKFLOW_RUN_ID": workflow[1]}
    run: Body = {
        "Id": "jr_" + os.urandom(32).hex(),
        "Attempt": 0,
        "JobName": name,
        "Arguments": arguments,
        "GlueVersion": job.get("GlueVersion"),
        "Timeout": data.get("Timeout") or job.get("Timeout") or 480,
        "PredecessorRuns": [],
        "LogGroupName": "/aws-glue/jobs",
    }
    _begin(run)
    in_background(_finish_job_run, run, workflow)
    return json_response({"JobRunId": run["Id"]})


def _begin(run: Body) -> None:
    now = seconds_now()
    run.update(JobRunState="RUNNING", StartedOn=now, LastModifiedOn=now, ExecutionTime=0)
    glue._job_runs[run["JobName"]].append(run)


def _finish_job_run(run: Body, workflow: WorkflowRun) -> None:
    state, why = execute("job", run["JobName"], run["Id"], run["Timeout"])
    run.update(JobRunState=state, CompletedOn=seconds_now(), LastModifiedOn=seconds_now())
    run["ExecutionTime"] = run["CompletedOn"] - run["StartedOn"]
    if why:
        run["ErrorMessage"] = why
    detail = {
        "jobName": run["JobName"],
        "jobRunId": run["Id"],
        "state": state,
        "severity": {"FAILED": "ERROR", "TIMEOUT": "WARN"}.get(state, "INFO"),
        "message": why or ("Job run succeeded" if state == "SUCCEEDED" else ""),
    }
    emit("Glue Job State Change", {key: value for key, value in detail.items() if value})
    job = glue._jobs.get(run["JobName"], {})
    if state == "FAILED" and run["Attempt"] < int(job.get("MaxRetries") or 0):
        attempt = run["Attempt"] + 1
        first = run["Id"].split("_attempt_")[0]
        again = {key: run[key] for key in run if key not in ("CompletedOn", "ErrorMessage")}
        again |= {"Id": f"{first}_attempt_{attempt}", "Attempt": attempt, "PreviousRunId": run["Id"]}
        _begin(again)
        _finish_job_run(again, workflow)
        return
    _advance(workflow, ("job", run["JobName"]), state)


def start_crawler(data: Body, workflow: WorkflowRun = None) -> Response:
    """StartCrawler, which at ministack finds no tables and sends no event."""
    crawler = glue._crawlers.get(data["Name"])
    if crawler is None:
        return error_response_json("EntityNotFoundException", f"Crawler {data['Name']} not found", 400)
    if crawler["State"] == "RUNNING":
        return error_response_json("CrawlerRunningException", f"Crawler {data['Name']} is running", 400)
    crawler["State"] = "RUNNING"
    in_background(_finish_crawl, crawler, workflow)
    return json_response({})


def _finish_crawl(crawler: Body, workflow: WorkflowRun) -> None:
    name = crawler["Name"]
    state, why = execute("crawler", name, "-", 30)
    crawler.update(
        State="READY", LastCrawl={"Status": state, "StartTime": seconds_now(), "ErrorMessage": why}
    )
    detail = {"crawlerName": name, "accountId": get_account_id()}
    if state == "SUCCEEDED":
        emit("Glue Crawler State Change", {**detail, "state": "Succeeded", "message": "Crawler Succeeded"})
    else:
        emit(
            "Glue Crawler State Change",
            {**detail, "state": "Failed", "message": "Crawler Failed", "errorMessage": why},
        )
    _advance(workflow, ("crawler", name), state)


def _advance(workflow: WorkflowRun, node: tuple[str, str], state: str) -> None:
    """Fire the conditional triggers that waited for `node`; the run is over when none did."""
    if workflow is None:
        return
    ended, fired = _workflow_progress.setdefault(workflow, ({}, set()))
    ended[node] = state
    went_on = False
    for trigger in list(glue._triggers.values()):
        waits = trigger["WorkflowName"] == workflow[0] and trigger["Type"] == "CONDITIONAL"
        if not waits or trigger["State"] != "ACTIVATED" or trigger["Name"] in fired:
            continue
        met = [
            ended.get(("job", c["JobName"])) == c["State"]
            if c.get("JobName")
            else ended.get(("crawler", c["CrawlerName"])) == c["CrawlState"]
            for c in trigger["Predicate"]["Conditions"]
        ]
        if (all if trigger["Predicate"].get("Logical", "AND") == "AND" else any)(met):
            fired.add(trigger["Name"])
            went_on = True
            _fire(trigger, workflow)
    if not went_on:
        run = next(r for r in glue._workflow_runs[workflow[0]] if r["WorkflowRunId"] == workflow[1])
        run.update(Status="COMPLETED", CompletedOn=seconds_now())


def _fire(trigger: Body, workflow: WorkflowRun) -> None:
    for action in trigger["Actions"]:
        if action.get("JobName"):
            start_job_run({"JobName": action["JobName"], "Arguments": action.get("Arguments", {})}, workflow)
        else:
            start_crawler({"Name": action["CrawlerName"]}, workflow)


def close_glue_runs() -> None:
    """Jobs and crawlers really run, are tried again, stopped, and report their end as Glue does."""
    answer_json(
        glue,
        "_handle_request_sync",
        instead={
            "BatchStopJobRun": stop_job_runs,
            "StartCrawler": start_crawler,
            "StartJobRun": start_job_run,
        },
        after={},
    )


def close_glue_workflows() -> None:
    """A workflow run fires its start trigger and then follows the chain; at ministack it stays RUNNING."""

    def without_gaps(run: Body) -> Body:
        return {key: value for key, value in run.items() if value is not None}

    def started(data: Body, response: Response) -> None:
        workflow = (data["Name"], body_of(response)["RunId"])
        for trigger in list(glue._triggers.values()):
            if trigger["WorkflowName"] == workflow[0] and trigger["Type"] in (
                "ON_DEMAND",
                "SCHEDULED",
                "EVENT",
            ):
                _fire(trigger, workflow)

    def got(_: Body, response: Response) -> Response:
        out = body_of(response)
        if "LastRun" in out["Workflow"]:
            out["Workflow"]["LastRun"] = without_gaps(out["Workflow"]["LastRun"])
        return json_response(out)

    def got_run(data: Body) -> Response:
        for run in glue._workflow_runs.get(data["Name"], []):
            if run["WorkflowRunId"] == data["RunId"]:
                return json_response({"Run": without_gaps(run)})
        return error_response_json("EntityNotFoundException", f"Workflow run {data['RunId']} not found", 400)

    answer_json(
        glue,
        "_handle_request_sync",
        instead={"GetWorkflowRun": got_run},
        after={"StartWorkflowRun": started, "GetWorkflow": got},
    )


################################################################################
# S3: policies cannot see the key that an upload names
################################################################################


def close_upload_keys() -> None:
    """A policy may ask for one key; without this every upload with a key looks like one without."""
    original, header = iam_actions.s3_service_context, "x-amz-server-side-encryption-aws-kms-key-id"

    @functools.wraps(original)
    def context(action: str, query: Any, path: str = "", headers: Any = None) -> Body:
        found: Body = original(action, query, path, headers)
        if action == "s3:PutObject" and headers and headers.get(header):
            found[f"s3:{header}"] = headers[header]
        return found

    iam_actions.s3_service_context = context


################################################################################
# Secrets Manager: labels of one's own are lost, and a rotation cannot be called off
################################################################################


def close_secret_labels() -> None:
    """A version gets every label it comes with, and one with a label is kept; ministack knows AWS's alone."""

    def put(data: Body, response: Response) -> Response:
        out = body_of(response)
        _, secret = secretsmanager._resolve(data["SecretId"])
        for label in data.get("VersionStages", []):
            for version_id, version in secret["Versions"].items():
                if version_id == out["VersionId"] and label not in version["Stages"]:
                    version["Stages"].append(label)
                elif version_id != out["VersionId"] and label in version["Stages"]:
                    version["Stages"].remove(label)
        out["VersionStages"] = list(secret["Versions"][out["VersionId"]]["Stages"])
        return json_response(out)

    answer_json(secretsmanager, "handle_request", instead={}, after={"PutSecretValue": put})


def close_secret_rotations() -> None:
    """Rotation can be turned off, as Terraform does when it is no longer asked for."""

    def cancel(data: Body) -> Response:
        _, secret = secretsmanager._resolve(data["SecretId"])
        if secret is None:
            words = "Secrets Manager can't find the specified secret."
            return error_response_json("ResourceNotFoundException", words, 400)
        secret["RotationEnabled"] = False
        return json_response({"ARN": secret["ARN"], "Name": secret["Name"]})

    answer_json(secretsmanager, "handle_request", instead={"CancelRotateSecret": cancel}, after={})


################################################################################
# SNS: e-mail goes nowhere
################################################################################

UNSUBSCRIBE = (
    "If you wish to stop receiving notifications from this topic,"
    " please click or visit the link below to unsubscribe:"
)


def close_sns_email() -> None:
    """A message for an e-mail subscription is put into the mailbox, worded and encoded as SNS does it."""
    original = sns._fanout

    @functools.wraps(original)
    def fan_out(topic_arn: str, message_id: str, message: str, subject: str, *rest: Any, **named: Any) -> Any:
        topic = sns._topic_by_arn_any_scope(topic_arn)
        for subscription in topic["subscriptions"] if topic else ():
            if subscription["protocol"] == "email" and subscription["confirmed"]:
                _post(topic, subscription, message, subject)
        return original(topic_arn, message_id, message, subject, *rest, **named)

    sns._fanout = fan_out


def _post(topic: Body, subscription: Body, message: str, subject: str) -> None:
    sender = topic.get("attributes", {}).get("DisplayName") or "AWS Notifications"
    mail = EmailMessage()
    mail["From"] = f"{sender} <no-reply@sns.amazonaws.com>"
    mail["To"] = subscription["endpoint"]
    mail["Subject"] = subject or "AWS Notification Message"
    mail["Date"] = datetime.now(UTC)
    mail.set_content(f"{message}\n\n--\n{UNSUBSCRIBE}\n{subscription['arn']}\n")
    mailbox.Maildir(os.environ["EXTRACTS_MAILBOX"], create=True).add(mail)


################################################################################
# CloudWatch: alarms are told in part
################################################################################


def close_alarm_descriptions() -> None:
    """DescribeAlarms tells all of an alarm; in the provider's protocol ministack leaves out half of it."""
    original = cloudwatch._describe_alarms

    def members(name: str, values: list[str]) -> str:
        return f"<{name}>{''.join(f'<member>{value}</member>' for value in values)}</{name}>"

    def rest(alarm: Body) -> str:
        dimensions = [
            f"<Name>{escape(d['Name'])}</Name><Value>{escape(d['Value'])}</Value>"
            for d in alarm["Dimensions"]
        ]
        plain = {
            "ActionsEnabled": str(alarm["ActionsEnabled"]).lower(),
            "AlarmDescription": alarm.get("AlarmDescription") or "",
            "Period": alarm["Period"],
            "Statistic": alarm["Statistic"],
            "TreatMissingData": alarm["TreatMissingData"],
        }
        return "".join(
            [
                *(f"<{name}>{escape(str(value))}</{name}>" for name, value in plain.items()),
                members("AlarmActions", [escape(action) for action in alarm["AlarmActions"]]),
                members("Dimensions", dimensions),
                members("OKActions", [escape(action) for action in alarm["OKActions"]]),
            ]
        )

    @functools.wraps(original)
    def describe(params: Any, cbor_data: Any, is_cbor: bool, is_json: bool = False) -> Response:
        status, headers, body = original(params, cbor_data, is_cbor, is_json)
        if is_cbor or is_json or status >= 300:
            return status, headers, body
        text = body.decode()
        for alarm in cloudwatch._alarms.values():
            begin = f"<member><AlarmName>{alarm['AlarmName']}</AlarmName>"
            text = text.replace(begin, begin + rest(alarm))
        return status, headers, text.encode()

    cloudwatch._describe_alarms = describe


################################################################################
# EventBridge: targets are reached without asking for permission
################################################################################


def close_event_target_permissions() -> None:
    """A state machine is started only if the target's role trusts the service and may start it.

    Rules come from EventBridge and schedules from EventBridge Scheduler, which ministack sends this way too.
    """
    original = eventbridge._invoke_target

    def refusal(target: Body, service: str, source_arn: str) -> str:
        role_arn = target.get("RoleArn", "")
        role = _role(role_arn)
        if role is None:
            return "the target has no role"
        if not _trusts(role, service, source_arn):
            return f"{role_arn} does not trust {service} with {source_arn}"
        if not _role_may(role_arn, "states:StartExecution", target["Arn"]):
            return f"{role_arn} may not start the state machine"
        return ""

    @functools.wraps(original)
    def invoke(target: Body, event: Body, rule: Body, view: Any = None) -> Any:
        service, source_arn = "events.amazonaws.com", rule.get("Arn", "")
        if _is_schedule(rule):  # which names its group, never itself
            service = "scheduler.amazonaws.com"
            source_arn = source_arn.rsplit("/", 1)[0].replace(":schedule/", ":schedule-group/")
        if ":states:" in target.get("Arn", "") and (why := refusal(target, service, source_arn)):
            log.warning("EventBridge: %s not delivered to %s: %s", rule.get("Name"), target["Arn"], why)
            _keep_dead_letter(target, event, rule, why)
            return None
        return original(target, event, rule, view)

    eventbridge._invoke_target = invoke


def _keep_dead_letter(target: Body, event: Body, rule: Body, why: str) -> None:
    """What could not be handed over goes to the target's queue, and says why in its attributes.

    A rule needs the queue's leave for it, a schedule that of its role.
    """
    queue = target.get("DeadLetterConfig", {}).get("Arn", "")
    if not queue:
        return
    if _is_schedule(rule):
        allowed = _role_may(target.get("RoleArn", ""), "sqs:SendMessage", queue)
    else:
        allowed = sqs.queue_policy_allows(
            queue, "events.amazonaws.com", rule.get("Arn", ""), get_account_id()
        )
    if not allowed:
        log.warning("EventBridge: no dead letter of %s in %s: not allowed", rule.get("Name"), queue)
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
    """EventBridge sets no subject; ministack calls its mails "EventBridge Notification"."""
    original = sns.publish_internal

    @functools.wraps(original)
    def publish(topic_arn: str, message: Any, subject: str = "", **named: Any) -> Any:
        return original(topic_arn, message, "" if subject == "EventBridge Notification" else subject, **named)

    sns.publish_internal = publish


def close_schedule_keywords() -> None:
    """Scheduler's own words in a schedule's input are replaced by what they stand for."""
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


def _role(arn: str) -> Body | None:
    from ministack.services import iam as iam_service

    return iam_service._roles.get(arn.rsplit("/", 1)[-1])


def _trusts(role: Body, service: str, source_arn: str) -> bool:
    """Whether the service may take the role on behalf of that resource: the trust's conditions count."""
    document = role["AssumeRolePolicyDocument"]
    trust = json.loads(document) if isinstance(document, str) else document
    named = [s for s in trust["Statement"] if iam._service_principal_matches(s.get("Principal"), service)]
    account = get_account_id()
    context = iam.EvalContext(
        principal_arn=service,
        principal_type="Root",  # which ministack lets stand for every service
        principal_account=account,
        action="sts:AssumeRole",
        resource_arn="*",
        region=get_region(),
        service_context={"aws:sourceaccount": account, "aws:sourcearn": source_arn},
    )
    return iam.evaluate_trust_policy({**trust, "Statement": named}, f"arn:aws:iam::{account}:root", context)


def _credentials(role_arn: str, service: str, source_arn: str) -> dict[str, str]:
    """What a service gets for a role that trusts it with that resource, as a process's environment."""
    role = _role(role_arn)
    if role is None or not _trusts(role, service, source_arn):
        return {}
    key, secret, token = (os.urandom(size).hex() for size in (8, 20, 40))
    session = {
        "AccountId": get_account_id(),
        "Arn": f"{role_arn.replace(':iam:', ':sts:').replace(':role/', ':assumed-role/')}/service",
        "Expiration": time.time() + 900,
        "PrincipalType": "AssumedRole",
        "SecretAccessKey": secret,
        "SessionToken": token,
        "UserId": f"AROA{key.upper()}:service",
    }
    sts.register_session(f"ASIA{key.upper()}", session)
    return {
        "AWS_ACCESS_KEY_ID": f"ASIA{key.upper()}",
        "AWS_SECRET_ACCESS_KEY": secret,
        "AWS_SESSION_TOKEN": token,
    }


def _role_may(role_arn: str, action: str, resource: str) -> bool:
    context = iam.EvalContext(
        principal_arn=role_arn,
        principal_type="AssumedRole",
        principal_account=get_account_id(),
        action=action,
        resource_arn=resource,
        region=get_region(),
        secure_transport=True,
    )
    policies = iam._gather_role_policies(role_arn.rsplit("/", 1)[-1], get_account_id())
    return bool(iam.evaluate(context, policies).decision == "Allow")


################################################################################
# VPC: interface endpoints forget who may call, and what they are called
################################################################################


def close_vpc_endpoints() -> None:
    """Endpoints keep their security groups, private names and policy, and can be given others."""
    create, modify, shown = ec2._create_vpc_endpoint, ec2._modify_vpc_endpoint, ec2._vpce_fields_xml

    def private_names(parameters: Body, otherwise: bool) -> bool:
        return bool(ec2._p(parameters, "PrivateDnsEnabled", str(otherwise)).lower() == "true")

    def created(parameters: Body) -> Response:
        known = set(ec2._vpc_endpoints.keys())
        response: Response = create(parameters)
        for name in set(ec2._vpc_endpoints.keys()) - known:
            ec2._vpc_endpoints[name] |= {
                "Groups": ec2._parse_member_list(parameters, "SecurityGroupId"),
                "PolicyDocument": ec2._p(parameters, "PolicyDocument"),
                "PrivateDnsEnabled": private_names(parameters, False),
            }
        return response

    def modified(parameters: Body) -> Response:
        response: Response = modify(parameters)
        if response[0] < 300:
            endpoint = ec2._vpc_endpoints[ec2._p(parameters, "VpcEndpointId")]
            gone = ec2._parse_member_list(parameters, "RemoveSecurityGroupId")
            kept = [group for group in endpoint["Groups"] if group not in gone]
            endpoint["Groups"] = kept + ec2._parse_member_list(parameters, "AddSecurityGroupId")
            endpoint["PrivateDnsEnabled"] = private_names(parameters, endpoint["PrivateDnsEnabled"])
        return response

    def fields(endpoint: Body, tag: str = "item") -> str:
        groups = "".join(f"<item><groupId>{group}</groupId></item>" for group in endpoint.get("Groups", []))
        added = (
            f"<groupSet>{groups}</groupSet>"
            f"<policyDocument>{escape(endpoint.get('PolicyDocument', ''))}</policyDocument>"
            f"<privateDnsEnabled>{str(endpoint.get('PrivateDnsEnabled', False)).lower()}</privateDnsEnabled>"
        )
        return str(shown(endpoint, tag)).replace("<ownerId>", f"{added}<ownerId>")

    # The map was made of the functions themselves, so that it needs the new ones too.
    ec2._ACTION_MAP |= {"CreateVpcEndpoint": created, "ModifyVpcEndpoint": modified}
    ec2._vpce_fields_xml = fields


def close_prefix_lists() -> None:
    """A rule of a security group may name a prefix list instead of addresses."""
    parse, shown = ec2._parse_ip_permissions, ec2._sg_rule_xml

    def parsed(parameters: Body, prefix: str) -> list[Body]:
        rules: list[Body] = parse(parameters, prefix)
        for number, rule in enumerate(rules, 1):
            given = f"{prefix}.{number}.PrefixListIds.1"
            if name := ec2._p(parameters, f"{given}.PrefixListId"):
                words = ec2._p(parameters, f"{given}.Description")
                rule["PrefixListIds"] = [{"PrefixListId": name} | ({"Description": words} if words else {})]
        return rules

    def fields(group: str, rule: Body, is_egress: bool = False) -> str:
        text = str(shown(group, rule, is_egress))
        for named in rule.get("PrefixListIds", []):
            text = text.replace("</item>", f"<prefixListId>{named['PrefixListId']}</prefixListId></item>")
        return text

    ec2._parse_ip_permissions, ec2._sg_rule_xml = parsed, fields


################################################################################
# Start
################################################################################

GAPS: tuple[Callable[[], None], ...] = (
    close_transfer_servers,
    close_transfer_users,
    close_transfer_tags,
    close_sftp_authorization,
    close_sftp_events,
    close_transfer_connectors,
    close_glue_jobs,
    close_glue_crawlers,
    close_glue_connections,
    close_glue_resources,
    close_glue_triggers,
    close_glue_runs,
    close_glue_workflows,
    close_upload_keys,
    close_secret_labels,
    close_secret_rotations,
    close_sns_email,
    close_alarm_descriptions,
    close_event_target_permissions,
    close_event_subjects,
    close_schedule_keywords,
    close_vpc_endpoints,
    close_prefix_lists,
)


def main() -> None:
    """Serve on the socket that the parent bound, until told to stop."""
    from hypercorn.asyncio import serve
    from hypercorn.config import Config
    from ministack.app import app

    if os.environ.get("EXTRACTS_EMULATOR_GAPS") != "open":  # open: as the probes of the gaps need it
        for close in GAPS:
            close()
    scheduler._SCHEDULE_TICK_INTERVAL = 1  # seconds; ministack looks every ten whether a schedule is due
    config = Config()
    config.bind = [f"fd://{os.environ['EXTRACTS_EMULATOR_SOCKET']}"]
    config.certfile, config.keyfile = os.environ["EXTRACTS_EMULATOR_TLS"].split(os.pathsep)
    config.keep_alive_timeout = 75
    config.loglevel = "WARNING"
    asyncio.run(serve(app, config))


if __name__ == "__main__":
    main()
