"""The target of files: a bucket, or a folder with the same operations.

Every operation that changes a file has a condition. `create` writes only if no file exists. `replace` writes
only if the file still has the version that was read. `remove` removes only this version. `commit` copies a
version only if no file exists in the new place. A file is complete or does not exist. If several processes
act at the same time, one of them succeeds, and all others learn that they failed.
"""

from __future__ import annotations

import base64
import hashlib
import re
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import IO, Any, Protocol, TypeVar

from rolling_errors import ExtractError, one_line
from rolling_folder import FolderStore, check_length, gone
from rolling_log import log

__all__ = ["BucketStore", "FolderStore", "Store", "open_store", "sha256_of"]

T = TypeVar("T")

_CHUNK = 1 << 20
# Size of a part in bytes. A larger file is written in parts. S3 allows only 10,000 parts, so a file of more
# than 625 GiB has larger parts.
_PART = 64 << 20
_PARTS = 10_000
_KEY = 1024  # bytes
_KINDS = {"csv": "text/csv; charset=utf-8", "json": "application/json", "claim": "application/json"}


class Store(Protocol):
    """A target of files. A place is relative to the prefix. `key` returns the full key in the bucket."""

    @property
    def keeps_replaced(self) -> bool | None:
        """Whether the target keeps replaced files as older versions. None as long as this is unknown."""
        ...

    def key(self, place: str) -> str: ...
    def place(self, key: str) -> str:
        """Return the place of a key in a manifest. Raise `ExtractError` if it is outside of the target."""
        ...

    def check(self, place: str) -> None:
        """Raise `ExtractError` if no file can be in this place, so that a run fails before it writes."""
        ...

    def version(self, place: str) -> str | None:
        """Return the tag of the file in this place, or None if there is no file."""
        ...

    def read(self, place: str) -> Iterator[bytes]: ...
    def create(self, place: str, body: Path, sha256: str) -> bool:
        """Write a file if no file is in this place. Return False if there is one."""
        ...

    def replace(self, place: str, body: Path, sha256: str, version: str) -> bool:
        """Write over this version of a file. Return False if the file has another version."""
        ...

    def retag(self, place: str, body: Path, sha256: str, version: str) -> bool:
        """Write the same bytes over this version of a file, which gives the file another tag.

        Return False if the file has another version.
        """
        ...

    def remove(self, place: str, version: str) -> bool:
        """Remove this version of a file. Return False if the file has another version."""
        ...

    def commit(self, source: str, version: str, place: str) -> bool:
        """Copy this version of `source` to `place`. Return False if `source` changed or `place` exists."""
        ...


def open_store(output: str) -> Store:
    """Return the target for `--output`: a bucket for `s3://bucket/prefix`, else a folder."""
    if not output.startswith("s3://"):
        return FolderStore(Path(output))
    bucket, _, prefix = output.removeprefix("s3://").partition("/")
    if not bucket:
        raise ExtractError(f'--output "{output}" has no bucket; write s3://bucket/prefix', kind="arguments")
    return BucketStore(bucket, prefix.strip("/"))


def sha256_of(chunks: Iterator[bytes]) -> str:
    digest = hashlib.sha256()
    for chunk in chunks:
        digest.update(chunk)
    return digest.hexdigest()


