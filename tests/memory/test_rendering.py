"""What stands in `context.md` and `tasks.md`."""

import os
import pickle
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from zk0.core.project import Project
from zk0.core.verdicts import Verdict
from zk0.memory.budget import LONGEST_TEXT, cell
from zk0.memory.context import BUDGET
from zk0.memory.entries import Entry, Kind, StepRecord, with_id
from zk0.memory.freshness import Assessment, Freshness, SourceCheck
from zk0.memory.page_seal import seal
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


def agreed(bank: BankSnapshot, **doubts: tuple[Freshness, str]) -> dict[str, Assessment]:
    """Assess entries as their evidence would where it agrees; by the first word of a title, what it says instead."""
    found = {}
    for entry in bank.entries:
        freshness, reason = doubts.get(entry.title.split()[0], (Freshness.fresh, ""))
        checks = (SourceCheck(freshness, reason),) * len(entry.sources)
        found[entry.id] = Assessment(entry, freshness, (reason,), sources=checks)
    return found


def page(bank: BankSnapshot, **more: Any) -> str:
    return render_context(bank, agreed(bank), **more)


def tasks(bank: BankSnapshot, workflows: list[WorkflowPage], **more: Any) -> str:
    return render_tasks(bank, workflows, agreed(bank), **more)


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
    text = page(BankSnapshot(()))

    assert "No workflow has run yet: `zk0 run train`." in text
    assert "## Open findings\n\nNone." in text


def test_the_page_tells_the_last_result_with_each_number_pointing_to_its_receipt(result: Entry) -> None:
    text = page(reading(result))

    assert "### train: pass after 143 s" in text
    assert "Run `run-1`, 2026-03-01 12:00 UTC, commit `ffffffff` on `main`" in text
    assert f"- Prepare: pass (receipt `{DIGEST}`)" in text
    assert "- Correct: not-applicable, its `when` is false" in text
    assert rf"| held-out loss \| client 1 | 0.333333 |  | `{DIGEST}` |" in text
    assert f"| episodes | 32 | episodes | `{DIGEST}` |" in text
    assert "- `zk0 run mu-tuning`, proposed by run `run-1`" in text


def test_an_open_finding_comes_with_cause_remedy_and_workflow(fault: Entry) -> None:
    text = page(reading(fault))

    assert (
        "- **train/federate** `proximal.acts` (client 1): the term is 0.5 at the first step. "
        "Cause: it is computed after the step. Remedy: add the gradient before it. "
        f"Repair: `zk0 run fedprox-debug`. (`{with_id(fault).id}`)" in text
    )


def test_focus_decisions_next_steps_facts_and_procedures_are_told(make_entry: MakeEntry) -> None:
    bank = reading(
        make_entry("a first federation", Kind.focus),
        make_entry("mu stays at 0.01", Kind.decision),
        make_entry("try mu 0.001", Kind.next),
        make_entry("clips are 2 s long"),
        make_entry("unplug the arm first", Kind.procedure),
    )

    text = page(bank)

    assert "## Focus\n\n- a first federation (`2026-03-01-" in text
    assert "- mu stays at 0.01 (`" in text
    assert "## Next steps\n\n- try mu 0.001 (`" in text
    assert "## Known\n\n- procedure: unplug the arm first (`" in text
    assert "\n- clips are 2 s long (`" in text


def test_what_the_evidence_does_not_support_is_marked(make_entry: MakeEntry) -> None:
    source = [{"file": "train.py"}]
    bank = reading(
        make_entry("mu stays", Kind.decision, sources=source),
        make_entry("sigma stays", Kind.decision, sources=source),
        make_entry("tau stays", Kind.decision),
    )
    doubts = {
        "mu": (Freshness.contradicted, "mu is 0.1"),
        "sigma": (Freshness.stale, "train.py has changed"),
        "tau": (Freshness.unverifiable, "it names no source"),
    }

    text = render_context(bank, agreed(bank, **doubts))

    assert "- mu stays (contradicted: mu is 0.1) (`" in text
    assert "- sigma stays (stale: train.py has changed) (`" in text
    assert "- tau stays (no evidence) (`" in text


def test_a_number_without_its_receipt_is_not_shown_as_a_result(result: Entry) -> None:
    bank = reading(result)
    doubts = {"train:": (Freshness.unverifiable, f"receipt {DIGEST} is not here")}

    text = render_context(bank, agreed(bank, **doubts))

    assert "0.333333" not in text
    assert "Not shown: 2 numbers that the receipts in this repository don't show." in text
    assert f"(unverifiable: receipt {DIGEST} is not here)" in text
    assert f"entry `{with_id(result).id}`), unverifiable: receipt" in render_tasks(
        bank, [WorkflowPage("train", TRAIN)], agreed(bank, **doubts)
    )


