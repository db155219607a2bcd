"""The layout of a Flower app (`layout.*`)."""

import ast
from collections.abc import Iterator

from zk0.core.checks import Part, check
from zk0.core.project import Project
from zk0.core.verdicts import Finding, failed, not_available, passed
from zk0.project_checks.problems import judge
from zk0.project_checks.sources import modules, table_of

COMPONENTS = ("serverapp", "clientapp")


@check("layout.flower-app", reads=(Part.code,))
def flower_app(project: Project) -> Iterator[Finding]:
    """pyproject.toml names one app with a server, a client and a run configuration, and the code has them."""
    table = table_of(project.pyproject, "tool", "flwr", "app")
    if not table:
        yield not_available("pyproject.toml has no [tool.flwr.app]")
        return
    components = table_of(table, "components")
    known = {module.dotted: module for module in modules(project)}
    for kind in COMPONENTS:
        dotted, _, name = str(components.get(kind, "")).partition(":")
        module = known.get(dotted)
        if not name:
            yield failed(f"[tool.flwr.app.components] names no {kind}", remedy=f'{kind} = "package.module:app"')
        elif module is None:
            yield failed(f"{kind} is {dotted}:{name}, but the code has no module {dotted}", remedy="correct the name")
        elif name not in _names(module.tree):
            yield failed(f"{kind} is {dotted}:{name}, and {module.name} has no {name}", remedy="correct the name")
        else:
            yield passed(f"{kind} is {dotted}:{name}")
    keys = table_of(table, "config")
    good, bad = f"the run configuration has {len(keys)} keys", "the app has no run configuration"
    yield judge(bool(keys), good, bad, remedy="add [tool.flwr.app.config]")


def _names(tree: ast.Module) -> set[str]:
    names = set()
    for node in tree.body:
        match node:
            case ast.FunctionDef() | ast.ClassDef():
                names.add(node.name)
            case ast.Assign():
                names |= {target.id for target in node.targets if isinstance(target, ast.Name)}
            case ast.AnnAssign(target=ast.Name(id=name)):
                names.add(name)
            case ast.ImportFrom():
                names |= {alias.asname or alias.name for alias in node.names}
    return names
