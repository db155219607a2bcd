"""A check: a function that judges a subject and answers with findings.

    @check("data.episodes")
    def enough_episodes(outputs: PrepareOutputs, *, minimum: int = 2) -> Iterator[Finding]: ...

    @check("loss.trend")
    def trend(ledger: Ledger, *, series: str = "policy_loss") -> Iterator[Finding]: ...

    @check("style.rules", reads=(Part.code,))
    def written_down(project: Project) -> Finding: ...

The positional parameters are the subjects of the check, found by their types: the outputs of the step that it is
attached to, the project, or a type registered with `register_subject`. The keyword-only parameters are the options that
a workflow or a checklist may give; their types are validated when the file is loaded. The answer is one finding, or any
number of them.
"""

import inspect
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from pydantic import BaseModel, ConfigDict, create_model

from zk0.core.errors import AssetMissingError
from zk0.core.project import Project
from zk0.core.registry import Registry
from zk0.core.verdicts import Finding, Verdict, worst

type Findings = Finding | Iterable[Finding]  # what a check answers
type CheckFunction = Callable[..., Findings]

CHECKS: Registry["Check"] = Registry("check", "zk0.checks")
TIMEOUT = 60.0  # seconds a check gets where it is asked by itself; mypy takes the most


class Part(StrEnum):
    """A part of a project that a check reads; its answer holds as long as these parts are as they were."""

    code = "code"
    documents = "documents"
    history = "history"  # commits, tags and what is not committed
    environment = "environment"  # Python and every installed package
    runs = "runs"  # what workflows left behind
    memory = "memory"  # the memory bank
    reports = "reports"  # of test runs that zk0 made
    zk0 = "zk0"  # its own code: another version may ask better
    machine = "machine"  # disk, memory, network: they have no digest, so the answer holds for a while


@dataclass(frozen=True)
class CheckContext:
    """The project, and the outputs of the step that a check is attached to, if there is one."""

    project: Project
    outputs: BaseModel | None = None


@dataclass(frozen=True)
class Subject:
    """A type that checks can judge, and how to read an object of it.

    Attributes:
        type: the annotation of a check's parameter.
        read: returns the object, or raises a `MissingError`.
        fields: the step must have one of these outputs; empty if any step will do.
        reads: the parts of the project that it comes from without a step; empty if it needs a step.
    """

    type: type
    read: Callable[[CheckContext], Any]
    fields: tuple[str, ...] = ()
    reads: tuple[Part, ...] = ()


_SUBJECTS: dict[type, Subject] = {Project: Subject(Project, lambda context: context.project)}


def register_subject(
    kind: type, read: Callable[[CheckContext], Any], *, fields: tuple[str, ...] = (), reads: tuple[Part, ...] = ()
) -> None:
    """Let checks judge objects of a type; see `Subject`."""
    _SUBJECTS[kind] = Subject(kind, read, fields, reads)


@dataclass(frozen=True)
class Check:
    """A named check, the model of its options, and what it judges.

    `outputs` is the output model it needs of a step, if it needs one. `reads` are the parts of the project that its
    answer rests on where it is asked by itself; a check without any can only judge a step.
    """

    id: str
    summary: str
    function: CheckFunction
    options: type[BaseModel]
    subjects: tuple[Subject, ...] = ()
    outputs: type[BaseModel] | None = None
    reads: tuple[Part, ...] = ()
    timeout: float = TIMEOUT
    renamed: Mapping[str, str] = field(default_factory=dict)

    def refuse(self, outputs: type[BaseModel]) -> str | None:
        """Return why it can't judge a step with these outputs; None if it can."""
        if self.outputs and not issubclass(outputs, self.outputs):
            return f"{self.id} judges {self.outputs.__name__}, and this step gives {outputs.__name__}"
        for subject in self.subjects:
            if subject.fields and not set(subject.fields) & set(outputs.model_fields):
                return f"{self.id} needs an output {' or '.join(subject.fields)}, and this step gives none"
        return None

    def judge(self, *subjects: object, **options: object) -> Iterator[Finding]:
        """Judge these subjects; every finding carries this check's id."""
        answer = self.function(*subjects, **options)
        for finding in [answer] if isinstance(answer, Finding) else answer:
            yield finding.model_copy(update={"check": self.id})

    def run(self, context: CheckContext, options: Mapping[str, object]) -> list[Finding]:
        """Read the subjects and judge them; no finding at all is an `error`."""
        given = self.options.model_validate(dict(options))
        chosen = {self.renamed.get(name, name): getattr(given, name) for name in type(given).model_fields}
        judged = [subject.read(context) for subject in self.subjects]
        found = list(self.judge(*judged, **chosen))
        # A check that looked at nothing must not read as a pass.
        return found or [Finding(verdict=Verdict.error, message="the check looked at nothing", check=self.id)]


