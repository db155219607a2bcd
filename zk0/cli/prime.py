"""`zk0 prime`: the brief that an agent reads before it starts."""

import json
import sys
from datetime import UTC, datetime
from typing import Annotated

import typer

from zk0.core.project import Project

BudgetOption = Annotated[int, typer.Option(min=200, help="The most tokens, three bytes each.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]


def prime(*, budget: BudgetOption = 2000, as_json: JsonOption = False) -> None:
    """Print a brief to start from, within a token budget: waiting steps, known facts, failures and next tasks."""
    from zk0.memory.prime import prime as brief_of

    brief = brief_of(Project.find(), datetime.now(UTC), budget=budget)
    if as_json:
        # Not `zk0.cli.output`: it imports Rich, and this command has half a second.
        data = {"brief": brief.text, "tokens": brief.tokens, "entries": brief.counts}
        sys.stdout.write(json.dumps({"schema_version": 1, "data": data}, ensure_ascii=False) + "\n")
    else:
        sys.stdout.write(brief.text)
