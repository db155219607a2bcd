"""Expressions: the text between `{{ }}` in a workflow file, and its evaluation.

Their language is in `expression_syntax`. Names are `inputs.<name>`, `steps.<id>.outputs.<field>`, `steps.<id>.verdict`,
`run.id`, `run.directory`, `item` and `secrets.<NAME>`. A value that is one whole `{{ }}` keeps its type; anything else
becomes text.

A value is evaluated once. `compile_templates` turns the texts of a workflow file into `Template` objects when the file
is loaded, and nothing else makes any. `fill` evaluates these and leaves every text alone, so what comes from outside
(an input, an item, an output) stays as it is, whatever it looks like.
"""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from types import SimpleNamespace
from typing import Any

from jinja2 import StrictUndefined, Undefined, UndefinedError
from pydantic_core import to_jsonable_python

from zk0.core.errors import SpecError
from zk0.core.pages import as_text
from zk0.core.verdicts import Verdict
from zk0.workflow.expression_syntax import (
    UNEVALUABLE,
    Reference,
    compile_expressions,
    parse_expressions,
    read_part,
    spell_reference,
    split_conjunction,
)
from zk0.workflow.fitting import LONGEST_VALUE, KeyPath

NO_ITEM = object()  # outside of `foreach`; None is an item


@dataclass(frozen=True)
class StepScope:
    """An earlier step as expressions see it; `outputs` is None if it has none."""

    verdict: Verdict
    outputs: object | None = None

    def names(self, step: str) -> SimpleNamespace:
        """Return the attributes an expression reads."""
        hint = f"step {step!r} has no outputs: its verdict is {self.verdict}"
        missing = StrictUndefined(hint=hint)
        return SimpleNamespace(verdict=self.verdict.value, outputs=missing if self.outputs is None else self.outputs)


@dataclass(frozen=True)
class Scope:
    """The values that expressions may read at one moment of a run."""

    inputs: Mapping[str, object]
    run: Mapping[str, object] = field(default_factory=dict)
    steps: Mapping[str, StepScope] = field(default_factory=dict)
    item: object = NO_ITEM

    def knows(self, reference: Reference) -> bool:
        """Return whether the value of a reference is known now."""
        if reference[0] == "item":
            return self.item is not NO_ITEM
        if reference[0] == "secrets":
            return False  # a secret is revealed to the program or the action that it is for, and not before
        root, name = reference[0], reference[1]
        return root == "inputs" or name in (self.run if root == "run" else self.steps)

    def names(self, steps: Collection[str]) -> dict[str, object]:
        """Return the variables of an expression that reads these steps."""
        read = {step: self.steps[step].names(step) for step in steps if step in self.steps}
        return {
            "item": self.item,
            "inputs": SimpleNamespace(**self.inputs),
            "run": SimpleNamespace(**self.run),
            "steps": SimpleNamespace(**read),
        }


@dataclass(frozen=True)
class Template:
    """A text of a workflow file with expressions in it.

    Attributes:
        source: the text.
        whole: whether it is one whole expression, whose value keeps its type.
        references: what it reads.
        problem: why it has no value, whatever it reads; empty if it may have one.
        plain: whether it is nothing but the one name that it reads.
    """

    source: str
    whole: bool = False
    references: tuple[Reference, ...] = ()
    problem: str = ""
    plain: bool = False

    def __str__(self) -> str:
        return self.source

    @property
    def expression(self) -> str:
        """The text without the braces around a whole expression."""
        return self.source.strip().removeprefix("{{").removesuffix("}}").strip() if self.whole else self.source

    @property
    def steps(self) -> frozenset[str]:
        """The steps it reads."""
        return frozenset(str(reference[1]) for reference in self.references if reference[0] == "steps")

    @property
    def secrets(self) -> frozenset[str]:
        """The secrets it reads."""
        return frozenset(str(name) for root, *names in self.references if root == "secrets" for name in names[:1])

    def evaluate(self, scope: Scope) -> object:
        """Return the value.

        Raises:
            SpecError: the expression has no value, such as a missing key or a division by zero.
        """
        if self.problem:
            raise SpecError(self.problem)
        try:
            value = _look_up(self.references[0], scope) if self.plain else self._compute(**scope.names(self.steps))
            if isinstance(value, Undefined):
                str(value)  # StrictUndefined raises on use; a whole expression only hands it on
        except UNEVALUABLE as error:
            raise SpecError(f"{self.source}: {error}") from error
        return value

    def values_read(self, scope: Scope) -> dict[str, object]:
        """Return the values that it reads, by how they are written: `inputs.rounds`.

        What it names and does not come to read, as behind an `and`, may have no value.
        """
        values = {}
        for reference in self.references:
            with suppress(UndefinedError):
                values[spell_reference(reference)] = _look_up(reference, scope)
        return {name: value for name, value in values.items() if not isinstance(value, Undefined)}

    @cached_property
    def _compute(self) -> Callable[..., Any]:
        # Compiled when first evaluated: most of a file's expressions are not, in most of its uses.
        return compile_expressions(self.source)


