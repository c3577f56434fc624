"""Publish texts to a folder or a bucket, in the same way as the engine publishes files."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import traceback
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from botocore.config import Config

import rolling_manifest
import rolling_publication
from local_cloud.aws import REGION, Cloud
from rolling_errors import ExtractError
from rolling_file import File
from rolling_period import Period
from rolling_publication import Plan
from rolling_store import BucketStore, FolderStore, Store, sha256_of
from rolling_totals import MetricTotals, Totals

OCTOBER = Period(2026, 10)
MANIFEST = "_manifests/2026-10.json"
BETA = "bank_name=Beta/year=2026/month=10/Beta_20261031.csv"
CLAIM = "_manifests/2026-10.claim"


@dataclass
class Watched(Store):
    """A target whose methods first call `before`. `writes` lists the paths of all attempted writes."""

    store: Store
    before: Callable[[int], None] = lambda call: None
    calls: int = 0
    writes: list[str] = field(default_factory=list)

    def key(self, place: str) -> str:
        return self.store.key(place)

    @property
    def keeps_replaced(self) -> bool | None:
        return self.store.keeps_replaced

    def place(self, key: str) -> str:
        return self.store.place(key)

    def check(self, place: str) -> None:
        self.store.check(place)

    def version(self, place: str) -> str | None:
        self._call()
        return self.store.version(place)

    def read(self, place: str) -> Iterator[bytes]:
        self._call()
        return self.store.read(place)

    def create(self, place: str, body: Path, sha256: str) -> bool:
        self._call(place)
        return self.store.create(place, body, sha256)

    def replace(self, place: str, body: Path, sha256: str, version: str) -> bool:
        self._call(place)
        return self.store.replace(place, body, sha256, version)

    def retag(self, place: str, body: Path, sha256: str, version: str) -> bool:
        self._call(place)
        return self.store.retag(place, body, sha256, version)

    def remove(self, place: str, version: str) -> bool:
        self._call(place)
        return self.store.remove(place, version)

    def commit(self, source: str, version: str, place: str) -> bool:
        self._call(place)
        return self.store.commit(source, version, place)

    def _call(self, write: str | None = None) -> None:
        self.before(self.calls)
        self.calls += 1
        self.writes += [write] if write else []


@dataclass
class Publisher:
    """Publish texts in the same way as the engine publishes files."""

    store: Store
    scratch: Path

    def files(self, **texts: str) -> list[File]:
        """Return one file for each recipient, on the local disk."""
        made = []
        for name, text in texts.items():
            path = self.scratch / f"{name}-{hashlib.md5(text.encode()).hexdigest()}"
            path.write_bytes(text.encode())
            digest = hashlib.sha256(text.encode()).hexdigest()
            totals = Totals(1, {"amount_sum": MetricTotals(1, str(len(text)))})
            place = f"bank_name={name}/year=2026/month=10/{name}_20261031.csv"
            made.append(File(name, path, place, len(text), 1, digest, totals))
        return made

    def __call__(self, *, restate: bool = False, through: Store | None = None, **texts: str) -> str:
        return self.run(texts, restate=restate, through=through)

    def run(self, texts: dict[str, str], *, restate: bool = False, through: Store | None = None) -> str:
        store = through or self.store
        made = rolling_publication.plan(store, OCTOBER, self.files(**texts), restate=restate)
        return self.publish(made, through=store)

    def publish(self, made: Plan, through: Store | None = None) -> str:
        """Publish from a new temporary folder, because each run of a Glue job starts without local files."""
        manifest = self.manifest(made)
        scratch = self.scratch / str(manifest["run_id"])
        scratch.mkdir()
        return rolling_publication.publish(through or self.store, made, manifest, scratch)

    def manifest(self, made: Plan) -> dict[str, object]:
        """Return the fields of the manifest that the publication reads."""
        files = [
            {
                "key": self.store.key(file.place),
                "sha256": file.sha256,
                "rows": file.rows,
                "totals": file.totals.as_json(),
                **({"encryption": file.encryption.as_json()} if file.encryption else {}),
            }
            for file in made.files
            if not file.marker
        ]
        markers = [
            {"key": self.store.key(file.place), "recipient": file.recipient, "sha256": file.sha256}
            for file in made.files
            if file.marker
        ]
        return {
            "revision": made.revision + 1,
            "published_at": "2026-11-01T00:05:00Z",
            "files": files,
            "markers": markers,
            "run_id": uuid.uuid4().hex,
            "withdrawn": list(made.withdrawn),
            **rolling_manifest.replaces(made),
        }

    def place(self, name: str) -> str:
        """Return the path of a recipient's file in the target."""
        return f"bank_name={name}/year=2026/month=10/{name}_20261031.csv"

    def text(self, name: str) -> str:
        return b"".join(self.store.read(self.place(name))).decode()

    def published(self) -> dict[str, Any] | None:
        """Return the manifest, or None. Check that each of its files exists with the right content."""
        if self.store.version(MANIFEST) is None:
            return None
        found: dict[str, Any] = json.loads(b"".join(self.store.read(MANIFEST)))
        for file in [*found["files"], *found["markers"]]:
            place = file["key"].removeprefix(self.store.key(""))
            try:
                found_sha256 = sha256_of(self.store.read(place))
            except ExtractError as error:
                # Some tests expect an ExtractError from a run. They must fail if this read raises the error.
                raise AssertionError(f"{place} cannot be read") from error
            assert found_sha256 == file["sha256"], f"{place} differs"
        return found

    def revision(self) -> int | None:
        found = self.published()
        return None if found is None else int(found["revision"])

    def texts(self) -> dict[str, str] | None:
        """Return the texts that a consumer of the manifest would read, keyed by recipient."""
        found = self.published()
        names = (
            [file["key"].rpartition("bank_name=")[2].partition("/")[0] for file in found["files"]]
            if found
            else []
        )
        return {name: self.text(name) for name in names} if found else None

    def lies(self, name: str) -> bool:
        return self.store.version(self.place(name)) is not None


