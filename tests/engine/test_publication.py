"""Publication, in a folder and in a bucket: same rules, same words."""

from __future__ import annotations

import hashlib
import json
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

import rolling_delivery
from extracts.local.aws import REGION, Cloud
from rolling_delivery import Plan
from rolling_errors import ExtractError
from rolling_figures import Totals
from rolling_file import File
from rolling_period import Period
from rolling_store import BucketStore, FolderStore, Store, sha256_of

OCTOBER = Period(2026, 10)
MANIFEST = "_manifests/2026-10.json"


class Killed(BaseException):
    """Not an Exception: nothing in the engine may catch it, as nothing could catch the kill."""


@dataclass
class Interrupted(Store):
    """A store whose process is killed before the write number `after`, or before any call number `calls`."""

    store: Store
    after: int = 99
    calls: int = 99
    writes: list[str] = field(default_factory=list)
    made: int = 0

    def key(self, place: str) -> str:
        return self.store.key(place)

    def version(self, place: str) -> str | None:
        self._call()
        return self.store.version(place)

    def read(self, place: str) -> Iterator[bytes]:
        self._call()
        return self.store.read(place)

    def create(self, place: str, body: Path, sha256: str) -> bool:
        self._count(place)
        return self.store.create(place, body, sha256)

    def replace(self, place: str, body: Path, sha256: str, version: str) -> bool:
        self._count(place)
        return self.store.replace(place, body, sha256, version)

    def _call(self) -> None:
        if self.made == self.calls:
            raise Killed
        self.made += 1

    def _count(self, place: str) -> None:
        self._call()
        if len(self.writes) == self.after:
            raise Killed
        self.writes.append(place)


@dataclass
class Publisher:
    """Publishes texts as the engine would publish files."""

    store: Store
    scratch: Path

    def files(self, **texts: str) -> list[File]:
        made = []
        for name, text in texts.items():
            path = self.scratch / f"{name}-{hashlib.md5(text.encode()).hexdigest()}"
            path.write_bytes(text.encode())
            digest = hashlib.sha256(text.encode()).hexdigest()
            place = f"bank_name={name}/year=2026/month=10/{name}_20261031.csv"
            made.append(File(name, path, place, len(text), 1, digest, Totals(1, 1, Decimal(len(text)))))
        return made

    def __call__(self, *, restate: bool = False, stop_after: int | None = None, **texts: str) -> str:
        store = self.store if stop_after is None else Interrupted(self.store, stop_after)
        made = rolling_delivery.plan(store, OCTOBER, self.files(**texts), restate=restate)
        return rolling_delivery.publish(store, made, self.manifest(made), self.scratch)

    def manifest(self, made: Plan) -> dict[str, object]:
        """As the engine's, as far as the protocol reads it."""
        files = [
            {
                "key": self.store.key(file.place),
                "sha256": file.sha256,
                "rows": file.rows,
                "totals": {"rows": 1, "count": 1, "sum": str(file.totals.total)},
            }
            for file in made.files
        ]
        return {
            "revision": made.revision + 1,
            "published_at": "2026-11-01T00:05:00Z",
            "files": files,
            "run_id": uuid.uuid4().hex,
        }

    def text(self, name: str) -> str:
        place = f"bank_name={name}/year=2026/month=10/{name}_20261031.csv"
        return b"".join(self.store.read(place)).decode()

    def revision(self) -> int | None:
        if self.store.version(MANIFEST) is None:
            return None
        return int(json.loads(b"".join(self.store.read(MANIFEST)))["revision"])


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


def test_a_first_publication_writes_every_file_and_the_manifest_last(publisher: Publisher) -> None:
    counted = Interrupted(publisher.store, after=99)
    made = rolling_delivery.plan(counted, OCTOBER, publisher.files(Alpha="a", Beta="b"), restate=False)
    rolling_delivery.publish(counted, made, publisher.manifest(made), publisher.scratch)
    assert counted.writes[-1] == MANIFEST
    assert (len(counted.writes), publisher.text("Alpha"), publisher.revision()) == (3, "a", 1)


def test_the_same_bytes_again_write_nothing_and_say_why(publisher: Publisher) -> None:
    publisher(Alpha="a")
    assert publisher(Alpha="a", stop_after=0) == (
        "nothing to write: 2026-10 is already published with the same bytes (revision 1, 2026-11-01)"
    )


def test_other_bytes_are_refused_with_what_differs(publisher: Publisher) -> None:
    publisher(Alpha="a", Beta="b")
    with pytest.raises(ExtractError) as refusal:
        publisher(Alpha="aaa", Gamma="c", stop_after=0)
    assert str(refusal.value) == (
        "already published with other bytes (revision 1, 2026-11-01): "
        "Alpha_20261031.csv differs (sum 1 -> 3), Beta_20261031.csv would be gone, "
        "Gamma_20261031.csv would be new; start with --restate to replace"
    )
    assert publisher.text("Alpha") == "a"


