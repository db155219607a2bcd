"""Read a workflow file: text → positions → models, and every problem at once, with file, line and column.

workflows/train.yaml:12:5: federate: unknown key "whith"; did you mean "with"?
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from itertools import chain
from pathlib import Path
from typing import Any, get_args

from pydantic import ConfigDict, TypeAdapter, ValidationError
from pydantic_core import ErrorDetails

from zk0.core.errors import SpecError, UnknownNameError
from zk0.core.project import Project
from zk0.core.secrets import find_secrets
from zk0.workflow.document import Document, read_document
from zk0.workflow.fitting import Flaw, field_names, flaw_of, nearest
from zk0.workflow.lint import IN_FILE, lint_flaws
from zk0.workflow.names import (
    SUFFIX,
    WorkflowFiles,
    foreign_workflow_files,
    is_unread,
    unread_files,
    why_reserved,
    workflow_files,
)
from zk0.workflow.run import RunDirectory
from zk0.workflow.spec import (
    KINDS,
    AnyStep,
    Filled,
    InputSpec,
    Issue,
    SecretSpec,
    SpecModel,
    Step,
    WorkflowSpec,
    step_kind,
)
from zk0.workflow.validation import DraftStep, Finder, WorkflowDraft, find_flaws

NOT_READ = f"zk0 does not read it, because the name of a workflow file ends with {SUFFIX}"
UNKNOWN, INVALID = "unknown-workflow", "invalid-workflow"  # rules
DEFER = ConfigDict(defer_build=True)  # a command that reads no workflow does not wait for the validators
INPUT: TypeAdapter[InputSpec] = TypeAdapter(InputSpec)
STEP: TypeAdapter[Step] = TypeAdapter(Step, config=DEFER)
OUTPUTS: TypeAdapter[dict[str, Any]] = TypeAdapter(dict[str, Filled[Any]], config=DEFER)
STAND_INS = {"id": "unnamed", "title": "Unnamed", "run": ["unknown"]}
SEPARATE = {"when", "needs", "finally", "checks", "accept", "timeout", "retry", "reuse", "on_fail", "cwd", "env"}
_STEP_KEYS = frozenset().union(*map(field_names, KINDS.values()))


@dataclass(frozen=True, order=True)
class WorkflowProblem:
    """One thing that is wrong in a workflow file."""

    file: str
    line: int
    column: int
    rule: str
    message: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}: {self.message}"

    def as_json(self) -> dict[str, Any]:
        """Return it as plain data."""
        return asdict(self)


@dataclass(frozen=True)
class Loaded:
    """A workflow and its file, with the positions in it."""

    spec: WorkflowSpec
    path: Path
    text: str
    nested: Mapping[str, "Loaded"] = field(default_factory=dict)
    document: Document = field(default_factory=Document, repr=False)

    @property
    def library(self) -> dict[str, WorkflowSpec]:
        """The workflows that it performs, and that those perform."""
        return {name: loaded.spec for name, loaded in self.nested.items()}

    @property
    def sources(self) -> dict[str, str]:
        """The texts of their files."""
        return {name: loaded.text for name, loaded in self.nested.items()}


class Library:
    """Finds the workflows that others perform, each read once.

    Args:
        files: the workflows by name.
        outer: the names of those being read, from the outermost on, to see a circle.
        root: the directory from which the files are named in problems.
    """

    def __init__(self, files: Mapping[str, Path], outer: tuple[str, ...] = (), root: Path | None = None) -> None:
        self.files = files.seen_from(outer[-1]) if isinstance(files, WorkflowFiles) and outer else files
        self.outer = outer
        self.root = root
        self.found: dict[str, Loaded] = {}
        self.problems: dict[str, list[WorkflowProblem]] = {}

    def __call__(self, name: str) -> WorkflowSpec | Flaw:
        """Return a workflow, or why there is none to be had."""
        if name in self.outer:
            return Flaw((), UNKNOWN, f"a circle: {' → '.join((*self.outer, name))}")
        if name not in self.files:
            return Flaw((), UNKNOWN, f'there is no workflow "{name}"{nearest(name, self.files)}')
        is_read = name in self.problems or (name in self.found and self.found[name].path == self.files[name])
        if not is_read and (problem := self._read(name)):
            return Flaw((), UNKNOWN, problem)
        if name in self.problems:
            return Flaw((), INVALID, f"{name} is not valid ({self.problems[name][0]})")
        return self.found[name].spec

    def _read(self, name: str) -> str:
        """Read a workflow, and return why it can't be performed beside those found: a run has one of each name."""
        path = self.files[name]
        inner = Library(self.files, (*self.outer, name), self.root)
        loaded, problems = examine(path, shown=_shown(path, self.root) if self.root else "", library=inner)
        if loaded is None:
            self.problems[name] = _with_nested(problems, inner)
            return ""
        more = {name: loaded, **loaded.nested}
        for other, one in more.items():
            if other in self.found and self.found[other].path != one.path:
                return f'it would perform two workflows "{other}", {one.path} and {self.found[other].path}; rename one'
        self.found |= more
        return ""


