"""Render the bank's pages: `context.md` from entries, `tasks.md` from the workflows and their last runs.

Deterministic: the same entries, evidence, workflows and notes give the same bytes. Of a workflow's file only the shape
matters here: `zk0 workflows lint` checks actions and expressions, which imports every action.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path

from jinja2 import Environment
from pydantic import ValidationError

from zk0.core.pages import markdown
from zk0.core.project import Project
from zk0.memory.budget import cell
from zk0.memory.context import BUDGET, ContextContent, context_content, fit_context, fit_workflows, short_note
from zk0.memory.entries import Entry
from zk0.memory.freshness import Assessment
from zk0.memory.page_seal import CONTEXT, TASKS
from zk0.memory.snapshot import BankSnapshot
from zk0.memory.unfinished_runs import RESERVE, RunningRun, region, step_line
from zk0.workflow.document import read_document
from zk0.workflow.names import workflow_files
from zk0.workflow.spec import WorkflowSpec

SHORT_COMMIT = 8  # digits
PLACED = ("focus", "transitions", "notes")  # notes that have a place on `context.md`
RUNS_SHOWN = 3  # unfinished runs that have a region; the rest is counted

TASKS_BUDGET = 2 * BUDGET  # bytes; nobody reads this page whole, and it explains every workflow


@dataclass(frozen=True)
class WorkflowPage:
    """A workflow by name, with its specification, or with what keeps its file from being read."""

    name: str
    spec: WorkflowSpec | None
    problem: str = ""


def workflow_pages(project: Project) -> list[WorkflowPage]:
    """Return all workflows, by name; one whose file is broken says where."""
    pages = []
    for name, path in workflow_files(project).items():
        stat = path.stat()
        pages.append(_page(name, path, stat.st_mtime_ns, stat.st_size))
    return pages


@lru_cache(maxsize=256)  # a page is rendered at the start and the end of a run, and a large file takes 0.1 s to read
def _page(name: str, path: Path, changed: int, size: int) -> WorkflowPage:  # noqa: ARG001  they are the key of the cache
    document = read_document(path.read_text(encoding="utf-8", errors="replace"))
    for position, _, message in document.problems:
        return WorkflowPage(name, None, f"line {position.line}: {message}")
    try:
        return WorkflowPage(name, WorkflowSpec.model_validate(document.data))
    except ValidationError as error:
        problem = error.errors()[0]
        line = document.position(tuple(problem["loc"])).line
        return WorkflowPage(name, None, f"line {line}: {'.'.join(map(str, problem['loc']))}: {problem['msg']}")


def render_context(
    bank: BankSnapshot,
    assessed: Mapping[str, Assessment],
    *,
    notes: Mapping[str, str] | None = None,
    running: Sequence[RunningRun] = (),
    budget: int = BUDGET,
) -> str:
    """Return the page an agent or a person reads first.

    The page leaves the regions of runs that have not ended room to grow within the budget.

    Args:
        bank: the entries.
        assessed: what the evidence of those in force says now, by their ids.
        notes: what people wrote, by name.
        running: the runs that have not ended.
        budget: bytes.
    """
    template = _environment().get_template(f"{CONTEXT}.j2")
    regions = [region(run, RESERVE) for run in running[:RUNS_SHOWN]]
    reserved = sum(RESERVE - len(text.encode()) for text in regions)

    def page(chosen: ContextContent, left_out: list[str]) -> str:
        variables = vars(chosen) | {
            "notes": {note.id: note.text for note in chosen.notes},
            "placed": PLACED,
            "running": regions,
            "unfinished": len(running) - len(regions),
            "left_out": left_out,
            "budget": budget,
        }
        return template.render(variables)

    return fit_context(context_content(bank, assessed, notes or {}), page, budget=budget - reserved)


def render_tasks(
    bank: BankSnapshot,
    workflows: Sequence[WorkflowPage],
    assessed: Mapping[str, Assessment],
    *,
    notes: Mapping[str, str] | None = None,
    budget: int = TASKS_BUDGET,
) -> str:
    """Return the page that explains each workflow and says when it was last performed, and how it ended.

    A note of a workflow's name stands below it. The arguments are those of `render_context`.
    """
    last = bank.last_results
    template = _environment().get_template(f"{TASKS}.j2")
    names = [page.name for page in workflows]
    order = sorted(names, key=lambda name: (last[name].generated.at.timestamp() if name in last else 0.0, name))

    def page(levels: Mapping[str, int], left_out: list[str]) -> str:
        variables = {
            "workflows": workflows,
            "last": last,
            "broken_off": bank.broken_off,
            "doubts": {name: assessment.doubt for name, assessment in assessed.items()},
            "notes": {name: short_note(name, text) for name, text in (notes or {}).items()},
            "levels": levels,
            "left_out": left_out,
            "budget": budget,
        }
        return template.render(variables)

    return fit_workflows(order, page, budget)


@cache
def _environment() -> Environment:
    return markdown("zk0.memory", cell=cell, number=number, commit=commit, step_line=step_line)


def number(value: float | str | None) -> str:
    """Return a value as it is shown: integers whole, others with six significant digits."""
    return f"{value:.6g}" if isinstance(value, float) else cell(value)


def commit(entry: Entry) -> str:
    """Return where an entry's code is, as ` at commit on branch`; nothing where it is in no commit."""
    if entry.commit is None:
        return ""
    on_branch = f" on `{cell(entry.branch)}`" if entry.branch else ""
    return f", commit `{entry.commit[:SHORT_COMMIT]}`{on_branch}"
