"""Expressions: the text between `{{ }}` in a workflow file, and its evaluation.

Sandboxed Jinja2, restricted so that it always ends: no calls, no statements, a short list of filters, `*` on numbers
only. Names are `inputs.<name>`, `steps.<id>.outputs.<field>`, `steps.<id>.verdict`, `run.id`, `run.directory`, `item`
and `secrets.<NAME>`, and which of them an expression reads is known without evaluating it. A value that is one whole
`{{ }}` keeps its type; anything else becomes text.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any, override

from jinja2 import StrictUndefined, TemplateError, Undefined, nodes
from jinja2.exceptions import SecurityError
from jinja2.runtime import Context
from jinja2.sandbox import ImmutableSandboxedEnvironment

from zk0.core.errors import SpecError
from zk0.core.verdicts import Verdict

type Reference = tuple[str | int, ...]

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

    def names(self) -> dict[str, object]:
        """Return the variables of an expression."""
        return {
            "item": self.item,
            "inputs": SimpleNamespace(**self.inputs),
            "run": SimpleNamespace(**self.run),
            "steps": SimpleNamespace(**{step: scope.names(step) for step, scope in self.steps.items()}),
        }


FILTERS = frozenset(
    {
        "abs",
        "count",
        "default",
        "first",
        "float",
        "int",
        "join",
        "last",
        "length",
        "list",
        "lower",
        "max",
        "min",
        "replace",
        "round",
        "sort",
        "string",
        "sum",
        "tojson",
        "trim",
        "unique",
        "upper",
    }
)
ROOTS = ("inputs", "secrets", "steps", "run", "item")
MAX_LENGTH = 4000  # characters; an expression is one decision, and Jinja's parser is recursive
# What Jinja and the interpreter raise for an expression that can't be compiled or evaluated.
UNCOMPILABLE = (
    TemplateError,
    ArithmeticError,
    LookupError,
    TypeError,
    ValueError,
    SyntaxError,
    RecursionError,
    MemoryError,
)
UNEVALUABLE = (TemplateError, ArithmeticError, LookupError, TypeError, ValueError, AttributeError, RecursionError)


class _Sandbox(ImmutableSandboxedEnvironment):
    """Jinja's sandbox, in which no expression can ask for unbounded time or memory."""

    intercepted_binops = frozenset({"*", "**", "%"})

    @override
    def getattr(self, obj: Any, attribute: str) -> Any:
        # Nothing is called here, so a mapping has keys and no methods: `item.copy` is an axis of that name.
        if not isinstance(obj, Mapping):
            return super().getattr(obj, attribute)
        return obj[attribute] if attribute in obj else self.undefined(obj=obj, name=attribute)

    @override
    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:
        numbers = isinstance(left, int | float) and isinstance(right, int | float)
        if operator == "**" or not numbers:
            raise SecurityError(f"{operator} is for numbers here" if operator != "**" else "** is not allowed here")
        return super().call_binop(context, operator, left, right)


def as_text(value: object) -> str:
    """Return a value as it is written into a text or an argument; booleans as YAML spells them."""
    return str(value).lower() if isinstance(value, bool) else str(value)


_ENVIRONMENT = _Sandbox(undefined=StrictUndefined, autoescape=False, finalize=as_text)
_ENVIRONMENT.globals.clear()
_ENVIRONMENT.filters = {name: _ENVIRONMENT.filters[name] for name in FILTERS}


@dataclass(frozen=True)
class Template:
    """A text with expressions in it, compiled."""

    source: str
    whole: bool
    references: tuple[Reference, ...]
    compute: Callable[..., Any] = field(repr=False, compare=False)

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
        try:
            value = self.compute(**scope.names())
            if isinstance(value, Undefined):
                str(value)  # StrictUndefined raises on use; a whole expression only hands it on
        except UNEVALUABLE as error:
            raise SpecError(f"{self.source}: {error}") from error
        return value


def compared_verdicts(source: str) -> list[str]:
    """Return the texts that an expression compares a step's verdict with."""
    found = []
    for comparison in _ENVIRONMENT.parse(source).find_all(nodes.Compare):
        parts = [comparison.expr, *(operand.expr for operand in comparison.ops)]
        if any(isinstance(part, nodes.Getattr) and part.attr == "verdict" for part in parts):
            found += [part.value for part in parts if isinstance(part, nodes.Const)]
            lists = [part for part in parts if isinstance(part, nodes.List | nodes.Tuple)]
            found += [item.value for part in lists for item in part.items if isinstance(item, nodes.Const)]
    return [word for word in found if isinstance(word, str)]


