"""Files have the form that the recipient prescribes, and their whole content can be read back."""

from __future__ import annotations

import csv
import gzip
import hashlib
import io
import json
import struct
import time
import zipfile
import zlib
from pathlib import Path
from typing import Any

import pytest

from rolling_extract import Csv, Field, File, FixedWidth
from tests.support.bank import Engine, Store

FOLDER = "bank_name={}/year=2026/month=10/"
WIDTHS: dict[str, int | Field] = {
    "bank_name": 10,
    "branch_id": Field(-6, fill="0"),
    "branch_address": 20,
    "period": 7,
    "window_start": 10,
    "window_end": 10,
    "loans_count": -5,
    "amount_sum": Field(-12, fill="0", implied=True),
    "amount_avg": Field(-12, fill="0", implied=True),
}


@pytest.fixture
def loans(bare_store: Store) -> Store:
    """Two banks with three branches. One branch has no loans."""
    bare_store.create(amount="numeric(12,2)")
    for key, address, bank, amounts in (
        (11, "Łódzka 1; Nord", "Alpha", (1000.50, -0.25)),
        (12, "Main St 2", "Alpha", ()),
        (21, "Long Rd 3", "Beta", (1234567.89,)),
    ):
        branch = bare_store.branch(address, bank=bank, key=key)
        for amount in amounts:
            bare_store.loan(branch, "2026-10-05", amount)
    return bare_store


def content(engine: Engine, name: str, bank: str = "Alpha") -> bytes:
    return (engine.folder / FOLDER.format(bank) / name).read_bytes()


def test_german_csv_has_semicolons_and_decimal_commas(loans: Store, engine: Engine) -> None:
    engine(
        "2026-10", file=File(format=Csv(delimiter=";", decimal=",", thousands=".", date_format="%d.%m.%Y"))
    )
    text = content(engine, "Beta_20261031.csv", "Beta").decode()
    [row] = csv.DictReader(io.StringIO(text), delimiter=";")
    assert (row["amount_sum"], row["window_start"], row["branch_id"]) == ("1.234.567,89", "01.08.2026", "21")


def test_trailer_has_the_control_totals_of_the_file(loans: Store, engine: Engine) -> None:
    form = File(
        name="{recipient}-{period}.txt",
        format=Csv(delimiter="|", header=False, line_ending="\n"),
        header_record="H|{date:%Y%m%d}|{rows:0>6}",
        trailer_record="T|{rows:0>6}|{count[amount_avg]}|{sum[amount_sum]}",
    )
    engine("2026-10", file=form)
    first, *rows, last = content(engine, "Alpha-2026-10.txt").decode().splitlines()
    assert first == "H|20261031|000002"
    assert last == "T|000002|2|1000.25"
    assert [row.split("|")[1] for row in rows] == ["11", "12"]
    [file] = [file for file in manifest(engine)["files"] if file["recipient"] == "Alpha"]
    assert file["totals"]["metrics"]["amount_sum"] == {"count": 2, "sum": "1000.25"}
    assert file["rows"] == 2


def test_number_of_records_counts_the_header_record_and_the_trailer_record(
    loans: Store, engine: Engine
) -> None:
    form = File(header_record="H,{records}", trailer_record="T,{records:0>4},{rows}")
    engine("2026-10", file=form)
    lines = content(engine, "Alpha_20261031.csv").decode().splitlines()
    assert (lines[0], lines[-1], len(lines)) == ("H,5", "T,0005,2", 5)
    engine.folder = engine.folder / "bare"
    engine("2026-10", file=File(format=Csv(header=False), trailer_record="T,{records}"))
    assert content(engine, "Alpha_20261031.csv").decode().splitlines()[2:] == ["T,3"]


def test_fixed_width_file_has_the_expected_fields(loans: Store, engine: Engine) -> None:
    form = File(format=FixedWidth(WIDTHS, encoding="iso8859-2", line_ending="\n"))
    engine("2026-10", file=form)
    lines = content(engine, "Alpha_20261031.txt").decode("iso8859-2").splitlines()
    assert lines[0] == (
        "Alpha     000011Łódzka 1; Nord      2026-102026-08-012026-10-31    2000000100025000000050013"
    )
    assert {len(line) for line in lines} == {92}
    # This branch has no loans and no amount, so the field is blank and not 0.
    assert lines[1].endswith("    0" + " " * 24)


