"""The wheel and the source distribution: their content, and their use in an empty environment."""

from __future__ import annotations

import re
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

import extracts

ROOT = Path(__file__).parents[3]


def committed(folder: str) -> set[str]:
    """Return the files of a folder that git tracks, without those that Terraform or Python created."""
    listed = subprocess.run(
        ["git", "-C", str(ROOT), "ls-files", "-z", folder], capture_output=True, text=True, check=True
    )
    return {name for name in listed.stdout.split("\0") if name and (ROOT / name).is_file()}


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the source distribution, and the wheel from it, as a release does."""
    folder = tmp_path_factory.mktemp("dist")
    build = [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(folder), str(ROOT)]
    done = subprocess.run(build, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


def test_distributions_contain_template_and_modules_and_no_generated_files(built: Path) -> None:
    with zipfile.ZipFile(next(built.glob("*.whl"))) as wheel:
        names = set(wheel.namelist())
    for folder in ("templates", "modules"):
        inside = {
            name.removeprefix("extracts/_") for name in names if name.startswith(f"extracts/_{folder}/")
        }
        assert inside == committed(folder)
    assert {name for name in names if name.startswith("extracts/page/")} == {
        name.removeprefix("generator/") for name in committed("generator/extracts/page")
    }
    assert not any(name.startswith("local_cloud") for name in names)
    with tarfile.open(next(built.glob("*.tar.gz"))) as source:
        unpacked = {name.partition("/")[2] for name in source.getnames() if source.getmember(name).isfile()}
    assert not any(name.startswith("local_cloud") for name in unpacked)
    for folder in ("templates", "modules", "generator"):
        assert {name for name in unpacked if name.startswith(f"{folder}/")} == committed(folder)


def test_wheel_creates_a_project_in_an_empty_environment(built: Path, tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-m", "venv", str(tmp_path / "venv")], check=True, capture_output=True)
    binary = tmp_path / "venv/bin"
    install = [str(binary / "python"), "-m", "pip", "install", "--quiet", str(next(built.glob("*.whl")))]
    done = subprocess.run(install, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    # The working directory is another folder, so that Python does not import from the checkout.
    new = [str(binary / "extracts"), "new", "--no-input", "--output-dir", "made"]
    new += ["--alert-email", "data-team@example.com"]
    done = subprocess.run(new, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    made = {p.relative_to(tmp_path / "made/bank-loans").as_posix(): p for p in (tmp_path / "made").rglob("*")}
    example = ROOT / "examples/bank-loans"
    assert made["Glue/etl.py"].read_bytes() == (example / "Glue/etl.py").read_bytes()
    assert "?ref=v" in made["Terraform/main.tf"].read_text()
    version = subprocess.run(
        [str(binary / "extracts"), "--version"], capture_output=True, text=True, check=True
    )
    assert version.stdout == f"{extracts.__version__}\n"
    # The message about a missing part names the command that installs it.
    url, project = "postgresql://reader@127.0.0.1:1/store", "made/bank-loans"
    for command in (["inspect", "--database-url", url],
                    ["preview", project, "--output", "out", "--database-url", url]):  # fmt: skip
        done = subprocess.run(
            [str(binary / "extracts"), *command], cwd=tmp_path, capture_output=True, text=True, check=False
        )
        assert done.returncode == 1
        assert re.fullmatch(r"✗ This command needs (\w+, )*\w+; run: pip install .+\n", done.stderr)
    doctor = subprocess.run([str(binary / "extracts"), "doctor"], capture_output=True, text=True, check=False)
    [line] = [line for line in doctor.stderr.splitlines() if "pip install" in line]
    assert line.endswith(
        'account need them → pip install "terraform-aws-extracts[local] @'
        " git+https://github.com/terraform-aws-extracts/terraform-aws-extracts"
        f'@v{extracts.__version__}"'
    )
