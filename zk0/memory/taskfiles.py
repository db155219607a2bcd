"""A task's context as a YAML file that a person or an agent wrote."""

from pathlib import Path

from pydantic import ValidationError

from zk0.core.errors import InputError, SpecError
from zk0.workflow.document import read_document
from zk0.workflow.task_context import TaskContext


def read_context(path: Path) -> TaskContext:
    """Return what a file says of a task.

    Raises:
        InputError: there is no such file.
        SpecError: it is no YAML, or says what no task has; the message lists every problem with its line.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path} can't be read: {error}") from error
    document = read_document(text)
    problems = [f"{path}:{place.line}: {message}" for place, _, message in document.problems]
    if not problems:
        try:
            return TaskContext.model_validate(document.data)
        except ValidationError as error:
            for problem in error.errors():
                line = document.position(tuple(problem["loc"]), key=problem["type"] == "extra_forbidden").line
                problems.append(f"{path}:{line}: {'.'.join(map(str, problem['loc']))}: {problem['msg']}")
    fields = ", ".join(TaskContext.model_fields)
    raise SpecError("\n".join(problems), remedy=f"the fields are {fields}")