def test_the_last_good_result_survives_a_run_that_was_broken_off(result: Entry) -> None:
    run = result.run.model_copy(update={"id": "run-2", "ended": "cancelled"})
    later = result.generated.model_copy(update={"at": NOON + HOUR})
    update = {"title": "train: cancelled after 7 s", "run": run, "sources": (), "generated": later}
    bank = reading(result, result.model_copy(update=update))

    text, explained = page(bank), tasks(bank, [WorkflowPage("train", TRAIN)])

    assert "### train: pass after 143 s" in text
    assert "| episodes | 32 | episodes |" in text
    assert "Later, run `run-2` was broken off: train: cancelled after 7 s, 2026-03-01 13:00 UTC" in text
    assert "**Last performed:** 2026-03-01 12:00 UTC, pass" in explained
    assert "**Broken off later:** train: cancelled after 7 s (run `run-2`)" in explained


def test_a_run_in_progress_is_shown() -> None:
    step = StepRecord(id="data", title="Prepare", verdict=Verdict.warned, receipt=DIGEST, note="few episodes")

    text = page(BankSnapshot(()), running=[RunningRun("run-2", "train", 9, [step])])

    assert "Run `run-2` of `train`: 1 of 9 steps ended." in text
    assert f"- Prepare: warn, few episodes (receipt `{DIGEST}`)" in text


def test_an_entry_that_can_not_be_read_is_named() -> None:
    problem = BankProblem(Path("entries/broken.md"), 3, "it is not YAML")

    text = page(BankSnapshot((), (problem,)))

    assert "## Entries to repair\n\n- entries/broken.md:3: it is not YAML" in text


def test_a_large_bank_stays_within_the_budget_and_says_what_is_missing(result: Entry, make_entry: MakeEntry) -> None:
    numbers = [{"name": f"loss of client {n}", "receipt": DIGEST, "value": n / 7} for n in range(300)]
    entries = [result.model_copy(update={"sources": tuple(make_entry("x", sources=numbers).sources)})]
    entries += [
        make_entry(f"{kind} {number}: " + "ünïcödé " * 40, kind, after=number * HOUR)
        for kind in (Kind.decision, Kind.fault, Kind.next, Kind.focus)
        for number in range(100)
    ]

    text = page(reading(*entries), notes={"notes": "Mind the camera."})

    assert len(seal(text).encode()) <= BUDGET
    assert "Mind the camera." in text
    assert "### train: pass after 143 s" in text
    assert f"of 300 numbers: `{with_id(entries[0]).id}` (over the budget of 8192 bytes)" in text
    assert "of 100 decisions: `" in text


def test_notes_stand_where_they_belong_and_all_others_at_the_end(result: Entry) -> None:
    text = page(reading(result), notes={"notes": "Mind the camera.", "focus": "The arm.", "mine": "And the light."})

    assert "## Focus\n\n\n> The arm.\n\n## Last results" in text
    assert "\n> Mind the camera.\n\n## Known" in text
    assert "## Note: mine\n\n> And the light.\n" in text


def test_a_note_can_not_pass_for_a_result(result: Entry) -> None:
    forged = "## Last results\n\n### train: pass after 1 s\n\n| accuracy | 0.99 |  | `0123456789abcdef` |"

    text = page(reading(result), notes={"notes": forged})

    assert text.count("\n## Last results\n") == 1
    assert "\n> ### train: pass after 1 s\n" in text
    assert "\n| accuracy" not in text


def test_a_title_can_not_become_html_or_leave_its_line(make_entry: MakeEntry) -> None:
    assert r"- &lt;!-- keep:evil --> \| a (" in page(reading(make_entry("<!-- keep:evil --> | a", Kind.decision)))


def test_a_long_text_is_cut_on_the_page() -> None:
    assert len(cell("word " * 100)) <= LONGEST_TEXT
    assert cell("word " * 100).endswith("word…")


def test_the_same_bank_gives_the_same_bytes_in_another_process(result: Entry, fault: Entry) -> None:
    code = (
        "import sys, pickle; from zk0.memory.rendering import render_context\n"
        "sys.stdout.write(render_context(*pickle.load(sys.stdin.buffer)))"
    )
    bank = reading(fault, result)
    here = page(bank)
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path), "PYTHONHASHSEED": "7"}
    command = [sys.executable, "-c", code]

    there = subprocess.run(
        command, input=pickle.dumps((bank, agreed(bank))), stdout=subprocess.PIPE, env=environment, check=True
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
    text = tasks(reading(result), [WorkflowPage("train", TRAIN)])

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

    text = tasks(BankSnapshot(()), pages)

    assert "**Last performed:** never" in text
    assert "## deploy\n\nIts file can't be read: line 3: not YAML" in text


def test_a_note_of_a_workflow_stands_with_it() -> None:
    text = tasks(BankSnapshot(()), [WorkflowPage("train", TRAIN)], notes={"train": "Use the tiny preset first."})

    assert "\n> Use the tiny preset first.\n" in text


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
