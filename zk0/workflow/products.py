"""Products: the files that a program's step says it `makes`. Missing, altered or additional ones make it run again."""

import os
from collections.abc import Sequence
from pathlib import Path

from zk0.core.errors import CommandError, SpecError
from zk0.core.portable_paths import to_local
from zk0.core.project import Project
from zk0.core.receipts import Artifact, Receipt, artifact, file_digest
from zk0.workflow.patterns import argument_texts, matches, pattern_problem

PRODUCT = "makes."  # begins the names of artifacts that `makes` matched


def check_patterns(reads: Sequence[str], makes: Sequence[str]) -> None:
    """Refuse patterns that can't be meant, now that their expressions are filled in.

    Raises:
        SpecError: one is outside of the project, or no pattern.
    """
    found = [(pattern, False) for pattern in reads] + [(pattern, True) for pattern in makes]
    if problems := list(filter(None, (pattern_problem(pattern, makes=is_made) for pattern, is_made in found))):
        raise SpecError("\n".join(problems), remedy="correct the step's reads and makes")


def find_products(makes: Sequence[str], project: Project) -> list[Path]:
    """Return what the patterns of a step match after it ran, each once.

    Raises:
        CommandError: a pattern matches nothing.
        SpecError: a pattern matches the directory of a run, or one around it, or what is outside of the project.
    """
    found: dict[Path, None] = {}
    for pattern in makes:
        matched = matches(pattern, project)
        if not matched:
            problem = f"it ended with exit status 0, but makes names {pattern!r}, and there is no such file"
            raise CommandError(problem, remedy="correct the program, or what the step makes")
        for path in matched:
            refuse_outside(f"makes names {pattern!r}, which", path, project)
            if project.runs_dir.is_relative_to(path) or path.parent == project.runs_dir:
                problem = f"makes names {pattern!r}, which holds what zk0 writes about runs"
                raise SpecError(problem, remedy="name the files that the program makes")
        found |= dict.fromkeys(matched)
    return list(found)


def refuse_outside(what: str, path: Path, project: Project) -> None:
    """Refuse what a step made outside of the project and its runs, also behind a link.

    Raises:
        SpecError: it is outside.
    """
    real = path.resolve()
    if not any(real.is_relative_to(base) for base in (project.root, project.runs_dir.resolve())):
        problem = f"{what} is {real}, outside of the project {project.root}"
        raise SpecError(problem, remedy="let the step write into its own directory, or declare the output as text")


def product_artifacts(products: Sequence[Path], project: Project) -> list[Artifact]:
    """Return the description of products."""
    return [artifact(f"{PRODUCT}{number}", path, base=project.root) for number, path in enumerate(products)]


def products_intact(receipt: Receipt, project: Project) -> bool:
    """Return whether the products of a receipt are there, unchanged, and no others match what its step makes."""
    patterns = to_local(receipt.inputs.get("makes", ()), project.root) if receipt.uses == "run" else ()
    now = {project.shown(path) for pattern in argument_texts(patterns) for path in matches(pattern, project)}
    made = {found.path: found.sha256 for found in receipt.artifacts if found.name.startswith(PRODUCT)}
    return now == made.keys() and all(
        os.path.exists(project.root / path) and file_digest(project.root / path) == digest  # noqa: PTH110
        for path, digest in made.items()
    )
