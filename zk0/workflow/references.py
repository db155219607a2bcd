"""The expressions of a step: are they well formed, and does what they read exist before the step runs?"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from pydantic import BaseModel

from zk0.core.errors import SpecError
from zk0.workflow.declared_secrets import PLACES, misplaced
from zk0.workflow.expressions import ROOTS, is_template, parse
from zk0.workflow.fitting import Flaw, Path, nearest
from zk0.workflow.scope import Reference
from zk0.workflow.spec import AnyStep, AskStep, CheckUse, OnFail, RepeatedStep, RunStep, UsesStep, WorkflowStep

STEP_FIELDS = ("outputs", "verdict")
RUN_FIELDS = ("id", "directory")


@dataclass(frozen=True)
class Surroundings:
    """What an expression may name: inputs, and earlier steps with their output models (None: not known).

    `ids` are all steps of the file, to tell a later step from one that does not exist; `item` may be read in a step
    that is done for each of several, and the step itself (`own`) in what repairs it.
    """

    inputs: Sequence[str]
    earlier: Mapping[str, type[BaseModel] | None]
    ids: Sequence[str]
    item: bool = False
    own: Mapping[str, type[BaseModel] | None] = field(default_factory=dict)
    secrets: Sequence[str] = ()

    def seen_from(self, key: object) -> "Surroundings":
        """Return what may be named in the part of a step under a key."""
        if key == "on_fail":
            return replace(self, item=False, earlier={**self.earlier, **self.own})
        return replace(self, item=False) if key in ("when", "foreach") else self


def expression_flaws(step: AnyStep, around: Surroundings) -> Iterator[Flaw]:
    """Yield what is wrong with a step's expressions, at paths within the step."""
    if step.when is not None and not is_template(step.when):
        yield Flaw(("when",), "bad-when", '"when" is one whole expression: "{{ … }}"')
    for path, text in texts_of(step):
        try:
            template = parse(text)
        except SpecError as error:
            yield Flaw(path, "bad-expression", error.message)
            continue
        if path[0] == "when" and not template.whole:
            yield Flaw(path, "bad-when", '"when" is one whole expression: "{{ … }}"')
        if (path[0] == "run" or path[2:4] == ("run", "argv")) and not template.whole:
            problem = "an expression fills a whole argument; split it, or write {{ '--name=' ~ inputs.name }}"
            yield Flaw(path, "spliced-argument", problem)
        yield from misplaced(path, template, step)
        for reference in dict.fromkeys(template.references):
            if problem := _problem(reference, around.seen_from(path[0])):
                yield Flaw(path, "unknown-reference", problem)


def output_flaws(outputs: Mapping[str, object], around: Surroundings) -> Iterator[Flaw]:
    """Yield what is wrong with the expressions of a workflow's outputs."""
    for path, text in templates_in(outputs):
        try:
            template = parse(text)
        except SpecError as error:
            yield Flaw(path, "bad-expression", error.message)
            continue
        if template.secrets:
            yield Flaw(path, "secret-place", PLACES)
        for reference in dict.fromkeys(template.references):
            if problem := _problem(reference, around):
                yield Flaw(path, "unknown-reference", problem)


def templates_in(value: object, path: Path = ()) -> Iterator[tuple[Path, str]]:
    """Yield every text with an expression in a value, with its path."""
    match value:
        case str() if is_template(value):
            yield path, value
        case Mapping():
            for key, inner in value.items():
                yield from templates_in(inner, (*path, str(key)))
        case list() | tuple():
            for index, inner in enumerate(value):
                yield from templates_in(inner, (*path, index))


def check_uses(step: AnyStep) -> Iterator[tuple[Path, CheckUse]]:
    """Yield the checks of a step with where they stand in it."""
    key = "accept" if isinstance(step, AskStep) else "checks"
    return (((key, index), use) for index, use in enumerate(step.checks))


def texts_of(step: AnyStep) -> Iterator[tuple[Path, str]]:
    """Yield every text of a step with an expression in it, with where it stands in the step."""
    match step:
        case UsesStep() | WorkflowStep():
            parts: dict[str, object] = {"with": step.arguments}
        case RunStep():
            parts = {"run": step.run, "cwd": step.cwd, "env": step.env}
        case AskStep():
            parts = {"instruction": step.instruction, "scope": step.scope, "constraints": step.constraints}
    if isinstance(step, RepeatedStep):
        parts["foreach"] = step.foreach
    if isinstance(step.on_fail, OnFail):
        parts["on_fail"] = {"with": step.on_fail.arguments}
    yield from templates_in({"when": step.when} | parts)
    for at, use in check_uses(step):
        yield from templates_in(use.options, (*at, use.id))


def _problem(reference: Reference, around: Surroundings) -> str:
    match reference:
        case ("inputs" | "secrets" as root, str(name), *_):
            known = around.inputs if root == "inputs" else around.secrets
            return "" if name in known else f'unknown {root[:-1]} "{name}"{nearest(name, known)}'
        case ("item", *_):
            return "" if around.item else 'there is an item only in a step with "foreach", and not in its "when"'
        case ("run", str(name), *_):
            return "" if name in RUN_FIELDS else f'unknown name "run.{name}"{nearest(name, RUN_FIELDS)}'
        case ("steps", str(step), *rest):
            return _step_problem(step, rest, around)
        case ("inputs" | "secrets" | "steps" | "run" as root, *_):
            return f"{root} is read by a name that is written out: {root}.name"
    return f'unknown name "{reference[0]}"{nearest(str(reference[0]), ROOTS)}'


def _step_problem(step: str, rest: Sequence[str | int], around: Surroundings) -> str:
    if step not in around.earlier:
        later = f'step "{step}" does not come before this one'
        return later if step in around.ids else f'unknown step "{step}"{nearest(step, around.earlier)}'
    match rest:
        case ["verdict"]:
            return ""
        case ["outputs", str(name), *_]:
            model = around.earlier[step]
            known = model is None or name in model.model_fields
            return (
                ""
                if known or model is None
                else f'step "{step}" has no output "{name}"{nearest(name, model.model_fields)}'
            )
        case [str(name), *_] if name not in STEP_FIELDS:
            return f'unknown name "steps.{step}.{name}"{nearest(name, STEP_FIELDS)}'
    return f"write steps.{step}.verdict, or steps.{step}.outputs and the name of an output"
