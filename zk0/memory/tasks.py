"""Tasks kept in the memory bank: entries of kind `task`, each version superseding the one before.

Being entries, they have an id, an author, a lock, a merge and a search already; their sources are read again like any
entry's. A task's context may come from a YAML file (`read_context`).
"""

import re
import shlex
import shutil
from collections.abc import Iterable, Iterator
from datetime import datetime
from pathlib import Path

from pydantic import ValidationError

from zk0.core.errors import InputError, RequestError, SpecError, UnknownNameError
from zk0.core.markdown import Page
from zk0.core.project import package_versions
from zk0.core.references import KnownNames, dead_references
from zk0.core.verdicts import Finding, Verdict, failed, not_available, passed, warned
from zk0.memory.entries import Entry, FactSource, Kind, Mark, Status
from zk0.memory.evidence import EvidenceReader
from zk0.memory.freshness import SHORT_COMMIT, Freshness, assess, assess_all
from zk0.memory.snapshot import BankSnapshot
from zk0.memory.unfinished_runs import OpenRun
from zk0.workflow.document import read_document
from zk0.workflow.task_context import INHERITED, TaskContext, render_task

ASSIGNMENT = re.compile(r"[A-Za-z_][A-Za-z0-9_]*=.*")  # before a command's program
VERDICTS = {
    Freshness.contradicted: Verdict.failed,
    Freshness.stale: Verdict.warned,
    Freshness.unverifiable: Verdict.not_available,
}


def open_tasks(reading: BankSnapshot) -> list[Entry]:
    """Return the newest version of each task that is not closed, oldest first."""
    return [entry for entry in reading.counting(Kind.task) if entry.task]


def task_of(reading: BankSnapshot, name: str) -> Entry:
    """Return the newest version of the task that one of its ids names, open or closed.

    Raises:
        UnknownNameError: there is no such entry, or it is not a task.
    """
    entry = reading.entry(name)
    if entry.kind is not Kind.task or entry.task is None:
        raise UnknownNameError(f"{entry.id} is a {entry.kind}, not a task", remedy="zk0 task list")
    while newer := next((other for other in reading.entries if entry.id in other.supersedes and other.task), None):
        entry = newer
    return entry


def versions(reading: BankSnapshot, task: Entry) -> list[Entry]:
    """Return a task's versions, oldest first; the first one's id is the task's."""
    by_id = {entry.id: entry for entry in reading.entries}
    chain = [task]
    while older := next((by_id[name] for name in chain[0].supersedes if name in by_id and by_id[name].task), None):
        chain.insert(0, older)
    return chain


def subtasks(reading: BankSnapshot, task: Entry) -> list[Entry]:
    """Return the open tasks that name any version of this one as their parent."""
    ids = {version.id for version in versions(reading, task)}
    return [entry for entry in open_tasks(reading) if context_of(entry).parent in ids]


def compose_task(
    title: str,
    context: TaskContext,
    *,
    by: str,
    at: datetime,
    evidence: EvidenceReader,
    sources: Iterable[FactSource],
    parent: Entry | None = None,
    before: Entry | None = None,
) -> Entry:
    """Return a task's entry, or the version that replaces `before`; a part of another task inherits from this `parent`.

    Its sources are the validation points that a machine can check.
    """
    if parent:
        context = context.model_copy(update={"parent": parent.id}).of_parent(context_of(parent))
    head = evidence.head
    cited = tuple(sources)
    if head and before is None and not any(source.commit for source in cited):
        cited = (*cited, FactSource(name="begun on", commit=head))
    return Entry(
        kind=Kind.task,
        title=title,
        generated=Mark(by=by, at=at),
        sources=cited,
        commit=head,
        branch=evidence.branch,
        supersedes=(before.id,) if before else (),
        task=context,
    )


