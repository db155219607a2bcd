"""What a task's context holds, and what a subtask gets of it."""

from datetime import UTC, datetime

import pytest
from pydantic import ValidationError

from zk0.workflow.task_context import TaskContext, nested, render_task

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def test_a_subtask_inherits_constraints_critical_information_and_assumptions_once() -> None:
    parent = TaskContext(constraints=("a", "b"), critical="c", assumptions="d", risks="e")
    child = TaskContext(constraints=("b", "f"))

    inherited = child.of_parent(parent)

    assert inherited.constraints == ("a", "b", "f")
    assert (inherited.critical, inherited.assumptions, inherited.risks) == (("c",), ("d",), ())


def test_what_is_missing_before_work_begins_is_named() -> None:
    assert TaskContext(criteria="a", constraints="b").gaps() == [
        "dependencies",
        "critical",
        "validation",
    ]


def test_an_unknown_field_is_refused() -> None:
    with pytest.raises(ValidationError):
        TaskContext.model_validate({"objectives": "x"})


def test_a_line_that_begins_with_blanks_belongs_to_the_one_before() -> None:
    assert (nested("a step"), nested("  its finding")) == ("- a step", "  - its finding")


def test_what_is_not_known_is_said_to_be_so_and_nothing_is_ticked() -> None:
    text = render_task(TaskContext(), title="Repair it", task="t", created=NOON, captured="agent:a")

    assert text.startswith("# Repair it\n\n## Task information\n\n- **Task ID**: t\n- **Parent task**: none\n")
    assert "**Success criteria**: none\n" in text
    assert "## Mode transition notes\n\nnone\n" in text
    assert "[" not in text
