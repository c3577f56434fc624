"""Publication, in a folder and in a bucket: same rules, same words."""

from __future__ import annotations

import hashlib
import itertools
import json
import os
import resource
import signal
import threading
import traceback
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from botocore.config import Config

import rolling_delivery
from local_cloud.aws import REGION, Cloud
from rolling_delivery import Plan
from rolling_errors import ExtractError
from rolling_figures import Totals
from rolling_file import File
from rolling_period import Period
from rolling_store import BucketStore, FolderStore, Store, sha256_of

OCTOBER = Period(2026, 10)
MANIFEST = "_manifests/2026-10.json"
BETA = "bank_name=Beta/year=2026/month=10/Beta_20261031.csv"
CLAIM = "_manifests/2026-10.claim"


@dataclass
class Watched(Store):
    """A store that tells before every call; `writes` are the places that were to be written."""

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

    def __call__(self, *, restate: bool = False, through: Store | None = None, **texts: str) -> str:
        return self.run(texts, restate=restate, through=through)

    def run(self, texts: dict[str, str], *, restate: bool = False, through: Store | None = None) -> str:
        store = through or self.store
        made = rolling_delivery.plan(store, OCTOBER, self.files(**texts), restate=restate)
        return self.publish(made, through=store)

    def publish(self, made: Plan, through: Store | None = None) -> str:
        """In a scratch folder of its own: two runs are two machines."""
        manifest = self.manifest(made)
        scratch = self.scratch / str(manifest["run_id"])
        scratch.mkdir()
        return rolling_delivery.publish(through or self.store, made, manifest, scratch)

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
            "withdrawn": list(made.withdrawn),
            **rolling_delivery._replaces(made),
        }

    def text(self, name: str) -> str:
        place = f"bank_name={name}/year=2026/month=10/{name}_20261031.csv"
        return b"".join(self.store.read(place)).decode()

    def published(self) -> dict[str, Any] | None:
        """The manifest, if there is one. Then every file that it names must be there, and the same."""
        if self.store.version(MANIFEST) is None:
            return None
        found: dict[str, Any] = json.loads(b"".join(self.store.read(MANIFEST)))
        for file in found["files"]:
            place = file["key"].removeprefix(self.store.key(""))
            assert self.store.version(place) is not None, f"{place} is not there"
            assert sha256_of(self.store.read(place)) == file["sha256"], f"{place} differs"
        return found

    def revision(self) -> int | None:
        found = self.published()
        return None if found is None else int(found["revision"])

    def texts(self) -> dict[str, str] | None:
        """What a consumer who waits for the manifest gets, by recipient."""
        found = self.published()
        names = [file["key"].rpartition("/")[2].partition("_")[0] for file in found["files"]] if found else []
        return {name: self.text(name) for name in names} if found else None

    def lies(self, name: str) -> bool:
        place = f"bank_name={name}/year=2026/month=10/{name}_20261031.csv"
        return self.store.version(place) is not None


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
    watched = Watched(publisher.store)
    publisher(Alpha="a", Beta="b", through=watched)
    assert (watched.writes[0], watched.writes[-1], len(watched.writes)) == (CLAIM, MANIFEST, 4)
    assert (publisher.texts(), publisher.revision()) == ({"Alpha": "a", "Beta": "b"}, 1)


def test_the_same_bytes_again_write_nothing_and_say_why(publisher: Publisher) -> None:
    publisher(Alpha="a")
    watched = Watched(publisher.store)
    assert publisher(Alpha="a", through=watched) == (
        "nothing to write: 2026-10 is already published with the same bytes (revision 1, 2026-11-01)"
    )
    assert watched.writes == []


def test_other_bytes_are_refused_with_what_differs(publisher: Publisher) -> None:
    publisher(Alpha="a", Beta="b")
    with pytest.raises(ExtractError) as refusal:
        publisher(Alpha="aaa", Gamma="c")
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
    watched = Watched(publisher.store)
    assert publisher(Alpha="a", restate=True, through=watched).startswith("nothing to write")
    assert watched.writes == []


def test_the_old_manifest_is_gone_before_a_restatement_touches_a_file(publisher: Publisher) -> None:
    publisher(Alpha="a", Beta="b")
    watched = Watched(publisher.store)
    publisher(Alpha="new", Beta="b", restate=True, through=watched)
    assert [place.rpartition("/")[2] for place in watched.writes] == [
        *("2026-10.claim", "2026-10.json", "Alpha_20261031.csv", "2026-10.json")
    ]
    assert publisher.published()["replaces"]["revision"] == 1  # type: ignore[index]


