"""Render the bank's pages: `context.md` from entries, `tasks.md` from the workflows and what was last performed.

Pure and deterministic: the same entries, workflows and kept paragraphs give the same bytes.
"""

from collections.abc import Sequence
from datetime import datetime
from functools import cache

from jinja2 import Environment, PackageLoader, StrictUndefined

from zk0.memory.bank import Reading
from zk0.memory.context import BUDGET, Material, RunningRun, fitting, material_of
from zk0.memory.entries import Entry, Kind
from zk0.memory.kept import Keep, kept_paragraphs
from zk0.memory.workflows import WorkflowPage

CONTEXT = "context.md"
TASKS = "tasks.md"
LONGEST_TEXT = 200  # characters of a sentence that others wrote; the entry has all of it
SHORT_COMMIT = 8  # digits


def render_context(
    bank: Reading, *, old: str, now: datetime, running: RunningRun | None = None, budget: int = BUDGET
) -> str:
    """Return the page an agent or a person reads first.

    Args:
        bank: the entries.
        old: the page as it is, for its kept paragraphs.
        now: decides which entries are marked as stale; it is not printed.
        running: the run in progress, if one is.
        budget: the most bytes the page may have.

    Raises:
        SpecError: a kept paragraph of the old page is not closed, or all of them take the budget alone.
    """
    kept = kept_paragraphs(old, CONTEXT)
    template = _environment().get_template(f"{CONTEXT}.j2")

    def page(chosen: Material, left_out: list[str]) -> str:
        told = vars(chosen) | {"running": running, "now": now, "left_out": left_out, "budget": budget}
        return template.render(told, keep=Keep(kept))

    return fitting(material_of(bank), page, budget=budget)


def render_tasks(bank: Reading, workflows: Sequence[WorkflowPage], *, old: str) -> str:
    """Return the page that explains each workflow and says when it was last performed, and how it ended.

    Raises:
        SpecError: a kept paragraph of the old page is not closed.
    """
    last = {entry.run.workflow: entry for entry in bank.counting(Kind.result) if entry.run}
    template = _environment().get_template(f"{TASKS}.j2")
    return template.render(workflows=workflows, last=last, keep=Keep(kept_paragraphs(old, TASKS)))


@cache
def _environment() -> Environment:
    # No autoescape: the pages are Markdown, and `cell` escapes what would break a line or a table.
    environment = Environment(  # noqa: S701
        loader=PackageLoader("zk0.memory"),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= {"cell": cell, "number": number, "commit": commit}
    return environment


def cell(text: object) -> str:
    """Return a text that stays within its line and its table cell, makes no marker, and is cut where it is long."""
    line = " ".join(str(text).split()).replace("|", r"\|").replace("<", "&lt;")
    return line if len(line) <= LONGEST_TEXT else f"{line[: LONGEST_TEXT - 1].rstrip()}…"


def number(value: float | str | None) -> str:
    """Return a value as it is shown: integers whole, others with six significant digits."""
    return f"{value:.6g}" if isinstance(value, float) else cell(value)


def commit(entry: Entry) -> str:
    """Return where an entry's code is, as ` at commit on branch`; nothing where it is in no commit."""
    if entry.commit is None:
        return ""
    on_branch = f" on `{cell(entry.branch)}`" if entry.branch else ""
    return f", commit `{entry.commit[:SHORT_COMMIT]}`{on_branch}"
