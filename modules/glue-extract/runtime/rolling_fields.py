"""Let classes of the spec report wrong fields with a sentence instead of a TypeError."""

from __future__ import annotations

import difflib
import functools
import inspect
from collections.abc import Callable
from typing import Any, TypeVar

_Spec = TypeVar("_Spec")


def named(cls: type[_Spec]) -> type[_Spec]:
    """Return the class with a new constructor, which sets `fault` for wrong fields and raises no TypeError.

    Python creates the spec when it imports `Glue/etl.py`, before it calls `run`. But only `run` can report an
    error in one sentence.
    """
    plain: Callable[..., None] = cls.__init__
    parameters = list(inspect.signature(plain).parameters.values())[1:]
    names = [parameter.name for parameter in parameters]
    required = [parameter.name for parameter in parameters if parameter.default is parameter.empty]

    @functools.wraps(plain)
    def __init__(self: Any, *positional: Any, **named: Any) -> None:
        given = dict(zip(names, positional, strict=False)) | named
        plain(self, **{name: given.get(name) for name in names if name in given or name in required})
        missing = [name for name in required if name not in given]
        unknown = next((name for name in named if name not in names), None)
        twice = next((name for name in names[: len(positional)] if name in named), None)
        fault = None
        if unknown is not None:
            near = difflib.get_close_matches(unknown, names, n=1, cutoff=0.6)
            hint = f'. Did you mean "{near[0]}"? Its' if near else "; its"
            fault = f'{cls.__name__} has no field "{unknown}"{hint} fields are {", ".join(names)}'
        elif len(positional) > len(names):
            fault = f"{cls.__name__} has {len(names)} fields, not {len(positional)}: {', '.join(names)}"
        elif twice is not None:
            fault = f'{cls.__name__} has its field "{twice}" twice'
        elif missing:
            fault = f"{cls.__name__} lacks {', '.join(missing)}"
        object.__setattr__(self, "fault", fault)

    cls.__init__ = __init__  # type: ignore[method-assign]
    return cls
