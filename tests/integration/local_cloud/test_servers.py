"""The servers of the local cloud: who may do what, and what they leave behind."""

from __future__ import annotations

import os
from pathlib import Path

import psycopg
import pytest
from botocore.exceptions import ClientError

from local_cloud import aws, database, processes
from tests.support.emulator.common import as_role, role


def test_role_may_do_only_what_its_policy_allows(cloud: aws.Cloud) -> None:
    listing = {"Effect": "Allow", "Action": "glue:GetDatabases", "Resource": "*"}
    glue = as_role(cloud, role(cloud, listing), "glue")
    glue.get_databases()
    with pytest.raises(ClientError, match="not authorized to perform: glue:GetConnections"):
        glue.get_connections()


def test_database_accepts_only_its_login_and_leaves_no_data(tmp_path: Path) -> None:
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
