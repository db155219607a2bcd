"""The workspace: working directory, environment, development tools (`workspace.*`)."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path

from zk0.core.checks import Part, check
from zk0.core.interpreters import project_python
from zk0.core.process import find_program
from zk0.core.project import Project
from zk0.core.verdicts import Evidence, Finding, failed, passed, passed_if, warned
from zk0.project_checks.tools import FORMATTERS, LINTERS, TEST_RUNNERS, TYPE_CHECKERS, configured


@check("workspace.root", reads=(Part.machine,))
def in_root(project: Project) -> Finding:
    """Commands run in the project's root directory."""
    here = Path.cwd().resolve()
    bad = f"this runs in {here}, and the project's root is {project.root}"
    return passed_if(here == project.root, "this runs in the project's root", bad, remedy=f"cd {project.root}")


@check("workspace.environment", reads=(Part.machine,))
def own_environment(project: Project) -> Finding:
    """The project's Python is one of an environment of its own, not the system's."""
    conda, python = os.environ.get("CONDA_DEFAULT_ENV"), project_python(project)
    is_zk0s = python == Path(sys.executable)
    own = Path(sys.prefix) if is_zk0s else python.parent.parent
    if sys.prefix != sys.base_prefix if is_zk0s else (own / "pyvenv.cfg").is_file():
        # A shared page must not show the paths of this machine.
        shown = own.relative_to(project.root).as_posix() if own.is_relative_to(project.root) else own.name
        return passed(f"the virtual environment {shown}")
    if not is_zk0s and (own / "conda-meta").is_dir():
        return passed(f"the conda environment {own.name}")
    if conda and conda != "base":
        return passed(f"the conda environment {conda}")
    return failed(
        f"{python} is the system's Python; {project.name} would share its packages with everything else",
        remedy="uv venv && source .venv/bin/activate",
    )


@check("workspace.tools", reads=(Part.code, Part.environment))
def tools_there(project: Project) -> Iterator[Finding]:
    """A formatter, a linter, a type checker, a test runner and git are set up and installed."""
    kinds = {"formatter": FORMATTERS, "linter": LINTERS, "type checker": TYPE_CHECKERS, "test runner": TEST_RUNNERS}
    for kind, tools in kinds.items():
        tool = configured(project, tools)
        if tool is None:
            names = ", ".join(tool.name for tool in tools)
            yield warned(f"no {kind} is configured ({names})", remedy="configure one in pyproject.toml")
        elif find_program(tool.name):
            yield passed(f"{kind} {tool.name}", evidence=[Evidence(name=kind, value=tool.name, at=tool.marker)])
        else:
            yield failed(f"the {kind} {tool.name} is configured and not installed", remedy=f"pip install {tool.name}")
    yield passed_if(bool(find_program("git")), "git is installed", "git is not installed", remedy="install git")
