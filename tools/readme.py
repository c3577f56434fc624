"""The modules' READMEs: their examples, and their tables, which `make docs` makes from the code."""

from __future__ import annotations

import re
from pathlib import Path

from tools.hcl import MODULES, NAMES, Input, inputs, outputs

BEGIN = '<!-- From here on "make docs" writes, out of variables.tf and outputs.tf. -->'
END = "<!-- To here. -->"


def examples(module: str) -> list[str]:
    """The HCL that a README shows."""
    text = (MODULES / module / "README.md").read_text()
    return re.findall(r"```hcl\n(.*?)```", text, flags=re.DOTALL)


def write_example(folder: Path, text: str) -> None:
    """A root module out of one example, with the files that it names."""
    (folder / "Glue").mkdir(parents=True)
    (folder / "Glue/etl.py").write_text('"""Stands in for a spec."""\n')
    (folder / "rds-ca.pem").write_text("-----BEGIN CERTIFICATE-----\n")
    (folder / "main.tf").write_text(text)


def tables(module: str) -> str:
    """Inputs and outputs of a module, with the markers round them."""
    lines = [BEGIN, "", "## Inputs", "", "| name | type | default | what it is |", "|---|---|---|---|"]
    for given in inputs(module):
        said = _cell(given.description, given.defaults)
        lines.append(f"| `{given.name}` | {_kind(given)} | {_default(given)} | {said} |")
    lines += ["", "## Outputs", "", "| name | what to do with it |", "|---|---|"]
    lines += [f"| `{output.name}` | {_cell(output.description, {})} |" for output in outputs(module)]
    return "\n".join([*lines, "", END])


def written(module: str, text: str) -> str:
    """The README's text with the tables as they should be; ValueError where it has no place for them."""
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"modules/{module}/README.md: the two markers are missing: {BEGIN} and {END}")
    return before + tables(module) + after


def _kind(given: Input) -> str:
    """The type without an object's attributes, which its description lists."""
    outer = given.type.partition("({")[0]
    return f"`{outer}{')' * outer.count('(')}`" if outer != given.type else f"`{outer}`"


def _default(given: Input) -> str:
    return "required" if given.default is None else f"`{given.default}`"


def _cell(description: str, defaults: dict[str, str]) -> str:
    """A description in one cell: an object's attributes below each other, each with its default."""
    lines = re.sub(r"\n\s+(?!-)", " ", description)
    listed = re.sub(
        r"\n- `(\w+)`\s+- (\(Optional\))?",
        lambda m: f"<br>`{m[1]}`: {m[2] or ''}{f' (`{defaults[m[1]]}`)' if m[1] in defaults else ''}",
        lines,
    )
    return listed.replace("(Optional) (`", "(Optional, `").replace("\n", " ").replace("|", r"\|")


def main() -> None:
    for module in NAMES:
        readme = MODULES / module / "README.md"
        text = readme.read_text()
        readme.write_text(written(module, text))


if __name__ == "__main__":
    main()
