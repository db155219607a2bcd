"""What is wrong with a project's checklists: items no check can decide, ticks in templates, signatures of nothing."""

from collections.abc import Iterator
from pathlib import Path

from pydantic import ValidationError

from zk0.checklists.items import Checklist, Judged, Proof, VerdictOf
from zk0.checklists.loading import checklist_names, load_checklist
from zk0.checklists.rendering import refuse_ticks
from zk0.checklists.signatures import read_signatures
from zk0.core.checks import CHECKS
from zk0.core.errors import SpecError, UnknownNameError, Zk0Error
from zk0.core.project import Project


def lint(project: Project) -> Iterator[str]:
    """Yield every problem as one line.

    A checklist that can't be loaded; an item whose check is not known, is of the wrong kind or is given options that do
    not fit; a template, or a Markdown page of the checklists' folder, that has a tick of its own; a signature that does
    not count or is of no item.
    """
    known: set[str] = set()
    for name in checklist_names(project):
        try:
            checklist = load_checklist(project, name)
        except Zk0Error as error:
            yield from error.message.splitlines()
            continue
        known |= {item.id for _, item in checklist.items()}
        if len(checklist.parts) == 1:  # a union's items are those of its parts
            yield from _of_checks(checklist)
    for path in _templates(project):
        try:
            refuse_ticks(path.read_text(encoding="utf-8", errors="replace"), project.shown(path))
        except SpecError as error:
            yield error.message
    signatures = read_signatures(project)
    yield from signatures.problems.values()
    for item, decision in signatures.words:
        if item not in known:
            yield f"{item} was {decision} and is no item of a checklist"


def _of_checks(checklist: Checklist) -> Iterator[str]:
    for part in checklist.parts:
        for item in part.items or ():
            for proof in item.check or ():
                if problem := _of_proof(proof):
                    yield f"{checklist.name}: {item.id}: {problem}"


def _of_proof(proof: Proof) -> str | None:
    if isinstance(proof, VerdictOf):
        return None
    name = proof.project if isinstance(proof, Judged) else proof.check
    try:
        check = CHECKS.get(name)
        if isinstance(proof, Judged):
            check.options.model_validate(proof.options)
    except UnknownNameError as error:
        return f"{error.message}; {error.remedy}"
    except ValidationError as error:
        return "; ".join(f"{name}: {'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors())
    if isinstance(proof, Judged) and not check.reads:
        return f"{name} judges what a step puts out: write `check: {name}`"
    return None


def _templates(project: Project) -> Iterator[Path]:
    seen = set()
    for directory in project.resources("checklists"):
        for pattern in ("**/*.j2", "**/*.md"):
            for path in sorted(directory.glob(pattern)):
                if (name := path.relative_to(directory)) not in seen:
                    seen.add(name)
                    yield path
