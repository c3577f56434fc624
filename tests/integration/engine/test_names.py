"""File names that contain a recipient's code or the revision, and files in a flat folder."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest import mock

import pytest

import rolling_extract
from local_cloud.aws import REGION, Cloud
from rolling_extract import Csv, File, FixedWidth, Join
from rolling_store import BucketStore, FolderStore
from tests.support.bank import Engine, Store
from tests.support.engine.publisher import Watched

CODED = File(name="{recipient[code]}_{date:%Y%m%d}.csv")
FLAT = File(name="{recipient}_{date:%Y%m%d}_r{revision:0>2}.csv", markers=("done",), flat=True)


@pytest.fixture
def loans(store: Store) -> Store:
    """Two banks, each with a code. Alpha has a loan."""
    store.sql('ALTER TABLE "Bank" ADD code text, ADD note text')
    store.loan(store.branch(key=11), "2026-10-05", 100)
    store.branch(bank="Beta", key=21)
    store.sql("""UPDATE "Bank" SET code = CASE "Name" WHEN 'Alpha' THEN 'A-01' ELSE 'B-02' END""")
    return store


def names(engine: Engine) -> list[str]:
    """Return the paths of all files, except manifests and claims."""
    found = (path.relative_to(engine.folder) for path in engine.folder.rglob("*") if path.is_file())
    return sorted(str(path) for path in found if path.parts[0] != "_manifests")


# -- {recipient[code]} -------------------------------------------------------------------------------


def test_file_name_and_trailer_may_contain_a_value_of_the_recipients_table(
    loans: Store, engine: Engine
) -> None:
    form = File(name="{recipient[CODE]:x>6}.csv", trailer_record="T{recipient[code]}")
    engine("2026-10", file=form)
    assert [name.rpartition("/")[2] for name in names(engine)] == ["xxA-01.csv", "xxB-02.csv"]
    assert (engine.folder / names(engine)[0]).read_bytes().endswith(b"\r\nTA-01\r\n")


def test_restate_is_required_to_rename_a_file_whose_recipient_code_has_changed(
    loans: Store, engine: Engine
) -> None:
    engine("2026-10", file=CODED)
    loans.sql("""UPDATE "Bank" SET code = 'A-09' WHERE "Name" = 'Alpha'""")
    assert '"A-01_20261031.csv" becomes "A-09_20261031.csv"' in engine.refusal("2026-10", file=CODED)
    engine("2026-10", "--restate", "--reason", "code", file=CODED)
    assert [name.rpartition("/")[2] for name in names(engine)] == ["A-09_20261031.csv", "B-02_20261031.csv"]


def null(loans: Store) -> None:
    loans.sql("""UPDATE "Bank" SET code = NULL WHERE "Name" = 'Beta'""")


def empty(loans: Store) -> None:
    loans.sql("""UPDATE "Bank" SET code = '' WHERE "Name" = 'Beta'""")


def slash(loans: Store) -> None:
    loans.sql("""UPDATE "Bank" SET code = 'B/02' WHERE "Name" = 'Beta'""")


def line_break(loans: Store) -> None:
    loans.sql("""UPDATE "Bank" SET code = E'B\\n02' WHERE "Name" = 'Beta'""")


def twice(loans: Store) -> None:
    loans.sql("""INSERT INTO "Bank" VALUES (99, 'Beta', 0, 'b-02')""")


def twice_null(loans: Store) -> None:
    loans.sql("""INSERT INTO "Bank" VALUES (99, 'Beta', 0, NULL)""")


@pytest.mark.parametrize(
    ("spoil", "sentence"),
    [
        (null, '"Beta" has no value of "code" in SCHEMA."Bank"; enter a value'),
        (empty, '"Beta" has no value of "code" in SCHEMA."Bank"; enter a value'),
        (slash, '"Beta" has the character U+002F (SOLIDUS) in its value of "code" in SCHEMA."Bank"; a value'),
        (line_break, '"Beta" has the character U+000A (a control character) in its value of "code"'),
        (twice, '"Beta" has several values of "code" in SCHEMA."Bank"; correct the rows'),
        (twice_null, '"Beta" has several values of "code" in SCHEMA."Bank"; correct the rows'),
    ],
)
def test_recipient_is_refused_unless_the_column_in_its_file_name_has_one_valid_value(
    loans: Store, engine: Engine, spoil: Callable[[Store], None], sentence: str
) -> None:
    spoil(loans)
    # Rows are grouped by the key of the recipient's table, so two banks may have the same name.
    changes: dict[str, Any] = {"group_by": {"bank": "Bank.idBank"}}
    message = engine.refusal("2026-10", file=CODED, **changes)
    assert sentence.replace("SCHEMA", loans.schema) in message
    assert message.endswith("Nothing was published.")
    assert names(engine) == []
    # The file name of Beta does not contain the code now. So Beta needs no valid code.
    engine("2026-10", file=CODED, files={"Beta": File()}, **changes)


FORGED = """=cmd|' /c calc'!A1;0;999.00"""


@pytest.mark.parametrize("record", ["header_record", "trailer_record"])
@pytest.mark.parametrize(
    ("code", "character"),
    [
        (FORGED, "U+003D (EQUALS SIGN)"),
        ("A-01;0;999.00", "U+003B (SEMICOLON)"),
        ('A"', "U+0022 (QUOTATION MARK)"),
    ],
)
def test_recipient_code_with_a_character_that_is_unsafe_in_a_record_is_refused(
    loans: Store, engine: Engine, record: str, code: str, character: str
) -> None:
    loans.sql("""UPDATE "Bank" SET code = %s WHERE "Name" = 'Beta'""", code)
    form: dict[str, Any] = {record: "{recipient[code]};{rows};{sum[amount_sum]}"}
    assert f'"Beta" has the character {character}' in engine.refusal("2026-10", file=File(**form))
    assert names(engine) == []


def test_recipient_name_in_a_record_has_only_letters_and_digits(loans: Store, engine: Engine) -> None:
    loans.sql("""UPDATE "Bank" SET "Name" = %s WHERE "Name" = 'Beta'""", FORGED + '"\u202e& Sons')
    record = "{recipient};{rows};{sum[amount_sum]}"
    engine("2026-10", file=File(header_record=record, trailer_record=record))
    [path] = [path for path in engine.folder.rglob("*.csv") if "Alpha" not in path.name]
    assert path.name == "cmdccalcA1099900Sons_20261031.csv"
    first, *_, last = path.read_text().splitlines()
    assert first == last == "cmdccalcA1099900Sons;1;0"


def test_recipient_code_that_contains_a_separator_of_the_record_is_refused(
    loans: Store, engine: Engine
) -> None:
    dashes = File(trailer_record="T-{recipient[code]}-{rows}")
    sentence = 'the record "T-{recipient[code]}-{rows}": the value of {recipient[code]} has "-", which is'
    assert sentence in engine.refusal("2026-10", file=dashes)
    assert names(engine) == []
    delimited = File(format=Csv(delimiter="-"), trailer_record="{rows}/{recipient[code]}")
    assert '{recipient[code]} has "-", which is also' in engine.refusal("2026-10", file=delimited)


def test_value_that_is_longer_than_its_width_in_a_record_is_refused(loans: Store, engine: Engine) -> None:
    widths = dict.fromkeys(engine.spec.file_columns, 40)
    for field in ("recipient[code]:<3", "recipient[code]:>3", "recipient:x^3", "sum[amount_sum]:0>2"):
        form = File(format=FixedWidth(widths), trailer_record=f"T{{{field}}}{{rows:0>6}}")
        name = field.partition(":")[0]
        assert f"{{{name}}} has " in engine.refusal("2026-10", file=form)
    assert names(engine) == []
    exact = "T{recipient[code]:<4}{recipient:<3.3}{date:%Y%m%d}{rows:0>6}"
    engine("2026-10", file=File(format=FixedWidth(widths), trailer_record=exact))
    path = engine.folder / names(engine)[0]
    assert path.read_text().splitlines()[-1] == "TA-01Alp20261031000001"


@pytest.mark.parametrize("encoding", ["utf-8", "cp1250", "utf-16-le"])
def test_width_of_a_field_in_a_fixed_width_record_is_measured_in_bytes(
    loans: Store, engine: Engine, encoding: str
) -> None:
    loans.sql("""UPDATE "Bank" SET "Name" = 'Łódź' WHERE "Name" = 'Beta'""")
    form = FixedWidth(dict.fromkeys(engine.spec.file_columns, 40), encoding=encoding)
    engine("2026-10", file=File(format=form, trailer_record="T{recipient:.<10}{recipient:>10.3}|{rows:0>6}"))
    path = engine.folder / names(engine)[1]
    unit = len("x".encode(encoding))
    last = path.read_bytes()[-30 * unit : -2 * unit]
    assert last.startswith("T".encode(encoding))
    fields = [last[unit : 11 * unit], last[11 * unit : 21 * unit], last[-6 * unit :]]
    left, right, rows = (field.decode(encoding) for field in fields)
    assert (left.rstrip("."), right.lstrip(), int(rows)) == ("Łódź", "Łód", 1)


def test_recipient_column_that_does_not_exist_is_refused(loans: Store, engine: Engine) -> None:
    sentence = engine.refusal("2026-10", file=File(name="{recipient[cdoe]}.csv"))
    assert f'no column "cdoe" in {loans.schema}."Bank". Did you mean "code"?' in sentence


def test_file_name_with_a_recipient_column_is_refused_for_the_recipient_unassigned(
    loans: Store, engine: Engine
) -> None:
    *joins, last = engine.spec.joins
    optional = (*joins, Join(last.table, last.left, last.right, optional=True))
    sentence = engine.refusal("2026-10", file=CODED, joins=optional)
    missing = f'"Unassigned" is not in {loans.schema}."Bank"'
    assert f"{missing}; define a file for this recipient with files=" in sentence
    engine("2026-10", file=CODED, joins=optional, files={"Unassigned": File()})


# -- flat and {revision} -----------------------------------------------------------------------------


def test_files_of_all_months_are_in_one_flat_folder(loans: Store, engine: Engine) -> None:
    form = File(flat=True, markers=("sha256",))
    engine("--from", "2026-09", "--to", "2026-10", file=form)
    found = [
        f"bank_name={bank}/{bank}_{day}.csv" for bank in ("Alpha", "Beta") for day in (20260930, 20261031)
    ]
    assert names(engine) == sorted([*found, *(f"{name}.sha256" for name in found)])
    manifest = json.loads((engine.folder / "_manifests/2026-10.json").read_text())
    assert [entry["key"] for entry in manifest["files"]] == [found[1], found[3]]
    assert engine("2026-10", file=form).message.startswith("nothing to write")


def test_restatement_to_a_flat_folder_moves_the_files(loans: Store, engine: Engine) -> None:
    engine("2026-10")
    form = File(flat=True)
    assert '"Alpha_20261031.csv" moves to another folder' in engine.refusal("2026-10", file=form)
    engine("2026-10", "--restate", "--reason", "flat", file=form)
    assert names(engine) == ["bank_name=Alpha/Alpha_20261031.csv", "bank_name=Beta/Beta_20261031.csv"]


def test_revision_in_the_file_name_increases_only_if_a_restatement_changes_the_data(
    loans: Store, engine: Engine
) -> None:
    def shown() -> list[str]:
        return [name.rpartition("/")[2] for name in names(engine) if "Alpha" in name]

    engine("2026-10", file=FLAT)
    assert shown() == ["Alpha_20261031_r01.csv", "Alpha_20261031_r01.csv.done"]
    before = {path: path.stat().st_mtime_ns for path in engine.folder.rglob("*")}
    for arguments in ((), ("--restate", "--reason", "no change"), ("--dry-run",)):
        assert "nothing to write" in engine("2026-10", *arguments, file=FLAT).message
    assert {path: path.stat().st_mtime_ns for path in engine.folder.rglob("*")} == before

    loans.loan(11, "2026-10-06", 1)
    refusal = engine.refusal("2026-10", file=FLAT)
    assert "already published with different bytes (revision 1" in refusal
    assert '"Alpha_20261031_r01.csv" differs (count of loans_count 1 -> 2' in refusal
    planned = engine("2026-10", "--dry-run", file=FLAT).message
    assert "as revision 2 (4 new, 0 replaced and 4 removed of 8 files): " in planned
    assert '"Alpha_20261031_r01.csv" becomes "Alpha_20261031_r02.csv", count of' in planned
    # The message about late data contains the published names of the files.
    [late] = [
        line
        for line in engine("2026-11", "--allow-incomplete", file=FLAT).log
        if line["event"] == "late_data"
    ]
    assert (
        '2026-10 is published, but its files would differ now: "Alpha_20261031_r01.csv" differs'
        in late["message"]
    )

    done = engine("2026-10", "--restate", "--reason", "late", file=FLAT)
    assert "restated: 2 files, 2 rows, revision 2" in done.message
    assert [name for name in shown() if "202610" in name] == [
        "Alpha_20261031_r02.csv",
        "Alpha_20261031_r02.csv.done",
    ]
    assert len(done.manifest()["withdrawn"]) == 4
    assert "nothing to write" in engine("2026-10", file=FLAT).message


def test_revision_in_a_trailer_record_is_the_revision_of_the_manifest(loans: Store, engine: Engine) -> None:
    form = File(trailer_record="T{revision}")
    for amount in (1, 2):
        loans.loan(11, "2026-10-06", amount)
        engine("2026-10", "--restate", "--reason", "more", file=form)
    [path] = engine.folder.glob("bank_name=Alpha/year=*/month=*/*.csv")
    assert path.read_bytes().endswith(b"\r\nT2\r\n")
    assert json.loads((engine.folder / "_manifests/2026-10.json").read_text())["revision"] == 2


def test_missing_file_with_the_revision_in_its_name_is_restored_under_the_old_name(
    loans: Store, engine: Engine
) -> None:
    engine("2026-10", file=FLAT)
    lost = engine.folder / "bank_name=Alpha/Alpha_20261031_r01.csv"
    data = lost.read_bytes()
    lost.unlink()
    message = engine("2026-10", file=FLAT).message
    assert "restored 1 missing file of 4; the period still has revision 1" in message
    assert lost.read_bytes() == data


class Killed(BaseException):
    """A test raises this error to kill a run before a chosen call to the target."""


def test_restatement_that_was_killed_at_any_step_is_completed_by_the_next_run(
    loans: Store, engine: Engine, tmp_path: Path
) -> None:
    """Each round kills the restatement before another call to the target. The restatement renames the file.

    The flat folder also has the files of another month.
    """
    changes: dict[str, Any] = {
        "file": replace(FLAT, markers=()),
        "recipients_where": "\"Name\" = 'Alpha'",
        "late_data_periods": 0,
    }
    engine("--from", "2026-09", "--to", "2026-10", **changes)
    before = tmp_path / "before"
    shutil.copytree(engine.folder, before)
    loans.loan(11, "2026-10-06", 1)
    restate = ("2026-10", "--restate", "--reason", "late")
    for killed in range(0, 60, 3):
        shutil.rmtree(engine.folder)
        shutil.copytree(before, engine.folder)

        def kill(call: int, last: int = killed) -> None:
            if call == last:
                raise Killed

        watched = Watched(FolderStore(engine.folder), kill)
        lived = True
        with mock.patch.object(rolling_extract, "open_store", return_value=watched):
            try:
                engine(*restate, **changes)
            except Killed:
                lived = False
        engine(*restate, **changes)
        assert [name.rpartition("/")[2] for name in names(engine)] == [
            "Alpha_20260930_r01.csv",
            "Alpha_20261031_r02.csv",
        ], killed
        manifest = json.loads((engine.folder / "_manifests/2026-10.json").read_text())
        assert [entry["key"] for entry in manifest["files"]] == names(engine)[1:], killed
        assert manifest["revision"] == 2, killed
        if lived:
            break
    assert lived
    assert killed > 15


def test_restated_files_in_flat_folders_of_a_bucket_have_the_new_revision_in_their_names(
    loans: Store, engine: Engine, cloud: Cloud
) -> None:
    s3, bucket = cloud.client("s3"), "flat-names"
    s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": REGION})
    with mock.patch.object(rolling_extract, "open_store", return_value=BucketStore(bucket, "flat", s3)):
        engine("2026-10", file=FLAT)
        loans.loan(11, "2026-10-06", 1)
        engine("2026-10", "--restate", "--reason", "late", file=FLAT)
    listed = s3.list_objects_v2(Bucket=bucket, Prefix="flat/")["Contents"]
    assert [entry["Key"].removeprefix("flat/") for entry in listed] == [
        "_manifests/2026-10.claim",
        "_manifests/2026-10.json",
        "bank_name=Alpha/Alpha_20261031_r02.csv",
        "bank_name=Alpha/Alpha_20261031_r02.csv.done",
        "bank_name=Beta/Beta_20261031_r02.csv",
        "bank_name=Beta/Beta_20261031_r02.csv.done",
    ]