def fill_context(
    context: TaskContext, reading: BankSnapshot, evidence: EvidenceReader, waiting: Iterable[OpenRun], now: datetime
) -> TaskContext:
    """Return a context with facts from git, the runs and this machine: state, dependencies, decisions, findings.

    What the evidence contradicts is left out.
    """
    assessed = assess_all(reading.in_force, evidence, now)
    true = [entry for entry in reading.in_force if assessed[entry.id].freshness is not Freshness.contradicted]
    head = (evidence.head or "")[:SHORT_COMMIT]
    where = f"commit {head}{f' on {evidence.branch}' if evidence.branch else ''}" if head else "no git repository"
    changed = evidence.changed_since("HEAD") if head else []
    state = [f"{where}, {len(changed)} files changed" if changed else where]
    state += [f"{one.title} ({one.id})" for one in reversed(reading.last_results.values()) if one.run and one in true]
    for run in waiting:
        what = f": it waits for {run.waiting.who}, {run.waiting.handover}" if run.waiting else ""
        state.append(f"run {run.run} has not ended{what}")
    decisions = [f"{entry.title} ({entry.id})" for entry in true if entry.kind is Kind.decision]
    risks = [f"open finding: {entry.title} ({entry.id})" for entry in true if entry.kind is Kind.fault]
    return context.model_copy(
        update={
            "state": (*context.state, *state),
            "dependencies": (*context.dependencies, *(f"{name} {is_}" for name, is_ in package_versions().items())),
            "decisions": (*context.decisions, *decisions),
            "risks": (*context.risks, *risks),
        }
    )


def extend_context(context: TaskContext, more: TaskContext) -> TaskContext:
    """Return a context with another's lines behind its own; of single values, the other's where it says one."""
    update: dict[str, object] = {}
    for name in more.model_fields_set:
        new, old = getattr(more, name), getattr(context, name)
        update[name] = tuple(dict.fromkeys((*old, *new))) if isinstance(old, tuple) else new
    return context.model_copy(update=update)


def render_task_page(reading: BankSnapshot, task: Entry) -> str:
    """Return a task as Markdown, in the template's nine blocks."""
    chain = versions(reading, task)
    return render_task(
        _with_sources(task),
        title=task.title,
        task=chain[0].id,
        created=chain[0].generated.at,
        captured=task.generated.by,
        version=len(chain),
        children=[f"{child.id}: {child.title}" for child in subtasks(reading, task)],
    )


def context_of(task: Entry) -> TaskContext:
    """Return the context that a task's entry holds."""
    return task.task or TaskContext()


def _with_sources(task: Entry) -> TaskContext:
    """Return a task's context with its sources among the validation points."""
    context = context_of(task)
    points = tuple(f"{source.name or 'source'}: `{source.where}`" for source in task.sources)
    return context.model_copy(update={"validation": (*context.validation, *points)})


def check_task(
    reading: BankSnapshot, task: Entry, evidence: EvidenceReader, known: KnownNames, now: datetime
) -> Iterator[Finding]:
    """Yield findings on a handover: whether everything that the task must not lose is still there.

    Its sources are read again, files that its lines name must exist, its tests must name a program that is here, and
    no line of critical information or constraint may be missing that an earlier version or its parent has.
    """
    assessment = assess(task, evidence, now)
    if not task.sources:
        yield not_available("it names no source that can be read again", at="sources")
    elif assessment.freshness is Freshness.fresh:
        yield passed(f"{len(task.sources)} sources say what they said", at="sources")
    else:
        yield Finding(verdict=VERDICTS[assessment.freshness], message="; ".join(assessment.reasons), at="sources")
    yield from _named_files(task, known)
    yield _tests(context_of(task), known.root)
    yield from _lost(reading, task)
    if gaps := _with_sources(task).gaps():
        options = " ".join(f"--set {name}=…" for name in gaps)
        yield warned(f"not said: {', '.join(gaps)}", at="template", remedy=f"zk0 task update {task.id} {options}")


def _named_files(task: Entry, known: KnownNames) -> Iterator[Finding]:
    values = [value for _, value in context_of(task)]
    lines = [line for value in values for line in (value if isinstance(value, tuple) else [value])]
    dead = list(dead_references(Page(known.root, task.id, "\n\n".join(lines)), known))
    yield from (failed(reference.message, at="references") for reference in dead)
    if not dead:
        yield passed("all files, entries and commands that it names are there", at="references")