def load(project: Project, name: str) -> Loaded:
    """Load a workflow by its name, or by the path of its file.

    Raises:
        UnknownNameError: there is no such workflow.
        SpecError: its file is not valid; the message has one line for each problem.
    """
    files = workflow_files(project)
    path = _path_of(project, name, files)
    library = Library(files, (path.stem,), project.root)
    loaded, problems = examine(path, shown=_shown(path, project.root), library=library)
    if loaded is None:
        every = _with_nested(problems, library)
        wrong = dict.fromkeys(problem.file for problem in every)
        raise SpecError("\n".join(map(str, every)), remedy=f"correct {', '.join(wrong)}")
    return loaded


def _path_of(project: Project, name: str, files: Mapping[str, Path]) -> Path:
    path = Path(name)
    if path.suffix == SUFFIX and (path.exists() or path.stem not in files):
        return path
    if path.suffix == SUFFIX:
        raise UnknownNameError(f"there is no file {name}", remedy=f"give its path, or its name: {path.stem}")
    if name in files:
        return files[name]
    unread = path if is_unread(path) and path.exists() else unread_files(project).get(path.stem)
    if unread:
        shown = _shown(unread, project.root)
        raise UnknownNameError(f"{shown}: {NOT_READ}", remedy=f"mv {shown} {Path(shown).with_suffix(SUFFIX)}")
    if foreign := foreign_workflow_files(project).get(name):
        return foreign  # asked for by name: its problems say why it was passed over
    raise UnknownNameError(f'there is no workflow "{name}"{nearest(name, files)}', remedy="zk0 workflows list")


def _with_nested(problems: Iterable[WorkflowProblem], library: Library) -> list[WorkflowProblem]:
    """Return the problems of a file, and those of the files that it performs in place of their consequences."""
    own = [problem for problem in problems if problem.rule != INVALID]
    return list(dict.fromkeys([*own, *chain.from_iterable(library.problems.values())]))


def load_performed(run: RunDirectory) -> Loaded:
    """Load the workflow that a run performs, as it was when the run began.

    Raises:
        SpecError: this zk0 no longer takes it.
    """
    try:
        text = run.spec.read_text(encoding="utf-8")
    except OSError as error:
        raise SpecError(f"{run.spec} can't be read: {error.strerror}", remedy="zk0 run WORKFLOW") from error
    library = Library({path.stem: path for path in run.nested.glob(f"*{SUFFIX}")})
    spec, problems = parse_workflow(text, file=str(run.spec), find=library)
    if spec is None:
        raise SpecError("\n".join(map(str, problems)), remedy="start a new run: zk0 run WORKFLOW")
    return Loaded(spec, run.spec, text, library.found)


