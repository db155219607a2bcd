"""The machine is judged by what it has, and the repository by what was changed outside of the project."""

import subprocess
import tomllib
from pathlib import Path

import pytest
from packaging.specifiers import SpecifierSet

from zk0.actions.environment import GIB, InspectInputs, InspectOutputs, _changes_outside, _packages
from zk0.core.project import Project
from zk0.core.verdicts import Verdict

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

    assert (finding.message, finding.remedy) == ("Python 3.11.9; zk0 needs >=3.12,<3.14", "uv venv -p 3.12")


def test_packages_that_fit_pass_with_their_versions(judge, numbers):
    [finding] = judge("environment.packages", outputs())

    assert (finding.verdict, finding.message) == ("pass", "2 packages in versions that fit")
    assert numbers(finding) == {"torch": "2.10.0", "flwr": "1.42.0"}


def test_missing_and_conflicting_packages_are_all_named(judge):
    bad = outputs(missing=["so101-nexus"], conflicting=["flwr is 1.23.0, <1.43,>=1.42 is wanted"])

    [finding] = judge("environment.packages", bad)

    assert finding.verdict is Verdict.failed
    assert finding.message == "so101-nexus is missing; flwr is 1.23.0, <1.43,>=1.42 is wanted"
    assert "pip install" in finding.remedy


def test_what_zk0_declares_is_found_with_its_version_and_extras_only_when_asked_for():
    plain, missing, conflicting = _packages(())
    with_extra, *_ = _packages(("simulator",))

    assert "pydantic" in plain
    assert "so101-nexus" not in plain
    assert "pydantic" not in missing
    assert not [problem for problem in conflicting if problem.startswith("pydantic")]
    assert plain.items() <= with_extra.items()


@pytest.mark.parametrize(
    ("check", "field", "options", "verdict", "message"),
    [
        ("environment.disk", "disk_free", {}, "pass", "2.0 GiB of free disk, 2 wanted"),
        ("environment.disk", "disk_free", {"gib": 2.5}, "fail", "2.0 GiB of free disk, 2.5 wanted"),
        ("environment.memory", "memory", {"gib": 2}, "pass", "2.0 GiB of memory, 2 wanted"),
        ("environment.memory", "memory", {}, "fail", "2.0 GiB of memory, 4 wanted"),
    ],
)
def test_room_is_compared_with_what_is_wanted(judge, check, field, options, verdict, message):
    [finding] = judge(check, outputs(**{field: 2 * GIB}), **options)

    assert (finding.verdict, finding.message) == (verdict, message)
    assert [(one.value, one.unit) for one in finding.evidence] == [(2 * GIB, "bytes")]
    assert (finding.remedy is None) == (verdict == "pass")


def test_changes_inside_the_project_pass(judge):
    [finding] = judge("git.inside-project", outputs())

    assert (finding.verdict, finding.message) == ("pass", "all changes lie inside the project")


def test_changes_outside_the_project_are_a_warning_that_names_them(judge, numbers):
    [finding] = judge("git.inside-project", outputs(changes_outside=["other/a.txt", "b.txt"]))

    assert (finding.verdict, finding.message) == ("warn", "changed outside the project: other/a.txt, b.txt")
    assert [one.value for one in finding.evidence] == ["other/a.txt", "b.txt"]


def test_without_a_repository_the_question_does_not_arise(judge):
    [finding] = judge("git.inside-project", outputs(repository=False))

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
