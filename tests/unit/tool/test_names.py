"""The tool chooses key columns, names of columns, and the folder of the cache."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from extracts import programs
from extracts.introspect import candidates
from extracts.introspect.catalog import Column, Table
from extracts.introspect.words import column_name


def table(primary_key: tuple[str, ...], *keys: tuple[str, ...]) -> Table:
    columns = tuple(Column(name, "integer", "N", nullable=False, readable=True) for name in "abc")
    return Table("public", "t", "table", 1, columns, primary_key, keys, None, ())


def test_key_of_a_table_is_its_primary_key_or_else_its_shortest_unique_key() -> None:
    assert candidates.key(table(("a", "b"), ("c",))) == ("a", "b")
    assert candidates.key(table((), ("a", "b"), ("c",))) == ("c",)
    assert candidates.key(table(())) == ()


def test_generated_column_name_has_at_most_63_characters_and_does_not_begin_with_a_digit() -> None:
    name = column_name("loan_agreement_of_a_customer_in_a_region", "identifier_in_the_previous_system")
    assert len(name) == 63
    assert column_name("2nd", "Größe") == "_2nd_grosse"


def test_generated_column_name_contains_the_table_name_only_once() -> None:
    assert column_name("branches", "branches_address") == "branch_address"


def test_generated_column_name_does_not_end_with_an_underscore() -> None:
    assert column_name("b" * 62, "name") == "b" * 62


def test_generated_column_name_is_the_word_column_if_the_given_names_have_no_letters() -> None:
    assert column_name("§", "§§") == "column"


@pytest.mark.parametrize(
    ("user", "variables", "folder"),
    [
        (0, {}, "/var/cache/terraform-aws-extracts"),
        (1000, {"XDG_CACHE_HOME": "/home/me/cache"}, "/home/me/cache/terraform-aws-extracts"),
        (1000, {"HOME": "/home/me"}, "/home/me/.cache/terraform-aws-extracts"),
        (0, {"EXTRACTS_CACHE": "/elsewhere"}, "/elsewhere"),
    ],
)
def test_cache_of_root_is_in_var_cache_and_cache_of_another_user_is_in_the_home_folder(
    user: int, variables: dict[str, str], folder: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: user)
    for name in ("EXTRACTS_CACHE", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert programs.cache() == Path(folder)
