"""Arguments and options that several commands share: runs, workflows, authors and times."""

import getpass
import os
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Annotated

import typer

from zk0.cli.completion import run_names, run_steps, workflow_names, workflow_steps
from zk0.core.agent_mark import agent_mark
from zk0.core.errors import InputError

SPAN = re.compile(r"(\d{1,4})([hdw])", re.ASCII)
HOURS = {"h": 1, "d": 24, "w": 7 * 24}
AUTHOR_KINDS = ("agent", "person", "process")


WorkflowArgument = Annotated[
    str, typer.Argument(help="A workflow's name, or the path of its file.", autocompletion=workflow_names)
]
RunArgument = Annotated[
    str, typer.Argument(help="A run's id, the beginning of one, or latest.", autocompletion=run_names)
]
OptionalRunArgument = Annotated[
    str | None,
    typer.Argument(help="A run's id, the beginning of one, or latest; all by default.", autocompletion=run_names),
]
StepsOption = Annotated[
    list[str] | None,
    typer.Option("--only", metavar="STEP", help="Run only this step; repeatable.", autocompletion=workflow_steps),
]
StepArgument = Annotated[str, typer.Argument(help="A step of the run.", autocompletion=run_steps)]
OptionalStepArgument = Annotated[
    str | None, typer.Argument(help="Only this step and the steps within it.", autocompletion=run_steps)
]
ByOption = Annotated[
    str | None, typer.Option("--by", help="The author: agent:NAME or person:NAME; detected by default.")
]


def resolve_author(by: str | None, environment: Mapping[str, str] = os.environ) -> str:
    """Return the author of an entry: `--by`, else the agent the environment names, else the person logged in.

    Raises:
        InputError: `by` is not an author, or an agent claims to be a person.
    """
    mark = agent_mark(environment)
    if by is None:
        return f"agent:{mark.lower()}" if mark else f"person:{getpass.getuser()}"
    kind, _, name = by.partition(":")
    if kind not in AUTHOR_KINDS or not name.strip():
        raise InputError(f"{by!r} is not an author", remedy="--by agent:NAME or --by person:NAME")
    if kind == "person" and mark:
        raise InputError(f"{mark} is set, so an agent writes this, not a person", remedy="--by agent:NAME")
    return by


def parse_time(text: str, now: datetime, *, past: bool = False) -> datetime:
    """Return the time of a date, or of a span such as `30d`, `12h` or `2w` from now, in UTC; with `past`, before now.

    Raises:
        InputError: the text is neither.
    """
    if match := SPAN.fullmatch(text):
        span = timedelta(hours=int(match[1]) * HOURS[match[2]])
        return now - span if past else now + span
    try:
        time = datetime.fromisoformat(text)
    except ValueError as error:
        raise InputError(f"{text!r} is not a time", remedy="30d, 12h, 2w, or a date such as 2027-01-31") from error
    return time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)
