"""Render an evaluated checklist to Markdown; pure.

The template is handed decided items and the filter `box`, the only thing that makes a tick. A template that contains
a tick of its own is refused, and so is one whose text comes out with more ticks than `box` gave.
"""

import re

from jinja2 import StrictUndefined, TemplateError
from jinja2.sandbox import ImmutableSandboxedEnvironment

from zk0.checklists.evaluation import Evaluated, EvaluatedItem
from zk0.core import pages
from zk0.core.errors import SpecError

TEMPLATE = "templates/checklist.md.j2"
TICK = re.compile(r"\[\s*[xX✓✔]\s*\]")
LOOKS_LIKE_A_TICK = re.compile(rf"{TICK.pattern}|[☑✅✔✓]|<input\b")
TICKED, OPEN = "[x]", "[ ]"


def render(evaluated: Evaluated, template: str, *, name: str = "the template") -> str:
    """Return the Markdown text of a checklist, made by a Jinja2 template; messages call that by `name`.

    It is given `checklist`, `sections`, `total`, `ticked`, `manual`, `waived`, `verdicts`, `code` and `at`, and the
    filters `box` and `cell`.

    Raises:
        SpecError: the template has a tick of its own, does not compile, or names what it was not given.
    """
    refuse_ticks(template, name)
    given = 0

    def box(item: object) -> str:
        nonlocal given
        if not any(item is known for known in evaluated.items):
            raise SpecError(f"{name}: `box` needs an item of this checklist", remedy="{{ item | box }}")
        ticked = isinstance(item, EvaluatedItem) and item.ticked
        given += ticked
        return TICKED if ticked else OPEN

    environment = ImmutableSandboxedEnvironment(
        undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True, autoescape=False
    )
    environment.filters |= {"box": box, "cell": cell}
    try:
        text = environment.from_string(template).render(
            checklist=evaluated.checklist,
            sections=evaluated.sections,
            total=len(evaluated.items),
            ticked=evaluated.ticked,
            manual=evaluated.manual,
            waived=evaluated.waived,
            verdicts=evaluated.verdicts,
            code=evaluated.snapshot.code,
            at=evaluated.snapshot.at,
        )
    except TemplateError as error:
        line = getattr(error, "lineno", None)
        raise SpecError(f"{name}{f':{line}' if line else ''}: {error}", remedy="correct the template") from error
    if len(TICK.findall(text)) != given:
        raise SpecError(f"{name} makes a tick without `box`", remedy="write {{ item | box }}, and `| cell` on texts")
    return text


def cell(text: object) -> str:
    """Return a text that stays within its line and its table cell, and has no ticks."""
    return TICK.sub(lambda tick: tick[0].replace("[", r"\[").replace("]", r"\]"), pages.cell(text))


def refuse_ticks(template: str, name: str) -> None:
    """Refuse a text that ticks a box by itself.

    Raises:
        SpecError: it does; the message names the line.
    """
    for number, line in enumerate(template.splitlines(), start=1):
        if found := LOOKS_LIKE_A_TICK.search(line):
            raise SpecError(
                f"{name}:{number}: it has a tick of its own, {found[0]!r}: a box is derived from receipts",
                remedy="write {{ item | box }}",
            )
