"""What a task's context holds, and what a subtask gets of it."""

import pytest
from pydantic import ValidationError

from zk0.workflow.task_context import TaskContext


def test_a_subtask_inherits_constraints_critical_information_and_assumptions_once() -> None:
    parent = TaskContext(constraints=("a", "b"), critical="c", assumptions="d", risks="e")
    child = TaskContext(constraints=("b", "f"))

    inherited = child.of_parent(parent)

    assert inherited.constraints == ("a", "b", "f")
    assert (inherited.critical, inherited.assumptions, inherited.risks) == (("c",), ("d",), ())


def test_what_is_missing_before_work_begins_is_named() -> None:
    assert TaskContext(criteria="a", constraints="b").gaps() == [
        "dependencies",
        "critical information",
        "validation points",
    ]


def test_an_unknown_field_is_refused() -> None:
    with pytest.raises(ValidationError):
        TaskContext.model_validate({"objectives": "x"})
