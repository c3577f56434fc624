"""The job verifies the certificate of the database."""

from __future__ import annotations

import pytest

import rolling_database
from local_cloud import database
from tests.support.bank import Engine, Store
from tests.support.engine.account import Account, authority


def test_server_certificate_is_accepted_if_the_given_authority_signed_it(
    account: Account, store: Store, engine: Engine
) -> None:
    store.branch()
    account.tls(account.server.authority.read_bytes())
    assert engine(*account.arguments).message.startswith("2026-10: published")


def test_server_certificate_is_accepted_if_one_of_121_given_authorities_signed_it(
    account: Account, store: Store, engine: Engine
) -> None:
    """The certificate bundle of RDS has about 120 authorities.

    PostgreSQL's JDBC driver reads only the first authority in a file, so the engine selects the right one.
    """
    store.branch()
    others = [authority(f"authority {number}") for number in range(120)]
    account.tls(
        b"# global bundle\n".join([*others[:70], account.server.authority.read_bytes(), *others[70:]])
    )
    assert engine(*account.arguments).message.startswith("2026-10: published")


@pytest.mark.parametrize("number", [1, 3])
def test_server_certificate_is_refused_if_no_given_authority_signed_it(
    account: Account, engine: Engine, number: int
) -> None:
    account.tls(b"".join(authority(f"authority {n}") for n in range(number)))
    those = "the authority" if number == 1 else "any of the 3 authorities"
    assert engine.refusal(*account.arguments) == (
        f"2026-10: the certificate of the database at {account.place} was not signed by {those} in"
        f" {account.certificate}. Nothing was published."
    )
    assert engine.log[-1]["kind"] == "tls"


def test_server_certificate_is_refused_if_it_does_not_contain_the_host(
    account: Account, engine: Engine
) -> None:
    # The name 127.1 stands for the same address as 127.0.0.1, but the certificate does not contain it.
    alias = account.place.replace("127.0.0.1", "127.1")
    account.tls(account.server.authority.read_bytes(), f"jdbc:postgresql://{alias}")
    assert engine.refusal(*account.arguments) == (
        f"2026-10: the certificate of the database at {alias} is not valid for the host 127.1."
        " Nothing was published."
    )


def test_server_without_tls_is_refused(
    account: Account, engine: Engine, tmp_path_factory: pytest.TempPathFactory
) -> None:
    with database.serve(tmp_path_factory.mktemp("plain"), settings={"ssl": "off"}) as plain:
        place = f"127.0.0.1:{plain.port}"
        account.tls(plain.authority.read_bytes(), f"jdbc:postgresql://{place}/store")
        assert engine.refusal(*account.arguments) == (
            f"2026-10: the database at {place} does not support TLS; set ssl = on. Nothing was published."
        )


def test_jdbc_driver_verifies_host_and_authority_without_the_check_of_the_engine(
    account: Account, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Spark opens its connections in other processes, so the check of the engine does not protect them."""
    monkeypatch.setattr(rolling_database, "_authority", lambda url, blocks, source: blocks[0])
    alias = account.place.replace("127.0.0.1", "127.1")
    account.tls(account.server.authority.read_bytes(), f"jdbc:postgresql://{alias}")
    assert "could not be verified" in engine.refusal(*account.arguments)
    account.tls(authority("another authority"))
    sentence = engine.refusal(*account.arguments)
    assert sentence.startswith("2026-10: cannot reach the database at 127.0.0.1:")
    assert "SSL error" in sentence


def test_file_without_a_valid_certificate_is_refused(account: Account, engine: Engine) -> None:
    account.tls(b"hello")
    assert f"{account.certificate} has no certificate in PEM format" in engine.refusal(*account.arguments)
    account.tls(b"-----BEGIN CERTIFICATE-----\nhello\n-----END CERTIFICATE-----\n")
    assert f"a certificate in {account.certificate} cannot be read" in engine.refusal(*account.arguments)


def test_unreachable_server_is_reported_before_spark_starts(account: Account, engine: Engine) -> None:
    account.tls(account.server.authority.read_bytes(), "jdbc:postgresql://127.0.0.1:1/store")
    assert engine.refusal(*account.arguments).startswith(
        "2026-10: cannot reach the database at 127.0.0.1:1/store: check host, port, security groups and TLS"
    )


def test_tls_without_a_ca_certificate_logs_a_warning(account: Account, store: Store, engine: Engine) -> None:
    store.branch()
    account.connection({"SECRET_ID": account.name, "JDBC_ENFORCE_SSL": "true"})
    delivered = engine(*account.arguments)
    [warning] = [line for line in delivered.log if line["level"] == "warning"]
    assert warning["event"] == "tls_unverified"
