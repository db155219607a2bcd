"""Whose Flower app zk0's own actions exercise: evidence about zk0's app counts only in a project whose app that is.

The bundled workflows train zk0's policy with zk0's ServerApp and ClientApp. A project says that this is its app by
naming both in `[tool.flwr.app.components]`. A project with an app of its own, or with none, learns nothing from them.
"""

from pathlib import Path

from zk0.core.errors import AssetMissingError
from zk0.core.project import Project, table_of

COMPONENTS = ("tool", "flwr", "app", "components")
APP = {"serverapp": "zk0.federation.server_app:app", "clientapp": "zk0.federation.client_app:app"}
# The first words of the actions that exercise zk0's app, policy, data reader and environment.
ABOUT_ZK0 = frozenset(
    {
        "benchmark",
        "data",
        "deployment",
        "environment",
        "evaluation",
        "exchange",
        "federation",
        "policy",
        "service",
        "site",
        "training",
        "tuning",
    }
)
PACKAGE = Path(__file__).parents[1]


def is_about_zk0(action: str) -> bool:
    """Return whether a step that uses this action exercises zk0's own app, and not the project's code."""
    return action.partition(".")[0] in ABOUT_ZK0


def complaint(project: Project) -> str | None:
    """Return why what zk0's own app shows is no evidence about a project; None where it is the project's app."""
    named = table_of(project.pyproject, *COMPONENTS)
    if any(named.get(kind) != app for kind, app in APP.items()):
        theirs = ", ".join(str(named[kind]) for kind in APP if named.get(kind)) or "none in pyproject.toml"
        return f"zk0's own app is no evidence about this project, whose app is {theirs}"
    copy = project.root / PACKAGE.name
    if copy.is_dir() and copy.resolve() != PACKAGE and not _is_copy(copy):
        return f"zk0's own app is no evidence about this project, whose {PACKAGE.name}/ holds other code"
    return None


def require_app(project: Project) -> None:
    """Refuse what zk0's own app shows as evidence about another project.

    Raises:
        AssetMissingError: the project's app is not zk0's.
    """
    if reason := complaint(project):
        raise AssetMissingError(reason, remedy="name zk0's apps in [tool.flwr.app.components], if they are yours")


def _is_copy(folder: Path) -> bool:
    """Return whether a folder holds the code that runs, file by file."""
    files = [path.relative_to(PACKAGE) for path in PACKAGE.rglob("*.py")]
    return all((folder / name).is_file() and _same(folder / name, PACKAGE / name) for name in files)


def _same(one: Path, other: Path) -> bool:
    return one.read_bytes() == other.read_bytes()
