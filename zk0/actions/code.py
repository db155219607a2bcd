"""Judge the shape of code, whoever wrote it: are functions there, and short enough to be read?"""

import ast
from collections.abc import Iterator
from pathlib import Path

from zk0.core.checks import check
from zk0.core.project import Project
from zk0.core.verdicts import Evidence, Finding, failed, not_available, passed
from zk0.workflow.actions import Outputs

LONGEST = 60  # lines; a function that does not fit on a screen hides what it does


@check("code.defines")
def defines(
    outputs: Outputs, project: Project, *, files: list[str], functions: list[str], longest: int = LONGEST
) -> Iterator[Finding]:
    """Files define these functions, and none of them is longer than `longest` lines."""
    paths = [path for given in files for path in _python_files(project.path(given))]
    if not paths:
        yield not_available(f"there is no Python file at {', '.join(files) or 'nowhere'}")
        return
    found: dict[str, list[tuple[int, str]]] = {name: [] for name in functions}
    for path in paths:
        shown = project.shown(path)
        try:
            tree = ast.parse(path.read_bytes(), str(path))
        except SyntaxError as error:
            yield failed(f"{shown}:{error.lineno}: {error.msg}", remedy="correct the syntax")
            return
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name in found:
                found[node.name].append(((node.end_lineno or node.lineno) - node.lineno + 1, f"{shown}:{node.lineno}"))
    yield from (_judge(name, places, longest) for name, places in found.items())


def _judge(name: str, places: list[tuple[int, str]], longest: int) -> Finding:
    if not places:
        return failed(f"there is no function {name}", remedy=f"define {name}")
    length, where = max(places)
    evidence = [Evidence(name="length", value=length, unit="lines", at=where)]
    if length > longest:
        return failed(
            f"{name} has {length} lines, at most {longest} are wanted",
            at=where,
            evidence=evidence,
            remedy="give what it does in several parts a function each",
        )
    return passed(f"{name}, {length} lines", at=where, evidence=evidence)


def _python_files(path: Path) -> list[Path]:
    if path.is_dir():
        return sorted(path.rglob("*.py"))
    return [path] if path.is_file() else []
