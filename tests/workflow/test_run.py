"""Runs are found again by their id, by the beginning of one, or as the latest."""

from datetime import UTC, datetime

import pytest

from zk0.core.errors import JournalError, UnknownNameError
from zk0.workflow.run import find_run, run_directories, run_id


@pytest.fixture
def three(project):
    ids = ["20260124-131502-train-00ff", "20260124-131502-aa-0100", "20260123-235959-zz-ffff"]
    for name in ids:
        (project.runs_dir / name).mkdir(parents=True)
        (project.runs_dir / name / "journal.jsonl").write_text("{}\n")
    return project


def test_an_id_tells_when_what_and_orders_runs_of_the_same_second():
    at = datetime(2026, 1, 24, 13, 15, 2, 500_000, tzinfo=UTC)

    assert run_id("train", at) == "20260124-131502-train-8000"
    assert run_id("train", at.replace(microsecond=999_999)) == "20260124-131502-train-ffff"


def test_runs_are_listed_newest_first(three):
    assert [run.id[-4:] for run in run_directories(three)] == ["0100", "00ff", "ffff"]


def test_a_run_is_found_by_what_names_it_alone(three):
    assert find_run(three, "latest").id.endswith("0100")
    assert find_run(three, "20260123").id.endswith("ffff")
    assert find_run(three, "20260124-131502-aa-0100").id.endswith("0100")


def test_a_name_that_fits_several_runs_or_none_is_refused(three):
    with pytest.raises(UnknownNameError, match="is the beginning of 2 runs"):
        find_run(three, "20260124")
    with pytest.raises(UnknownNameError, match="there is no run '2025'"):
        find_run(three, "2025")


def test_where_nothing_was_run_the_answer_says_how_to(project):
    with pytest.raises(UnknownNameError) as raised:
        find_run(project, "latest")

    assert raised.value.remedy == "zk0 run WORKFLOW"


@pytest.mark.parametrize("torn", [None, "", '{"kind":"run-sta'])
def test_a_run_killed_before_its_first_event_is_not_the_latest(run, project, torn):
    begun = run("- {id: a, title: A, run: ['true']}\n").directory
    killed = project.runs_dir / "20991231-131502-train-0000"
    killed.mkdir()
    if torn is not None:
        (killed / "journal.jsonl").write_text(torn)

    assert find_run(project, "latest") == begun
    with pytest.raises(JournalError, match="was killed before it began") as raised:
        find_run(project, killed.name).state()
    assert str(killed) in raised.value.remedy


def test_where_no_run_has_begun_there_is_no_latest(project):
    (project.runs_dir / "20991231-131502-train-0000").mkdir(parents=True)

    with pytest.raises(UnknownNameError, match="there is no run"):
        find_run(project, "latest")


def test_a_step_of_a_run_is_asked_for_by_its_id(run):
    outcome = run("- {id: a, title: A, run: ['true']}\n")

    assert outcome.state.step("a").title == "A"
    with pytest.raises(UnknownNameError, match="has no step 'b'"):
        outcome.state.step("b")
