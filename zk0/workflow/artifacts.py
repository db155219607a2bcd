"""Artifacts: the files and folders among a step's outputs, with their digests.

Only what lies in the project counts, also behind a link. The records of a run (its journal, lock, receipts) change
while it goes on, so they, and folders that hold them, are no artifacts.
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from zk0.core.project import Project
from zk0.core.receipts import Artifact, artifact
from zk0.workflow.actions import Outputs
from zk0.workflow.products import product_artifacts, refuse_outside
from zk0.workflow.run import RunDirectory

MADE = ("steps", "logs")  # the folders of a run that hold what its steps made


def made_paths(outputs: Outputs | None, run: RunDirectory, project: Project) -> list[tuple[str, Path]]:
    """Return what a step made: the files and folders that its outputs name, with the outputs' names.

    Raises:
        SpecError: one is outside of the project.
    """
    found = []
    for name, path in _paths(outputs) if outputs else ():
        whole = next((base / path for base in (run.path, project.root) if (base / path).exists()), None)
        if whole is None:
            continue
        refuse_outside(f"the output {name}", whole, project)
        if not _is_record(whole.resolve(), project.runs_dir.resolve()):
            found.append((name, whole))
    return found


def artifacts_of(
    outputs: Outputs | None, products: Sequence[Path], run: RunDirectory, project: Project
) -> tuple[Artifact, ...]:
    """Return the artifacts of a step: its outputs, and what its `makes` matched; raises what `made_paths` does."""
    found = [
        artifact(name, path, base=run.path if path.is_relative_to(run.path) else project.root)
        for name, path in made_paths(outputs, run, project)
    ]
    return (*found, *product_artifacts(products, project))


def _is_record(path: Path, runs: Path) -> bool:
    """Return whether a path is a record of a run, or holds some."""
    if runs.is_relative_to(path):
        return True
    parts = path.relative_to(runs).parts if path.is_relative_to(runs) else ()
    return bool(parts) and not (len(parts) > 2 and parts[1] in MADE)  # noqa: PLR2004  a run, its folder, a name


def _paths(outputs: Outputs) -> Iterator[tuple[str, Path]]:
    for name in type(outputs).model_fields:
        yield from _paths_in(name, getattr(outputs, name))


def _paths_in(name: str, value: object) -> Iterator[tuple[str, Path]]:
    match value:
        case Path():
            yield name, value
        case Mapping():
            for key, inner in value.items():
                yield from _paths_in(f"{name}.{key}", inner)
        case list() | tuple():
            for index, inner in enumerate(value):
                yield from _paths_in(f"{name}.{index}", inner)
