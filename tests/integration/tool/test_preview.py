"""`extracts preview` writes the files that a run would publish."""

from __future__ import annotations

import csv
import gzip
import html
import io
import json
import re
import shutil
import zipfile
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from hashlib import sha256
from pathlib import Path
from urllib.parse import unquote

import psycopg
import pytest

import rolling_spec_check
from extracts import files, preview_folder, programs
from local_cloud import database
from local_cloud.demo import store
from tests.support.oracle import oracle
from tests.support.pgp import Gpg, gpg
from tests.support.tool import preview

__all__ = ["gpg"]
PROJECT = Path(__file__).parents[3] / "examples/bank-loans"
ROWS = store.generate(date(2026, 10, 1), loans=6_000)


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[database.Database]:
    with database.serve(tmp_path_factory.mktemp("store")) as found:
        store.load(found.url, ROWS, "unused")
        yield found


def averages_of(page: str) -> list[list[str | None]]:
    """Return the values of the last metric on a page: one list for each group, one value for each period."""
    [found] = re.findall(r'<script type="application/json" id="data">(.*?)</script>', page)
    return [group for section in json.loads(found)["sections"].values() for group in section["values"][-1]]


def told_as_published(text: str) -> list[str]:
    """Return the visible words that contain "publish" or "publication". A preview must not have any."""
    shown = re.sub(r"<(script|style)\b.*?</\1>", "", text, flags=re.DOTALL)
    return re.findall(r"(?i)\b(?:un)?publi(?:sh|cat)\w*", shown)


def test_preview_writes_the_expected_files(served: database.Database, tmp_path: Path) -> None:
    done = preview(str(PROJECT), "--period", "2026-10", "--output", str(tmp_path), DATABASE_URL=served.url)
    assert done.returncode == 0, done.stderr
    assert "2026-10: 3 files, 30 rows" in done.stdout.splitlines()
    assert told_as_published(done.stdout + (tmp_path / "report.html").read_text()) == []
    assert not [path for path in tmp_path.rglob("*") if path.stat().st_mode & 0o077]
    written = {path.name: path.read_bytes() for path in tmp_path.rglob("*.csv")}
    assert written == {
        "FirstBank_20261031.csv": oracle(ROWS, "First Bank"),
        "UbuntuSavingsBank_20261031.csv": oracle(ROWS, "Ubuntu Savings Bank"),
        "KarooCoastBank_20261031.csv": oracle(ROWS, "Karoo & Coast Bank"),
    }
    place = "bank_name=FirstBank/year=2026/month=10/FirstBank_20261031.csv"
    assert [str(path.relative_to(tmp_path)) for path in tmp_path.rglob("FirstBank*.csv")] == [place]
    assert done.stdout.splitlines()[-1] == f"report: {tmp_path}/report.html"
    shown = (tmp_path / "report.html").read_text()
    assert '<h2 id="recipient-2-name">Karoo &amp; Coast Bank</h2>' in shown
    # The page compares two months, although only October was requested.
    assert "What changed since Sep 2026" in shown
    averages = averages_of(shown)
    assert {len(group) for group in averages} == {6}
    for month in (0, -1):  # the first and the last month on the page: May and October
        assert sum(bool(group[month]) for group in averages) == 29  # one branch has no loans
    assert "FROM &#34;public&#34;.&#34;Loans&#34;" in shown