@pytest.fixture(scope="session")
def bucket(cloud: Cloud) -> str:
    s3 = cloud.client("s3")
    s3.create_bucket(Bucket="published", CreateBucketConfiguration={"LocationConstraint": REGION})
    s3.put_bucket_versioning(Bucket="published", VersioningConfiguration={"Status": "Enabled"})
    return "published"


@pytest.fixture(params=["folder", "bucket"])
def publisher(request: pytest.FixtureRequest, tmp_path: Path) -> Publisher:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    if request.param == "folder":
        return Publisher(FolderStore(tmp_path / "out"), scratch)
    cloud: Cloud = request.getfixturevalue("cloud")
    bucket: str = request.getfixturevalue("bucket")
    return Publisher(BucketStore(bucket, f"loans/{tmp_path.name}", cloud.client("s3")), scratch)


def lives(publisher: Publisher, calls: int, texts: dict[str, str], *, restate: bool) -> bool:
    """Publish in a child process. Kill it before it makes its call number `calls` to the target.

    Return whether the child process made fewer calls, and therefore survived.
    """

    def kill(call: int) -> None:
        if call == calls:
            os.kill(os.getpid(), signal.SIGKILL)

    child = os.fork()
    if child == 0:
        try:
            publisher.run(texts, restate=restate, through=Watched(afresh(publisher.store), kill))
            os._exit(0)
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(1)
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status) or os.waitstatus_to_exitcode(status) == 0
    return not os.WIFSIGNALED(status)


def attempt(
    publisher: Publisher, texts: dict[str, str], *, through: Store | None = None, restate: bool
) -> str:
    """Return the last message of a run, or `failed: ` with its error message."""
    try:
        return publisher.run(texts, through=through, restate=restate)
    except ExtractError as error:
        return f"failed: {error}"


def beside(store: Store, name: str) -> Store:
    """Return another target beside this target: another folder, or another prefix in the bucket."""
    match store:
        case FolderStore():
            return FolderStore(store._root.parent / name)
        case BucketStore():
            return BucketStore(store._bucket, f"{store._prefix}-{name}", store._s3)
    raise TypeError(store)


def afresh(store: Store) -> Store:
    """Return the same target for another process, because processes must not share connections."""
    match store:
        case BucketStore():
            import boto3

            key = store._s3._get_credentials().get_frozen_credentials()
            config = store._s3.meta.config.merge(Config(retries={"max_attempts": 2}))
            # The default session of boto3 has already read the model of S3, so this client starts fast.
            client = boto3.client(
                "s3",
                endpoint_url=store._s3.meta.endpoint_url,
                region_name=REGION,
                aws_access_key_id=key.access_key,
                aws_secret_access_key=key.secret_key,
                verify=store._s3._endpoint.http_session._verify,
                config=config,
            )
            return BucketStore(store._bucket, store._prefix, client)
    return store


def remove(publisher: Publisher, place: str) -> None:
    match publisher.store:
        case FolderStore():
            (publisher.store._root / place).unlink()
        case BucketStore() as store:
            store._s3.delete_object(Bucket=store._bucket, Key=store.key(place))


def overwrite(publisher: Publisher, place: str, data: bytes) -> None:
    match publisher.store:
        case FolderStore():
            path = publisher.store._root / place
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
        case BucketStore() as store:
            store._s3.put_object(Bucket=store._bucket, Key=store.key(place), Body=data)
