"""A check: a function that judges what a step put out, and answers with findings.

    @check("data.episodes")
    def enough_episodes(outputs: PrepareOutputs, *, minimum: int = 2) -> Iterator[Finding]: ...

The first parameter is the subject, the keyword-only ones are the options a workflow file may give; their types are
validated when the file is loaded. Diagnostics register themselves here too, with the ledger as their subject.

A check of the whole project has the project as its subject, and says which parts of it the answer rests on:

    @project_check("style.lint", reads=(Part.code, Part.environment))
    def linted(project: Project) -> Iterator[Finding]: ...
"""

import inspect
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from pydantic import BaseModel, ConfigDict, create_model

from zk0.registry import Registry
from zk0.verdicts import Finding, Verdict, worst

type Judge = Callable[..., Iterable[Finding]]

CHECKS: Registry["Check"] = Registry("check", "zk0.checks")
PATIENCE = 60.0  # seconds a check of the project gets; mypy takes the most


class Part(StrEnum):
    """What an answer about a project may rest on; it holds as long as these are as they were."""

    code = "code"
    documents = "documents"
    history = "history"  # commits, tags and what is not committed
    environment = "environment"  # Python and every installed package
    runs = "runs"  # what workflows left behind
    memory = "memory"  # the memory bank
    reports = "reports"  # what test runners and benchmarks left behind
    machine = "machine"  # disk, memory, network: no digest tells of them, so the answer holds for a while


class WholeProject(BaseModel):
    """Stands for the project where a step's outputs would be the subject: a workflow's step gives none."""


@dataclass(frozen=True)
class Check:
    """A named judge, the model of its options, and how it gets its subject from a step's outputs.

    `judges` is the output model it reads when it takes the outputs as they are, so that a workflow file which
    attaches it to the wrong step is refused when it is loaded; None where `subject` makes something else of them.
    A check of the whole project has `reads`, and `patience`, the seconds it may take.
    """

    id: str
    summary: str
    judge: Judge
    options: type[BaseModel]
    subject: Callable[[Any], Any] = lambda outputs: outputs
    judges: type[BaseModel] | None = None
    reads: tuple[Part, ...] = ()
    patience: float = PATIENCE

    def run(self, outputs: object, options: Mapping[str, object]) -> list[Finding]:
        """Judge the outputs; every finding carries this check's id. No finding at all is an `error`."""
        given = self.options.model_validate(dict(options))
        chosen = {name: getattr(given, name) for name in type(given).model_fields}
        found = [
            finding.model_copy(update={"check": self.id}) for finding in self.judge(self.subject(outputs), **chosen)
        ]
        # A check that looked at nothing must not read as a pass.
        return found or [Finding(verdict=Verdict.error, message="the check looked at nothing", check=self.id)]


def check(name: str, *, subject: Callable[[Any], Any] | None = None) -> Callable[[Judge], Judge]:
    """Register a function as the check `name`."""

    def register(judge: Judge) -> Judge:
        summary = (inspect.getdoc(judge) or "").partition("\n")[0]
        if not summary:
            raise ValueError(f"check {name} has no docstring to explain it")
        options = _options_model(name, judge)
        if subject is None:
            CHECKS.add(name, Check(name, summary, judge, options, judges=_subject_model(judge)))
        else:
            CHECKS.add(name, Check(name, summary, judge, options, subject))
        return judge

    return register


def project_check(name: str, *, reads: tuple[Part, ...], patience: float = PATIENCE) -> Callable[[Judge], Judge]:
    """Register a function that judges a project as the check `name`.

    Args:
        name: its id, `noun.verb`.
        reads: what its answer rests on.
        patience: seconds it may take before it counts as not answered.
    """

    def register(judge: Judge) -> Judge:
        summary = (inspect.getdoc(judge) or "").partition("\n")[0]
        if not summary or not reads:
            raise ValueError(f"check {name} has no docstring to explain it, or does not say what it reads")
        options = _options_model(name, judge)
        CHECKS.add(name, Check(name, summary, judge, options, judges=WholeProject, reads=reads, patience=patience))
        return judge

    return register


def verdict_of(findings: Iterable[Finding]) -> Verdict:
    """Return the verdict that all findings make together: the worst."""
    return worst(finding.verdict for finding in findings)


def _subject_model(judge: Judge) -> type[BaseModel] | None:
    first = next(iter(inspect.signature(judge, eval_str=True).parameters.values())).annotation
    return first if isinstance(first, type) and issubclass(first, BaseModel) else None


def _options_model(name: str, judge: Judge) -> type[BaseModel]:
    parameters = inspect.signature(judge, eval_str=True).parameters.values()
    fields: dict[str, Any] = {
        parameter.name: (parameter.annotation, ... if parameter.default is parameter.empty else parameter.default)
        for parameter in parameters
        if parameter.kind is parameter.KEYWORD_ONLY
    }
    return create_model(f"{name} options", __config__=ConfigDict(extra="forbid"), **fields)
