"""List the published periods of a deployed extract, from its manifests and receipts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from decimal import Decimal
from importlib import resources
from pathlib import PurePosixPath
from typing import Any

import jinja2
from rich.console import Console
from rich.text import Text

from extracts import untrusted
from extracts.errors import ExtractsError
from extracts.operate.deployment import PERIOD, Deployment, explained
from extracts.pages import visible
from extracts.terminal import one_line


@dataclass(frozen=True, slots=True)
class Collection:
    """A download of a file by its recipient."""

    user: str
    time: str
    client_ip: str


@dataclass(frozen=True, slots=True)
class Total:
    """The number and the sum of the values that a metric aggregates. The sum is None if there is no value."""

    count: int
    sum: Decimal | None

    def __str__(self) -> str:
        values = f"{self.count:,} value{'' if self.count == 1 else 's'}"
        return values if self.sum is None else f"{self.sum:,} in {values}"


@dataclass(frozen=True, slots=True)
class File:
    """A published file."""

    key: str
    recipient: str
    rows: int
    bytes: int
    sha256: str
    collected: tuple[Collection, ...]

    @property
    def name(self) -> str:
        return PurePosixPath(self.key).name


@dataclass(frozen=True, slots=True)
class Published:
    """A published period."""

    period: str
    revision: int
    complete: bool
    reason: str | None
    published_at: str
    rows: int  # number of rows of all files
    entity_rows: int  # number of entity rows in the window
    orphan_rows: int
    totals: Mapping[str, Total]  # totals of all files, by metric
    files: tuple[File, ...]
    warnings: tuple[str, ...]
    late_data: Mapping[str, str]  # for each earlier period with late data, the difference as text

    @property
    def collected(self) -> int:
        """Return the number of files that were downloaded at least once."""
        return sum(bool(file.collected) for file in self.files)


def history(deployed: Deployment) -> list[Published]:
    """Return the published periods, oldest first."""
    bucket, prefix = deployed.manifests
    s3 = deployed.client("s3")
    with explained(f"s3://{bucket}/{prefix}"):
        pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
        keys = sorted(entry["Key"] for page in pages for entry in page.get("Contents", ()))
        receipts = _receipts(deployed)
        keys = [key for key in keys if PERIOD.fullmatch(PurePosixPath(key).stem) and key.endswith(".json")]

        def read(key: str) -> bytes:
            return bytes(s3.get_object(Bucket=bucket, Key=key)["Body"].read())

        with ThreadPoolExecutor(8) as pool:
            texts = list(pool.map(read, keys))
    return [_published(f"s3://{bucket}/{key}", text, receipts) for key, text in zip(keys, texts, strict=True)]


def _published(place: str, text: bytes, receipts: Mapping[str, list[Collection]]) -> Published:
    """Return the content of a manifest. Raise ExtractsError if the text is not a manifest."""
    try:
        found = untrusted.parsed(text)
        return Published(
            period=_period(found["period"]),
            revision=_count(found["revision"]),
            complete=bool(found["complete"]),
            reason=_reason(found["reason"]),
            published_at=str(found["published_at"]),
            rows=sum(_count(file["rows"]) for file in found["files"]),
            entity_rows=_count(found["source"]["rows"]),
            orphan_rows=_count(found["orphans"]["rows"]),
            totals={str(name): _total(total) for name, total in found["totals"]["metrics"].items()},
            files=tuple(_file(file, receipts) for file in found["files"]),
            warnings=tuple(map(str, found.get("warnings", ()))),
            late_data={str(late["period"]): str(late["difference"]) for late in found.get("late_data", ())},
        )
    except (ArithmeticError, ValueError, KeyError, TypeError, AttributeError):
        raise ExtractsError(f"{place} is not a manifest of the engine; move it to another place.") from None


def _period(value: object) -> str:
    if not isinstance(value, str) or PERIOD.fullmatch(value) is None:
        raise ValueError
    return value


def _count(value: object) -> int:
    if not untrusted.is_count(value):
        raise ValueError
    return value


def _reason(value: object) -> str | None:
    if value is not None and not isinstance(value, str):
        raise ValueError
    return value


def _total(entry: Mapping[str, Any]) -> Total:
    total = Decimal(str(entry["sum"])) if "sum" in entry else None
    if total is not None and not total.is_finite():
        raise ValueError
    return Total(_count(entry["count"]), total)


def _file(entry: Mapping[str, Any], receipts: Mapping[str, list[Collection]]) -> File:
    key = str(entry["key"])
    return File(
        key=key,
        recipient=str(entry["recipient"]),
        rows=_count(entry["rows"]),
        bytes=_count(entry["bytes"]),
        sha256=str(entry["sha256"]),
        collected=tuple(receipts.get(key, ())),
    )


def _receipts(deployed: Deployment) -> dict[str, list[Collection]]:
    """Return the downloads by the S3 key of the file. Only projects with an SFTP server have receipts."""
    table = deployed.outputs.get("sftp_receipts_table")
    if not table:
        return {}
    found: dict[str, list[Collection]] = {}
    for item in _items(deployed.client("dynamodb"), str(table)):
        # The path in the receipt begins with the name of the bucket: /bucket/loans/...
        key = item["file"]["S"].lstrip("/").partition("/")[2]
        user, time, address = (item[name]["S"] for name in ("recipient", "time", "client_ip"))
        found.setdefault(key, []).append(Collection(user, time, address))
    return {key: sorted(downloads, key=lambda one: one.time) for key, downloads in found.items()}


def _items(dynamodb: Any, table: str) -> Iterator[Mapping[str, Any]]:
    with explained(f"The table {table}"):
        for page in dynamodb.get_paginator("scan").paginate(TableName=table):
            yield from page["Items"]


def as_json(periods: Iterable[Published]) -> list[dict[str, Any]]:
    """Return the periods as JSON values."""
    return [
        {
            "period": one.period,
            "revision": one.revision,
            "complete": one.complete,
            "reason": one.reason,
            "published_at": one.published_at,
            "rows": one.rows,
            "entity_rows": one.entity_rows,
            "orphan_rows": one.orphan_rows,
            "totals": {
                name: {"count": total.count} | ({} if total.sum is None else {"sum": str(total.sum)})
                for name, total in one.totals.items()
            },
            "files": [
                {
                    "key": file.key,
                    "recipient": file.recipient,
                    "rows": file.rows,
                    "bytes": file.bytes,
                    "sha256": file.sha256,
                    "collected": [
                        {"user": got.user, "time": got.time, "client_ip": got.client_ip}
                        for got in file.collected
                    ],
                }
                for file in one.files
            ],
            "warnings": list(one.warnings),
            "late_data": dict(one.late_data),
        }
        for one in periods
    ]


def show(periods: list[Published], console: Console, *, receipts: bool) -> None:
    """Print a table, newest period first. Below each period's line are its totals and remarks.

    With `receipts`, the table has a column for downloads.
    """
    names = ["period", "revision", "published", "files", "rows", "entity rows", "orphan rows"]
    lines = [(*names, *(["collected"] if receipts else []))]
    for one in reversed(periods):
        numbers = (f"{number:,}" for number in (len(one.files), one.rows, one.entity_rows, one.orphan_rows))
        collected = [f"{one.collected} of {len(one.files)}"] if receipts else []
        lines.append((one.period, str(one.revision), one.published_at, *numbers, *collected))
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    below = [[], *([_totals(one), _last(one), remarks(one, periods)] for one in reversed(periods))]
    for line, more in zip(lines, below, strict=True):
        cells = (
            cell.rjust(width) if name not in ("period", "published") else cell.ljust(width)
            for cell, width, name in zip(line, widths, lines[0], strict=True)
        )
        for text in ("  ".join(cells), *(f"  {text}" for text in more if text)):
            console.print(Text(one_line(text)), soft_wrap=True)


def _last(one: Published) -> str:
    """Return a sentence about the last download of the period: by which user, and when."""
    downloads = [download for file in one.files for download in file.collected]
    last = max(downloads, key=lambda download: download.time, default=None)
    return "" if last is None else f"last collected by {last.user}, {last.time}"


def _totals(one: Published) -> str:
    """Return the totals of all files. Metrics with equal totals share one text."""
    metrics: dict[Total, list[str]] = {}
    for name, total in one.totals.items():
        metrics.setdefault(total, []).append(name)
    if len(metrics) == 1:
        return f"total: {next(iter(metrics))}"
    return "; ".join(f"{', '.join(names)}: {total}" for total, names in metrics.items())


def remarks(one: Published, periods: Iterable[Published]) -> str:
    """Return notes about a period on one line: reason of the restatement, warnings and late data."""
    found = [] if one.complete else ["published before the end of the month"]
    found += [one.reason] if one.reason else []
    found += one.warnings
    # Several later periods may report late data for this period. Show the difference that the last of these
    # periods reports, because its run is usually the newest.
    late = [other.late_data[one.period] for other in periods if one.period in other.late_data]
    found += [f"late data: {late[-1]}"] if late else []
    return " ".join("; ".join(found).split())  # one line, even if the manifest contains line breaks


def page(name: str, periods: list[Published], *, receipts: bool) -> str:
    """Return the periods as one HTML page without scripts."""
    source = resources.files("extracts").joinpath("operate/history.html.jinja").read_text(encoding="utf-8")
    environment = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True)
    rows = [(one, remarks(one, periods)) for one in reversed(periods)]
    return visible(environment.from_string(source).render(name=name, periods=rows, receipts=receipts))
