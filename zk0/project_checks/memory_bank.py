"""The memory bank: sound, verified and up to date (`memory-bank.*`)."""

from collections.abc import Iterator
from datetime import UTC, datetime

from zk0.core.app_subject import first_run
from zk0.core.checks import Part, check
from zk0.core.errors import AssetMissingError, JournalError
from zk0.core.project import Project
from zk0.core.verdicts import Evidence, Finding, failed, passed
from zk0.memory.bank import Bank
from zk0.memory.entries import Kind
from zk0.memory.freshness import Freshness
from zk0.memory.snapshot import BankSnapshot
from zk0.memory.tasks import VERDICTS
from zk0.memory.verification import verify
from zk0.project_checks.problems import Problem, report_problems
from zk0.project_checks.wording import says_something
from zk0.workflow.run import run_directories
from zk0.workflow.state import RunStatus

MEMORY = (Part.memory,)
HOW = "zk0 memory verify"


@check("memory-bank.sound", reads=MEMORY)
def sound(project: Project) -> Iterator[Finding]:
    """Every entry of the memory bank can be read, and none was changed after it was written."""
    bank = Bank.of(project).read()
    if not bank.entries and not bank.problems:
        raise AssetMissingError("the memory bank has no entries yet", remedy=first_run(project))
    good = f"{len(bank.entries)} entries can be read"
    return report_problems(entry_problems(project, bank), good, remedy="correct it, or git checkout it")


@check("memory-bank.verified", reads=(*MEMORY, Part.runs, Part.code, Part.history, Part.machine))
def verified(project: Project) -> Iterator[Finding]:
    """The memory bank agrees with its evidence."""
    report = verify(project, datetime.now(UTC))
    if not report.assessments and not report.is_wrong:
        raise AssetMissingError("the memory bank has no entries yet", remedy=first_run(project))
    evidence = [Evidence(name=name, value=count, unit="entries") for name, count in report.counts.items()]
    for assessment in report.assessments:
        if assessment.freshness is not Freshness.fresh:
            message = f"{assessment.freshness}: {'; '.join(assessment.reasons) or assessment.entry.title}"
            verdict = VERDICTS[assessment.freshness]
            yield Finding(verdict=verdict, message=message, at=assessment.entry.id, remedy=HOW)
    for one in report.contradictions:
        yield failed(f"{one.one.id} and {one.other.id} contradict each other on {one.about}", remedy=HOW)
    for problem in report.problems:
        yield failed(problem.message, at=f"{problem.path}:{problem.line}", remedy=HOW)
    if not report.is_in_doubt:
        yield passed(f"{len(report.assessments)} entries agree with their evidence", evidence=evidence)


@check("memory-bank.recorded", reads=(*MEMORY, Part.runs))
def recorded(project: Project) -> Iterator[Finding]:
    """The last run of each workflow is in the memory bank."""
    known = {entry.run.id for entry in Bank.of(project).read().entries if entry.run}
    last: dict[str, str] = {}
    for run in run_directories(project):
        try:
            state = run.state()
        except JournalError:
            continue  # compatibility.records reports it
        if state.status not in (RunStatus.unfinished, RunStatus.waiting):
            last.setdefault(state.workflow, run.id)
    if not last and not known:
        raise AssetMissingError("no workflow has run yet, and the memory bank records none", remedy=first_run(project))
    problems = [Problem(run, "is not in the memory bank") for run in last.values() if run not in known]
    good = f"{len(known)} runs are in the memory bank, the last of each workflow among them"
    return report_problems(problems, good, remedy="zk0 run it again")


@check("memory-bank.next", reads=MEMORY)
def next_steps(project: Project) -> Finding:
    """The memory bank has a focus or a next step, in words."""
    bank = Bank.of(project).read()
    entries = [*bank.counting(Kind.focus), *bank.counting(Kind.next)]
    notes = [name for name, text in Bank.of(project).notes().items() if says_something(text)]
    entries = [entry for entry in entries if says_something(f"{entry.title} {entry.body}")]
    if entries or notes:
        message = f"{len(entries)} entries and {len(notes)} notes name them"
        return passed(message, evidence=[Evidence(name="entries", value=len(entries))])
    return failed("no entry and no note names a focus or a next step", remedy="zk0 memory add next TITLE")


def entry_problems(project: Project, bank: BankSnapshot) -> list[Problem]:
    """Return what is wrong with the entries of a project's bank."""
    return [Problem(f"{project.memory_dir.name}/{one.path}:{one.line}", one.message) for one in bank.problems]
