"""What stands in `context.md` and `tasks.md`."""

import os
import pickle
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from zk0.core.errors import SpecError
from zk0.core.project import Project
from zk0.core.verdicts import Verdict
from zk0.memory.budget import LONGEST_TEXT, cell
from zk0.memory.context import BUDGET
from zk0.memory.entries import Entry, Kind, StepRecord, with_id
from zk0.memory.rendering import WorkflowPage, render_context, render_tasks, workflow_pages
from zk0.memory.snapshot import BankProblem, BankSnapshot
from zk0.memory.unfinished_runs import RunningRun
from zk0.workflow.spec import WorkflowSpec

type MakeEntry = Callable[..., Entry]

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
DIGEST = "0123456789abcdef"


def reading(*entries: Entry, problems: tuple[BankProblem, ...] = ()) -> BankSnapshot:
    return BankSnapshot(tuple(with_id(entry) for entry in entries), problems)


@pytest.fixture
def result(make_entry: MakeEntry) -> Entry:
    """Give the result of a run of `train` with two steps and two numbers."""
    steps = [
        {"id": "data", "title": "Prepare", "verdict": "pass", "receipt": DIGEST},
        {"id": "fix", "title": "Correct", "verdict": "not-applicable", "note": "its `when` is false"},
    ]
    run = {"id": "run-1", "workflow": "train", "verdict": "pass", "seconds": 142.6, "steps": steps}
    sources = [
        {"name": "held-out loss | client 1", "receipt": DIGEST, "metric": "outputs.results.0.value", "value": 1 / 3},
        {"name": "episodes", "receipt": DIGEST, "metric": "outputs.results.1.value", "value": 32, "unit": "episodes"},
    ]
    return make_entry(
        "train: pass after 143 s",
        Kind.result,
        run=run | {"proposals": ["mu-tuning"]},
        sources=sources,
        commit="f" * 40,
        branch="main",
    )


@pytest.fixture
def fault(make_entry: MakeEntry) -> Entry:
    """Give an open finding with a cause, a remedy and a workflow that repairs it."""
    record = {
        "workflow": "train",
        "step": "federate",
        "check": "proximal.acts",
        "at": "client 1",
        "cause": "it is computed after the step",
        "remedy": "add the gradient before it.",
        "repaired_by": "fedprox-debug",
    }
    return make_entry("the term is 0.5 at the first step", Kind.fault, fault=record)


def test_an_empty_bank_says_what_to_do_first() -> None:
    text = render_context(BankSnapshot(()), old="", now=NOON)

    assert "No workflow has run yet: `zk0 run train`." in text
    assert "## Open findings\n\nNone." in text


def test_the_page_tells_the_last_result_with_each_number_pointing_to_its_receipt(result: Entry) -> None:
    text = render_context(reading(result), old="", now=NOON)

    assert "### train: pass after 143 s" in text
    assert "Run `run-1`, 2026-03-01 12:00 UTC, commit `ffffffff` on `main`" in text
    assert f"- Prepare: pass (receipt `{DIGEST}`)" in text
    assert "- Correct: not-applicable, its `when` is false" in text
    assert rf"| held-out loss \| client 1 | 0.333333 |  | `{DIGEST}` |" in text
    assert f"| episodes | 32 | episodes | `{DIGEST}` |" in text
    assert "- `zk0 run mu-tuning`, proposed by run `run-1`" in text


def test_an_open_finding_comes_with_cause_remedy_and_workflow(fault: Entry) -> None:
    text = render_context(reading(fault), old="", now=NOON)

    assert (
        "- **train/federate** `proximal.acts` (client 1): the term is 0.5 at the first step. "
        "Cause: it is computed after the step. Remedy: add the gradient before it. "
        f"Repair: `zk0 run fedprox-debug`. (`{with_id(fault).id}`)" in text
    )


