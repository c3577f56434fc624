"""The module glue-extract uploads a wheel that contains no code."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

from tools import empty_wheel


def test_committed_wheel_equals_the_output_of_the_tool() -> None:
    assert empty_wheel.PATH.read_bytes() == empty_wheel.content()


def test_pip_installs_the_empty_wheel_without_a_package_index(tmp_path: Path) -> None:
    pip = [sys.executable, "-m", "pip", "install", "--no-index", "--disable-pip-version-check"]
    subprocess.run([*pip, "--quiet", "--target", str(tmp_path), str(empty_wheel.PATH)], check=True)
    assert [path.name for path in tmp_path.iterdir()] == ["extract_without_packages-1.0.dist-info"]


def test_wheel_is_a_zip_file_without_classes_so_that_java_accepts_it_as_a_jar() -> None:
    with zipfile.ZipFile(empty_wheel.PATH) as archive:
        assert archive.testzip() is None
        assert {name.split("/")[0] for name in archive.namelist()} == {
            "extract_without_packages-1.0.dist-info"
        }
