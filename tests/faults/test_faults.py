"""A fault that is put into a part of the running federation is named, and named first; a healthy run raises no alarm.

A few kinds at one seed; all of them, at many: `nox -s bench -- diagnosis`.
"""

import pytest

from zk0.diagnostics.diagnosis import diagnose

from .catalogue import KINDS
from .federation import run, settings_of

QUICK = (
    "term after the step",
    "term detached",
    "learning rate not delivered",
    "parameters not trained",
    "aggregate not returned",
    "aggregate in bfloat16",
    "evaluation of the start policy",
)

pytestmark = pytest.mark.slow


@pytest.fixture
def values(recordings):
    folders = ";".join(str(path) for path in recordings.values())
    return settings_of(0) | {"data": folders, "episodes": 3}


@pytest.mark.parametrize("name", QUICK)
def test_a_fault_in_a_part_is_told_first(values, tmp_path, name):
    found = diagnose(run(tmp_path, values, KINDS[name].inject))

    assert found.root is not None
    assert found.root.fault == KINDS[name].fault


def test_a_healthy_run_raises_no_alarm(values, tmp_path):
    found = diagnose(run(tmp_path, values))

    assert not found.problems
    assert not found.suppressed


def test_the_catalogue_has_every_kind_a_run_can_show():
    assert len(KINDS) == 61
    assert all(kind.story for kind in KINDS.values())
