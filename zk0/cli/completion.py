"""Arguments that a shell can complete: the workflows and runs there are."""

from typing import Annotated

import typer

from zk0.core.errors import Zk0Error
from zk0.core.project import Project
from zk0.workflow.loading import workflow_files
from zk0.workflow.run import run_directories


def workflow_names(incomplete: str) -> list[str]:
    """Return the workflows whose names begin so; none where there is no telling."""
    try:
        return [name for name in workflow_files(Project.find()) if name.startswith(incomplete)]
    except Zk0Error:
        return []


def run_names(incomplete: str) -> list[str]:
    """Return the runs whose ids begin so, newest first; none where there is no telling."""
    try:
        names = ["latest", *(run.id for run in run_directories(Project.find()))]
    except Zk0Error:
        return []
    return [name for name in names if name.startswith(incomplete)]


WorkflowArgument = Annotated[
    str, typer.Argument(help="A workflow's name, or the path of its file.", autocompletion=workflow_names)
]
RunArgument = Annotated[
    str, typer.Argument(help="A run's id, the beginning of one, or latest.", autocompletion=run_names)
]
