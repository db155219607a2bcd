"""Delivery: continuous integration and installation (`delivery.*`)."""

import re
from collections.abc import Iterator
from pathlib import Path

from packaging.specifiers import SpecifierSet

from zk0.core.checks import Part, check
from zk0.core.errors import AssetMissingError
from zk0.core.project import Project, table_of
from zk0.core.verdicts import Evidence, Finding, failed, passed
from zk0.project_checks.problems import Problem, report_problems
from zk0.workflow.document import read_document

SERVICES = (
    ".github/workflows/*.y*ml",
    ".gitlab-ci.yml",
    ".circleci/config.yml",
    "azure-pipelines.yml",
    ".travis.yml",
    "Jenkinsfile",
    ".forgejo/workflows/*.y*ml",
)
TESTS = re.compile(r"\b(pytest|nox|tox|unittest|make test|hatch test)\b")
SCRIPT = re.compile(r"(?<![\w./-])\.?[\w-]+(?:/[\w.-]+)+")
INSTALLERS = ("environment.yml", "environment.yaml", "Dockerfile", "noxfile.py", "requirements.txt", "Makefile")
WANTED_PYTHON = re.compile(r"\bpython\s*(?:==?|[-:]|[-_]version[:=]\s*)[\"']?(\d+\.\d+)")


@check("delivery.continuous-integration", reads=(Part.code,))
def continuous_integration(project: Project) -> Iterator[Finding]:
    """A service runs the tests on every change."""
    files = [path for pattern in SERVICES for path in sorted(project.root.glob(pattern))]
    if not files:
        yield failed("no service is configured to run the tests", remedy="write .github/workflows/ci.yml")
        return
    for path in files:
        name = path.relative_to(project.root).as_posix()
        text = path.read_text(encoding="utf-8")
        for script in SCRIPT.findall(text):
            if (whole := project.root / script).is_file():
                text += whole.read_text(encoding="utf-8", errors="replace")
        if match := TESTS.search(text):
            yield passed(f"runs {match[0]}", at=name, evidence=[Evidence(name="command", value=match[0], at=name)])
            return
    yield failed("none of its files runs tests", at=files[0].relative_to(project.root).as_posix(), remedy="call pytest")


@check("delivery.installation", reads=(Part.code,))
def installation(project: Project) -> Iterator[Finding]:
    """The installation files can be read, and ask for a Python that the project allows."""
    files = [project.root / name for name in INSTALLERS if (project.root / name).is_file()]
    if not files:
        raise AssetMissingError("nothing installs the project", remedy="write noxfile.py or environment.yml")
    problems = [problem for path in files for problem in _problems(project, path)]
    return report_problems(problems, ", ".join(path.name for path in files), remedy="correct it")


def _problems(project: Project, path: Path) -> Iterator[Problem]:
    text = path.read_text(encoding="utf-8", errors="replace")
    if path.suffix in (".yml", ".yaml"):
        for position, _, message in read_document(text).problems:
            yield Problem(f"{path.name}:{position.line}", message)
    if path.name == "noxfile.py":
        try:
            compile(text, path.name, "exec")
        except SyntaxError as error:
            yield Problem(f"{path.name}:{error.lineno}", f"is not Python: {error.msg}")
    wanted = str(table_of(project.pyproject, "project").get("requires-python", ""))
    for match in WANTED_PYTHON.finditer(text):
        # Some patch release of that minor version must be allowed.
        versions = [f"{match[1]}.{patch}" for patch in (0, 1, 20)]
        if wanted and not any(SpecifierSet(wanted).contains(one) for one in versions):
            line = text[: match.start()].count("\n") + 1
            yield Problem(f"{path.name}:{line}", f"asks for Python {match[1]}; the project allows {wanted}")
