"""Actions: the typed functions a step may use, and what they are given.

    @action("data.prepare", changes=("data",))
    def prepare(inputs: PrepareInputs, context: Context) -> PrepareOutputs: ...

The input model is what a step's `with` is validated against, the output model what later steps and checks may read,
both when the workflow file is loaded.

An input model may look at the world before anything is done: `Inputs.preflight` is called for each step whose inputs
are known from the start, before the run has a directory. So a data set that can't be trained on is refused at once,
and nothing is left behind. An output field `table: list[list[str]]` (first row: the heads) is printed after the run.
"""

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, get_type_hints

from pydantic import BaseModel, ConfigDict

from zk0.core.project import Project
from zk0.core.registry import Registry

ACTIONS: Registry["Action"] = Registry("action", "zk0.actions")


class Inputs(BaseModel):
    """What an action takes; unknown names are refused. A relative path is relative to the project's root."""

    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)

    def preflight(self, project: Project) -> None:
        """Refuse what can't work before the run begins; reads only, and takes no more than a second.

        Raises:
            RequestError: the step would fail on these inputs.
            MissingError: something the step needs is not on this machine.
        """


class Outputs(BaseModel):
    """What an action gives; a `Path` in it is an artifact and its digest goes into the receipt."""

    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)


class Progress(Protocol):
    """Reports the progress of a step."""

    def __call__(self, done: int, total: int, note: str = "") -> None:
        """Report `done` of `total` units of work."""


@dataclass(frozen=True)
class Context:
    """The context of an action: the project, the run, its own directory, the seed and the progress callback."""

    project: Project
    run: str
    step: str
    directory: Path
    seed: int
    progress: Progress


@dataclass(frozen=True)
class Action:
    """A registered function with its models; `changes` says what of the outside it alters."""

    name: str
    summary: str
    function: Callable[[Any, Context], Outputs]
    inputs: type[Inputs]
    outputs: type[Outputs]
    changes: tuple[str, ...]


def action[I: Inputs, O: Outputs](
    name: str, *, changes: tuple[str, ...] = ()
) -> Callable[[Callable[[I, Context], O]], Callable[[I, Context], O]]:
    """Register a function as the action `name`."""

    def register(function: Callable[[I, Context], O]) -> Callable[[I, Context], O]:
        hints = get_type_hints(function)
        summary = (inspect.getdoc(function) or "").partition("\n")[0]
        inputs, outputs = hints["inputs"], hints["return"]
        if not (summary and issubclass(inputs, Inputs) and issubclass(outputs, Outputs)):
            raise ValueError(f"action {name} needs a docstring, an Inputs model and an Outputs model")
        ACTIONS.add(name, Action(name, summary, function, inputs, outputs, changes))
        return function

    return register
