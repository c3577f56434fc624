"""If the login of `extracts doctor` is not the login of the job, doctor runs no code of a table's owner."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from extracts.doctor import source
from extracts.doctor.check import Check
from extracts.doctor.project import Values

SPEC = """
from rolling_extract import Extract, Metric
EXTRACT = Extract(
    entity="Loans", date_column="day", recipient={"bank": "Loans.bank"}, time_zone="Etc/GMT",
    metrics={"amount": Metric("sum", "Amount + 1")}, group_by={"branch": "Loans.branch"},
)
"""
# The function belongs to the owner of the table. PostgreSQL runs it when it plans a query on the table.
# SET LOCAL ROLE does not protect a stronger login, because the function can set the role back.
OWNED = """
create role {name}_reader login password 'x';
create function may_run(int) returns boolean immutable return true;
{table};
create or replace function may_run(int) returns boolean immutable language plpgsql as $$
begin
  perform set_config('role', 'none', true);
  if current_user <> '{name}_reader' then raise exception 'code of the owner runs as %', current_user; end if;
  return true;
end $$;
grant select on "Loans" to {name}_reader
"""
COLUMNS = '(bank text, branch text, day date, "Amount" int)'
TABLES = {
    "index": f'create table "Loans" {COLUMNS}; create index on "Loans" ((may_run(1)))',
    "view": f'create table base {COLUMNS}; create view "Loans" as select * from base where may_run(1)',
}


@pytest.fixture(params=TABLES, scope="module")
def owned(request: pytest.FixtureRequest, made: Callable[[str, str], str]) -> tuple[str, str]:
    """A superuser's URL and the name of the job's role. The table of the database runs code of its owner."""
    name = f"owned_{request.param}"
    return made(name, OWNED.format(name=name, table=TABLES[request.param])), f"{name}_reader"


@pytest.fixture
def examined(tmp_path: Path) -> Callable[[str, str], dict[str, Check]]:
    """Return a function that connects to a URL, checks the source, and returns the checks, keyed by name."""
    (tmp_path / "Glue").mkdir()
    (tmp_path / "Glue/etl.py").write_text(SPEC)

    def examined(url: str, role: str) -> dict[str, Check]:
        return {check.name: check for check in source.checks(tmp_path, url, role, Values())}

    return examined


def test_doctor_reads_only_the_catalog_if_its_login_is_not_the_login_of_the_job(
    owned: tuple[str, str], examined: Callable[[str, str], dict[str, Check]]
) -> None:
    url, role = owned
    found = examined(url, role)
    assert found["rights"].text == f"{role} has the right to read Loans"
    assert found["resolved spec"].state == "ok", found["resolved spec"].text
    assert found["expressions"].state == "skipped"
    assert f"the login {role} of the job" in found["expressions"].text


def test_doctor_checks_the_expressions_if_its_login_is_the_login_of_the_job(
    owned: tuple[str, str], examined: Callable[[str, str], dict[str, Check]], tmp_path: Path
) -> None:
    url, role = owned
    login = re.sub(r"//[^@]*@", f"//{role}:x@", url)
    found = examined(login, role)
    assert found["resolved spec"].state == "ok", found["resolved spec"].text
    assert "expressions" not in found
    (tmp_path / "Glue/etl.py").write_text(SPEC.replace("Amount + 1", "left(branch) + 1"))
    assert examined(login, role)["resolved spec"].state == "failed"
