"""The brief an agent starts from: what waits and what is wrong first, within its budget."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from zk0.core.project import Project
from zk0.memory.bank import Bank
from zk0.memory.entries import Entry, Kind
from zk0.memory.prime import ASSESSED, BYTES_A_TOKEN, BriefSection, fit_sections, prime, statements

type MakeEntry = Callable[..., Entry]

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
RUN = "20260301-120000-fix-0001"


def fill(project: Project, make_entry: MakeEntry) -> None:
    fault = {"workflow": "train", "step": "federate", "check": "proximal.acts", "repaired_by": "fedprox-debug"}
    run = {"id": "run-1", "workflow": "train", "verdict": "fail", "seconds": 2, "proposals": ["fedprox-debug"]}
    entries = [
        make_entry("a first federation", Kind.focus),
        make_entry("train: fail after 2 s", Kind.result, run=run, tree="0" * 16, sources=[{"file": "train.py"}]),
        make_entry("the term is inert", Kind.fault, fault=fault, sources=[{"file": "train.py"}]),
        make_entry("mu stays at 0.01", Kind.decision, sources=[{"file": "gone.py"}]),
        make_entry("try mu 0.001", Kind.next),
    ]
    Bank.of(project).add(lambda _: entries)
    (project.memory_dir / "brief.md").write_text("# Brief\n\nRobots learn together.\n")
    Bank.of(project).append_note("focus", "Mind the camera.")
    directory = project.runs_dir / RUN
    directory.mkdir(parents=True)
    waits = {"kind": "step-waiting", "step": "fix", "title": "Fix it", "ask": "agent", "handover": "/h.md"}
    (directory / "journal.jsonl").write_text(json.dumps(waits) + "\n")


def test_the_brief_tells_all_that_matters_the_most_urgent_first(project: Project, make_entry: MakeEntry) -> None:
    fill(project, make_entry)

    brief = prime(project, NOON)

    told = (
        "branch `main`, commit `",
        "3 fresh, 2 stale",
        f"run `{RUN}` waits for an agent: Fix it. Read `/h.md`, then `zk0 resume {RUN}`",
        "- train: fail after 2 s, 2026-03-01 12:00 UTC",
        "stale: the code has changed since",
        "- a first federation",
        "Mind the camera.",
        "- train/federate `proximal.acts`: the term is inert. Repair: `zk0 run fedprox-debug`.",
        "- `zk0 run fedprox-debug`, proposed by run `run-1`",
        "- try mu 0.001",
        "`zk0 memory add KIND TITLE",
        "- mu stays at 0.01",
        "stale: gone.py is not there any more",
        "Robots learn together.",
    )
    places = [brief.text.find(words) for words in told]
    assert -1 not in places, told[places.index(-1)]
    assert places == sorted(places)
    assert brief.counts == {"fresh": 3, "unverifiable": 0, "stale": 2, "contradicted": 0}


def test_a_large_bank_fits_and_the_brief_says_what_it_left_out(project: Project, make_entry: MakeEntry) -> None:
    fill(project, make_entry)
    many = [
        make_entry(f"{kind} {number}: " + "ünïcödé " * 30, kind, after=number * HOUR)
        for kind in (Kind.decision, Kind.fault, Kind.next, Kind.fact)
        for number in range(ASSESSED // 4)
    ]
    Bank.of(project).add(lambda _: many)

    brief = prime(project, NOON, budget=1000)

    assert brief.tokens <= 1000
    assert len(brief.text.encode()) <= 1000 * BYTES_A_TOKEN
    assert "older ones not looked at (`zk0 memory verify`)" in brief.text
    assert f"run `{RUN}` waits" in brief.text
    assert "more: `zk0 memory search`" in brief.text
    assert prime(project, NOON, budget=1000) == brief


def test_the_last_section_loses_its_last_lines_first() -> None:
    sections = [BriefSection("## One", ["- a", "- b"]), BriefSection("## Two", ["- c" * 20, "- d" * 20], "zk0 runs")]

    assert fit_sections(sections, 1000) == f"## One\n- a\n- b\n\n## Two\n{'- c' * 20}\n{'- d' * 20}\n"
    assert fit_sections(sections, 50) == "## One\n- a\n- b\n\n## Two\n- 2 more: `zk0 runs`\n"


def test_an_empty_project_has_a_brief_too(project: Project) -> None:
    text = prime(project, NOON).text

    assert "memory, read again just now: nothing yet" in text
    assert "`zk0 workflows list`" in text


def test_neither_decisions_nor_what_the_owner_forbids_is_pushed_out_by_findings(
    project: Project, make_entry: MakeEntry
) -> None:
    fill(project, make_entry)
    (project.memory_dir / "brief.md").write_text(
        "# Arms\n\n" + "Arms learn together. " * 200 + "You must never\nmove an arm without a person beside it.\n\n"
        "## Never\n\n- publish a recording\n\n## Money\n\nThere is none.\n"
    )
    faults = [make_entry(f"finding {number}", Kind.fault, after=number * HOUR) for number in range(200)]
    decisions = [make_entry(f"decision {number}", Kind.decision, after=number * HOUR) for number in range(5)]
    Bank.of(project).add(lambda _: [*faults, *decisions])

    brief = prime(project, NOON)

    assert brief.tokens <= 2000
    assert "You must never move an arm without a person beside it." in brief.text
    assert "## The owner forbids\n- You must never" in brief.text
    assert "- publish a recording" in brief.text
    assert all(f"decision {number}" in brief.text for number in range(5))


def test_the_budget_that_is_given_is_used(project: Project, make_entry: MakeEntry) -> None:
    fill(project, make_entry)
    (project.memory_dir / "brief.md").write_text("Arms learn together. " * 500)
    Bank.of(project).add(lambda _: [make_entry(f"fact {number}: {'x' * 100}") for number in range(100)])

    sizes = [prime(project, NOON, budget=budget).tokens for budget in (1000, 2000, 5000)]

    assert all(0.9 * budget <= size <= budget for size, budget in zip(sizes, (1000, 2000, 5000), strict=True))


def test_a_list_is_forbidden_by_what_introduces_it() -> None:
    text = "**What it must never do.**\n- Shout,\n  ever\n\n- Run\n\n**For whom.** You.\n- Kind ones\n\nDon't:\n- x\n"

    assert [one for one, forbids in statements(text) if forbids] == [
        "**What it must never do.**",
        "Shout, ever",
        "Run",
        "Don't:",
        "x",
    ]


def test_a_sentence_is_forbidden_by_its_words_or_its_heading() -> None:
    text = "# Do not\n1. shout\n2. run\n# Work\nBe kind. Never lie to\n  a robot! Rest.\n* Don't hurry\n"

    assert list(statements(text)) == [
        ("shout", True),
        ("run", True),
        ("Be kind.", False),
        ("Never lie to a robot!", True),
        ("Rest.", False),
        ("Don't hurry", True),
    ]
