"""Generate diagrams from the code. `make docs` writes the diagrams into the pages.

A comment in a page names a diagram. `make docs` writes this diagram into the code block below the comment.
"""

from __future__ import annotations

import re
import runpy
from collections.abc import Callable, Iterator
from pathlib import Path

from rolling_spec import Extract

ROOT = Path(__file__).resolve().parents[1]
EXAMPLE = ROOT / "examples/bank-loans"
PLACE = re.compile(
    r'(<!-- "make docs" draws (\w+)\. -->\n\n```mermaid\n)(.*?)(^```$)', re.DOTALL | re.MULTILINE
)
FENCE = re.compile(r"^```mermaid\n(.*?)^```$", re.DOTALL | re.MULTILINE)

Edge = tuple[str, str, str]  # the start of an arrow, its end, and the arrow in Mermaid


def modules() -> str:
    """Return the diagram of the example's modules. Each arrow lists the outputs that the next module uses."""
    text = (EXAMPLE / "Terraform/main.tf").read_text()
    found = _blocks(text, r'module "(\w+)"')
    lines = ["flowchart LR"]
    for name, body in found.items():
        kind = re.search(r'source = "\S+/modules/([\w-]+)', body)
        assert kind, f"module {name} is from another repository"
        lines.append(f'  {name}["{name}<br/><small>{kind[1]}</small>"]')
    for name, body in found.items():
        taken = dict.fromkeys(re.findall(r"\bmodule\.(\w+)\.(\w+)", body))
        for other in dict.fromkeys(source for source, _ in taken):
            words = "<br/>".join(output for source, output in taken if source == other)
            lines.append(f'  {other} -- "{words}" --> {name}')
    return "\n".join(lines) + "\n"


def data() -> str:
    """Return the diagram of the example's spec: the entity, its joins, and the columns of a row."""
    extract = _spec(EXAMPLE / "Glue/etl.py")
    assert extract.metrics
    assert extract.group_by
    first, last = extract.entity, extract.names[-1]
    [metric] = {metric.expression for metric in extract.metrics.values()}
    lines = ["flowchart LR", f'  {first}["{first}<br/><small>{metric}, {extract.date_column}</small>"]']
    for join in extract.joins:
        before, _, column = join.lefts[0].partition(".")
        lines.append(f'  {before} -- "{column}" --> {join.name}["{join.name}"]')
    columns = ", ".join([*extract.group_by, *extract.metrics])
    lines.append(f'  row["a row<br/><small>{columns}</small>"]')
    for table in dict.fromkeys(column.partition(".")[0] for column in extract.group_by.values()):
        labels = [label for label, column in extract.group_by.items() if column.startswith(f"{table}.")]
        lines.append(f'  {table} -. "{", ".join(labels)}" .-> row')
    label = extract.recipient_label
    [months] = {metric.window for metric in extract.metrics.values()}
    window = f"{', '.join(metric.aggregate for metric in extract.metrics.values())} over {months} months"
    lines.append(f'  {first} == "{window}" ==> row')
    lines.append(f'  {last} -. "{label}" .-> file["a file<br/><small>{label}=…/</small>"]')
    lines.append("  row --> file")
    return "\n".join(lines) + "\n"


def _spec(path: Path) -> Extract:
    """Return the spec in the `etl.py` of a project."""
    found = runpy.run_path(str(path))["EXTRACT"]
    assert isinstance(found, Extract)
    return found


def failure() -> str:
    """Return the diagram of the alerts. It shows the resources that lead from an event to a mail."""
    found = list(_resources(ROOT / "modules/failure-alerts"))
    lines = ["flowchart LR"]
    for kind, name, _ in found:
        if kind in SHAPES:
            words, shape = SHAPES[kind]
            label = words if name == "this" else f"{words}<br/><small>{name.replace('_', ' ')}</small>"
            lines.append(f"  {_node(kind, name)}{shape.format(label)}")
    wires = [wire for resource in found for wire in _wires(*resource)]
    return (
        "\n".join([*lines, *(f"  {start} {line} {end}" for start, end, line in dict.fromkeys(wires))]) + "\n"
    )


