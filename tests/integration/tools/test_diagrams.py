"""Mermaid can render every diagram, and generated diagrams are up to date."""

from __future__ import annotations

from pathlib import Path

import mermaidx
import pytest

from tools import drawings
from tools.drawings import ROOT

PAGES = [
    page
    for folder in (".", ".github", "docs/**", "modules/*", "examples/*")
    for page in sorted(ROOT.glob(f"{folder}/*.md"))
    if drawings.fences(page.read_text())
]
GOOD = 'flowchart LR\n  store[("Aurora")] -- "rows" --> job["spec<br/>and engine"]\n'


def picture(diagram: str) -> str:
    """Return the SVG that Mermaid renders. Raise RuntimeError for a faulty diagram."""
    return str(mermaidx.render(diagram).svg())


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_mermaid_renders_every_diagram(page: Path) -> None:
    for diagram in drawings.fences(page.read_text()):
        assert picture(diagram).startswith("<svg")


@pytest.mark.parametrize(
    ("right", "wrong"), [("flowchart", "flowchat"), ('"]', '"'), (" --> ", " --> -->"), ('"rows"', '"rows')]
)
def test_mermaid_rejects_a_broken_diagram(right: str, wrong: str) -> None:
    assert picture(GOOD).startswith("<svg")
    with pytest.raises(RuntimeError, match="Mermaid rendering failed"):
        picture(GOOD.replace(right, wrong))


def test_generated_diagrams_are_up_to_date() -> None:
    for page in drawings.PAGES:
        assert drawings.drawn(page.read_text()) == page.read_text(), "make docs draws it anew"


def test_every_generated_diagram_is_on_a_page() -> None:
    shown = {name for page in drawings.PAGES for _, name, _, _ in drawings.PLACE.findall(page.read_text())}
    assert shown == drawings.DRAWINGS.keys()


def test_module_diagram_has_modules_and_outputs() -> None:
    drawing = drawings.modules()
    assert '  extract -- "failure_events<br/>target" --> alerts\n' in drawing
    assert '  sftp["sftp<br/><small>sftp-transfer</small>"]\n' in drawing


def test_data_diagram_shows_the_joins_and_metrics_of_the_spec() -> None:
    drawing = drawings.data()
    assert '  Loans -- "Account_idAccount" --> Account["Account"]\n' in drawing
    assert '  Loans == "count, sum, avg over 3 months" ==> row\n' in drawing


def test_every_path_in_the_failure_diagram_ends_in_a_mail() -> None:
    wires = [line.split() for line in drawings.failure().splitlines() if "->" in line]
    after: dict[str, set[str]] = {}
    for first, *_, last in wires:
        after.setdefault(first, set()).add(last)
    ends = set().union(*after.values()) - after.keys()
    assert ends == {"sns_topic_subscription_this"}, "anything else is a dead end"
    begins = after.keys() - set().union(*after.values())
    assert {begin.rpartition("_")[0] for begin in begins} == {"cloudwatch_event_rule", "scheduler_schedule"}