def test_a_restatement_replaces_and_bumps_the_revision(publisher: Publisher) -> None:
    publisher(Alpha="a", Beta="b")
    assert publisher(Alpha="new", Beta="b", restate=True) == "restated: 2 files, 2 lines, revision 2"
    assert (publisher.text("Alpha"), publisher.text("Beta"), publisher.revision()) == ("new", "b", 2)


def test_a_restatement_of_the_same_bytes_writes_nothing(publisher: Publisher) -> None:
    publisher(Alpha="a")
    assert publisher(Alpha="a", restate=True, stop_after=0).startswith("nothing to write")


@pytest.mark.parametrize("writes", [0, 1, 2])
def test_a_run_killed_between_files_is_completed_by_the_next(publisher: Publisher, writes: int) -> None:
    with pytest.raises(Killed):
        publisher(Alpha="a", Beta="b", stop_after=writes)
    assert publisher.revision() is None  # no consumer saw half a month
    assert publisher(Alpha="a", Beta="b") == "published: 2 files, 2 lines, revision 1"
    assert (publisher.text("Alpha"), publisher.text("Beta"), publisher.revision()) == ("a", "b", 1)


def test_a_run_killed_between_any_two_calls_is_repaired_by_the_next(publisher: Publisher) -> None:
    """As many calls as there are: the last round is one that is not killed any more."""
    for calls in range(20):
        publisher.store = beside(publisher.store, f"killed-at-{calls}")
        killed = Interrupted(publisher.store, calls=calls)
        files = publisher.files(Alpha="a", Beta="b")
        try:
            made = rolling_delivery.plan(killed, OCTOBER, files, restate=False)
            rolling_delivery.publish(killed, made, publisher.manifest(made), publisher.scratch)
        except Killed:
            assert publisher.revision() is None  # so no manifest names a file that is not there
            assert publisher(Alpha="a", Beta="b") == "published: 2 files, 2 lines, revision 1"
        else:
            break
        finally:
            found = (publisher.text("Alpha"), publisher.text("Beta"), publisher.revision())
            assert found == ("a", "b", 1)
    assert (killed.made, calls) == (6, 6)


def test_a_manifest_whose_answer_got_lost_is_known_as_our_own(publisher: Publisher) -> None:
    """S3 wrote it, the answer was a 500, and the client asked again: that one is refused as already there."""
    made = rolling_delivery.plan(publisher.store, OCTOBER, publisher.files(Alpha="a"), restate=False)
    asked_twice = Interrupted(publisher.store)
    create = publisher.store.create
    asked_twice.create = lambda *write: create(*write) and create(*write)  # type: ignore[method-assign]
    done = rolling_delivery.publish(asked_twice, made, publisher.manifest(made), publisher.scratch)
    assert (done, publisher.revision()) == ("published: 1 file, 1 line, revision 1", 1)


@pytest.mark.parametrize("writes", [0, 1, 2])
def test_a_restatement_killed_between_files_is_completed_by_the_next(
    publisher: Publisher, writes: int
) -> None:
    publisher(Alpha="a", Beta="b")
    with pytest.raises(Killed):
        publisher(Alpha="a2", Beta="b2", restate=True, stop_after=writes)
    assert publisher(Alpha="a2", Beta="b2", restate=True) == "restated: 2 files, 2 lines, revision 2"
    assert (publisher.text("Alpha"), publisher.text("Beta"), publisher.revision()) == ("a2", "b2", 2)


def test_uncommitted_files_with_other_bytes_are_not_replaced_unasked(publisher: Publisher) -> None:
    with pytest.raises(Killed):
        publisher(Alpha="a", Beta="b", stop_after=1)
    with pytest.raises(ExtractError, match=r"Alpha_20261031\.csv is there with other bytes and no manifest"):
        publisher(Alpha="later", Beta="b", stop_after=0)
    assert publisher(Alpha="later", Beta="b", restate=True).endswith("revision 1")
    assert publisher.text("Alpha") == "later"


def test_a_published_file_that_went_missing_is_put_back(publisher: Publisher, tmp_path: Path) -> None:
    publisher(Alpha="a", Beta="b")
    remove(publisher, "bank_name=Alpha/year=2026/month=10/Alpha_20261031.csv")
    assert publisher(Alpha="a", Beta="b") == ("put back 1 missing of 2 files; revision 1, 2026-11-01 stands")
    assert publisher.text("Alpha") == "a"


def test_a_published_file_that_was_changed_is_told_and_not_touched(publisher: Publisher) -> None:
    publisher(Alpha="a")
    overwrite(publisher, "bank_name=Alpha/year=2026/month=10/Alpha_20261031.csv", b"forged")
    with pytest.raises(ExtractError, match=r"Alpha_20261031.csv is not what the manifest says \(revision 1"):
        publisher(Alpha="a")
    assert publisher(Alpha="a", restate=True) == "restated: 1 file, 1 line, revision 2"
    assert publisher.text("Alpha") == "a"