def test_sum_in_a_header_or_trailer_record_has_the_decimal_places_of_the_fixed_width_field(
    loans: Store, engine: Engine
) -> None:
    sums = "{sum[amount_sum]:0>15}{sum[amount_avg]:0>15}"
    form = File(
        format=FixedWidth(WIDTHS, encoding="iso8859-2"), header_record=f"H{sums}", trailer_record=f"T{sums}"
    )
    engine("2026-10", file=form)
    first, *_, last = content(engine, "Alpha_20261031.txt").decode("iso8859-2").splitlines()
    assert (first[1:], last[1:]) == ("000000000100025" * 2, "000000000100025" * 2)
    pointed = FixedWidth(WIDTHS | {"amount_sum": -12}, encoding="iso8859-2", decimal=",")
    engine.folder = engine.folder / "pointed"
    engine("2026-10", file=File(format=pointed, trailer_record=f"T{sums}"))
    *_, last = content(engine, "Alpha_20261031.txt").decode("iso8859-2").splitlines()
    assert last == "T000000001000,25000000000100025"


def test_sum_with_more_decimal_places_than_the_fixed_width_field_is_refused(
    bare_store: Store, engine: Engine
) -> None:
    bare_store.create(amount="numeric(12,4)")
    bare_store.loan(bare_store.branch(key=11), "2026-10-05", 0.125)
    form = File(format=FixedWidth(WIDTHS), trailer_record="T{sum[amount_sum]:0>15}")
    sentence = engine.refusal("2026-10", file=form)
    assert (
        '{sum[amount_sum]} has 3 digits after the point, but the field "amount_sum" has 2; set a' in sentence
    )


def test_compressed_file_has_the_same_bytes_in_each_run(loans: Store, engine: Engine, tmp_path: Path) -> None:
    engine("2026-10", file=File())
    plain = content(engine, "Alpha_20261031.csv")
    made: dict[str, list[bytes]] = {"gzip": [], "zip": []}
    for compression, found in made.items():
        ending = {"gzip": "gz"}.get(compression, compression)
        for number in (1, 2):
            engine.folder = tmp_path / f"{compression}-{number}"
            engine("2026-10", file=File(compression=compression))
            found.append(content(engine, f"Alpha_20261031.csv.{ending}"))
            time.sleep(2)  # a zip file stores times in steps of two seconds
        assert found[0] == found[1]
    assert gzip.decompress(made["gzip"][0]) == plain
    assert made["gzip"][0][:10] == b"\x1f\x8b\x08\0\0\0\0\0\0\xff"  # no file name, no time
    with zipfile.ZipFile(io.BytesIO(made["zip"][0])) as archive:
        assert archive.namelist() == ["Alpha_20261031.csv"]
        assert archive.read("Alpha_20261031.csv") == plain


def test_zip_archive_stores_the_sizes_of_a_file_before_the_content(loans: Store, engine: Engine) -> None:
    """Java before version 23 cannot read a zip file as a stream if 64-bit sizes come after the content."""
    engine("2026-10", file=File(compression="zip", header_record="H{rows}"))
    data = content(engine, "Alpha_20261031.csv.zip")
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        [member] = archive.infolist()
    version, flags, _, _, _, _, compressed, size, name, extra = struct.unpack("<HHHHHLLLHH", data[4:30])
    assert (version, flags, extra) == (20, 0, 0)
    assert (compressed, size) == (member.compress_size, member.file_size)
    plain = zlib.decompress(data[30 + name :][:compressed], wbits=-15)
    assert plain.startswith(b"H2\r\nbank_name,")


