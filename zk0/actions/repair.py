"""Change code on a branch of its own: keep what is proven, undo the rest, and judge its shape."""

import ast
from collections.abc import Iterator
from pathlib import Path

from pydantic import Field

from zk0.core.checks import check
from zk0.core.project import Project
from zk0.core.verdicts import Evidence, Finding, failed, not_available, passed, passed_if
from zk0.workflow.actions import Context, Inputs, Outputs, action


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
    """The repair that was begun, whether it is proven, and its title."""

    branch: str
    origin: str
    base: str
    proven: bool
    title: str = Field(min_length=1, description="the first line of the commit's message")
    reasons: list[str] = Field([], description="what was wrong, a paragraph of the commit's message each")


class EndOutputs(Outputs):
    """The result: a commit on its branch, or a patch beside the run."""

    kept: bool
    branch: str
    origin: str
    commit: str | None
    patch: Path | None
    files: list[str]


@action("repair.end", changes=("git branch", "files"))
def end(inputs: EndInputs, context: Context) -> EndOutputs:
    """Commit a repair that is proven; undo any other, its changes going into a patch."""
    from zk0.core import repairs

    repair = repairs.Repair(inputs.branch, inputs.origin, inputs.base)
    if not inputs.proven:
        patch = context.directory / "rejected.patch"
        files = repairs.undo(context.project, repair, patch)
        return EndOutputs(kept=False, branch=repair.branch, origin=repair.origin, commit=None, patch=patch, files=files)
    parts = [inputs.title, *inputs.reasons, f"Proven by run {context.run} of zk0."]
    commit, files = repairs.commit(context.project, repair, "\n\n".join(parts))
    return EndOutputs(kept=True, branch=repair.branch, origin=repair.origin, commit=commit, patch=None, files=files)


@check("repair.kept")
def kept(outputs: EndOutputs) -> Finding:
    """The repair is proven and committed."""
    evidence = [Evidence(name="file", value=name) for name in outputs.files]
    if outputs.kept:
        return passed(
            f"{len(outputs.files)} files in commit {str(outputs.commit)[:8]} on {outputs.branch}; "
            f"to merge it: git switch {outputs.origin} && git merge {outputs.branch}",
            evidence=[*evidence, Evidence(name="commit", value=outputs.commit)],
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
