"""Tell a coding agent's terminal from a person's, by the variables of its environment."""

from collections.abc import Mapping

# Variables that coding agents set in the processes they start; such a terminal is not a person's.
AGENT_MARKS = (
    "CLAUDECODE",
    "CODEX_SANDBOX",
    "CURSOR_AGENT",
    "GEMINI_CLI",
    "KILO_AGENT",
    "OPENCODE",
    "ZK0_MCP",
    "ZK0_RUN",
)


def agent_mark(environment: Mapping[str, str]) -> str | None:
    """Return the variable that marks an environment as an agent's or a program's; None for a person's."""
    return next((name for name in AGENT_MARKS if environment.get(name)), None)
