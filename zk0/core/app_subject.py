"""Whose Flower app zk0's own actions exercise: evidence about zk0's app counts only in a project whose app that is.

The bundled workflows train zk0's policy with zk0's ServerApp and ClientApp. A project says that this is its app by
naming both in `[tool.flwr.app.components]`. A project with an app of its own, or with none, learns nothing from them:
the actions `app.*` run the project's own, and only what those observe is evidence about it.
"""

from collections.abc import Mapping
from pathlib import Path

from zk0.core.errors import AssetMissingError
from zk0.core.project import Project, table_of

COMPONENTS = ("tool", "flwr", "app", "components")
APP = {"serverapp": "zk0.federation.server_app:app", "clientapp": "zk0.federation.client_app:app"}
# The first words of the actions that exercise zk0's app, policy, data reader and environment.
ABOUT_ZK0 = frozenset(
    {
        "benchmark",
        "comparison",
        "data",
        "deployment",
        "environment",
        "evaluation",
        "exchange",
        "federation",
        "model-card",
        "policy",
        "policy-server",
        "service",
        "serving",
        "site",
        "training",
        "tuning",
    }
)
PACKAGE = Path(__file__).parents[1]


def is_about_zk0(action: str) -> bool:
    """Return whether a step that uses this action exercises zk0's own app, and not the project's code."""
    return action.partition(".")[0] in ABOUT_ZK0


def names_other_app(pyproject: Mapping[str, object]) -> bool:
    """Return whether a pyproject.toml names a Flower app that is not zk0's."""
    named = table_of(pyproject, *COMPONENTS)
    return bool(named) and any(named.get(kind) != app for kind, app in APP.items())


def complaint(project: Project) -> str | None:
    """Return why what zk0's own app shows is no evidence about a project; None where it is the project's app."""
    named = table_of(project.pyproject, *COMPONENTS)
    if any(named.get(kind) != app for kind, app in APP.items()):
        theirs = ", ".join(str(named[kind]) for kind in APP if named.get(kind))
        if not theirs:
            return "the project names no Flower app that zk0 could run"
        return f"zk0's own app is no evidence about this project, whose app is {theirs}"
    copy = project.root / PACKAGE.name
    if copy.is_dir() and copy.resolve() != PACKAGE and not _is_copy(copy):
        return f"zk0's own app is no evidence about this project, whose {PACKAGE.name}/ holds other code"
    return None


def first_run(project: Project) -> str:
    """Return the command whose runs are evidence about a project: zk0's own training where its app is zk0's."""
    if complaint(project) is None:
        return "zk0 run train"
    if (project.workflows_dir / "project.yaml").is_file():
        return "zk0 run project"
    return "zk0 init && zk0 run project" if declares_own(project) else "zk0 workflows new NAME"


def declares_own(project: Project) -> bool:
    """Return whether a project declares a Flower app that is not zk0's."""
    return bool(table_of(project.pyproject, *COMPONENTS)) and complaint(project) is not None


def require_app(project: Project) -> None:
    """Refuse what zk0's own app shows as evidence about another project.

    Raises:
        AssetMissingError: the project's app is not zk0's.
    """
    if reason := complaint(project):
        named = any(table_of(project.pyproject, *COMPONENTS).get(kind) for kind in APP)
        remedy = None if named else "name it in [tool.flwr.app.components], and zk0 init writes a workflow for it"
        raise AssetMissingError(reason, remedy=remedy)


def _is_copy(folder: Path) -> bool:
    """Return whether a folder holds the code that runs, file by file."""
    files = [path.relative_to(PACKAGE) for path in PACKAGE.rglob("*.py")]
    return all((folder / name).is_file() and _same(folder / name, PACKAGE / name) for name in files)


def _same(one: Path, other: Path) -> bool:
    return one.read_bytes() == other.read_bytes()
