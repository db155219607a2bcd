"""How a project's own app is started: in a copy of the project, with an environment of its own, by one of two engines.

In a copy, because apps write models and plots into their working directory, and a run that is evidence must leave the
code that it is evidence about as it was. Flower does the same: `flwr run` packs an app and unpacks it elsewhere.
"""

import json
import os
import shutil
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from zk0.core.errors import ConfigurationError, DependencyMissingError, StorageError
from zk0.core.fingerprints import SKIPPED
from zk0.core.ports import free_port
from zk0.core.project import Project
from zk0.federation.deployment.programs import FLOWER_ENVIRONMENT
from zk0.federation.own_app.declaration import OwnApp, Value

HARNESS = Path(__file__).with_name("harness.py")
WATCHING = "zk0_watching"  # the module that stands for the ServerApp under `flwr run`
COMPONENTS = "[tool.flwr.app.components]"

type Engine = Literal["inline", "simulation"]


@dataclass(frozen=True)
class Launch:
    """A program to start: its arguments, the directory it runs in, its environment, and the file of its events."""

    argv: tuple[str, ...]
    cwd: Path
    env: Mapping[str, str]
    events: Path


def copy_project(project: Project, folder: Path) -> None:
    """Copy the files that git would keep into a folder; data, and all else that git ignores, is linked.

    Args:
        project: the project.
        folder: an empty folder.

    Raises:
        StorageError: a file can't be read, or the disk is full.
    """
    try:
        _copy(project, folder)
    except (OSError, shutil.Error) as error:
        raise StorageError(
            f"{project.name} can't be copied: {error}", remedy="free some space, or make the file readable"
        ) from error


def _copy(project: Project, folder: Path) -> None:
    tree = project.tree()
    names = [*tree.files, *tree.reports]
    for name in names:
        source, target = project.root / name, folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():  # a submodule
            shutil.copytree(source, target, symlinks=True, ignore=shutil.ignore_patterns(".git"))
        elif source.is_symlink() or source.is_file():
            shutil.copy2(source, target, follow_symlinks=False)
    own = {project.state_dir, project.memory_dir}
    _link_rest(project.root, folder, own, SKIPPED)


def _link_rest(source: Path, target: Path, own: set[Path], skipped: frozenset[str]) -> None:
    """Link what is in a folder and not in its copy."""
    for entry in source.iterdir():
        if entry in own or entry.name in skipped:
            continue
        copied = target / entry.name
        if not os.path.lexists(copied):
            copied.symlink_to(entry)
        elif copied.is_dir() and not copied.is_symlink():
            _link_rest(entry, copied, own, skipped)


def written_in(project: Project, folder: Path) -> list[str]:
    """Return the files that are in a copy of a project and not in the project."""
    found = []
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder)
        is_new = path.is_file() and not path.is_symlink() and not os.path.lexists(project.root / name)
        if is_new and not SKIPPED & set(name.parts) and name.as_posix() != f"{WATCHING}.py":
            found.append(name.as_posix())
    return found


def launch(
    app: OwnApp, python: Path, folder: Path, scratch: Path, changed: Mapping[str, Value], clients: int, engine: Engine
) -> Launch:
    """Return how to start an app in a copy of its project.

    Args:
        app: the app.
        python: the interpreter.
        folder: the copy.
        scratch: an empty folder for what the app is not to see.
        changed: what to change of its configuration.
        clients: SuperNodes.
        engine: `inline`, in one process, or `simulation`, Flower's own by `flwr run`.

    Raises:
        ConfigurationError: the components can't be replaced in the copy's pyproject.toml.
        DependencyMissingError: Flower's command is not beside the interpreter.
    """
    events = scratch / "events.jsonl"
    plan = {"root": str(folder), "events": str(events), "serverapp": app.serverapp, "clientapp": app.clientapp}
    env = flower_environment(python, scratch)
    if engine == "inline":
        file = scratch / "plan.json"
        file.write_text(json.dumps({**plan, "config": {**app.config, **changed}, "clients": clients}))
        # -P: the harness's own folder is not to be where the app's imports are looked up.
        return Launch((str(python), "-P", str(HARNESS), str(file)), folder, env, events)
    _watch(folder, plan)
    config = [word for key, value in changed.items() for word in ("--run-config", f"{key}={_toml(value)}")]
    flwr = python.parent / "flwr"
    if not flwr.is_file():
        raise DependencyMissingError(
            f"there is no flwr beside {python}", remedy=f"uv pip install --python {python} 'flwr[simulation]'"
        )
    argv = (str(flwr), "run", str(folder), "--stream", *config)
    # Elsewhere than in the copy: Ray's workers would import the app from there, and not what Flower packed.
    return Launch((*argv, "--federation-config", f"num-supernodes={clients}"), scratch, env, events)


def flower_environment(python: Path, scratch: Path) -> dict[str, str]:
    """Return the variables that keep Flower from the network, from the user's files and from other runs."""
    path = os.pathsep.join((str(python.parent), os.environ.get("PATH", os.defpath)))
    return {
        "PATH": path,
        "FLWR_HOME": str(scratch / "flwr"),
        **FLOWER_ENVIRONMENT,
        "FLWR_LOCAL_SUPERLINK_HTTP_API_PORT": str(free_port()),
        "FLWR_LOCAL_CONTROL_API_PORT": str(free_port()),
        "RAY_USAGE_STATS_ENABLED": "0",
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONUNBUFFERED": "1",
        "NO_COLOR": "1",
    }


def _watch(folder: Path, plan: Mapping[str, Any]) -> None:
    """Let the copy's ServerApp be one that writes down the messages of the project's own."""
    (folder / f"{WATCHING}.py").write_text(
        '"""zk0\'s: runs the project\'s ServerApp, and writes down its messages."""\n'
        "import importlib.util\n"
        "from pathlib import Path\n"
        f"spec = importlib.util.spec_from_file_location('zk0_harness', {str(HARNESS)!r})\n"
        "harness = importlib.util.module_from_spec(spec)\n"
        "spec.loader.exec_module(harness)\n"
        f"app = harness.watched({{**{dict(plan)!r}, 'root': str(Path(__file__).parent)}})\n",
        encoding="utf-8",
    )
    file = folder / "pyproject.toml"
    text = file.read_text(encoding="utf-8")
    head, found, tail = text.partition(COMPONENTS)
    changed = head + found + tail.replace(f'"{plan["serverapp"]}"', f'"{WATCHING}:app"', 1)
    named = tomllib.loads(changed)["tool"]["flwr"]["app"]["components"]["serverapp"]
    if named != f"{WATCHING}:app":
        raise ConfigurationError(
            f"{COMPONENTS} can't be changed in a copy of pyproject.toml, so flwr run can't be watched",
            remedy=f'write it as {COMPONENTS} with serverapp = "module:name" below it, or use engine=inline',
        )
    file.write_text(changed, encoding="utf-8")


def _toml(value: Value) -> str:
    return json.dumps(value, ensure_ascii=False)
