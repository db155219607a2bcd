"""Session hooks for coding agents, written only when asked.

At a session's start the agent reads `zk0 prime`; before a compaction and at the end `zk0 memory draft` keeps what was
going on. They are merged into the agent's own file, where a person's settings and hooks stay as they are; zk0 knows its
hooks by their command. Sources, 2026: the hook references of Claude Code (what a SessionStart hook prints becomes
context), Gemini CLI (a hook prints JSON or nothing, so there is no brief) and Codex (none at a session's end). The
other agents have no such events, or in another form.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from zk0.core.errors import ConfigurationError
from zk0.core.receipts import write_atomically

PRIME = "zk0 prime"
# It ends with 0 whatever happens: an exit status of 2 would block the compaction.
DRAFT = "zk0 memory draft --quiet || exit 0"


@dataclass(frozen=True)
class HookFile:
    """A file with an agent's hooks: the agent's sign in a project, the path, and a command for each event."""

    sign: str
    path: str
    commands: Mapping[str, str]


HOOK_FILES = {
    "claude": HookFile(
        ".claude", ".claude/settings.json", {"SessionStart": PRIME, "PreCompact": DRAFT, "SessionEnd": DRAFT}
    ),
    "codex": HookFile(".codex", ".codex/hooks.json", {"SessionStart": PRIME, "PreCompact": DRAFT}),
    "gemini": HookFile(".gemini", ".gemini/settings.json", {"PreCompress": DRAFT, "SessionEnd": DRAFT}),
}


def hook_files(root: Path, agents: Iterable[str]) -> list[HookFile]:
    """Return the files of these agents that can have hooks, or of those that a project is worked on with."""
    named = set(agents)
    if named:
        return [file for name, file in HOOK_FILES.items() if named & {name, "all"}]
    return [file for file in HOOK_FILES.values() if (root / file.sign).is_dir()]


def add_hooks(root: Path, file: HookFile) -> bool:
    """Add the hooks that are missing; return whether any was.

    Raises:
        ConfigurationError: the file can't be read, or has something else where hooks go.
    """
    settings = _read(root, file)
    hooks = settings.get("hooks", {})
    missing = {event: group for event, group in _groups(file).items() if group not in hooks.get(event, [])}
    if missing:
        added = {event: [*hooks.get(event, []), group] for event, group in missing.items()}
        _write(root / file.path, {**settings, "hooks": {**hooks, **added}})
    return bool(missing)


def remove_hooks(root: Path, file: HookFile) -> bool:
    """Remove the hooks, and what is empty without them; return whether any was there.

    Raises:
        ConfigurationError: a command of zk0 is in a file that can't be read.
    """
    path = root / file.path
    if not path.is_file() or not any(command.encode() in path.read_bytes() for command in file.commands.values()):
        return False
    settings, ours = _read(root, file), _groups(file)
    hooks = dict(settings.get("hooks", {}))
    found = [event for event, group in ours.items() if group in hooks.get(event, [])]
    for event in found:
        hooks[event] = [group for group in hooks[event] if group != ours[event]]
        if not hooks[event]:
            del hooks[event]
    if found:
        rest = {key: value for key, value in settings.items() if key != "hooks"}
        _write(path, {**settings, "hooks": hooks} if hooks else rest)
    return bool(found)


def _groups(file: HookFile) -> dict[str, dict[str, Any]]:
    return {event: {"hooks": [{"type": "command", "command": command}]} for event, command in file.commands.items()}


def _read(root: Path, file: HookFile) -> dict[str, Any]:
    path = root / file.path
    if not path.exists():
        return {}
    try:
        settings: Any = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ConfigurationError(f"{path} can't be read: {error}", remedy="correct it") from error
    hooks = settings.get("hooks", {}) if isinstance(settings, dict) else None
    if not isinstance(hooks, dict) or not all(isinstance(hooks.get(event, []), list) for event in file.commands):
        wanted = {event: [group] for event, group in _groups(file).items()}
        remedy = f"add them by hand: {json.dumps({'hooks': wanted})}"
        raise ConfigurationError(f"{path} has no place for zk0's hooks", remedy=remedy)
    return dict(settings)


def _write(path: Path, settings: dict[str, Any]) -> None:
    if not settings:
        path.unlink()
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, json.dumps(settings, indent=2, ensure_ascii=False) + "\n")
