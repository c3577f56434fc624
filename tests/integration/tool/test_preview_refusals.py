"""`extracts preview` refuses a project before it connects to the database."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from tests.support.tool import preview

PROJECT = Path(__file__).parents[3] / "examples/bank-loans"


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ("oops(", "fails: SyntaxError: '(' was never closed (etl.py, line 1)"),
        ("import nothing_like_it", "fails: ModuleNotFoundError: No module named 'nothing_like_it'"),
        ("print('{}')", "does not define EXTRACT"),
        ("EXTRACT = 1", "does not run EXTRACT; its last line must be run(EXTRACT)"),
    ],
)
def test_error_for_an_invalid_spec_names_the_file(spec: str, said: str, tmp_path: Path) -> None:
    script = tmp_path / "project/Glue/etl.py"
    script.parent.mkdir(parents=True)
    script.write_text(spec)
    url = "postgresql://me@127.0.0.1:1/store"
    done = preview(str(tmp_path / "project"), "--output", str(tmp_path / "out"), DATABASE_URL=url)
    assert done.returncode == 1
    assert done.stderr == f"✗ {script} {said}.\n"


def test_unknown_time_zone_is_reported_by_the_engine(tmp_path: Path) -> None:
    shutil.copytree(PROJECT / "Glue", tmp_path / "project/Glue")
    script = tmp_path / "project/Glue/etl.py"
    script.write_text(re.sub(r'time_zone="[^"]*"', 'time_zone="Nowhere"', script.read_text()))
    done = preview(str(tmp_path / "project"), "--database-url", "postgresql://me@127.0.0.1:1/store")
    assert done.returncode == 1
    assert done.stderr == (
        '✗ there is no time zone "Nowhere"; time_zone must be a name such as "Etc/GMT" or "Europe/Paris".'
        " Nothing was written.\n"
    )


def test_folder_without_a_project_is_refused(tmp_path: Path) -> None:
    done = preview(
        str(tmp_path), "--output", str(tmp_path / "out"), DATABASE_URL="postgresql://x@localhost/x"
    )
    assert done.stderr == f"✗ {tmp_path} is not an extract project: {tmp_path}/Glue/etl.py does not exist.\n"
    assert done.returncode == 1
