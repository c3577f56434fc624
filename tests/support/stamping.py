"""Create projects from the template, without the user's cookiecutter settings."""

from __future__ import annotations

import ast
import functools
import json
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path

import jinja2
import pytest
from cookiecutter.environment import StrictEnvironment
from cookiecutter.generate import generate_files
from cookiecutter.main import cookiecutter

from tests.support.options import ADDRESS

REPOSITORY = Path(__file__).resolve().parents[2]
TEMPLATE = REPOSITORY / "templates/extract"


@pytest.fixture(scope="session")
def repository() -> Path:
    return REPOSITORY


@pytest.fixture(scope="session")
def template() -> Path:
    return TEMPLATE


@pytest.fixture(scope="session")
def declared() -> dict[str, object]:
    """Return the content of cookiecutter.json, without the texts of the prompts."""
    found: dict[str, object] = json.loads((TEMPLATE / "cookiecutter.json").read_text())
    found.pop("__prompts__")
    return found


@pytest.fixture(scope="session")
def cookiecutter_settings(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Create settings of cookiecutter, with folders for clones and replays."""
    folder = tmp_path_factory.mktemp("cookiecutter")
    settings = folder / "settings.yaml"
    settings.write_text(f"cookiecutters_dir: {folder / 'clones'}\nreplay_dir: {folder / 'replays'}\n")
    return settings


@pytest.fixture(scope="session", autouse=True)
def compiled_templates(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Compile each template only once. Without this cache, cookiecutter compiles it for each project."""
    cache = jinja2.FileSystemBytecodeCache(str(tmp_path_factory.mktemp("jinja")))
    StrictEnvironment.bytecode_cache = property(lambda _: cache, lambda *_: None)


@pytest.fixture
def output(tmp_path: Path) -> Path:
    """Return the folder in which a test creates projects."""
    folder = tmp_path / "stamped"
    folder.mkdir()
    return folder


@pytest.fixture(scope="session")
def stamp_into(cookiecutter_settings: Path, declared: dict[str, object]) -> Callable[..., Path]:
    """Return a function that creates a project, like `cookiecutter --no-input question=answer`."""

    def stamp_into(folder: Path, **answers: object) -> Path:
        unknown = answers.keys() - declared.keys()
        assert not unknown, f"cookiecutter would drop {unknown} without a word"
        return Path(
            cookiecutter(
                str(TEMPLATE),
                no_input=True,
                extra_context=ADDRESS | answers,
                output_dir=str(folder),
                config_file=str(cookiecutter_settings),
                overwrite_if_exists=True,
            )
        )

    return stamp_into


@pytest.fixture
def stamp(output: Path, stamp_into: Callable[..., Path]) -> Callable[..., Path]:
    """Return a function that creates a project in the folder of the test."""
    return functools.partial(stamp_into, output)


@pytest.fixture
def typed(output: Path, declared: dict[str, object]) -> Callable[..., Path]:
    """Return a function that creates a project from answers that a user types at the prompts.

    The template gets these answers unchanged. In contrast, cookiecutter renders the answers of `stamp` before
    the template gets them. As in tools that update projects, the context contains only questions and answers.
    """

    def typed(**answers: object) -> Path:
        context: OrderedDict[str, object] = OrderedDict(
            (name, value[0] if isinstance(value, list) else value) for name, value in declared.items()
        )
        context |= ADDRESS
        context["__module_source"] = "../../../modules/MODULE"
        context |= answers
        # cookiecutter() computes this value from the slug, but generate_files() does not.
        kept = [c if c.isascii() and c.isalnum() else "-" for c in str(context["project_slug"]).lower()[:40]]
        context["__folder"] = "".join(kept).strip("-") or "refused"
        return Path(generate_files(str(TEMPLATE), {"cookiecutter": context}, str(output)))

    return typed


def spec(project: Path) -> dict[str, object]:
    """Return the arguments of `Extract(...)` in Glue/etl.py, without running this file.

    Each join and each metric is a tuple of its arguments.
    """
    tree = ast.parse((project / "Glue/etl.py").read_text(encoding="utf-8"))
    [call] = [
        node for node in ast.walk(tree) if isinstance(node, ast.Call) and ast.unparse(node.func) == "Extract"
    ]
    given = {k.arg: k.value for k in call.keywords if k.arg}
    joins, metrics = given.pop("joins"), given.pop("metrics")
    file = {"file": ast.unparse(given.pop("file"))} if "file" in given else {}
    assert isinstance(joins, ast.Tuple)
    assert isinstance(metrics, ast.Dict)

    def parts(call: ast.expr) -> tuple[object, ...]:
        assert isinstance(call, ast.Call)
        return tuple(ast.literal_eval(part) for part in (*call.args, *(k.value for k in call.keywords)))

    return {
        **{name: ast.literal_eval(value) for name, value in given.items()},
        **file,
        "joins": [parts(join) for join in joins.elts],
        "metrics": {
            ast.literal_eval(name): parts(metric)
            for name, metric in zip(metrics.keys, metrics.values, strict=True)
            if name
        },
    }
