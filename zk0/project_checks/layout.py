"""The layout of a Flower app (`layout.*`)."""

import ast
from collections.abc import Iterator

from zk0.core.app_subject import APP as ZK0_APP
from zk0.core.checks import Part, check
from zk0.core.project import Project, table_of
from zk0.core.verdicts import Finding, failed, not_available, passed, passed_if
from zk0.project_checks.sources import Module, modules, name_of

APPS = {"serverapp": "ServerApp", "clientapp": "ClientApp"}


@check("layout.flower-app", reads=(Part.code,))
def flower_app(project: Project) -> Iterator[Finding]:
    """pyproject.toml names a server, a client and a run configuration; the code makes both with Flower's classes."""
    table = table_of(project.pyproject, "tool", "flwr", "app")
    if not table:
        yield not_available("pyproject.toml has no [tool.flwr.app]")
        return
    components = table_of(table, "components")
    known = {module.dotted: module for module in modules(project)}
    for kind, made_by in APPS.items():
        dotted, _, name = str(components.get(kind, "")).partition(":")
        module = known.get(dotted)
        if not name:
            yield failed(f"[tool.flwr.app.components] names no {kind}", remedy=f'{kind} = "package.module:app"')
        elif module is None and f"{dotted}:{name}" == ZK0_APP[kind]:
            yield passed(f"{kind} is zk0's own")
        elif module is None:
            yield failed(f"{kind} is {dotted}:{name}, but the code has no module {dotted}", remedy="correct the name")
        elif name not in _names(module.tree):
            yield failed(f"{kind} is {dotted}:{name}, and {module.name} has no {name}", remedy="correct the name")
        elif problem := _no_app(module, name, made_by):
            yield failed(f"{kind} is {dotted}:{name}, and {problem}", at=module.name, remedy="see Flower's quickstart")
        else:
            yield passed(f"{kind} is {dotted}:{name}")
    keys = table_of(table, "config")
    good, bad = f"the run configuration has {len(keys)} keys", "the app has no run configuration"
    yield passed_if(bool(keys), good, bad, remedy="add [tool.flwr.app.config]")


def _no_app(module: Module, name: str, kind: str) -> str | None:
    """Return why a module's name is no app of Flower, as far as its code tells: it is made elsewhere, or of nothing."""
    values = [value for node in module.tree.body if (value := _assigned(node, name)) is not None]
    if any(isinstance(value, ast.Constant) for value in values):
        return f"{module.name} sets {name} to a constant"
    imported = {alias.name for node in module.walk(ast.ImportFrom) for alias in node.names if _of_flower(node)}
    made = [name_of(call.func).rpartition(".")[2] for call in module.walk(ast.Call)]
    flower = any(alias.name.partition(".")[0] == "flwr" for node in module.walk(ast.Import) for alias in node.names)
    if kind not in made or not (kind in imported or flower):
        return f"{module.name} makes no {kind} of Flower"
    mute = [one.name for one in module.functions() if one.decorator_list and all(map(_does_nothing, one.body))]
    return f"{mute[0]} in {module.name} does nothing but raise" if mute else None


def _assigned(node: ast.stmt, name: str) -> ast.expr | None:
    match node:
        case ast.Assign(targets=targets, value=value) if any(
            isinstance(one, ast.Name) and one.id == name for one in targets
        ):
            return value
        case ast.AnnAssign(target=ast.Name(id=known), value=value) if known == name:
            return value
    return None


def _of_flower(node: ast.ImportFrom) -> bool:
    return (node.module or "").partition(".")[0] == "flwr"


def _does_nothing(statement: ast.stmt) -> bool:
    constant = isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)
    return constant or isinstance(statement, ast.Pass | ast.Raise)


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
