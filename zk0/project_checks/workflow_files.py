"""The project's own workflow files: valid, explained, with a checklist (`workflow-files.*`)."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path

from zk0.checklists.loading import checklist_names, checklist_problem
from zk0.core.checks import Part, check
from zk0.core.errors import AssetMissingError
from zk0.core.project import Project
from zk0.core.seal import is_sealed
from zk0.core.verdicts import Finding
from zk0.project_checks.problems import Problem, report_problems
from zk0.project_checks.wording import says_something
from zk0.workflow.loading import Library, examine, lint
from zk0.workflow.names import unread_files, workflow_files
from zk0.workflow.spec import WorkflowSpec

READS = (Part.code, Part.environment)


@check("workflow-files.valid", reads=READS)
def valid(project: Project) -> Iterator[Finding]:
    """Every workflow file is valid and passes the linter."""
    paths = [*_require_own(project), *unread_files(project).values()]
    problems = [
        Problem("", str(problem))
        for problem in lint(project, paths, checklist_problem=partial(checklist_problem, project))
    ]
    return report_problems(problems, f"{len(paths)} workflows are valid", remedy="zk0 workflows lint")


@check("workflow-files.explained", reads=READS)
def explained(project: Project) -> Iterator[Finding]:
    """Every workflow explains its inputs, and has notes and known issues."""
    _require_own(project)
    problems = []
    for name, spec in specifications(project).items():
        if not any(says_something(note, least=1) for note in spec.notes):
            problems.append(Problem(name, "has no notes in words"))
        if not explains_issues(spec):
            problems.append(Problem(name, "does not say in words what may go wrong (`issues`)"))
        mute = [key for key, declared in spec.inputs.items() if not says_something(declared.help or "", least=1)]
        problems += [Problem(name, f"does not explain its input {key}") for key in mute]
    return report_problems(problems, "all explain their inputs, notes and issues", remedy="add them", doubtful=True)


@check("workflow-files.checklists", reads=READS)
def checklists(project: Project) -> Iterator[Finding]:
    """Every workflow names a checklist, and that exists."""
    _require_own(project)
    known, problems = checklist_names(project), []
    for name, spec in specifications(project).items():
        if spec.checklist is None:
            problems.append(Problem(name, "names no checklist"))
        elif spec.checklist not in known:
            problems.append(Problem(name, f"names the checklist {spec.checklist}, which does not exist"))
    return report_problems(problems, "all name one", remedy="checklist: NAME", doubtful=True)


def explains_issues(spec: WorkflowSpec) -> bool:
    """Return whether a workflow names issues, each with a sign and a remedy in words."""
    return bool(spec.issues) and all(
        says_something(one.sign, least=1) and says_something(one.remedy, least=1) for one in spec.issues
    )


def specifications(project: Project) -> dict[str, WorkflowSpec]:
    """Return the project's own valid workflows by name."""
    files = workflow_files(project)
    loaded = {name: examine(path, library=Library(files, (name,)))[0] for name, path in _own(project).items()}
    return {name: one.spec for name, one in loaded.items() if one is not None}


def _own(project: Project) -> dict[str, Path]:
    """Return the project's own workflows; one that `zk0 init` wrote and nobody edited says nothing about its people."""
    files = workflow_files(project).items()
    own = {name: path for name, path in files if path.is_relative_to(project.root)}
    return {name: path for name, path in own.items() if not is_sealed(path.read_text("utf-8", errors="replace"))}


def _require_own(project: Project) -> list[Path]:
    if files := list(_own(project).values()):
        return files
    raise AssetMissingError("the project has no workflow of its own", remedy="write workflows/NAME.yaml")
