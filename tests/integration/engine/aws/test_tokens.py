"""The job logs in with an IAM token instead of a password."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import pytest
from botocore.auth import SigV4QueryAuth

import rolling_database
import rolling_extract
from tests.support.bank import NOW, Engine, Store
from tests.support.engine.account import Account, TokenUser


@pytest.fixture
def token_user(account: Account, store: Store, monkeypatch: pytest.MonkeyPatch) -> Iterator[TokenUser]:
    """A user of the source. The password is a token that is created at a fixed time.

    The local PostgreSQL cannot ask IAM, so it accepts only this token. A token depends on the time of its
    signature, so the test sets this time.
    """
    user = TokenUser(f"token_{store.schema}", store, account)
    sign = SigV4QueryAuth.add_auth

    def sign_at_that_moment(auth: SigV4QueryAuth, request: object) -> None:
        with monkeypatch.context() as standing:
            standing.setattr("botocore.auth.get_current_datetime", lambda *_, **__: user.clock)
            sign(auth, request)

    monkeypatch.setattr(SigV4QueryAuth, "add_auth", sign_at_that_moment)
    user.accept()
    store.sql(f"GRANT USAGE ON SCHEMA {store.schema} TO {user.name}")
    store.sql(f"GRANT SELECT ON ALL TABLES IN SCHEMA {store.schema} TO {user.name}")
    yield user
    store.sql(f"DROP OWNED BY {user.name}")
    store.sql(f"DROP ROLE {user.name}")


def test_job_logs_in_with_a_token_and_verifies_the_server(
    account: Account, token_user: TokenUser, store: Store, engine: Engine
) -> None:
    store.branch()
    account.tls(account.server.authority.read_bytes())
    delivered = engine(*token_user.arguments, "--ca-certificate", account.certificate)
    assert delivered.message.startswith("2026-10: published")
    assert "tls_unverified" not in [line["event"] for line in delivered.log]


def test_login_with_a_token_uses_tls_and_logs_a_warning_if_no_ca_certificate_is_given(
    token_user: TokenUser, store: Store, engine: Engine
) -> None:
    store.branch()
    delivered = engine(*token_user.arguments)
    [warning] = [line for line in delivered.log if line["event"] == "tls_unverified"]
    assert warning["message"] == (
        "--jdbc-url uses TLS without --ca-certificate: the certificate of the server is not verified"
    )


def test_refused_token_is_replaced_by_a_new_token(
    token_user: TokenUser, store: Store, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.branch()
    token_user.clock = datetime(2026, 11, 1, 0, 2)  # the server accepts only the token of 00:01
    made = rolling_database.from_token
    moments = iter([token_user.clock, datetime(2026, 11, 1, 0, 1)])

    def later(*given: Any) -> rolling_database.Database:
        token_user.clock = next(moments)
        return made(*given)

    monkeypatch.setattr(rolling_database, "from_token", later)
    delivered = engine(*token_user.arguments)
    [retried] = [line for line in delivered.log if line["event"] == "login_retried"]
    assert retried["message"] == "the login was refused; logging in again: with another token"


def test_every_login_creates_a_new_token(token_user: TokenUser) -> None:
    database = rolling_database.from_token(token_user.url, token_user.name, None)
    token_user.clock = datetime(2026, 11, 1, 0, 15)
    assert database.fresh().properties["password"] == token_user.token()
    assert database.fresh().properties["password"] != database.properties["password"]


def test_signature_of_a_refused_token_is_neither_in_the_error_nor_in_the_log(
    token_user: TokenUser, engine: Engine
) -> None:
    token_user.clock = datetime(2026, 11, 1, 0, 2)
    sentence = engine.refusal(*token_user.arguments)
    assert sentence.endswith(
        f"check the right rds-db:connect of the job's role, and whether"
        f' "{token_user.name}" has the role rds_iam. Nothing was published.'
    )
    said = sentence + json.dumps(engine.log)
    assert "X-Amz-Signature" not in said.replace("X-Amz-Signature=***", "")


@pytest.mark.parametrize("url", ["postgresql://h/d", "jdbc:postgresql://h", "jdbc:postgresql:///d"])
def test_invalid_jdbc_url_is_refused(account: Account, engine: Engine, url: str) -> None:
    given = ["--jdbc-url", url, "--iam-user", "u", "--output", "o"]
    with pytest.raises(SystemExit) as end:
        rolling_extract.run(engine.spec, given, now=NOW)
    assert "--jdbc-url must be jdbc:postgresql://host:5432/name" in str(end.value.code)
