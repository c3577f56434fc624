"""Money columns in a database whose `lc_monetary` does not have two digits after the point.

PostgreSQL stores money as a whole number, and `lc_monetary` defines the place of the decimal point. If a
reader and a writer have different `lc_monetary`, every value can be wrong by a power of ten.
"""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest
from psycopg import sql

from local_cloud import database
from tests.support.bank import Engine, Store

LOCALES = {"ja_JP.utf8": 0, "ar_KW.utf8": 3}  # locale: number of digits of a money value after the point
SOURCES = Path("/usr/share/i18n/locales")

pytestmark = pytest.mark.skipif(
    shutil.which("localedef") is None or not all((SOURCES / name[:5]).exists() for name in LOCALES),
    reason="locales are compiled by localedef, from the Debian package locales",
)


@pytest.fixture(scope="module")
def abroad(tmp_path_factory: pytest.TempPathFactory) -> Iterator[database.Database]:
    """A database server with the locales of `LOCALES`, even if the machine does not have these locales."""
    with tempfile.TemporaryDirectory(prefix="locales-") as made:
        folder = Path(made)
        folder.chmod(0o755)  # the server may run as another user and must read the folder
        for name in LOCALES:
            language = name[:5]
            command = ["localedef", "--no-archive", "-i", language, "-f", "UTF-8", str(folder / name)]
            subprocess.run(command, check=True)
        with database.serve(tmp_path_factory.mktemp("abroad"), locales=folder) as served:
            yield served


@pytest.fixture(params=LOCALES)
def priced(request: pytest.FixtureRequest, abroad: database.Database, engine: Engine) -> Iterator[Engine]:
    """The engine with a source in one of the locales. The source has one loan of 1000."""
    locale, name = request.param, f"digits_{LOCALES[request.param]}"
    with psycopg.connect(abroad.url, autocommit=True) as owner:
        owner.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        setting = sql.SQL("ALTER DATABASE {} SET lc_monetary = {}")
        owner.execute(setting.format(sql.Identifier(name), sql.Literal(locale)))
    url = replace(abroad, name=name).url
    with psycopg.connect(url, autocommit=True) as connection:
        store = Store(connection, "public", url)
        store.create(amount="money")
        store.loan(store.branch(key=7), "2026-10-01", "1000")
        yield replace(engine, store=store)
    with psycopg.connect(abroad.url, autocommit=True) as owner:
        owner.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


def test_money_column_without_two_digits_after_the_point_is_refused(
    priced: Engine, request: pytest.FixtureRequest
) -> None:
    locale = request.node.callspec.params["priced"]
    assert priced.refusal("2026-10") == (
        f'2026-10: Amount has the type money, and lc_monetary "{locale}" of the database gives it'
        f" {LOCALES[locale]} digits after the point instead of 2; use a view that casts the column to"
        " numeric. Nothing was published."
    )


@pytest.mark.parametrize("way", ["database", "spark"])
def test_money_column_that_a_view_casts_to_numeric_is_published_correctly(priced: Engine, way: str) -> None:
    """The error message for a money column proposes a view that casts the column to numeric.

    The result of the cast depends on lc_monetary of the engine's session.
    """
    priced.store.sql(
        """ALTER TABLE "Loans" RENAME TO priced;
        CREATE VIEW "Loans" AS
          SELECT "idLoan", "Amount"::numeric AS "Amount", "Account_idAccount", loan_date FROM priced"""
    )
    assert priced("2026-10", aggregate_in=way).figures("Alpha") == {"7": "1000.00"}
