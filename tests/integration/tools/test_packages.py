"""The wheel and the source distribution: their content, and their use in an empty virtual environment."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import tarfile
import venv
import zipfile
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import pytest

import extracts
from extracts import programs
from local_cloud import database
from local_cloud.demo import store
from tests.support.oracle import oracle

ROOT = Path(__file__).parents[3]
MAIL = ("--alert-email", "data-team@example.com")


def committed(folder: str) -> set[str]:
    """Return the files of a folder that git tracks. Git ignores files that Terraform and Python create."""
    listed = subprocess.run(
        ["git", "-C", str(ROOT), "ls-files", "-z", folder], capture_output=True, text=True, check=True
    )
    return {name for name in listed.stdout.split("\0") if name and (ROOT / name).is_file()}


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the source distribution, and then the wheel from it, in the same way as a release."""
    folder = tmp_path_factory.mktemp("dist")
    build = [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(folder), str(ROOT)]
    done = subprocess.run(build, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


def test_distributions_contain_templates_and_modules_but_no_generated_files(built: Path) -> None:
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


@dataclass(frozen=True)
class Installed:
    """The installed wheel without its extras. Its PATH has no Java and no other programs."""

    folder: Path
    size: int  # size of the tool and its dependencies in bytes
    seconds: float  # processor time of the installation

    def run(self, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
        """Run the tool in a separate folder, so that Python does not import from the checkout."""
        return subprocess.run(
            [str(self.folder / "venv/bin/extracts"), *arguments],
            cwd=self.folder,
            env={
                "PATH": str(self.folder / "venv/bin"),
                "HOME": str(self.folder),
                "EXTRACTS_TERRAFORM": str(programs.terraform().path),
                **variables,
            },
            capture_output=True,
            text=True,
            check=False,
        )


def size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def processor() -> float:
    """Return the processor time of all ended child processes in seconds.

    Other processes on this machine do not increase the processor time.
    """
    taken = resource.getrusage(resource.RUSAGE_CHILDREN)
    return taken.ru_utime + taken.ru_stime


@pytest.fixture(scope="module")
def installed(built: Path, tmp_path_factory: pytest.TempPathFactory) -> Installed:
    folder = tmp_path_factory.mktemp("plain")
    venv.create(folder / "venv", with_pip=True, symlinks=True)
    empty, began = size(folder / "venv"), processor()
    pip = [str(folder / "venv/bin/python"), "-m", "pip", "install", "--quiet"]
    # Without this variable, Python writes byte code, as on the machine of a user, and the size
    # includes the byte code.
    variables = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    done = subprocess.run(
        [*pip, str(next(built.glob("*.whl")))], capture_output=True, text=True, check=False, env=variables
    )
    assert done.returncode == 0, done.stderr
    return Installed(folder, size(folder / "venv") - empty, processor() - began)


def test_preview_runs_if_the_wheel_is_installed_without_extras(
    installed: Installed, tmp_path_factory: pytest.TempPathFactory
) -> None:
    rows = store.generate(date(2026, 10, 1), loans=6_000)
    with database.serve(tmp_path_factory.mktemp("source")) as served:
        store.load(served.url, rows, "unused")
        began = processor()
        source = ("--database-url", served.url)
        looked = installed.run("inspect", *source)
        assert (looked.returncode, looked.stderr) == (0, "")
        assert "Loans" in looked.stdout
        given = ("--entity", "Loans", "--metric", "Amount", "--project-slug", "first", *MAIL, "--no-input")
        made = installed.run("new", *source, *given)
        assert (made.returncode, made.stderr) == (0, "")
        before = processor()
        shown = installed.run("preview", "first", *source, "--period", "2026-10")
        assert (shown.returncode, shown.stderr) == (0, "")
        preview, seconds = processor() - before, installed.seconds + processor() - began
    files = {path.name: path.read_bytes() for path in (installed.folder / "first/preview").rglob("*.csv")}
    assert files["FirstBank_20261031.csv"] == oracle(rows, "First Bank")
    assert len(files) == 3
    assert (installed.folder / "first/preview/report.html").is_file()
    print(f"{installed.size / 1e6:.0f} MB; {preview:.1f} s of {seconds:.1f} s were the preview")
    assert installed.size < 45e6, "the README states 40 MB"
    assert seconds < 15, "the README states about ten seconds"
    assert preview < 2


def test_tool_from_the_wheel_writes_the_same_etl_script_as_in_the_committed_example(
    installed: Installed,
) -> None:
    done = installed.run("new", "--no-input", *MAIL, "--output-dir", "made")
    assert done.returncode == 0, done.stderr
    made = installed.folder / "made/bank-loans"
    example = ROOT / "examples/bank-loans"
    assert (made / "Glue/etl.py").read_bytes() == (example / "Glue/etl.py").read_bytes()
    assert not [*made.rglob("__pycache__")]
    assert "?ref=v" in (made / "Terraform/main.tf").read_text()
    assert installed.run("--version").stdout == f"{extracts.__version__}\n"


def test_error_about_a_missing_package_contains_the_install_command(installed: Installed) -> None:
    address = "git+https://github.com/terraform-aws-extracts/terraform-aws-extracts"

    def command(extra: str) -> str:
        return f'pip install "terraform-aws-extracts[{extra}] @ {address}@v{extracts.__version__}"'

    made = installed.run("new", "--no-input", *MAIL, "--project-slug", "in-spark")
    assert made.returncode == 0, made.stderr
    script = installed.folder / "in-spark/Glue/etl.py"
    script.write_text(
        script.read_text().replace("EXTRACT = Extract(", 'EXTRACT = Extract(\n    aggregate_in="spark",')
    )
    url = "postgresql://reader@127.0.0.1:1/store"
    shown = installed.run("preview", "in-spark", "--period", "2026-10", "--database-url", url)
    said = "✗ {} is not installed, and this command needs it; run: {}\n"
    assert (shown.returncode, shown.stderr) == (1, said.format("pyspark", command("spark")))
    run = installed.run("run", "in-spark")
    assert (run.returncode, run.stderr) == (1, said.format("boto3", command("aws")))
    doctor = installed.run("doctor")
    [line] = [line for line in doctor.stderr.splitlines() if "pip install" in line]
    assert line.startswith("✗ boto3 ")
    assert line.endswith(f" → {command('aws')}")
    [line] = [line for line in doctor.stdout.splitlines() if "pip install" in line]
    assert line.startswith("· Spark ")
    assert line.endswith(command("spark"))
