"""A person's answer that an MCP client asked for: what is asked, and the run that goes on with it.

The client shows the question to its user (elicitation), so the answer is *stated*, as in a terminal. A project with
`allowed_signers` takes signatures only.
"""

import getpass
import threading
from collections.abc import Callable, Mapping
from pathlib import Path

from zk0.core.errors import RequestError
from zk0.core.project import Project
from zk0.workflow.approval import ALLOWED_SIGNERS, ApprovalAnswer, names_signers
from zk0.workflow.lock import owner
from zk0.workflow.run import RunDirectory, find_run
from zk0.workflow.state import RunState, StepState, StepStatus

type Resume = Callable[[Project, RunDirectory, Mapping[str, ApprovalAnswer]], object]


def question(root: Path, run: str) -> str | None:
    """Return the statement that a run asks a person to approve; None if it asks nobody.

    Raises:
        UnknownNameError: there is no such run.
        RequestError: it is in progress, only a signature counts, or files changed since the question was asked.
    """
    project = Project(root)
    directory = find_run(project, run)
    if owner(directory) is not None:
        raise RequestError(f"{directory.id} is in progress", remedy="ask for its status, and submit when it waits")
    state = directory.state()
    step = _asked(state)
    if step is None:
        return None
    if names_signers(project, state.code.commit):
        raise RequestError(
            f"the project has {ALLOWED_SIGNERS}, so only a signature counts", remedy=f"read {step.handover}"
        )
    if step.files != project.file_snapshot().digest:
        remedy = f"zk0 resume {state.run}, which asks again"
        raise RequestError("files changed since the question was asked", remedy=remedy)
    return f"{step.title}\n\n{step.statement}"


def give_answer(root: Path, run: str, resume: Resume, *, approve: bool, reason: str) -> threading.Thread:
    """Resume a run with a person's answer, in a thread of its own; the run goes on behind it.

    Args:
        root: the project.
        run: the run.
        resume: continues a run with answers by step.
        approve: whether they approve.
        reason: why not.

    Raises:
        RequestError: the run asks nobody any more, or a rejection has no reason.
    """
    project = Project(root)
    directory = find_run(project, run)
    step = _asked(directory.state())
    if step is None:
        raise RequestError(f"{run} waits for no person")
    if not (approve or reason.strip()):
        raise RequestError("a rejection needs a reason")
    answer = ApprovalAnswer(approve, getpass.getuser(), "stated", step.statement, "" if approve else reason.strip())
    thread = threading.Thread(target=resume, args=(project, directory, {step.id: answer}))
    thread.start()
    return thread


def _asked(state: RunState) -> StepState | None:
    waiting = (step for step in state.steps if step.status is StepStatus.waiting)
    return next((step for step in waiting if step.ask == "person"), None)