def _tests(context: TaskContext, root: Path) -> Finding:
    if not context.tests:
        return not_available("it names no command that tests it", at="tests")
    try:
        words = [word for word in shlex.split(context.tests) if not ASSIGNMENT.fullmatch(word)]
    except ValueError as error:
        return failed(f"`{context.tests}` is not a command: {error}", at="tests")
    program = words[0] if words else ""
    if program and (shutil.which(program) or shutil.which(str(root / program))):
        return passed(f"`{context.tests}`: {program} is here", at="tests")
    return failed(f"`{context.tests}`: no program {program!r} here", at="tests")


def _lost(reading: BankSnapshot, task: Entry) -> Iterator[Finding]:
    own, earlier = context_of(task), versions(reading, task)[:-1]
    if any(entry.id == own.parent for entry in reading.entries):
        earlier.append(task_of(reading, own.parent))
    lost = [
        failed(f"{name}: {line!r} of {other.id} is lost", at="inheritance")
        for other in earlier
        for name in INHERITED
        for line in getattr(other.task, name)
        if line not in getattr(own, name)
    ]
    yield from lost
    if earlier and not lost:
        yield passed(f"all that {len(earlier)} earlier versions or parents hold critical is here", at="inheritance")


def closing_entry(
    task: Entry, *, by: str, at: datetime, outcome: str, findings: Iterable[Finding], reading: BankSnapshot
) -> Entry:
    """Return the entry that closes a task.

    Raises:
        RequestError: it is closed, a subtask is open, or a finding says that something was lost.
    """
    if task.status is Status.closed:
        raise RequestError(f"{task.id} is closed already", remedy="zk0 task list")
    if children := subtasks(reading, task):
        raise RequestError(f"{task.id} has open subtasks: {', '.join(child.id for child in children)}")
    if wrong := [finding for finding in findings if finding.verdict.stops]:
        reasons = "; ".join(f"{finding.at}: {finding.message}" for finding in wrong)
        raise RequestError(f"{task.id} can't be closed: {reasons}", remedy=f"zk0 task show {task.id} --check")
    return task.model_copy(
        update={
            "id": "",
            "status": Status.closed,
            "generated": Mark(by=by, at=at),
            "supersedes": (task.id,),
            "body": f"{outcome.strip()}\n" if outcome.strip() else "",
        }
    )


def context_of_fields(fields: Iterable[str]) -> TaskContext:
    """Return the context that `FIELD=TEXT` options give.

    Raises:
        InputError: one names no field of a task, or none at all.
    """
    found: dict[str, list[str]] = {}
    for given in fields:
        name, separator, text = given.partition("=")
        if not separator or name not in TaskContext.model_fields:
            raise InputError(f"{given!r} names no field of a task", remedy=f"--set FIELD=TEXT; {_fields()}")
        found.setdefault(name, []).append(text)
    try:
        return TaskContext.model_validate(
            {name: texts[0] if len(texts) == 1 else texts for name, texts in found.items()}
        )
    except ValidationError as error:
        problem = error.errors()[0]
        raise InputError(f"--set {problem['loc'][0]}: {problem['msg']}", remedy="give it once") from error


def _fields() -> str:
    return f"the fields are {', '.join(TaskContext.model_fields)}"


def read_context(path: Path) -> TaskContext:
    """Return what a file says of a task.

    Raises:
        InputError: there is no such file.
        SpecError: it is not YAML, or has fields that a task has not; the message lists every problem with its line.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path} can't be read: {error}") from error
    document = read_document(text)
    problems = [f"{path}:{place.line}: {message}" for place, _, message in document.problems]
    if not problems:
        try:
            return TaskContext.model_validate(document.data)
        except ValidationError as error:
            for problem in error.errors():
                line = document.position(tuple(problem["loc"]), key=problem["type"] == "extra_forbidden").line
                problems.append(f"{path}:{line}: {'.'.join(map(str, problem['loc']))}: {problem['msg']}")
    raise SpecError("\n".join(problems), remedy=_fields())
