"""The engine parses the URL of the source correctly, or refuses the URL in one sentence."""

from __future__ import annotations

import pytest

from rolling_database import address_of, from_url
from rolling_errors import ExtractError

WRITTEN = "--database-url must be postgresql://host:port/name, with user:password and @ before the host"


@pytest.mark.parametrize(
    ("url", "message"),
    [
        (
            "postgresql://reader:p[ss@host/db",
            f"{WRITTEN}; write special characters of user and password as %XX",
        ),
        ("postgresql://reader@host:99999/db", f"{WRITTEN}; write special characters"),
        ("postgresql://reader@h1:5432,h2:5432/db", WRITTEN),
        ("postgresql:///db?host=/var/run/postgresql&user=reader", WRITTEN),
        ("postgresql+psycopg2://reader@host/db", WRITTEN),
        ("postgresql://reader@host", WRITTEN),
        ("postgresql://host/db", "--database-url has no user"),
        ("postgresql://reader@host/db?channel_binding=require", "has the parameter channel_binding"),
        ("postgresql://reader@host/db?options=-c%20search_path%3Dx", "has the parameter options"),
        ("postgresql://reader@host/db?target_session_attrs=read-only", "has the parameter target_session"),
    ],
)
def test_error_for_an_unusable_url_does_not_contain_the_password(url: str, message: str) -> None:
    with pytest.raises(ExtractError) as refused:
        from_url(url)
    assert message in refused.value.sentence
    assert "p[ss" not in refused.value.sentence


def test_missing_password_is_read_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Other users of the machine can see the arguments of a program, so they can read a password in a URL."""
    monkeypatch.setenv("PGPASSWORD", "of the environment")
    assert from_url("postgresql://reader@host/db").properties["password"] == "of the environment"
    assert from_url("postgresql://reader:of%20the%20url@host/db").properties["password"] == "of the url"


def test_missing_tls_settings_are_read_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PGSSLMODE", "verify-full")
    monkeypatch.setenv("PGSSLROOTCERT", "/ca.pem")
    for host in ("host", "localhost"):
        found = from_url(f"postgresql://reader@{host}/db").properties
        assert (found["sslmode"], found["sslrootcert"]) == ("verify-full", "/ca.pem")
    assert from_url("postgresql://reader@host/db?sslmode=require").properties["sslmode"] == "require"


@pytest.mark.parametrize(
    ("url", "place", "properties"),
    [
        ("postgresql://reader:x@[2001:db8::1]:5433/db", ("2001:db8::1", 5433, "db"), {"sslmode": "require"}),
        ("postgres://reader:p%5Bss@localhost/my%20db", ("localhost", 5432, "my db"), {"password": "p[ss"}),
        (
            "postgresql://reader@host/db?sslmode=verify-full&sslrootcert=/ca.pem",
            ("host", 5432, "db"),
            {"sslmode": "verify-full", "sslrootcert": "/ca.pem"},
        ),
    ],
)
def test_url_is_parsed_to_address_and_connection_properties(
    url: str, place: tuple[str, int, str], properties: dict[str, str]
) -> None:
    found = from_url(url)
    assert address_of(found.url) == place
    assert found.properties.items() >= properties.items()
