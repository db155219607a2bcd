"""What steps are given and what they made: files named by their content, and whether they are still as they were."""

from collections.abc import Mapping

from zk0.core.project import Project
from zk0.core.receipts import Receipt, file_digest

LONGEST_PATH = 4096  # characters, of most file systems; more is a text


def by_content(value: object, project: Project) -> object:
    """Return a step's inputs with each file or folder among them named by its content."""
    match value:
        case Mapping():
            return {str(key): by_content(inner, project) for key, inner in value.items()}
        case list() | tuple():
            return [by_content(inner, project) for inner in value]
        case str() if "/" in value and len(value) < LONGEST_PATH and "\n" not in value:
            path = project.root / value
            if path.resolve() != project.root and path.exists() and path.resolve().is_relative_to(project.root):
                return f"sha256:{file_digest(path)}"
    return value


def is_intact(receipt: Receipt, project: Project) -> bool:
    """Tell whether all that a receipt says was made is there, unchanged."""
    run = project.runs_dir / receipt.run
    for made in receipt.artifacts:
        path = next((base / made.path for base in (run, project.root) if (base / made.path).exists()), None)
        if path is None or file_digest(path) != made.sha256:
            return False
    return True


def moved(receipt: Receipt, run: str, project: Project) -> Receipt:
    """Return an earlier run's receipt as one of this run; what was made stays where it is."""
    old = project.runs_dir / receipt.run
    artifacts = tuple(
        made.model_copy(update={"path": (old / made.path).relative_to(project.root).as_posix()})
        if (old / made.path).exists() and old.is_relative_to(project.root)
        else made
        for made in receipt.artifacts
    )
    return receipt.changed(run=run, artifacts=artifacts)