def test_focus_decisions_and_next_steps_are_told_and_facts_are_counted(make_entry: MakeEntry) -> None:
    bank = reading(
        make_entry("a first federation", Kind.focus),
        make_entry("mu stays at 0.01", Kind.decision, stale_after=NOON),
        make_entry("try mu 0.001", Kind.next),
        make_entry("clips are 2 s long"),
    )

    text = render_context(bank, old="", now=NOON + HOUR)

    assert "## Focus\n\n- a first federation (`2026-03-01-" in text
    assert "- mu stays at 0.01 (stale) (`" in text
    assert "## Next steps\n\n- try mu 0.001 (`" in text
    assert "- 1 of kind fact, in entries/" in text


def test_a_run_in_progress_is_shown() -> None:
    step = StepRecord(id="data", title="Prepare", verdict=Verdict.warned, receipt=DIGEST, note="few episodes")

    text = render_context(BankSnapshot(()), old="", now=NOON, running=[RunningRun("run-2", "train", 9, [step])])

    assert "Run `run-2` of `train`: 1 of 9 steps ended." in text
    assert f"- Prepare: warn, few episodes (receipt `{DIGEST}`)" in text


def test_an_entry_that_can_not_be_read_is_named() -> None:
    problem = BankProblem(Path("entries/broken.md"), 3, "it is not YAML")

    text = render_context(BankSnapshot((), (problem,)), old="", now=NOON)

    assert "## Entries to repair\n\n- entries/broken.md:3: it is not YAML" in text


def test_a_large_bank_stays_within_the_budget_and_says_what_is_missing(result: Entry, make_entry: MakeEntry) -> None:
    numbers = [{"name": f"loss of client {n}", "receipt": DIGEST, "value": n / 7} for n in range(300)]
    entries = [result.model_copy(update={"sources": tuple(make_entry("x", sources=numbers).sources)})]
    entries += [
        make_entry(f"{kind} {number}: " + "ünïcödé " * 40, kind, after=number * HOUR)
        for kind in (Kind.decision, Kind.fault, Kind.next, Kind.focus)
        for number in range(100)
    ]

    text = render_context(reading(*entries), old="<!-- keep:notes -->Mind the camera.<!-- /keep -->", now=NOON)

    assert len(text.encode()) <= BUDGET
    assert "Mind the camera." in text
    assert "### train: pass after 143 s" in text
    assert f"of 300 numbers: `{with_id(entries[0]).id}` (over the budget of 8192 bytes)" in text
    assert "of 100 decisions: `" in text


def test_kept_paragraphs_stay_where_they_are_render_after_render(result: Entry) -> None:
    first = render_context(reading(result), old="", now=NOON)
    edited = first.replace("<!-- keep:notes -->", "<!-- keep:notes -->\nMind the camera.\n")
    edited += "<!-- keep:mine -->\nAnd the light.\n<!-- /keep -->\n"

    second = render_context(reading(result), old=edited, now=NOON)
    third = render_context(reading(result), old=second, now=NOON)

    assert "<!-- keep:notes -->\nMind the camera.\n<!-- /keep -->" in second
    assert "<!-- keep:mine -->\nAnd the light.\n<!-- /keep -->" in second
    assert third == second


def test_kept_paragraphs_are_never_cut(result: Entry) -> None:
    old = f"<!-- keep:notes -->{'words ' * 2000}<!-- /keep -->"

    with pytest.raises(SpecError, match="budget"):
        render_context(reading(result), old=old, now=NOON)


def test_a_message_can_not_open_a_kept_paragraph(make_entry: MakeEntry) -> None:
    bank = reading(make_entry("<!-- keep:evil --> | a", Kind.decision))

    text = render_context(bank, old="", now=NOON)

    assert render_context(bank, old=text, now=NOON) == text
    assert r"- &lt;!-- keep:evil --> \| a (" in text


def test_a_long_text_is_cut_on_the_page() -> None:
    assert len(cell("word " * 100)) <= LONGEST_TEXT
    assert cell("word " * 100).endswith("word…")


