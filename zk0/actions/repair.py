"""Change code on a branch of its own: keep what is proven or probed, undo the rest, and judge its shape.

*Proven* is a repair after which a program of the project trained and was judged well; *probed* one whose code passes
the probe's contract, where no such program ran.
"""

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from pydantic import Field

from zk0.core.checks import check
from zk0.core.project import Project
from zk0.core.verdicts import Evidence, Finding, failed, not_available, passed, passed_if, warned
from zk0.workflow.actions import Context, Inputs, Outputs, action

SHOWN_BY = {  # the last paragraph of a commit's message
    "proven": "Proven by run {run} of zk0.",
    "probed": (
        "Probed by run {run} of zk0, not proven: the code passes the probe's contract, and no training of the project "
        "was judged."
    ),
}


class BeginInputs(Inputs):
    """Nothing: the branch is named by the run."""


class BeginOutputs(Outputs):
    """The branch, what it began at and that commit."""

    branch: str
    origin: str
    base: str


@action("repair.begin", changes=("git branch",))
def begin(inputs: BeginInputs, context: Context) -> BeginOutputs:
    """Check out a branch for a repair; the tree must have no uncommitted change."""
    from zk0.core import repairs

    repair = repairs.begin(context.project, context.run)
    return BeginOutputs(branch=repair.branch, origin=repair.origin, base=repair.base)


@check("repair.begun")
def begun(outputs: BeginOutputs, project: Project) -> Finding:
    """The branch is checked out."""
    branch = project.git_state().branch
    good = f"on {branch}, from {outputs.origin} at {outputs.base[:8]}"
    bad = f"{branch or 'no branch'} is checked out, not {outputs.branch}"
    return passed_if(branch == outputs.branch, good, bad, remedy=f"git switch {outputs.branch}")


class EndInputs(Inputs):
    """The repair that was begun, what shows that it is one, and its title."""

    branch: str
    origin: str
    base: str
    proof: Literal["proven", "probed", "none"]
    title: str = Field(min_length=1, description="the first line of the commit's message")
    reasons: list[str] = Field([], description="what was wrong, a paragraph of the commit's message each")


class EndOutputs(Outputs):
    """The result: a commit on its branch, or a patch beside the run."""

    proof: Literal["proven", "probed", "none"]
    shown_by: str = Field(description="what the commit's message says of it; empty where there is none")
    branch: str
    origin: str
    commit: str | None
    patch: Path | None
    files: list[str]


@action("repair.end", changes=("git branch", "files"))
def end(inputs: EndInputs, context: Context) -> EndOutputs:
    """Commit a repair that is proven or probed; undo any other, its changes going into a patch."""
    from zk0.core import repairs

    repair = repairs.Repair(inputs.branch, inputs.origin, inputs.base)
    if inputs.proof == "none":
        patch = context.directory / "rejected.patch"
        files = repairs.undo(context.project, repair, patch)
        return _ended(inputs, files, patch=patch)
    shown_by = SHOWN_BY[inputs.proof].format(run=context.run)
    commit, files = repairs.commit(context.project, repair, "\n\n".join([inputs.title, *inputs.reasons, shown_by]))
    return _ended(inputs, files, commit=commit, shown_by=shown_by)


def _ended(
    inputs: EndInputs, files: list[str], *, commit: str | None = None, patch: Path | None = None, shown_by: str = ""
) -> EndOutputs:
    facts = inputs.model_dump(include={"proof", "branch", "origin"})
    return EndOutputs(**facts, shown_by=shown_by, commit=commit, patch=patch, files=files)


@check("repair.kept")
def kept(outputs: EndOutputs) -> Finding:
    """The repair is proven, and committed."""
    evidence = [Evidence(name="file", value=name) for name in outputs.files]
    if outputs.commit:
        message = (
            f"{len(outputs.files)} files in commit {outputs.commit[:8]} on {outputs.branch}; "
            f"to merge it: git switch {outputs.origin} && git merge {outputs.branch}"
        )
        evidence.append(Evidence(name="commit", value=outputs.commit))
        if outputs.proof == "proven":
            return passed(f"proven: {message}", evidence=evidence)
        return warned(
            f"probed, not proven: {message}",
            evidence=evidence,
            cause="no program of the project trained with this code and could be judged",
            remedy="give train_command, or declare the app that runs this code in [tool.flwr.app.components]",
        )
    return failed(
        f"the repair did not pass; {len(outputs.files)} files are as they were",
        evidence=evidence,
        cause="its proof failed",
        remedy=f"git apply {outputs.patch} brings the changes back",
    )


LONGEST = 60  # lines; a function that does not fit on a screen hides what it does


@check("code.defines")
def defines(
    outputs: Outputs, project: Project, *, files: list[str], functions: list[str], longest: int = LONGEST
) -> Iterator[Finding]:
    """Files define these functions, and none of them is longer than `longest` lines."""
    paths = [path for name in files for path in _python_files(project.path(name))]
    if not paths:
        yield not_available(f"no Python file at {', '.join(files)}")
        return
    places: dict[str, list[tuple[int, str]]] = {name: [] for name in functions}
    for path in paths:
        shown = project.shown(path)
        try:
            tree = ast.parse(path.read_bytes(), str(path))
        except SyntaxError as error:
            yield failed(f"{shown}:{error.lineno}: {error.msg}", remedy="correct the syntax")
            return
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name in places:
                places[node.name].append(((node.end_lineno or node.lineno) - node.lineno + 1, f"{shown}:{node.lineno}"))
    yield from (_judge_length(name, where, longest) for name, where in places.items())


def _judge_length(name: str, places: list[tuple[int, str]], longest: int) -> Finding:
    if not places:
        return failed(f"no function {name}", remedy=f"define {name}")
    length, where = max(places)
    evidence = [Evidence(name="length", value=length, unit="lines", at=where)]
    good, bad = f"{name}, {length} lines", f"{name} has {length} lines, at most {longest} are wanted"
    return passed_if(length <= longest, good, bad, at=where, evidence=evidence, remedy="split it")


def _python_files(path: Path) -> list[Path]:
    if path.is_dir():
        return sorted(path.rglob("*.py"))
    return [path] if path.is_file() else []
