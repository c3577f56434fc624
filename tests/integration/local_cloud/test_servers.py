"""The servers of the local cloud: the rights of their users, and what remains after they end."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest
from botocore.exceptions import ClientError

from local_cloud import aws, database, processes
from tests.support.emulator.common import as_role, role
from tests.support.processes import alive, descendants
from tests.support.waiting import until

SERVES = """
import sys, time
from pathlib import Path
from local_cloud import aws, database
with aws.serve(Path(sys.argv[1], "aws")), database.serve(Path(sys.argv[1], "database")):
    print("serving", flush=True)
    time.sleep(600)
"""


def test_role_has_only_the_rights_of_its_policy(cloud: aws.Cloud) -> None:
    listing = {"Effect": "Allow", "Action": "glue:GetDatabases", "Resource": "*"}
    glue = as_role(cloud, role(cloud, listing), "glue")
    glue.get_databases()
    with pytest.raises(ClientError, match="not authorized to perform: glue:GetConnections"):
        glue.get_connections()


def test_database_server_accepts_only_its_password_and_deletes_its_data_when_it_ends(tmp_path: Path) -> None:
    with database.serve(tmp_path, settings={"work_mem": "5MB"}) as served:
        with psycopg.connect(served.url) as connection:
            assert connection.execute("show work_mem").fetchone() == ("5MB",)
        with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
            psycopg.connect(served.url.replace(served.password, "another"))
        assert (served.home / "data/postmaster.pid").read_text().splitlines()[0] == str(served.pid)
    assert not served.home.exists()
    assert not processes.answers(served.port)
    with pytest.raises(ProcessLookupError):
        os.kill(served.pid, 0)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a process that its parent ended")
def test_servers_end_when_the_process_that_started_them_is_killed(tmp_path: Path) -> None:
    paths = os.pathsep.join(path for path in sys.path if path)
    with subprocess.Popen(
        [sys.executable, "-c", SERVES, str(tmp_path)],
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": paths},
    ) as process:
        assert process.stdout
        assert process.stdout.readline() == "serving\n"
        started = descendants(process.pid)
        assert len(started) >= 2
        process.kill()
    until(lambda: not any(map(alive, started)))
