"""Examples: the Python blocks of the documentation compile, and its commands exist."""

import ast
import importlib
import re
import shlex
from collections.abc import Iterator, Mapping
from functools import cache
from importlib.metadata import entry_points
from importlib.util import find_spec
from itertools import dropwhile, groupby, takewhile
from typing import Any

import click
from typer import Typer
from typer.main import get_command

from zk0.core.app_subject import COMPONENTS
from zk0.core.checks import Findings, Part, check
from zk0.core.markdown import Block, pages
from zk0.core.project import Project, table_of
from zk0.core.python_source import parse_quietly
from zk0.core.verdicts import not_applicable, not_available
from zk0.project_checks.problems import Problem, report_problems
from zk0.project_checks.sources import Module, modules

SHELLS = ("bash", "sh", "shell", "console", "zsh")
TREE = re.compile(r"^[\s│|]*[├└]", re.MULTILINE)  # a drawing of folders, which some call shell
OPERATORS = ("&&", "||", "|", ";")
ASSIGNMENT = re.compile(r"[A-Za-z_]\w*=.*")  # before a command's program
CLICK = re.compile(r"\b(?:click|typer|zk0\.cli)\b")
PLACEHOLDER = re.compile(r"(?:^|\.)_?(?:my|your)", re.IGNORECASE)  # to be replaced by a reader's own
PROGRAM = re.compile(r"[A-Za-z][\w-]*")
READS = (Part.documents, Part.code, Part.environment)


@check("examples.python", reads=READS)
def python(project: Project) -> Findings:
    """Every Python example of the documentation is Python, and what it imports of the project exists."""
    blocks = [block for page in pages(project) for block in page.blocks() if block.language in ("python", "py")]
    if not blocks:
        return not_applicable("the documentation has no Python example")
    problems = []
    for block in blocks:
        problems += example_problems(block, project)
    return report_problems(problems, f"{len(blocks)} examples compile", remedy="correct the example")


def example_problems(block: Block, project: Project) -> list[Problem]:
    """Return what is wrong with an example in Python: it is none, or it imports what does not exist."""
    name, _, first = block.at.rpartition(":")
    try:
        tree = parse_quietly(_source(block.text))
    except SyntaxError as error:
        return [Problem(f"{name}:{int(first) + (error.lineno or 1) - 1}", f"is not Python: {error.msg}")]
    known = {module.dotted: module for module in modules(project)}
    problems = []
    for node in ast.walk(tree):
        at = f"{name}:{int(first) + getattr(node, 'lineno', 1) - 1}"
        wanted = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        if isinstance(node, ast.ImportFrom) and node.module and not node.level:
            wanted.append(node.module)
            if module := known.get(node.module):
                words = set(re.findall(r"\w+", module.text)) | {"*"}
                lost = [one.name for one in node.names if one.name not in words]
                lost = [one for one in lost if f"{node.module}.{one}" not in known]
                problems += [Problem(at, f"{node.module} has no {one}") for one in lost]
        problems += [Problem(at, f"no module {one}") for one in wanted if not _is_there(one, known)]
    return problems


def _is_there(dotted: str, known: Mapping[str, Module]) -> bool:
    """Return whether a module of the project exists; others may be a reader's own, and are not looked for."""
    there = any(name == dotted or name.startswith(f"{dotted}.") for name in known)
    return there or not _is_own(dotted, known) or PLACEHOLDER.search(dotted) is not None


def _is_own(dotted: str, known: Mapping[str, Module]) -> bool:
    first = dotted.partition(".")[0]
    return any(name == first or name.startswith(f"{first}.") for name in known)


@check("examples.commands", reads=READS)
def commands(project: Project) -> Findings:
    """The commands that the documentation shows exist, with the options they are shown with."""
    blocks = [block for page in pages(project) for block in page.blocks() if block.language in SHELLS]
    problems, count = [], 0
    for block in blocks:
        for at, words in lines_of(block):
            known = command_problem(words, project)
            count += known is not None
            if known:
                problems.append(Problem(at, known))
    if not blocks:
        return not_applicable("the documentation shows no command")
    if not count:
        return not_available("the documentation shows no command that can be looked up")
    return report_problems(problems, f"{count} commands exist as shown", remedy="correct the command")


def lines_of(block: Block) -> Iterator[tuple[str, list[str]]]:
    """Yield (`file:line`, words) of each command of a block of shell; what it printed is left out."""
    name, _, first = block.at.rpartition(":")
    lines = [] if TREE.search(block.text) else block.text.splitlines()
    prompted = any(line.startswith("$ ") for line in lines)
    number = 0
    while number < len(lines):
        start, line = number, lines[number]
        while line.rstrip().endswith("\\") and number + 1 < len(lines):
            number += 1
            line = line.rstrip()[:-1] + lines[number]
        number += 1
        if prompted and not line.startswith("$ "):
            continue
        lexer = shlex.shlex(line.removeprefix("$ "), posix=True, punctuation_chars=";|&")  # operators are words
        lexer.whitespace_split = True
        try:
            words = list(lexer)
        except ValueError:  # a quotation over several lines
            continue
        for between, part in groupby(words, OPERATORS.__contains__):
            command = list(dropwhile(ASSIGNMENT.fullmatch, part))
            if command and not between:
                yield f"{name}:{int(first) + start}", command