def test_the_same_bank_gives_the_same_bytes_in_another_process(result: Entry, fault: Entry) -> None:
    code = (
        "import sys, pickle; from zk0.memory.rendering import render_context\n"
        "bank, now = pickle.load(sys.stdin.buffer)\n"
        "sys.stdout.write(render_context(bank, old='', now=now))"
    )
    bank = reading(fault, result)
    here = render_context(bank, old="", now=NOON)
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path), "PYTHONHASHSEED": "7"}
    command = [sys.executable, "-c", code]

    there = subprocess.run(
        command, input=pickle.dumps((bank, NOON)), stdout=subprocess.PIPE, env=environment, check=True
    )

    assert there.stdout.decode() == here


TRAIN = WorkflowSpec.model_validate(
    {
        "name": "train",
        "title": "Train a policy",
        "purpose": "Fine-tune one policy.\n",
        "inputs": {
            "rounds": {"type": "integer", "default": 3, "help": "how many rounds"},
            "data": {"type": "path"},
        },
        "steps": [{"id": "data", "title": "Prepare", "uses": "data.prepare"}],
        "notes": ["Look at the held-out loss."],
        "issues": [{"sign": "identical start losses", "remedy": "zk0 run aggregation-fix"}],
    }
)


def test_the_tasks_page_explains_each_workflow_and_when_it_was_last_performed(result: Entry) -> None:
    text = render_tasks(reading(result), [WorkflowPage("train", TRAIN)], old="")

    assert "## train: Train a policy\n\nFine-tune one policy.\n" in text
    assert (
        "**Last performed:** 2026-03-01 12:00 UTC, pass, 142.6 s, commit `ffffffff` on `main` "
        f"(run `run-1`, entry `{with_id(result).id}`)" in text
    )
    assert "- `rounds` (integer, default `3`): how many rounds\n- `data` (path)\n" in text
    assert "1. Prepare (`data`)" in text
    assert "**Important notes:**\n\n- Look at the held-out loss." in text
    assert "- identical start losses: zk0 run aggregation-fix" in text


def test_a_workflow_never_performed_says_so_and_one_that_is_broken_says_where() -> None:
    pages = [WorkflowPage("train", TRAIN), WorkflowPage("deploy", None, "line 3: not YAML")]

    text = render_tasks(BankSnapshot(()), pages, old="")

    assert "**Last performed:** never" in text
    assert "## deploy\n\nIts file can't be read: line 3: not YAML" in text


def test_notes_kept_with_a_workflow_survive_even_when_it_is_gone() -> None:
    old = "<!-- keep:train -->Use the tiny preset first.<!-- /keep --><!-- keep:gone -->Old lore.<!-- /keep -->"

    text = render_tasks(BankSnapshot(()), [WorkflowPage("train", TRAIN)], old=old)

    assert "<!-- keep:train -->\nUse the tiny preset first.\n<!-- /keep -->" in text
    assert "<!-- keep:gone -->\nOld lore.\n<!-- /keep -->" in text
    assert render_tasks(BankSnapshot(()), [WorkflowPage("train", TRAIN)], old=text) == text


HEAD = "name: {name}\ntitle: T\npurpose: P\nsteps:\n  - {{id: data, title: Prepare, uses: no.such-action}}\n"


def write(project: Project, name: str, text: str) -> None:
    path = project.root / "workflows" / f"{name}.yaml"
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)


def test_a_workflow_is_explained_whether_or_not_its_actions_exist(project: Project) -> None:
    write(project, "mine", HEAD.format(name="mine"))

    [page] = [page for page in workflow_pages(project) if page.name == "mine"]

    assert page.spec
    assert page.spec.steps[0].title == "Prepare"


def test_a_broken_file_is_a_page_that_says_where(project: Project) -> None:
    write(project, "torn", "name: [\n")
    write(project, "wrong", HEAD.format(name="wrong") + "colour: red\n")

    problems = {page.name: page.problem for page in workflow_pages(project) if page.spec is None}

    assert problems["torn"].startswith("line ")
    assert problems["wrong"].startswith("line 6: colour: ")
