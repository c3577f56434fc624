"""docs/reference/extract.md lists every field of an extract, and the examples on this page are valid."""

from __future__ import annotations

import re
from dataclasses import MISSING, fields
from typing import Any

import pytest

from rolling_errors import ExtractError
from rolling_format import File
from rolling_spec import Extract, Join, Metric
from rolling_spec_check import check
from tests.support.engine import extract_page
from tests.unit.docs.test_reference import page, rows, section
from tools.drawings import ROOT


@pytest.mark.parametrize("kind", [Extract, Metric, Join], ids=lambda kind: kind.__name__)
def test_page_has_every_field_and_its_default(kind: Any) -> None:
    listed = {name: default for name, default, *_ in rows(section(page("extract.md"), kind.__name__))}
    expected = {
        f"`{field.name}`": "required"
        if field.default is MISSING
        else "`File()`"
        if field.default == File()
        else f"`{field.default!r}`".replace("'", '"')
        for field in fields(kind)
        if field.init
    }
    assert listed == expected


@pytest.mark.parametrize("example", extract_page.EXAMPLES)
def test_every_example_of_a_field_is_a_valid_spec(example: str) -> None:
    check(extract_page.changed(example))


@pytest.mark.parametrize("extract", extract_page.EXTRACTS, ids=lambda extract: str(extract.entity))
def test_every_example_program_is_a_valid_spec(extract: Extract) -> None:
    check(extract)


def test_page_begins_with_the_spec_of_the_example_bank_loans() -> None:
    assert extract_page.PROGRAMS[0] == (ROOT / "examples/bank-loans/Glue/etl.py").read_text()


@pytest.mark.parametrize(("field", "example"), extract_page.FIELDS)
def test_every_example_of_a_field_contains_the_field(field: str, example: str) -> None:
    named = re.findall(r"\b(\w+)=", example)
    assert field in named or example.startswith(('Metric("', 'Join("'))


def test_spec_with_an_unknown_field_is_refused_with_a_list_of_the_fields() -> None:
    with pytest.raises(ExtractError, match="Its fields are entity, date_column"):
        check(extract_page.changed('metric="Amount"'))