@pytest.mark.parametrize("history", ["0", "2"])
def test_preview_shows_the_content_of_compressed_files_that_have_decimal_commas(
    served: database.Database, tmp_path: Path, history: str
) -> None:
    project, output = tmp_path / "project", tmp_path / "out"
    shutil.copytree(PROJECT / "Glue", project / "Glue")
    script = project / "Glue/etl.py"
    flat = 'compression="gzip", markers=("done",), flat=True'
    german = f'file=File(format=Csv(delimiter=";", decimal=","), {flat}),'
    text = script.read_text().replace("import Extract,", "import Csv, Extract, File,")
    script.write_text(text.replace('    entity="Loans",', f'    entity="Loans",\n    {german}'))
    arguments = ("--period", "2026-10", "--output", str(output), "--history", history)
    done = preview(str(project), *arguments, DATABASE_URL=served.url)
    assert done.returncode == 0, done.stderr
    [path] = output.glob("bank_name=FirstBank/FirstBank_*.gz")
    assert path.with_name(f"{path.name}.done").read_bytes() == b""
    lines = gzip.decompress(path.read_bytes()).decode().splitlines()
    expected = oracle(ROWS, "First Bank").decode().splitlines()
    assert lines[0] == expected[0].replace(",", ";")
    assert [line.split(";")[-3].replace(",", ".") for line in lines] == [
        line.split(",")[-3] for line in expected
    ]
    page = (output / "report.html").read_text()
    assert sum(bool(group[-1]) for group in averages_of(page)) == 29
    assert f">{html.escape(lines[0])}\n{html.escape(lines[1], quote=False)}" in page.replace("&#34;", '"')


def encrypting(project: Path, gpg: Gpg, file: str) -> None:
    """Set up a project with encrypted files, and a folder with the public keys."""
    shutil.copytree(PROJECT / "Glue", project / "Glue")
    script = project / "Glue/etl.py"
    text = script.read_text().replace("import Extract,", "import Csv, Extract, File, Pgp,")
    script.write_text(text.replace('    entity="Loans",', f'    entity="Loans",\n    file={file},'))
    (project / "keys").mkdir()
    key = gpg.key("preview")
    for bank in ("First Bank", "Ubuntu Savings Bank", "Karoo & Coast Bank"):
        (project / f"keys/{bank}.asc").write_text(gpg.public(key))


@pytest.mark.parametrize("history", ["0", "1"])
def test_page_shows_the_decrypted_content_of_an_encrypted_file(
    served: database.Database, tmp_path: Path, gpg: Gpg, history: str
) -> None:
    project, output = tmp_path / "project", tmp_path / "out"
    german = 'Csv(delimiter=";", decimal=",", encoding="cp1252")'
    more = 'header_record="H{rows}", compression="zip", encryption=Pgp(armor=True), markers=("sha256",)'
    encrypting(project, gpg, f"File(format={german}, {more})")
    keys = ("--pgp-keys", str(project / "keys"))
    arguments = ("--period", "2026-10", "--output", str(output), "--history", history)
    done = preview(str(project), *keys, *arguments, DATABASE_URL=served.url)
    assert done.returncode == 0, done.stderr
    [path] = output.rglob("FirstBank_20261031.csv.zip.asc")
    with zipfile.ZipFile(io.BytesIO(gpg.decrypted(path.read_bytes()))) as archive:
        lines = archive.read("FirstBank_20261031.csv").decode("cp1252").splitlines()
    assert lines[0] == "H12"
    assert ";" in lines[2]
    page = html.unescape((output / "report.html").read_text())
    assert ">" + "\n".join(lines[:4]) + "<" in page
    assert sum(bool(group[-1]) for group in averages_of(page)) == 29


