"""Secrets that stand in a log: told as incidents, and cut out of everything that is kept."""

from zk0.core import secrets

# One of these, in small letters, stands in or before every secret that has a shape or a name.
SIGNS = (
    "token", "secret", "passw", "_key", "-key", "bearer", "hf_", "ghp_", "gho_", "github_pat_", "glpat-", "akia",
    "aiza", "sk-", "wandb_v1", "xox", "pypi-", "npm_", "eyj", "private key", "://",
)  # fmt: skip


def may_hold_secrets(text: str) -> bool:
    """Whether a closer look is worth it."""
    small = text.lower()
    return any(sign in small for sign in SIGNS)


def without_secrets(text: str) -> tuple[str, list[str]]:
    """Return (a text of one line with its secrets cut out, their kinds)."""
    return secrets.without_secrets(text), [found.kind for found in secrets.find_secrets(text)]


def names_secret(key: str, value: object) -> bool:
    """Whether a setting is a secret by its name: `HF_TOKEN`, with any text as its value."""
    return isinstance(value, str) and bool(value) and secrets.is_secret_name(key.replace("-", "_"))
