"""What is known of one setting: its value and source, its bounds and meaning, the steps that read it, and why it is so.

The last decision is that of the memory bank: `mu-tuning` and `zk0 memory add --kind decision` cite the setting.
"""

from collections.abc import Iterator
from pathlib import Path

from pydantic import BaseModel

from zk0.core.project import FLOWER_CONFIG, Project
from zk0.federation.configuration import RunConfig, Value
from zk0.federation.project_file import read_or_default
from zk0.memory.bank import Bank
from zk0.memory.entries import Entry, Kind
from zk0.workflow.actions import ACTIONS
from zk0.workflow.loading import Library, examine
from zk0.workflow.names import workflow_files
from zk0.workflow.spec import UsesStep

BOUNDS = {"minimum": "at least", "exclusiveMinimum": "above", "maximum": "at most", "exclusiveMaximum": "below"}


class LastDecision(BaseModel):
    """When a setting was last decided, by which run or person, and why."""

    at: str
    by: str
    entry: str
    title: str
    reason: str


class Explanation(BaseModel):
    """One setting; `source` is `FILE:LINE` or `default`, `comment` stands behind the value in the file."""

    key: str
    value: Value
    source: str
    comment: str
    bounds: str
    meaning: str
    read_by: list[str]
    decided: LastDecision | None


def explain(project: Project, file: Path, name: str) -> Explanation:
    """Explain a setting of a file.

    Raises:
        ConfigurationError: the file can't be read.
        UnknownNameError: neither the file nor zk0 has such a key.
    """
    key, value, written = read_or_default(file, name)
    schema = RunConfig.model_json_schema()["properties"].get(key, {})
    return Explanation(
        key=key,
        value=value,
        source=f"{project.shown(file)}:{written.line}" if written else "default",
        comment=written.comment if written else "",
        bounds=_bounds(schema),
        meaning=schema.get("description", "") or "a key of this project",
        read_by=list(_readers(project, key)),
        decided=_last_decision(project, key),
    )


def _bounds(schema: dict[str, object]) -> str:
    if "enum" in schema:
        return f"one of {', '.join(map(str, schema['enum']))}"  # type: ignore[call-overload]
    limits = [f"{words} {schema[name]:g}" for name, words in BOUNDS.items() if name in schema]
    return " and ".join([str(schema.get("type", "not known")), *limits[:1]]) if not limits else " and ".join(limits)


def _readers(project: Project, key: str) -> Iterator[str]:
    """Yield `workflow.step` for each step that passes the key on, or whose action names it in its summary."""
    files = workflow_files(project)
    for name, path in files.items():
        loaded, _ = examine(path, library=Library(files, (name,)))
        for step in loaded.spec.steps if loaded else ():
            names = set(_keys(step.model_dump(mode="json", by_alias=True).get("with")))
            summary = ACTIONS.get(step.uses).summary if isinstance(step, UsesStep) else ""
            if key in names or key in summary.split():
                yield f"{name}.{step.id}"


def _keys(given: object) -> Iterator[str]:
    for name, value in given.items() if isinstance(given, dict) else ():
        yield str(name).replace("_", "-")
        yield from _keys(value)


def _last_decision(project: Project, key: str) -> LastDecision | None:
    place = ".".join((*FLOWER_CONFIG, key))
    found = [one for one in Bank.of(project).read().counting(Kind.decision) if _cites(one, place)]
    if not found:
        return None
    last = found[-1]
    return LastDecision(
        at=f"{last.generated.at:%Y-%m-%d %H:%M}", by=last.generated.by, entry=last.id, title=last.title,
        reason=" ".join(last.body.split()).removeprefix("- "),
    )  # fmt: skip


def _cites(entry: Entry, place: str) -> bool:
    return any(source.config == place for source in entry.sources)
