"""Check policies with parliament, and state machines with the rules of Step Functions: `make checkov`.

`accepted.toml` lists the findings that this check accepts, with the reasons. If an entry of this file matches
no finding, the check fails.
"""

from __future__ import annotations

import json
import re
import sys
import tomllib
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from local_cloud.aws.requests.limits import machines
from tools import documents
from tools.documents import Document

ROLE = "arn:aws:iam::123456789012:role/any"
ACCEPTED = Path(__file__).with_name("accepted.toml")


@dataclass(frozen=True, slots=True)
class Finding:
    """A finding about a document.

    For a policy, `issue` is the kind of the finding, for example "RESOURCE_STAR": parliament chooses this
    name. For a state machine, `issue` is always "MACHINE".
    """

    document: Document
    issue: str
    detail: str

    def __str__(self) -> str:
        return f"{self.document.address}: {self.issue}: {self.detail}"


@dataclass(frozen=True, slots=True)
class Accepted:
    """An entry of accepted.toml. It accepts findings with this issue, kind of document and detail."""

    issue: str
    kind: str
    reason: str
    detail: str = ".*"

    def covers(self, finding: Finding) -> bool:
        """Return whether this entry accepts the finding."""
        return (finding.issue, finding.document.kind) == (self.issue, self.kind) and bool(
            re.fullmatch(self.detail, finding.detail, re.DOTALL)
        )


def findings(document: Document) -> list[Finding]:
    """Return the findings in a policy or a state machine."""
    if document.kind == "machine":
        return [Finding(document, "MACHINE", said) for said in machines.faults(document.text)]
    policy = json.loads(document.text)
    # Parliament 1.6.4 requires a resource in every statement. Statements of a trust policy must not have a
    # resource, so this function adds one.
    if document.kind == "trust":
        policy["Statement"] = [statement | {"Resource": ROLE} for statement in policy["Statement"]]
    from parliament import analyze_policy_string  # this import is slow, and state machines do not need it

    found = analyze_policy_string(json.dumps(policy)).findings
    return list(dict.fromkeys(Finding(document, one.issue, _text(one.detail)) for one in found))


def _text(detail: Any) -> str:
    return detail if isinstance(detail, str) else json.dumps(detail)


def accepted() -> list[Accepted]:
    """Return the entries of accepted.toml."""
    return [Accepted(**entry) for entry in tomllib.loads(ACCEPTED.read_text())["finding"]]


def judge(found: list[Finding], allowed: list[Accepted]) -> list[str]:
    """Return a sentence for each finding that is not accepted, and for each entry that matches no finding."""
    used: set[Accepted] = set()
    complaints = []
    for finding in found:
        reasons = [one for one in allowed if one.covers(finding)]
        used |= set(reasons)
        if not reasons:
            complaints.append(str(finding))
    complaints += [
        f"{ACCEPTED.name}: the entry {one.issue} for {one.kind} matches no finding; delete the entry"
        for one in allowed
        if one not in used
    ]
    return list(dict.fromkeys(complaints))


def main(folder: Path) -> None:
    """Print the findings in all documents of a folder. If there are any, exit with code 1."""
    given = documents.load(folder)
    if not given:
        sys.exit(f"✗ {folder} has no documents")
    found = [finding for document in given for finding in findings(document)]
    complaints = judge(found, accepted())
    for said in complaints:
        print(f"✗ {said}")
    if complaints:
        sys.exit(1)
    kinds = Counter(document.kind == "machine" for document in given)
    print(
        f"✓ {kinds[False]} policies and {kinds[True]} state machines: {len(found)} findings, all "
        f"accepted in {ACCEPTED.name}."
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]))
