"""Errors, timeouts and broken connections of S3, simulated by a proxy in front of the emulated S3."""

from __future__ import annotations

import http.client
import itertools
import json
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

import pytest

import rolling_store
from local_cloud.aws import REGION, Cloud
from rolling_errors import ExtractError
from rolling_store import BucketStore
from tests.support.engine.publisher import CLAIM, Publisher

Fault = Callable[["Proxy", BaseHTTPRequestHandler, bytes], None]
WRITES = ("PUT", "POST", "DELETE")


class Proxy(ThreadingHTTPServer):
    """Forward all requests, except those that `faulty` selects.

    For the selected requests, the client gets `fault`.
    """

    daemon_threads = True

    def __init__(self, cloud: Cloud) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.cloud = cloud
        self.trust = ssl.create_default_context(cafile=str(cloud.authority))
        self.fault: Fault | None = None
        self.faulty: Callable[[str, int], bool] = lambda method, attempt: False
        self.attempts: dict[str, int] = {}  # attempts of each request since its last success
        self.faults = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def handle_error(self, *_: object) -> None:
        """Report no error for a client that closed its connection, because the tests cause this."""

    def pass_on(
        self, request: BaseHTTPRequestHandler, body: bytes
    ) -> tuple[int, list[tuple[str, str]], bytes]:
        upstream: http.client.HTTPSConnection = request.upstream  # type: ignore[attr-defined]
        # Forward all headers unchanged, including Host, which is part of the signature.
        upstream.putrequest(request.command, request.path, skip_host=True, skip_accept_encoding=True)
        for name, value in request.headers.items():
            if name.lower() != "expect":
                upstream.putheader(name, value)
        upstream.endheaders(body or None)
        answer = upstream.getresponse()
        data = answer.read()
        return answer.status, answer.getheaders(), data


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Proxy

    def setup(self) -> None:
        super().setup()
        place, trust = urlsplit(self.server.cloud.endpoint), self.server.trust
        # A connection to the emulated S3 for each connection of the client.
        self.upstream = http.client.HTTPSConnection(
            place.hostname or "", place.port, context=trust, timeout=60
        )

    def finish(self) -> None:
        self.upstream.close()
        super().finish()

    def answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        asked = f"{self.command} {self.path}"
        attempt = self.server.attempts[asked] = self.server.attempts.get(asked, 0) + 1
        if self.server.fault and self.server.faulty(self.command, attempt):
            self.server.faults += 1
            self.server.fault(self.server, self, body)
            return
        self.server.attempts.pop(asked)
        self.reply(*self.server.pass_on(self, body))

    do_GET = do_PUT = do_POST = do_DELETE = do_HEAD = answer

    def reply(self, status: int, headers: list[tuple[str, str]], body: bytes) -> None:
        self.send_response_only(status)
        kept = [(name, value) for name, value in headers if name.lower() not in HOP]
        for name, value in (*kept, ("Content-Length", str(len(body)))):
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


HOP = ("content-length", "transfer-encoding", "connection")


def error(status: int, code: str) -> Fault:
    """Return a fault: the proxy answers with an error, without executing the request."""
    text = f"<Error><Code>{code}</Code><Message>on purpose</Message></Error>".encode()
    return lambda proxy, request, body: request.reply(status, [("Content-Type", "application/xml")], text)  # type: ignore[attr-defined]


def lost(proxy: Proxy, request: BaseHTTPRequestHandler, body: bytes) -> None:
    """Execute the request, but answer with an error."""
    proxy.pass_on(request, body)
    error(500, "InternalError")(proxy, request, body)


def reset(proxy: Proxy, request: BaseHTTPRequestHandler, body: bytes) -> None:
    """Close the connection without executing the request."""
    request.close_connection = True


