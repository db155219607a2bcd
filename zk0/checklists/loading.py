"""Read checklists from the project, or from the package where the project has none of that name, and lint them.

Every problem of a file is reported at once, each with its line and, for an unknown key, the nearest known one.
"""

import re
from collections.abc import Iterable, Iterator
from difflib import get_close_matches
from functools import lru_cache
from pathlib import Path

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from zk0.checklists.items import (
    Checklist,
    ChecklistFile,
    CheckRef,
    EvidenceRef,
    Item,
    ProjectCheckRef,
    StepVerdictRef,
    check_of,
)
from zk0.checklists.rendering import refuse_ticks
from zk0.checklists.signatures import read_signatures
from zk0.core.app_subject import PACKAGE
from zk0.core.checks import CHECKS
from zk0.core.errors import SpecError, UnknownNameError, Zk0Error
from zk0.core.foreign import FileKind, is_foreign
from zk0.core.project import Project
from zk0.workflow.document import Position, read_document

PERCENT = re.compile(r"(\d+(?:\.\d+)?)\s?(?:%|percent)")
MODELS = (ChecklistFile, Item, CheckRef, StepVerdictRef, ProjectCheckRef)
CHECKLIST = FileKind(known=frozenset(ChecklistFile.model_fields), common=frozenset({"name", "title", "items"}))
KNOWN_KEYS = sorted({field.alias or name for model in MODELS for name, field in model.model_fields.items()})


def checklist_names(project: Project) -> list[str]:
    """Return the names of all checklists, sorted."""
    return sorted({path.stem for path in _files(project)})


def _files(project: Project) -> Iterator[Path]:
    """Yield the files of checklists, the project's before those that come with zk0."""
    own = project.root / project.settings.checklists
    for directory in project.resources("checklists"):
        for path in sorted(directory.glob("*.yaml")):
            if directory != own or not is_foreign(path, CHECKLIST):
                yield path


def load_checklist(project: Project, name: str) -> Checklist:
    """Return the checklist of this name with its references followed.

    Raises:
        UnknownNameError: there is no such checklist, or it refers to one that does not exist.
        SpecError: a file is not a valid checklist, or an item asks for less than zk0's of its name, or than it says.
    """
    file = read_checklist(_path_of(project, name))
    parts = (file,) if file.union is None else tuple(_part(project, file, member) for member in file.union)
    for part in parts:
        if problems := [*_weaker(part), *_unlike_sentence(part)]:
            raise SpecError(
                "\n".join(problems), remedy="ask for what the sentence says: keep zk0's evidence, or write another item"
            )
    try:
        return Checklist(name=file.name, title=file.title, phase=file.phase, parts=parts)
    except ValidationError as error:
        reasons = "; ".join(problem["msg"].removeprefix("Value error, ") for problem in error.errors())
        raise SpecError(reasons, remedy=f"give each item of {name} an id of its own") from error


def _weaker(part: ChecklistFile) -> Iterator[str]:
    """Yield why an item that has the id or the sentence of one of zk0's does not ask for the same evidence."""
    own = {item.id: item for item in _items_of_zk0()}
    by_sentence = {item.sentence: item for item in own.values()}
    for item in part.items or ():
        original = own.get(item.id) or by_sentence.get(item.sentence)
        if original is None:
            continue
        if lost := [one for one in (original.check or ()) if one not in (item.check or ())]:
            yield f"{part.name}: {item.id} passes for zk0's {original.id}, and does not ask for {lost[0]}"
        elif original.manual and not item.manual:
            yield f"{part.name}: {item.id} passes for zk0's {original.id}, which a person decides"


def _unlike_sentence(part: ChecklistFile) -> Iterator[str]:
    """Yield why an item asks for a smaller share than its sentence says."""
    for item in part.items or ():
        said = [float(number) for number in PERCENT.findall(item.sentence)]
        for proof in (one for one in item.check or () if isinstance(one, ProjectCheckRef)):
            asked = proof.options.get("percent")
            if said and isinstance(asked, int | float) and asked < min(said):
                yield f"{part.name}: {item.id} says {min(said):g} %, and asks {proof.project} for {asked:g} %"


def is_of_zk0(item: Item) -> bool:
    """Return whether an item comes with zk0, whatever a project added to it."""
    return item.id in {one.id for one in _items_of_zk0()}


@lru_cache(maxsize=1)
def _items_of_zk0() -> tuple[Item, ...]:
    """Return the items of the checklists that come with zk0."""
    folders = [PACKAGE / "_bundled" / "checklists", PACKAGE.parent / "checklists"]
    folder = next(folder for folder in folders if folder.is_dir())
    return tuple(item for path in sorted(folder.glob("*.yaml")) for item in read_checklist(path).items or ())


