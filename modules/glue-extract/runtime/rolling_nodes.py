"""The nodes of a SQL expression, and facts about them that need no database: kind and digits."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rolling_resolved import Column

COMPARISONS = ("=", "<>", "<", "<=", ">", ">=", "IS DISTINCT FROM", "IS NOT DISTINCT FROM")
ARITHMETIC = ("+", "-", "*", "/", "%")

WHOLE = ("smallint", "integer", "bigint")
# The results of these functions have the kind and the digits of the arguments.
CHOICES = ("coalesce", "greatest", "least", "nullif")
_NUMBERS = (
    *("abs", "ceil", "ceiling", "div", "exp", "floor", "ln", "log", "mod", "power", "round", "sign", "sqrt"),
    "trunc",
)
_TEXTS = (
    *("btrim", "concat", "concat_ws", "initcap", "left", "lower", "lpad", "ltrim", "md5", "regexp_replace"),
    *(
        "repeat",
        "replace",
        "reverse",
        "right",
        "rpad",
        "rtrim",
        "split_part",
        "substr",
        "substring",
        "to_char",
    ),
    *("translate", "upper"),
)


@dataclass(frozen=True, slots=True)
class Ref:
    """A column."""

    column: Column


@dataclass(frozen=True, slots=True)
class Number:
    """An exact decimal, for example `-0.25`."""

    text: str


@dataclass(frozen=True, slots=True)
class Text:
    """A text in single quotes. PostgreSQL determines its type from the expression around it."""

    value: str


@dataclass(frozen=True, slots=True)
class Constant:
    """NULL, TRUE or FALSE."""

    name: str


@dataclass(frozen=True, slots=True)
class Unary:
    operator: str  # "-" or "NOT"
    operand: Node


@dataclass(frozen=True, slots=True)
class Is:
    """`operand IS test`, where the test is NULL, NOT NULL, TRUE, NOT TRUE, FALSE, NOT FALSE or UNKNOWN."""

    operand: Node
    test: str


@dataclass(frozen=True, slots=True)
class Binary:
    """Two operands and an operator: AND, OR, a comparison, arithmetic, or another operator of PostgreSQL."""

    operator: str
    left: Node
    right: Node


@dataclass(frozen=True, slots=True)
class In:
    operand: Node
    items: tuple[Node, ...]
    negated: bool = False


@dataclass(frozen=True, slots=True)
class Case:
    """`CASE WHEN condition THEN result ... ELSE otherwise END`."""

    whens: tuple[tuple[Node, Node], ...]
    otherwise: Node | None = None


@dataclass(frozen=True, slots=True)
class Cast:
    operand: Node
    type: str  # name of a type in PostgreSQL: "numeric(12,2)"


@dataclass(frozen=True, slots=True)
class Call:
    """A function call. The name is in lower case.

    `extract(year FROM day)` has the two arguments 'year' and day.
    """

    name: str
    arguments: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Exact:
    """A number of any type, as the exact decimal that PostgreSQL prints for it."""

    operand: Node


Node = Ref | Number | Text | Constant | Unary | Is | Binary | In | Case | Cast | Call | Exact


def children(node: Node) -> tuple[Node, ...]:
    """Return the nodes directly below `node`."""
    match node:
        case Unary(_, operand) | Is(operand, _) | Cast(operand, _) | Exact(operand):
            return (operand,)
        case Binary(_, left, right):
            return (left, right)
        case In(operand, items, _):
            return (operand, *items)
        case Case(whens, otherwise):
            found = tuple(each for when in whens for each in when)
            return found if otherwise is None else (*found, otherwise)
        case Call(_, arguments):
            return arguments
        case _:
            return ()


def walk(node: Node) -> Iterator[Node]:
    """Yield `node` and every node below it, from left to right."""
    yield node
    for child in children(node):
        yield from walk(child)


def columns_of(*nodes: Node | None) -> tuple[Column, ...]:
    """Return the columns in the expressions, each once, in the order of the text."""
    refs = (each.column for node in nodes if node is not None for each in walk(node) if isinstance(each, Ref))
    return tuple(dict.fromkeys(refs))


def kind(node: Node) -> str:
    """Return the kind of a node: "number", "text", "boolean", "other" (for example a date) or "unknown".

    The kind of a text in quotes is unknown until PostgreSQL gives it a type.
    """
    match node:
        case Ref(column):
            return {"N": "number", "S": "text", "B": "boolean"}.get(column.category, "other")
        case Number() | Exact():
            return "number"
        case Constant(name):
            return "unknown" if name == "NULL" else "boolean"
        case Unary("-", operand):
            return kind(operand)
        case Binary(operator, left, right) if operator in ARITHMETIC:
            kinds = {kind(left), kind(right)}
            if "other" in kinds:
                return "other"
            return "number" if "number" in kinds else "unknown"
        case Binary("||"):
            return "text"
        case Unary() | Is() | In():
            return "boolean"
        case Binary(operator) if operator in ("AND", "OR", *COMPARISONS) or operator.endswith("LIKE"):
            return "boolean"
        case Case(whens, otherwise):
            return _common([result for _, result in whens] + ([] if otherwise is None else [otherwise]))
        case Cast(_, type):
            return _kind_of_type(type)
        case Call(name, arguments) if name in CHOICES:
            return _common(list(arguments))
        case Call(name, _):
            return "number" if name in _NUMBERS else "text" if name in _TEXTS else "unknown"
        case _:
            return "unknown"


def _common(nodes: list[Node]) -> str:
    return next((found for node in nodes if (found := kind(node)) != "unknown"), "unknown")


def _kind_of_type(type: str) -> str:
    match type.partition("(")[0].strip().lower():
        case "smallint" | "integer" | "bigint" | "int" | "int2" | "int4" | "int8" | "numeric" | "decimal":
            return "number"
        case "real" | "float4" | "float8" | "float" | "double precision" | "money":
            return "unknown"  # a number of a type that is not exact
        case "text" | "varchar" | "character varying" | "char" | "character":
            return "text"
        case "boolean" | "bool":
            return "boolean"
        case _:
            return "other"


def digits_of(node: Node) -> int | None:
    """Return how many digits after the point a number has at most, or None if the types set no limit."""
    match node:
        case Ref(column):
            return column.digits
        case Number(text):
            return len(text.partition(".")[2])
        case Constant("NULL"):
            return 0
        case Unary("-", operand):
            return digits_of(operand)
        case Binary("*", left, right):
            found = [digits_of(left), digits_of(right)]
            return None if None in found else sum(each or 0 for each in found)
        case Binary("+" | "-" | "%", left, right):
            return _most([left, right])
        case Case(whens, otherwise):
            return _most([result for _, result in whens] + ([] if otherwise is None else [otherwise]))
        case Call(name, arguments) if name in ("abs", *CHOICES):
            return _most(list(arguments))
        case Call("ceil" | "ceiling" | "floor" | "div" | "sign", _) | Call("round" | "trunc", (_,)):
            return 0
        case Call("mod", arguments):
            return _most(list(arguments))
        case Call("round" | "trunc", (_, Number(text))) if text.isdecimal():
            return int(text)
        case Cast(_, type):
            return _digits_of_type(type)
        case _:
            return None


def _most(nodes: list[Node]) -> int | None:
    found = [digits_of(node) for node in nodes]
    return None if None in found else max(each or 0 for each in found)


def _digits_of_type(type: str) -> int | None:
    name, _, modifier = type.partition("(")
    if name.strip().lower() in (*WHOLE, "int", "int2", "int4", "int8"):
        return 0
    if modifier and name.strip().lower() in ("numeric", "decimal"):
        return max(0, int(modifier.rstrip(") ").partition(",")[2] or 0))
    return None
