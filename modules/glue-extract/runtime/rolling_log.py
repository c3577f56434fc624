"""The log: one JSON object a line on stdout, so that CloudWatch Logs Insights can filter by field without a
parser.
"""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime

from rolling_errors import one_line

Field = str | int | bool | None | list[str] | dict[str, str]


def log(event: str, message: str, *, level: str = "info", **fields: Field) -> None:
    """Write one line. `event` is for programs and does not change between versions. `message` is for people.

    ASCII only (`\\u00fc`): a Glue worker's stdout has whatever encoding its image was built with, and a log
    line that raises would hide the very thing that it was to tell.
    """
    entry = {
        "time": datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "level": level,
        "event": event,
        "message": one_line(message),
        **fields,
    }
    sys.stdout.write(json.dumps(entry) + "\n")
    sys.stdout.flush()
