"""The outputs that a program gives: a JSON object in the file that `ZK0_OUTPUT` names, typed by the step's `outputs`.

    - id: score
      title: Score the policy
      run: [python, score.py]                     # json.dump({"accuracy": 0.93}, open(os.environ["ZK0_OUTPUT"], "w"))
      outputs: {accuracy: number, model: path}

JSON and no other format: a text with a line break or a quotation mark in it can then never be read as a second output.
"""

import json
import math
import os
import stat
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, Field, Strict, StrictBool, StrictInt, StrictStr, create_model
from pydantic_core import PydanticCustomError

from zk0.core.errors import CommandError
from zk0.workflow.fitting import misfits
from zk0.workflow.programs import CommandOutputs
from zk0.workflow.spec import AnyStep, RunStep, ValueType

VARIABLE = "ZK0_OUTPUT"
LARGEST = 1 << 20  # bytes; outputs are recorded in the journal and the receipt, and what is larger belongs into a file


def _scalar(value: object) -> object:
    if isinstance(value, str | int) or (isinstance(value, float) and math.isfinite(value)):
        return value
    raise PydanticCustomError("scalar", "must be a text, a finite number or a boolean")


TYPES: dict[ValueType, Any] = {
    "string": StrictStr,
    "integer": StrictInt,
    "number": Annotated[float, Strict(), Field(allow_inf_nan=False)],
    "boolean": StrictBool,
    "path": Path,
    "list": list[Annotated[Any, AfterValidator(_scalar)]],
}


def declared_outputs(step: AnyStep) -> dict[str, ValueType]:
    """Return the outputs that the program of a step gives besides `exit_status` and `log`, with their types."""
    return dict(step.outputs) if isinstance(step, RunStep) else {}


def outputs_model(declared: Mapping[str, ValueType]) -> type[CommandOutputs]:
    """Return the model of the outputs of a step that runs a program."""
    return _model(tuple(declared.items())) if declared else CommandOutputs


@lru_cache(maxsize=256)
def _model(declared: tuple[tuple[str, ValueType], ...]) -> type[CommandOutputs]:
    fields: dict[str, Any] = {name: (TYPES[kind], ...) for name, kind in declared}
    return create_model("ProgramOutputs", __base__=CommandOutputs, **fields)


def clear_outputs(file: Path) -> None:
    """Remove what an earlier try wrote, so that it can't pass for the outputs of this one."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.unlink(missing_ok=True)


def read_outputs(file: Path) -> str:
    """Return what a program wrote as its outputs, and remove the file: it may hold a secret.

    Raises:
        CommandError: it wrote nothing, too much, or something that is not UTF-8 text in a regular file.
    """
    remedy = f'write a JSON object such as {{"accuracy": 0.93}} to the file that {VARIABLE} names'
    try:
        # A pipe in place of the file would keep the engine waiting, and a link would show it another file.
        with os.fdopen(os.open(file, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK), "rb") as stream:
            if not stat.S_ISREG(os.fstat(stream.fileno()).st_mode):
                raise CommandError("its outputs are not in a regular file", remedy=remedy)
            content = stream.read(LARGEST + 1)
        file.unlink(missing_ok=True)
        text = content.decode("utf-8")
    except FileNotFoundError as error:
        raise CommandError("it wrote no outputs", remedy=remedy) from error
    except OSError as error:
        raise CommandError(f"its outputs can't be read: {error.strerror}", remedy=remedy) from error
    except UnicodeDecodeError as error:
        raise CommandError("its outputs are not UTF-8 text", remedy=remedy) from error
    if len(content) > LARGEST:
        raise CommandError(f"its outputs have more than {LARGEST} bytes", remedy="write a file, and give its path")
    return text


def parse_outputs(text: str, step: RunStep, base: CommandOutputs, cwd: Path, root: Path) -> CommandOutputs:
    """Return the outputs of a program, each in its declared type; what is not declared is left out.

    A relative path is taken from the program's directory, and becomes one from the project's root.

    Args:
        text: what the program wrote.
        step: its step.
        base: the outputs that every program has.
        cwd: the directory that it ran in.
        root: the project's root.

    Raises:
        CommandError: an output is missing or of another type, or a path is not one of a file in the project.
    """
    given = _object(text)
    values = {name: given[name] for name in step.outputs if name in given}
    model = outputs_model(step.outputs)
    problems = [flaw.message for flaw in misfits(model, {**vars(base), **values})]
    for name in (name for name, kind in step.outputs.items() if kind == "path" and name in values):
        if isinstance(values[name], str):
            values[name], problem = _place(values[name], cwd, root)
            problems += [f'"{name}": {problem}'] if problem else []
    if problems:
        others = sorted(given.keys() - step.outputs.keys())
        wrote = f"; it also wrote {', '.join(others)}" if others else ""
        raise CommandError(f"its outputs are wrong: {'; '.join(problems)}{wrote}", remedy=_expected(step.outputs))
    return model(**vars(base), **values)


def _expected(declared: Mapping[str, ValueType]) -> str:
    return f"the step declares {', '.join(f'{name}: {kind}' for name, kind in declared.items())}; correct one of both"


def _object(text: str) -> dict[str, Any]:
    def refuse(constant: str) -> Any:
        raise ValueError(f"{constant} is not a number that JSON has")

    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) < len(pairs):
            raise ValueError("a name is there twice")
        return found

    remedy = f'write one JSON object to the file that {VARIABLE} names, such as {{"accuracy": 0.93}}'
    try:
        found = json.loads(text, parse_constant=refuse, object_pairs_hook=unique)
        json.dumps(found, ensure_ascii=False).encode()  # half of a surrogate pair is no text
    except (ValueError, RecursionError) as error:
        reason = "it is nested too deeply" if isinstance(error, RecursionError) else error
        raise CommandError(f"its outputs are not JSON: {reason}", remedy=remedy) from error
    if not isinstance(found, dict):
        raise CommandError("its outputs are not a JSON object", remedy=remedy)
    return found


def _place(text: str, cwd: Path, root: Path) -> tuple[Path, str]:
    """Return where a file is, from the project's root, and what is wrong with it."""
    path = cwd / text
    if not text or "\0" in text or not path.exists():
        return path, f"there is no file {text!r}"
    if not path.resolve().is_relative_to(root):
        return path, f"{text!r} is outside of the project"
    return path.resolve().relative_to(root), ""
