"""Publish texts as files that the engine compresses and encrypts. Each file gets marker files."""

from __future__ import annotations

import gzip
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from typing import TYPE_CHECKING, Any, cast

import rolling_format
import rolling_pgp
import rolling_publication
import rolling_writing
from rolling_blocks import Block, blocks_of
from rolling_period import Period
from rolling_resolved import Resolved
from rolling_result import Result
from rolling_sealing import Sealing
from rolling_span import Span
from rolling_store import Store
from rolling_totals import Row, Tally
from tests.support.engine.handmade import column, measure, metric, resolved, tables
from tests.support.engine.publisher import OCTOBER, Publisher

if TYPE_CHECKING:
    from pysequoia import Tsk

NAMES = ("Alpha", "Beta", "Gamma", "Delta", "Gone", "New", "Own0", "Own1", "Own2")


@cache
def secret() -> Tsk:
    """Return the private key with which all recipients decrypt."""
    from pysequoia import Tsk

    return Tsk.generate("Alpha <alpha@example.com>")


@cache
def keys() -> rolling_pgp.Keys:
    text = str(secret().extract_certificate())
    return rolling_pgp.read({(name, "laptop"): text for name in NAMES if name != "Beta"}, datetime.now(UTC))


@dataclass
class PackedPublisher(Publisher):
    """Publish encrypted files. Only the file of the recipient Beta is a plain text file."""

    def run(self, texts: dict[str, str], *, restate: bool = False, through: Store | None = None) -> str:
        store, folder = through or self.store, self.scratch / uuid.uuid4().hex
        seal = Sealing(keys(), store, OCTOBER, restate=restate)
        given = cast(Result, _Given(texts))
        files, _ = rolling_writing.write_files(given, OCTOBER, texts, folder, seal=seal)
        made = rolling_publication.plan(store, OCTOBER, files, restate=restate)
        return self.publish(made, through=store)

    def place(self, name: str) -> str:
        folder = f"bank_name={name}/year=2026/month=10"
        return f"{folder}/{name}-2026-10.txt" if name == "Beta" else f"{folder}/{name}_20261031.csv.gz.pgp"

    def text(self, name: str) -> str:
        from pysequoia import decrypt

        data = b"".join(self.store.read(self.place(name)))
        if name != "Beta":
            data = gzip.decompress(bytes(decrypt(data, decryptor=secret().decryptor()).bytes or b""))
        return data.decode().splitlines()[-1].split("|" if name == "Beta" else ",")[1]

    def published(self) -> dict[str, Any] | None:
        """Return the manifest, or None. If a marker exists, check that the marked file can be read."""
        for name in NAMES:
            done = self.store.version(f"{self.place(name)}.done")
            assert done is None or self.lies(name), f"{name} has a marker and no file"
        found = super().published()
        for file in found["files"] if found else []:
            place = file["key"].removeprefix(self.store.key(""))
            if not place.endswith(".txt"):
                line = f"{file['sha256']}  {place.rpartition('/')[2]}\n"
                assert b"".join(self.store.read(f"{place}.sha256")).decode() == line
            assert b"".join(self.store.read(f"{place}.done")) == b""
        return found


class _Given:
    """A stand-in for the result of the queries. It has one row for each text."""

    def __init__(self, texts: dict[str, str]) -> None:
        self.resolved: Resolved = resolved(
            tables=tables("fees"),
            date=column("t0", "day", "date"),
            recipient_label="bank_name",
            recipient=column("t0", "owner"),
            group_by={"text": column("t0", "text")},
            measures=(measure(column("t0", "amount", "integer")),),
            metrics=(metric("sum", scale=None, name="amount_sum"),),
            columns=("bank_name", "text", "amount_sum"),
            file=rolling_format.File(
                compression="gzip", markers=("sha256", "done"), encryption=rolling_format.Pgp()
            ),
            files={
                "Beta": rolling_format.File(
                    name="{recipient}-{period}.txt",
                    format=rolling_format.Csv(delimiter="|", header=False),
                    markers=("done",),
                )
            },
        )
        self.span = Span((OCTOBER,), (1,))
        self._texts = texts

    def blocks(self, _: Period) -> Iterator[Block]:
        return blocks_of(
            Row(name, (text,), (str(len(text)),), (1, 1, len(text)))
            for name, text in sorted(self._texts.items())
        )

    def tally(self) -> Tally:
        return Tally(self.resolved, (0,))
