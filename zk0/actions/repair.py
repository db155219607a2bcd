"""Change code on a branch of its own, keep what is proven, undo the rest."""

from collections.abc import Iterator
from pathlib import Path

from pydantic import Field

from zk0.core.checks import check
from zk0.core.project import Project
from zk0.core.verdicts import Evidence, Finding, failed, passed
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

    found = repairs.begin(context.project, context.run)
    return BeginOutputs(branch=found.branch, origin=found.origin, base=found.base)


@check("repair.begun")
def begun(outputs: BeginOutputs, project: Project) -> Iterator[Finding]:
    """The branch is checked out."""
    branch = project.git_state().branch
    if branch == outputs.branch:
        yield passed(f"on {branch}, from {outputs.origin} at {outputs.base[:8]}")
    else:
        yield failed(
            f"{branch or 'no branch'} is checked out, not {outputs.branch}", remedy=f"git switch {outputs.branch}"
        )


class EndInputs(Inputs):
    """The repair that was begun, whether it is proven, and what it is called."""

    branch: str
    origin: str
    base: str
    proven: bool
    title: str = Field(min_length=1, description="the first line of the commit's message")
    reasons: list[str] = Field([], description="what was wrong, a paragraph of the commit's message each")


class EndOutputs(Outputs):
    """What became of it: a commit on its branch, or a patch beside the run."""

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
def kept(outputs: EndOutputs) -> Iterator[Finding]:
    """The repair passed what was to prove it, and is a commit."""
    evidence = [Evidence(name="file", value=name) for name in outputs.files]
    if outputs.kept:
        yield passed(
            f"{len(outputs.files)} files in commit {str(outputs.commit)[:8]} on {outputs.branch}; "
            f"to take it over: git switch {outputs.origin} && git merge {outputs.branch}",
            evidence=[*evidence, Evidence(name="commit", value=outputs.commit)],
        )
    else:
        yield failed(
            f"the repair did not pass; {len(outputs.files)} files are as they were",
            evidence=evidence,
            cause="what it was to prove failed",
            remedy=f"git apply {outputs.patch} brings the changes back",
        )
