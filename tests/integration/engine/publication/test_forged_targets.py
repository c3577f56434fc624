"""No run changes a file outside its target, even with a forged manifest or a symbolic link."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from local_cloud.aws import Cloud
from rolling_errors import ExtractError
from rolling_store import BucketStore, FolderStore
from tests.support.engine.publisher import (
    BETA,
    CLAIM,
    MANIFEST,
    Publisher,
    overwrite,
    remove,
)


def test_run_is_refused_if_the_file_at_the_manifest_path_is_not_a_manifest(publisher: Publisher) -> None:
    path = publisher.scratch / "other"
    path.write_text("hello")
    publisher.store.create(MANIFEST, path, hashlib.sha256(b"hello").hexdigest())
    with pytest.raises(ExtractError, match=r"_manifests/2026-10.json is not a manifest"):
        publisher(Alpha="a")


def forge(publisher: Publisher, **changes: object) -> None:
    """Change fields of the existing manifest. Anyone who may write to the target can do this."""
    manifest = json.loads(b"".join(publisher.store.read(MANIFEST)))
    remove(publisher, MANIFEST)
    overwrite(publisher, MANIFEST, json.dumps({**manifest, **changes}).encode())


@pytest.mark.parametrize("key", ["/abs/file", "../file", "bank_name=Alpha/../../file", "", "link/file"])
@pytest.mark.parametrize("where", ["files", "withdrawn"])
def test_run_deletes_no_file_outside_the_target_that_a_forged_manifest_lists(
    key: str, where: str, tmp_path: Path
) -> None:
    outside = tmp_path / "file"
    outside.write_text("mine")
    publisher = Publisher(FolderStore(tmp_path / "out"), tmp_path)
    publisher(Alpha="a")
    (tmp_path / "out/link").symlink_to(tmp_path)
    named = key.replace("/abs", str(tmp_path))
    entry: object = {"key": named, "sha256": "0" * 64} if where == "files" else named
    # A run that takes over a claim removes the files that the claim lists as withdrawn.
    if where == "withdrawn":
        overwrite(publisher, CLAIM, b"".join(publisher.store.read(MANIFEST)))
        remove(publisher, MANIFEST)
        manifest = json.loads((tmp_path / "out" / CLAIM).read_text())
        overwrite(publisher, CLAIM, json.dumps({**manifest, "withdrawn": [entry]}).encode())
    else:
        forge(publisher, files=[entry])
    with pytest.raises(ExtractError, match=r"is not a manifest|is a symbolic link"):
        publisher(Alpha="b", restate=True)
    assert outside.read_text() == "mine"
    assert publisher.text("Alpha") == "a"


def test_run_is_refused_if_the_manifest_lists_a_key_of_another_prefix(
    cloud: Cloud, bucket: str, tmp_path: Path
) -> None:
    publisher = Publisher(BucketStore(bucket, "ours", cloud.client("s3")), tmp_path)
    publisher(Alpha="a")
    forge(publisher, files=[{"key": "theirs/file", "sha256": "0" * 64}])
    with pytest.raises(ExtractError, match="is not a manifest"):
        publisher(Alpha="b", restate=True)


@pytest.mark.parametrize("revision", [float("nan"), float("inf"), 1.5, 0, -1, True, "1", None])
def test_run_is_refused_if_the_revision_in_the_manifest_is_not_a_positive_integer(
    revision: object, tmp_path: Path
) -> None:
    publisher = Publisher(FolderStore(tmp_path / "out"), tmp_path)
    publisher(Alpha="a")
    forge(publisher, revision=revision)
    with pytest.raises(ExtractError, match="is not a manifest"):
        publisher(Alpha="b", restate=True)


def test_run_is_refused_if_the_manifest_has_too_many_nested_levels(tmp_path: Path) -> None:
    publisher = Publisher(FolderStore(tmp_path / "out"), tmp_path)
    overwrite(publisher, MANIFEST, b'{"a":' * 100_000)
    with pytest.raises(ExtractError, match="is not a manifest"):
        publisher(Alpha="b", restate=True)


@pytest.mark.parametrize("link", ["_manifests", "bank_name=Alpha", BETA])
def test_nothing_is_published_through_a_symbolic_link(link: str, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "out" / link).parent.mkdir(parents=True)
    (tmp_path / "out" / link).symlink_to(tmp_path / "elsewhere")
    publisher = Publisher(FolderStore(tmp_path / "out"), tmp_path)
    with pytest.raises(ExtractError, match="is a symbolic link"):
        publisher(Alpha="a", Beta="b", restate=True)
    assert list((tmp_path / "elsewhere").iterdir()) == []
