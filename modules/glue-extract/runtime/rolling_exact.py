"""Exact division by constants: an expression becomes a numerator and one divisor.

`amount / 3 + fee` is `(amount + fee * 3) / 3`. A decimal can store the numerator exactly, and the result is
divided only once.
"""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from math import lcm

from rolling_nodes import (
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
    Unary,
    kind,
)
from rolling_tokens import ExpressionError


def numerator(node: Node) -> tuple[Node, int]:
    """Return an expression without divisions by constants, and the positive number to divide it by."""
    match node:
        case Unary("-", operand) if kind(node) == "number":
            inner, divisor = numerator(operand)
            return _negated(inner), divisor
        case Binary("/", left, right) if kind(node) == "number":
            return _quotient(left, right)
        case Binary("+" | "-" | "*", left, right) if kind(node) == "number":
            return _combined(node.operator, left, right)
        case Case(whens, otherwise) if kind(node) == "number":
            results = [result for _, result in whens] + ([] if otherwise is None else [otherwise])
            scaled, divisor = _common(results)
            conditions = [settled(condition) for condition, _ in whens]
            pairs = tuple(zip(conditions, scaled, strict=False))
            return Case(pairs, None if otherwise is None else scaled[-1]), divisor
        case Call(name, arguments) if name in CHOICES and kind(node) == "number":
            scaled, divisor = _common(list(arguments))
            return Call(name, tuple(scaled)), divisor
        case Call("abs", (argument,)):
            inner, divisor = numerator(argument)
            return Call("abs", (inner,)), divisor
        case _:
            return _rest(node), 1


def settled(node: Node) -> Node:
    """Return an equal expression that divides by constants only once, at its end.

    Divisions by columns, and divisions in the arguments of functions, stay where they are.
    """
    inner, divisor = numerator(node)
    return inner if divisor == 1 else Binary("/", inner, Number(str(divisor)))


def _rest(node: Node) -> Node:
    """Return a copy of a node that is not arithmetic. Each child node divides by constants at most once."""
    match node:
        case Binary(operator, left, right) if operator in COMPARISONS and _is_number(left, right):
            scaled, _ = _common([left, right])
            return Binary(operator, scaled[0], scaled[1])
        case In(operand, items, negated) if _is_number(operand, *items):
            scaled, _ = _common([operand, *items])
            return In(scaled[0], tuple(scaled[1:]), negated)
        case Binary(operator, left, right):
            return Binary(operator, settled(left), settled(right))
        case Unary(operator, operand):
            return Unary(operator, settled(operand))
        case Is(operand, test):
            return Is(settled(operand), test)
        case In(operand, items, negated):
            return In(settled(operand), tuple(map(settled, items)), negated)
        case Case(whens, otherwise):
            pairs = tuple((settled(condition), settled(result)) for condition, result in whens)
            return Case(pairs, None if otherwise is None else settled(otherwise))
        case Cast(operand, type):
            return Cast(settled(operand), type)
        case Exact(operand):
            return Exact(settled(operand))
        case Call(name, arguments):
            return Call(name, tuple(map(settled, arguments)))
        case _:
            return node


def _is_number(*nodes: Node) -> bool:
    kinds = {kind(node) for node in nodes}
    return "number" in kinds and kinds <= {"number", "unknown"}


def _common(nodes: list[Node]) -> tuple[list[Node], int]:
    """Return the numerators of several values, and their common divisor."""
    parts = [numerator(node) for node in nodes]
    divisor = lcm(*(each for _, each in parts))
    return [_times(inner, divisor // each) for inner, each in parts], divisor


def _combined(operator: str, left: Node, right: Node) -> tuple[Node, int]:
    if operator == "*":
        (first, one), (second, other) = numerator(left), numerator(right)
        return _folded("*", first, second), one * other
    (first, second), divisor = _common([left, right])
    return _folded(operator, first, second), divisor


def _quotient(left: Node, right: Node) -> tuple[Node, int]:
    (first, one), (second, other) = numerator(left), numerator(right)
    if not isinstance(second, Number):
        return Binary("/", _times(first, other), _times(second, one)), 1
    by = Fraction(second.text) * one / other
    if not by:
        raise ExpressionError("divides by zero")
    inner = _times(first, by.denominator)
    return (_negated(inner) if by < 0 else inner), abs(by.numerator)


def _folded(operator: str, left: Node, right: Node) -> Node:
    """Return the node of an operation, or the result of the operation if both operands are constants."""
    if operator == "*" and Number("1") in (left, right):
        return right if left == Number("1") else left
    if not (isinstance(left, Number) and isinstance(right, Number)):
        return Binary(operator, left, right)
    a, b = Fraction(left.text), Fraction(right.text)
    return _number(a + b if operator == "+" else a - b if operator == "-" else a * b)


def _times(node: Node, factor: int) -> Node:
    if factor == 1 or node == Constant("NULL"):
        return node
    return _folded("*", node, Number(str(factor)))


def _negated(node: Node) -> Node:
    match node:
        case Number(text):
            return _number(-Fraction(text))
        case Unary("-", operand):
            return operand
        case _:
            return Unary("-", node)


def _number(value: Fraction) -> Number:
    """Return a fraction as a decimal. Its denominator must have only the factors 2 and 5."""
    digits = 0
    while (value * 10**digits).denominator != 1:
        digits += 1
    whole = (value * 10**digits).numerator
    if len(str(whole)) > 100:
        raise ExpressionError("has a constant of more than 100 digits")
    return Number(format(Decimal(whole).scaleb(-digits), "f"))
