"""Write the SQL of an expression in the dialects of PostgreSQL and Spark.

`rolling_grammar` makes the nodes from the text in the spec. All numbers are exact decimals. So whole numbers
cannot overflow, and a division of whole numbers can have digits after the point.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rolling_nodes import (
    ARITHMETIC,
    CHOICES,
    COMPARISONS,
    Binary,
    Call,
    Case,
    Cast,
    Constant,
    Exact,
    In,
    Is,
    Node,
    Number,
    Ref,
    Text,
    Unary,
    columns_of,
    digits_of,
    kind,
    walk,
)

if TYPE_CHECKING:
    from rolling_resolved import Column

__all__ = [
    "Binary",
    "Call",
    "Case",
    "Cast",
    "Constant",
    "Exact",
    "In",
    "Is",
    "Node",
    "Number",
    "Ref",
    "Text",
    "Unary",
    "columns_of",
    "digits_of",
    "is_portable",
    "kind",
    "literal",
    "render",
    "walk",
]

# Number of digits after the point in the quotient of two columns.
QUOTIENT_DIGITS = 60
_MOST_DIGITS = 38  # the most digits that a decimal in Spark can have

# Precision of the decimal in Spark for each type of whole numbers.
_WHOLE = {"smallint": 5, "integer": 10, "bigint": 19}
# For each function, how many of its first arguments must be exact decimals. The other arguments are not
# changed, for example the 2 in round(amount, 2).
_DECIMALS = {
    **dict.fromkeys(("abs", "ceil", "ceiling", "exp", "floor", "ln", "round", "sign", "sqrt", "trunc"), 1),
    **dict.fromkeys(("div", "log", "mod", "power"), 2),
}


def render(node: Node, dialect: str, column: Callable[[Column], str]) -> str:
    """Return the SQL of an expression for `dialect`, "postgresql" or "spark".

    `column` returns the SQL of a column, in which numbers must be exact. Whole numbers keep their own type.
    All other numbers, also `real`, `double precision` and `money`, have the type numeric in PostgreSQL and
    decimal in Spark. Spark needs the settings of decimals in `rolling_spark.spark_session`.
    """
    return _Writer(dialect == "spark", column).write(node)


def literal(text: str, *, spark: bool = False) -> str:
    r"""Return the SQL literal of a text.

    >>> print(literal("it's"), literal("it's", spark=True))
    'it''s' 'it\'s'
    """
    if spark:
        return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"
    return "'" + text.replace("'", "''") + "'"


@dataclass(frozen=True, slots=True)
class _Writer:
    spark: bool
    column: Callable[[Column], str]

    def write(self, node: Node) -> str:
        match node:
            case Ref(column):
                return self.column(column)
            case Number(text):
                return f"({text})" if text.startswith("-") else text
            case Text(value):
                return literal(value, spark=self.spark)
            case Constant(name):
                return name
            case Unary("-", operand):
                return f"(- {self._number(operand)})"
            case Unary(operator, operand):
                return f"({operator} {self.write(operand)})"
            case Is(operand, test):
                return f"({self.write(operand)} IS {test})"
            case Binary():
                return self._binary(node)
            case In(operand, items, negated):
                listed = ", ".join(self.write(item) for item in items)
                return f"({self.write(operand)} {'NOT IN' if negated else 'IN'} ({listed}))"
            case Case(whens, otherwise):
                return self._case(node, whens, otherwise)
            case Cast(operand, type):
                return f"CAST({self._plain(operand)} AS {type})"
            case Exact(operand):
                return f"CAST(CAST({self.write(operand)} AS text) AS numeric)"
            case Call(name, arguments):
                return self._call(node, name, arguments)

    def _binary(self, node: Binary) -> str:
        operator, left, right = node.operator, node.left, node.right
        if operator not in ARITHMETIC or kind(node) != "number":
            return f"({self.write(left)} {operator} {self.write(right)})"
        if operator == "/":
            scaled = f"div({self._number(left)} * 1e{QUOTIENT_DIGITS}, {self._number(right)})"
            return f"({scaled} * 1e-{QUOTIENT_DIGITS})"
        return f"({self._number(left)} {operator} {self._number(right)})"

    def _number(self, node: Node) -> str:
        """Return the SQL of an operand as an exact decimal, which cannot overflow."""
        match node:
            case Ref(column) if column.type in _WHOLE:
                return self._decimal(self.column(column), _WHOLE[column.type])
            case Ref() | Number() | Exact() | Constant():
                return self.write(node)
            case Unary("-") | Binary() if kind(node) == "number":
                return self.write(node)
            case _ if self.spark:
                return self.write(node)
            case Cast(_, type) if type.startswith(("numeric", "decimal")):
                return self.write(node)
            case Case() | Cast() | Call() if kind(node) == "number":
                return f"CAST({self.write(node)} AS numeric)"
            case _ if kind(node) == "other":
                return self.write(node)
            case _:
                return self.write(Exact(node))

    def _decimal(self, text: str, digits: int) -> str:
        return f"CAST({text} AS {f'DECIMAL({digits}, 0)' if self.spark else 'numeric'})"

    def _case(self, node: Node, whens: tuple[tuple[Node, Node], ...], otherwise: Node | None) -> str:
        write = self._number if kind(node) == "number" else self.write
        parts = [f"WHEN {self.write(condition)} THEN {write(result)}" for condition, result in whens]
        if otherwise is not None:
            parts.append(f"ELSE {write(otherwise)}")
        return f"CASE {' '.join(parts)} END"

    def _call(self, node: Node, name: str, arguments: tuple[Node, ...]) -> str:
        if name == "extract":
            field, of = arguments
            assert isinstance(field, Text)
            return f"EXTRACT({field.value} FROM {self._plain(of)})"
        if name in CHOICES and kind(node) == "number":
            written = [self._number(argument) for argument in arguments]
        else:
            decimals = _DECIMALS.get(name, 0)
            written = [
                self._number(argument) if i < decimals else self._plain(argument)
                for i, argument in enumerate(arguments)
            ]
        return f"{name}({', '.join(written)})"

    def _plain(self, node: Node) -> str:
        """Return the SQL of an argument that may have any type. A column keeps its own type."""
        match node:
            case Ref(column) if not self.spark and (column.is_float or column.type == "money"):
                text = self.column(column)
                if column.is_float:
                    # Cast the numeric to text first, because a numeric has more digits than a float.
                    text = f"CAST({text} AS text)"
                return f"CAST({text} AS {column.type})"
            case _:
                return self.write(node)


def is_portable(node: Node) -> str | None:
    """Return why Spark cannot compute an expression exactly as PostgreSQL does, or None if it can.

    The reason is the end of a sentence that begins "Spark cannot compute it, because".
    """
    for each in walk(node):
        match each:
            case Call(name) if name not in ("abs", *CHOICES):
                return f"it calls {name}()"
            case Cast(_, type):
                return f"it has a cast to {type}"
            case Exact():
                return "it has a number whose type is not known"
            case Binary("/"):
                return "it divides by a column"
            case Binary("%" as operator) | Binary(operator) if operator not in (
                *("AND", "OR", "+", "-", "*"),
                *COMPARISONS,
            ):
                return f"it uses the operator {operator}"
            case Binary(operator, left, right) if operator in ARITHMETIC and kind(each) != "number":
                return f"it uses {operator} on values that are not numbers"
            case Binary(operator, left, right) if operator in COMPARISONS:
                kinds = {kind(left), kind(right)} - {"unknown"}
                if "other" in kinds or (kinds == {"text"} and operator[0] in "<>" and operator != "<>"):
                    return "it compares dates or texts"
            case In(operand, items) if "other" in {kind(operand), *map(kind, items)}:
                return "it compares dates"
    numbers = [c for c in columns_of(node) if c.category == "N"]
    open_ended = next((c for c in numbers if c.digits is None), None)
    if open_ended is not None and any(isinstance(each, Binary | Case | Call) for each in walk(node)):
        return f'the type of column "{open_ended.name}" does not fix the number of digits after the point'
    if (digits_of(node) or 0) > _MOST_DIGITS // 2:
        return f"its values have more than {_MOST_DIGITS // 2} digits after the point"
    return None