def examine(
    path: Path, *, shown: str = "", library: Library | None = None
) -> tuple[Loaded | None, list[WorkflowProblem]]:
    """Return the workflow of a file, or None with all that is wrong with it.

    Raises:
        UnknownNameError: there is no such file.
    """
    shown = shown or str(path)
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        return None, [
            WorkflowProblem(shown, 1, 1, "yaml-syntax", f"not UTF-8 text: {error.reason} at byte {error.start}")
        ]
    except OSError as error:
        raise UnknownNameError(f"{shown} can't be read: {error.strerror}", remedy="zk0 workflows list") from error
    library = library or Library({}, (path.stem,))
    document = read_document(text)
    spec, problems = _parse(document, shown, library)
    if spec and spec.name != path.stem:
        problem = f'its name is "{spec.name}", and that of its file "{path.stem}"; rename one of them'
        problems = [WorkflowProblem(shown, 1, 1, "wrong-name", problem)]
    return (Loaded(spec, path, text, library.found, document) if spec and not problems else None), problems


def _nowhere(name: str) -> Flaw:
    return Flaw((), UNKNOWN, f'there is no workflow "{name}"')


def parse_workflow(
    text: str, *, file: str = "workflow", find: Finder = _nowhere
) -> tuple[WorkflowSpec | None, list[WorkflowProblem]]:
    """Return the workflow of a text, or None with all that is wrong with it, in the order of the lines."""
    return _parse(read_document(text), file, find)


def _parse(document: Document, file: str, find: Finder) -> tuple[WorkflowSpec | None, list[WorkflowProblem]]:
    problems = {WorkflowProblem(file, at.line, at.column, rule, message) for at, rule, message in document.problems}
    if document.data is None and problems:
        return None, sorted(problems)
    spec, found = _shaped(document.data)
    found += find_flaws(_draft_of(spec) if spec else _draft(document.data), find)
    problems |= {_located(flaw, document, file) for flaw in found}
    return (None if problems else spec), sorted(problems)


def _located(flaw: Flaw, document: Document, file: str) -> WorkflowProblem:
    at = document.position(flaw.path, key=flaw.key)
    return WorkflowProblem(file, at.line, at.column, flaw.rule, flaw.message)


def _shaped(data: object) -> tuple[WorkflowSpec | None, list[Flaw]]:
    if not isinstance(data, dict):
        return None, [Flaw((), "bad-value", "a workflow is a mapping: name, title, purpose, steps")]
    try:
        return WorkflowSpec.model_validate(data), []
    except ValidationError as error:
        return None, [_shape_flaw(detail) for detail in error.errors(include_url=False)]


def _shape_flaw(detail: ErrorDetails) -> Flaw:
    loc = detail["loc"]
    model = _model_at(loc[:-1])
    kind = loc[2] if loc[:1] == ("steps",) and loc[2:3] and loc[2] in KINDS else None
    # pydantic puts the kind of a step, and the word [key] for a bad key, into the path; the file has no such levels.
    place = loc if kind is None else (*loc[:2], *loc[3:])
    if place[-1:] == ("[key]",):
        return replace(flaw_of({**detail, "loc": place[:-1]}, ()), key=True)
    flaw = flaw_of({**detail, "loc": place}, field_names(model) if model else ())
    if flaw.rule == "unknown-key" and kind and model is KINDS[str(kind)] and place[-1] in _STEP_KEYS:
        return replace(flaw, rule="misplaced-key", message=f'the key "{place[-1]}" does not go with "{kind}"')
    return flaw


def _model_at(path: tuple[str | int, ...]) -> type[SpecModel] | None:
    match path:
        case ():
            return WorkflowSpec
        case ("inputs" | "secrets" as part, _):
            return InputSpec if part == "inputs" else SecretSpec
        case ("steps", _, str(kind)) if kind in KINDS:
            return KINDS[kind]
        case ("steps", _, str(kind), "retry" | "on_fail" as part) if kind in KINDS and part in KINDS[kind].model_fields:
            kinds = (KINDS[kind].model_fields[part].annotation, *get_args(KINDS[kind].model_fields[part].annotation))
            return next(model for model in kinds if isinstance(model, type) and issubclass(model, SpecModel))
        case ("issues", _):
            return Issue
    return None


def _draft_of(spec: WorkflowSpec) -> WorkflowDraft:
    steps = tuple(DraftStep(step.id, step) for step in spec.steps)
    return WorkflowDraft(spec.inputs, steps, spec.outputs, tuple(spec.secrets))


