"""A bucket that refuses a write: what the sentence tells to grant."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from rolling_errors import ExtractError
from rolling_store import BucketStore

HINT = ", and add the recipient to flat_recipients of the module glue-extract"


class Refusing:
    """A client of S3 without rights."""

    def put_object(self, **_: Any) -> None:
        raise ClientError({"Error": {"Code": "AccessDenied", "Message": "no"}}, "PutObject")


@pytest.mark.parametrize(
    ("prefix", "place", "hint"),
    [
        ("loans", "bank_name=First/First_20261031.csv", HINT),
        ("", "bank_name=First/First_20261031.csv.done", HINT),
        ("loans", "bank_name=First/year=2026/month=10/First_20261031.csv", ""),
        ("loans", "_manifests/2026-10.claim", ""),
        ("unit=loans", "_manifests/2026-10.claim", ""),
    ],
)
def test_refusal_of_a_flat_file_names_the_setting(tmp_path: Path, prefix: str, place: str, hint: str) -> None:
    (tmp_path / "body").write_bytes(b"x")
    with pytest.raises(ExtractError) as caught:
        BucketStore("data", prefix, Refusing()).create(place, tmp_path / "body", "00")
    key = f"{prefix}/{place}".removeprefix("/")
    right = "grant s3:PutObject and the use of the bucket's key to the job's role"
    assert caught.value.sentence == f"permission denied for s3://data/{key}; {right}{hint}"
