"""What a project's own configuration hides from its tools: files that Ruff or a type checker does not judge."""

import configparser
import re
from collections.abc import Iterator, Mapping, Sequence
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

from zk0.core.process import run_program
from zk0.core.project import Project, table_of
from zk0.project_checks.problems import Problem
from zk0.project_checks.sources import Module, library

OWN_RUFF = ("ruff.toml", ".ruff.toml", "pyproject.toml")
RUFF_SILENT = re.compile(r"^#\s*(?:(?:ruff|flake8)\s*:\s*noqa\s*$|fmt:\s*off)", re.MULTILINE | re.IGNORECASE)
MYPY_SILENT = re.compile(r"^#\s*(?:mypy:.*ignore[-_]errors|type:\s*ignore|pyright:\s*(?:basic|ignore))", re.MULTILINE)
ENABLED = re.compile(r"^linter\.rules\.enabled = \[\n(.*?)^\]", re.MULTILINE | re.DOTALL)
EXCLUDED = re.compile(r"^(?:linter|formatter)\.exclude = \[\n(.*?)^\]", re.MULTILINE | re.DOTALL)
PER_FILE = re.compile(
    r'absolute_matcher = "([^"]+)"\n.*?\nnegated = false\ndata = \[\n(.*?)^\]', re.MULTILINE | re.DOTALL
)
FEW = 3  # kinds of error that a project may disable for a reason
HALF = 0.5  # of the rules; a pattern that ignores more leaves the files it matches unjudged


def ruff_rules(project: Project) -> set[str]:
    """Return the rules that Ruff applies to the library; none where its configuration leaves a part of it out.

    Raises:
        AssetMissingError: there is no library.
        DependencyMissingError: Ruff is not installed.
    """
    code = library(project)
    return set() if _left_out(project, code) else _enabled(_settings(project, code[0]))


def ruff_left_out(project: Project) -> list[Problem]:
    """Return the files of the library that Ruff's configuration, or a comment in the file, hides from it."""
    return _left_out(project, library(project))


def mypy_left_out(project: Project) -> list[Problem]:
    """Return the files of the library that mypy's configuration, or a comment in the file, hides from it."""
    code = library(project)
    problems = [_hidden(one, "by a comment") for one in code if MYPY_SILENT.search(one.text)]
    for where, settings in _mypy_tables(project):
        covered = [one for one in code if _matches_module(settings.get("module"), one)]
        if _is_on(settings.get("ignore_errors")):
            problems += [_hidden(one, f"by ignore_errors in {where}") for one in covered]
        if len(disabled := _list(settings.get("disable_error_code"))) > FEW:
            problems.append(Problem(where, f"disables {len(disabled)} kinds of error"))
        for pattern in _list(settings.get("exclude")):
            problems += [_hidden(one, f"by exclude in {where}") for one in code if re.search(pattern.strip(), one.name)]
        if targets := _targets(settings):
            problems += [
                _hidden(one, f"by files or packages in {where}") for one in code if not _is_target(one, targets)
            ]
    return problems


def mypy_targets(project: Project) -> list[str]:
    """Return what mypy looks at by its configuration; nothing where it has to be told."""
    return [target for _, settings in _mypy_tables(project) for target in _targets(settings)]


def _targets(settings: Mapping[str, Any]) -> list[str]:
    return [str(one) for key in ("files", "packages", "modules") for one in _list(settings.get(key))]


def _left_out(project: Project, code: Sequence[Module]) -> list[Problem]:
    ended = run_program("ruff", "check", "--show-files", cwd=project.root)
    seen = {project.shown(line.strip()) for line in ended.out.splitlines()}
    settings = _settings(project, code[0])
    excluded = [pattern for part in EXCLUDED.findall(settings) for pattern in re.findall(r'"([^"]+)"', part)]
    rules = _enabled(settings)
    ignored = [one for one, codes in PER_FILE.findall(settings) if codes.count("\n") > HALF * max(1, len(rules))]
    own = {Path(one).parent for one in project.tree().files if "/" in one and Path(one).name in OWN_RUFF}
    problems = []
    for module in code:
        path = project.root / module.name
        if module.name not in seen or any(_is_below(module.name, pattern) for pattern in excluded):
            problems.append(_hidden(module, "by exclude"))
        elif any(fnmatch(str(path), pattern) for pattern in ignored):
            problems.append(_hidden(module, "by per-file-ignores"))
        elif own & set(Path(module.name).parents):
            problems.append(_hidden(module, "by a configuration of its own folder"))
        elif RUFF_SILENT.search(module.text):
            problems.append(_hidden(module, "by a comment"))
    return problems


def _settings(project: Project, module: Module) -> str:
    return run_program("ruff", "check", "--show-settings", module.name, cwd=project.root).out


def _enabled(settings: str) -> set[str]:
    return {code for part in ENABLED.findall(settings) for code in re.findall(r"\(([A-Z]+\d+)\)", part)}


def _hidden(module: Module, how: str) -> Problem:
    return Problem(module.name, f"is hidden {how}")


def _is_below(name: str, pattern: str) -> bool:
    return any(fnmatch(part, pattern) for part in (name, *name.split("/"))) or name.startswith(
        f"{pattern.rstrip('/')}/"
    )


def _mypy_tables(project: Project) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield each table of mypy's configuration, with the file it is in."""
    for name in ("mypy.ini", ".mypy.ini", "setup.cfg"):
        if (path := project.root / name).is_file():
            parser = configparser.ConfigParser()
            parser.read_string(path.read_text(encoding="utf-8"))
            for section in (one for one in parser.sections() if one.startswith("mypy")):
                yield name, {**parser[section], **({"module": section[5:]} if section != "mypy" else {})}
    table = table_of(project.pyproject, "tool", "mypy")
    yield "pyproject.toml", table
    yield from (("pyproject.toml", one) for one in table.get("overrides", []))


def _matches_module(patterns: object, module: Module) -> bool:
    if patterns is None:
        return True
    return any(fnmatch(module.dotted, one) or fnmatch(f"{module.dotted}.x", one) for one in _list(patterns))


def _is_target(module: Module, targets: list[str]) -> bool:
    return any(
        target in (".", module.name, module.dotted)
        or module.name.startswith(f"{target.rstrip('/')}/")
        or module.dotted.startswith(f"{target}.")
        or fnmatch(module.name, target)
        for target in targets
    )


def _is_on(value: object) -> bool:
    return str(value).lower() in ("true", "1", "yes", "on")


def _list(value: object) -> list[str]:
    if isinstance(value, str):
        return [part.strip() for part in value.split(",") if part.strip()]
    return [str(one) for one in value] if isinstance(value, list) else []
