"""The examples on the page docs/reference/extract.md."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any, cast

from rolling_format import Csv, File
from rolling_spec import Extract, Join, Metric
from tools.drawings import ROOT

PAGE = (ROOT / "docs/reference/extract.md").read_text()


def _extract(program: str) -> Extract:
    """Return the extract of a program that imports `Extract` and `run`."""
    names: dict[str, Any] = {"Extract": Extract, "Join": Join, "Metric": Metric}
    text = program.partition("\nif __name__")[0]
    exec(re.sub(r"^from (rolling_extract|pyspark).*$", "", text, flags=re.MULTILINE), names)
    return cast(Extract, names["EXTRACT"])


PROGRAMS = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
EXTRACTS = [_extract(program) for program in PROGRAMS]
EXTRACT = EXTRACTS[0]
FIELDS = re.findall(r"^\| `(\w+)` \|.*\| `(\w+[=(].*)` \|$", PAGE, re.MULTILINE)
EXAMPLES = [example.replace("\\|", "|") for _, example in FIELDS]


def changed(example: str) -> Extract:
    """Return the first extract of the page, in which the example replaces metrics, a join or other fields."""
    names = {"Csv": Csv, "Extract": Extract, "File": File, "Join": Join, "Metric": Metric, "EXTRACT": EXTRACT}
    if example.startswith("Metric("):
        return replace(EXTRACT, metrics={"example": eval(example, names)})
    if example.startswith("Join("):
        join = eval(example, names)
        recipient = {"bank_name": f"{join.name}.Name"}
        return replace(EXTRACT, joins=(*EXTRACT.joins[:-1], join), recipient=recipient)
    fields = {name: getattr(EXTRACT, name) for name in Extract.__dataclass_fields__ if name != "fault"}
    fields |= eval(f"dict({example})", names)
    if fields["rows"] is not None:
        fields |= {"group_by": None, "metrics": None}
    return Extract(**fields)
