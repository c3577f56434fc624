"""Whether an expression gives the same value for the same row at any time, as a repeated run needs it."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from rolling_nodes import CHOICES, COMPARISONS, Binary, Call, Cast, In, Node, Ref, Text, children, kind, walk
from rolling_tokens import ExpressionError

# What PostgreSQL reads as the time of the run where a date is expected, alone or with a time of day.
_NOW = re.compile(r"\b(now|today|tomorrow|yesterday)\b", re.IGNORECASE)

# No functions of the catalog, but parts of the language.
_LANGUAGE = (*CHOICES, "extract")
# They depend on settings that are the same in every run, for example TimeZone and DateStyle.
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

# What gives another value tomorrow, or to another role. The catalog knows the same of all other functions.
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
    """A function of the catalog. Several can have one name."""

    name: str
    kind: str  # pg_proc.prokind: f, a, w or p
    volatility: str  # pg_proc.provolatile: i, s or v
    returns_set: bool
    least: int  # number of arguments that a call must have
    most: int  # and can have


def check_clocks(node: Node, *, is_text: bool = False) -> None:
    """Refuse a text that PostgreSQL reads as the time of the run.

    `is_text` is for a value beside one that is text: there, these words are only words.
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
    """Return whether a value is text, or a column of which nothing is known yet."""
    return kind(node) == "text" or (isinstance(node, Ref) and node.column.category == "")


def function_names(nodes: Iterable[Node]) -> tuple[str, ...]:
    """Return the functions that the catalog must know."""
    found = (each.name for node in nodes for each in walk(node) if isinstance(each, Call))
    return tuple(sorted({name for name in found if name not in _LANGUAGE}))


def check_functions(node: Node, functions: Iterable[Function]) -> None:
    """Refuse what does not exist, is not a plain function, or may give another value in another run."""
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
            raise ExpressionError(f"calls the aggregate {name}(); the first field of Metric is its aggregate")
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
