"""Write files to a folder or to a bucket."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import rolling_publication
from local_cloud.aws import REGION, Cloud
from rolling_errors import ExtractError
from rolling_file import File
from rolling_store import BucketStore, FolderStore, Store, sha256_of
from tests.support.engine.publisher import (
    CLAIM,
    OCTOBER,
    Publisher,
    Watched,
)
from tests.support.files import file_size_limit


def test_version_of_a_missing_file_is_none_even_if_a_longer_file_name_starts_with_its_name(
    publisher: Publisher,
) -> None:
    publisher.store.create("a/b.csv.bak", publisher.files(x="x")[0].path, hashlib.sha256(b"x").hexdigest())
    assert publisher.store.version("a/b.csv") is None


def test_versioned_bucket_keeps_replaced_files(cloud: Cloud, bucket: str, tmp_path: Path) -> None:
    publisher = Publisher(BucketStore(bucket, "kept", cloud.client("s3")), tmp_path)
    publisher(Alpha="a")
    publisher(Alpha="b", restate=True)
    versions = cloud.client("s3").list_object_versions(Bucket=bucket, Prefix="kept/bank_name=Alpha")[
        "Versions"
    ]
    assert len(versions) == 2


class TakenOver:
    """An S3 client that acts like another run: it replaces a claim just before it copies the claim."""

    def __init__(self, s3: Any) -> None:
        self._s3 = s3

    def __getattr__(self, name: str) -> Any:
        return getattr(self._s3, name)

    def copy_object(self, **request: Any) -> Any:
        self._s3.put_object(**request["CopySource"], Body=b"another claim")
        return self._s3.copy_object(**request)


def test_replaced_claim_is_not_copied_to_the_manifest(cloud: Cloud, bucket: str, tmp_path: Path) -> None:
    """The bucket still has the old version of the claim, but the engine must not copy the old version."""
    publisher = Publisher(BucketStore(bucket, "taken", TakenOver(cloud.client("s3"))), tmp_path)
    with pytest.raises(ExtractError, match="another run started to publish 2026-10"):
        publisher(Alpha="a")
    assert publisher.texts() is None


@pytest.mark.parametrize("versioning", ["Enabled", "Suspended", None])
def test_bucket_without_versioning_logs_a_warning_before_a_restatement(
    cloud: Cloud, tmp_path: Path, versioning: str | None, capsys: pytest.CaptureFixture[str]
) -> None:
    s3, name = cloud.client("s3"), f"versions-{str(versioning).lower()}"
    s3.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": REGION})
    if versioning:
        s3.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": versioning})
    publisher = Publisher(BucketStore(name, "loans", s3), tmp_path)
    publisher(Alpha="a")
    assert capsys.readouterr().out == ""
    told: list[str] = []

    def look(call: int) -> None:
        if watched.writes == [CLAIM] and not told:
            told.extend(capsys.readouterr().out.splitlines())

    watched = Watched(publisher.store, look)
    publisher(Alpha="b", restate=True, through=watched)
    said = [json.loads(line) for line in told + capsys.readouterr().out.splitlines()]
    expected = [] if versioning == "Enabled" else [
        ("nothing_kept", "warning", "the bucket has no versioning, so the replaced files are lost")
    ]  # fmt: skip
    assert [(entry["event"], entry["level"], entry["message"]) for entry in said] == expected


@pytest.fixture
def large(tmp_path: Path) -> Iterator[Path]:
    """A file that is larger than the file size limit of this process."""
    body = tmp_path / "large"
    body.write_bytes(b"x" * (1 << 17))
    with file_size_limit(1 << 16):
        yield body


def test_failed_write_creates_no_file(large: Path, tmp_path: Path) -> None:
    with pytest.raises(ExtractError, match="File too large"):
        FolderStore(tmp_path / "out").create("f.csv", large, "")
    assert list((tmp_path / "out").iterdir()) == []


def test_failed_write_keeps_the_old_file(large: Path, tmp_path: Path) -> None:
    body, store = tmp_path / "body", FolderStore(tmp_path / "out")
    body.write_bytes(b"old")
    assert store.create("f.csv", body, "")
    version = store.version("f.csv")
    assert version
    with pytest.raises(ExtractError, match="File too large"):
        store.replace("f.csv", large, "", version)
    assert [(path.name, path.read_bytes()) for path in (tmp_path / "out").iterdir()] == [("f.csv", b"old")]


def test_failed_commit_of_a_claim_creates_no_manifest(tmp_path: Path) -> None:
    body, store = tmp_path / "body", FolderStore(tmp_path / "out")
    body.write_bytes(b"x" * (1 << 17))
    assert store.create("claim", body, "")
    version = store.version("claim")
    assert version
    with file_size_limit(1 << 16), pytest.raises(ExtractError, match="File too large"):
        store.commit("claim", version, "manifest")
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["claim"]


def test_write_to_a_folder_leaves_no_temporary_file(tmp_path: Path) -> None:
    body, out = tmp_path / "body", tmp_path / "out"
    body.write_bytes(b"whole")
    FolderStore(out).create("f.csv", body, "")
    assert [path.name for path in out.iterdir()] == ["f.csv"]


def test_unwritable_folder_is_reported_in_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    body = tmp_path / "body"
    body.write_text("")
    with pytest.raises(ExtractError, match=r"cannot use .*: (Not a directory|File exists)"):
        FolderStore(tmp_path / "file").create("x/f.csv", body, "")


def test_file_in_a_bucket_has_a_content_type(cloud: Cloud, bucket: str, tmp_path: Path) -> None:
    store = BucketStore(bucket, "typed", cloud.client("s3"))
    Publisher(store, tmp_path)(Alpha="a")
    key = "typed/bank_name=Alpha/year=2026/month=10/Alpha_20261031.csv"
    found: dict[str, Any] = cloud.client("s3").get_object(Bucket=bucket, Key=key)
    assert found["ContentType"] == "text/csv; charset=utf-8"
    assert sha256_of(iter([found["Body"].read()])) == hashlib.sha256(b"a").hexdigest()


def test_target_folder_may_be_a_symbolic_link(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "out").symlink_to("real")
    publisher = Publisher(FolderStore(tmp_path / "out"), tmp_path)
    assert publisher(Alpha="a") == "published: 1 file, 1 row, revision 1"


@pytest.mark.parametrize("letter", ["x", "Ł"])
def test_file_name_that_is_too_long_is_refused_before_the_manifest_is_removed(
    publisher: Publisher, letter: str
) -> None:
    publisher(Alpha="a")
    [made] = publisher.files(Long="l")
    place = f"bank_name={letter * 300}/{'y' * 240}/{'z' * 240}/{letter * 300}.csv"
    long = File(made.recipient, made.path, place, made.bytes, made.rows, made.sha256, made.totals)
    with pytest.raises(ExtractError, match=r"is too long: .* bytes; the limit is (1024|255) bytes"):
        rolling_publication.plan(publisher.store, OCTOBER, [long], restate=True)
    assert publisher.texts() == {"Alpha": "a"}


@pytest.mark.parametrize("letter", ["x", "Ł"])
def test_limit_of_a_path_counts_bytes_and_includes_the_prefix(letter: str, tmp_path: Path) -> None:
    longest = os.pathconf(tmp_path, "PC_NAME_MAX")
    stores: list[tuple[Store, int]] = [
        (BucketStore("bucket", "loans/first", client=object()), 1024 - len("loans/first/")),
        (FolderStore(tmp_path), longest - longest % 2),
    ]
    for store, room in stores:
        place = letter * (room // len(letter.encode()))
        store.check(place)
        with pytest.raises(ExtractError, match="is too long"):
            store.check(f"{place}xx")
