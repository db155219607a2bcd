"""A task as Markdown: its lines are lists, and what is not known is said to be so."""

from datetime import UTC, datetime

from zk0.workflow.task_context import TaskContext, nested, render_task

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def test_a_line_that_begins_with_blanks_belongs_to_the_one_before() -> None:
    assert (nested("a step"), nested("  its finding")) == ("- a step", "  - its finding")


def test_what_is_not_known_is_said_to_be_so_and_nothing_is_ticked() -> None:
    text = render_task(TaskContext(), title="Repair it", task="t", created=NOON, captured="agent:a")

    assert text.startswith("# Repair it\n\n## Task information\n\n- **Task ID**: t\n- **Parent task**: none\n")
    assert "**Success criteria**: none\n" in text
    assert "## Mode transition notes\n\nnone\n" in text
    assert "[" not in text