def test_a_recipient_that_is_gone_has_its_file_removed_before_the_manifest_says_so(
    publisher: Publisher,
) -> None:
    publisher(Alpha="a", Gone="g")
    publisher(Alpha="a", restate=True)
    found = publisher.published()
    assert found is not None
    assert found["withdrawn"] == [publisher.store.key("bank_name=Gone/year=2026/month=10/Gone_20261031.csv")]
    assert (publisher.lies("Alpha"), publisher.lies("Gone")) == (True, False)


FIRST: tuple[dict[str, str], ...] = ({}, {"Alpha": "a", "Beta": "b"}, {"Alpha": "later", "Beta": "b"})
AGAIN = (
    {"Alpha": "a", "Beta": "b", "Gone": "g"},
    {"Alpha": "a2", "Beta": "b", "New": "n"},
    {"Alpha": "a3", "Beta": "b"},
)


@pytest.mark.parametrize(
    ("before", "killed", "later", "same"),
    [(*FIRST, True), (*FIRST, False), (*AGAIN, False)],
    ids=["first, then the same", "first, then others", "restated, then others"],
)
def test_a_run_killed_before_any_call_is_repaired_by_the_next(
    publisher: Publisher,
    before: dict[str, str],
    killed: dict[str, str],
    later: dict[str, str],
    same: bool,
) -> None:
    """A process of its own, ended by SIGKILL before its first call, its second, ... until one lives."""
    # What a run would do that found nothing half done: so it must look like after the repair.
    whole = killed if same else later
    for calls in range(60):
        publisher.store = beside(publisher.store, str(calls))
        if before:
            publisher.run(before)
        if lives(publisher, calls, killed, restate=bool(before)):
            break
        found = publisher.texts()  # half done or not, a manifest is never wrong
        assert found in ((before or None), None, killed)
        if found == before:
            publisher.run(whole, restate=True)  # nothing begun, so nothing to repair
        elif found != whole:
            publisher.run(whole, restate=found == killed)
        assert publisher.texts() == whole
        assert {name for name in ("Alpha", "Beta", "Gone", "New") if publisher.lies(name)} == set(whole)
        assert publisher.revision() == (1 if before else 0) + (1 if found != killed or same else 2)
    else:
        pytest.fail("no run lived: it has more calls than the loop kills")
    assert calls > 10


def lives(publisher: Publisher, calls: int, texts: dict[str, str], *, restate: bool) -> bool:
    """Publish in a child process that SIGKILL ends before call number `calls`; whether it came to its end."""

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


def test_an_order_to_restate_outlives_its_run(publisher: Publisher) -> None:
    publisher(Alpha="a")
    assert not lives(publisher, 12, {"Alpha": "new"}, restate=True)
    assert publisher.texts() is None
    assert publisher(Alpha="new") == "restated: 1 file, 1 line, revision 2"


def test_files_that_no_run_of_ours_left_are_not_replaced_unasked(publisher: Publisher) -> None:
    overwrite(publisher, "bank_name=Alpha/year=2026/month=10/Alpha_20261031.csv", b"theirs")
    with pytest.raises(ExtractError, match=r"Alpha_20261031\.csv is there with other bytes and no manifest"):
        publisher(Alpha="a", Beta="b")
    assert publisher(Alpha="a", Beta="b", restate=True).endswith("revision 1")
    assert publisher.text("Alpha") == "a"


def test_what_another_hand_put_beside_a_claim_is_not_replaced_unasked(publisher: Publisher) -> None:
    assert not lives(publisher, 8, {"Alpha": "a"}, restate=False)
    overwrite(publisher, "bank_name=Beta/year=2026/month=10/Beta_20261031.csv", b"theirs")
    with pytest.raises(ExtractError, match=r"^Beta_20261031\.csv is there with other bytes and no manifest"):
        publisher(Alpha="later", Beta="b")


def test_an_answer_that_got_lost_is_no_defeat(publisher: Publisher) -> None:
    """S3 did it, the answer was a 500, and the client asked again: that one is refused as already done."""
    publisher(Alpha="a", Gone="g")
    twice = Watched(publisher.store)
    for name in ("create", "replace", "remove", "commit"):
        method = getattr(publisher.store, name)
        setattr(twice, name, lambda *given, method=method: method(*given) and method(*given))
    assert publisher(Alpha="b", New="n", restate=True, through=twice).startswith("restated: 2 files")
    assert publisher.texts() == {"Alpha": "b", "New": "n"}


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