def is_template(text: str) -> bool:
    """Return whether a text has anything in it that Jinja2 would act on."""
    return any(mark in text for mark in ("{{", "{%", "{#"))


@lru_cache(maxsize=4096)
def parse(source: str) -> Template:
    """Compile a text with expressions.

    Raises:
        SpecError: the syntax is wrong, or it uses what an expression may not.
    """
    if len(source) > MAX_LENGTH:
        raise SpecError(f"an expression has at most {MAX_LENGTH} characters, this one {len(source)}")
    try:
        tree = _ENVIRONMENT.parse(source)
        references = tuple(_references(tree))
        inner = _whole(source)
        if inner is None:
            return Template(source, False, references, _ENVIRONMENT.from_string(source).render)
        return Template(source, True, references, _ENVIRONMENT.compile_expression(inner, undefined_to_none=False))
    except UNCOMPILABLE as error:
        reason = str(error).replace("end of print statement", "end of the expression")
        if isinstance(error, RecursionError | MemoryError):
            reason = "it is nested too deeply"
        raise SpecError(f"bad expression: {reason or type(error).__name__}") from error


def fill(value: object, scope: Scope) -> Any:
    """Return a value of a workflow file with its expressions evaluated, at any depth.

    An expression that reads what the scope does not know yet stays in place as its `Template`.

    Raises:
        SpecError: an expression is wrong or has no value.
    """
    match value:
        case str() if is_template(value):
            return fill(parse(value), scope)
        case Template():
            return value.evaluate(scope) if all(map(scope.knows, value.references)) else value
        case Mapping():
            return {key: fill(inner, scope) for key, inner in value.items()}
        case list() | tuple():
            return [fill(inner, scope) for inner in value]
    return value


def is_known(value: object) -> bool:
    """Return whether no expression is left in a filled value."""
    match value:
        case Template():
            return False
        case Mapping():
            return all(map(is_known, value.values()))
        case list() | tuple():
            return all(map(is_known, value))
    return True


def steps_in(value: object) -> frozenset[str]:
    """Return the steps that what is left of expressions in a filled value reads."""
    match value:
        case Template():
            return value.steps
        case Mapping():
            return frozenset().union(*map(steps_in, value.values()))
        case list() | tuple():
            return frozenset().union(*map(steps_in, value))
    return frozenset()


def as_json(value: object) -> object:
    """Return a filled value as JSON can hold it; what is not known yet as the text of its expression."""
    match value:
        case Template():
            return value.source
        case Path():
            return value.as_posix()
        case Mapping():
            return {str(key): as_json(inner) for key, inner in value.items()}
        case str() | int() | float() | bool() | None:
            return value
        case Sequence():
            return [as_json(inner) for inner in value]
    return str(value)


def _whole(source: str) -> str | None:
    """Return the expression of a text that is one whole `{{ }}`, else None."""
    tokens = [(kind, text) for _, kind, text in _ENVIRONMENT.lex(source.removesuffix("\n"))]
    kinds = [kind for kind, _ in tokens]
    whole = kinds[:1] == ["variable_begin"] and kinds.index("variable_end") == len(kinds) - 1
    return "".join(text for _, text in tokens[1:-1]) if whole else None


def _references(node: nodes.Node) -> Iterator[Reference]:
    """Yield what an expression reads, refusing what it may not do or name."""
    match node:
        case nodes.Call():
            raise SpecError("an expression calls nothing; write a filter: {{ value | upper }}")
        case nodes.Stmt() if not isinstance(node, nodes.Output):
            raise SpecError("{% %} is not allowed, only {{ }}")
        case nodes.Name() | nodes.Getattr() | nodes.Getitem():
            yield from _chain(node)
        case _:
            for child in node.iter_child_nodes():
                yield from _references(child)


def _chain(node: nodes.Node) -> Iterator[Reference]:
    """Yield `a.b['c'].d` as one reference, up to its first part that is not written out."""
    parts: list[str | int] = []
    while isinstance(node, nodes.Getattr | nodes.Getitem):
        if isinstance(node, nodes.Getattr):
            parts.insert(0, node.attr)
        elif isinstance(node.arg, nodes.Const):
            parts.insert(0, node.arg.value)
        else:
            parts.clear()
            yield from _references(node.arg)
        node = node.node
    if isinstance(node, nodes.Name):
        yield (node.name, *parts)
    else:
        yield from _references(node)
