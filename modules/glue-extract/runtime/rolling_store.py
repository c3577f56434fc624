"""Where files go: a bucket, or a folder that behaves like one.

Both know two ways to write and no other: `create`, which writes only where nothing is, and `replace`, which
writes only over the version that was seen. A file is there whole or not at all, and a race has one winner who
knows it and losers who know it.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import os
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any, Protocol, TypeVar, cast

from rolling_errors import ExtractError, one_line

T = TypeVar("T")

_CHUNK = 1 << 20
_SINGLE_PUT = 5 * 1024**3  # S3 takes no more in one request


class Store(Protocol):
    """Places are relative to the prefix; `key` is what a consumer would ask for."""

    def key(self, place: str) -> str: ...
    def version(self, place: str) -> str | None:
        """A tag of what lies there now, for `replace`; None when nothing does."""
        ...

    def read(self, place: str) -> Iterator[bytes]: ...
    def create(self, place: str, body: Path, sha256: str) -> bool:
        """Write where nothing is. False when something is there."""
        ...

    def replace(self, place: str, body: Path, sha256: str, version: str) -> bool:
        """Write over that version. False when it is not there any more."""
        ...


def open_store(output: str) -> Store:
    """The store for `--output`: `s3://bucket/prefix`, else a folder."""
    if not output.startswith("s3://"):
        return FolderStore(Path(output))
    bucket, _, prefix = output.removeprefix("s3://").partition("/")
    if not bucket:
        raise ExtractError(f'--output "{output}" names no bucket; write s3://bucket/prefix', kind="arguments")
    return BucketStore(bucket, prefix.strip("/"))


def sha256_of(chunks: Iterator[bytes]) -> str:
    digest = hashlib.sha256()
    for chunk in chunks:
        digest.update(chunk)
    return digest.hexdigest()


class FolderStore:
    """A folder.

    A file is written beside its place under a name that nobody looks for, then linked or renamed into it.
    """

    def __init__(self, root: Path) -> None:
        self._root = root

    def key(self, place: str) -> str:
        return place

    def version(self, place: str) -> str | None:
        path = self._root / place
        with self._explained():
            return sha256_of(_chunks(path)) if path.exists() else None

    def read(self, place: str) -> Iterator[bytes]:
        with self._explained():
            yield from _chunks(self._root / place)

    def create(self, place: str, body: Path, sha256: str) -> bool:
        path = self._root / place
        with self._explained(), self._beside(path, body) as new:
            try:
                path.hardlink_to(new)  # fails where something is; a rename would replace it
            except FileExistsError:
                return False
        return True

    def replace(self, place: str, body: Path, sha256: str, version: str) -> bool:
        path = self._root / place
        with self._explained(), self._beside(path, body) as new:
            if self.version(place) != version:
                return False
            new.replace(path)
        return True

    @contextlib.contextmanager
    def _beside(self, path: Path, body: Path) -> Iterator[Path]:
        path.parent.mkdir(parents=True, exist_ok=True)
        new = path.with_name(f".{uuid.uuid4().hex}.part")
        try:
            with new.open("xb") as target:
                for chunk in _chunks(body):
                    target.write(chunk)
                target.flush()
                os.fsync(target.fileno())
            yield new
        finally:
            new.unlink(missing_ok=True)

    @contextlib.contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise ExtractError(
                f"cannot use {error.filename or self._root}: {error.strerror}",
                kind="store",
                cause=repr(error),
            ) from error


class S3(Protocol):
    """The three requests that publication makes, as boto3 spells them. boto3 has no types, hence the Any."""

    def list_objects_v2(self, *, Bucket: str, Prefix: str, MaxKeys: int) -> dict[str, Any]: ...
    def get_object(self, *, Bucket: str, Key: str) -> dict[str, Any]: ...
    def put_object(
        self,
        *,
        Bucket: str,
        Key: str,
        Body: IO[bytes],
        ContentType: str,
        ChecksumSHA256: str,
        **condition: str,
    ) -> dict[str, Any]: ...


class BucketStore:
    """A bucket and a prefix. Needs s3:GetObject, s3:PutObject and s3:ListBucket there; never deletes."""

    def __init__(self, bucket: str, prefix: str, client: S3 | None = None) -> None:
        if client is None:
            import boto3  # only a run on AWS needs it

            try:
                client = cast(S3, boto3.client("s3"))
            except Exception as error:
                raise _denied(error, f"s3://{bucket}", "s3:ListBucket") from error
        self._s3 = client
        self._bucket = bucket
        self._prefix = prefix

    def key(self, place: str) -> str:
        return f"{self._prefix}/{place}" if self._prefix else place

    def version(self, place: str) -> str | None:
        # Listed, not HEADed: without an unconditional s3:ListBucket a HEAD of nothing answers 403, and the
        # role's right to list is bound to the prefix. A list asks for the right with the prefix in hand. The
        # key itself sorts before all that it begins.
        key = self.key(place)
        answer = self._ask(
            "s3:ListBucket", key, lambda: self._s3.list_objects_v2(Bucket=self._bucket, Prefix=key, MaxKeys=1)
        )
        return next((found["ETag"] for found in answer.get("Contents", []) if found["Key"] == key), None)

    def read(self, place: str) -> Iterator[bytes]:
        key = self.key(place)
        body = self._ask("s3:GetObject", key, lambda: self._s3.get_object(Bucket=self._bucket, Key=key))[
            "Body"
        ]
        yield from body.iter_chunks(_CHUNK)

    def create(self, place: str, body: Path, sha256: str) -> bool:
        return self._put(place, body, sha256, {"IfNoneMatch": "*"})

    def replace(self, place: str, body: Path, sha256: str, version: str) -> bool:
        return self._put(place, body, sha256, {"IfMatch": version})

    def _put(self, place: str, body: Path, sha256: str, condition: dict[str, str]) -> bool:
        key = self.key(place)
        if body.stat().st_size > _SINGLE_PUT:
            raise ExtractError(
                f"{key} would be larger than the 5 GiB that S3 takes in one request", kind="store"
            )
        checksum = base64.b64encode(bytes.fromhex(sha256)).decode()
        kind = "application/json" if place.endswith(".json") else "text/csv; charset=utf-8"

        def put() -> bool:
            file: IO[bytes]
            with body.open("rb") as file:
                self._s3.put_object(
                    Bucket=self._bucket,
                    Key=key,
                    Body=file,
                    ContentType=kind,
                    ChecksumSHA256=checksum,
                    **condition,
                )
            return True

        for attempt in range(5):
            try:
                return self._ask("s3:PutObject", key, put)
            except _ConditionError as lost:
                # 409: another conditional write was under way; its outcome is not known yet, so ask again.
                # 404: `IfMatch` on a key that was removed meanwhile.
                if lost.code != "ConditionalRequestConflict":
                    return False
                time.sleep(0.2 * 2**attempt)
        return False

    def _ask(self, right: str, key: str, request: Callable[[], T]) -> T:
        """The answer to `request`; a lost condition as `_ConditionError`, any other refusal as a sentence."""
        try:
            return request()
        except (
            Exception
        ) as error:  # botocore makes its classes at run time; `_denied` passes on what is not S3's
            code = str((getattr(error, "response", None) or {}).get("Error", {}).get("Code", ""))
            if right == "s3:PutObject" and code in (
                "PreconditionFailed",
                "ConditionalRequestConflict",
                "NoSuchKey",
            ):
                raise _ConditionError(code) from error
            raise _denied(error, f"s3://{self._bucket}/{key}", right) from error


class _ConditionError(Exception):
    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


def _chunks(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            yield chunk


def _denied(error: Exception, what: str, right: str) -> Exception:
    """A refusal of S3 as a sentence; any other exception unchanged."""
    response = getattr(error, "response", None)
    if not isinstance(response, dict):
        if type(error).__module__.startswith("botocore."):
            return ExtractError(
                f"cannot reach {what}: {one_line(str(error))}", kind="store", cause=repr(error)
            )
        return error
    code, said = (
        str(response.get("Error", {}).get("Code", "")),
        str(response.get("Error", {}).get("Message", "")),
    )
    if "AccessDenied" in code or code in ("403", "Forbidden"):
        also = " and the use of the bucket's key" if right != "s3:ListBucket" else ""
        sentence = f"permission denied for {what}; grant {right}{also} to the job's role"
        return ExtractError(sentence, kind="store_denied", cause=f"{code}: {said}")
    if code == "NoSuchBucket":
        return ExtractError(f"there is no bucket for {what}", kind="store", cause=f"{code}: {said}")
    return ExtractError(f"S3 refused {right} on {what}: {code}", kind="store", cause=f"{code}: {said}")
