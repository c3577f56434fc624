"""Find out whether a test, the ci workflow or a make target runs a command of a page."""

from __future__ import annotations

import ast
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

from tools.drawings import ROOT

Commands = Callable[[str], list[str]]  # returns the commands of a page


def runs(command: str, runner: str, commands: Commands) -> bool:
    """Return whether the runner runs the command.

    `runner` is a test (`file::name`), a make command such as `make lint`, or the workflow ci. A test runs a
    command if the code of the test, its fixtures or its helpers contains one of these:

    - the command as a string, or its words as a list.
    - a call of a method `says(beginning)` with the beginning of the command. This method returns the only
      command on the pages that begins with this text.
    - for a make command: a list of words that is a part of the recipe of the command.
    - the path of a page and the number of a step, if this step of the page is the command.

    If the recipe of a make command starts pytest with the file of a test, this test also runs the command.
    """
    file, separator, name = runner.partition("::")
    if runner.startswith("make "):
        own, other = recipe(command), recipe(runner)
        return bool(own) and set(own) <= set(other)
    if not separator:
        return in_workflow(command)
    nodes = list(reached(ROOT / file, name))
    if not nodes:
        return False
    texts = {text for node in nodes for text in strings(node)}
    beginnings = {text for node in nodes for text in beginnings_of(node)}
    lists = {words for node in nodes for words in sequences(node)}
    if (
        command in texts
        or any(map(command.startswith, beginnings))
        or any(same(command, words, texts) for words in lists)
    ):
        return True
    recipes = "\n".join(recipe(command))
    if f"pytest {file} " in f"{recipes} " or any(
        " ".join(words) in recipes or " ".join(w for w in words if w != "-m") in recipes
        for words in lists
        if len(words) > 2 or (words[:1] == ("-m",) and words[1:] not in ((), ("pytest",)))
    ):
        return True
    pages = [text for text in texts if text.endswith(".md") and (ROOT / text).is_file()]
    return any(step(nodes, (ROOT / page).read_text(), command, commands) for page in pages)


def same(command: str, words: tuple[str, ...], texts: set[str]) -> bool:
    """Return whether a list of words is the beginning of a make command.

    Options of make and values of variables may differ. All words of the command after this beginning must be
    strings in the test.
    """
    if words[:1] != ("make",) or not command.startswith("make "):
        return False
    given = shlex.split(command)
    count = len(_plain(words))
    return _plain(words) == _plain(tuple(given[:count])) and texts.issuperset(given[count:])


def _plain(words: tuple[str, ...]) -> list[str]:
    return [re.sub(r"=.*", "=", word) for word in words if not word.startswith("-")]


@cache
def recipe(command: str) -> tuple[str, ...]:
    """Return the lines that make would run, or nothing for a command that is not a make command."""
    if not command.startswith("make "):
        return ()
    done = subprocess.run(
        [*shlex.split(command), "--dry-run", f"--old-file={sys.prefix}/.ready", f"VENV={sys.prefix}"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        # Make passes its settings and variables to child processes in the environment. Without this short
        # environment, this make would use ARGS of an outer `make test ARGS=-v`, and print its folder.
        env={"PATH": os.environ["PATH"]},
    )
    return tuple(line.strip() for line in done.stdout.splitlines())


def in_workflow(command: str) -> bool:
    """Return whether the ci workflow has jobs that run all targets of a make command."""
    jobs = (ROOT / ".github/workflows/ci.yml").read_text()
    parts = re.findall(r"part:\n((?: +- \S+\n)+)", jobs)
    tested = re.search(r"-m pytest .*\btests/([\w/]+)", " ".join(recipe(command)))
    if folder := re.search(r'ARGS="?tests/([\w/]+)', command) or tested:
        listed = {part for text in parts for part in re.findall(r"- (\S+)", text)}
        return folder[1] in listed and '- run: make test ARGS="tests/$PART"\n' in jobs
    targets = [word for word in shlex.split(command)[1:] if "=" not in word]
    return all(re.search(rf"- run: make {target}(?: ARGS=.*)?\n", jobs) for target in targets)


@cache
def defined(file: Path) -> dict[str, ast.stmt]:
    """Return the functions and constants of a module, keyed by name."""
    found: dict[str, ast.stmt] = {}
    for node in ast.parse(file.read_text()).body:
        if isinstance(node, ast.FunctionDef):
            found[node.name] = node
        elif isinstance(node, ast.Assign):
            found |= {target.id: node for target in node.targets if isinstance(target, ast.Name)}
    return found


def reached(file: Path, name: str) -> Iterator[ast.stmt]:
    """Yield the code of a test, and of every fixture, helper and constant that it uses."""
    own = defined(file)
    if name not in own:
        return
    shared = (defined(path) for path in sorted((ROOT / "tests/support").glob("*.py")))
    known = {key: node for module in shared for key, node in module.items()} | own
    waiting = [name]
    seen: set[str] = set()
    # RUN and NOT_RUN list all commands, so they do not prove that a test runs a command.
    while waiting:
        one = waiting.pop()
        if one in seen or one not in known or one in ("RUN", "NOT_RUN"):
            continue
        seen.add(one)
        yield known[one]
        for node in ast.walk(known[one]):
            if isinstance(node, ast.Name):
                waiting.append(node.id)
            elif isinstance(node, ast.arg):
                waiting.append(node.arg)


def strings(node: ast.AST) -> Iterator[str]:
    """Yield all strings in a piece of code."""
    for one in ast.walk(node):
        if isinstance(one, ast.Constant) and isinstance(one.value, str):
            yield one.value


def beginnings_of(node: ast.AST) -> Iterator[str]:
    """Yield the arguments of all calls of `says(...)`."""
    for one in ast.walk(node):
        if isinstance(one, ast.Call) and isinstance(one.func, ast.Attribute) and one.func.attr == "says":
            yield from (text for argument in one.args for text in strings(argument))


def sequences(node: ast.AST) -> Iterator[tuple[str, ...]]:
    """Yield the strings in each list and tuple, and in the arguments of each call."""
    for one in ast.walk(node):
        if isinstance(one, ast.List | ast.Tuple | ast.Call):
            yield tuple(
                part.value
                for part in (one.args if isinstance(one, ast.Call) else one.elts)
                if isinstance(part, ast.Constant) and isinstance(part.value, str)
            )


def step(nodes: list[ast.stmt], page: str, command: str, commands: Commands) -> bool:
    """Return whether the command is a step of a page and the code contains the number of this step.

    The steps of a page are its indented commands. The number must be in the first argument of a call, or in a
    `for` loop over numbers.
    """
    indented = "".join(f"```console\n$ {text}\n```\n" for text in re.findall(r"^ {3,}\$ (.*)$", page, re.M))
    steps = commands(indented)
    used = {
        one.value
        for node in nodes
        for call in ast.walk(node)
        if isinstance(call, ast.Call | ast.For)
        for one in ast.walk(call.args[0] if isinstance(call, ast.Call) and call.args else call)
        if isinstance(one, ast.Constant) and isinstance(one.value, int)
    }
    return command in steps and steps.index(command) + 1 in used
