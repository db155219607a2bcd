"""`zk0 config`: read, change and explain one value of `[tool.flwr.app.config]`."""

from pathlib import Path
from typing import Annotated

import typer

from zk0.cli.output import JsonOption, print_envelope, print_result, show, table_of
from zk0.core.project import Project
from zk0.federation.configuration import Value
from zk0.federation.project_file import read_or_default, set_value, validate_value
from zk0.memory.settings import explain as explanation_of

KeyArgument = Annotated[str, typer.Argument(metavar="KEY", help="A key, such as proximal-mu.")]
FileOption = Annotated[Path, typer.Option("--file", help="The file with [tool.flwr.app.config].")]
PYPROJECT = Path("pyproject.toml")

app = typer.Typer(add_completion=False, no_args_is_help=True, help="Read, change and explain the run configuration.")


@app.command()
def get(key: KeyArgument, *, file: FileOption = PYPROJECT, as_json: JsonOption = False) -> None:
    """Print a value."""
    key, value, written = read_or_default(Project.find().path(file), key)
    print_result({"key": key, "value": value, "written": written is not None}, _shown(value), as_json=as_json)


@app.command(name="set", context_settings={"ignore_unknown_options": True})  # -1 is a value here
def set_key(
    key: KeyArgument,
    value: Annotated[str, typer.Argument(metavar="VALUE", help="The new value.")],
    *,
    reason: Annotated[str, typer.Option(help="A comment to write behind it, in place of the one there.")] = "",
    file: FileOption = PYPROJECT,
    as_json: JsonOption = False,
) -> None:
    """Change a value in the file; comments and layout stay."""
    path = Project.find().path(file)
    key, before, _ = read_or_default(path, key)
    after = validate_value(path, key, value)
    set_value(path, key, after, reason)
    text = f"{key} = {_shown(after)}, was {_shown(before)}"
    print_result({"key": key, "value": after, "before": before}, text, as_json=as_json)


@app.command()
def explain(key: KeyArgument, *, file: FileOption = PYPROJECT, as_json: JsonOption = False) -> None:
    """Explain a value: where it comes from, its bounds and meaning, which steps read it, and why it was chosen."""
    project = Project.find()
    found = explanation_of(project, project.path(file), key)
    if as_json:
        print_envelope(data=found.model_dump(mode="json"))
        return
    decided = found.decided
    rows = [
        (found.key, _shown(found.value)),
        ("source", found.source),
        ("comment", found.comment or "none"),
        ("bounds", found.bounds),
        ("meaning", found.meaning),
        ("read by", ", ".join(found.read_by) or "no step of a workflow names it"),
        ("decided", f"{decided.at} by {decided.by} ({decided.entry}): {decided.title}" if decided else "never"),
        *([("because", decided.reason)] if decided and decided.reason else []),
    ]
    show(table_of(rows, 2))


def _shown(value: Value) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