ONE = {"Alpha": "a1", "Beta": "b1", "Gamma": "g"}
OTHER = {"Alpha": "a2", "Beta": "b", "Delta": "d"}


@pytest.mark.parametrize(
    ("before", "other"),
    [({}, ONE), ({}, OTHER), ({"Alpha": "a", "Beta": "b"}, OTHER)],
    ids=["first, the same", "first, others", "restated, others"],
)
def test_of_two_runs_at_once_one_publishes_and_the_other_ends(
    publisher: Publisher, before: dict[str, str], other: dict[str, str]
) -> None:
    """The second run comes and goes between any two calls of the first."""
    for calls in range(60):
        publisher.store = beside(publisher.store, str(calls))
        if before:
            publisher.run(before)
        second: list[str] = []

        def step(call: int, calls: int = calls, second: list[str] = second) -> None:
            publisher.published()
            if call == calls:
                second.append(attempt(publisher, other, restate=bool(before)))

        first = attempt(publisher, ONE, through=Watched(publisher.store, step), restate=bool(before))
        if not second:
            break
        check_one_won(publisher, before, (first, ONE), (second[0], other))
    else:
        pytest.fail("the first run has more calls than the loop interrupts")
    assert calls > 10


@pytest.mark.parametrize("before", [{}, {"Alpha": "a", "Beta": "b"}], ids=["first", "restated"])
def test_of_two_runs_that_take_turns_one_publishes_and_the_other_ends(
    tmp_path: Path, before: dict[str, str]
) -> None:
    """Each of two runs is held up once, wherever that may be: some hundred ways to take turns."""
    for stop_first, stop_second in itertools.product(range(36), range(0, 36, 5)):
        scratch = tmp_path / f"{stop_first}-{stop_second}"
        scratch.mkdir()
        publisher = Publisher(FolderStore(scratch / "out"), scratch)
        if before:
            publisher.run(before)
        ends: dict[str, str] = {}
        turns = Turns()

        def run(
            name: str, texts: dict[str, str], stop: int, publisher: Publisher = publisher,
            turns: Turns = turns, ends: dict[str, str] = ends,
        ) -> None:  # fmt: skip
            def step(call: int) -> None:
                publisher.published()
                if call == stop:
                    turns.give(name)

            turns.wait(name)
            through = Watched(publisher.store, step)
            ends[name] = attempt(publisher, texts, through=through, restate=bool(before))
            turns.end(name)

        threads = [
            threading.Thread(target=run, args=("first", ONE, stop_first)),
            threading.Thread(target=run, args=("second", OTHER, stop_second)),
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        check_one_won(publisher, before, (ends["first"], ONE), (ends["second"], OTHER))


class Turns:
    """One of two threads runs; it gives the turn away once, and at its end."""

    def __init__(self) -> None:
        self._ready = {"first": threading.Semaphore(1), "second": threading.Semaphore(0)}
        self._ended = False

    def wait(self, name: str) -> None:
        assert self._ready[name].acquire(timeout=60)

    def give(self, name: str) -> None:
        if not self._ended:
            self._other(name).release()
            self.wait(name)

    def end(self, name: str) -> None:
        self._ended = True
        self._other(name).release()

    def _other(self, name: str) -> threading.Semaphore:
        return self._ready["second" if name == "first" else "first"]


def attempt(
    publisher: Publisher, texts: dict[str, str], *, through: Store | None = None, restate: bool
) -> str:
    """What a run says at its end, also if that is why it failed."""
    try:
        return publisher.run(texts, through=through, restate=restate)
    except ExtractError as error:
        return f"failed: {error}"


def check_one_won(publisher: Publisher, before: dict[str, str], *runs: tuple[str, dict[str, str]]) -> None:
    """What is published is one run's, whole; each run says what became of it."""
    done = [texts for said, texts in runs if said.startswith(("published", "restated"))]
    failed = [said for said, _ in runs if said.startswith("failed")]
    assert len(done) + len(failed) + sum(said.startswith("nothing") for said, _ in runs) == 2, runs
    assert len(done) == 1 or publisher.revision() == (3 if before else 2), runs  # one after the other
    assert publisher.texts() in done, runs
    assert all("another run" in said or "--restate" in said or "is gone" in said for said in failed), runs
    lying = {name for name in ("Alpha", "Beta", "Gamma", "Delta") if publisher.lies(name)}
    assert lying == set(publisher.texts() or {}), runs


def test_a_run_that_slept_through_all_of_another_changes_nothing(publisher: Publisher) -> None:
    """It looked whether the claim is its own, and slept before it asked: the last moment of all."""
    publisher(Alpha="a", Beta="b")

    def sleep(call: int) -> None:
        if slow.writes and slow.writes[-1] == MANIFEST and slow.calls == call and not woken:
            woken.append(publisher(Alpha="a2", Beta="b", restate=True))

    woken: list[str] = []
    slow = Watched(publisher.store, sleep)
    said = attempt(publisher, {"Alpha": "a1", "Beta": "b1"}, through=slow, restate=True)
    assert (said[:6], publisher.texts()) == ("failed", {"Alpha": "a2", "Beta": "b"})


@pytest.mark.parametrize("later", [0, 1, 2, 3])
def test_a_file_made_after_the_next_run_has_looked_is_removed(publisher: Publisher, later: int) -> None:
    """The next run looks before the file is there, and takes the claim over `later` calls afterwards."""
    publisher(Alpha="a")
    looked: list[Plan] = []
    made: list[int] = []
    took: list[str] = []

    def step(call: int) -> None:
        if first.writes == [CLAIM] and not looked:
            files = publisher.files(Alpha="x")
            looked.append(rolling_delivery.plan(publisher.store, OCTOBER, files, restate=True))
        if not made and publisher.lies("Own"):
            made.append(call)
        if made and call == made[0] + later:
            took.append(publisher.publish(looked[0]))

    first = Watched(publisher.store, step)
    said = attempt(publisher, {"Own": "o", "Alpha": "y"}, through=first, restate=True)
    assert (said[:6], len(took), publisher.texts()) == ("failed", 1, {"Alpha": "x"})
    assert not publisher.lies("Own")


def test_a_run_that_came_too_late_leaves_no_order_to_restate(publisher: Publisher) -> None:
    """It claims what another has just published, sees that, and ends; what it claimed must mean nothing."""
    late: list[Plan] = []

    def look(call: int) -> None:
        if slow.writes[-1:] == [BETA] and not late:
            files = publisher.files(Alpha="late", Beta="b")
            late.append(rolling_delivery.plan(publisher.store, OCTOBER, files, restate=False))

    slow = Watched(publisher.store, look)
    publisher(Alpha="a", Beta="b", through=slow)
    with pytest.raises(ExtractError, match="another run has begun to publish 2026-10 meanwhile"):
        publisher.publish(late[0])
    with pytest.raises(ExtractError, match="already published with other bytes"):
        publisher(Alpha="late", Beta="b")
    assert publisher.texts() == {"Alpha": "a", "Beta": "b"}


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


@pytest.mark.parametrize("versioning", ["Enabled", "Suspended", None])
def test_a_bucket_that_keeps_nothing_is_told_before_a_restatement(
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
        ("nothing_kept", "warning", "the bucket has no versioning: what this restatement replaces is lost")
    ]  # fmt: skip
    assert [(entry["event"], entry["level"], entry["message"]) for entry in said] == expected


@pytest.fixture
def large(tmp_path: Path) -> Iterator[Path]:
    """A file that cannot be copied: every write beyond 64 KiB fails, as on a full disk."""
    body = tmp_path / "large"
    body.write_bytes(b"x" * (1 << 17))
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 16, limits[1]))
    yield body
    resource.setrlimit(resource.RLIMIT_FSIZE, limits)


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


