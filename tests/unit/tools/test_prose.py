"""The check of prose finds the words on its lists, reports where they are, and ignores code."""

from __future__ import annotations

import pytest

from tools import prose

RULES = prose.rules()


def found(path: str, text: str) -> list[str]:
    return [line.removeprefix(f"{path}:") for line in prose.check(path, text, RULES)]


@pytest.mark.parametrize(
    ("text", "finding"),
    [
        ("One back-fill of a year.", '1: "back-fill": write backfill'),
        ("Each hop is checked.", '1: "hop": write join'),
        ("The store is read once.", '1: "the store": write source, or target'),
        ("The team is told why.", '1: "is told": write is reported, or gets a message'),
        ("The name stands there.", '1: "stands there": write is in, is after, contradicts'),
        ("Every resource bears it.", '1: "bears": write has, or begins with'),
        ("PGPASSWORD is heard.", '1: "heard": write reads, or receives'),
        ("Whoever reads this.", '1: "whoever": write anyone who, or the person who'),
        ("Its behaviour is known.", '1: "behaviour": American spelling is behavior...'),
        ("Catalogued tables.", '1: "catalogued": American spelling is catalog...'),
    ],
)
def test_word_on_the_list_is_found(text: str, finding: str) -> None:
    assert found("page.md", text) == [finding]


@pytest.mark.parametrize(
    "text",
    [
        "The bucket stores it for a year.",
        "One row stands for a branch.",
        "`hop` is a name, and so is [this](catalogue.md).",
        "```sql\nselect hop from the store\n```",
        "<!-- The store is told. -->",
        "A barefaced shop.",
    ],
)
def test_other_words_and_code_are_not_found(text: str) -> None:
    assert found("page.md", text) == []


def test_sentence_of_36_words_is_too_long() -> None:
    assert found("page.md", "\n".join(["word"] * 35) + ".") == []
    [finding] = found("page.md", "Short.\n\n" + "\n".join(["word"] * 36) + ".")
    assert finding.startswith("3: sentence of 36 words, more than 35")


def test_each_cell_of_a_table_is_a_separate_sentence() -> None:
    assert found("page.md", f"| {'word ' * 30} | {'word ' * 30} |") == []


def test_heading_of_nine_words_is_too_long() -> None:
    [finding] = found("page.md", "# One two three four five six seven eight nine")
    assert finding.startswith("1: heading of 9 words, more than 8")


def test_python_comments_docstrings_messages_and_test_names_are_read() -> None:
    text = (
        '"""The store."""\n# A hop\n# is told.\nNAME = "hop"\n\n\ndef test_a_back_fill() -> None:\n'
        '    """Mend it.\n\n    >>> hop\n    """\n    raise ValueError(f"{NAME} is heard too late")\n'
    )
    assert sorted(found("tools/some.py", text)) == [
        '12: "heard": write reads, or receives',
        '1: "the store": write source, or target',
        '2: "hop": write join',
        '2: "is told": write is reported, or gets a message',
        '8: "mend": write fix',
    ]


def test_strings_in_tests_are_not_checked() -> None:
    text = 'MESSAGE = "the store is told"\n'
    assert found("tests/some.py", text) == []
    assert len(found("tools/some.py", text)) == 2


def test_sql_in_a_string_is_not_prose() -> None:
    assert found("tools/some.py", 'QUERY = "select hop from the store"\n') == []


def test_terraform_comments_descriptions_and_messages_are_read() -> None:
    text = (
        'variable "hop" {\n  description = "Each hop."\n  # Anew.\n  default = "the store is told"\n}\n'
        'variable "other" {\n  description = <<-EOT\n    Fine.\n    - `a` - Whoever.\n  EOT\n'
        '  validation {\n    error_message = "It bears ${var.hop}."\n  }\n}\n'
    )
    assert sorted(found("modules/some/variables.tf", text)) == [
        '12: "bears": write has, or begins with',
        '2: "hop": write join',
        '3: "anew": write again',
        '9: "whoever": write anyone who, or the person who',
    ]


def test_jsonata_comments_and_messages_are_read() -> None:
    text = '/* Told of\nit. */\n($a := "hop"; "the crawl is told " & $a)\n'
    assert found("modules/some/text.jsonata", text) == [
        '1: "told of": write report',
        '3: "is told": write is reported, or gets a message',
    ]


def test_comments_of_workflows_and_makefiles_are_read() -> None:
    for path in ("Makefile", ".github/workflows/ci.yml"):
        assert found(path, "all:\n  # The store.\n  run: echo the store\n") == [
            '2: "the store": write source, or target'
        ]


def test_subject_of_73_characters_is_too_long() -> None:
    log = f"abc {'x' * 72}\ndef {'x' * 73}\n"
    assert prose.subjects(log, RULES) == ["commit def: subject of 73 characters, more than 72"]


def test_comments_after_code_are_not_joined() -> None:
    words = "word " * 20
    assert found("pyproject.toml", f"a = 1  # {words}\nb = 2  # {words}\n") == []
    assert len(found("pyproject.toml", f"# {words}\n# {words}\n")) == 1
