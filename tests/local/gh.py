"""`gh api` on the state of the local GitHub, as far as our workflows call it, under the token's rights."""

from __future__ import annotations

import argparse
import json
import os
import re
import sys
from pathlib import Path
from typing import Any

import jq


def main() -> None:
    """Answer one call."""
    parser = argparse.ArgumentParser()
    parser.add_argument("verb", choices=["api"])
    parser.add_argument("path")
    parser.add_argument("--method", default="GET")
    parser.add_argument("--field", action="append", default=[])
    parser.add_argument("--jq")
    parser.add_argument("--paginate", action="store_true")
    parser.add_argument("--silent", action="store_true")
    asked = parser.parse_args()
    place = Path(os.environ["LOCAL_GITHUB"]) / "state.json"
    state = json.loads(place.read_text())
    path = asked.path.removeprefix(f"repos/{os.environ['GITHUB_REPOSITORY']}/")
    answer = answered(state, asked.method, path, fields(asked.field))
    place.write_text(json.dumps(state))
    if asked.silent:
        return
    for found in jq.compile(asked.jq).input_value(answer).all() if asked.jq else [answer]:
        print(found if isinstance(found, str) else json.dumps(found))


def answered(state: dict[str, Any], method: str, path: str, given: dict[str, str]) -> Any:
    """What GitHub answers, after the change it makes."""
    if method == "GET" and (match := re.fullmatch(r"issues/(\d+)/comments", path)):
        needs("pull-requests", "read")
        return [comment for comment in state["comments"] if comment["number"] == int(match[1])]
    if method == "POST" and (match := re.fullmatch(r"issues/(\d+)/comments", path)):
        needs("pull-requests", "write")
        comment = {"id": len(state["comments"]) + 1, "number": int(match[1]), "body": given["body"]}
        comment["user"] = {"login": "github-actions[bot]"}
        state["comments"].append(comment)
        return comment
    if method == "PATCH" and (match := re.fullmatch(r"issues/comments/(\d+)", path)):
        needs("pull-requests", "write")
        [comment] = [comment for comment in state["comments"] if comment["id"] == int(match[1])]
        comment["body"] = given["body"]
        return comment
    if method == "GET" and (match := re.fullmatch(r"commits/([0-9a-f]{40})/pulls", path)):
        needs("pull-requests", "read")
        return [pull for pull in state["pulls"] if pull["sha"] == match[1]]
    sys.exit(f"gh: Not Found (HTTP 404): {method} {path}")


def fields(given: list[str]) -> dict[str, str]:
    """`name=value`, and `name=@file` for the file's text."""
    pairs = dict(field.split("=", 1) for field in given)
    return {k: Path(v[1:]).read_text() if v.startswith("@") else v for k, v in pairs.items()}


def needs(right: str, level: str) -> None:
    """The token is the list of its rights."""
    if json.loads(os.environ["GH_TOKEN"]).get(right) not in (level, "write"):
        sys.exit(f"gh: Resource not accessible by integration (HTTP 403): {right}: {level}")


if __name__ == "__main__":
    main()
