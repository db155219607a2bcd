"""Tasks keep what must not get lost, from version to version and from parent to child."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from zk0.core.errors import InputError, RequestError, SpecError, UnknownNameError
from zk0.core.project import Project
from zk0.core.references import KnownNames
from zk0.core.verdicts import Verdict
from zk0.memory.adding import cite
from zk0.memory.bank import Bank
from zk0.memory.entries import Entry, Kind
from zk0.memory.evidence import EvidenceReader
from zk0.memory.tasks import (
    check_task,
    closing_entry,
    compose_task,
    context_of_fields,
    extend_context,
    fill_context,
    open_tasks,
    read_context,
    render_task_page,
    subtasks,
    task_of,
    versions,
)
from zk0.workflow.task_context import TaskContext

type MakeEntry = Callable[..., Entry]
type Begin = Callable[..., Entry]

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
WHOLE = TaskContext(
    criteria="the loss falls",
    constraints="change no test",
    dependencies="torch",
    critical="mu is `pyproject.toml`'s",
    validation="the tests pass",
    tests="A=1 python -m pytest",
)


@pytest.fixture
def begin(project: Project, bank: Bank) -> Begin:
    """Give a function that begins a task, or writes its next version."""
    (project.root / "pyproject.toml").write_text("[tool.x]\nmu = 0.01\n")

    def write(title: str = "Repair it", context: TaskContext = WHOLE, hour: int = 0, **more: object) -> Entry:
        witness = EvidenceReader(project)
        sources = [cite("file:train.py:1", witness)] if "before" not in more else []
        entry = compose_task(
            title, context, by="agent:a", at=NOON + hour * HOUR, evidence=witness, sources=sources, **more
        )  # type: ignore[arg-type]
        return bank.put(entry)

    return write


def check(project: Project, bank: Bank, task: Entry) -> dict[str, tuple[Verdict, str]]:
    reading = bank.read()
    known = KnownNames(project.root, ".zk0", [entry.id for entry in reading.entries], ["train"], ["run"])
    findings = check_task(reading, task_of(reading, task.id), EvidenceReader(project), known, NOON)
    return {finding.at: (finding.verdict, finding.message) for finding in findings}


def test_a_task_has_its_commit_as_a_validation_point_and_survives_a_handover(
    project: Project, bank: Bank, begin: Begin
) -> None:
    task = begin()

    found = check(project, bank, task)

    assert [source.where for source in task.sources] == ["train.py:1", f"commit {EvidenceReader(project).head}"]
    assert {verdict for verdict, _ in found.values()} == {Verdict.passed}
    assert found["tests"] == (Verdict.passed, "`A=1 python -m pytest`: python is here")


@pytest.mark.parametrize(
    ("context", "at", "message"),
    [
        (
            WHOLE.model_copy(update={"critical": ("see `zk0/gone.py`",)}),
            "references",
            "zk0/gone.py, which is not there",
        ),
        (WHOLE.model_copy(update={"scope": "`zk0 run nope`"}), "references", "unknown workflow: nope"),
        (WHOLE.model_copy(update={"tests": "no-such-program"}), "tests", "no program 'no-such-program' here"),
        (WHOLE.model_copy(update={"tests": "python 'x"}), "tests", "is not a command"),
    ],
)
def test_what_a_task_names_and_what_is_not_there_fails_the_check(
    context: TaskContext, at: str, message: str, project: Project, bank: Bank, begin: Begin
) -> None:
    verdict, told = check(project, bank, begin(context=context))[at]

    assert verdict is Verdict.failed
    assert message in told


def test_cited_lines_that_changed_are_a_warning_and_gaps_are_named(project: Project, bank: Bank, begin: Begin) -> None:
    task = begin(context=TaskContext(objective="Repair it", tests=""))
    (project.root / "train.py").write_text("mu = 0.1\n")

    found = check(project, bank, task)

    assert found["sources"] == (Verdict.warned, "train.py:1 has changed since it was cited")
    assert found["tests"][0] is Verdict.not_available
    assert found["template"][1].startswith("not said: criteria, constraints")


def test_a_subtask_inherits_what_is_critical_and_losing_it_later_is_found(
    project: Project, bank: Bank, begin: Begin
) -> None:
    parent = begin()
    child = begin("Find the cause", TaskContext(critical="only client 2"), 1, parent=parent)
    assert child.task
    assert child.task.critical == (*WHOLE.critical, "only client 2")
    assert child.task.constraints == WHOLE.constraints
    assert "inheritance" not in {at for at, (verdict, _) in check(project, bank, child).items() if verdict.stops}

    more = extend_context(WHOLE, TaskContext(critical="and never touch client 3"))
    newer = begin(context=more, hour=2, before=parent)

    verdict, message = check(project, bank, child)["inheritance"]
    assert verdict is Verdict.failed
    assert message == f"critical: 'and never touch client 3' of {newer.id} is lost"


def test_a_version_that_drops_what_was_critical_fails_the_check(project: Project, bank: Bank, begin: Begin) -> None:
    first = begin()
    begin(context=WHOLE.model_copy(update={"constraints": ()}), hour=1, before=first)

    verdict, message = check(project, bank, first)["inheritance"]

    assert verdict is Verdict.failed
    assert f"'change no test' of {first.id} is lost" in message


def test_any_id_of_a_task_names_its_newest_version(bank: Bank, begin: Begin, make_entry: MakeEntry) -> None:
    first = begin()
    second = begin(context=extend_context(WHOLE, TaskContext(notes="now review", mode="review")), hour=1, before=first)
    [fact] = bank.add(lambda _: [make_entry("a fact")])
    reading = bank.read()

    assert task_of(reading, first.id) == second
    assert versions(reading, second) == [first, second]
    assert open_tasks(reading) == [second]
    with pytest.raises(UnknownNameError, match="is a fact, not a task"):
        task_of(reading, fact.id)


def test_the_page_has_the_nine_blocks_and_says_what_is_not_known(bank: Bank, begin: Begin) -> None:
    parent = begin()
    child = begin("Find the cause", TaskContext(notes="debug next", mode="debug"), 1, parent=parent)
    reading = bank.read()

    text = render_task_page(reading, parent)

    for heading in (
        "Task information",
        "Task description",
        "Technical context",
        "Context to preserve",
        "Subtask requirements",
        "Risk mitigation",
        "Quality assurance",
        "Mode transition notes",
        "Captured",
    ):
        assert f"\n## {heading}\n" in text
    assert "**Success criteria**:\n\n- the loss falls\n" in text
    assert "- source: `train.py:1`" in text
    assert f"- {child.id}: Find the cause" in text
    assert "**Risks**: none" in text
    assert "- before: nothing is missing" in text
    assert "- before: not said: criteria" in render_task_page(reading, child)
    assert "- debug next" in render_task_page(reading, child)
    assert "[x]" not in text


def test_a_task_is_filled_from_git_and_from_what_is_known(project: Project, bank: Bank, make_entry: MakeEntry) -> None:
    run = {"id": "r", "workflow": "train", "verdict": "fail", "seconds": 1}
    bank.add(
        lambda _: [
            make_entry("mu is 1", Kind.decision, sources=[{"config": "tool.x.mu", "value": 1}]),
            make_entry("mu stays", Kind.decision),
            make_entry("it rises", Kind.fault),
            make_entry("train: fail", Kind.result, run=run),
        ]
    )
    (project.root / "train.py").write_text("mu = 0.1\n")
    (project.root / "pyproject.toml").write_text("[tool.x]\nmu = 0.1\n")

    context = fill_context(TaskContext(), bank.read(), EvidenceReader(project), [], NOON)

    assert context.state[0].endswith("on main, 2 files changed")
    assert context.state[1].startswith("train: fail (2026-03-01-")
    [decision] = context.decisions  # the other one is contradicted
    assert decision.startswith("mu stays (2026-03-01-")
    assert context.risks[0].startswith("open finding: it rises (")


def test_a_task_is_closed_when_nothing_is_lost_and_no_subtask_is_open(bank: Bank, begin: Begin) -> None:
    parent = begin()
    child = begin("Find the cause", TaskContext(), 1, parent=parent)

    def close(task: Entry, hour: int) -> Entry:
        closed = closing_entry(
            task, by="agent:a", at=NOON + hour * HOUR, outcome="Done.", findings=[], reading=bank.read()
        )
        return bank.put(closed)

    with pytest.raises(RequestError, match=f"open subtasks: {child.id}"):
        close(parent, 2)
    close(child, 2)
    closed = close(parent, 3)

    assert closed.body == "Done.\n"
    assert open_tasks(bank.read()) == []
    assert subtasks(bank.read(), parent) == []
    with pytest.raises(RequestError, match="closed already"):
        close(closed, 4)


def test_a_file_says_any_of_the_fields_and_one_line_needs_no_list(tmp_path: Path) -> None:
    path = tmp_path / "task.yaml"
    path.write_text("objective: Repair it.\ncriteria: the loss falls\nconstraints: [change no test, be quick]\n")

    context = read_context(path)

    assert (context.objective, context.criteria) == ("Repair it.", ("the loss falls",))
    assert context.constraints == ("change no test", "be quick")


def test_every_problem_is_told_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "task.yaml"
    path.write_text("objective: Repair it.\nobjectives: x\npriority: soon\n")

    with pytest.raises(SpecError) as caught:
        read_context(path)

    assert f"{path}:2: objectives" in caught.value.message
    assert f"{path}:3: priority" in caught.value.message
    path.write_text("a: [")
    with pytest.raises(SpecError, match=r"task\.yaml:1: not YAML"):
        read_context(path)
    with pytest.raises(InputError, match="can't be read"):
        read_context(tmp_path / "none.yaml")


def test_every_field_can_be_set_by_its_name() -> None:
    given = {name: "x" for name in TaskContext.model_fields if name != "priority"} | {"priority": "high"}

    context = context_of_fields([f"{name}={text}" for name, text in given.items()] + ["risks=it falls"])

    assert {name: getattr(context, name) for name in ("priority", "objective", "tests")} == {
        "priority": "high",
        "objective": "x",
        "tests": "x",
    }
    assert (context.losses, context.risks) == (("x",), ("x", "it falls"))
    assert context.gaps() == []


@pytest.mark.parametrize("given", ["objektive=x", "objective", "priority=soon"])
def test_what_is_no_field_is_refused_with_the_fields_there_are(given: str) -> None:
    with pytest.raises(InputError):
        context_of_fields([given])


def test_a_gap_is_named_with_the_option_that_fills_it(project: Project, bank: Bank, begin: Begin) -> None:
    task = begin(context=TaskContext(objective="Repair it"))
    known = KnownNames(project.root, ".zk0", [], [], [])

    [gap] = [one for one in check_task(bank.read(), task, EvidenceReader(project), known, NOON) if one.at == "template"]

    assert "--set criteria=… --set constraints=…" in gap.remedy