def command_problem(words: list[str], project: Project) -> str | None:  # noqa: PLR0911  one for each program
    """Return what is wrong with a command: '' if nothing is, None if zk0 knows no way to look it up."""
    scripts = table_of(project.pyproject, "project", "scripts")
    match words:
        case ["python" | "python3", *rest]:
            return _python_problem(rest, project)
        case ["flwr", "run", *rest]:
            return _app_problem(project, next((word for word in rest[:1] if not word.startswith("-")), "."))
        case ["bash" | "sh", file, *_] if not file.startswith("-") and "$" not in file:
            return _file_problem(file, project)
        case ["make", *targets]:
            return _make_problem(targets, project)
        case ["nox", "-s", *names] if sessions := _sessions(project):
            wrong = [name for name in takewhile(lambda word: not word.startswith("-"), names) if name not in sessions]
            return f"no session {wrong[0]}" if wrong else ""
        case [program, *rest] if program == "zk0" or program in scripts:
            is_known = _may_be_application(scripts.get(program, ""), project) and _application(program) is not None
            return _of_application(program, rest) if is_known else _script_problem(scripts.get(program, ""), project)
        case [program, *_] if PROGRAM.fullmatch(program) and _is_like(program, project):
            return f"no program {program}: pyproject.toml declares none in [project.scripts]"
    return None


def _python_problem(words: list[str], project: Project) -> str | None:
    match words:
        case ["-m", "zk0", *rest]:
            return _of_application("zk0", rest)
        case ["-m", module, *_]:
            known = {one.dotted: one for one in modules(project)}
            if _is_own(module, known):
                return "" if _is_there(module, known) else f"no module {module}"
            return "" if find_spec(module.partition(".")[0]) else None  # another package's, which need not be here
        case ["-c", text, *_]:
            found = example_problems(Block("python", text, "-c:1"), project)
            return found[0].message if found else ""
        case [file, *_] if file.endswith(".py"):
            return _file_problem(file, project)
    return None


def _file_problem(file: str, project: Project) -> str:
    """Return what is wrong with a file that a command runs: no folder has it. A `cd` before it is not followed."""
    wanted = f"/{file.removeprefix('./')}"
    there = (project.root / file).is_file() or any(f"/{name}".endswith(wanted) for name in project.files())
    return "" if there else f"no file {file}"


def _app_problem(project: Project, folder: str) -> str | None:
    """Return what is wrong with `flwr run`: there is no app; None for a folder that is not here."""
    if not (project.root / folder).is_dir():
        return None
    own = Project(project.root / folder)
    return "" if table_of(own.pyproject, *COMPONENTS) else f"no Flower app in {folder}"


def _make_problem(words: list[str], project: Project) -> str:
    file = project.root / "Makefile"
    rules = re.findall(r"^([\w.-]+)\s*:", file.read_text(encoding="utf-8"), re.MULTILINE) if file.is_file() else []
    lost = [one for one in words if "=" not in one and not one.startswith("-") and one not in rules]
    return f"the Makefile has no target {lost[0]}" if lost else "" if rules else "there is no Makefile"


def _script_problem(target: str, project: Project) -> str | None:
    """Return what is wrong with a program of the project that is no Click application: it does not exist."""
    dotted, _, name = target.partition(":")
    module = next((one for one in modules(project) if one.dotted == dotted), None)
    if module is None or name not in re.findall(r"\w+", module.text):
        return f"its script {target} does not exist"
    return None


def _may_be_application(target: str, project: Project) -> bool:
    """Return whether a program of the project uses Click or Typer: others are not imported, which may take long."""
    module = next((one for one in modules(project) if one.dotted == target.partition(":")[0]), None)
    return module is None or CLICK.search(module.text) is not None


def _is_like(program: str, project: Project) -> bool:
    """Return whether a program is called as the project or one of its packages is."""
    own = {project.name, *(one.dotted.partition(".")[0] for one in modules(project))}
    return program.replace("_", "-").lower() in {name.replace("_", "-").lower() for name in own}


def _of_application(program: str, words: list[str]) -> str:
    """Follow the words through the commands of a Typer or Click application."""
    command = _application(program)
    said = [program]
    while words and isinstance(command, click.Group) and not words[0].startswith("-"):
        found = command.get_command(click.Context(command), words[0])
        if found is None:
            return f"{' '.join(said)} has no command {words[0]}"
        command = found
        said.append(words.pop(0))
    options = {option for one in command.params for option in (*one.opts, *one.secondary_opts)} | {"--help"}
    for word in takewhile(lambda word: word != "--", words):
        if word.startswith("--") and word.partition("=")[0] not in options:
            return f"{' '.join(said)} has no option {word.partition('=')[0]}"
    return ""


@cache
def _application(program: str) -> Any:
    """Return the Click command behind a console script, where it is one that can be looked into."""
    for point in entry_points(group="console_scripts", name=program):
        try:
            module = importlib.import_module(point.module)
            target = getattr(module, "app", None) or getattr(module, "cli", None) or getattr(module, point.attr, None)
        except (ImportError, AttributeError):
            return None
        if isinstance(target, Typer):
            return get_command(target)
        return target if hasattr(target, "params") else None
    return None


def _sessions(project: Project) -> set[str]:
    file = project.root / "noxfile.py"
    if not file.is_file():
        return set()
    tree = parse_quietly(file.read_text(encoding="utf-8"))
    names = {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef) and node.decorator_list}
    return names | {path.stem for folder in project.resources("workflows") for path in folder.glob("*.yaml")}


def _source(text: str) -> str:
    """Return an example as Python: without prompts and what they printed, its `…` as `...`."""
    lines = text.splitlines()
    if any(line.startswith(">>> ") for line in lines):
        lines = [line[4:] for line in lines if line.startswith((">>> ", "... "))]
    return "\n".join(lines).replace("…", "...")
