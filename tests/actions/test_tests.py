"""Tests of a small project, run by a real pytest under a real coverage."""

import subprocess
import sys
from pathlib import Path

import pytest

from zk0.actions.tests import CoverageInputs, CoverageOutputs, TestsInputs, coverage, run
from zk0.core.errors import CommandError, DependencyMissingError, InputError
from zk0.core.project import Project

GOOD = """
import pytest
from arm import clamp

def test_a_large_angle_is_clamped():
    assert clamp(200) == 90

@pytest.mark.slow
def test_a_small_angle_stays():
    assert clamp(10) == 10
"""
BAD = """
import pytest

def test_wrong():
    assert 1 + 1 == 3

def test_not_here():
    pytest.skip("no robot")
"""


@pytest.fixture
def root(context):
    root = context.project.root
    (root / "arm.py").write_text("def clamp(angle):\n    if angle > 90:\n        return 90\n    return angle\n")
    (root / "tests").mkdir()
    (root / "tests" / "test_arm.py").write_text(GOOD)
    (root / "pyproject.toml").write_text(
        '[tool.pytest.ini_options]\npythonpath = ["."]\nmarkers = ["slow"]\naddopts = ["-p", "no:cacheprovider"]\n'
    )
    return root


def test_unit_and_integration_tests_together_cover_what_neither_does_alone(root, context, judge):
    folders = []
    for markers in ("not slow", "slow"):
        folder = context.directory / markers.replace(" ", "-")
        folder.mkdir()
        outputs = run(
            TestsInputs(paths=["tests"], markers=markers, source=["arm"]),
            context=_in(context, folder),
        )
        assert (outputs.passed, outputs.failed) == (1, 0)
        folders.append(outputs.coverage)

    alone = coverage(CoverageInputs(folders=folders[:1]), _in(context, folders[0]))
    together = coverage(CoverageInputs(folders=folders), _in(context, context.directory))

    assert alone.percent == 75
    assert together.percent == 100
    [low] = judge("tests.coverage", alone, minimum=80)
    assert low.verdict == "fail"
    assert "arm.py" in low.remedy
    [high] = judge("tests.coverage", together, minimum=80)
    assert (high.verdict, high.evidence[0].value) == ("pass", 100)


def test_a_failed_test_is_named_with_its_reason(root, context, judge):
    (root / "tests" / "test_bad.py").write_text(BAD)

    outputs = run(TestsInputs(paths=["tests/test_bad.py"]), context)

    [finding] = judge("tests.passed", outputs)
    assert (outputs.passed, outputs.failed, outputs.skipped) == (0, 1, 1)
    assert (finding.verdict, finding.at) == ("fail", "tests.test_bad::test_wrong")
    assert "assert (1 + 1) == 3" in finding.message


def test_a_module_that_does_not_import_is_a_failure_and_not_an_empty_run(root, context, judge):
    (root / "tests" / "test_broken.py").write_text("import no_such_module\n")

    outputs = run(TestsInputs(paths=["tests/test_broken.py"]), context)

    [finding] = judge("tests.passed", outputs)
    assert finding.verdict == "fail"
    assert finding.at == "tests.test_broken"
    assert "no_such_module" in finding.message


def test_no_test_of_a_kind_is_no_pass(root, context, judge):
    outputs = run(TestsInputs(paths=["tests"], markers="hardware"), context)

    assert [finding.verdict for finding in judge("tests.passed", outputs)] == ["not-available"]
    [finding] = judge("tests.coverage", CoverageOutputs(percent=None, files={}, report=None, table=[]))
    assert finding.verdict == "not-available"


def test_a_wrong_marker_expression_says_where_to_look(root, context):
    with pytest.raises(CommandError) as caught:
        run(TestsInputs(paths=["tests"], markers="not not ("), context)

    assert "exit status 4" in caught.value.message
    assert "pytest.log" in caught.value.remedy


def test_a_folder_that_is_not_there_is_refused_before_the_run(tmp_path):
    with pytest.raises(InputError, match="there are no tests at nowhere"):
        TestsInputs(paths=["nowhere"]).preflight(Project(tmp_path))


def test_slow_tests_are_warned_of_and_workers_run_the_same_tests(root, context, judge):
    outputs = run(TestsInputs(paths=["tests"], workers=2), context)

    assert outputs.passed == 2

    assert judge("tests.speed", outputs, seconds=0)[0].verdict == "warn"
    assert judge("tests.speed", outputs)[0].verdict == "pass"


def _in(context, directory: Path):
    from dataclasses import replace

    return replace(context, directory=directory)


def test_tests_run_beside_the_projects_code(root, context):
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", root / ".venv"], check=True)

    with pytest.raises(DependencyMissingError) as raised:
        TestsInputs(paths=["tests"]).preflight(Project(root))

    assert ".venv" in raised.value.message
    assert raised.value.remedy.endswith("pytest coverage")
