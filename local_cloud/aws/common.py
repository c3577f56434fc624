"""Functions that several modules use to add features that ministack lacks."""

from __future__ import annotations

import asyncio
import contextvars
import functools
import json
import logging
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

import boto3
from botocore.config import Config
from ministack.services import eventbridge

log = logging.getLogger("extracts.emulator")
_creation = threading.Lock()  # threads must not create clients of boto3's default session at the same time

# Type aliases for values from ministack. They describe only the parts of a value that this package uses.
Body = dict[str, Any]
Response = tuple[int, dict[str, str], bytes]
Answer = Callable[[Body], Response]
Afterwards = Callable[[Body, Response], Response | None]


def body_of(response: Response) -> Body:
    """Return the JSON body of a response."""
    return dict(json.loads(response[2])) if response[2] else {}


def answer_json(
    module: Any, handler: str, *, instead: Mapping[str, Answer], after: Mapping[str, Afterwards]
) -> None:
    """Wrap the handler of a JSON service, for the actions that are keys of `instead` or `after`.

    A function in `instead` runs instead of the handler. A function in `after` runs after the handler, and may
    replace the response of the handler.
    """
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
    """Run a function in a thread, with the account and the region of the current request."""
    context = contextvars.copy_context()
    threading.Thread(target=context.run, args=(function, *arguments), daemon=True).start()


def client(service: str, role: Mapping[str, str], config: Config | None = None) -> Any:
    """Return a client with the credentials of a role. One emulated service calls another with this client."""
    with _creation:
        return boto3.client(
            service,
            aws_access_key_id=role["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=role["AWS_SECRET_ACCESS_KEY"],
            aws_session_token=role["AWS_SESSION_TOKEN"],
            config=config,
        )


def seconds_now() -> int:
    """Return the current time in the format of Glue."""
    return int(time.time())


def emit(detail_type: str, detail: Body, source: str = "aws.glue") -> None:
    """Send an event to the event bus, as a service does."""
    entry = {"Source": source, "DetailType": detail_type, "Detail": json.dumps(detail)}
    eventbridge._put_events({"Entries": [entry]}, allow_aws_source=True)