def checklist_problem(project: Project, name: str) -> str:
    """Return in one line why a workflow can't use the checklist of this name; empty if it can."""
    try:
        load_checklist(project, name)
    except Zk0Error as error:
        first, *more = error.message.replace(f"{project.root}/", "").splitlines()
        hint = f"; {error.remedy}" if isinstance(error, UnknownNameError) else ""
        return f"{first}{hint}" + (f" (and {len(more)} more: zk0 checklist lint)" if more else "")
    return ""


def read_checklist(path: Path) -> ChecklistFile:
    """Read one checklist file.

    Raises:
        SpecError: the file is not YAML or not a checklist; the message lists every problem with its line.
    """
    document = read_document(path.read_text(encoding="utf-8", errors="replace"))
    if document.problems:
        raise _unsound(path, ((position, message) for position, _, message in document.problems))
    try:
        file = ChecklistFile.model_validate(document.data)
    except ValidationError as error:
        problems = [
            (document.position(found["loc"], key=found["type"] == "extra_forbidden"), _sentence(found))
            for found in error.errors()
        ]
        raise _unsound(path, problems) from error
    if file.name != path.stem:
        raise _unsound(path, [(document.position(("name",)), f"it is named {file.name!r} and its file {path.stem!r}")])
    return file


def _unsound(path: Path, problems: Iterable[tuple[Position, str]]) -> SpecError:
    lines = [f"{path}:{position.line}: {message}" for position, message in sorted(problems)]
    return SpecError("\n".join(lines), remedy=f"correct {path.name}")


def _path_of(project: Project, name: str) -> Path:
    names = checklist_names(project)
    if name not in names:
        near = get_close_matches(name, names, n=1)
        remedy = f"did you mean {near[0]}?" if near else f"the checklists are {', '.join(names) or 'none'}"
        raise UnknownNameError(f"no checklist named {name!r}", remedy=remedy)
    return next(path for path in _files(project) if path.stem == name)


def _part(project: Project, whole: ChecklistFile, member: str) -> ChecklistFile:
    path = _path_of(project, member)
    part = read_checklist(path)
    if part.items is None:
        raise SpecError(
            f"{whole.name} is a union of {member}, which is a union itself ({path})",
            remedy=f"name the members of {member} in {whole.name}",
        )
    chosen = tuple(item for item in part.items if _is_chosen(whole, item))
    return part.model_copy(update={"items": chosen})


def _is_chosen(whole: ChecklistFile, item: Item) -> bool:
    """Whether a union has this item of its parts."""
    decided = bool(item.check) and all(isinstance(one, ProjectCheckRef) for one in item.check or ())
    return item.id not in whole.without and (whole.decided_by is None or decided)


def _sentence(problem: ErrorDetails) -> str:
    key = str(problem["loc"][-1]) if problem["loc"] else ""
    if problem["type"] == "extra_forbidden":
        near = get_close_matches(key, KNOWN_KEYS, n=1)
        return f"unknown key {key!r}" + (f", did you mean {near[0]!r}?" if near else "")
    if problem["type"] == "missing":
        return f"{key!r} is missing"
    message = problem["msg"].removeprefix("Value error, ")
    where = ".".join(str(part) for part in problem["loc"])
    return f"{where}: {message}" if where else message


def lint(project: Project) -> Iterator[str]:
    """Yield every problem as one line.

    A checklist that can't be loaded; an item that does not say what its evidence leaves out; a check that is not known,
    is of the wrong kind or is given options that do not fit; a template, or a Markdown page of the checklists' folder,
    that has a tick of its own; a signature that does not count or is of no item.
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
            yield f"{item} was {decision} and is not an item of a checklist"


def _of_checks(checklist: Checklist) -> Iterator[str]:
    for part in checklist.parts:
        for item in part.items or ():
            if item.check and not item.not_looked_at:
                yield f"{checklist.name}: {item.id}: `not_looked_at` is missing: what does its evidence leave out?"
            for proof in item.check or ():
                if problem := _of_proof(proof):
                    yield f"{checklist.name}: {item.id}: {problem}"


def _of_proof(proof: EvidenceRef) -> str | None:
    if isinstance(proof, StepVerdictRef):
        return None
    name = check_of(proof)
    try:
        check = CHECKS.get(name)
        if isinstance(proof, ProjectCheckRef):
            check.options.model_validate(proof.options)
    except UnknownNameError as error:
        return f"{error.message}; {error.remedy}"
    except ValidationError as error:
        return "; ".join(f"{name}: {'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors())
    if isinstance(proof, ProjectCheckRef) and not check.reads:
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
