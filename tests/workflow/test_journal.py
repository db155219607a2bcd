"""A journal is true after every write, and a torn last line costs no more than what it told."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zk0.core.errors import ExitStatus, JournalError, StorageError
from zk0.core.git import GitState
from zk0.core.receipts import Receipt
from zk0.core.verdicts import Finding, Verdict
from zk0.workflow import state
from zk0.workflow.events import (
    RunCancelled,
    RunFinished,
    RunResumed,
    RunStarted,
    Selection,
    StepFinished,
    StepRepairing,
    StepRetried,
    StepSkipped,
    StepStarted,
    StepWaiting,
)
from zk0.workflow.journal import ENDING_KINDS, EVENT, TAIL, Journal, read_events, read_tail
from zk0.workflow.state import RunStatus, StepStatus, fold

START = datetime(2026, 1, 24, 13, 15, tzinfo=UTC)
STEPS = ("a", "b", "c")
OF_THE_RUN = (RunStarted, RunFinished, RunResumed, RunCancelled)
WITHIN = ("b/0", "b/1", "b/10")

moments = st.integers(0, 10**6).map(lambda seconds: START + timedelta(seconds=seconds))
steps = st.sampled_from(STEPS + WITHIN)
verdicts = st.sampled_from(list(Verdict))
statuses = st.sampled_from(list(ExitStatus))
names = st.text(max_size=8)
findings = st.lists(st.builds(Finding, verdict=verdicts, message=names), max_size=2).map(tuple)


def started(selection: Selection | None = None) -> RunStarted:
    about = {"title": "A trial", "inputs": {"mu": 0.1}}
    return RunStarted("r1", "trial", Path("/runs/r1"), STEPS, START, selection=selection, **about)


def receipt(step: str, verdict: Verdict, at: datetime, outputs: dict) -> Receipt:
    return Receipt(
        run="r1",
        workflow="trial",
        step=step,
        title="A step",
        uses="trial.note",
        inputs={},
        code=GitState(),
        environment={},
        started=START,
        finished=at,
        outputs=outputs,
        verdict=verdict,
    )


receipts = st.builds(receipt, steps, verdicts, moments, st.dictionaries(names, st.integers() | names, max_size=3))
proposals = st.lists(names, max_size=2).map(tuple)
bases = st.dictionaries(names, names, max_size=2)
finished = st.builds(StepFinished, receipts, statuses, proposals, bases, names)
some_steps = st.lists(st.sampled_from(STEPS), max_size=3, unique=True).map(tuple)
selections = st.none() | st.builds(Selection, names, some_steps, st.lists(finished, max_size=2).map(tuple))
step_events = (
    st.builds(StepStarted, st.just("r1"), steps, names, st.integers(1, 9), moments),
    st.builds(StepRetried, st.just("r1"), steps, st.integers(1, 9), verdicts, names, moments, st.floats(0, 1e6)),
    st.builds(StepSkipped, st.just("r1"), steps, names, names, moments, verdicts),
    st.builds(
        StepWaiting,
        st.just("r1"),
        steps,
        names,
        st.sampled_from(["agent", "person"]),
        st.integers(0, 9),
        moments,
        st.just(Path("/r/handover.md")),
        findings,
    ),
    finished,
    st.builds(StepRepairing, finished, names, moments),
)
run_events = (
    st.builds(
        RunFinished, st.just("r1"), st.just("trial"), st.just(Path("/r")), verdicts, statuses, proposals, moments
    ),
    st.builds(
        RunResumed, st.just("r1"), moments, st.none() | st.sampled_from(STEPS), st.booleans(), some_steps, some_steps
    ),
    st.builds(RunCancelled, st.just("r1"), moments),
)
events = st.one_of(*step_events, *run_events)
journals = st.builds(lambda first, rest: [first, *rest], st.builds(started, selections), st.lists(events, max_size=10))


def lines(told) -> bytes:
    return b"".join(EVENT.dump_json(event) + b"\n" for event in told)


@settings(max_examples=60, deadline=None)
@given(journals)
def test_what_was_appended_is_read_again(told):
    with TemporaryDirectory() as directory:
        journal = Journal(Path(directory) / "journal.jsonl")
        for event in told:
            journal.append(event)

        assert read_events(journal.path) == told


@settings(max_examples=60, deadline=None)
@given(journals, st.data())
def test_a_journal_cut_at_any_byte_tells_a_beginning_of_the_story(told, data):
    whole = lines(told)
    cut = data.draw(st.integers(0, len(whole)))
    with TemporaryDirectory() as directory:
        path = Path(directory) / "journal.jsonl"
        path.write_bytes(whole[:cut])

        read = read_events(path)

    assert read == told[: whole[:cut].count(b"\n")]
    if read:
        assert fold(read) == fold(told[: len(read)])


@settings(max_examples=150, deadline=None)
@given(journals)
def test_a_state_never_says_more_than_its_events(told):
    state = fold(told)

    assert [step.id for step in state.steps if "/" not in step.id] == list(STEPS)
    mentioned = [
        _step_of(event) for event in told[1:] if not isinstance(event, RunFinished | RunResumed | RunCancelled)
    ]
    last = max((number for number, event in enumerate(told) if isinstance(event, RunResumed)), default=0)
    since = [type(event) for event in told[last:]]
    assert (state.status is RunStatus.cancelled) == (RunCancelled in since)
    assert (state.finished is not None) == (RunFinished in since)
    if not {RunCancelled, RunFinished} & set(since):
        waits = any(step.status is StepStatus.waiting for step in state.steps)
        assert state.status is (RunStatus.waiting if waits else RunStatus.unfinished)
    for step in state.steps:
        assert step.status is StepStatus.pending or step.id in mentioned
        assert (step.receipt is not None) == (step.status is StepStatus.finished)
        assert (step.handover is not None) == (step.asked is not None) == (step.status is StepStatus.waiting)
        assert step.failed is None or any(isinstance(event, StepRepairing) for event in told)


@settings(max_examples=150, deadline=None)
@given(journals, st.lists(st.sampled_from(STEPS), min_size=1, unique=True).map(tuple))
def test_a_resumption_leaves_no_step_in_flight_and_what_is_not_done_anew_as_it_was(told, redone):
    before = fold(told)

    after = fold([*told, RunResumed("r1", START, redone[0], True, redone)])

    assert after.status in (RunStatus.unfinished, RunStatus.waiting)
    for step in after.steps:
        assert step.status is not StepStatus.started
        was = before.step(step.id)
        if step.id.partition("/")[0] in redone:
            assert step.status is StepStatus.pending
        elif was.status not in (StepStatus.started, StepStatus.interrupted):
            assert step == was
        else:
            assert (step.attempt, step.failed) == (was.attempt, was.failed)


@settings(max_examples=60, deadline=None)
@given(st.permutations(["b/0", "b/1", "b/2", "b/10", "b/10/x", "b/2/x"]))
def test_items_stand_in_their_order_whichever_began_first(order):
    begun = sorted(order, key=lambda name: name.count("/"))  # a step begins before those within it

    state = fold([started(), *(StepStarted("r1", name, "A", 1, START) for name in ("b", *begun))])

    assert [step.id for step in state.steps] == ["a", "b", "b/0", "b/1", "b/2", "b/2/x", "b/10", "b/10/x", "c"]


def _step_of(event) -> str:
    match event:
        case StepFinished():
            return event.receipt.step
        case StepRepairing():
            return event.failed.receipt.step
    return event.step


def test_a_run_that_was_killed_is_unfinished_with_the_step_in_flight(tmp_path):
    finished = receipt("a", Verdict.passed, START + timedelta(seconds=2), {})
    told = [
        started(),
        StepStarted("r1", "a", "A", 1, START),
        StepFinished(finished),
        StepStarted("r1", "b", "B", 1, START),
    ]

    state = fold(told)

    assert state.status is RunStatus.unfinished
    assert state.exit_status is None
    assert [step.status for step in state.steps] == ["finished", "started", "pending"]
    assert state.step("a").seconds == 2
    assert state.receipts == (finished,)


def test_a_damaged_line_is_named(tmp_path):
    path = tmp_path / "journal.jsonl"
    path.write_bytes(lines([started()]) + b"{}\n" + lines([StepStarted("r1", "a", "A", 1, START)]))

    with pytest.raises(JournalError, match=r"journal.jsonl:2: not an event of a run"):
        read_events(path)


def test_an_absent_journal_has_no_events_and_no_state(tmp_path):
    assert read_events(tmp_path / "journal.jsonl") == []
    with pytest.raises(JournalError, match="begins with the start"):
        fold([])


@pytest.mark.parametrize(
    ("event", "problem"),
    [(started(), "starts twice"), (StepStarted("r1", "z", "Z", 1, START), "step 'z', which is not in its plan")],
)
def test_a_story_that_makes_no_sense_is_refused(event, problem):
    with pytest.raises(JournalError, match=problem):
        fold([started(), event])


def test_a_journal_without_a_directory_can_t_be_written(tmp_path):
    with pytest.raises(StorageError, match="can't be written: No such file or directory"):
        Journal(tmp_path / "absent" / "journal.jsonl").append(started())


def test_the_work_of_a_fold_grows_with_the_events_and_not_with_their_square(monkeypatch):
    advanced = []
    monkeypatch.setattr(state, "_advanced", lambda step, event: advanced.append(event) or step)
    events = iter([started(), *(StepStarted("r1", STEPS[n % 3], "A", 1, START) for n in range(1000))])

    fold(events)

    assert len(advanced) == 1000  # one step is updated for each event
    assert next(events, None) is None  # which are read once: an iterator can't be read again


@pytest.mark.parametrize("end", [b"", b'{"kind": "step-fin'])
def test_the_tail_of_a_journal_is_its_last_whole_event(tmp_path, end):
    journal = Journal(tmp_path / "journal.jsonl")
    assert read_tail(journal.path) is None
    journal.append(started())
    journal.append(RunCancelled("r1", START))
    with journal.path.open("ab") as stream:
        stream.write(end)

    assert read_tail(journal.path)["kind"] in ENDING_KINDS == ("run-finished", "run-cancelled")


def test_an_event_that_is_longer_than_the_tail_is_neither_an_end_nor_a_wait(tmp_path):
    journal = Journal(tmp_path / "journal.jsonl")
    journal.append(StepStarted("r1", "a", "A" * TAIL, 1, START))

    assert read_tail(journal.path) == {}
