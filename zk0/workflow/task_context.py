"""The context of a task for the person or agent who continues it, in nine blocks.

One model and one template for both: a step that is handed to an agent or a person (`handover.md`), and a task that
people and agents keep in the memory bank (`zk0 task`). What is not known is left empty and said to be so when rendered;
nothing is made up. The template makes no ticks: what it says of a task's quality is counted, not claimed.
"""

from collections.abc import Iterable
from datetime import datetime
from functools import cache
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from zk0.core.pages import markdown, one_line

if TYPE_CHECKING:
    from jinja2 import Environment

WANTED = ("criteria", "constraints", "dependencies", "critical", "validation")  # before work begins
INHERITED = ("constraints", "critical", "assumptions")  # a subtask has these of its parent besides its own


def _listed(value: object) -> object:
    return (value,) if isinstance(value, str) else value


type Lines = Annotated[tuple[str, ...], BeforeValidator(_listed)]  # YAML: one line may stand without its list


class TaskContext(BaseModel):
    """What a task is and what must not get lost of it; unknown keys are refused, since this is what people write."""

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)

    # 1 Task information; id and time are those of the entry or the run.
    parent: str = ""
    mode: str = Field("", description="who works on it, and how: agent, person, debug, …")
    priority: Literal["high", "medium", "low"] = "medium"
    # 2 Task description
    objective: str = ""
    scope: str = ""
    criteria: Lines = ()
    # 3 Technical context
    state: Lines = ()
    dependencies: Lines = ()
    constraints: Lines = ()
    # 4 Context to preserve
    critical: Lines = ()
    decisions: Lines = ()
    assumptions: Lines = ()
    # 5 Subtask requirements
    inheritance: Lines = ()
    handover: Lines = ()
    validation: Lines = ()
    # 6 Risk mitigation
    risks: Lines = ()
    losses: Lines = Field((), description="where context may get lost")
    recovery: Lines = ()
    prevention: Lines = ()
    # 7 Quality assurance: `tests` is the command that decides; the rest is derived.
    tests: str = ""
    # 8 Mode transition notes
    notes: Lines = ()

    def of_parent(self, parent: "TaskContext") -> "TaskContext":
        """Return this context with what it inherits, the parent's lines first."""
        own = {name: getattr(self, name) for name in INHERITED}
        both = {name: tuple(dict.fromkeys((*getattr(parent, name), *lines))) for name, lines in own.items()}
        return self.model_copy(update=both)

    def gaps(self) -> list[str]:
        """Name the fields that the template wants before work begins and that are empty."""
        return [name for name in WANTED if not getattr(self, name)]


def render_task(
    context: TaskContext,
    *,
    title: str,
    task: str,
    created: datetime,
    captured: str,
    version: int = 1,
    children: Iterable[str] = (),
) -> str:
    """Return a task's context as Markdown.

    Args:
        context: the nine blocks.
        title: what the task is called.
        task: its id.
        created: when it was begun, in UTC.
        captured: who wrote the context down.
        version: how often it was written down.
        children: its subtasks, a line each.
    """
    return (
        _environment()
        .get_template("task.md.j2")
        .render(
            context=context,
            title=one_line(title),
            task=task,
            created=created,
            captured=captured,
            version=version,
            children=list(children),
        )
    )


def nested(line: str) -> str:
    """Return a line as a member of a list; one that begins with blanks belongs to the one before."""
    return f"{'  ' if line.startswith('  ') else ''}- {one_line(line)}"


def under(lines: Iterable[str], name: str) -> str:
    """Return lines as a list with a name above; `none` where there are none."""
    members = [nested(line) for line in lines]
    return "\n".join([f"**{name}**:", "", *members]) if members else f"**{name}**: none"


@cache
def _environment() -> "Environment":
    return markdown("zk0.workflow", nested=nested, under=under)
