"""The log: one JSON object per line on stdout. CloudWatch Logs Insights can filter such lines by field."""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime

from rolling_errors import one_line

Field = str | int | bool | None | list[str] | dict[str, str]


def log(event: str, message: str, *, level: str = "info", **fields: Field) -> None:
    """Write one line. `event` is for programs and does not change between versions. `message` is for people.

    Characters outside ASCII are escaped (`\\u00fc`), because the encoding of stdout on a Glue worker is not
    known. If writing a line raised an error, its event would be lost.
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
