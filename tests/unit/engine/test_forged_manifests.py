"""The engine checks old manifests. They may be forged, and a restatement deletes the files that they list."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import rolling_forged
import rolling_manifest
import rolling_publication
import rolling_swings
from rolling_errors import ExtractError
from rolling_file import Encryption, File
from rolling_format import Pgp
from rolling_period import Period
from rolling_pgp import Keys
from rolling_sealing import Sealing
from rolling_store import FolderStore
from rolling_totals import MetricTotals, Totals
from tests.support.engine.handmade import column, measure, metric, resolved, tables
from tests.support.files import tree

AUGUST, SEPTEMBER = "_manifests/2026-08.json", "_manifests/2026-09.json"


@pytest.mark.parametrize(
    "key",
    [
        AUGUST,
        f"./{AUGUST}",
        f".//{AUGUST}",
        f"bank_name=Alpha/.././{AUGUST}",
        "_manifests/./2026-08.json",
        "_manifests//2026-08.json",
        "_MANIFESTS/2026-08.json",  # on macOS, this is another name of the manifest of August
        "bank_name=Alpha/./Alpha.csv",
        "bank_name=Alpha//Alpha.csv",
        "bank_name=Alpha/Alpha.csv/",
        ".",
    ],
)
def test_manifest_that_lists_the_manifest_of_another_month_is_refused(key: str, tmp_path: Path) -> None:
    content = b'{"revision": 1, "files": []}'
    for place in (AUGUST, "bank_name=Alpha/Alpha.csv"):
        (tmp_path / place).parent.mkdir(parents=True)
        (tmp_path / place).write_bytes(content)
    entry = {"key": key, "sha256": hashlib.sha256(content).hexdigest()}
    (tmp_path / SEPTEMBER).write_text(json.dumps({"revision": 1, "files": [entry]}))
    with pytest.raises(ExtractError, match=r"2026-09.json is not a manifest"):
        rolling_publication.plan(FolderStore(tmp_path), Period(2026, 9), [], restate=True)


def test_manifest_that_lists_only_files_of_its_period_is_read(tmp_path: Path) -> None:
    place = "bank_name=Alpha/year=2026/month=09/Alpha_20260930.csv"
    (tmp_path / SEPTEMBER).parent.mkdir()
    entry = {"key": place, "sha256": "0" * 64}
    (tmp_path / SEPTEMBER).write_text(json.dumps({"revision": 1, "files": [entry]}))
    made = rolling_publication.plan(FolderStore(tmp_path), Period(2026, 9), [], restate=True)
    assert made.withdrawn == (place,)


@pytest.mark.parametrize(
    "place", ["", ".", "/", "//x", "./x", "x/", "x/./y", "x//y", "_manifests", "_manifests/x"]
)
def test_path_of_a_file_is_refused_if_its_spelling_is_unusual(place: str) -> None:
    assert not rolling_forged.is_file_place(place)
    assert rolling_forged.is_file_place("x/y")


################################################################################
# Manifests in which one field has a wrong value
################################################################################

PLACE = "bank_name=Alpha/year=2026/month=08/Alpha_20260831.csv"
TOTALS = {"rows": 3, "metrics": {"amount_sum": {"count": 2, "sum": "12.50"}}}
FILE = {
    "key": PLACE,
    "recipient": "Alpha",
    "bytes": 9,
    "rows": 1,
    "sha256": "0" * 64,
    "totals": TOTALS,
    "encryption": {"bytes": 7, "sha256": "1" * 64, "keys": ["2" * 40], "subkeys": ["3" * 40], "armor": False},
}
PUBLISHED = {"revision": 2, "published_at": "2026-09-01T00:00:00Z", "run_id": "jr_1", "files": [FILE]}
MANIFEST = {
    **PUBLISHED,
    "period": "2026-08",
    "reason": "late bookings",
    "withdrawn": [PLACE.replace("Alpha", "Beta")],
    "replaces": PUBLISHED,
    "totals": TOTALS,
}
# Wrong values as JSON text, because Python cannot write some of them as JSON.
WRONG = (
    *("null", "true", "0", "-1", "1.5", "NaN", "-Infinity", "1e999", "7" * 4_000, "7" * 5_000),
    *('""', '"x"', '"NaN"', '"1e999999999"', r'"\ud800"', r'"a\u0000b"', r'"\u202e\r\n"', '"٣"', '"../x"'),
    *("[]", "{}", "[null]", '[""]', '{"x": 1}', "[[[]]]", "[" * 3_000 + "]" * 3_000),
)


def paths(value: object, here: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """Yield the path of a JSON value, and the paths of all values in it."""
    yield here
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, item in inner:
        yield from paths(item, (*here, name))


def forged(path: tuple[str | int, ...], wrong: str | None) -> str:
    """Return the manifest as JSON. Replace the value at `path`, or remove it if `wrong` is None."""
    made = {"": json.loads(json.dumps(MANIFEST))}
    *outer, last = ("", *path)
    target: Any = made
    for name in outer:
        target = target[name]
    if wrong is None:
        del target[last]
    else:
        target[last] = "PLACEHOLDER"
    return json.dumps(made.get("", {})).replace('"PLACEHOLDER"', wrong or "")


@pytest.mark.parametrize("place", [AUGUST, AUGUST.replace(".json", ".claim")])
@pytest.mark.parametrize("path", list(paths(MANIFEST)), ids=lambda path: ".".join(map(str, path)) or "all")
def test_forged_manifest_is_either_used_or_refused_in_one_sentence(
    path: tuple[str | int, ...], place: str, tmp_path: Path
) -> None:
    (tmp_path / "body").write_text("new")
    (tmp_path / "target/_manifests").mkdir(parents=True)
    totals = Totals(1, {"amount_sum": MetricTotals(1, "1.00")})
    digest = hashlib.sha256(b"new").hexdigest()
    encryption = Encryption(2, "4" * 64, ("2" * 40,), ("3" * 40,), armor=False)
    file = File("Alpha", tmp_path / "body", PLACE, 3, 1, digest, totals, encryption=encryption)
    store = FolderStore(tmp_path / "target")
    spec = resolved(
        tables=tables("fees"),
        date=column("t0", "day", "date"),
        recipient=column("t0", "bank"),
        measures=(measure(column("t0", "amount", "numeric", 2)),),
        metrics=(metric("sum", name="amount_sum"),),
        swing_factor=2.0,
    )
    for wrong in (None, *WRONG):
        (tmp_path / "target" / place).write_text(forged(path, wrong))
        for restate in (True, False):
            with suppress(ExtractError):
                made = rolling_publication.plan(store, Period(2026, 8), [file], restate=restate)
                rolling_publication.forecast(store, made)
                late = Sealing(Keys(), store, Period(2026, 8), late=True)(file, Pgp())
                rolling_publication.difference(store, Period(2026, 8), [late])
                rolling_swings.swings(spec, store, replace(made, period=Period(2026, 9)))
                written = {"replaces": rolling_manifest.kept(made.committed or {}), "reason": made.reason}
                json.dumps(written, ensure_ascii=False).encode()
                for key in made.withdrawn:
                    store.version(store.place(key))
        (tmp_path / "target" / place).unlink()
    assert tree(tmp_path) == {"body": b"new"}


@pytest.mark.parametrize(
    ("path", "wrong", "why"),
    [
        (("revision",), "0", "the field revision is 0"),
        (("files",), "{}", "files is not a list"),
        (("files", 0), "1", "an item of files is not an object"),
        (("files", 0, "totals", "rows"), '"3"', 'the field rows is "3"'),
        (("files", 0, "encryption", "keys"), '"ab"', "keys is not a list"),
        (("files", 0, "encryption", "armor"), "1", "the field armor is 1"),
        (("files", 0, "sha256"), None, "a file in the manifest has no sha256"),
        (("replaces", "revision"), '"1"', 'the field revision is "1"'),
        (("withdrawn",), '"ab"', "withdrawn is not a list"),
        (("run_id",), f'"{"x" * 99}\\u0000"', f'the field run_id is "{"x" * 36}...'),
    ],
)
def test_error_names_the_wrong_field_of_a_manifest(
    path: tuple[str | int, ...], wrong: str | None, why: str, tmp_path: Path
) -> None:
    (tmp_path / "_manifests").mkdir()
    (tmp_path / AUGUST).write_text(forged(path, wrong))
    with pytest.raises(ExtractError) as refused:
        rolling_publication.plan(FolderStore(tmp_path), Period(2026, 8), [], restate=True)
    assert str(refused.value) == f"{AUGUST} is not a manifest: {why}; move the file away"
