"""The machine is judged by what it has, and the repository by what was changed outside of the project."""

import subprocess
import tomllib
from pathlib import Path
from types import SimpleNamespace

import pytest
from packaging.specifiers import SpecifierSet

from zk0.actions.environment import GIB, InspectInputs, InspectOutputs, _changes_outside, _own_needs, inspect
from zk0.core.checks import CHECKS, CheckContext
from zk0.core.project import Project
from zk0.core.verdicts import Verdict
from zk0.workflow.loading import load

PYPROJECT = Path(__file__).parents[2] / "pyproject.toml"


def outputs(**fields):
    values = {
        "python": "3.12.3",
        "requires_python": ">=3.12,<3.14",
        "packages": {"torch": "2.10.0", "flwr": "1.42.0"},
        "missing": [],
        "conflicting": [],
        "disk_free": 100 * GIB,
        "memory": 16 * GIB,
        "cores": 2,
        "accelerator": None,
        "repository": True,
        "changes_outside": [],
        "table": [],
    }
    return InspectOutputs(**values | fields)


@pytest.mark.parametrize("python", ["3.9.18", "3.11.9", "3.12.0", "3.12.13", "3.13.9", "3.14.0", "4.0.1"])
def test_the_pythons_that_fit_are_those_that_pyproject_asks_for(judge, numbers, python):
    wanted = SpecifierSet(tomllib.loads(PYPROJECT.read_text(encoding="utf-8"))["project"]["requires-python"])

    [finding] = judge("environment.python", outputs(python=python))

    assert finding.verdict is (Verdict.passed if wanted.contains(python) else Verdict.failed)
    assert numbers(finding) == {"python": python}


def test_a_python_that_does_not_fit_is_told_what_is_needed(judge):
    [finding] = judge("environment.python", outputs(python="3.11.9"))

    assert finding.message == "Python 3.11.9; >=3.12,<3.14 is allowed"
    assert finding.remedy.startswith("uv venv")


def test_packages_that_fit_pass_with_their_versions(judge, numbers):
    [finding] = judge("environment.packages", outputs())

    assert finding.verdict == "pass"
    assert numbers(finding) == {"torch": "2.10.0", "flwr": "1.42.0"}


def test_missing_and_conflicting_packages_are_all_named(judge):
    bad = outputs(missing=["mujoco", "so101-nexus"], conflicting=["flwr is 1.23.0, <1.43,>=1.42 is wanted"])

    findings = judge("environment.packages", bad)

    assert {finding.verdict for finding in findings} == {Verdict.failed}
    assert [finding.message for finding in findings] == [
        "flwr is 1.23.0, <1.43,>=1.42 is wanted",
        "not installed: mujoco, so101-nexus",
    ]
    assert "pip install" in findings[0].remedy


def test_what_zk0_declares_is_found_with_its_version_and_extras_only_when_asked_for():
    plain, with_extra = _own_needs(()), _own_needs(("simulator",))

    assert "pydantic" in plain.packages
    assert "so101-nexus" not in plain.packages
    assert "pydantic" not in plain.missing
    assert not [problem for problem in plain.conflicting if problem.startswith("pydantic")]
    assert plain.packages.items() <= with_extra.packages.items()
    assert SpecifierSet(plain.requires_python) == SpecifierSet(outputs().requires_python)


def test_room_is_that_of_the_machine_whatever_the_step(judge, monkeypatch):
    monkeypatch.setattr("shutil.disk_usage", lambda path: SimpleNamespace(free=2 * GIB))
    monkeypatch.setattr("psutil.virtual_memory", lambda: SimpleNamespace(total=2 * GIB))

    for check, options, verdict in (
        ("environment.disk", {}, "pass"),
        ("environment.disk", {"gib": 2.5}, "fail"),
        ("environment.memory", {"gib": 2}, "pass"),
        ("environment.memory", {}, "fail"),
    ):
        [finding] = judge(check, outputs(), **options)
        assert finding.verdict == verdict
        assert [(one.value, one.unit) for one in finding.evidence] == [(2 * GIB, "bytes")]
        assert (finding.remedy is None) == (verdict == "pass")


def test_changes_outside_the_project_are_warnings_in_a_step(judge, monkeypatch):
    monkeypatch.setattr("zk0.project_checks.repository.changed_outside", lambda project: ["b.txt", "other/a.txt"])

    findings = judge("git.inside-project", outputs())

    assert [(finding.verdict, finding.at) for finding in findings] == [("warn", "b.txt"), ("warn", "other/a.txt")]


def test_without_a_repository_the_question_does_not_arise(tmp_path):
    [finding] = CHECKS.get("git.inside-project").run(CheckContext(Project(tmp_path), outputs()), {})

    assert finding.verdict is Verdict.not_applicable


def test_git_is_asked_what_changed_outside_of_the_project(tmp_path):
    project = tmp_path / "robots" / "arm"
    project.mkdir(parents=True)
    subprocess.run(["git", "init", "--quiet", str(tmp_path)], check=True)
    (project / "inside.txt").touch()
    (tmp_path / "robots" / "next to it.txt").touch()
    (tmp_path / "above.txt").touch()

    assert _changes_outside(Project(project)) == (True, ["above.txt", "robots/next to it.txt"])


def test_a_folder_outside_of_git_is_no_repository(tmp_path):
    assert _changes_outside(Project(tmp_path)) == (False, [])


def test_no_extras_are_wanted_unless_they_are_named():
    assert InspectInputs().extras == ()


def test_an_inspection_names_what_zk0_needs(context):
    found = inspect(InspectInputs(), context)

    assert found.packages["pydantic"]
    assert found.missing == []


@pytest.mark.parametrize("name", ["train", "deploy", "client-setup"])
def test_the_shipped_workflows_ask_for_what_training_needs(name):
    """The core alone has no torch: a workflow that trains asks for the extra that brings it."""
    spec = load(Project(Path(__file__).parents[2]), name).spec
    [step] = [step for step in spec.steps if getattr(step, "uses", "") == "environment.inspect"]

    assert step.arguments["extras"] == ["federation"]
