"""Assemble the page of a preview from template, style, scripts and data.

The content security policy of the page allows no other styles and scripts, and no network requests.
The scripts and styles are files in the folder `page`. The files in `page/vendor` belong to the charting
library uPlot.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
import unicodedata
from decimal import Decimal
from importlib import resources
from typing import Any

import jinja2
from markupsafe import Markup

from extracts.pages import visible
from extracts.report_numbers import NOTHING, counted, difference, month_name, number, percent, sparkline
from extracts.terminal import json_escape

STYLES = ("vendor/uPlot.min.css", "base.css", "parts.css")
LICENSE = "vendor/uPlot.LICENSE"  # each copy of uPlot must contain this license
SCRIPTS = (
    "vendor/uPlot.iife.min.js", "numbers.js", "changes.js", "charts.js", "groups.js", "page.js",
)  # fmt: skip


def render(*, data: dict[str, Any], **shown: Any) -> str:
    """Return the HTML of the page."""
    style = f"/* {_asset(LICENSE)} */\n" + "\n".join(map(_asset, STYLES))
    # The page must be valid HTML and valid XML, so each script is in a CDATA section. XML parsers read this
    # section as text. A browser ignores the CDATA marks, because they are in comments of the script.
    scripts = [f"//<![CDATA[\n{_asset(name)}\n//]]>" for name in SCRIPTS]
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("extracts", "page"),
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
    environment.globals |= {
        "NOTHING": NOTHING,
        "difference": difference,
        "percent": percent,
        "number": number,
    }
    environment.filters |= {"counted": counted, "month": month_name, "sparkline": sparkline, "text": _text}
    policy = (
        f"default-src 'none'; style-src {_source(style)}; script-src {' '.join(map(_source, scripts))};"
        " base-uri 'none'; form-action 'none'"
    )
    text = environment.get_template("page.html.jinja").render(
        **shown, data=_embedded(data), style=Markup(style), scripts=[*map(Markup, scripts)], policy=policy
    )
    return _printable(text)


def _text(value: Decimal | None) -> str:
    return "" if value is None else f"{value:f}"


def _asset(name: str) -> str:
    return resources.files("extracts").joinpath("page", name).read_text(encoding="utf-8").strip("\n")


def _source(text: str) -> str:
    """Return the hash of a style or script in the form that the content security policy needs."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def _embedded(data: dict[str, Any]) -> Markup:
    """Return the data as JSON for an HTML element. The JSON contains no `<`, `>` or `&`."""
    text = visible(json.dumps(data, separators=(",", ":"), ensure_ascii=False))
    return Markup(re.sub(r"[<>&]|[^\x00-\x7f]", lambda found: json_escape(found[0]), text))


def _printable(text: str) -> str:
    """Return a text in which U+FFFD replaces invisible characters and characters that XML does not allow.

    Values from the source may contain such characters.
    """
    return "".join(
        "\ufffd" if unicodedata.category(c) in ("Cc", "Cs", "Cn") and c not in "\n\t" else c
        for c in visible(text)
    )
