"""What `tasks.md` tells of each workflow: its file's own words.

Only the file's shape matters here. Whether its actions and expressions are right is `zk0 workflows lint`'s question,
which imports every action; a page of the memory bank must not depend on that.
"""

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from pydantic import ValidationError

from zk0.core.project import Project
from zk0.workflow.document import read_document
from zk0.workflow.loading import workflow_files
from zk0.workflow.spec import WorkflowSpec


@dataclass(frozen=True)
class WorkflowPage:
    """A workflow by name, with its specification, or with what keeps its file from being read."""

    name: str
    spec: WorkflowSpec | None
    problem: str = ""


def workflow_pages(project: Project) -> list[WorkflowPage]:
    """Return all workflows, by name; one whose file is broken says where."""
    pages = []
    for name, path in workflow_files(project).items():
        stat = path.stat()
        pages.append(_page(name, path, stat.st_mtime_ns, stat.st_size))
    return pages


@lru_cache(maxsize=256)  # a page is rendered at the begin and the end of a run, and a large file takes 0.1 s to read
def _page(name: str, path: Path, changed: int, size: int) -> WorkflowPage:  # noqa: ARG001  they tell when to read again
    document = read_document(path.read_text(encoding="utf-8", errors="replace"))
    for position, _, message in document.problems:
        return WorkflowPage(name, None, f"line {position.line}: {message}")
    try:
        return WorkflowPage(name, WorkflowSpec.model_validate(document.data))
    except ValidationError as error:
        problem = error.errors()[0]
        line = document.position(tuple(problem["loc"])).line
        return WorkflowPage(name, None, f"line {line}: {'.'.join(map(str, problem['loc']))}: {problem['msg']}")
