"""Does a text hold a secret? The shapes of tokens that services give out, and what looks random where a secret belongs.

    find_secrets("HF_TOKEN=hf_…")  →  [Found(line=1, column=10, kind="hugging-face-token")]

A find never repeats the value, so it can be shown. The shapes are those that the services document, as gitleaks and
detect-secrets use them too. A password that is made of words has no shape: no rule of this kind finds it.
"""

import math
import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

# Of each kind: a text that stands in every such secret, to pass over most texts quickly, and the shape. Lengths are
# bounded, so that no text takes more than time linear in its length.
SHAPES = {
    "hugging-face-token": ("hf_", r"hf_[A-Za-z0-9]{20,200}"),
    "github-token": ("gh", r"gh[pousr]_[A-Za-z0-9]{20,200}|github_pat_\w{20,200}"),
    "gitlab-token": ("glpat-", r"glpat-[\w-]{20,200}"),
    "aws-access-key": ("IA", r"(?:AKIA|ASIA)[0-9A-Z]{16}\b"),
    "google-api-key": ("AIza", r"AIza[\w-]{35}"),
    "model-api-key": ("sk-", r"sk-(?=[\w-]{0,100}[0-9])[\w-]{20,200}"),  # OpenAI, Anthropic and those after them
    "wandb-key": ("wandb_v1_", r"wandb_v1_\w{20,200}"),
    "slack-token": ("xox", r"xox[abeoprs]-[\w-]{10,200}"),
    "package-index-token": ("p", r"pypi-[\w-]{50,250}|npm_[A-Za-z0-9]{36}"),
    "json-web-token": ("eyJ", r"eyJ[\w-]{10,2000}\.eyJ[\w-]{10,4000}\.[\w-]{10,1000}"),
    # Up to its end, where that is there: a text that only its first line is cut out of still has the key.
    "private-key": (
        "PRIVATE KEY",
        r"-----BEGIN [A-Z ]{0,20}PRIVATE KEY-----(?:[^-]{0,20000}-----END [A-Z ]{0,20}PRIVATE KEY-----)?",
    ),
    "url-password": ("://", r"(?<=://)[^\s:/@{}$<>]{1,64}:[^\s:/@{}$<>]{3,200}@"),
}
KEY = r"(?<!public)(?<!public[_-])(?<!cache)(?<!cache[_-])(?:(?<![a-z])key|(?-i:(?<=[a-z])Key))"
NAME = rf"(?i:token|secret|passw(?:or)?d|passphrase|(?:api|access|auth|wandb)_?key|{KEY})"
# What stands between a name and its value: `key: value`, `KEY=value`, `"key": "value"`, `--key value`, `Bearer value`.
BEFORE = re.compile(rf"(?:{NAME}[\"']?(?:\s{{0,3}}[:=]\s{{0,3}}|\s{{1,3}})|[Bb]earer\s{{1,3}})[\"']?\Z")
NEARBY = 40  # characters before a value in which its name is looked for; the longest name and its separators have fewer
VALUE = re.compile(r"(?<![A-Za-z0-9+/_.~-])[A-Za-z0-9+/_.~-]{16,}={0,2}")

FEWEST_CHARACTERS = 6  # different ones; `hf_xxxxxxxxxxxxxxxxxxxxxxxx` stands for a token and is none
LEAST_ENTROPY = 3.0  # bits a character; random digits of base 16 have 3.4 or more, repetitions less
LEAST_CHANGES = 3  # from letter to digit or back; 20 random characters of [A-Za-z0-9] have 5 on average, words have 0

# One of these, in lower case, is in or before every secret that has a shape or a name.
SIGNS = (
    "token", "secret", "passw", "_key", "-key", "bearer", "hf_", "ghp_", "gho_", "github_pat_", "glpat-", "akia",
    "aiza", "sk-", "wandb_v1", "xox", "pypi-", "npm_", "eyj", "private key", "://",
)  # fmt: skip

_SHAPES = {kind: (sign, re.compile(f"(?<![A-Za-z0-9])(?:{shape})")) for kind, (sign, shape) in SHAPES.items()}
_NAME = re.compile(rf".*{NAME}", re.DOTALL)
_LONG_WORD = re.compile(r"[A-Za-z0-9]{8,}")  # shorter ones are the numbers of names: `20260124-131502-train-3f9a`
_CHANGE = re.compile(r"(?<=[A-Za-z])(?=[0-9])|(?<=[0-9])(?=[A-Za-z])")


@dataclass(frozen=True, order=True)
class Found:
    """Where a secret stands, counted from 1, what kind of secret it is, and how many characters it has."""

    line: int
    column: int
    kind: str
    length: int = field(default=0, compare=False)


def find_secrets(text: str) -> list[Found]:
    """Return all secrets of a text, in the order they stand there."""
    found: list[Found] = []
    line, counted = 1, 0
    for start, end, kind in _spans(text):
        line += text.count("\n", counted, start)
        counted = start
        found.append(Found(line, start - text.rfind("\n", 0, start), kind, end - start))
    return found


def without_secrets(text: str, shown: Callable[[str], str] = "[{}]".format) -> str:
    """Return a text with each secret replaced by what `shown` makes of its kind."""
    for start, end, kind in reversed(list(_spans(text))):
        text = text[:start] + shown(kind) + text[end:]
    return text


def may_hold_secrets(text: str) -> bool:
    """Return whether a text is worth searching: a fast test, for the lines of large logs."""
    small = text.lower()
    return any(sign in small for sign in SIGNS)


def is_secret_name(name: str) -> bool:
    """Tell whether what has this name is a secret: `HF_TOKEN`, `password`, `apiKey`; not `tokenizer`, `public_key`."""
    return _NAME.fullmatch(name) is not None


def is_random(value: str) -> bool:
    """Tell whether a text looks drawn by chance, as keys and tokens are, and not made of words, numbers or a path."""
    if sum(len(_CHANGE.findall(word)) for word in _LONG_WORD.findall(value)) < LEAST_CHANGES:
        return False
    shares = [count / len(value) for count in Counter(value).values()]
    return -sum(share * math.log2(share) for share in shares) >= LEAST_ENTROPY


def _spans(text: str) -> Iterator[tuple[int, int, str]]:
    """Yield where each secret begins and ends, and its kind, in order."""
    last = 0
    for start, end, kind in sorted((*_shaped(text), *_named(text))):
        if start >= last:  # a token under the name `token` is one secret
            yield start, end, kind
            last = end


def _shaped(text: str) -> Iterator[tuple[int, int, str]]:
    for kind, (sign, shape) in _SHAPES.items():
        if sign not in text:
            continue
        for match in shape.finditer(text):
            if kind == "private-key" or len(set(match[0])) >= FEWEST_CHARACTERS:
                yield match.start(), match.end(), kind


def _named(text: str) -> Iterator[tuple[int, int, str]]:
    for match in VALUE.finditer(text):
        if BEFORE.search(text, max(0, match.start() - NEARBY), match.start()) and is_random(match[0]):
            yield match.start(), match.end(), "random-value"
