"""What a shell completes: workflows, inputs, runs and steps. Files are read as plain data, so it takes no time.

Whatever goes wrong, nothing is completed and nothing is printed: an error message would end up in the command line.
"""

import json
import os
import shlex
from collections.abc import Callable, Iterable, Iterator, MutableMapping
from contextlib import suppress
from functools import wraps
from pathlib import Path
from typing import Any

import click
from click.shell_completion import split_arg_string

from zk0.core.errors import Zk0Error
from zk0.core.project import Project

REQUEST, BASH = "_ZK0_COMPLETE", "complete_bash"  # the variable by which a shell asks, and what bash puts there
INPUT = "ZK0_COMPLETE_INPUT"  # the input whose value is completed


def quiet[**P](complete: Callable[P, Iterable[str]]) -> Callable[P, list[str]]:
    """Return a completion that gives nothing where it fails."""

    @wraps(complete)
    def completed(*args: P.args, **kwargs: P.kwargs) -> list[str]:
        found: list[str] = []
        with suppress(Zk0Error, OSError, LookupError, ValueError, TypeError, AttributeError):
            found += complete(*args, **kwargs)
        return found

    return completed


@quiet
def workflow_names(incomplete: str) -> Iterator[str]:
    """Yield the names of workflows."""
    from zk0.workflow.names import workflow_files

    yield from (name for name in workflow_files(Project.find()) if name.startswith(incomplete))


@quiet
def run_names(incomplete: str) -> Iterator[str]:
    """Yield the ids of runs, newest first."""
    from zk0.workflow.run import run_directories

    names = ["latest", *(run.id for run in run_directories(Project.find()))]
    yield from (name for name in names if name.startswith(incomplete))


@quiet
def workflow_steps(ctx: click.Context, incomplete: str) -> Iterator[str]:
    """Yield the steps of the workflow that the command line names."""
    steps = _workflow(ctx).get("steps", [])
    yield from (step["id"] for step in steps if step["id"].startswith(incomplete))


@quiet
def run_steps(ctx: click.Context, incomplete: str) -> Iterator[str]:
    """Yield the steps of the run that the command line names, those within steps too."""
    from zk0.workflow.run import find_run

    found: dict[str, None] = {}
    with find_run(Project.find(), _named(ctx, "run")).journal.open(encoding="utf-8") as lines:
        for line in lines:
            event = json.loads(line)
            name = event.get("step") or event.get("receipt", {}).get("step")
            found |= dict.fromkeys([*event.get("steps", ()), *([name] if name else ())])
    yield from (name for name in found if name.startswith(incomplete))


@quiet
def workflow_inputs(ctx: click.Context, incomplete: str) -> Iterator[str]:
    """Yield `name=value` of inputs that are not given yet, and `name=` where the values are not known."""
    inputs = _workflow(ctx).get("inputs", {})
    if name := os.environ.get(INPUT):  # bash has split the word at `=`, and completes what follows it
        yield from (value for value in _values(inputs[name]) if value.startswith(incomplete))
        return
    given = {text.partition("=")[0] for text in ctx.params.get("inputs") or ()}
    for name, declared in inputs.items():
        texts = [f"{name}={value}" for value in _values(declared)] or [f"{name}="]
        yield from (text for text in texts if name not in given and text.startswith(incomplete))


def mend_command_line(environment: MutableMapping[str, str]) -> None:
    """Undo in the environment that bash splits words at `=` before it asks for completions.

    Of the word to complete only the part behind the `=` stays, because bash replaces no more; the other is kept apart.
    """
    if environment.get(REQUEST) != BASH or "COMP_CWORD" not in environment:
        return
    words = split_arg_string(environment.get("COMP_WORDS", ""))[: int(environment["COMP_CWORD"]) + 1]
    words += [""] * (int(environment["COMP_CWORD"]) + 1 - len(words))
    *before, current = words
    if current == "=" or before[-1:] == ["="]:
        *before, environment[INPUT] = before if current == "=" else before[:-1]
        current = current.removeprefix("=")
    joined = [*_joined(before), current]
    environment.update(COMP_WORDS="\n".join(map(shlex.quote, joined)), COMP_CWORD=str(len(joined) - 1))


def _joined(words: list[str]) -> list[str]:
    """Return words with what was split at `=` put together."""
    joined: list[str] = []
    for number, word in enumerate(words):
        if joined and (word == "=" or words[number - 1] == "="):
            joined[-1] += word
        else:
            joined.append(word)
    return joined


def _named(ctx: click.Context, argument: str) -> str:
    """Return a command's first argument; while an option has no value yet, Click leaves it among the rest."""
    return str(ctx.params.get(argument) or ctx.args[0])


def _values(declared: dict[str, Any]) -> list[str]:
    if declared.get("type") == "boolean":
        return ["true", "false"]
    return [str(value).lower() if isinstance(value, bool) else str(value) for value in declared.get("choices", ())]


def _workflow(ctx: click.Context) -> dict[str, Any]:
    """Return the workflow that the command line names as plain data, whatever is wrong with it."""
    from zk0.workflow.document import read_document
    from zk0.workflow.names import SUFFIX, workflow_files

    name = _named(ctx, "workflow")
    path = Path(name) if name.endswith(SUFFIX) else workflow_files(Project.find())[name]
    data = read_document(path.read_text(encoding="utf-8")).data
    return data if isinstance(data, dict) else {}
