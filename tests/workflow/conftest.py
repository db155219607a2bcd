"""A project of its own for each test, and another distribution's actions to run in it."""

import sys
from collections.abc import Callable
from pathlib import Path
from textwrap import dedent

import pytest

from zk0.core.project import Project
from zk0.workflow.engine import Engine, Outcome
from zk0.workflow.inputs import resolve_inputs
from zk0.workflow.live_effects import LiveEffects
from zk0.workflow.loading import parse_workflow
from zk0.workflow.plan import Plan, plan
from zk0.workflow.spec import WorkflowSpec

sys.path.insert(0, str(Path(__file__).parent / "plugin"))


@pytest.fixture
def project(tmp_path: Path) -> Project:
    (tmp_path / "pyproject.toml").touch()
    (tmp_path / "workflows").mkdir()
    return Project(tmp_path)


@pytest.fixture
def problems() -> Callable[[str], list[str]]:
    """Say what is wrong with a workflow, as `line:column: message`."""

    def found(text: str) -> list[str]:
        return [f"{problem.line}:{problem.column}: {problem.message}" for problem in parse_workflow(dedent(text))[1]]

    return found


def workflow(steps: str, head: str = "") -> WorkflowSpec:
    """Load a workflow from its steps."""
    text = "name: trial\ntitle: A trial\npurpose: To try.\n" + dedent(head) + "steps:\n" + dedent(steps)
    spec, problems = parse_workflow(text)
    assert spec, "\n".join(map(str, problems))
    return spec


def planned(steps: str, head: str = "", **inputs: object) -> Plan:
    """Plan a workflow from its steps."""
    spec = workflow(steps, head)
    return plan(spec, resolve_inputs(spec, inputs))


@pytest.fixture
def make_plan() -> Callable[..., Plan]:
    return planned


@pytest.fixture
def run(project: Project) -> Callable[..., Outcome]:
    """Run a workflow, given its steps, in the test's project."""

    def perform(steps: str, head: str = "", *, seed: int = 0, subscribers: tuple = (), **inputs: object) -> Outcome:
        engine = Engine(project, LiveEffects(project), subscribers)
        return engine.run(planned(steps, head, **inputs), source="the file's text\n", seed=seed)

    return perform
