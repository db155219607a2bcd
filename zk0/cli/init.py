"""`zk0 init` and `zk0 uninit`: bring zk0 to a project that exists, and take it away again."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Annotated

import typer

from zk0.cli.output import JsonOption, print_result
from zk0.core.project import Project
from zk0.onboarding.additions import Addition, Fact, additions, facts
from zk0.onboarding.adoption import apply, removals, uninstall
from zk0.onboarding.survey import Survey, survey

DryRun = Annotated[bool, typer.Option("--dry-run", help="Show what would be written, as a diff, and write nothing.")]
Apply = Annotated[bool, typer.Option("--apply", help="Remove it; without this, only list it.")]
Python = Annotated[
    str | None,
    typer.Option("--python", metavar="PATH", help="The interpreter of the project's code, to keep in [tool.zk0]."),
]
SHOWN = 5  # of each kind of find


def init(*, python: Python = None, dry_run: DryRun = False, as_json: JsonOption = False) -> None:
    """Add zk0 to this project: read what it is, and write what fits; nothing of it is run or overwritten."""
    project = Project.find()
    found = survey(project)
    added, known = list(additions(project, found, python)), list(facts(found))
    done = [] if dry_run else list(apply(project, added, known, datetime.now(UTC)))
    data = {"found": asdict(found), "lacks": found.lacks, "files": [one.path for one in added], "done": done}
    text = "\n".join([*_found(found), "", *(_planned(added, known) if dry_run else done), *_next(found)])
    print_result(data, text, as_json=as_json)


def uninit(*, apply_it: Apply = False, as_json: JsonOption = False) -> None:
    """Remove what zk0 added to this project, with its runs; what somebody edited is left and named."""
    project = Project.find()
    found = list(removals(project))
    if apply_it:
        uninstall(project)
    verb = "removed" if apply_it else "would be removed"
    lines = [f"left: {one.path}: {one.left}" if one.left else f"{verb}: {one.path}" for one in found]
    more = [] if apply_it or not found else ["zk0 uninit --apply"]
    print_result({"removals": [asdict(one) for one in found]}, "\n".join([*lines, *more]) or "nothing", as_json=as_json)


def _found(found: Survey) -> Iterator[str]:
    yield f"{found.name}: {found.python_files} Python file{'s' * (found.python_files != 1)}"
    kinds: dict[str, Sequence[object]] = {
        "Flower app": [found.app] if found.app else [],
        "strategies": found.strategies,
        "clients": found.clients,
        "exchange of parameters": found.exchange,
        "proximal terms": found.proximal,
        "data sets": found.datasets,
        "logs": found.logs,
        "tests": [f"{found.tests} ({found.tested_by})"] if found.tests else [],
        "files of agents": found.agents,
        "memory banks": found.banks,
        "projects of their own": [f"{path}/{' (a Flower app)' * bool(app)}" for path, app in found.projects.items()],
        "could not be read": found.unread,
    }
    for kind, places in kinds.items():
        if places:
            more = f" and {len(places) - SHOWN} more" if len(places) > SHOWN else ""
            yield f"  {kind}: {', '.join(map(str, places[:SHOWN]))}{more}"
    if found.lacks:
        yield f"  not found: {', '.join(found.lacks)}"


def _planned(added: Sequence[Addition], known: Sequence[Fact]) -> Iterator[str]:
    for one in added:
        yield one.diff().rstrip("\n")
    yield from (f"would remember: {fact.title}" for fact in known)


def _next(found: Survey) -> Iterator[str]:
    yield ""
    yield "next:"
    apps = [path for path, app in found.projects.items() if app]
    if apps and not found.app:
        yield f"  cd {apps[0]} && zk0 init{'  # or another of its apps' * (len(apps) > 1)}"
    yield "  git add -A && git commit -m 'Add zk0'  # repairs begin from a clean tree"
    yield "  zk0 doctor"
    yield from ["  zk0 run project"] if found.tests or found.app else []
    yield from (f"  zk0 diagnose {name}" for name in found.logs[:1])
    yield from (f"  zk0 probe aggregation {place.file}:{place.name}" for place in found.strategies[:1] if place.defined)
    yield from (f"  zk0 run fedprox-debug -i target={place.file}:{place.name}" for place in found.proximal[:1])
    yield from (f"  zk0 memory import {name}" for name in found.banks if name != "memory-bank")
    yield "  zk0 agents sync"
