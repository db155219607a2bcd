"""A task's context as a file that somebody wrote."""

from pathlib import Path

import pytest

from zk0.core.errors import InputError, SpecError
from zk0.memory.taskfiles import read_context


def test_a_file_says_any_of_the_fields_and_one_line_needs_no_list(tmp_path: Path) -> None:
    path = tmp_path / "task.yaml"
    path.write_text("objective: Repair it.\ncriteria: the loss falls\nconstraints: [change no test, be quick]\n")

    context = read_context(path)

    assert (context.objective, context.criteria) == ("Repair it.", ("the loss falls",))
    assert context.constraints == ("change no test", "be quick")


def test_every_problem_is_told_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "task.yaml"
    path.write_text("objective: Repair it.\nobjectives: x\npriority: soon\n")

    with pytest.raises(SpecError) as caught:
        read_context(path)

    assert f"{path}:2: objectives" in caught.value.message
    assert f"{path}:3: priority" in caught.value.message
    path.write_text("a: [")
    with pytest.raises(SpecError, match=r"task\.yaml:1: not YAML"):
        read_context(path)
    with pytest.raises(InputError, match="can't be read"):
        read_context(tmp_path / "none.yaml")
