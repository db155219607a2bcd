"""A run goes on where it stopped, or from the step that is asked for; whoever listens hears the whole story."""

import pytest

from zk0.core.errors import JournalError, RequestError, RunBusyError, StorageError, UnknownNameError
from zk0.workflow.engine import Engine
from zk0.workflow.events import RunFinished, RunResumed, RunStarted, StepFinished, StepStarted
from zk0.workflow.journal import Journal, read_events
from zk0.workflow.live_effects import LiveEffects
from zk0.workflow.state import RunStatus

STEPS = """\
- {id: a, title: A, uses: trial.note, with: {text: a}}
- {id: b, title: B, run: [sh, -c, 'test -e ready']}
- {id: c, title: C, run: [cat, '{{ steps.a.outputs.file }}']}
"""


@pytest.fixture
def resume(project, make_plan):
    def go_on(run, steps=STEPS, *, since=None, subscribers=(), live_subscribers=()):
        engine = Engine(project, LiveEffects(project), subscribers, live_subscribers)
        return engine.resume(run, lambda _: make_plan(steps), from_step=since)

    return go_on


def begun(outcome):
    return [event.step for event in read_events(outcome.directory.journal) if isinstance(event, StepStarted)]


def test_a_run_that_failed_goes_on_with_the_step_that_failed(run, resume, project):
    outcome = run(STEPS)
    assert outcome.state.status is RunStatus.failed
    (project.root / "ready").touch()

    resumed = resume(outcome.directory)

    assert resumed.state.status is RunStatus.done
    assert begun(resumed) == ["a", "b", "b", "c"]
    assert resumed.directory.log("c").read_text() == "a"


def test_what_a_program_left_that_failed_is_known_after_a_resumption(run, resume):
    steps = (
        "- {id: bad, title: Bad, run: [sh, -c, 'echo words; exit 3']}\n"
        "- {id: halt, title: Halt, when: \"{{ steps.bad.verdict == 'fail' }}\", uses: trial.fail, "
        "with: {how: interrupt, times: 1}}\n"
        "- {id: tell, title: Tell, when: \"{{ steps.bad.verdict == 'fail' }}\", "
        "run: [cat, '{{ steps.bad.outputs.log }}']}\n"
    )

    resumed = resume(run(steps).directory, steps)

    assert resumed.directory.log("tell").read_text() == "words\n"


def test_from_a_step_on_all_is_done_anew(run, resume, project):
    (project.root / "ready").touch()
    outcome = run(STEPS)

    resumed = resume(outcome.directory, since="b")

    assert begun(resumed) == ["a", "b", "c", "b", "c"]
    assert resumed.state.status is RunStatus.done


def test_a_run_that_is_done_has_nothing_to_go_on_with(run, resume, project):
    (project.root / "ready").touch()
    outcome = run(STEPS)

    with pytest.raises(RequestError, match="is done") as raised:
        resume(outcome.directory)
    assert raised.value.remedy.endswith("--from STEP")
    with pytest.raises(UnknownNameError, match='has no step "bb"; did you mean "b"'):
        resume(outcome.directory, since="bb")
    assert resumed_never(outcome)


def resumed_never(outcome) -> bool:
    return not any(isinstance(event, RunResumed) for event in read_events(outcome.directory.journal))


def test_subscribers_are_told_what_they_may_have_missed_and_spectators_only_what_is_new(run, resume, project):
    outcome = run(STEPS)
    (project.root / "ready").touch()
    told, seen = [], []

    resume(outcome.directory, subscribers=(told.append,), live_subscribers=(seen.append,))

    assert isinstance(told[0], RunStarted)
    assert [event.receipt.step for event in told if isinstance(event, StepFinished)] == ["a", "b", "b", "c"]
    assert len([event for event in told if isinstance(event, RunFinished)]) == 1
    assert isinstance(seen[0], RunResumed)
    assert [event.receipt.step for event in seen if isinstance(event, StepFinished)] == ["b", "c"]


def test_a_torn_last_line_is_cut_before_the_run_goes_on(run, resume, project):
    outcome = run(STEPS)
    (project.root / "ready").touch()
    journal = outcome.directory.journal
    lines = journal.read_bytes().splitlines(keepends=True)
    journal.write_bytes(b"".join(lines[:4]) + lines[4][:30])  # b was in flight
    journal.with_name("journal.head").unlink()

    resumed = resume(outcome.directory)

    assert resumed.state.status is RunStatus.done
    assert journal.read_bytes().count(b"\n") == len(read_events(journal))
    assert begun(resumed) == ["a", "b", "b", "c"]


def test_two_engines_never_perform_one_run(run, resume, project):
    outcome = run(STEPS)
    refused = []

    def second(event):
        if isinstance(event, RunResumed):
            with pytest.raises(RunBusyError, match="is being performed by process"):
                resume(outcome.directory)
            refused.append(True)

    resume(outcome.directory, live_subscribers=(second,))

    assert refused == [True]


def test_a_run_that_was_cancelled_goes_on_only_where_it_is_told_to(run, resume, project):
    outcome = run("- {id: a, title: A, uses: trial.fail, with: {how: interrupt}}\n")
    engine = Engine(project, LiveEffects(project))

    cancelled = engine.cancel(outcome.directory)

    assert cancelled.state.status is RunStatus.cancelled
    with pytest.raises(RequestError, match="can't be cancelled: it is cancelled"):
        engine.cancel(outcome.directory)
    with pytest.raises(RequestError, match="was cancelled"):
        resume(outcome.directory)
    steps = "- {id: a, title: A, run: ['true']}\n"
    assert resume(outcome.directory, steps, since="a").state.status is RunStatus.done


def test_a_run_without_a_journal_has_nothing_to_go_on_with(run, resume):
    outcome = run(STEPS)
    outcome.directory.journal.write_bytes(b'{"kind": "run-sta')

    with pytest.raises(JournalError, match="was killed before it recorded anything"):
        resume(outcome.directory)


def test_a_full_disk_loses_nothing_that_was_recorded_and_the_run_goes_on_when_there_is_room(
    make_plan, project, resume, monkeypatch
):
    (project.root / "ready").touch()
    written = 0

    def full(descriptor, data):
        nonlocal written
        written += 1
        if written == 7:  # the disk takes half of the line and then no more
            import os

            return os.pwrite(descriptor, data[: len(data) // 2], os.fstat(descriptor).st_size)
        if written > 7:
            raise OSError(28, "No space left on device")
        return honest(descriptor, data)

    import os

    honest = os.write
    monkeypatch.setattr("zk0.workflow.journal.os.write", full)
    with pytest.raises(StorageError, match="No space left on device"):
        Engine(project, LiveEffects(project)).run(make_plan(STEPS))
    monkeypatch.undo()
    [directory] = project.runs_dir.glob("*/")
    from zk0.workflow.run import RunDirectory

    run = RunDirectory(directory)
    before = read_events(run.journal)
    assert run.journal.read_bytes().endswith(b"\n")

    resumed = resume(run)

    assert resumed.state.status is RunStatus.done
    assert read_events(run.journal)[: len(before)] == before


def test_mending_an_absent_journal_does_nothing(tmp_path):
    Journal(tmp_path / "journal.jsonl").mend()

    assert not (tmp_path / "journal.jsonl").exists()
