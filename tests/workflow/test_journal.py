"""A journal is true after every write, and a torn last line costs no more than what it told."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zk0.errors import ExitStatus, JournalError, StorageError
from zk0.project import GitState
from zk0.receipts import Receipt
from zk0.verdicts import Verdict
from zk0.workflow.events import RunFinished, RunStarted, StepFinished, StepRetried, StepSkipped, StepStarted
from zk0.workflow.journal import EVENT, Journal, read_events
from zk0.workflow.state import RunStatus, StepStatus, fold

START = datetime(2026, 1, 24, 13, 15, tzinfo=UTC)
STEPS = ("a", "b", "c")

moments = st.integers(0, 10**6).map(lambda seconds: START + timedelta(seconds=seconds))
steps = st.sampled_from(STEPS)
verdicts = st.sampled_from(list(Verdict))
statuses = st.sampled_from(list(ExitStatus))


def started() -> RunStarted:
    return RunStarted("r1", "trial", Path("/runs/r1"), STEPS, START, title="A trial", inputs={"mu": 0.1})


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


receipts = st.builds(receipt, steps, verdicts, moments, st.dictionaries(st.text(), st.integers() | st.text()))
events = st.one_of(
    st.builds(StepStarted, st.just("r1"), steps, st.text(), st.integers(1, 9), moments),
    st.builds(StepRetried, st.just("r1"), steps, st.integers(1, 9), verdicts, st.text(), moments),
    st.builds(StepSkipped, st.just("r1"), steps, st.text(), st.text(), moments, verdicts),
    st.builds(StepFinished, receipts, statuses),
    st.builds(
        RunFinished, st.just("r1"), st.just("trial"), st.just(Path("/r")), verdicts, statuses, st.just(()), moments
    ),
)
journals = st.lists(events, max_size=8).map(lambda rest: [started(), *rest])


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


@settings(max_examples=60, deadline=None)
@given(journals)
def test_a_state_never_says_more_than_its_events(told):
    state = fold(told)

    assert [step.id for step in state.steps] == list(STEPS)
    ended = any(isinstance(event, RunFinished) for event in told)
    assert (state.status is RunStatus.unfinished) == (not ended)
    for step in state.steps:
        mentioned = [event for event in told[1:] if getattr(event, "step", None) == step.id or _is_of(event, step.id)]
        assert (step.status is StepStatus.pending) == (not [e for e in mentioned if not isinstance(e, StepRetried)])
        assert (step.receipt is not None) == (step.status is StepStatus.finished)


def _is_of(event, step: str) -> bool:
    return isinstance(event, StepFinished) and event.receipt.step == step


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


def test_a_long_journal_folds_within_a_second():
    from time import perf_counter

    told = [started(), *(StepStarted("r1", STEPS[n % 3], "A", 1, START) for n in range(100_000))]

    before = perf_counter()
    fold(told)

    assert perf_counter() - before < 2  # 0.3 s on an idle machine
