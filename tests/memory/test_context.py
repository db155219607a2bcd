"""The page keeps its budget, gives up the least useful first, and names what it left out."""

from collections.abc import Callable, Mapping
from datetime import timedelta
from pathlib import Path

import pytest

from zk0.memory import context
from zk0.memory.context import NOTE, ContextContent, fit_context, fit_workflows, left_out
from zk0.memory.entries import Entry, Kind, with_id
from zk0.memory.freshness import Assessment, Freshness, SourceCheck
from zk0.memory.page_seal import SEAL_SIZE
from zk0.memory.snapshot import BankProblem, BankSnapshot

type MakeEntry = Callable[..., Entry]

HOUR = timedelta(hours=1)


def context_content(bank: BankSnapshot) -> ContextContent:
    """Return the content of a page where the evidence agrees with all numbers."""
    fresh = SourceCheck(Freshness.fresh)
    assessed = {
        entry.id: Assessment(entry, Freshness.fresh, (), sources=(fresh,) * len(entry.sources))
        for entry in bank.entries
    }
    return context.context_content(bank, assessed, {})


def plainly(chosen: ContextContent, missing: list[str]) -> str:
    """Render every member to twenty bytes."""
    members = [member for told in vars(chosen).values() if not isinstance(told, dict) for member in told]
    return "m" * 20 * len(members) + "\n".join(missing)


@pytest.fixture
def many(make_entry: MakeEntry) -> BankSnapshot:
    """Give two workflows' results with 30 numbers each, 40 decisions, 40 faults, 40 next steps."""
    entries = [
        make_entry(f"{kind} {number}", kind, after=number * HOUR)
        for kind in (Kind.decision, Kind.fault, Kind.next)
        for number in range(40)
    ]
    for workflow in ("train", "testing"):
        sources = [{"name": f"{workflow} {n}", "receipt": "0" * 16, "value": n} for n in range(30)]
        run = {"id": f"{workflow}-1", "workflow": workflow, "verdict": "pass", "seconds": 1}
        entries.append(make_entry(workflow, Kind.result, sources=sources, run=run))
    return BankSnapshot(tuple(with_id(entry) for entry in entries))


def test_what_fits_is_told_in_full(many: BankSnapshot) -> None:
    text = fit_context(context_content(many), plainly, budget=20 * 184 + SEAL_SIZE)

    assert text == "m" * 20 * 184  # 120 entries, 2 results, 2 lists of steps, 60 numbers


@pytest.mark.parametrize("budget", [900, 1500, 3000, 3600])
def test_the_budget_holds_and_everything_missing_is_named(many: BankSnapshot, budget: int) -> None:
    told: list[ContextContent] = []

    def watched(chosen: ContextContent, missing: list[str]) -> str:
        told.append(chosen)
        return plainly(chosen, missing)

    text = fit_context(context_content(many), watched, budget=budget)

    assert len(text) <= budget
    for name in ("numbers", "decisions", "next_steps", "faults"):
        shortened = len(getattr(told[-1], name)) < len(getattr(context_content(many), name))
        assert (f"{name.replace('_', ' ')}: " in text) == shortened


def test_numbers_go_before_decisions_and_faults_go_last(many: BankSnapshot) -> None:
    everything = context_content(many)
    kept: list[ContextContent] = []

    def watched(chosen: ContextContent, missing: list[str]) -> str:
        kept.append(chosen)
        return plainly(chosen, missing)

    fit_context(everything, watched, budget=3000)

    assert len(kept[-1].numbers) < len(everything.numbers)
    assert kept[-1].decisions == everything.decisions
    fit_context(everything, watched, budget=1500)
    assert len(kept[-1].faults) >= len(kept[-1].decisions)


def test_the_newest_of_a_list_stays_and_each_workflow_keeps_its_first_numbers(many: BankSnapshot) -> None:
    content = context_content(many)

    assert [entry.title for entry in content.decisions[:2]] == ["decision 39", "decision 38"]
    assert {number.source.name for number in content.numbers[:4]} == {"train 0", "train 1", "testing 0", "testing 1"}


def test_a_workflow_shows_its_last_result_alone(make_entry: MakeEntry) -> None:
    run = {"id": "1", "workflow": "train", "verdict": "pass", "seconds": 1}
    # Two branches, merged: neither supersedes the other.
    entries = [with_id(make_entry(f"train {n}", Kind.result, run=run, after=n * HOUR)) for n in (0, 1)]

    assert [entry.title for entry in context_content(BankSnapshot(tuple(entries))).results] == ["train 1"]


def test_what_is_left_out_is_named_by_its_entries(many: BankSnapshot) -> None:
    everything = context_content(many)
    chosen = ContextContent(**{**vars(everything), "decisions": everything.decisions[:30], "problems": ()})

    [sentence] = left_out(everything, chosen)

    assert sentence.startswith("10 of 40 decisions: `")
    assert sentence.endswith(" and 5 more")


def test_a_bank_of_any_size_takes_few_renders(make_entry: MakeEntry) -> None:
    entries = tuple(with_id(make_entry(f"decision {n}", Kind.decision)) for n in range(2000))
    renders = 0

    def counted(chosen: ContextContent, missing: list[str]) -> str:
        nonlocal renders
        renders += 1
        return plainly(chosen, missing)

    text = fit_context(context_content(BankSnapshot(entries)), counted, budget=1000)

    assert renders < 40
    assert "of 2000 decisions" in text


def test_a_long_note_is_shortened_and_says_where_the_rest_is() -> None:
    [note] = context.context_content(BankSnapshot(()), {}, {"camera": "words " * 1000}).notes

    assert len(note.text) < NOTE + 60
    assert note.text.endswith("\n>\n> The rest is in `notes/camera.md`.")


def test_problems_are_told_before_numbers(many: BankSnapshot) -> None:
    problem = BankProblem(Path("entries/broken.md"), 3, "it is not YAML")
    seen: list[ContextContent] = []

    def watched(chosen: ContextContent, missing: list[str]) -> str:
        seen.append(chosen)
        return plainly(chosen, missing)

    fit_context(context_content(BankSnapshot(many.entries, (problem,))), watched, budget=1200)

    assert seen[-1].problems == (problem,)


def render_levels(levels: Mapping[str, int], left_out: list[str]) -> str:
    return "".join("x" * (4 - level) for level in levels.values()) + "|" + "; ".join(left_out)


def sizes(budget: int) -> str:
    budget += SEAL_SIZE
    return fit_workflows(["old", "new"], lambda levels, left_out: render_levels(levels, []), budget).partition("|")[0]


def test_all_is_told_where_there_is_room() -> None:
    assert fit_workflows(["old", "new"], render_levels, 100 + SEAL_SIZE) == "xxxxxxxx|"


def test_the_workflow_used_longest_ago_is_shortened_first_and_each_part_of_all_before_the_next() -> None:
    assert [len(sizes(budget)) for budget in (8, 7, 6, 5)] == [7, 6, 5, 4]


def test_what_is_left_out_is_named() -> None:
    told: list[list[str]] = []

    def page(levels: Mapping[str, int], left_out: list[str]) -> str:
        told.append(left_out)
        return "x" * (20 - sum(levels.values()))

    fit_workflows(["old", "new"], page, 17 + SEAL_SIZE)

    assert told[-1] == ["inputs of all workflows", "notes and issues of `old`"]