class BucketStore:
    """A bucket and a prefix.

    The role needs s3:GetObjectVersion, s3:PutObject and s3:ListBucketVersions for the prefix, and
    s3:GetObject for claims. It needs s3:DeleteObject only for restatements. In a bucket with versioning,
    s3:DeleteObject allows a run to hide a version, but not to destroy it.

    A run reads files with a version ID, so the role needs no s3:GetObject for them. Glue has arguments that
    load code from S3, without a version ID. Without s3:GetObject, these arguments cannot load a recipient's
    file.
    """

    def __init__(self, bucket: str, prefix: str, client: Any = None) -> None:
        self._s3 = _client(bucket) if client is None else client  # boto3 has no types, so the type is Any
        self._bucket = bucket
        self._prefix = prefix
        self.keeps_replaced: bool | None = None

    def key(self, place: str) -> str:
        return f"{self._prefix}/{place}" if self._prefix else place

    def place(self, key: str) -> str:
        place = key.removeprefix(self.key(""))
        if not place or self.key(place) != key:
            raise ExtractError(
                f'"{key}" is not a path inside s3://{self._bucket}/{self.key("")}', kind="store"
            )
        return place

    def check(self, place: str) -> None:
        # https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-keys.html
        check_length(self.key(place), _KEY)

    def version(self, place: str) -> str | None:
        found = self._newest(self.key(place))
        return None if found is None else found["ETag"]

    def _newest(self, key: str) -> dict[str, str] | None:
        """Return `ETag` and `VersionId` of the newest version of a key, or None if there is no object.

        In a bucket without versioning, the ID is "null". S3 accepts this ID like any other ID.
        """
        # The code uses a list request and no HEAD request. If an object does not exist, S3 answers a HEAD
        # request with 403 unless the role may list the whole bucket. The role may only list the prefix. In a
        # list of keys that begin with this key, the key itself is first, with its newest version or delete
        # marker.
        ask = partial(self._s3.list_object_versions, Bucket=self._bucket, Prefix=key, MaxKeys=1)
        listed = self._ask("s3:ListBucketVersions", key, ask).get("Versions", [])
        return next((found for found in listed if found["Key"] == key and found["IsLatest"]), None)

    def read(self, place: str) -> Iterator[bytes]:
        key, seen, broken = self.key(place), 0, 0
        newest = self._newest(key)
        if newest is None:
            raise gone(f"s3://{self._bucket}/{key}")
        same = {"VersionId": newest["VersionId"]}
        while True:
            # The client repeats a request that gets no answer. If the body of an answer breaks off, this loop
            # requests the rest. The first request has no range, because an empty file has no byte 0.
            rest = {"Range": f"bytes={seen}-"} if seen else {}
            get = partial(self._s3.get_object, Bucket=self._bucket, Key=key, **rest, **same)
            answer = self._ask("s3:GetObjectVersion", key, get)
            # the bytes of the version "null" can change between two requests
            same["IfMatch"] = answer["ETag"]
            try:
                for chunk in answer["Body"].iter_chunks(_CHUNK):
                    seen += len(chunk)
                    yield chunk
            except Exception as error:
                broken += 1
                if broken == _TRIES or not type(error).__module__.startswith(("botocore.", "urllib3.")):
                    raise _denied(error, f"s3://{self._bucket}/{key}", "s3:GetObjectVersion") from error
            else:
                return

    def create(self, place: str, body: Path, sha256: str) -> bool:
        return self._put(place, body, sha256, {"IfNoneMatch": "*"})

    def replace(self, place: str, body: Path, sha256: str, version: str) -> bool:
        return self._put(place, body, sha256, {"IfMatch": version})

    def retag(self, place: str, body: Path, sha256: str, version: str) -> bool:
        # If an object is written with one request, S3 computes its tag from its bytes. For a multipart
        # upload, S3 computes the tag from the tags of the parts, and adds a hyphen and the number of parts.
        # So a file that was written with one request gets another tag if it is written in parts. In the same
        # way, a file that was written in parts gets another tag if it is written with one request.
        return self._put(place, body, sha256, {"IfMatch": version}, in_parts="-" not in version)

    def remove(self, place: str, version: str) -> bool:
        key = self.key(place)
        return self._won(
            "s3:DeleteObject",
            key,
            lambda: self._s3.delete_object(Bucket=self._bucket, Key=key, IfMatch=version),
        )

    def commit(self, source: str, version: str, place: str) -> bool:
        # `CopySource` has no version ID. With a version ID, the condition would be true even after another
        # run has replaced the claim, because the old version still exists. So the role needs s3:GetObject for
        # claims.
        key = self.key(place)
        origin = {"Bucket": self._bucket, "Key": self.key(source)}
        return self._won(
            "s3:PutObject",
            key,
            lambda: self._s3.copy_object(
                Bucket=self._bucket, Key=key, CopySource=origin, CopySourceIfMatch=version, IfNoneMatch="*"
            ),
        )

    def _put(
        self, place: str, body: Path, sha256: str, condition: dict[str, str], *, in_parts: bool = False
    ) -> bool:
        key = self.key(place)
        to = {"Bucket": self._bucket, "Key": key}
        kind = _KINDS.get(place.rpartition(".")[2], "application/octet-stream")
        if in_parts or body.stat().st_size > _PART:
            return self._put_parts(to, body, kind, condition)
        checksum = base64.b64encode(bytes.fromhex(sha256)).decode()

        def put() -> None:
            file: IO[bytes]
            with body.open("rb") as file:
                answer = self._s3.put_object(
                    **to, Body=file, ContentType=kind, ChecksumSHA256=checksum, **condition
                )
            # VersionId is missing if versioning was never on, and "null" if versioning is suspended.
            self.keeps_replaced = answer.get("VersionId", "null") != "null"

        return self._won("s3:PutObject", key, put)

    def _put_parts(self, to: dict[str, str], body: Path, kind: str, condition: dict[str, str]) -> bool:
        """Write a file in parts. The file becomes visible with the last request, which has the condition."""
        key = to["Key"]
        begun = self._ask(
            "s3:PutObject",
            key,
            lambda: self._s3.create_multipart_upload(**to, ContentType=kind, ChecksumAlgorithm="SHA256"),
        )
        upload = {**to, "UploadId": begun["UploadId"]}
        done = False
        try:
            parts: list[dict[str, object]] = []
            size = max(_PART, -(-body.stat().st_size // _PARTS))
            with body.open("rb") as file:
                while data := file.read(size):
                    number = len(parts) + 1
                    checksum = base64.b64encode(hashlib.sha256(data).digest()).decode()
                    part = {"PartNumber": number, "ChecksumSHA256": checksum}
                    put = partial(self._s3.upload_part, **upload, **part, Body=data)
                    parts.append({**part, "ETag": self._ask("s3:PutObject", key, put)["ETag"]})
            done = self._won(
                "s3:PutObject",
                key,
                lambda: self._s3.complete_multipart_upload(
                    **upload, MultipartUpload={"Parts": parts}, **condition
                ),
            )
            return done
        finally:
            if not done:
                self._abort(upload)

    def _abort(self, upload: dict[str, str]) -> None:
        """Delete the parts of a failed upload, because they cost storage.

        If a run is killed, a lifecycle rule of the bucket deletes the parts.
        """
        try:
            self._s3.abort_multipart_upload(**upload)
        except Exception as error:
            # This is only a warning, because the outcome of the upload itself is already known.
            log(
                "parts_left",
                f"cannot delete the uploaded parts of {upload['Key']}, so they stay until a rule of the"
                f" bucket deletes them: {error}",
                level="warning",
            )

    def _won(self, right: str, key: str, request: Callable[[], object]) -> bool:
        """Send a request with a condition. Return whether it succeeded."""
        for attempt in range(_TRIES):
            try:
                self._ask(right, key, request)
                return True
            except _ConditionError as lost:
                # 409: another conditional write is in progress. Its outcome is not known yet, so repeat the
                # request. 404: the version or the upload was removed meanwhile.
                if lost.code != "ConditionalRequestConflict":
                    return False
                time.sleep(0.2 * 2**attempt)
        return False

    def _ask(self, right: str, key: str, request: Callable[[], T]) -> T:
        """Return the answer to `request`. Raise `_ConditionError` if its condition fails."""
        try:
            return request()
        # This block catches every error, because botocore creates the error classes of S3 only at run time,
        # and code cannot import them. `_denied` changes only errors of S3 and of its client.
        except Exception as error:
            code = str((getattr(error, "response", None) or {}).get("Error", {}).get("Code", ""))
            if right in ("s3:PutObject", "s3:DeleteObject") and code in _LOST:
                raise _ConditionError(code) from error
            raise _denied(error, f"s3://{self._bucket}/{key}", right) from error


# Pattern of the URL of a file in a flat folder.
_FLAT = re.compile(r"/(?!_manifests/|month=)[^/=]+=[^/]+/[^/]+$")
_TRIES = 5
_READ_TIMEOUT = 60  # seconds for which the client waits for the next byte
_LOST = ("PreconditionFailed", "ConditionalRequestConflict", "NoSuchKey", "NoSuchUpload")


class _ConditionError(Exception):
    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


def _client(bucket: str) -> Any:
    import boto3  # import only in a run on AWS
    from botocore.config import Config

    # A request that times out is repeated. This is safe, because each request has a condition or changes
    # nothing.
    patience = Config(
        connect_timeout=10,
        read_timeout=_READ_TIMEOUT,
        retries={"mode": "standard", "total_max_attempts": _TRIES},
    )
    try:
        return boto3.client("s3", config=patience)
    except Exception as error:
        raise _denied(error, f"s3://{bucket}", "s3:ListBucketVersions") from error


def _denied(error: Exception, what: str, right: str) -> Exception:
    """Return an error of S3 as an `ExtractError` with a message for the user.

    Return any other exception unchanged.
    """
    response = getattr(error, "response", None)
    if not isinstance(response, dict):
        if type(error).__module__.startswith(("botocore.", "urllib3.")):
            return ExtractError(
                f"cannot reach {what}: {one_line(str(error))}", kind="store", cause=repr(error)
            )
        return error
    code, said = (
        str(response.get("Error", {}).get("Code", "")),
        str(response.get("Error", {}).get("Message", "")),
    )
    status = int(response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
    if "AccessDenied" in code or code in ("403", "Forbidden"):
        also = (
            " and the right to use the bucket's key"
            if right in ("s3:PutObject", "s3:GetObjectVersion")
            else ""
        )
        sentence = f"permission denied for {what}; grant {right}{also} to the job's role"
        if right == "s3:PutObject" and _FLAT.search(what):
            sentence += ", and add the recipient to flat_recipients of the module glue-extract"
        return ExtractError(sentence, kind="store_denied", cause=f"{code}: {said}")
    if code in ("NoSuchKey", "NoSuchVersion"):
        return gone(what)
    if code == "NoSuchBucket":
        return ExtractError(f"the bucket of {what} does not exist", kind="store", cause=f"{code}: {said}")
    if status >= 500 or code == "SlowDown":
        return ExtractError(
            f"{right} on {what} still failed with {code} after all retries; start the run again later",
            kind="store",
            cause=f"{status} {code}: {said}",
        )
    return ExtractError(f"S3 refused {right} on {what}: {code}", kind="store", cause=f"{code}: {said}")