def _look_up(reference: Reference, scope: Scope) -> Any:
    root, *parts = reference
    value = scope.names([str(parts[0])] if root == "steps" else ())[str(root)]
    for part in parts:
        value = read_part(value, part)
    return value


def explain_condition(template: Template, scope: Scope) -> str:
    """Return why a condition is false: `inputs.rounds > 3, and inputs.rounds is 2`.

    Of conditions that all have to hold, it is the first that does not.
    """
    unmet = next((part for part in _conjuncts(template) if not _holds(part, scope)), template)
    read = " and ".join(f"{name} is {_brief(value)}" for name, value in unmet.values_read(scope).items())
    return f"{unmet.expression}, and {read}" if read else unmet.expression


def _conjuncts(template: Template) -> list[Template]:
    return [_template(f"{{{{ {part} }}}}") for part in split_conjunction(template.expression)]


def _holds(part: Template, scope: Scope) -> bool:
    try:
        return bool(part.evaluate(scope))
    except SpecError:
        return False


def _brief(value: object) -> str:
    text = repr(value) if isinstance(value, str) else as_text(value)
    return text if len(text) <= LONGEST_VALUE else f"{text[:LONGEST_VALUE]}…"


def compile_templates(value: Any) -> Any:
    """Return a value of a workflow file with each text that has expressions as a `Template`, at any depth.

    For values as a file has them, when it is loaded, and for nothing else. A text that is no valid expression becomes a
    `Template` with a `problem`, so that all problems of a file are found at once.
    """
    match value:
        case str() if any(mark in value for mark in ("{{", "{%", "{#")):
            try:
                return _template(value)
            except SpecError as error:
                return Template(value, problem=error.message)
        case Mapping():
            return {key: compile_templates(inner) for key, inner in value.items()}
        case list() | tuple():
            return type(value)(compile_templates(inner) for inner in value)
    return value


@lru_cache(maxsize=4096)
def _template(source: str) -> Template:
    syntax = parse_expressions(source)
    return Template(source, syntax.whole, syntax.references, plain=syntax.plain)


def as_written(value: Any) -> Any:
    """Return a value of a workflow file as the file has it."""
    match value:
        case Template():
            return value.source
        case Mapping():
            return {key: as_written(inner) for key, inner in value.items()}
        case list() | tuple():
            return [as_written(inner) for inner in value]
    return value


def fill(value: object, scope: Scope) -> Any:
    """Return a value of a workflow file with its templates evaluated, at any depth; every text stays as it is.

    A template that reads what the scope does not know yet stays in place.

    Raises:
        SpecError: an expression is wrong or has no value.
    """
    match value:
        case Template():
            return value.evaluate(scope) if all(map(scope.knows, value.references)) else value
        case Mapping():
            return {key: fill(inner, scope) for key, inner in value.items()}
        case list() | tuple():
            return [fill(inner, scope) for inner in value]
    return value


def is_known(value: object) -> bool:
    """Return whether no expression is left in a filled value."""
    return not any(templates_in(value))


def templates_in(value: object, path: KeyPath = ()) -> Iterator[tuple[KeyPath, Template]]:
    """Yield every template in a value, with its path."""
    match value:
        case Template():
            yield path, value
        case Mapping():
            for key, inner in value.items():
                yield from templates_in(inner, (*path, str(key)))
        case list() | tuple():
            for index, inner in enumerate(value):
                yield from templates_in(inner, (*path, index))


def steps_in(value: object) -> frozenset[str]:
    """Return the steps that what is left of expressions in a filled value reads."""
    return frozenset().union(*(template.steps for _, template in templates_in(value)))


EXPRESSION, LITERAL = "expression", "literal"


def as_json(value: object) -> object:
    """Return a filled value as JSON can hold it, to record or show it.

    What is not known yet is `{"expression": "{{ … }}"}`, so that no text can pass for it; a mapping that looks like
    that is put into `{"literal": …}`.
    """
    match value:
        case str() | int() | float() | None:
            return value
        case Template():
            return {EXPRESSION: value.source}
        case Mapping():
            found = {str(key): as_json(inner) for key, inner in value.items()}
            return {LITERAL: found} if list(found) in ([EXPRESSION], [LITERAL]) else found
        case Sequence():
            return [as_json(inner) for inner in value]
    return to_jsonable_python(value, fallback=str)


def arguments_as_json(arguments: Mapping[str, object]) -> dict[str, object]:
    """Return the arguments of a step, each as JSON can hold it."""
    return {name: as_json(value) for name, value in arguments.items()}
