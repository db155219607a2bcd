"""The context of a task as Markdown; pure. `templates/task.md.j2` is the one template for handovers and kept tasks."""

from collections.abc import Iterable
from datetime import datetime
from functools import cache

from jinja2 import Environment

from zk0.core.pages import markdown
from zk0.workflow.task_context import TaskContext


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
            title=title,
            task=task,
            created=created,
            captured=captured,
            version=version,
            children=list(children),
        )
    )


def nested(line: str) -> str:
    """Return a line as a member of a list; one that begins with blanks belongs to the one before."""
    return f"  - {line.strip()}" if line.startswith("  ") else f"- {line}"


def under(lines: Iterable[str], name: str) -> str:
    """Return lines as a list with a name above; `none` where there are none."""
    members = [nested(line) for line in lines]
    return "\n".join([f"**{name}**:", "", *members]) if members else f"**{name}**: none"


@cache
def _environment() -> Environment:
    return markdown("zk0.workflow", nested=nested, under=under)
