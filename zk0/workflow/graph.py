"""A workflow as a picture: Mermaid or DOT. Solid lines are the order, dotted ones what a `when` reads."""

from collections.abc import Iterator

from zk0.workflow.expressions import Template
from zk0.workflow.spec import AnyStep, AskStep, OnFail, RepeatedStep, RunStep, UsesStep, WorkflowSpec
from zk0.workflow.validation import templates_of

type Edge = tuple[str, str, bool]  # from, to, whether a `when` makes it


def mermaid(spec: WorkflowSpec) -> str:
    """Return a Mermaid flowchart."""
    lines = ["flowchart TD"]
    for step in spec.steps:
        text = _label(step).replace('"', "#quot;")
        lines.append(f'  {step.id}{{{{"{text}"}}}}' if isinstance(step, AskStep) else f'  {step.id}["{text}"]')
    lines += [f"  {start} {'-.->' if when else '-->'} {end}" for start, end, when in edges(spec)]
    return "\n".join(lines) + "\n"


def dot(spec: WorkflowSpec) -> str:
    """Return a graph in Graphviz's language."""
    lines = [f'digraph "{spec.name}" {{', "  node [shape=box]"]
    for step in spec.steps:
        text = _label(step).replace("\\", "\\\\").replace('"', '\\"')
        lines.append(f'  {step.id} [label="{text}"{", shape=hexagon" if isinstance(step, AskStep) else ""}]')
    lines += [f"  {start} -> {end}{' [style=dotted]' if when else ''}" for start, end, when in edges(spec)]
    return "\n".join([*lines, "}"]) + "\n"


def edges(spec: WorkflowSpec) -> Iterator[Edge]:
    """Yield which step waits for which: those it needs or reads, else the one before it."""
    before: str | None = None
    for step in spec.steps:
        conditions = set(step.when.steps) if isinstance(step.when, Template) else set()
        if step.needs is None:
            waits = {before} if before else set()
        else:
            read = {name for path, template in templates_of(step) if path[0] != "when" for name in template.steps}
            waits = {*step.needs, *read} - {step.id}
        order = [other.id for other in spec.steps]
        for name in sorted(waits - conditions, key=order.index):
            yield name, step.id, False
        for name in sorted(conditions, key=order.index):
            yield name, step.id, True
        before = step.id


def _label(step: AnyStep) -> str:
    match step:
        case UsesStep():
            what = step.uses
        case RunStep():
            what = str(step.run[0])
        case AskStep():
            what = f"ask {step.ask}"
        case _:
            what = f"workflow {step.workflow}"
    if isinstance(step.on_fail, OnFail) and step.on_fail.run:
        what += f", repaired by {step.on_fail.run}"
    each = " for each" if isinstance(step, RepeatedStep) and step.foreach is not None else ""
    return f"{step.title} ({what}{each})"
