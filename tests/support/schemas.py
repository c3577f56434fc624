"""A proxy between Terraform and its providers that removes the schemas of types which no test uses.

The AWS provider has the schemas of some 1,500 types. Each command of Terraform asks for all of these schemas
and decodes them, which takes about a second of processor time. The proxy passes all other data unchanged.

https://developer.hashicorp.com/terraform/plugin/terraform-plugin-protocol
https://protobuf.dev/programming-guides/encoding/
"""

from __future__ import annotations

import functools
import os
import re
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from threading import Lock
from typing import NamedTuple

# Without this value, gRPC starts its threads again in each process that a test forks, and some of these
# processes die.
os.environ["GRPC_ENABLE_FORK_SUPPORT"] = "0"

import grpc  # type: ignore[import-untyped]

ROOT = Path(__file__).parents[2]
SERVICE = "/tfplugin5.Provider/"
CONFIGURE, SCHEMAS = f"{SERVICE}Configure", f"{SERVICE}GetSchema"
NO_LIMIT = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]
CONFIGURATION = 2  # number of the field that has the configuration in a Configure request
MAPS = {2, 3, 8}  # response fields: schemas of resources, data sources and ephemeral resources
LENGTH_DELIMITED = 2
_used: dict[Path, bytes] = {}  # GetSchema responses with only the used schemas, keyed by program
_choice = Lock()


@contextmanager
def filtered(program: Path, sockets: Sequence[str]) -> Iterator[Proxy]:
    """Start a proxy for providers. They are processes of one program and listen at Unix sockets."""
    with ExitStack() as parts:
        addresses = [f"unix:{socket}" for socket in sockets]
        channels = [parts.enter_context(grpc.insecure_channel(a, options=NO_LIMIT)) for a in addresses]
        proxy = Proxy(program, channels)
        server = grpc.server(ThreadPoolExecutor(64), [proxy], options=NO_LIMIT)
        # The proxy needs the client address of each connection. Connections to a Unix socket have no client
        # address, so the proxy listens at a TCP port.
        proxy.address = f"127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
        server.start()
        try:
            yield proxy
        finally:
            server.stop(None).wait()


class Proxy(grpc.GenericRpcHandler):  # type: ignore[misc]  # grpcio has no types
    """Pass the bytes of each call to a provider, and the bytes of its response back to Terraform.

    A process of the provider has one configuration at a time. Terraform opens a connection for each
    configuration. The proxy passes all calls of a connection to the process that has its configuration.
    """

    def __init__(self, program: Path, channels: Sequence[grpc.Channel]) -> None:
        self.address = ""
        self.program = program
        self.channels = channels
        self.begin()

    def begin(self) -> None:
        """Forget the configurations and connections of the previous Terraform command."""
        self.configured: dict[bytes, grpc.Channel] = {}
        self.connections: dict[str, grpc.Channel] = {}

    def service(self, details: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler | None:
        method = details.method
        if not method.startswith(SERVICE):
            return None  # Terraform does not need go-plugin's own services for a running provider

        def answer(request: bytes, context: grpc.ServicerContext) -> bytes:
            if method == CONFIGURE:
                self.connections[context.peer()] = self.channel(request)
            channel = self.connections.get(context.peer(), self.channels[0])
            if method == SCHEMAS and self.program in _used:
                return _used[self.program]
            response = bytes(channel.unary_unary(method)(request))
            if method == SCHEMAS:
                response = _used[self.program] = used_schemas(response)
            return response

        return grpc.unary_unary_rpc_method_handler(answer)

    def channel(self, request: bytes) -> grpc.Channel:
        """Return the provider that has the configuration of the request, or an unconfigured provider."""
        if len(self.channels) == 1:  # `terraform test` uses its configurations one after another
            return self.channels[0]
        # Compare only the configuration, because other fields of the request differ between plan and apply.
        [configuration] = [field.value for field in _fields(request) if field.number == CONFIGURATION]
        with _choice:
            if configuration not in self.configured:
                if len(self.configured) == len(self.channels):
                    raise LookupError(f"more than {len(self.channels)} configurations of the provider")
                self.configured[configuration] = self.channels[len(self.configured)]
            return self.configured[configuration]


def used_schemas(response: bytes) -> bytes:
    """Return the encoded response without the schemas of types that the repository does not use."""
    return b"".join(
        field.encoded
        for field in _fields(response)
        if field.number not in MAPS or _key(field.value) in used_types()
    )


@functools.cache
def used_types() -> frozenset[str]:
    """Return every word of the form `aws_...` in the repository's modules, examples, templates and tests."""
    found: set[str] = set()
    for folder in ("modules", "examples", "templates", "tests"):
        for pattern in ("*.tf", "*.json", "*.hcl", "*.py", "*.tftpl"):
            for file in (ROOT / folder).rglob(pattern):
                found.update(re.findall(r"\baws_[a-z0-9_]+", file.read_text(encoding="utf-8")))
    return frozenset(found)


class _Field(NamedTuple):
    number: int
    value: bytes
    encoded: bytes  # the whole field: number, length and value


def _fields(message: bytes) -> Iterator[_Field]:
    """Yield the fields of an encoded message."""
    position = 0
    while position < len(message):
        start = position
        tag, position = _varint(message, position)
        if tag & 7 != LENGTH_DELIMITED:
            text = f"field {tag >> 3} has wire type {tag & 7}, not {LENGTH_DELIMITED}"
            raise ValueError(text)
        length, position = _varint(message, position)
        position += length
        yield _Field(tag >> 3, message[position - length : position], message[start:position])


def _varint(data: bytes, position: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[position]
        value |= (byte & 0x7F) << shift
        position, shift = position + 1, shift + 7
        if byte < 0x80:
            return value, position


def _key(entry: bytes) -> str:
    """Return the first field of an entry of a map, which is the key."""
    length, position = _varint(entry, 1)
    return entry[position : position + length].decode()
