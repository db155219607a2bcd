"""The content of `context.md` and `tasks.md`, and what they leave out to stay within their budget; pure.

What its evidence does not support is marked; a number whose receipt is not in the repository is not shown.

An agent reads them before every task, so they stay small, whatever the bank has grown to. Lists are shortened in a
fixed order, the least useful first, until the page fits, and the page names what is not on it. The budget is 8 kB:
about 2,000 tokens.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import zip_longest

from zk0.core.pages import join_first
from zk0.memory.budget import cut, fit, quote
from zk0.memory.entries import Entry, FactSource, Kind
from zk0.memory.freshness import Assessment
from zk0.memory.page_seal import SEAL_SIZE
from zk0.memory.snapshot import BankProblem, BankSnapshot

BUDGET = 8192  # bytes, with the first line
MOST = 200  # lines of one kind: more never fit, and so a bank of any size is rendered in bounded time
LEFT_OUT = {"next_steps": "next steps", "steps": "lists of steps", "problems": "entries to repair"}
NOTE = 900  # bytes of one note on the page at most
NAMED = 5  # ids named in one sentence about what is left out

# What is shortened first, and to how many; then what is next. The newest of each list stays longest.
TRIM_ORDER = (
    ("facts", 5),
    ("procedures", 5),
    ("focus", 3),
    ("numbers", 12),
    ("decisions", 8),
    ("next_steps", 5),
    ("tasks", 5),
    ("faults", 8),
    ("facts", 0),
    ("procedures", 0),
    ("steps", 1),
    ("numbers", 4),
    ("results", 3),
    ("steps", 0),
    ("decisions", 2),
    ("problems", 2),
    ("faults", 2),
    ("numbers", 0),
    ("results", 0),
    ("decisions", 0),
    ("tasks", 0),
    ("next_steps", 0),
    ("problems", 0),
    ("faults", 0),
    ("focus", 0),
    ("notes", 0),
)
# What is left out of each workflow on `tasks.md`, one part after the other: what a command can print at any time first.
PARTS = ("inputs", "notes and issues", "steps", "purpose")


@dataclass(frozen=True)
class ResultNumber:
    """A number of the result it belongs to."""

    result: str
    source: FactSource


@dataclass(frozen=True)
class Note:
    """What a person wrote: the name of its file, and its first words."""

    id: str
    text: str


@dataclass(frozen=True)
class ContextContent:
    """All that could be on the page, the most useful of each list first; `steps` are results whose steps are listed.

    `doubts` says what is to be said beside an entry, by its id; `unproven` counts the numbers of each result that its
    evidence does not show; `broken_off` are the runs after the last results.
    """

    focus: Sequence[Entry]
    results: Sequence[Entry]
    steps: Sequence[Entry]
    numbers: Sequence[ResultNumber]
    faults: Sequence[Entry]
    decisions: Sequence[Entry]
    tasks: Sequence[Entry]
    next_steps: Sequence[Entry]
    procedures: Sequence[Entry]
    facts: Sequence[Entry]
    problems: Sequence[BankProblem]
    notes: Sequence[Note]
    doubts: Mapping[str, str] = field(default_factory=dict)
    unproven: Mapping[str, int] = field(default_factory=dict)
    broken_off: Mapping[str, Entry] = field(default_factory=dict)


def context_content(bank: BankSnapshot, assessed: Mapping[str, Assessment], notes: Mapping[str, str]) -> ContextContent:
    """Return what the bank holds for the page: of results, each workflow's last."""
    results = list(bank.last_results.values())
    shown = {entry.id: assessed[entry.id].numbers if entry.id in assessed else [] for entry in results}
    # Dealt out in turns: each workflow's first numbers come before any second ones.
    turns = zip_longest(*([ResultNumber(name, source) for source in sources] for name, sources in shown.items()))
    return ContextContent(
        focus=bank.newest(Kind.focus),
        results=results,
        steps=results,
        numbers=[number for turn in turns for number in turn if number],
        faults=bank.newest(Kind.fault),
        decisions=bank.newest(Kind.decision),
        tasks=bank.newest(Kind.task),
        next_steps=bank.newest(Kind.next),
        procedures=bank.newest(Kind.procedure),
        facts=bank.newest(Kind.fact),
        problems=bank.problems,
        notes=[Note(name, short_note(name, text)) for name, text in notes.items()],
        doubts={name: assessment.doubt for name, assessment in assessed.items() if assessment.doubt},
        unproven={entry.id: len(entry.sources) - len(shown[entry.id]) for entry in results},
        broken_off=bank.broken_off,
    )


def short_note(name: str, text: str) -> str:
    """Return the first words of a note, quoted so that they pass for nothing else, and where the rest is."""
    short = cut(text, NOTE)
    return quote(short if short == text else f"{short}\n\nThe rest is in `notes/{name}.md`.")


def fit_context(
    content: ContextContent, render: Callable[[ContextContent, list[str]], str], *, budget: int = BUDGET
) -> str:
    """Return the page with as much of the content as its budget (bytes) allows.

    `render` makes the page of some of it, and of the sentences that name what is left out.
    """

    def page(counts: Mapping[str, int]) -> str:
        chosen = replace(content, **{name: getattr(content, name)[:count] for name, count in counts.items()})
        return render(chosen, left_out(content, chosen))

    counts = {name: min(MOST, len(getattr(content, name))) for name in dict(TRIM_ORDER)}
    return fit(counts, TRIM_ORDER, page, budget - SEAL_SIZE)


def left_out(content: ContextContent, chosen: ContextContent) -> list[str]:
    """Return a sentence for each list that was shortened: how many, and where they are."""
    sentences = []
    for name in dict.fromkeys(name for name, _ in TRIM_ORDER):
        everything, shown = getattr(content, name), getattr(chosen, name)
        missing = everything[len(shown) :]
        if not missing:
            continue
        what = f"{len(missing)} of {len(everything)} {LEFT_OUT.get(name, name)}"
        if name == "problems":
            sentences.append(f"{what}: see the files")
        else:
            ids = dict.fromkeys(one.result if isinstance(one, ResultNumber) else one.id for one in missing)
            sentences.append(f"{what}: {join_first([f'`{name}`' for name in ids], NAMED)}")
    return sentences


def fit_workflows(names: Sequence[str], render: Callable[[Mapping[str, int], list[str]], str], budget: int) -> str:
    """Return `tasks.md` with as much of each workflow as its budget (bytes) allows; the first is shortened first.

    Headings and notes stay, whatever they need. `render` makes the page of how many of `PARTS` are left out
    of each workflow, and of the sentences that say so.
    """

    def page(counts: Mapping[str, int]) -> str:
        levels = {name: len(PARTS) - count for name, count in counts.items()}
        return render(levels, _parts_left_out(levels))

    order = [(name, count) for count in reversed(range(len(PARTS))) for name in names]
    return fit(dict.fromkeys(names, len(PARTS)), order, page, budget - SEAL_SIZE)


def _parts_left_out(levels: Mapping[str, int]) -> list[str]:
    """Return a sentence for each part that is left out, and from which workflows."""
    sentences = []
    for number, part in enumerate(PARTS, 1):
        names = sorted(name for name, level in levels.items() if level >= number)
        if names:
            which = "all workflows" if len(names) == len(levels) else ", ".join(f"`{name}`" for name in names)
            sentences.append(f"{part} of {which}")
    return sentences