def reset_after(proxy: Proxy, request: BaseHTTPRequestHandler, body: bytes) -> None:
    """Execute the request, but close the connection in the middle of the response."""
    status, headers, data = proxy.pass_on(request, body)
    request.send_response_only(status)
    for name, value in headers:
        if name.lower() not in HOP:
            request.send_header(name, value)
    request.send_header("Content-Length", str(len(data) + 10))
    request.end_headers()
    request.wfile.write(data[: len(data) // 2])
    request.close_connection = True


def silence(proxy: Proxy, request: BaseHTTPRequestHandler, body: bytes) -> None:
    """Execute the request, but respond too late."""
    proxy.pass_on(request, body)
    time.sleep(1.5)
    request.close_connection = True


FAULTS: dict[str, Fault] = {
    "500": error(500, "InternalError"),
    "503": error(503, "SlowDown"),
    "500 although done": lost,
    "reset": reset,
    "reset although done": reset_after,
    "silence": silence,
}


@pytest.fixture(scope="module")
def proxy(cloud: Cloud) -> Iterator[Proxy]:
    cloud.client("s3").create_bucket(
        Bucket="faulty", CreateBucketConfiguration={"LocationConstraint": REGION}
    )
    with Proxy(cloud) as served:
        threading.Thread(target=served.serve_forever, daemon=True).start()
        yield served
        served.shutdown()


_folders = itertools.count()


@pytest.fixture
def publisher(
    cloud: Cloud,
    proxy: Proxy,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    request: pytest.FixtureRequest,
) -> Iterator[Publisher]:
    """A publisher with the S3 client of the engine, without delays between attempts."""
    for name, value in {**cloud.environment, "AWS_ENDPOINT_URL": proxy.url}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr("boto3.DEFAULT_SESSION", None)
    monkeypatch.setattr("botocore.retries.standard.ExponentialBackoff.delay_amount", lambda *_: 0)
    monkeypatch.setattr("rolling_store.time.sleep", lambda _: None)
    # Only tests of the fault "silence" have the short timeout. In the other tests, a correct response may
    # take more than a second on a busy machine.
    if "silence" in request.node.name:
        monkeypatch.setattr(rolling_store, "_READ_TIMEOUT", 1)
    yield Publisher(BucketStore("faulty", f"loans/{next(_folders)}"), tmp_path)
    proxy.fault = None


@pytest.mark.parametrize("kind", FAULTS)
def test_every_request_that_fails_once_is_retried(publisher: Publisher, proxy: Proxy, kind: str) -> None:
    """Every request of the restatement fails at the first attempt."""
    publisher(Alpha="a", Beta="b", Gone="g")
    proxy.fault, proxy.faulty = FAULTS[kind], lambda method, attempt: attempt == 1
    before = proxy.faults
    assert publisher(Alpha="a2", Beta="b", New="n", restate=True) == "restated: 3 files, 3 rows, revision 2"
    assert proxy.faults - before > 15
    proxy.fault = None
    assert publisher.texts() == {"Alpha": "a2", "Beta": "b", "New": "n"}
    assert not publisher.lies("Gone")


@pytest.mark.parametrize("write", range(5))
@pytest.mark.parametrize("kind", ["503", "reset"])
def test_run_fails_without_a_partial_publication_if_every_retry_of_a_write_fails(
    publisher: Publisher, proxy: Proxy, kind: str, write: int
) -> None:
    """One write of a restatement fails, and all later writes fail, too.

    The writes of the restatement are: claim, removal of the manifest, file, removal of a file, manifest.
    """
    publisher(Alpha="a", Gone="g")
    writes = itertools.count()

    def from_then_on(method: str, attempt: int) -> bool:
        return method in WRITES and (attempt > 1 or next(writes) >= write)

    proxy.fault, proxy.faulty = FAULTS[kind], from_then_on
    with pytest.raises(ExtractError) as failure:
        publisher(Alpha="a2", restate=True)
    if kind == "503":
        assert "still failed with SlowDown after all retries; start the run again later" in str(failure.value)
    else:
        assert str(failure.value).startswith("cannot reach s3://faulty/loans/")
    proxy.fault = None
    assert publisher.texts() in ({"Alpha": "a", "Gone": "g"}, None, {"Alpha": "a2"})
    publisher(Alpha="a2", restate=True)
    assert publisher.texts() == {"Alpha": "a2"}
    assert not publisher.lies("Gone")


def test_conflicting_write_is_retried(publisher: Publisher, proxy: Proxy) -> None:
    proxy.fault = error(409, "ConditionalRequestConflict")
    proxy.faulty = lambda method, attempt: method == "PUT" and attempt == 1
    assert publisher(Alpha="a") == "published: 1 file, 1 row, revision 1"


def test_run_fails_if_its_write_always_conflicts(publisher: Publisher, proxy: Proxy) -> None:
    proxy.fault = error(409, "ConditionalRequestConflict")
    proxy.faulty = lambda method, attempt: method == "PUT"
    with pytest.raises(ExtractError, match="another run started to publish 2026-10"):
        publisher(Alpha="a")
    proxy.fault = None
    assert publisher.texts() is None


def test_request_with_a_failed_precondition_is_not_retried(publisher: Publisher, proxy: Proxy) -> None:
    proxy.fault, before = error(412, "PreconditionFailed"), proxy.faults
    proxy.faulty = lambda method, attempt: method == "PUT"
    with pytest.raises(ExtractError, match="another run started to publish 2026-10"):
        publisher(Alpha="a")
    assert proxy.faults - before == 1
    assert publisher.store.version(CLAIM) is None


def test_multipart_upload_is_visible_only_when_complete(
    publisher: Publisher, proxy: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rolling_store, "_PART", 5 << 20)
    text = "0123456789abcdef" * (1 << 19) + "end"  # 8 MiB, so the upload has two parts
    there = []

    def look(method: str, attempt: int) -> bool:
        if method in WRITES:
            there.append(publisher.lies("Alpha"))
        return method in WRITES and attempt == 1

    proxy.fault, proxy.faulty = FAULTS["503"], look
    assert publisher(Alpha=text).startswith("published: 1 file")
    proxy.fault = None
    # Each of six requests is tried twice: the claim, the start of the upload, its two parts, its completion,
    # and the manifest. The test looks for the file before each attempt. It finds the file only before the
    # two attempts for the manifest.
    assert there == [*[False] * 10, *[True] * 2]
    assert publisher.texts() == {"Alpha": text}
    [entry] = (publisher.published() or {})["files"]
    assert "-2" in (publisher.store.version(entry["key"].removeprefix(publisher.store.key(""))) or "")


def test_copied_manifest_has_the_json_content_type(publisher: Publisher) -> None:
    publisher(Alpha="a")
    s3 = publisher.store._s3  # type: ignore[attr-defined]
    head = s3.head_object(Bucket="faulty", Key=publisher.store.key("_manifests/2026-10.json"))
    assert head["ContentType"] == "application/json"
    assert json.loads(b"".join(publisher.store.read(CLAIM))) == publisher.published()
