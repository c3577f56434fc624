"""The example spec on the page about upgrades is valid Python."""

from __future__ import annotations

import re

from rolling_spec import Metric
from tools.drawings import ROOT


def test_example_spec_on_the_upgrade_page_has_a_dict_of_metrics() -> None:
    page = (ROOT / "docs/how-to/upgrade.md").read_text()
    [code] = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    given: dict[str, object] = {}
    exec(code, {"Extract": given.update, "Metric": Metric})
    assert given["metrics"] == {
        "loans_count": Metric("count", "Amount", window=3),
        "amount_sum": Metric("sum", "Amount", window=3),
        "amount_avg": Metric("avg", "Amount", window=3),
    }
