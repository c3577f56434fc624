"""`extracts new` joins through bridge tables, including bridge tables with a separate primary key."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.support.introspection import NEW, spec
from tests.support.tool import Extracts

TABLES = """
create table film (film_id int primary key, title text not null, released_on date not null);
create table genre (genre_id int primary key, name text not null unique);
create table person (person_id int primary key, name text not null unique);
create table film_genre (id int primary key, film_id int not null references film,
                         genre_id int not null references genre, position int, last_update timestamp);
create table film_person (id int primary key, film_id int not null references film,
                          person_id int not null references person, role text, idx int);
create table ticket (ticket_id int primary key, film_id int not null references film,
                     sold_on date not null, price numeric(8,2) not null);
-- No bridges: a fact with a date, a fact with an amount, and a dimension.
create table award (award_id int primary key, film_id int not null references film,
                    jury_id int not null, won_on date not null);
create table jury (jury_id int primary key, name text not null unique);
alter table award add foreign key (jury_id) references jury;
create table fee (fee_id int primary key, film_id int not null references film, payer_id int not null,
                  fee numeric);
create table payer (payer_id int primary key, name text not null unique);
alter table fee add foreign key (payer_id) references payer;
create table screen (screen_id int primary key, film_id int not null references film, hall_id int not null);
create table hall (hall_id int primary key, name text not null unique);
alter table screen add foreign key (hall_id) references hall;
create table seat (seat_id int primary key, screen_id int not null references screen);

insert into film values (1, 'Dune', '2021-09-03'), (2, 'Heat', '1995-12-15');
insert into genre values (1, 'Drama'), (2, 'Crime');
insert into person values (1, 'Ann'), (2, 'Bo');
insert into film_genre values (1, 1, 1, 1, now()), (2, 2, 2, 1, now());
insert into film_person values (1, 1, 1, 'lead', 1), (2, 1, 2, 'lead', 2), (3, 2, 2, 'lead', 1);
insert into ticket values (1, 1, '2026-10-02', 9.50), (2, 1, '2026-10-03', 8.00), (3, 2, '2026-10-04', 7.25);
"""


@pytest.fixture(scope="module")
def films(made: Callable[[str, str], str]) -> str:
    return made("films", TABLES)


@pytest.fixture
def new(films: str, extracts: Extracts) -> Callable[..., Any]:
    def new(*options: str) -> Any:
        given = ("--database-url", films, "--project-slug", "made-up", "--entity", "ticket")
        return extracts(*NEW, *given, *options)

    return new


def test_path_leads_through_a_bridge_table_that_has_a_separate_primary_key(
    new: Callable[..., Any], tmp_path: Path
) -> None:
    done = new("--recipient", "genre", "--group", "film")
    assert done.returncode == 0, done.stderr
    assert "ticket → film → film_genre → genre" in done.stdout
    assert "film → film_genre: no unique index on film_id; a run fails" in done.stdout
    assert "Today the values are unique." in done.stdout
    made = spec(tmp_path / "made-up")
    assert made["joins"].count("Join(") == 3


def test_error_for_a_bridge_table_that_multiplies_rows_suggests_a_view(
    films: str, new: Callable[..., Any], tmp_path: Path
) -> None:
    done = new("--recipient", "person", "--group", "film")
    assert done.returncode == 1
    view, _, entity = done.stderr.partition("run: ")[2].partition(" Then use --entity ")
    assert '"film_person"."person_id" from' in view
    assert entity.strip() == "ticket_by_film_person"
    with psycopg.connect(films) as connection:
        connection.execute(view.encode())
        rows = connection.execute("select person_id, sum(price) from ticket_by_film_person group by 1")
        assert {key: str(value) for key, value in rows} == {1: "17.50", 2: "24.75"}
        connection.execute("drop view ticket_by_film_person")
        connection.commit()


@pytest.mark.parametrize("recipient", ["jury", "payer", "hall"])
def test_fact_table_and_dimension_table_are_not_bridges(recipient: str, new: Callable[..., Any]) -> None:
    done = new("--recipient", recipient, "--group", "film")
    said = f'no foreign keys lead from ticket to "public"."{recipient}"; set the joins with --joins'
    assert (done.returncode, done.stderr) == (1, f"✗ recipient: {said}\n")


def test_bridge_tables_are_not_in_the_entities_of_the_report(
    films: str, entities: Callable[..., dict[str, Any]]
) -> None:
    assert {name for name in entities(films) if "film_" in name} == set()


def test_report_names_the_tables_that_are_joined_through_bridge_tables(
    films: str, entities: Callable[..., dict[str, Any]], extracts: Extracts
) -> None:
    assert entities(films, "--entity", "ticket")["public.ticket"]["behind_bridges"] == ["genre", "person"]
    shown = extracts("inspect", "--database-url", films, "--entity", "ticket").stdout.splitlines()
    assert "  Behind bridge tables: genre, person" in shown
