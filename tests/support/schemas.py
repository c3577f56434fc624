"""A proxy between Terraform and a provider. It removes the schemas of types that no test uses.

The AWS provider has schemas of about 1,500 types. Each Terraform command requests and decodes all of them,
which takes about a second of processor time. The proxy changes nothing else.

Protocols: https://developer.hashicorp.com/terraform/plugin/terraform-plugin-protocol and
https://protobuf.dev/programming-guides/encoding/
"""

from __future__ import annotations

import functools
import os
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

# With fork support, gRPC would start its threads again in each forked process, and some of these processes
# would die.
os.environ["GRPC_ENABLE_FORK_SUPPORT"] = "0"

import grpc  # type: ignore[import-untyped]

ROOT = Path(__file__).parents[2]
SERVICE = "/tfplugin5.Provider/"
SCHEMAS = f"{SERVICE}GetSchema"
NO_LIMIT = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]
MAPS = {2, 3, 8}  # field numbers in the response: schemas of resources, data sources and ephemeral resources
LENGTH_DELIMITED = 2
_used: dict[Path, bytes] = {}  # by program of the provider: the encoded schemas


@contextmanager
def filtered(program: Path, provider: str) -> Iterator[str]:
    """Serve a proxy for the provider at the Unix socket `provider`. Yield the path of the proxy's socket."""
    socket = f"{provider}-filtered"
    with grpc.insecure_channel(f"unix:{provider}", options=NO_LIMIT) as channel:
        server = grpc.server(ThreadPoolExecutor(64), [_Passed(channel, program)], options=NO_LIMIT)
        server.add_insecure_port(f"unix:{socket}")
        server.start()
        try:
            yield socket
        finally:
            server.stop(None).wait()


class _Passed(grpc.GenericRpcHandler):  # type: ignore[misc]  # grpcio has no types
    """Pass the bytes of each call to the provider, and return the bytes of its response."""

    def __init__(self, channel: grpc.Channel, program: Path) -> None:
        self.channel = channel
        self.program = program

    def service(self, details: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler | None:
        method = details.method
        if not method.startswith(SERVICE):
            # Terraform needs the other services of go-plugin only if it starts the provider itself.
            return None
        call = self.channel.unary_unary(method)

        def answer(request: bytes, context: grpc.ServicerContext) -> bytes:
            if method != SCHEMAS:
                return bytes(call(request))
            if self.program not in _used:
                _used[self.program] = used_schemas(call(request))
            return _used[self.program]

        return grpc.unary_unary_rpc_method_handler(answer)


def used_schemas(response: bytes) -> bytes:
    """Return the encoded response without schemas of types that no file in the repository names."""
    kept = []
    position = 0
    while position < len(response):
        start = position
        tag, position = _varint(response, position)
        if tag & 7 != LENGTH_DELIMITED:
            message = f"field {tag >> 3} has wire type {tag & 7}, not {LENGTH_DELIMITED}"
            raise ValueError(message)
        length, position = _varint(response, position)
        entry, position = response[position : position + length], position + length
        if tag >> 3 not in MAPS or _key(entry) in used_types():
            kept.append(response[start:position])
    return b"".join(kept)


@functools.cache
def used_types() -> frozenset[str]:
    """Return every word `aws_...` in the modules, examples, templates and tests of the repository."""
    found: set[str] = set()
    for folder in ("modules", "examples", "templates", "tests"):
        for pattern in ("*.tf", "*.json", "*.hcl", "*.py", "*.tftpl"):
            for file in (ROOT / folder).rglob(pattern):
                found.update(re.findall(r"\baws_[a-z0-9_]+", file.read_text(encoding="utf-8")))
    return frozenset(found)


def _varint(data: bytes, position: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[position]
        value |= (byte & 0x7F) << shift
        position, shift = position + 1, shift + 7
        if byte < 0x80:
            return value, position


def _key(entry: bytes) -> str:
    """Return the key of a map entry, which is the first field of the entry."""
    length, position = _varint(entry, 1)
    return entry[position : position + length].decode()
