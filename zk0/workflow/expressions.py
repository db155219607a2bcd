"""Expressions: the text between `{{ }}` in a workflow file, and its evaluation.

Sandboxed Jinja2, restricted so that it always ends: no calls, no statements, a short list of filters, `*` on numbers
only. Names are `inputs.<name>`, `steps.<id>.outputs.<field>`, `steps.<id>.verdict`, `run.id`, `run.directory`, `item`
and `secrets.<NAME>`, and which of them an expression reads is known without evaluating it. A value that is one whole
`{{ }}` keeps its type; anything else becomes text.

A value is evaluated once. `compile_templates` turns the texts of a workflow file into `Template` objects when the file
is loaded, and nothing else makes any. `fill` evaluates these and leaves every text alone, so what comes from outside
(an input, an item, an output) stays as it is, whatever it looks like.
"""

import json
import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from types import SimpleNamespace
from typing import Any, override

from jinja2 import StrictUndefined, TemplateError, Undefined, nodes
from jinja2.exceptions import SecurityError
from jinja2.runtime import Context
from jinja2.sandbox import ImmutableSandboxedEnvironment
from pydantic_core import to_jsonable_python

from zk0.core.errors import SpecError
from zk0.core.verdicts import Verdict
from zk0.workflow.fitting import LONGEST_VALUE, KeyPath, nearest

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

    def names(self, steps: Collection[str]) -> dict[str, object]:
        """Return the variables of an expression that reads these steps."""
        read = {step: self.steps[step].names(step) for step in steps if step in self.steps}
        return {
            "item": self.item,
            "inputs": SimpleNamespace(**self.inputs),
            "run": SimpleNamespace(**self.run),
            "steps": SimpleNamespace(**read),
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
PLAIN = re.compile(r"\{\{[ ]*((?:inputs|steps|run|item|secrets)(?:\.[A-Za-z_][A-Za-z0-9_]*)*)[ ]*\}\}")
DEEPEST = 60  # levels; Python's own compiler refuses 200
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
        if isinstance(obj, Mapping):
            return obj[attribute] if attribute in obj else self.undefined(obj=obj, name=attribute)
        found = super().getattr(obj, attribute)
        is_method = callable(found) and not isinstance(found, Undefined)
        return self.undefined(obj=obj, name=attribute) if is_method else found

    @override
    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:
        numbers = isinstance(left, int | float) and isinstance(right, int | float)
        if operator == "**" or not numbers:
            raise SecurityError(f"{operator} is for numbers here" if operator != "**" else "** is not allowed here")
        return super().call_binop(context, operator, left, right)


_MARKS = {
    "{%": "{% %} is not allowed, only {{ }}; for the characters themselves write {{ '{%' }}",
    "{#": "{# #} is not allowed; write comments as YAML has them, and {{ '{#' }} for the characters themselves",
    "\0": "a text with expressions can't have the character NUL",
}


def as_text(value: object) -> str:
    """Return a value as it is written into a text or an argument; booleans as YAML spells them."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def _to_json(value: object) -> str:
    # Not Jinja's own: it is for HTML, where it escapes `<` and makes whatever is added to it HTML too.
    return json.dumps(to_jsonable_python(value, fallback=str), ensure_ascii=False)


# The delimiters of statements and comments are ones that no text has, so `{%` and `{#` are text to Jinja.
_ENVIRONMENT = _Sandbox(
    undefined=StrictUndefined,
    autoescape=False,
    finalize=as_text,
    keep_trailing_newline=True,
    block_start_string="\0%",
    block_end_string="%\0",
    comment_start_string="\0#",
    comment_end_string="#\0",
)
_ENVIRONMENT.globals.clear()
_ENVIRONMENT.filters = {name: _ENVIRONMENT.filters[name] for name in FILTERS} | {"tojson": _to_json}


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
        """Return the values that it reads, by how they are written: `inputs.rounds`."""
        return {_spell(reference): _look_up(reference, scope) for reference in self.references}

    @cached_property
    def _compute(self) -> Callable[..., Any]:
        # Compiled when first evaluated: most of a file's expressions are not, in most of its uses.
        inner = _whole(self.source)
        if inner is None:
            return _ENVIRONMENT.from_string(self.source).render
        return _ENVIRONMENT.compile_expression(inner, undefined_to_none=False)


def _look_up(reference: Reference, scope: Scope) -> Any:
    root, *parts = reference
    value = scope.names([str(parts[0])] if root == "steps" else ())[str(root)]
    for part in parts:
        value = _ENVIRONMENT.getattr(value, part) if isinstance(part, str) else _ENVIRONMENT.getitem(value, part)
    return value


def _spell(reference: Reference) -> str:
    """Return a reference as an expression writes it."""
    root, *parts = reference
    plain = (isinstance(part, str) and part.isidentifier() for part in parts)
    return str(root) + "".join(
        f".{part}" if dotted else f"[{part!r}]" for part, dotted in zip(parts, plain, strict=True)
    )


def explain_condition(template: Template, scope: Scope) -> str:
    """Return a condition with the values that it read: `inputs.rounds > 3, where inputs.rounds is 2`."""
    values = {name: _brief(value) for name, value in template.values_read(scope).items()}
    if template.expression in values:
        return f"{template.expression} is {values[template.expression]}"
    read = " and ".join(f"{name} is {value}" for name, value in values.items())
    return f"{template.expression}, where {read}" if read else template.expression


def _brief(value: object) -> str:
    text = repr(value) if isinstance(value, str) else as_text(value)
    return text if len(text) <= LONGEST_VALUE else f"{text[:LONGEST_VALUE]}…"


def compared_verdicts(template: Template) -> list[str]:
    """Return the texts that an expression compares a step's verdict with."""
    found = []
    for comparison in _ENVIRONMENT.parse(template.source).find_all(nodes.Compare):
        parts = [comparison.expr, *(operand.expr for operand in comparison.ops)]
        if any(isinstance(part, nodes.Getattr) and part.attr == "verdict" for part in parts):
            found += [part.value for part in parts if isinstance(part, nodes.Const)]
            lists = [part for part in parts if isinstance(part, nodes.List | nodes.Tuple)]
            found += [item.value for part in lists for item in part.items if isinstance(item, nodes.Const)]
    return [word for word in found if isinstance(word, str)]


def compile_templates(value: Any) -> Any:
    """Return a value of a workflow file with each text that has expressions as a `Template`, at any depth.

    For values as a file has them, when it is loaded, and for nothing else. A text that is no valid expression becomes a
    `Template` with a `problem`, so that all problems of a file are found at once.
    """
    match value:
        case str() if any(mark in value for mark in ("{{", "{%", "{#")):
            try:
                return _parsed(value)
            except SpecError as error:
                return Template(value, problem=error.message)
        case Mapping():
            return {key: compile_templates(inner) for key, inner in value.items()}
        case list() | tuple():
            return type(value)(compile_templates(inner) for inner in value)
    return value


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


@lru_cache(maxsize=4096)
def _parsed(source: str) -> Template:
    """Parse a text with expressions.

    Raises:
        SpecError: the syntax is wrong, or it uses what an expression may not.
    """
    if len(source) > MAX_LENGTH:
        raise SpecError(f"an expression has at most {MAX_LENGTH} characters, this one {len(source)}")
    if plain := PLAIN.fullmatch(source):  # most are, and Jinja takes a hundred times as long
        reference = tuple(plain[1].split("."))
        return Template(source, True, (reference,), plain=True)
    try:
        tokens = list(_ENVIRONMENT.lex(source))
        for mark in ("{%", "{#", "\0"):
            if any(kind == "data" and mark in text for _, kind, text in tokens):
                raise SpecError(_MARKS[mark])
        tree = _ENVIRONMENT.parse(source)
        if _depth(tree) > DEEPEST:
            raise RecursionError
        references = tuple(_references(tree))
    except UNCOMPILABLE as error:
        reason = str(error).replace("end of print statement", "end of the expression")
        if isinstance(error, RecursionError | MemoryError):
            reason = "it is nested too deeply"
        raise SpecError(f"bad expression: {reason or type(error).__name__}") from error
    return Template(source, _whole(source) is not None, references)


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


def _whole(source: str) -> str | None:
    """Return the expression of a text that is one whole `{{ }}`, else None."""
    tokens = [(kind, text) for _, kind, text in _ENVIRONMENT.lex(source.removesuffix("\n"))]
    kinds = [kind for kind, _ in tokens]
    whole = kinds[:1] == ["variable_begin"] and kinds.index("variable_end") == len(kinds) - 1
    return "".join(text for _, text in tokens[1:-1]) if whole else None


def _depth(node: nodes.Node) -> int:
    return 1 + max(map(_depth, node.iter_child_nodes()), default=0)


def _references(node: nodes.Node) -> Iterator[Reference]:
    """Yield what an expression reads, refusing what it may not do or name."""
    match node:
        case nodes.Call():
            raise SpecError("an expression calls nothing; write a filter: {{ value | upper }}")
        case nodes.Filter() if node.name not in FILTERS:
            raise SpecError(f"no filter is named {node.name!r}{nearest(node.name, FILTERS)}")
        case nodes.Test() if node.name not in _ENVIRONMENT.tests:
            raise SpecError(f"no test is named {node.name!r}")
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