def _draft(data: object) -> WorkflowDraft:
    top = data if isinstance(data, dict) else {}
    inputs = top["inputs"] if isinstance(top.get("inputs"), dict) else {}
    steps = top["steps"] if isinstance(top.get("steps"), list) else []
    secrets = top["secrets"] if isinstance(top.get("secrets"), dict) else {}
    outputs = _valid(OUTPUTS, top.get("outputs"))
    return WorkflowDraft(
        {name: _valid(INPUT, raw) for name, raw in inputs.items()},
        tuple(DraftStep(_id(raw), _understood(raw)) for raw in steps),
        outputs or {},
        tuple(map(str, secrets)),
    )


def _id(raw: object) -> str | None:
    found = raw.get("id") if isinstance(raw, dict) else None
    return found if isinstance(found, str) else None


def _understood(raw: object) -> AnyStep | None:
    """Return a step without its parts of the wrong shape; None if they are of a kind that others depend on."""
    trimmed = _trimmed(raw)
    try:
        return STEP.validate_python(trimmed)
    except ValidationError as error:
        wrong = {str(place) for detail in error.errors(include_url=False) for place in detail["loc"][1:2]}
    if not (isinstance(trimmed, dict) and wrong and wrong <= STAND_INS.keys() | SEPARATE):
        return None
    kept = {key: value for key, value in trimmed.items() if key not in wrong}
    return _valid(STEP, kept | {key: value for key, value in STAND_INS.items() if key in wrong})


def _trimmed(raw: object) -> object:
    """Return a step without the keys that make its shape wrong though the rest can be understood."""
    kind = step_kind(raw)
    if kind is None or not isinstance(raw, dict):
        return raw
    return {key: value for key, value in raw.items() if key in field_names(KINDS[kind])}


def _valid[T](adapter: TypeAdapter[T], raw: object) -> T | None:
    try:
        return adapter.validate_python(raw)
    except ValidationError:
        return None


def _shown(path: Path, root: Path) -> str:
    absolute = path.resolve()
    return absolute.relative_to(root).as_posix() if absolute.is_relative_to(root) else str(path)


def lint(
    project: Project, paths: Iterable[Path] = (), *, checklist_problem: Callable[[str], str] = lambda _name: ""
) -> Iterator[WorkflowProblem]:
    """Yield the problems of these files, or of all workflows; of a valid one, what its author can't have meant.

    Args:
        project: whose workflows they are.
        paths: the files; none means all.
        checklist_problem: says what is wrong with the checklist of a name, which a run would refuse; empty if nothing.
    """
    files = workflow_files(project)
    for path in list(paths) or [*files.values(), *unread_files(project).values()]:
        shown = _shown(path, project.root)
        if is_unread(path):
            yield WorkflowProblem(shown, 1, 1, "wrong-suffix", NOT_READ)
            continue
        loaded, problems = examine(path, shown=shown, library=Library(files, (path.stem,)))
        if loaded:
            flaws = [*lint_flaws(loaded.spec), *_flaws_of_names(loaded, project, checklist_problem)]
            problems = [_located(flaw, loaded.document, shown) for flaw in flaws]
        text = path.read_text(encoding="utf-8", errors="replace")
        literal = [
            WorkflowProblem(shown, found.line, found.column, "literal-secret", IN_FILE) for found in find_secrets(text)
        ]
        # A token under the name `token` is found both ways; the first has the place of the value.
        reported = {problem.line for problem in problems if problem.rule == "literal-secret"}
        yield from sorted([*problems, *(problem for problem in literal if problem.line not in reported)])


def _flaws_of_names(loaded: Loaded, project: Project, checklist_problem: Callable[[str], str]) -> Iterator[Flaw]:
    """Yield flaws in the name of a workflow and of its checklist."""
    if reason := why_reserved(loaded.spec.name, project):
        yield Flaw(("name",), "reserved-name", f"{reason}; rename the workflow")
    if loaded.spec.checklist and (problem := checklist_problem(loaded.spec.checklist)):
        yield Flaw(("checklist",), "bad-checklist", problem)