def test_preview_encrypts_files_with_the_public_keys_in_a_folder(
    served: database.Database, tmp_path: Path, gpg: Gpg, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = tmp_path / "project"
    encrypting(project, gpg, "File(encryption=Pgp())")
    command = (
        "extracts preview --pgp-keys keys . --database-url postgresql://reader@source.example.com/DATABASE"
        " --period 2026-10 --output preview"
    )
    words = command.replace("postgresql://reader@source.example.com/DATABASE", served.url).split()[2:]
    monkeypatch.chdir(project)
    done = preview(*words, "--history", "1")
    assert done.returncode == 0, done.stderr
    [path] = (project / "preview").rglob("FirstBank_20261031.csv.pgp")
    assert gpg.decrypted(path.read_bytes()) == oracle(ROWS, "First Bank")
    page = (project / "preview/report.html").read_text()
    first, second, *_ = oracle(ROWS, "First Bank").decode().splitlines()
    assert f">{first}\n{second}" in html.unescape(page)  # the first lines of the file before the encryption
    without = preview(*words[2:])
    assert without.returncode == 1
    assert "the spec has encryption=Pgp(), but there are no PGP keys" in without.stderr


def test_preview_of_several_months_accepts_spaces_in_paths(served: database.Database, tmp_path: Path) -> None:
    driver = tmp_path.with_name("my drivers") / "the driver.jar"
    driver.parent.mkdir()
    driver.symlink_to(programs.jdbc_driver())
    span = ("--from", "2026-08", "--to", "2026-10")
    page = tmp_path.with_name("page.html")
    more = ("--report", str(page), "--history", "0")
    done = preview(str(PROJECT), *span, *more, "--output", str(tmp_path), "--database-url", served.url,
                   EXTRACTS_JDBC_DRIVER=str(driver))  # fmt: skip
    assert done.returncode == 0, done.stderr
    shown = page.read_text()
    assert re.findall(r'<option value="(\d+-\d+)"', shown) == ["2026-10", "2026-09", "2026-08"]
    links = re.findall(r'<td class="file"><a href="([^"]+)"', shown)
    assert {(page.parent / unquote(link)).resolve() for link in links} == set(tmp_path.rglob("*.csv"))
    assert len(list(tmp_path.rglob("*.csv"))) == 9
    assert sorted(path.name for path in tmp_path.rglob("*.json")) == [
        "2026-08.json",
        "2026-09.json",
        "2026-10.json",
    ]


def test_json_has_files_and_control_totals_of_each_month(served: database.Database, tmp_path: Path) -> None:
    given = (str(PROJECT), "--from", "2026-09", "--to", "2026-10", "--history", "0", "--json")
    done = preview(*given, "--output", str(tmp_path), DATABASE_URL=served.url)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert (told["output"], told["report"]) == (str(tmp_path), str(tmp_path / "report.html"))
    assert told["sql"].startswith("WITH ")
    assert told["warnings"] == []
    assert [month["period"] for month in told["periods"]] == ["2026-09", "2026-10"]
    for month in told["periods"]:
        assert month["late_data"] == []
        for file in month["files"]:
            path = Path(file["path"])
            assert path == tmp_path / file["key"]
            content = path.read_bytes()
            assert (file["bytes"], file["sha256"]) == (len(content), sha256(content).hexdigest())
            lines = list(csv.DictReader(io.StringIO(content.decode(), newline="")))
            assert file["rows"] == len(lines)
            totals = file["totals"]["metrics"]["amount_sum"]
            assert totals["count"] == sum(int(line["loans_count"]) for line in lines)
            assert Decimal(totals["sum"]) == sum(
                Decimal(line["amount_sum"]) for line in lines if line["amount_sum"]
            )
        assert month["totals"]["rows"] == sum(file["totals"]["rows"] for file in month["files"])
        assert (month["source"]["rows"], month["orphans"]["rows"]) == (month["totals"]["rows"], 0)


def test_preview_replaces_the_previous_preview(served: database.Database, tmp_path: Path) -> None:
    given = (str(PROJECT), "--output", str(tmp_path), "--history", "0")
    assert preview(*given, "--from", "2026-08", "--to", "2026-09", DATABASE_URL=served.url).returncode == 0
    (tmp_path / "notes.txt").write_text("mine")
    with psycopg.connect(served.url) as connection:
        connection.execute("""insert into "Loans" select 9000002, 1, min("idAccount"), '2026-09-05'
                              from "Account" """)
    done = preview(*given, "--period", "2026-09", "--json", DATABASE_URL=served.url)
    with psycopg.connect(served.url) as connection:
        connection.execute('delete from "Loans" where "idLoan" = 9000002')
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["periods"][0]["revision"] == 1
    assert told["warnings"] == []
    kept = {"notes.txt", "report.html", "2026-09.json", "2026-09.claim", preview_folder.RECORD}
    found = {path.name for path in tmp_path.rglob("*") if path.is_file()}
    assert found - kept == {
        f"{name}_20260930.csv" for name in ("FirstBank", "UbuntuSavingsBank", "KarooCoastBank")
    }
    for file in told["periods"][0]["files"]:
        assert sha256(Path(file["path"]).read_bytes()).hexdigest() == file["sha256"]


def test_failed_preview_has_the_error_message_of_the_engine(
    served: database.Database, tmp_path: Path
) -> None:
    done = preview(str(PROJECT), "--period", "2999-01", "--output", str(tmp_path), DATABASE_URL=served.url)
    assert done.returncode == 1
    assert done.stderr.startswith("✗ 2999-01: ")
    assert done.stderr.endswith(". Nothing was written.\n")
    assert len(done.stderr.splitlines()) == 1
    assert not list(tmp_path.iterdir())


def test_wrong_password_is_not_printed(served: database.Database, tmp_path: Path) -> None:
    url = served.url.replace(served.password, "hunter2-secret")
    done = preview(str(PROJECT), "--period", "2026-10", "--output", str(tmp_path), DATABASE_URL=url)
    assert done.returncode == 1
    assert "hunter2-secret" not in done.stdout + done.stderr


def test_preview_succeeds_with_a_warning_if_it_cannot_read_earlier_months(
    served: database.Database, tmp_path: Path
) -> None:
    more = ("--history", "1")
    with psycopg.connect(served.url) as connection:
        connection.execute('alter table "Loans" alter column "Account_idAccount" drop not null')
        connection.execute('insert into "Loans" values (9000001, 1, null, %s)', ["2026-07-05"])
    done = preview(
        str(PROJECT), "--period", "2026-10", *more, "--output", str(tmp_path), DATABASE_URL=served.url
    )
    with psycopg.connect(served.url) as connection:
        connection.execute('delete from "Loans" where "idLoan" = 9000001')
    assert done.returncode == 0, done.stderr
    assert "no earlier months: 2026-09: 1 of " in done.stdout
    shown = (tmp_path / "report.html").read_text()
    assert "Earlier months are missing: 2026-09: 1 of " in shown
    assert told_as_published(done.stdout + shown) == []


def test_files_are_written_if_the_page_cannot_be_written(served: database.Database, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    page = tmp_path / "file/report.html"
    given = (str(PROJECT), "--output", str(tmp_path / "out"), "--history", "0", "--report", str(page))
    done = preview(*given, DATABASE_URL=served.url)
    assert done.returncode == 1
    assert ": 3 files, " in done.stdout
    assert done.stderr == f"✗ The files are written, but the page {page} is not: File exists.\n"


def test_preview_refuses_a_folder_that_is_shared_or_in_use(served: database.Database, tmp_path: Path) -> None:
    given = (str(PROJECT), "--output", str(tmp_path), "--history", "0")
    with files.private_folder(tmp_path):
        done = preview(*given, DATABASE_URL=served.url)
    assert done.stderr == (
        f"✗ Another process writes to {tmp_path}; wait until it has ended, or choose another folder.\n"
    )
    (tmp_path / "out").mkdir(mode=0o755)
    shared = preview(str(PROJECT), "--output", str(tmp_path / "out"), DATABASE_URL=served.url)
    assert shared.stderr == f"✗ Other users have access to {tmp_path}/out; choose another folder.\n"
    assert [path.name for path in tmp_path.rglob("*")] == ["out"]


################################################################################
# A month that has rows
################################################################################


@pytest.fixture
def loans(served: database.Database) -> Iterator[Callable[[str], None]]:
    """Return a function that changes the loans. At the end, restore the loans."""
    with psycopg.connect(served.url, autocommit=True) as connection:
        connection.execute('create table kept as table "Loans"')

        def loans(statement: str) -> None:
            connection.execute(statement.encode())

        yield loans
        connection.execute('truncate "Loans"; insert into "Loans" table kept; drop table kept')


THIS_MONTH = f"{datetime.now(UTC):%Y-%m}"
LAST_MONTH = f"{store.months_before(datetime.now(UTC).date(), 1):%Y-%m}"


def test_default_month_is_the_newest_month_with_rows(
    served: database.Database, tmp_path: Path, loans: Callable[[str], None]
) -> None:
    loans("""delete from "Loans" where loan_date > '2026-05-31' and "idLoan" <> 1""")
    loans("""update "Loans" set loan_date = '2999-01-01' where "idLoan" = 1""")
    done = preview(str(PROJECT), "--output", str(tmp_path), DATABASE_URL=served.url)
    assert done.returncode == 0, done.stderr
    said = (
        f"no row is from {LAST_MONTH}; the newest earlier row is from 2026-05, so this preview shows 2026-05."
        " To show another month, use --period"
    )
    assert done.stdout.splitlines()[:2] == [said, "Loans for 2026-05"]
    assert said in (tmp_path / "report.html").read_text()
    assert {path.name for path in tmp_path.rglob("*.csv")} == {
        f"{name}_20260531.csv" for name in ("FirstBank", "UbuntuSavingsBank", "KarooCoastBank")
    }
    again = preview(str(PROJECT), "--output", str(tmp_path), "--period", "2026-09", DATABASE_URL=served.url)
    assert (
        "2026-09 is empty: the newest row is from 2026-05; --period 2026-05 shows that month" in again.stdout
    )
    assert "2026-09 is empty" in (tmp_path / "report.html").read_text()


def test_source_that_has_rows_only_in_the_current_month_is_reported(
    served: database.Database, tmp_path: Path, loans: Callable[[str], None]
) -> None:
    loans('update "Loans" set loan_date = current_date')
    given = (str(PROJECT), "--output", str(tmp_path), "--history", "0")
    done = preview(*given, "--json", DATABASE_URL=served.url)
    assert done.returncode == 0, done.stderr
    options = f"--period {THIS_MONTH} --allow-incomplete"
    said = f"{LAST_MONTH} is empty: the newest row is from {THIS_MONTH}; {options} shows that month"
    assert json.loads(done.stdout)["warnings"] == [
        {"event": "newest_row", "period": LAST_MONTH, "message": said}
    ]
    assert preview(*given, *options.split(), DATABASE_URL=served.url).returncode == 0


def test_source_without_rows_is_reported(
    served: database.Database, tmp_path: Path, loans: Callable[[str], None]
) -> None:
    loans('truncate "Loans"')
    done = preview(str(PROJECT), "--output", str(tmp_path), "--history", "0", DATABASE_URL=served.url)
    assert done.returncode == 0, done.stderr
    said = f"{LAST_MONTH} is empty: no row of Loans has a date and passes the filters of the spec"
    assert said in done.stdout


def test_source_with_only_future_rows_is_reported(
    served: database.Database, tmp_path: Path, loans: Callable[[str], None]
) -> None:
    loans("""update "Loans" set loan_date = '2999-01-01'""")
    done = preview(str(PROJECT), "--output", str(tmp_path), "--history", "0", DATABASE_URL=served.url)
    assert f"{LAST_MONTH} is empty: the newest row is from 2999-01, which is in the future" in done.stdout


def test_locked_table_is_reported_after_the_lock_timeout(served: database.Database, tmp_path: Path) -> None:
    given = (str(PROJECT), "--output", str(tmp_path), "--period", "2026-10", "--lock-timeout", "1")
    with psycopg.connect(served.url) as connection:
        connection.execute('lock table "Loans" in access exclusive mode')
        done = preview(*given, DATABASE_URL=served.url)
    assert done.returncode == 1
    assert done.stderr.endswith("or with a longer --lock-timeout. Nothing was written.\n")


def test_every_aggregate_can_be_previewed(served: database.Database, tmp_path: Path) -> None:
    """This test prevents an old error: the page failed with a KeyError for the median."""
    project, output = tmp_path / "project", tmp_path / "out"
    shutil.copytree(PROJECT / "Glue", project / "Glue")
    script = project / "Glue/etl.py"
    names = [*rolling_spec_check.AGGREGATES, "p1", "p99"]
    lines = "".join(f'        "m_{name}": Metric("{name}", "Amount", window=2),\n' for name in names)
    text = re.sub(
        r"metrics=\{\n.*?\n    \}", lambda _: f"metrics={{\n{lines}    }}", script.read_text(), flags=re.S
    )
    script.write_text(text)
    done = preview(str(project), "--period", "2026-10", "--output", str(output), DATABASE_URL=served.url)
    assert done.returncode == 0, done.stderr
    header = next(output.rglob("FirstBank_*.csv")).read_text().splitlines()[0].split(",")
    assert header[-len(names) :] == [f"m_{name}" for name in names]
    shown = (output / "report.html").read_text()
    assert all(f"m_{name}" in shown for name in names)
