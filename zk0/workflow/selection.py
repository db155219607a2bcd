"""Select the steps that a run performs (--only, --from), and earlier outcomes to reuse for the others.

A selected step may read one that is left out. That one's outcome is then reused from an earlier run in which it
succeeded on the same inputs: those in its receipt, and the run's seed. Its inputs may be outputs of a third step, whose
outcome is reused first, and so on, so outcomes that do not fit together are never combined. The newest run that has all
of them is used; if none has, each comes from the newest run that has it.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from zk0.core.errors import RequestError, SpecError, UnknownNameError
from zk0.core.portable_paths import to_portable
from zk0.core.receipts import Receipt
from zk0.workflow.events import Selection, StepFinished
from zk0.workflow.expressions import Scope, StepScope, as_json, fill, is_known
from zk0.workflow.fitting import nearest
from zk0.workflow.plan import Plan, PlannedStep, items_of, validated
from zk0.workflow.resume import scope_of
from zk0.workflow.state import StepState

type Outcomes = Mapping[str, StepFinished]


def select_steps(
    plan: Plan,
    only: Sequence[str],
    from_step: str | None,
    seed: int,
    outcomes: Iterable[Outcomes],
    intact: Callable[[Receipt], bool],
    root: Path,
) -> Selection | None:
    """Return the steps to perform, with earlier outcomes for the others; None for all steps.

    Args:
        plan: the plan of the whole workflow.
        only: the steps to perform; empty for all.
        from_step: the first of the steps to perform; None for all.
        seed: the seed of the run.
        outcomes: the outcomes of earlier runs, newest run first.
        intact: says whether the artifacts of a receipt are still there, unchanged.
        root: the project's directory, in which the paths of receipts begin.

    Raises:
        UnknownNameError: the workflow has no such step.
        RequestError: both options are given, or no outcome can be reused for a step that another reads.
    """
    if from_step is None and not only:
        return None
    if from_step is not None and only:
        raise RequestError("--only and --from exclude each other", remedy="name all steps: --only a --only b")
    ids = [step.id for step in plan.steps]
    for name in (*only, *([from_step] if from_step else [])):
        if name not in ids:
            problem = f'{plan.spec.name} has no step "{name}"{nearest(name, ids)}'
            raise UnknownNameError(problem, remedy=f"zk0 workflows show {plan.spec.name}")
    chosen = tuple(ids[ids.index(from_step) :]) if from_step else tuple(name for name in ids if name in only)
    requested = f"--from {from_step}" if from_step else " ".join(f"--only {name}" for name in chosen)
    chosen = _with_services(plan, chosen)
    return Selection(requested, chosen, _reused_outcomes(plan, chosen, seed, outcomes, intact, root))


def _with_services(plan: Plan, chosen: Sequence[str]) -> tuple[str, ...]:
    """Return the chosen steps and the services that they need: those of an earlier run have ended with it."""
    needed = set(chosen)
    for place, step in reversed(list(enumerate(plan.steps))):
        if step.id in needed:
            needed |= {other.id for other in plan.steps[:place] if other.is_service and step.depends_on({other.id})}
    return tuple(step.id for step in plan.steps if step.id in needed)


def _reused_outcomes(
    plan: Plan,
    chosen: Sequence[str],
    seed: int,
    outcomes: Iterable[Outcomes],
    intact: Callable[[Receipt], bool],
    root: Path,
) -> tuple[StepFinished, ...]:
    readers = _readers(plan, chosen)
    seen: list[Outcomes] = []
    for one in outcomes if readers else ():
        reused, missing = _find_outcomes(plan, readers, seed, [one], intact, root)
        if not missing:
            return reused
        seen.append(one)
    reused, missing = _find_outcomes(plan, readers, seed, seen, intact, root)
    if missing:
        problems = [
            f"step {readers[step]} reads step {step}, which is left out, and no earlier run of {plan.spec.name} did "
            "that one's work on these inputs"
            for step in missing
        ]
        raise RequestError("\n".join(problems), remedy="leave --only and --from out, or name those steps too")
    return reused


def _find_outcomes(
    plan: Plan,
    wanted: Collection[str],
    seed: int,
    sources: Sequence[Outcomes],
    intact: Callable[[Receipt], bool],
    root: Path,
) -> tuple[tuple[StepFinished, ...], list[str]]:
    """Return what the first sources that have them give for the wanted steps, and which of these none has."""
    reused: list[StepFinished] = []
    missing: list[str] = []
    scopes: dict[str, StepScope] = {}
    for step in plan.steps:
        if step.id not in wanted or not step.argument_reads <= scopes.keys():  # else one above it is missing
            continue
        inputs = to_portable(_inputs(step, Scope(plan.inputs, steps=scopes)), root)
        ends = (source[step.path] for source in sources if step.path in source)
        found = next((end for end in ends if _fits(end, inputs, seed) and intact(end.receipt)), None)
        if found is None:
            missing.append(step.id)
            continue
        reused.append(found)
        state = StepState(id=step.path, verdict=found.receipt.verdict, receipt=found.receipt)
        scopes[step.id] = scope_of(step, state, root)
    return tuple(reused), missing


def _readers(plan: Plan, chosen: Sequence[str]) -> dict[str, str]:
    """Return the steps that are left out and yet needed, each with one that reads it."""
    readers: dict[str, str] = {}
    for step in reversed(plan.steps):  # a step reads only those above it
        reads = step.reads if step.id in chosen else step.argument_reads if step.id in readers else frozenset[str]()
        readers.update(dict.fromkeys(reads.difference(chosen), step.id))
    return readers


def _inputs(step: PlannedStep, scope: Scope) -> dict[str, Any] | None:
    """Return the inputs that the step's receipt would name, as far as they are known; None where they have no value."""
    try:
        if step.each is not None:
            return {"foreach": as_json(items_of(fill(step.each, scope)))}
        arguments = fill(step.arguments, scope)
        if step.action and is_known(arguments):
            return validated(step.action, arguments).model_dump(mode="json")
    except (SpecError, RequestError):
        return None
    return {name: as_json(value) for name, value in arguments.items() if is_known(value)}


def _fits(event: StepFinished, inputs: dict[str, Any] | None, seed: int) -> bool:
    receipt = event.receipt
    return (
        inputs is not None
        and not receipt.verdict.stops
        and receipt.seed == seed
        and all(name in receipt.inputs and receipt.inputs[name] == value for name, value in inputs.items())
    )