def test_write_to_a_folder_leaves_no_temporary_file(tmp_path: Path) -> None:
    body, out = tmp_path / "body", tmp_path / "out"
    body.write_bytes(b"whole")
    FolderStore(out).create("f.csv", body, "")
    assert [path.name for path in out.iterdir()] == ["f.csv"]


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


def afresh(store: Store) -> Store:
    """The same store for another process: connections are not to be shared."""
    match store:
        case BucketStore():
            import boto3

            config = store._s3.meta.config.merge(Config(retries={"max_attempts": 2}))
            client = boto3.session.Session().client(
                "s3",
                endpoint_url=store._s3.meta.endpoint_url,
                region_name=REGION,
                aws_access_key_id="test",
                aws_secret_access_key="test",
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


################################################################################
# A hostile target
################################################################################


def forge(publisher: Publisher, **changes: object) -> None:
    """Rewrite the manifest that is there, as whoever may write to the target can."""
    manifest = json.loads(b"".join(publisher.store.read(MANIFEST)))
    remove(publisher, MANIFEST)
    overwrite(publisher, MANIFEST, json.dumps({**manifest, **changes}).encode())


@pytest.mark.parametrize("key", ["/abs/file", "../file", "bank_name=Alpha/../../file", "", "link/file"])
@pytest.mark.parametrize("where", ["files", "withdrawn"])
def test_a_manifest_that_names_a_file_outside_deletes_nothing(key: str, where: str, tmp_path: Path) -> None:
    outside = tmp_path / "file"
    outside.write_text("mine")
    publisher = Publisher(FolderStore(tmp_path / "out"), tmp_path)
    publisher(Alpha="a")
    (tmp_path / "out/link").symlink_to(tmp_path)
    named = key.replace("/abs", str(tmp_path))
    entry: object = {"key": named, "sha256": "0" * 64} if where == "files" else named
    if where == "withdrawn":  # a claim's withdrawn files are removed by whoever takes it over
        overwrite(publisher, CLAIM, b"".join(publisher.store.read(MANIFEST)))
        remove(publisher, MANIFEST)
        manifest = json.loads((tmp_path / "out" / CLAIM).read_text())
        overwrite(publisher, CLAIM, json.dumps({**manifest, "withdrawn": [entry]}).encode())
    else:
        forge(publisher, files=[entry])
    with pytest.raises(ExtractError, match=r"is there but is no manifest|is a symbolic link"):
        publisher(Alpha="b", restate=True)
    assert outside.read_text() == "mine"
    assert publisher.text("Alpha") == "a"


def test_a_manifest_that_names_a_key_of_another_prefix_deletes_nothing(
    cloud: Cloud, bucket: str, tmp_path: Path
) -> None:
    publisher = Publisher(BucketStore(bucket, "ours", cloud.client("s3")), tmp_path)
    publisher(Alpha="a")
    forge(publisher, files=[{"key": "theirs/file", "sha256": "0" * 64}])
    with pytest.raises(ExtractError, match="is there but is no manifest"):
        publisher(Alpha="b", restate=True)


@pytest.mark.parametrize("revision", [float("nan"), float("inf"), 1.5, 0, -1, True, "1", None])
def test_a_revision_is_a_whole_number(revision: object, tmp_path: Path) -> None:
    publisher = Publisher(FolderStore(tmp_path / "out"), tmp_path)
    publisher(Alpha="a")
    forge(publisher, revision=revision)
    with pytest.raises(ExtractError, match="is there but is no manifest"):
        publisher(Alpha="b", restate=True)


def test_a_manifest_nested_too_deeply_is_no_manifest(tmp_path: Path) -> None:
    publisher = Publisher(FolderStore(tmp_path / "out"), tmp_path)
    overwrite(publisher, MANIFEST, b'{"a":' * 100_000)
    with pytest.raises(ExtractError, match="is there but is no manifest"):
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


def test_a_target_may_be_a_link_itself(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "out").symlink_to("real")
    publisher = Publisher(FolderStore(tmp_path / "out"), tmp_path)
    assert publisher(Alpha="a") == "published: 1 file, 1 line, revision 1"


@pytest.mark.parametrize("letter", ["x", "Ł"])
def test_a_file_whose_name_is_too_long_is_refused_before_the_manifest_is_withdrawn(
    publisher: Publisher, letter: str
) -> None:
    publisher(Alpha="a")
    [made] = publisher.files(Long="l")
    place = f"bank_name={letter * 300}/{'y' * 240}/{'z' * 240}/{letter * 300}.csv"
    long = File(made.recipient, made.path, place, made.bytes, made.rows, made.sha256, made.totals)
    with pytest.raises(ExtractError, match=r"is too long: .* bytes, and (1024|255) are the most"):
        rolling_delivery.plan(publisher.store, OCTOBER, [long], restate=True)
    assert publisher.texts() == {"Alpha": "a"}


@pytest.mark.parametrize("letter", ["x", "Ł"])
def test_the_length_of_a_place_is_counted_in_bytes_and_with_the_prefix(letter: str, tmp_path: Path) -> None:
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


def test_parts_of_a_run_that_was_killed_are_swept_away(tmp_path: Path) -> None:
    """Killed in the middle of a write, and while another run writes."""
    publisher = Publisher(FolderStore(tmp_path / "out"), tmp_path)
    publisher(Alpha="a")
    ready, go = os.pipe(), os.pipe()
    child = os.fork()
    if child == 0:
        store = FolderStore(tmp_path / "out")
        with store._aside(publisher.files(Beta="b")[0].path):
            os.write(ready[1], b".")
            os.read(go[0], 1)
    os.read(ready[0], 1)
    publisher(Alpha="b", restate=True)
    assert len(list((tmp_path / "out").glob(".*.part"))) == 1  # of a run that lives
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    publisher(Alpha="c", restate=True)
    assert list((tmp_path / "out").rglob(".*")) == []
