"""The language of expressions: Jinja's syntax, restricted so that every expression ends and calls nothing.

No statements, no comments, a short list of filters, `*` on numbers only. What an expression reads is known without
evaluating it.
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, override

from jinja2 import StrictUndefined, TemplateError, Undefined, nodes
from jinja2.exceptions import SecurityError
from jinja2.runtime import Context
from jinja2.sandbox import ImmutableSandboxedEnvironment
from pydantic_core import to_jsonable_python

from zk0.core.errors import SpecError
from zk0.core.pages import as_text
from zk0.workflow.fitting import nearest

type Reference = tuple[str | int, ...]

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


def _to_json(value: object) -> str:
    # Not Jinja's own: it is for HTML, where it escapes `<` and makes whatever is added to it HTML too.
    return json.dumps(to_jsonable_python(value, fallback=str), ensure_ascii=False)


# The delimiters of statements and comments are ones that no text has, so `{%` and `{#` are text to Jinja.
ENVIRONMENT = _Sandbox(
    undefined=StrictUndefined,
    autoescape=False,
    finalize=as_text,
    keep_trailing_newline=True,
    block_start_string="\0%",
    block_end_string="%\0",
    comment_start_string="\0#",
    comment_end_string="#\0",
)
ENVIRONMENT.globals.clear()
ENVIRONMENT.filters = {name: ENVIRONMENT.filters[name] for name in FILTERS} | {"tojson": _to_json}


@dataclass(frozen=True)
class Syntax:
    """What is known of a text with expressions before any has a value.

    Attributes:
        whole: whether it is one whole expression, whose value keeps its type.
        references: what it reads.
        plain: whether it is nothing but the one name that it reads.
    """

    whole: bool
    references: tuple[Reference, ...]
    plain: bool = False


def split_conjunction(expression: str) -> list[str]:
    """Return the conditions of an expression that joins some by `and`; the expression alone if it joins none."""
    parts, depth = [""], 0
    for _, kind, text in ENVIRONMENT.lex(f"{{{{{expression}}}}}"):
        if kind in ("variable_begin", "variable_end"):
            continue
        depth += (text in "([{") - (text in ")]}") if kind == "operator" else 0
        if kind == "name" and depth == 0 and text in ("or", "if"):
            return [expression]
        if kind == "name" and depth == 0 and text == "and":
            parts.append("")
        else:
            parts[-1] += text
    return [part.strip() for part in parts]


def parse_expressions(source: str) -> Syntax:
    """Parse a text with expressions.

    Raises:
        SpecError: the syntax is wrong, or it uses what an expression may not.
    """
    if len(source) > MAX_LENGTH:
        raise SpecError(f"an expression has at most {MAX_LENGTH} characters, this one {len(source)}")
    if plain := PLAIN.fullmatch(source):  # most are, and Jinja takes a hundred times as long
        reference = tuple(plain[1].split("."))
        return Syntax(True, (reference,), plain=True)
    try:
        tokens = list(ENVIRONMENT.lex(source))
        for mark in ("{%", "{#", "\0"):
            if any(kind == "data" and mark in text for _, kind, text in tokens):
                raise SpecError(_MARKS[mark])
        tree = ENVIRONMENT.parse(source)
        if _depth(tree) > DEEPEST:
            raise RecursionError
        references = tuple(_references(tree))
    except UNCOMPILABLE as error:
        reason = str(error).replace("end of print statement", "end of the expression")
        if isinstance(error, RecursionError | MemoryError):
            reason = "it is nested too deeply"
        raise SpecError(f"bad expression: {reason or type(error).__name__}") from error
    return Syntax(whole_expression(source) is not None, references)


def compile_expressions(source: str) -> Callable[..., Any]:
    """Return the function of the variables that a text with expressions is."""
    inner = whole_expression(source)
    if inner is None:
        return ENVIRONMENT.from_string(source).render
    return ENVIRONMENT.compile_expression(inner, undefined_to_none=False)


def read_part(value: object, part: str | int) -> Any:
    """Return a part of a value, as `value.part` or `value[part]` in an expression."""
    return ENVIRONMENT.getattr(value, part) if isinstance(part, str) else ENVIRONMENT.getitem(value, part)


def spell_reference(reference: Reference) -> str:
    """Return a reference as an expression writes it."""
    root, *parts = reference
    plain = (isinstance(part, str) and part.isidentifier() for part in parts)
    return str(root) + "".join(
        f".{part}" if dotted else f"[{part!r}]" for part, dotted in zip(parts, plain, strict=True)
    )


def compared_verdicts(source: str) -> list[str]:
    """Return the texts that an expression compares a step's verdict with."""
    found = []
    for comparison in ENVIRONMENT.parse(source).find_all(nodes.Compare):
        parts = [comparison.expr, *(operand.expr for operand in comparison.ops)]
        if any(isinstance(part, nodes.Getattr) and part.attr == "verdict" for part in parts):
            found += [part.value for part in parts if isinstance(part, nodes.Const)]
            lists = [part for part in parts if isinstance(part, nodes.List | nodes.Tuple)]
            found += [item.value for part in lists for item in part.items if isinstance(item, nodes.Const)]
    return [word for word in found if isinstance(word, str)]


def whole_expression(source: str) -> str | None:
    """Return the expression of a text that is one whole `{{ }}`, else None."""
    tokens = [(kind, text) for _, kind, text in ENVIRONMENT.lex(source.removesuffix("\n"))]
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
        case nodes.Test() if node.name not in ENVIRONMENT.tests:
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
