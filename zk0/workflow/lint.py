"""Lint valid workflows for likely mistakes; each rule has an id.

constant-when     a `when` that reads nothing is always true or always false
unreachable-step  a step that can never run
unused-input      an input that nothing reads
missing-checks    a step that changes something, or that an agent does, and that nothing judges
shell-expression  an expression inside a program's text: its value becomes code
unused-secret     a secret that nothing is given
dead-expression   an expression where none is evaluated: in a title, or in the default of an input
literal-secret    a secret in the file
recorded-secret   an input that is a secret by its name, though a run records its inputs
dead-gate         a person is asked last, and nothing depends on the answer
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from itertools import pairwise

from zk0.core.secrets import is_random, is_secret_name
from zk0.core.verdicts import Verdict
from zk0.workflow.actions import ACTIONS
from zk0.workflow.expression_syntax import compared_verdicts
from zk0.workflow.expressions import Scope, Template, fill, templates_in
from zk0.workflow.fitting import Flaw, KeyPath, nearest
from zk0.workflow.reserved import PROGRAM
from zk0.workflow.spec import AnyStep, AskStep, RunStep, UsesStep, WorkflowSpec, WorkflowStep
from zk0.workflow.validation import check_uses, templates_of

INTERPRETERS = re.compile(r"(?:.*/)?(?:(?:ba|da|z|k|a)?sh|python[0-9.]*|perl|ruby|node)")
PROGRAM_TEXT = ("-c", "-e", "-lc", "-ec", "--eval")
# A word that means a secret whatever is given, as `key` alone does not: that may be one to sort by.
MEANT = re.compile(r"(?i).*(?:token|secret|passw(?:or)?d|passphrase|(?:api|access|auth|private)_?key)")
IN_FILE = "a secret in the file; name it under secrets, and revoke this one"


def lint_flaws(spec: WorkflowSpec) -> Iterator[Flaw]:
    """Yield likely mistakes of a valid workflow, at paths in its file."""
    yield from _declarations(spec)
    for index, step in enumerate(spec.steps):
        last = index == len(spec.steps) - 1
        for flaw in (
            *_title(step),
            *_when(step),
            *_judged(step),
            *_program(step),
            *_secrets(step),
            *_gate(step, spec, last=last),
        ):
            yield flaw.within(("steps", index), step.id)


def _read(spec: WorkflowSpec) -> Iterator[tuple[str, str]]:
    templates = [template for step in spec.steps for _, template in templates_of(step)]
    for template in (*templates, *(template for _, template in templates_in(spec.outputs))):
        yield from ((str(root), str(names[0])) for root, *names in template.references if names)


def _when(step: AnyStep) -> Iterator[Flaw]:
    if not isinstance(step.when, Template):
        return
    if not step.when.references:
        value = fill(step.when, Scope({}))
        yield Flaw(("when",), "constant-when", f'its "when" is always {str(bool(value)).lower()}')
        if not value:
            yield Flaw((), "unreachable-step", "it can never run")
    for word in compared_verdicts(step.when.source):
        if word not in list(Verdict):
            problem = f'its "when" compares a verdict with "{word}", which no verdict is{nearest(word, list(Verdict))}'
            yield Flaw(("when",), "unreachable-step", problem)


def _title(step: AnyStep) -> Iterator[Flaw]:
    if "{{" in step.title:
        yield Flaw(("title",), "dead-expression", "a title is not evaluated: {{ }} stays as it is written")


def _judged(step: AnyStep) -> Iterator[Flaw]:
    if step.checks:
        return
    if isinstance(step, UsesStep) and (changed := ACTIONS.get(step.uses).changes):
        yield Flaw(("uses",), "missing-checks", f"it changes {', '.join(changed)}, and no check judges it", key=True)
    if isinstance(step, AskStep) and step.ask == "agent":
        yield Flaw(
            ("ask",), "missing-checks", 'whatever the agent does is accepted; say what counts in "accept"', key=True
        )


def _program(step: AnyStep) -> Iterator[Flaw]:
    for path, words in _argvs(step):
        if not words or not INTERPRETERS.fullmatch(str(words[0])):
            continue
        for number in range(2, len(words)):
            if words[number - 1] in PROGRAM_TEXT and isinstance(words[number], Template):
                problem = f'an expression is part of a program that {words[0]} runs; give it as an argument: "$0", "$1"'
                yield Flaw((*path, number), "shell-expression", problem)


def _secrets(step: AnyStep) -> Iterator[Flaw]:
    """Yield values that are secrets by their names; those that are so by their shape are found in the text."""
    match step:
        case UsesStep() | WorkflowStep():
            parts: dict[str, object] = {"with": step.arguments}
        case RunStep():
            parts = {"env": step.env}
        case AskStep():
            parts = {}
    for path, value in _leaves(parts):
        name = next(part for part in reversed(path) if isinstance(part, str))
        if value and is_secret_name(name) and (MEANT.fullmatch(name) or is_random(value)):
            yield Flaw(path, "literal-secret", IN_FILE)
    for path, argv in _argvs(step):
        for number, (option, given) in enumerate(pairwise(argv), 1):
            if isinstance(option, Template) or isinstance(given, Template):
                continue
            if option.startswith("-") and is_secret_name(option) and is_random(given):
                yield Flaw((*path, number), "literal-secret", IN_FILE)


def _argvs(step: AnyStep) -> Iterator[tuple[KeyPath, list[str | Template]]]:
    """Yield the programs of a step, with where they stand in it."""
    if isinstance(step, RunStep):
        yield ("run",), _words(step.run)
    for at, use in check_uses(step):
        if use.id == PROGRAM and isinstance(argv := use.options.get("argv"), list | tuple):
            yield (*at, "run"), _words(argv)


def _words(argv: Iterable[object]) -> list[str | Template]:
    return [word if isinstance(word, Template) else str(word) for word in argv]


def _declarations(spec: WorkflowSpec) -> Iterator[Flaw]:
    """Yield unused inputs and secrets, and inputs that should be secrets."""
    read = set(_read(spec))
    for root, names in (("inputs", spec.inputs), ("secrets", spec.secrets)):
        for name in names:
            if (root, name) not in read:
                yield Flaw((root, name), f"unused-{root[:-1]}", f'nothing reads the {root[:-1]} "{name}"', key=True)
    for name, declared in spec.inputs.items():
        if "{{" in str(declared.default):
            problem = "the default of an input is not evaluated: {{ }} stays as it is written"
            yield Flaw(("inputs", name, "default"), "dead-expression", problem)
        if declared.type == "string" and MEANT.fullmatch(name):
            problem = f'a run records its inputs; name "{name.upper()}" under secrets'
            yield Flaw(("inputs", name), "recorded-secret", problem, key=True)


def _gate(step: AnyStep, spec: WorkflowSpec, *, last: bool) -> Iterator[Flaw]:
    if not (isinstance(step, AskStep) and step.ask == "person" and last):
        return
    if not any(step.id in template.steps for _, template in templates_in(spec.outputs)):
        yield Flaw(("ask",), "dead-gate", "a person is asked, and nothing depends on the answer", key=True)


def _leaves(value: object, path: KeyPath = ()) -> Iterator[tuple[KeyPath, str]]:
    match value:
        case str():
            yield path, value
        case Mapping():
            for key, inner in value.items():
                yield from _leaves(inner, (*path, str(key)))
        case list() | tuple():
            for index, inner in enumerate(value):
                yield from _leaves(inner, (*path, index))
