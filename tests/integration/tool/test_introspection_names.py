"""Names that PostgreSQL allows, but that an answer cannot contain."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.support.introspection import NEW, spec
from tests.support.tool import Extracts


@pytest.fixture(scope="session")
def awkward(made: Callable[[str, str], str]) -> str:
    """The URL of a database with names that PostgreSQL allows, but that an answer cannot contain."""
    return made("awkward", """
        create table "shops/all" (id int primary key, name text);
        create table towns (id int primary key, name text, "name, long" text);
        create table shops (id int primary key, "town.id" int references towns, " name " text);
        create table "order.lines" (amount numeric, day date, shop_id int references shops);
        create table sales (amount numeric, "Betrag €" numeric, "net; tax" int, day date, "day:booked" date,
                            shop_id int references shops, "all" int references "shops/all");
        """)  # fmt: skip


AWKWARD_SALE = ("--entity", "sales", "--metric", "amount", "--date-column", "day", "--joins", "none")


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (("--entity", "order.lines"), 'entity: "order.lines" is not a valid table name; '),
        (("--metric", "Betrag €"), 'metric: "Betrag €" is not a valid column name; '),
        (("--metric", "net; tax"), 'metric: "net; tax" is not a valid column name; '),
        (("--date-column", "day:booked"), 'date_column: "day:booked" is not a valid column name; '),
        (("--recipient", "towns.name, long"), 'recipient: "name, long" is not a valid column name; '),
        (("--recipient", "shops/all"), 'recipient: "shops/all" is not a valid table name; '),
        (("--recipient", "shops"), 'recipient: " name " begins or ends with a space, '),
        (("--group", "sales.Betrag €"), 'group: "Betrag €" is not a valid column name; '),
    ],
)
def test_name_that_is_not_allowed_in_an_answer_is_refused(
    awkward: str, given: tuple[str, ...], said: str, extracts: Extracts, tmp_path: Path
) -> None:
    known = dict(zip(AWKWARD_SALE[::2], AWKWARD_SALE[1::2], strict=True))
    known |= {"--recipient": "shops.id", "--joins": "shops: sales.shop_id = id"}
    known |= {"--group": "shops.id"} if given[0] == "--recipient" else {}
    known[given[0]] = given[1]
    done = extracts(*NEW, "--database-url", awkward, *(word for pair in known.items() for word in pair))
    assert done.returncode == 1
    assert done.stderr.startswith(f"✗ {said}")
    assert done.stderr.endswith("create a view with another name\n")
    assert (len(done.stderr.splitlines()), done.stdout) == (1, "")
    assert not list(tmp_path.iterdir())


def test_error_for_an_ambiguous_question_names_the_candidates_that_cannot_be_answers(
    awkward: str, extracts: Extracts
) -> None:
    done = extracts(*NEW, "--database-url", awkward)
    assert done.stderr.splitlines() == [
        "✗ entity: 2 candidates, each a table with a date and a metric; the list omits these names, because"
        ' an answer cannot contain them: "order.lines"; choose one:',
        '    --entity "sales"',
    ]
    done = extracts(*NEW, "--database-url", awkward, "--entity", "sales")
    assert done.stderr.splitlines() == [
        "✗ metric: 3 candidates, each a number in sales; the list omits these names, because an answer"
        ' cannot contain them: "Betrag €", "net; tax"; choose one:',
        '    --metric "amount"',
        "date_column: 2 date columns; the list omits these names, because an answer cannot contain them:"
        ' "day:booked"; choose one:',
        '    --date-column "day"',
        "recipient: the paths from sales end at 2 tables; the list omits these names, because an answer"
        ' cannot contain them: "shops/all.name"; choose one:',
        '    --recipient "town_name = towns.name"',
    ]


def test_path_is_refused_if_an_answer_cannot_contain_one_of_its_names(
    awkward: str, extracts: Extracts, entities: Callable[..., dict[str, Any]]
) -> None:
    found = entities(awkward, "--entity", "sales")["public.sales"]["paths"]
    assert {" → ".join(path["tables"]): path["answer"] for path in found} == {
        "sales → shops → towns": None,
        "sales → shops/all": None,
    }
    given = AWKWARD_SALE[:-2]
    done = extracts(*NEW, "--database-url", awkward, *given, "--recipient", "towns.name")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == (
        '✗ joins: the path to towns uses "town.id", and an answer cannot contain this name; create a'
        " view with another name\n"
    )


def test_join_to_a_table_is_refused_if_an_answer_cannot_contain_the_name_of_its_key(
    made: Callable[[str, str], str], extracts: Extracts
) -> None:
    url = made("keyed", """
        create table owners (id int primary key, name text);
        create table shops ("No." int primary key, owner_id int not null references owners, name text);
        create table sales (amount numeric, day date, shop_id int references shops);
        """)  # fmt: skip
    done = extracts(*NEW, "--database-url", url)
    # The join to the table shops needs the column "No.", too.
    assert done.stderr == (
        '✗ joins: the path to owners uses "No.", and an answer cannot contain this name; create a'
        " view with another name\n"
    )


def test_generated_name_is_not_a_reserved_name(
    made: Callable[[str, str], str], extracts: Extracts, tmp_path: Path
) -> None:
    url = made("taken", """
        create table years (id int primary key, year text);
        create table shops (id int primary key, year_id int not null references years);
        create table sales (amount numeric, day date, shop_id int not null references shops);
        """)  # fmt: skip
    done = extracts(*NEW, "--database-url", url)
    assert done.returncode == 0, done.stderr
    assert spec(tmp_path / "years-sales")["recipient"] == {"year_2": "years.year"}
