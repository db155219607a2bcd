"""What is well formed and still wrong: rules on what a workflow means, each with an id.

constant-when     a `when` that reads nothing is always true or always false
unreachable-step  a step that can never run
unused-input      an input that nothing reads
missing-checks    a step that changes something, or that an agent does, and that nothing judges
shell-expression  an expression inside of a program text: whoever gives the input writes the program
literal-secret    a secret that stands in the file
dead-gate         a person is asked last, and nothing depends on the answer
"""

import re
from collections.abc import Iterator, Mapping

from zk0.verdicts import Verdict
from zk0.workflow.actions import ACTIONS
from zk0.workflow.expressions import compared_verdicts, fill, is_template, parse
from zk0.workflow.fitting import Flaw, Path, nearest
from zk0.workflow.references import templates_in, texts_of
from zk0.workflow.scope import Scope
from zk0.workflow.spec import AnyStep, AskStep, RunStep, UsesStep, WorkflowSpec

INTERPRETERS = re.compile(r"(?:.*/)?(?:(?:ba|da|z|k|a)?sh|python[0-9.]*|perl|ruby|node)")
PROGRAM_TEXT = ("-c", "-e", "-lc", "-ec", "--eval")
SECRET_NAME = re.compile(r"(?i).*(?:token|secret|passw(?:or)?d|api_?key|private_?key)")
SECRET_VALUE = re.compile(
    r"hf_[A-Za-z0-9]{20,}|gh[pousr]_[A-Za-z0-9]{20,}|github_pat_\w{20,}|sk-[A-Za-z0-9_-]{20,}|AKIA[0-9A-Z]{16}"
    r"|xox[abprs]-[A-Za-z0-9-]{10,}|-----BEGIN [A-Z ]*PRIVATE KEY-----"
)


def opinions(spec: WorkflowSpec) -> Iterator[Flaw]:
    """Yield what a valid workflow does that its author can't have meant, at paths in its file."""
    read = set(_read_inputs(spec))
    for name in spec.inputs:
        if name not in read:
            yield Flaw(("inputs", name), "unused-input", f'nothing reads the input "{name}"', key=True)
    for index, step in enumerate(spec.steps):
        last = index == len(spec.steps) - 1
        for flaw in (*_when(step), *_judged(step), *_program(step), *_secrets(step), *_gate(step, spec, last=last)):
            yield flaw.within(("steps", index), step.id)


def _read_inputs(spec: WorkflowSpec) -> Iterator[str]:
    texts = [text for step in spec.steps for _, text in texts_of(step)]
    for text in (*texts, *(text for _, text in templates_in(spec.outputs))):
        yield from (str(reference[1]) for reference in parse(text).references if reference[0] == "inputs")


def _when(step: AnyStep) -> Iterator[Flaw]:
    if step.when is None:
        return
    if not parse(step.when).references:
        value = fill(step.when, Scope({}))
        yield Flaw(("when",), "constant-when", f'its "when" is always {str(bool(value)).lower()}')
        if not value:
            yield Flaw((), "unreachable-step", "it can never run")
    for word in compared_verdicts(step.when):
        if word not in list(Verdict):
            problem = f'its "when" compares a verdict with "{word}", which no verdict is{nearest(word, list(Verdict))}'
            yield Flaw(("when",), "unreachable-step", problem)


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
    argvs: list[tuple[Path, object]] = [(("run",), step.run)] if isinstance(step, RunStep) else []
    argvs += [(("checks", n, "run"), use.options.get("argv")) for n, use in enumerate(step.checks) if use.id == "run"]
    for path, argv in argvs:
        words = list(map(str, argv)) if isinstance(argv, list | tuple) else []
        if not words or not INTERPRETERS.fullmatch(words[0]):
            continue
        for number in range(2, len(words)):
            if words[number - 1] in PROGRAM_TEXT and is_template(words[number]):
                problem = f'an expression is part of a program that {words[0]} runs; give it as an argument: "$0", "$1"'
                yield Flaw((*path, number), "shell-expression", problem)


def _secrets(step: AnyStep) -> Iterator[Flaw]:
    parts: dict[str, object] = {}
    match step:
        case UsesStep():
            parts = {"with": step.arguments}
        case RunStep():
            parts = {"run": step.run, "env": step.env}
        case AskStep():
            parts = {"instruction": step.instruction}
        case _:
            parts = {"with": step.arguments}
    for path, value in _leaves(parts):
        named = SECRET_NAME.fullmatch(str(path[-1])) and value and not is_template(value)
        if named or SECRET_VALUE.search(value):
            yield Flaw(
                path, "literal-secret", "a secret stands in the file; set it in the environment, and revoke this one"
            )


def _gate(step: AnyStep, spec: WorkflowSpec, *, last: bool) -> Iterator[Flaw]:
    if not (isinstance(step, AskStep) and step.ask == "person" and last):
        return
    if not any(step.id in parse(text).steps for _, text in templates_in(spec.outputs)):
        yield Flaw(("ask",), "dead-gate", "a person is asked, and nothing depends on the answer", key=True)


def _leaves(value: object, path: Path = ()) -> Iterator[tuple[Path, str]]:
    match value:
        case str():
            yield path, value
        case Mapping():
            for key, inner in value.items():
                yield from _leaves(inner, (*path, str(key)))
        case list() | tuple():
            for index, inner in enumerate(value):
                yield from _leaves(inner, (*path, index))
