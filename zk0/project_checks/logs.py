"""The journals of runs (`logs.*`)."""

from zk0.core.app_subject import first_run
from zk0.core.checks import Part, check
from zk0.core.errors import AssetMissingError, JournalError
from zk0.core.project import Project
from zk0.core.verdicts import Evidence, Finding, failed, passed, warned
from zk0.workflow.run import run_directories
from zk0.workflow.state import StepStatus


@check("logs.complete", reads=(Part.runs,))
def complete(project: Project) -> Finding:
    """The journal of the last run has the receipt and the verdict of each step."""
    runs = [run for run in run_directories(project) if run.has_begun]
    if not runs:
        raise AssetMissingError("no workflow has run yet", remedy=first_run(project))
    run = runs[0]
    try:
        state = run.state()
    except JournalError as error:
        return failed(error.message, at=run.id, remedy=error.remedy)
    performed = [step for step in state.steps if step.status is StepStatus.finished]
    mute = [step.id for step in performed if step.receipt is None or step.verdict is None]
    evidence = [Evidence(name="steps", value=len(performed), at=run.id)]
    if mute:
        return failed(f"no outcome is recorded of {', '.join(mute)}", at=run.id, evidence=evidence)
    if not performed:
        return warned("it ended before its first step did", at=run.id)
    return passed(f"{len(performed)} steps, each with its outcome and time", at=run.id, evidence=evidence)
