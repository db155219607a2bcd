"""`zk0 next`: the step that a run waits for."""

from dataclasses import asdict
from typing import Annotated

import typer

from zk0.agents.next_step import as_text, next_step
from zk0.cli.completion import run_names
from zk0.cli.output import JsonOption, print_result
from zk0.core.project import Project

OptionalRun = Annotated[
    str | None, typer.Argument(help="A run's id, the beginning of one, or latest.", autocompletion=run_names)
]
NOTHING = "Nothing waits for an agent or a person. What is going on: `zk0 prime`; what can be run: `zk0 workflows list`"


def next_command(run: OptionalRun = None, *, as_json: JsonOption = False) -> None:
    """Print the step that a run waits for: what to do, what may change, what counts, and how to hand in."""
    found = next_step(Project.find(), run)
    data = {**asdict(found), "hand_in": found.hand_in} if found else None
    print_result(data, as_text(found) if found else NOTHING, as_json=as_json)
