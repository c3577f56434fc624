"""The examples of docs/reference/extract.md."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any, cast

from rolling_format import Csv, File
from rolling_spec import Extract, Join, Metric
from tools.drawings import ROOT

PAGE = (ROOT / "docs/reference/extract.md").read_text()


def _extract() -> Extract:
    [shown] = re.findall(r"```python\nfrom rolling_extract.*?(?=\nEXTRACT = )(.*?)\n\nif", PAGE, re.DOTALL)
    names: dict[str, Any] = {"Extract": Extract, "Join": Join, "Metric": Metric}
    exec(shown, names)
    return cast(Extract, names["EXTRACT"])


EXTRACT = _extract()
FIELDS = re.findall(r"^\| `(\w+)` \|.*\| `(\w+[=(].*)` \|$", PAGE, re.MULTILINE)
EXAMPLES = [example.replace("\\|", "|") for _, example in FIELDS]


def changed(example: str) -> Extract:
    """Return the page's extract with an example: a metric, the last join, or fields of the extract."""
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
