"""Write a wheel without code for the module glue-extract.

A Glue job loads code from the files that some of its arguments name. The module sets these arguments to the
wheel, so that the job loads no code from them.

Run `python -m tools.empty_wheel` after a change of this file. The wheel has the same bytes each time, because
its files have a fixed date and are not compressed.
"""

from __future__ import annotations

import base64
import hashlib
import io
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
NAME, VERSION = "extract_without_packages", "1.0"
PATH = ROOT / f"modules/glue-extract/packages/{NAME}-{VERSION}-py3-none-any.whl"

_INFO = f"{NAME}-{VERSION}.dist-info"
_FILES = {
    f"{_INFO}/METADATA": f"Metadata-Version: 2.1\nName: {NAME.replace('_', '-')}\n"
    f"Version: {VERSION}\nSummary: A wheel without code.\n",
    f"{_INFO}/WHEEL": "Wheel-Version: 1.0\nGenerator: tools.empty_wheel\nRoot-Is-Purelib: true\n"
    "Tag: py3-none-any\n",
}


def content() -> bytes:
    """Return the bytes of the wheel.

    The wheel is a zip file. It contains metadata, and a list of its files and their digests.
    """
    record = "".join(f"{name},{_digest(text)},{len(text)}\n" for name, text in _FILES.items())
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as archive:
        for name, text in {**_FILES, f"{_INFO}/RECORD": f"{record}{_INFO}/RECORD,,\n"}.items():
            archive.writestr(zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0)), text)
    return out.getvalue()


def _digest(text: str) -> str:
    digest = hashlib.sha256(text.encode()).digest()
    return "sha256=" + base64.urlsafe_b64encode(digest).decode().rstrip("=")


if __name__ == "__main__":
    PATH.parent.mkdir(exist_ok=True)
    PATH.write_bytes(content())
