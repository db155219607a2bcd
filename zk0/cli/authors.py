"""Who writes to the memory bank: a coding agent, which its environment gives away, or the person at the keyboard."""

import getpass
import os
from collections.abc import Mapping
from typing import Annotated

import typer

from zk0.core.errors import InputError
from zk0.workflow.approval import agent_mark

ByOption = Annotated[
    str | None, typer.Option("--by", help="Who says so: agent:NAME or person:NAME; found out where it is not given.")
]
KINDS = ("agent", "person", "process")


def author(given: str | None, environment: Mapping[str, str] = os.environ) -> str:
    """Return who writes.

    Raises:
        InputError: it is no author, or an agent gives itself out as a person.
    """
    mark = agent_mark(environment)
    if given is None:
        return f"agent:{mark.lower()}" if mark else f"person:{getpass.getuser()}"
    kind, _, name = given.partition(":")
    if kind not in KINDS or not name.strip():
        raise InputError(f"{given!r} is no author", remedy="--by agent:NAME or --by person:NAME")
    if kind == "person" and mark:
        raise InputError(f"{mark} is set: what an agent writes is not a person's word", remedy="--by agent:NAME")
    return given
