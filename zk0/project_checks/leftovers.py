"""What is left over from working: debuggers, prints, marks of conflicts and of things to do, files of other tools."""

import ast
import io
import re
import tokenize
from collections.abc import Iterator

from zk0.core.checks import Part, check
from zk0.core.project import Project
from zk0.core.verdicts import Finding
from zk0.project_checks.problems import Problem, found
from zk0.project_checks.sources import Module, library, modules, name_of

DEBUGGERS = frozenset({"breakpoint", "pdb.set_trace", "ipdb.set_trace", "pdb.post_mortem", "code.interact"})
TO_DO = re.compile(r"\b(TODO|FIXME|XXX|HACK)\b")
FILES = re.compile(r"(\.orig|\.rej|\.bak|\.swp|~|\.tmp|/Thumbs\.db|\.DS_Store)$")


@check("leftovers.debugging", reads=(Part.code,))
def no_debugging(project: Project) -> Iterator[Finding]:
    """No call of a debugger is left in the code, and no print in the library."""
    problems = []
    for module in modules(project):
        calls = [(module.at(call), name_of(call.func)) for call in module.walk(ast.Call)]
        problems += [Problem(at, f"calls {name}") for at, name in calls if name in DEBUGGERS]
    for module in library(project):
        prints = [call for call in module.walk(ast.Call) if name_of(call.func) == "print"]
        problems += [Problem(module.at(call), "prints") for call in prints]
    yield from found(problems, good="no debugger and no print is left", remedy="remove it, or log it")


@check("leftovers.to-do", reads=(Part.code,))
def nothing_to_do(project: Project) -> Iterator[Finding]:
    """No comment says that something is still to be done."""
    problems = [
        Problem(f"{module.name}:{line}", comment[:100])
        for module in library(project)
        for line, comment in _comments(module)
        if TO_DO.search(comment)
    ]
    yield from found(problems, good="no TODO is left", remedy="do it, or write an issue", doubtful=True)


@check("leftovers.files", reads=(Part.code,))
def no_files(project: Project) -> Iterator[Finding]:
    """No backup or rejected patch of an editor or merge is among the project's files."""
    problems = [Problem(path, "is left over") for path in project.tree().files if FILES.search(f"/{path}")]
    yield from found(problems, good="no file is left over", remedy="git rm")


def _comments(module: Module) -> Iterator[tuple[int, str]]:
    _ = module.tree  # raises where it is not Python
    for token in tokenize.generate_tokens(io.StringIO(module.text).readline):
        if token.type == tokenize.COMMENT:
            yield token.start[0], token.string
