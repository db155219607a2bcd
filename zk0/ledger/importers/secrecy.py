"""Secrets that stand in a log: told as incidents, and cut out of everything that is kept."""

import re

from zk0.secrets import find_secrets, is_secret_name

# One of these, in small letters, stands in or before every secret that has a shape or a name.
SIGNS = (
    "token", "secret", "passw", "_key", "-key", "bearer", "hf_", "ghp_", "gho_", "github_pat_", "glpat-", "akia",
    "aiza", "sk-", "wandb_v1", "xox", "pypi-", "npm_", "eyj", "private key", "://",
)  # fmt: skip
_VALUE = re.compile(r"[^\s\"',;(){}\[\]]+")


def may_hold_secrets(text: str) -> bool:
    """Whether a closer look is worth it."""
    small = text.lower()
    return any(sign in small for sign in SIGNS)


def without_secrets(text: str) -> tuple[str, list[str]]:
    """Return (a text of one line with its secrets cut out, their kinds)."""
    found = find_secrets(text)
    for one in reversed(found):
        value = _VALUE.match(text, one.column - 1)
        end = value.end() if value else len(text)
        text = f"{text[: one.column - 1]}[{one.kind}]{text[end:]}"
    return text, [one.kind for one in found]


def names_secret(key: str, value: object) -> bool:
    """Whether a setting is a secret by its name: `HF_TOKEN`, with any text as its value."""
    return isinstance(value, str) and bool(value) and is_secret_name(key.replace("-", "_"))
