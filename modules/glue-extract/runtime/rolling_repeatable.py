"""Check that an expression always gives the same value for the same row, so that a run can be repeated."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from rolling_nodes import CHOICES, COMPARISONS, Binary, Call, Cast, In, Node, Ref, Text, children, kind, walk
from rolling_tokens import ExpressionError

# If a text with one of these words becomes a date or a timestamp, PostgreSQL replaces the word by the day or
# time of the run. A time of day may stand next to the word.
_NOW = re.compile(r"\b(now|today|tomorrow|yesterday)\b", re.IGNORECASE)

# These functions belong to the grammar of SQL, so the engine does not look them up in the catalog.
_LANGUAGE = (*CHOICES, "extract")
# These functions depend on settings that are the same in every run, for example TimeZone and DateStyle.
_SETTLED = (
    "concat",
    "concat_ws",
    "date_part",
    "date_trunc",
    "timezone",
    "to_char",
    "to_date",
    "to_timestamp",
)

# The functions in CLOCKS and CLOCK_CALLS can give another value in a later run, or to another role. For all
# other functions, the catalog shows whether their values can change.
CLOCKS = (
    *("current_date", "current_time", "current_timestamp", "localtime", "localtimestamp"),
    *("current_user", "session_user", "user", "current_role", "current_schema", "current_catalog"),
)
CLOCK_CALLS = (
    *("now", "age", "random", "timeofday", "clock_timestamp", "statement_timestamp", "transaction_timestamp"),
    *(
        "nextval",
        "currval",
        "lastval",
        "setval",
        "gen_random_uuid",
        "current_setting",
        "pg_sleep",
        "txid_current",
    ),
)


@dataclass(frozen=True, slots=True)
class Function:
    """A function of the catalog. Several functions can have the same name."""

    name: str
    kind: str  # pg_proc.prokind: f, a, w or p
    volatility: str  # pg_proc.provolatile: i, s or v
    returns_set: bool
    least: int  # minimum number of arguments
    most: int  # maximum number of arguments


def check_clocks(node: Node, *, is_text: bool = False) -> None:
    """Refuse a text such as 'now', which PostgreSQL reads as the time of the run.

    `is_text` is true if the value is compared or combined with text. In a text, words such as 'now' have no
    special meaning.
    """
    match node:
        case Text(value) if not is_text and (found := _NOW.search(value)):
            raise ExpressionError(
                f"depends on '{found[1]}', so a later run of the same period would give different values"
            )
        case Binary(operator, left, right) if operator in COMPARISONS:
            beside = _is_text(left) or _is_text(right)
            check_clocks(left, is_text=beside)
            check_clocks(right, is_text=beside)
        case In(operand, items, _):
            beside = _is_text(operand) or any(map(_is_text, items))
            for each in (operand, *items):
                check_clocks(each, is_text=beside)
        case Binary(operator, left, right) if operator.endswith("LIKE") or operator in ("||", "~", "~*"):
            check_clocks(left, is_text=True)
            check_clocks(right, is_text=True)
        case Cast(operand, type):
            check_clocks(operand, is_text=type.startswith(("text", "varchar", "character", "numeric")))
        case _:
            inside = is_text or kind(node) == "text"
            for child in children(node):
                check_clocks(child, is_text=inside)


def _is_text(node: Node) -> bool:
    """Return whether a value is text, or a column whose type is not known yet."""
    return kind(node) == "text" or (isinstance(node, Ref) and node.column.category == "")


def function_names(nodes: Iterable[Node]) -> tuple[str, ...]:
    """Return the names of the functions to look up in the catalog."""
    found = (each.name for node in nodes for each in walk(node) if isinstance(each, Call))
    return tuple(sorted({name for name in found if name not in _LANGUAGE}))


def check_functions(node: Node, functions: Iterable[Function]) -> None:
    """Refuse calls of missing functions, of aggregates, and of functions that are not immutable."""
    known: dict[str, list[Function]] = {}
    for function in functions:
        known.setdefault(function.name, []).append(function)
    calls = dict.fromkeys((each.name, len(each.arguments)) for each in walk(node) if isinstance(each, Call))
    for name, arguments in calls:
        if name in _LANGUAGE:
            continue
        if name not in known:
            raise ExpressionError(f"calls {name}(), which is not a function of PostgreSQL")
        found = [each for each in known[name] if each.least <= arguments <= each.most]
        if not found:
            raise ExpressionError(
                f"calls {name}() with {arguments} arguments, but PostgreSQL has no such function"
            )
        if any(function.kind != "f" for function in found):
            raise ExpressionError(
                f"calls the aggregate {name}(); write the aggregate as the first field of a Metric"
            )
        if any(function.returns_set for function in found):
            raise ExpressionError(f"calls {name}(), which returns several rows")
        if name not in _SETTLED and any(function.volatility != "i" for function in found):
            raise ExpressionError(
                f"calls {name}(), which is not immutable in PostgreSQL, so a later run of the same"
                " period could give different results"
            )


def clock(word: str) -> ExpressionError:
    return ExpressionError(
        f"depends on {word}, so a later run of the same period would give different values"
    )
