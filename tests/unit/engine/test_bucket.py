"""Requests of the engine to a bucket. If S3 refuses a request, the message names the missing right."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError, ReadTimeoutError

from rolling_errors import ExtractError
from rolling_store import BucketStore

HINT = ", and add the recipient to flat_recipients of the module glue-extract"


DENIED = ClientError({"Error": {"Code": "AccessDenied", "Message": "no"}}, "GetObject")


class Refusing:
    """A client of S3 whose role may neither read nor write objects."""

    def list_object_versions(self, **_: Any) -> dict[str, Any]:
        return {"Versions": [{"Key": "loans/a.csv", "VersionId": "2", "ETag": '"e"', "IsLatest": True}]}

    def get_object(self, **_: Any) -> None:
        raise DENIED

    def put_object(self, **_: Any) -> None:
        raise ClientError({"Error": {"Code": "AccessDenied", "Message": "no"}}, "PutObject")


@pytest.mark.parametrize(
    ("prefix", "place", "hint"),
    [
        ("loans", "bank_name=First/First_20261031.csv", HINT),
        ("", "bank_name=First/First_20261031.csv.done", HINT),
        ("loans", "bank_name=First/year=2026/month=10/First_20261031.csv", ""),
        ("loans", "_manifests/2026-10.claim", ""),
        ("unit=loans", "_manifests/2026-10.claim", ""),
    ],
)
def test_error_names_the_missing_setting_if_s3_refuses_to_write_a_flat_file(
    tmp_path: Path, prefix: str, place: str, hint: str
) -> None:
    (tmp_path / "body").write_bytes(b"x")
    with pytest.raises(ExtractError) as caught:
        BucketStore("data", prefix, Refusing()).create(place, tmp_path / "body", "00")
    key = f"{prefix}/{place}".removeprefix("/")
    right = "grant s3:PutObject and the right to use the bucket's key to the job's role"
    assert caught.value.sentence == f"permission denied for s3://data/{key}; {right}{hint}"


def test_error_names_the_missing_right_if_s3_refuses_to_read_a_file() -> None:
    with pytest.raises(ExtractError) as caught:
        next(BucketStore("data", "loans", Refusing()).read("a.csv"))
    right = "grant s3:GetObjectVersion and the right to use the bucket's key to the job's role"
    assert caught.value.sentence == f"permission denied for s3://data/loans/a.csv; {right}"


class Breaking:
    """The body of a response of S3. If it is not `whole`, reading it fails after the first bytes."""

    def __init__(self, data: bytes, *, whole: bool) -> None:
        self._data, self._whole = data, whole

    def iter_chunks(self, _: int) -> Iterator[bytes]:
        yield self._data
        if not self._whole:
            raise ReadTimeoutError(endpoint_url="s3")


class Versions:
    """A client of S3. Each key has one version, and the content of an object comes in two responses."""

    def __init__(self, *keys: str) -> None:
        self._listed = [{"Key": key, "VersionId": "7", "ETag": '"e"', "IsLatest": True} for key in keys]
        self.reads: list[dict[str, Any]] = []

    def list_object_versions(self, *, Bucket: str, Prefix: str, MaxKeys: int) -> dict[str, Any]:
        found = [one for one in self._listed if str(one["Key"]).startswith(Prefix)]
        return {"Versions": found[:MaxKeys]} if found else {"DeleteMarkers": [{"Key": Prefix}]}

    def get_object(self, **request: Any) -> dict[str, Any]:
        self.reads.append(request)
        again = len(self.reads) > 1
        return {"ETag": '"e"', "Body": Breaking(b"de" if again else b"abc", whole=again)}


def test_interrupted_read_continues_with_the_same_version_of_the_file() -> None:
    client = Versions("loans/a.csv")
    assert b"".join(BucketStore("data", "loans", client).read("a.csv")) == b"abcde"
    first = {"Bucket": "data", "Key": "loans/a.csv", "VersionId": "7"}
    assert client.reads == [first, {**first, "Range": "bytes=3-", "IfMatch": '"e"'}]


@pytest.mark.parametrize("keys", [(), ("loans/a.csv.done",)])
def test_engine_refuses_to_read_a_missing_file(keys: tuple[str, ...]) -> None:
    store = BucketStore("data", "loans", Versions(*keys))
    assert store.version("a.csv") is None
    with pytest.raises(ExtractError, match=r"another process deleted .*loans/a[.]csv"):
        next(store.read("a.csv"))
