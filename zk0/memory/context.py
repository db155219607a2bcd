"""What `context.md` tells, and what it leaves out to stay within its budget; pure.

A page that an agent reads before every task has to stay small, whatever the bank has grown to. Lists are shortened
in a fixed order, the least useful first, until the page fits, and the page names what is not on it. The budget is
8 kB: about 2,000 tokens.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from itertools import zip_longest

from zk0.core.errors import SpecError
from zk0.memory.bank import BankSnapshot, Problem
from zk0.memory.entries import Entry, Kind, Source

BUDGET = 8192  # bytes
MOST = 200  # lines of one kind: more never fit, and so a bank of any size is rendered in bounded time
LEFT_OUT = {"next_steps": "next steps", "steps": "lists of steps", "problems": "entries to repair"}
NAMED = 5  # ids named in one sentence about what is left out

# What is shortened first, and to how many; then what is next. The newest of each list stays longest.
TRIM_ORDER = (
    ("focus", 3),
    ("numbers", 12),
    ("decisions", 8),
    ("next_steps", 5),
    ("tasks", 5),
    ("faults", 8),
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
)


@dataclass(frozen=True)
class Number:
    """A number of the result it belongs to."""

    result: str
    source: Source


@dataclass(frozen=True)
class ContextContent:
    """All that could be told, the most useful of each list first; `steps` are results whose steps are listed."""

    focus: Sequence[Entry]
    results: Sequence[Entry]
    steps: Sequence[Entry]
    numbers: Sequence[Number]
    faults: Sequence[Entry]
    decisions: Sequence[Entry]
    tasks: Sequence[Entry]
    next_steps: Sequence[Entry]
    problems: Sequence[Problem]
    others: dict[str, int] = field(default_factory=dict)


def context_content(bank: BankSnapshot) -> ContextContent:
    """Return what the bank has to tell: of results, each workflow's last."""

    def newest_first(kind: Kind) -> list[Entry]:
        return bank.counting(kind)[::-1]

    last: dict[str, Entry] = {}
    for entry in newest_first(Kind.result):
        last.setdefault(entry.run.workflow if entry.run else entry.id, entry)
    results = list(last.values())
    # Dealt out in turns: each workflow's most telling numbers come before anyone's second ones.
    turns = zip_longest(*([Number(entry.id, source) for source in entry.sources] for entry in results))
    numbers = [number for turn in turns for number in turn if number]
    others = Counter(entry.kind.value for kind in (Kind.fact, Kind.procedure) for entry in bank.counting(kind))
    return ContextContent(
        focus=newest_first(Kind.focus),
        results=results,
        steps=results,
        numbers=numbers,
        faults=newest_first(Kind.fault),
        decisions=newest_first(Kind.decision),
        tasks=newest_first(Kind.task),
        next_steps=newest_first(Kind.next),
        problems=bank.problems,
        others=dict(others),
    )


def fit_context(
    content: ContextContent, render: Callable[[ContextContent, list[str]], str], *, budget: int = BUDGET
) -> str:
    """Return the page with as much of the content as its budget allows.

    Args:
        content: all that could be told.
        render: makes the page of some of it, and of the sentences that name what is left out.
        budget: the most bytes the page may have.

    Raises:
        SpecError: what people wrote between keep markers takes the budget alone.
    """

    def page(chosen: ContextContent) -> str:
        return render(chosen, left_out(content, chosen))

    chosen = replace(content, **{name: getattr(content, name)[:MOST] for name in dict(TRIM_ORDER)})
    text = page(chosen)
    for name, fewest in TRIM_ORDER:
        if _size(text) <= budget:
            return text
        members = getattr(chosen, name)
        lower, upper = min(fewest, len(members)), len(members)
        while lower < upper:  # the most members with which the page fits, found by halving
            middle = (lower + upper + 1) // 2
            if _size(page(replace(chosen, **{name: members[:middle]}))) <= budget:
                lower = middle
            else:
                upper = middle - 1
        chosen = replace(chosen, **{name: members[:lower]})
        text = page(chosen)
    if _size(text) > budget:
        raise SpecError(
            f"context.md has {_size(text)} bytes of kept paragraphs and headings; {budget} are its budget",
            remedy="shorten what stands between keep markers, or move it to an entry",
        )
    return text


def left_out(content: ContextContent, chosen: ContextContent) -> list[str]:
    """Return a sentence for each list that was shortened: how many, and where they are."""
    sentences = []
    for name in dict.fromkeys(name for name, _ in TRIM_ORDER):
        everything, told = getattr(content, name), getattr(chosen, name)
        missing = everything[len(told) :]
        if not missing:
            continue
        what = f"{len(missing)} of {len(everything)} {LEFT_OUT.get(name, name)}"
        match missing[0]:
            case Number():
                where = _entries(list(dict.fromkeys(number.result for number in missing)))
            case Entry():
                where = _entries([entry.id for entry in missing])
            case _:
                where = "see the files"
        sentences.append(f"{what}: {where}")
    return sentences


def _entries(ids: Sequence[str]) -> str:
    more = f" and {len(ids) - NAMED} more" if len(ids) > NAMED else ""
    return ", ".join(f"`{name}`" for name in ids[:NAMED]) + more


def _size(text: str) -> int:
    return len(text.encode())
