"""The gate of the emulator: an ASGI application that passes on only requests that AWS would accept."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from ministack.core.responses import get_account_id, set_request_account_id

from local_cloud.aws.requests import callers, check, record, refusals, rest, wire
from local_cloud.aws.requests.refusals import Protocol
from local_cloud.aws.requests.request import Refusal, Request

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Any, Any, Any], Awaitable[None]]

# ministack has paths that are not part of AWS. Only this path passes the gate, because every caller could
# change the emulator through the other paths.
_HEALTH = "/_ministack/health"


def guard(application: Application) -> Application:
    """Return an application that passes requests through the gate to the given application."""

    async def guarded(scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            await send({"type": "websocket.close"})  # the services of this emulator have no websockets
            return
        if scope["type"] != "http" or (scope["method"], scope["path"]) == ("GET", _HEALTH):
            await application(scope, receive, send)
            return
        http = _head(scope)
        body = _Body(receive)
        key = callers.key_of(http)
        is_known = callers.is_issued(key)
        try:
            call = wire.call_of(http, await body.whole() if wire.is_form(http) else b"")
            service, protocol = call.service, call.protocol
            if is_known or (not key and callers.is_public(call)):
                found = wire.parameters(call, await body.whole() if call.has_readable_body else b"")
                request = Request(service, call.operation, found, _account(key), http.scope[0])
                refusal = check.refusal_of(request, protocol)
            else:
                # Record only refusals that our code causes. An unknown caller is not part of our code.
                refusal = refusals.of_stranger(service, protocol, signed=bool(key))
        except wire.UnrecognizedError as error:
            service, protocol, refusal = error.service, error.protocol, error.refusal
            if is_known:
                record.note(service, error.operation, refusal)
            else:
                refusal = refusals.of_stranger(service, protocol, signed=bool(key))
        except rest.MalformedError as error:
            refusal = refusals.of_malformed(service, protocol, str(error))
            record.note(service, call.operation, refusal)
        if refusal is None:
            await application(scope, body.again, send)
        else:
            await body.drain()
            await _answer(send, refusal, protocol, service, with_body=http.method != "HEAD")

    return guarded


def _head(scope: Message) -> wire.Http:
    headers: dict[str, str] = {}
    for name, value in scope["headers"]:
        key, text = name.decode("latin-1").lower(), value.decode("utf-8", "replace")
        headers[key] = f"{headers[key]}, {text}" if key in headers else text
    return wire.Http(
        method=scope["method"],
        path=(scope.get("raw_path") or scope["path"].encode()).decode("latin-1").partition("?")[0],
        query_string=scope.get("query_string", b"").decode("latin-1"),
        headers=headers,
    )


def _account(key: str) -> str:
    """Return the account of the caller. The emulator derives it from the access key."""
    if key:
        set_request_account_id(key)
    return str(get_account_id())


class _Body:
    """The body of a request. The emulator reads the same messages that the gate has already read."""

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self._messages: list[Message] = []
        self._ended = False

    async def _next(self) -> Message:
        message = await self._receive()
        self._ended = message["type"] != "http.request" or not message.get("more_body", False)
        return message

    async def whole(self) -> bytes:
        while not self._ended:
            self._messages.append(await self._next())
        parts = [message.get("body", b"") for message in self._messages]
        return parts[0] if len(parts) == 1 else b"".join(parts)

    async def again(self) -> Message:
        return self._messages.pop(0) if self._messages else await self._next()

    async def drain(self) -> None:
        """Read the rest of the request.

        If the request were not read completely, the client could not read the response on this connection.
        """
        while not self._ended:
            await self._next()


async def _answer(send: Send, refusal: Refusal, protocol: Protocol, service: str, *, with_body: bool) -> None:
    status, headers, body = refusals.response(refusal, protocol, service)
    raw = [(name.encode(), text.encode("latin-1", "replace")) for name, text in headers.items()]
    await send({"type": "http.response.start", "status": status, "headers": raw})
    await send({"type": "http.response.body", "body": body if with_body else b""})
