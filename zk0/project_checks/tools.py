"""Which tools a project uses: told by the configuration they would read."""

from collections.abc import Sequence
from dataclasses import dataclass

from zk0.core.project import Project


@dataclass(frozen=True)
class Tool:
    """A program, the table of pyproject.toml and the files that configure it, and its arguments."""

    name: str
    table: str
    files: tuple[str, ...]
    arguments: tuple[str, ...] = ()

    @property
    def marker(self) -> str:
        """Where it is configured, in short."""
        return f"[tool.{self.table}]"


RUFF = ("ruff.toml", ".ruff.toml")
LINTERS = (
    Tool("ruff", "ruff", RUFF, ("check", "--output-format=concise", "--no-fix")),
    Tool("flake8", "flake8", (".flake8",)),
    Tool("pylint", "pylint", (".pylintrc", "pylintrc"), ("--recursive=y", "--score=n", ".")),
)
FORMATTERS = (
    Tool("ruff", "ruff", RUFF, ("format", "--check")),
    Tool("black", "black", (), ("--check", "--quiet", ".")),
)
TYPE_CHECKERS = (
    Tool("mypy", "mypy", ("mypy.ini", ".mypy.ini"), ("--no-error-summary", "--hide-error-context")),
    Tool("pyright", "pyright", ("pyrightconfig.json",)),
)
TEST_RUNNERS = (Tool("pytest", "pytest", ("pytest.ini", "tox.ini", "conftest.py", "tests/conftest.py")),)


def configured(project: Project, tools: Sequence[Tool]) -> Tool | None:
    """Return the first of these tools that the project configures."""
    tables = project.pyproject.get("tool")
    known = tables if isinstance(tables, dict) else {}
    for tool in tools:
        if tool.table in known or any((project.root / name).is_file() for name in tool.files):
            return tool
    return None
