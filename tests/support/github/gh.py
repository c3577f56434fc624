"""Emulate the commands of `gh` that our workflows run. Each command uses the state of the emulated GitHub."""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import jq


def main() -> None:
    """Answer one call of `gh`."""
    parser = argparse.ArgumentParser()
    verbs = parser.add_subparsers(dest="verb", required=True)
    api = verbs.add_parser("api")
    api.add_argument("path")
    api.add_argument("--method", default="GET")
    api.add_argument("--field", action="append", default=[])
    api.add_argument("--jq")
    api.add_argument("--paginate", action="store_true")
    api.add_argument("--silent", action="store_true")
    create = verbs.add_parser("release").add_subparsers(required=True).add_parser("create")
    create.add_argument("tag")
    create.add_argument("files", nargs="*")
    create.add_argument("--verify-tag", action="store_true", required=True)
    create.add_argument("--title", required=True)
    create.add_argument("--notes-file", required=True)
    arguments = parser.parse_args()
    state_file = Path(os.environ["LOCAL_GITHUB"]) / "state.json"
    state = json.loads(state_file.read_text())
    if arguments.verb == "release":
        release(state, arguments.tag, arguments.files, Path(arguments.notes_file).read_text())
    else:
        call(state, arguments)
    state_file.write_text(json.dumps(state))


def call(state: dict[str, Any], arguments: argparse.Namespace) -> None:
    """Make one call of GitHub's API, and print the response."""
    path = arguments.path.removeprefix(f"repos/{os.environ['GITHUB_REPOSITORY']}/")
    response = respond(state, arguments.method, path, fields(arguments.field))
    if arguments.silent:
        return
    for found in jq.compile(arguments.jq).input_value(response).all() if arguments.jq else [response]:
        print(found if isinstance(found, str) else json.dumps(found))


def release(state: dict[str, Any], tag: str, files: list[str], notes: str) -> None:
    """Create a release for a tag. The tag must have been pushed."""
    require("contents", "write")
    assert os.environ["GH_REPO"] == os.environ["GITHUB_REPOSITORY"], "gh needs GH_REPO outside a clone"
    origin = Path(os.environ["LOCAL_GITHUB"]) / "origin.git"
    known = subprocess.run(["git", "show-ref", "--quiet", f"refs/tags/{tag}"], cwd=origin, check=False)
    if known.returncode:
        sys.exit(f"tag {tag} doesn't exist in the repo, aborting due to --verify-tag flag")
    names = [Path(file).name for file in files if Path(file).is_file()]
    state["releases"].append({"tag": tag, "files": names, "notes": notes})


def respond(state: dict[str, Any], method: str, path: str, given: dict[str, str]) -> Any:
    """Change the state, and return the response of GitHub."""
    if method == "GET" and (match := re.fullmatch(r"issues/(\d+)/comments", path)):
        require("pull-requests", "read")
        return [comment for comment in state["comments"] if comment["number"] == int(match[1])]
    if method == "POST" and (match := re.fullmatch(r"issues/(\d+)/comments", path)):
        require("pull-requests", "write")
        comment = {"id": len(state["comments"]) + 1, "number": int(match[1]), "body": given["body"]}
        comment["user"] = {"login": "github-actions[bot]"}
        state["comments"].append(comment)
        return comment
    if method == "PATCH" and (match := re.fullmatch(r"issues/comments/(\d+)", path)):
        require("pull-requests", "write")
        [comment] = [comment for comment in state["comments"] if comment["id"] == int(match[1])]
        comment["body"] = given["body"]
        return comment
    if method == "GET" and (match := re.fullmatch(r"commits/([0-9a-f]{40})/pulls", path)):
        require("pull-requests", "read")
        return [pull for pull in state["pulls"] if pull["sha"] == match[1]]
    if method == "GET" and (match := re.fullmatch(r"actions/runs/(\d+)", path)):
        require("actions", "read")
        [run] = [run for run in state["runs"] if run["id"] == int(match[1])]
        return run
    if method == "GET" and (match := re.fullmatch(r"actions/runs\?event=(\w+)&head_sha=(\w+)", path)):
        require("actions", "read")
        found = [run for run in state["runs"] if (run["event"], run["head_sha"]) == match.groups()]
        return {"total_count": len(found), "workflow_runs": found}
    if method == "GET" and (match := re.fullmatch(r"actions/runs/(\d+)/jobs\?filter=all", path)):
        require("actions", "read")
        [run] = [run for run in state["runs"] if run["id"] == int(match[1])]
        return {"total_count": len(run["jobs"]), "jobs": run["jobs"]}
    sys.exit(f"gh: Not Found (HTTP 404): {method} {path}")


def fields(given: list[str]) -> dict[str, str]:
    """Parse arguments of the form `name=value`. The value `@file` means the text in the file."""
    pairs = dict(field.split("=", 1) for field in given)
    return {k: Path(v[1:]).read_text() if v.startswith("@") else v for k, v in pairs.items()}


def require(permission: str, level: str) -> None:
    """Exit with GitHub's error if the emulated token does not contain this permission."""
    if json.loads(os.environ["GH_TOKEN"]).get(permission) not in (level, "write"):
        sys.exit(f"gh: Resource not accessible by integration (HTTP 403): {permission}: {level}")


if __name__ == "__main__":
    main()
