"""Spark on a laptop: other users of the machine can use neither its ports nor its files."""

from __future__ import annotations

import os
import socket
import stat
import struct
import subprocess
import sys
from pathlib import Path

import pytest

import rolling_extract
from extracts import programs, spark

# The program prints the two ports and a folder of Spark, and ends when its stdin is closed.
PROGRAM = """
import sys, rolling_jdbc
environment = rolling_jdbc.spark_context()._jvm.org.apache.spark.SparkEnv.get()
for place in (environment.rpcEnv().address(), environment.blockManager().blockManagerId()):
    print("port", place.host(), place.port(), flush=True)
print("port", *environment.blockManager().diskBlockManager().localDirsString(), flush=True)
sys.stdin.read()
"""


def answer(host: str, port: int) -> bytes:
    """Send a request without a secret, and return the answer."""
    body = b"no Java object"
    request = struct.pack(">BqI", 3, 1, len(body)) + body  # message type, request number, body length
    with socket.create_connection((host, port), timeout=20) as stranger:
        stranger.sendall(struct.pack(">Q", 8 + len(request)) + request)
        return stranger.recv(65536)


@pytest.mark.parametrize("way", ["python Glue/etl.py", "extracts preview"])
def test_other_users_of_the_machine_cannot_use_the_ports_and_files_of_spark(way: str, tmp_path: Path) -> None:
    """If other users could connect to Spark, they could read rows and the password of the source."""
    libraries = Path(rolling_extract.__file__).parent
    variables = {name: value for name, value in os.environ.items() if "SPARK" not in name}
    variables |= {
        "TMPDIR": str(tmp_path),
        "JAVA_HOME": str(programs.java_home()),
        "PYTHONPATH": str(libraries),
    }
    if way == "extracts preview":
        variables |= spark.environment(libraries)
    command = [sys.executable, "-c", PROGRAM]
    with subprocess.Popen(
        command,
        env=variables,
        cwd=tmp_path,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as started:
        assert started.stdin is not None
        assert started.stdout is not None
        lines = (line.split() for line in started.stdout)
        *ports, (_, blocks) = (next(line for line in lines if line[:1] == ["port"]) for _ in range(3))
        folders = [Path(blocks), *Path(blocks).parents]
        modes = {folder: stat.S_IMODE(folder.stat().st_mode) for folder in folders}
        answers = [answer(host, int(port)) for _, host, port in ports]
        started.stdin.close()
    own = [folder for folder in folders if tmp_path in folder.parents]
    assert any(modes[folder] == 0o700 for folder in own)
    assert not any(folder.exists() for folder in own)
    assert {host for _, host, _ in ports} == {"127.0.0.1"}
    assert [found for found in answers if b"Expected SaslMessage" not in found] == []


# The notebook registers a function with atexit that counts rows, and then calls the engine. At its exit,
# Python calls the registered functions in reverse order. So if the engine also registered a function that
# stops Spark, Spark would stop before the notebook counts the rows.
NOTEBOOK = """
import atexit
from pyspark import SparkContext
context = SparkContext.getOrCreate()
atexit.register(lambda: print("rows", context.parallelize([1, 2]).count()))
import rolling_jdbc
assert rolling_jdbc.spark_context() is context
"""


def ended(program: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run a Python program that uses Spark. Its working folder is `folder`."""
    libraries = Path(rolling_extract.__file__).parent
    return subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, **spark.environment(libraries), "TMPDIR": str(folder)},
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )


def test_engine_does_not_stop_the_spark_context_that_a_notebook_created(tmp_path: Path) -> None:
    done = ended(NOTEBOOK, tmp_path)
    assert done.stdout.splitlines()[-1:] == ["rows 2"], done.stderr


# The threads use Java all the time, as PySpark does in its own threads, for example to delete Java objects.
BUSY = """
import threading
import time
from contextlib import suppress
import rolling_jdbc
from py4j.protocol import Py4JError
context = rolling_jdbc.spark_context()
def use_java():
    with suppress(Py4JError, OSError):  # they say that Java has ended
        while True:
            context._jvm.System.nanoTime()
for _ in range(3):
    threading.Thread(target=use_java, daemon=True).start()
time.sleep(0.5)
"""


def test_program_ends_without_a_traceback_while_its_threads_use_java(tmp_path: Path) -> None:
    """Users must not see a Python traceback after the error message of a failed run."""
    done = ended(BUSY, tmp_path)
    assert done.returncode == 0
    assert "Traceback" not in done.stderr
    assert "Py4J" not in done.stderr