def _resources(module: Path) -> Iterator[tuple[str, str, list[tuple[str, str]]]]:
    """For each resource of the diagram, yield its type, its name, and the resources to which it refers."""
    texts = {path: path.read_text() for path in sorted(module.glob("*.tf"))}
    blocks = "".join(re.findall(r"^locals {\n(.*?)^}", "".join(texts.values()), re.DOTALL | re.MULTILINE))
    named = dict(re.findall(r"^  (\w+) += (.*?)(?=^  \w|\Z)", blocks, re.DOTALL | re.MULTILINE))
    for text in texts.values():
        for match in re.finditer(r'^resource "aws_(\w+)" "(\w+)" {\n(.*?)^}', text, re.DOTALL | re.MULTILINE):
            kind, name, body = match.groups()
            if kind in SHAPES or kind == "cloudwatch_event_target":
                # A resource can also use a local that refers to other resources: in `for_each`, or as the
                # values for the program of a state machine. So the code of this local is searched, too.
                taken = re.findall(r"\bfor_each\s+= local\.(\w+)|\blocal\.(_config)\b", body)
                yield kind, name, _references(body + "".join(named[one or other] for one, other in taken))


# The types of resources that the diagram of the alerts shows. Each type has a label and a shape in Mermaid.
SHAPES = {
    "cloudwatch_event_rule": ("EventBridge rule", '(["{}"])'),
    "scheduler_schedule": ("daily schedule", '(["{}"])'),
    "sfn_state_machine": ("Step Functions", '["{}"]'),
    "sqs_queue": ("queue", '[("{}")]'),
    "cloudwatch_metric_alarm": ("alarm", '{{{{"{}"}}}}'),
    "sns_topic": ("SNS topic", '["{}"]'),
    "sns_topic_subscription": ("mail", '(["{}"])'),
}


def _wires(kind: str, name: str, used: list[tuple[str, str]]) -> list[Edge]:
    """Return the arrows between this resource and the resources to which it refers."""
    here = _node(kind, name)
    nodes = {other: [_node(*one) for one in used if one[0] == other] for other in SHAPES}
    lost = [(here, queue, '-. "not started" .->') for queue in nodes["sqs_queue"]]
    if kind == "cloudwatch_event_target":
        [rule] = nodes["cloudwatch_event_rule"]
        ends = nodes["sfn_state_machine"] + nodes["sns_topic"]
        return [(rule, end, "-->") for end in ends] + [(rule, end, line) for _, end, line in lost]
    if kind == "scheduler_schedule":
        return [(here, end, "-->") for end in nodes["sfn_state_machine"]] + lost
    if kind == "sns_topic_subscription":
        return [(topic, here, "-->") for topic in nodes["sns_topic"]]
    watched = [(end, here, "-.->") for end in nodes["sqs_queue"] + nodes["sfn_state_machine"]]
    return [(here, topic, "-->") for topic in nodes["sns_topic"]] + (
        watched if kind == "cloudwatch_metric_alarm" else []
    )


def _references(body: str) -> list[tuple[str, str]]:
    return list(
        dict.fromkeys(
            (kind, name) for kind, name in re.findall(r"\baws_(\w+)\.(\w+)", body) if kind in SHAPES
        )
    )


def _node(kind: str, name: str) -> str:
    return f"{kind}_{name}"


def write() -> None:
    """Write all diagrams into the pages."""
    for page in PAGES:
        page.write_text(drawn(page.read_text()))


def drawn(text: str) -> str:
    """Return a page with up-to-date diagrams. Raise KeyError if the page names an unknown diagram."""
    return PLACE.sub(lambda match: match[1] + DRAWINGS[match[2]]() + match[4], text)


def fences(text: str) -> list[str]:
    """Return all diagrams of a page."""
    return FENCE.findall(text)


DRAWINGS: dict[str, Callable[[], str]] = {"modules": modules, "data": data, "failure": failure}
PAGES = (ROOT / "docs/explanation/architecture.md", ROOT / "docs/explanation/metrics.md")


def _blocks(text: str, head: str) -> dict[str, str]:
    return dict(re.findall(rf"^{head} {{\n(.*?)^}}", text, re.DOTALL | re.MULTILINE))


if __name__ == "__main__":
    write()