def test_of_two_first_publications_one_wins_and_the_other_knows(publisher: Publisher) -> None:
    late = rolling_delivery.plan(publisher.store, OCTOBER, publisher.files(Alpha="late"), restate=False)
    publisher(Alpha="a")
    with pytest.raises(ExtractError, match=r"Alpha_20261031\.csv was written by another run meanwhile"):
        rolling_delivery.publish(publisher.store, late, publisher.manifest(late), publisher.scratch)
    assert (publisher.text("Alpha"), publisher.revision()) == ("a", 1)


def test_of_two_restatements_one_wins_and_the_other_knows(publisher: Publisher) -> None:
    publisher(Alpha="a")
    late = rolling_delivery.plan(publisher.store, OCTOBER, publisher.files(Alpha="late"), restate=True)
    publisher(Alpha="b", restate=True)
    with pytest.raises(ExtractError, match="written by another run meanwhile"):
        rolling_delivery.publish(publisher.store, late, publisher.manifest(late), publisher.scratch)
    assert (publisher.text("Alpha"), publisher.revision()) == ("b", 2)


def test_the_manifest_is_written_once_even_if_all_files_were_adopted(publisher: Publisher) -> None:
    files = publisher.files(Alpha="a")
    late = rolling_delivery.plan(publisher.store, OCTOBER, files, restate=False)
    publisher(Alpha="a")
    with pytest.raises(ExtractError, match="another run wrote the manifest meanwhile"):
        rolling_delivery.publish(publisher.store, late, publisher.manifest(late), publisher.scratch)


def test_what_lies_in_the_manifests_place_must_be_a_manifest(publisher: Publisher) -> None:
    path = publisher.scratch / "other"
    path.write_text("hello")
    publisher.store.create(MANIFEST, path, hashlib.sha256(b"hello").hexdigest())
    with pytest.raises(ExtractError, match=r"_manifests/2026-10.json is there but is no manifest"):
        publisher(Alpha="a")


def test_a_name_that_begins_like_another_is_not_taken_for_it(publisher: Publisher) -> None:
    publisher.store.create("a/b.csv.bak", publisher.files(x="x")[0].path, hashlib.sha256(b"x").hexdigest())
    assert publisher.store.version("a/b.csv") is None


def test_a_bucket_keeps_what_was_replaced(cloud: Cloud, bucket: str, tmp_path: Path) -> None:
    publisher = Publisher(BucketStore(bucket, "kept", cloud.client("s3")), tmp_path)
    publisher(Alpha="a")
    publisher(Alpha="b", restate=True)
    versions = cloud.client("s3").list_object_versions(Bucket=bucket, Prefix="kept/bank_name=Alpha")[
        "Versions"
    ]
    assert len(versions) == 2


def test_a_folder_never_shows_a_half_written_file(tmp_path: Path) -> None:
    body = tmp_path / "body"
    body.write_bytes(b"whole")
    out = tmp_path / "out"
    FolderStore(out).create("f.csv", body, "")
    assert [path.name for path in out.iterdir()] == ["f.csv"]  # nothing temporary stays behind


def test_a_folder_that_cannot_be_written_is_told_in_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    body = tmp_path / "body"
    body.write_text("")
    with pytest.raises(ExtractError, match=r"cannot use .*: (Not a directory|File exists)"):
        FolderStore(tmp_path / "file").create("x/f.csv", body, "")


def test_a_file_in_a_bucket_has_its_type_and_checksum(cloud: Cloud, bucket: str, tmp_path: Path) -> None:
    store = BucketStore(bucket, "typed", cloud.client("s3"))
    Publisher(store, tmp_path)(Alpha="a")
    key = "typed/bank_name=Alpha/year=2026/month=10/Alpha_20261031.csv"
    found: dict[str, Any] = cloud.client("s3").get_object(Bucket=bucket, Key=key)
    assert found["ContentType"] == "text/csv; charset=utf-8"
    assert sha256_of(iter([found["Body"].read()])) == hashlib.sha256(b"a").hexdigest()


def beside(store: Store, name: str) -> Store:
    """Another prefix of the same store."""
    match store:
        case FolderStore():
            return FolderStore(store._root.parent / name)
        case BucketStore():
            return BucketStore(store._bucket, f"{store._prefix}-{name}", store._s3)
    raise TypeError(store)


def remove(publisher: Publisher, place: str) -> None:
    match publisher.store:
        case FolderStore():
            (publisher.store._root / place).unlink()
        case BucketStore() as store:
            s3: Any = store._s3
            s3.delete_object(Bucket=store._bucket, Key=store.key(place))


def overwrite(publisher: Publisher, place: str, data: bytes) -> None:
    match publisher.store:
        case FolderStore():
            (publisher.store._root / place).write_bytes(data)
        case BucketStore() as store:
            s3: Any = store._s3
            s3.put_object(Bucket=store._bucket, Key=store.key(place), Body=data)
