"""What zk0 needs here and whether it is there: each with the command that brings it.

The project's interpreter is asked for what it has installed; nothing of the project is imported.
"""

import platform
import sys
from collections.abc import Iterator
from contextlib import suppress
from importlib.metadata import metadata
from pathlib import Path

from packaging.utils import canonicalize_name
from packaging.version import Version

from zk0.core.errors import AssetMissingError, Zk0Error
from zk0.core.extras import requirements
from zk0.core.interpreters import interpreter_at, interpreter_of
from zk0.core.process import find_program
from zk0.core.project import Project, table_of
from zk0.core.verdicts import Finding, failed, not_applicable, passed, warned
from zk0.onboarding.survey import survey
from zk0.project_checks.dependencies import declared, read_environment
from zk0.workflow.loading import lint
from zk0.workflow.names import foreign_workflow_files

OLDEST = Version("3.9")  # of the project's own Python: what probes run inside of it
LIBRARIES = ("torch", "flwr", "lerobot", "tensorflow", "jax")  # those named as the package is
PYTEST = ("pytest", "coverage")


def examine(project: Project) -> Iterator[Finding]:
    """Yield a finding for each thing that zk0 needs in a project."""
    yield _named("zk0.python", passed(f"zk0 runs on Python {platform.python_version()} ({sys.executable})"))
    yield _named("git", _git(project))
    yield _named("settings", _settings(project))
    yield from (_named("project.python", one) for one in _project_python(project))
    yield from (_named(f"zk0[{extra}]", _extra(extra)) for extra in metadata("zk0").get_all("Provides-Extra") or ())
    yield _named("ruff", _program("ruff", "checks of style and security", "pip install ruff"))
    yield _named("ssh-keygen", _program("ssh-keygen", "signed approvals", "install OpenSSH's client"))
    yield _named("workflows", _workflows(project))
    yield _named("memory", _memory(project))


def _named(name: str, finding: Finding) -> Finding:
    return finding.model_copy(update={"check": name})


def _git(project: Project) -> Finding:
    if find_program("git") is None:
        return failed("git is not installed", remedy="install git: without it no commit can be named")
    try:
        state = project.git_state()
    except Zk0Error as error:
        return failed(error.message, remedy=error.remedy)
    if state.dirty is None:
        return warned("the project is not in a git repository: no result can name its commit", remedy="git init")
    if not state.commit:
        return warned("the repository has no commit", remedy="git add -A && git commit")
    return passed(f"commit {state.commit[:12]}{', with changes that are not committed' if state.dirty else ''}")


def _settings(project: Project) -> Finding:
    try:
        _ = project.settings
    except Zk0Error as error:
        return failed(error.message, remedy=error.remedy)
    if others := project.foreign_settings:
        return passed(f"[tool.zk0] is valid; another program's in it: {', '.join(others)}")
    return passed("[tool.zk0] is valid" if project.settings_are_written else "no [tool.zk0]: the defaults hold")


def _project_python(project: Project) -> Iterator[Finding]:
    try:
        python = interpreter_of(project)
    except Zk0Error as error:
        yield failed(error.message, remedy=error.remedy)
        return
    shown = project.shown(python.path)
    if Version(python.version) < OLDEST:
        yield failed(f"{shown} is Python {python.version}; probes need {OLDEST}", remedy="uv venv --python 3.12")
    else:
        why = " (zk0's own, since the project has no .venv)" * python.is_own
        yield passed(f"the project's code runs on Python {python.version}: {shown}{why}")
    needed, own = _needed(project), _declared(project)
    if missing := [name for name in dict.fromkeys([*needed, *own]) if name not in python.packages]:
        names = [one for one in (needed if python.is_own else missing) if one not in own]  # a new environment is empty
        what = " ".join([*_itself(project), *names])
        install = f"uv pip install --python {'.venv' if python.is_own else shown} {what}"
        yield warned(
            f"not installed there: {', '.join(missing)}; what needs them can't be tried",
            remedy=f"uv venv && {install}" if python.is_own else install,
        )


def _needed(project: Project) -> list[str]:
    """Return what the probes, the project's own code and its tests need there."""
    found = survey(project)
    return ["numpy", *(name for name in LIBRARIES if name in found.libraries), *(PYTEST if found.tests else ())]


def _declared(project: Project) -> list[str]:
    with suppress(AssetMissingError):  # it declares nothing
        return list(dict.fromkeys(canonicalize_name(need.name) for need in declared(project)))
    return []


def _itself(project: Project) -> list[str]:
    """Return pip's arguments that install what the project declares."""
    if "dependencies" in table_of(project.pyproject, "project"):
        return ["-e", "."]
    return ["-r", "requirements.txt"] if (project.root / "requirements.txt").is_file() else []


def _extra(extra: str) -> Finding:
    """Return whether the packages of an extra of zk0 are installed."""
    found = read_environment(requirements(extra), "", interpreter_at(Path(sys.executable)))
    missing = [*found.missing, *found.conflicting]
    if missing:
        return not_applicable(f"not installed: pip install 'zk0[{extra}]' (for {', '.join(missing[:4])})")
    return passed("installed")


def _program(name: str, purpose: str, remedy: str) -> Finding:
    if find_program(name):
        return passed("installed")
    return warned(f"not installed; {purpose} need it", remedy=remedy)


def _workflows(project: Project) -> Finding:
    try:
        problems = list(lint(project))
    except Zk0Error as error:
        return failed(error.message, remedy=error.remedy)
    others = foreign_workflow_files(project)
    if problems:
        return failed(f"{problems[0]}", remedy="zk0 workflows lint")
    left = f"; another program's, left alone: {', '.join(sorted(others))}" if others else ""
    return passed(f"every workflow file is valid{left}")


def _memory(project: Project) -> Finding:
    if not project.memory_dir.is_dir():
        return not_applicable("there is no memory bank: zk0 memory init")
    try:
        from zk0.memory.bank import Bank

        entries = Bank.of(project).read().in_force
    except Zk0Error as error:
        return failed(error.message, remedy=error.remedy)
    return passed(f"{len(entries)} entries in force")
