"""Add the findings of a workflow to the memory bank."""

from datetime import UTC, datetime
from typing import Literal

from pydantic import Field

from zk0.core.checks import check
from zk0.core.project import Project
from zk0.core.verdicts import Evidence, Finding, passed_if
from zk0.memory.adding import EntryDraft, add_entry
from zk0.memory.bank import Bank
from zk0.memory.entries import Kind
from zk0.workflow.actions import Context, Inputs, Outputs, action


class RememberInputs(Inputs):
    """A fact in a title and a few sentences; `sources` are as in `zk0 memory add --source`."""

    kind: Literal["fact", "decision", "procedure"] = "fact"
    title: str = Field(min_length=1)
    sentences: list[str] = Field([])
    sources: list[str] = Field([])


class RememberOutputs(Outputs):
    """The entry that was added to the memory bank."""

    entry: str


@action("memory.remember", changes=("memory bank",))
def remember(inputs: RememberInputs, context: Context) -> RememberOutputs:
    """Add an entry to the memory bank."""
    draft = EntryDraft(
        kind=Kind(inputs.kind),
        title=inputs.title,
        by=f"process:{context.run}",
        body="\n".join(f"- {sentence}" for sentence in inputs.sentences),
        sources=inputs.sources,
    )
    return RememberOutputs(entry=add_entry(context.project, draft, datetime.now(UTC)).id)


@check("memory.remembered")
def remembered(outputs: RememberOutputs, project: Project) -> Finding:
    """The entry can be read again, and is in force."""
    return passed_if(
        any(entry.id == outputs.entry for entry in Bank.of(project).read().in_force),
        f"{outputs.entry} is in force",
        f"{outputs.entry} is not in force",
        evidence=[Evidence(name="entry", value=outputs.entry)],
        remedy=f"zk0 memory search {outputs.entry}",
    )
