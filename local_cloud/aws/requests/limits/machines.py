"""The form of state machines: what Step Functions refuses, and what fails in every execution."""

from __future__ import annotations

import copy
import functools
import re
from collections.abc import Iterator
from typing import Any

from jsonata import JException, Jsonata
from statelint.config import Config
from statelint.linter import Linter
from statelint.problem import ProblemType

from local_cloud.aws.requests.limits.limit import parsed

State = dict[str, Any]

# Strings, comments, and regular expressions, which JSONata accepts where a value may begin.
LITERALS = re.compile(
    r'"(?:\\.|[^"\\])*"|\'(?:\\.|[^\'\\])*\'|/\*.*?\*/|(?<=[(,\[{:;=&?>])\s*/(?:\\.|[^/\\\n])+/', re.DOTALL
)
# The names that begin with "States." and are errors of Step Functions.
ERRORS = frozenset(
    {
        "States.ALL",
        "States.BranchFailed",
        "States.DataLimitExceeded",
        "States.ExceedToleratedFailureThreshold",
        "States.HeartbeatTimeout",
        "States.Http.Socket",
        "States.IntrinsicFailure",
        "States.ItemReaderFailed",
        "States.NoChoiceMatched",
        "States.ParameterPathFailure",
        "States.Permissions",
        "States.QueryEvaluationError",
        "States.ResultPathMatchFailure",
        "States.ResultWriterFailed",
        "States.Runtime",
        "States.TaskFailed",
        "States.Timeout",
    }
)


@functools.lru_cache
def faults(definition: str) -> tuple[str, ...]:
    """Return the faults of a state machine, one sentence each."""
    machine = parsed(definition)
    if not isinstance(machine, dict):
        return ("The definition is not a JSON object",)
    # A number may be written without a decimal point: BackoffRate 2 is 2.0.
    found = Linter.validate(_without_seconds(machine), Config(ignored_problem_types={ProblemType.FLOAT}))
    for name, state in states(machine):
        found += [f"{name}: {said}" for said in (*_of_task(state), *_of_errors(state))]
    names = [name for name, _ in states(machine)]
    found += [f"{name}: a state's name has at most 80 characters" for name in names if len(name) > 80]
    found += [f"{name}: two states have this name" for name in {n for n in names if names.count(n) > 1}]
    found += [f"{place}: {said}" for place, text in texts(machine) if (said := _of_expression(text))]
    return tuple(found)


def states(machine: State) -> Iterator[tuple[str, State]]:
    """Yield every state with its name, including the states inside Map and Parallel."""
    for name, state in machine.get("States", {}).items():
        if not isinstance(state, dict):
            continue
        yield name, state
        for inner in (state.get("ItemProcessor"), state.get("Iterator"), *state.get("Branches", [])):
            if isinstance(inner, dict):
                yield from states(inner)


def texts(value: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """Yield every text of a definition with its path."""
    if isinstance(value, str):
        yield path, value
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, inner in items:
        yield from texts(inner, f"{path}.{name}".lstrip("."))


def _without_seconds(machine: State) -> State:
    """Ignore expressions in the seconds of Wait: Step Functions accepts them, Statelint 3.1.0 does not."""
    machine = copy.deepcopy(machine)
    for _, state in states(machine):
        if state.get("Type") == "Wait" and str(state.get("Seconds")).startswith("{%"):
            state["Seconds"] = 1
    return machine


def _of_task(state: State) -> Iterator[str]:
    if state.get("Type") == "Task" and not state.get("Resource"):
        yield "Resource is required"


def _of_errors(state: State) -> Iterator[str]:
    for field in ("Retry", "Catch"):
        rules = [rule.get("ErrorEquals", []) for rule in state.get(field, [])]
        for number, errors in enumerate(rules):
            if "States.ALL" in errors and (len(errors) > 1 or number < len(rules) - 1):
                yield f"States.ALL must stand alone in ErrorEquals, and in the last rule of {field}"
            for error in errors:
                if error.startswith("States.") and error not in ERRORS:
                    yield f"{error} is not an error of Step Functions"


def _of_expression(text: str) -> str:
    """Find JSONata that Step Functions refuses: $eval, and two operators that are new in JSONata 2.1."""
    if not (text.startswith("{%") or text.endswith("%}")):
        return ""
    if not (text.startswith("{%") and text.endswith("%}")):
        return 'an expression must start with "{%" and end with "%}"'
    expression = text[2:-2]
    try:
        Jsonata(expression)
    except JException as error:
        return f"no valid JSONata: {error}"
    unsupported = re.search(r"\$eval\b|\?\?|\?:", LITERALS.sub("", expression))
    return f"Step Functions does not support {unsupported[0]}" if unsupported else ""
