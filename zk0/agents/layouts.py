"""Where each coding agent looks for skills and commands, and in which form.

Sources: the Agent Skills specification (folders with a SKILL.md) and each agent's documentation, 2026. `.agents/skills`
is read by Codex, Amp, Goose and others; the rest have a folder of their own.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path


class Form(StrEnum):
    """The form of a file."""

    skill = "skill"  # SKILL.md with front matter
    command = "command"  # Markdown with a description as front matter
    toml = "toml"  # Gemini CLI's custom commands
    workflow = "workflow"  # plain Markdown: Cline's workflows


@dataclass(frozen=True)
class Layout:
    """An agent's folder: `sign` is there where the agent is used, `path` has the name of a file in it."""

    name: str
    sign: str
    path: str
    form: Form

    def file(self, name: str) -> str:
        """Return where the file of this name lies, relative to the project's root."""
        return self.path.format(name=name)

    def pattern(self) -> str:
        """Return a glob of all files that zk0 may have written."""
        return self.path.format(name="zk0-*")


LAYOUTS = {
    layout.name: layout
    for layout in (
        Layout("agents", ".agents", ".agents/skills/{name}/SKILL.md", Form.skill),
        Layout("claude", ".claude", ".claude/skills/{name}/SKILL.md", Form.skill),
        Layout("cursor", ".cursor", ".cursor/skills/{name}/SKILL.md", Form.skill),
        Layout("copilot", ".github/copilot-instructions.md", ".github/skills/{name}/SKILL.md", Form.skill),
        Layout("kilo", ".kilo", ".kilo/commands/{name}.md", Form.command),
        Layout("opencode", ".opencode", ".opencode/commands/{name}.md", Form.command),
        Layout("gemini", ".gemini", ".gemini/commands/{name}.toml", Form.toml),
        Layout("cline", ".clinerules", ".clinerules/workflows/{name}.md", Form.workflow),
    )
}


def layouts_in_use(root: Path) -> Iterator[Layout]:
    """Yield the layouts of the agents that a project is worked on with; the common folder where there is no sign."""
    used = [layout for layout in LAYOUTS.values() if (root / layout.sign).exists()]
    yield from used or [LAYOUTS["agents"]]