def test_manifest_lists_the_markers_and_a_restatement_replaces_them(loans: Store, engine: Engine) -> None:
    form = File(markers=("sha256", "done"))
    engine("2026-10", file=form)
    data = content(engine, "Alpha_20261031.csv")
    digest = hashlib.sha256(data).hexdigest()
    assert content(engine, "Alpha_20261031.csv.sha256") == f"{digest}  Alpha_20261031.csv\n".encode()
    assert content(engine, "Alpha_20261031.csv.done") == b""
    found = manifest(engine)
    assert len(found["files"]) == 2
    assert [entry["key"].rpartition("_20261031.csv")[2] for entry in found["markers"]] == [
        *(".sha256", ".sha256"),
        *(".done", ".done"),
    ]
    assert engine("2026-10", file=form).message.startswith("nothing to write")

    loans.loan(11, "2026-10-07", 1)
    assert '"Alpha_20261031.csv" differs (count of' in engine.refusal("2026-10", file=form)
    done = engine("2026-10", "--restate", "--reason", "late", file=form)
    assert "restated: 2 files, 3 rows, revision 2" in done.message
    data = content(engine, "Alpha_20261031.csv")
    assert content(engine, "Alpha_20261031.csv.sha256").startswith(hashlib.sha256(data).hexdigest().encode())

    # If the spec has no markers, a restatement removes the markers of the previous revision.
    engine("2026-10", "--restate", "--reason", "no markers", file=File())
    assert [path.rpartition("/")[2] for path in engine_paths(engine)] == [
        "Alpha_20261031.csv",
        "Beta_20261031.csv",
    ]


def test_spec_may_set_the_file_settings_of_one_recipient(loans: Store, engine: Engine) -> None:
    engine("2026-10", files={"Beta": File(name="{recipient}.{period}", format=Csv(delimiter="\t"))})
    assert [path.rpartition("/")[2] for path in engine_paths(engine)] == [
        "Alpha_20261031.csv",
        "Beta.2026-10",
    ]
    assert b"bank_name\tbranch_id" in content(engine, "Beta.2026-10", "Beta")


@pytest.mark.parametrize(
    ("form", "sentence"),
    [
        (
            File(format=Csv(encoding="cp1252")),
            'row 1, column "branch_address": cp1252 has no character "Ł" (U+0141)',
        ),
        (
            File(format=FixedWidth({**WIDTHS, "branch_address": 9})),
            'row 1, column "branch_address": a value has 16 bytes in utf-8, but the field has 9',
        ),
        (File(name="{recipient}"), 'the file name "Con" of "Con" is the name of a device on Windows'),
        (File(name="{recipient}{period}" + "x" * 245), "has 257 bytes, more than 255"),
        (
            File(name="{recipient}{period}" + "x" * 240, markers=("done",)),
            "and its marker .done has 257 bytes, more than 255",
        ),
    ],
)
def test_nothing_is_published_if_a_file_cannot_be_written(
    loans: Store, engine: Engine, form: File, sentence: str
) -> None:
    loans.branch(bank="Con")
    message = engine.refusal("2026-10", file=form)
    assert sentence in message
    assert message.endswith("Nothing was published.")
    assert engine_paths(engine) == []


def test_file_settings_for_an_unknown_recipient_are_refused(loans: Store, engine: Engine) -> None:
    assert 'files has "Alhpa", which is not a recipient; did you mean "Alpha"?' in engine.refusal(
        "2026-10", files={"Alhpa": File()}
    )
    # The run ends before it reads the entity.
    assert "statement" not in [line["event"] for line in engine.log]


def manifest(engine: Engine) -> dict[str, list[dict[str, Any]]]:
    found: dict[str, list[dict[str, Any]]] = json.loads(
        (engine.folder / "_manifests/2026-10.json").read_text()
    )
    return found


def engine_paths(engine: Engine) -> list[str]:
    found = (path.relative_to(engine.folder) for path in engine.folder.rglob("*") if path.is_file())
    return sorted(str(path) for path in found if path.parts[0] != "_manifests")


def test_error_message_contains_no_file_name_that_mail_programs_show_as_a_link(
    store: Store, engine: Engine
) -> None:
    """Because zip is a top-level domain, mail programs would show the name of a zip file as a link."""
    form = File(name="{recipient}_{date:%Y%m%d}.zip", compression="zip")
    branch = store.branch(bank="Evil")
    engine("2026-10", file=form)
    store.loan(branch, "2026-10-01", 5)
    assert '"Evil_20261031[.]zip" differs (count of' in engine.refusal("2026-10", file=form)
    [path] = engine.folder.rglob("Evil_20261031.zip")
    path.write_bytes(b"")
    assert "Evil_20261031.zip" not in engine.refusal("2026-10", file=form)