def check(
    name: str, *, reads: tuple[Part, ...] = (), timeout: float = TIMEOUT, aliases: Mapping[str, Mapping[str, str]] = {}
) -> Callable[[CheckFunction], CheckFunction]:
    """Register a function as the check `name`.

    Args:
        name: its id, `noun.verb`.
        reads: the parts of the project that its answer rests on, where what it judges does not say so.
        timeout: seconds it may take where it is asked by itself.
        aliases: older ids, each with the older names of options: `{old: new}`.
    """

    def register(function: CheckFunction) -> CheckFunction:
        summary = (inspect.getdoc(function) or "").partition("\n")[0]
        if not summary:
            raise ValueError(f"check {name} has no docstring to explain it")
        subjects = tuple(_subjects(function))
        if not subjects:
            raise ValueError(f"check {name} judges nothing: it has no positional parameter")
        outputs = next((subject.type for subject in subjects if issubclass(subject.type, BaseModel)), None)
        parts = reads or tuple(dict.fromkeys(part for subject in subjects for part in subject.reads))
        if any(subject.type is Project for subject in subjects) and not parts and outputs is None:
            raise ValueError(f"check {name} does not say what it reads of the project")
        for alias, renamed in {name: {}, **aliases}.items():
            options = _options_model(alias, function, {new: old for old, new in renamed.items()})
            CHECKS.add(alias, Check(alias, summary, function, options, subjects, outputs, parts, timeout, renamed))
        return function

    return register


def verdict_of(findings: Iterable[Finding]) -> Verdict:
    """Return the verdict that all findings make together: the worst."""
    return worst(finding.verdict for finding in findings)


def _subjects(function: CheckFunction) -> Iterable[Subject]:
    for parameter in inspect.signature(function, eval_str=True).parameters.values():
        if parameter.kind is not parameter.KEYWORD_ONLY:
            kind = parameter.annotation
            if kind in _SUBJECTS:
                yield _SUBJECTS[kind]
            elif isinstance(kind, type) and issubclass(kind, BaseModel):
                yield Subject(kind, _outputs_of)
            else:
                raise ValueError(f"{function.__name__}: {kind!r} is not a type that a check can judge")


def _outputs_of(context: CheckContext) -> BaseModel:
    if context.outputs is None:
        raise AssetMissingError("judges a step's outputs, and there is no step", remedy="attach it to a step")
    return context.outputs


def _options_model(name: str, function: CheckFunction, names: Mapping[str, str]) -> type[BaseModel]:
    """Return the model of a check's options; `names` are other names for some of them."""
    parameters = inspect.signature(function, eval_str=True).parameters.values()
    fields: dict[str, Any] = {
        names.get(parameter.name, parameter.name): (
            parameter.annotation,
            ... if parameter.default is parameter.empty else parameter.default,
        )
        for parameter in parameters
        if parameter.kind is parameter.KEYWORD_ONLY
    }
    return create_model(f"{name} options", __config__=ConfigDict(extra="forbid"), **fields)
