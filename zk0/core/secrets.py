"""Find secrets in text: tokens of known services, and random values after names such as `token` or `key`.

    find_secrets("HF_TOKEN=hf_…")  →  [SecretSpan(line=1, column=10, kind="hugging-face-token")]

A result never repeats the value, so it can be shown. The patterns are those that the services document and that
gitleaks and detect-secrets use. A password made of words has no pattern and is not found.
"""

import math
import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

# For each kind: a substring of every such secret, to skip most texts quickly, and the pattern. Lengths are bounded, so
# that matching takes time linear in the length of the text.
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
    # To its end, if present: a text without the first line alone still contains the key.
    "private-key": (
        "PRIVATE KEY",
        r"-----BEGIN [A-Z ]{0,20}PRIVATE KEY-----(?:[^-]{0,20000}-----END [A-Z ]{0,20}PRIVATE KEY-----)?",
    ),
    "url-password": ("://", r"(?<=://)[^\s:/@{}$<>]{1,64}:[^\s:/@{}$<>]{3,200}@"),
}
KEY = r"(?<!public)(?<!public[_-])(?<!cache)(?<!cache[_-])(?:(?<![a-z])key|(?-i:(?<=[a-z])Key))"
NAME = rf"(?i:token|secret|passw(?:or)?d|passphrase|(?:api|access|auth|wandb)_?key|{KEY})"
# Between a name and its value: `key: value`, `KEY=value`, `"key": "value"`, `--key value`, `Bearer value`.
BEFORE = re.compile(
    rf"(?:{NAME}[\"']?(?:\s{{0,3}}[:=]\s{{0,3}}|\s{{1,3}})|[Bb]earer\s{{1,3}}"
    r"|wandb login(?: --\w+){0,3}\s{1,3}|[Kk]ey for [\w.:/-]{1,60}: ?)[\"']?\Z"
)
NEARBY = 40  # characters before a value to search for its name; the longest name with separators is shorter
VALUE = re.compile(r"(?<![A-Za-z0-9+/_.~-])[A-Za-z0-9+/_.~-]{16,}={0,2}")

# In a log, not in code: there the name of a secret beside a colon is a declaration.
_STATED = re.compile(
    rf"(?P<name>[\w.\-]*{NAME}[\w\-]{{0,20}})[\"']?\s{{0,3}}[:=]\s{{0,3}}"
    r"(?:\"(?P<double>[^\"]{1,200})\"|'(?P<single>[^']{1,200})'|(?P<bare>[^\s\"',;)}\]]{3,200}))"
)
_CREDENTIAL = re.compile(r"(?i)token|secret|passw|passphrase|(?:api|access|auth|wandb|private)_?key")  # not `numpy_key`
_PASSWORD = re.compile(r"(?i)passw|passphrase|pwd")
_NO_VALUE = re.compile(r"(?i)\*+|x{3,}|\.{3}|none|null|true|false|set|unset|missing|<.*>|\$.*|\[.*|[\d.]{1,6}")

FEWEST_CHARACTERS = 6  # distinct; `hf_xxxxxxxxxxxxxxxxxxxxxxxx` is a placeholder
LEAST_ENTROPY = 3.0  # bits a character; random digits of base 16 have 3.4 or more, repetitions less
LEAST_CHANGES = 3  # from letter to digit or back; 20 random characters of [A-Za-z0-9] have 5 on average, words have 0

# One of these, in lower case, is in or before every secret that has a shape or a name.
SIGNS = (
    "token", "secret", "passw", "_key", "-key", "bearer", "hf_", "ghp_", "gho_", "github_pat_", "glpat-", "akia",
    "aiza", "sk-", "wandb login", "key for ", "wandb_v1", "xox", "pypi-", "npm_", "eyj", "private key", "://",
)  # fmt: skip

_SHAPES = {kind: (sign, re.compile(f"(?<![A-Za-z0-9])(?:{shape})")) for kind, (sign, shape) in SHAPES.items()}
_NAME = re.compile(rf".*{NAME}", re.DOTALL)
_LONG_WORD = re.compile(r"[A-Za-z0-9]{8,}")  # shorter ones are the numbers of names: `20260124-131502-train-3f9a`
_CHANGE = re.compile(r"(?<=[A-Za-z])(?=[0-9])|(?<=[0-9])(?=[A-Za-z])")


@dataclass(frozen=True, order=True)
class SecretSpan:
    """A secret in a text: its line and column (from 1), its kind and its length in characters."""

    line: int
    column: int
    kind: str
    length: int = field(default=0, compare=False)


def find_secrets(text: str) -> list[SecretSpan]:
    """Return all secrets in a text, in order."""
    found: list[SecretSpan] = []
    line, counted = 1, 0
    for start, end, kind in _spans(text):
        line += text.count("\n", counted, start)
        counted = start
        found.append(SecretSpan(line, start - text.rfind("\n", 0, start), kind, end - start))
    return found


def without_secrets(text: str, shown: Callable[[str], str] = "[{}]".format) -> str:
    """Return a text with each secret replaced by `shown(kind)`."""
    for start, end, kind in reversed(list(_spans(text))):
        text = text[:start] + shown(kind) + text[end:]
    return text


def without_stated_values(text: str, shown: str = "[secret]") -> tuple[str, list[str]]:
    """Return a log's text without the values that it states for names of secrets, and the names of the passwords.

    `password: hunter22` has no shape that tells it from words; in a log it is cut all the same. A value of another name
    (`pad_token: <pad>`) is cut and is no finding.
    """
    found: list[str] = []
    for match in reversed(list(_STATED.finditer(text))):
        group = next(name for name in ("double", "single", "bare") if match[name])
        name = match["name"].replace("-", "_")
        if not is_secret_name(name) or not _CREDENTIAL.search(name) or _NO_VALUE.fullmatch(match[group]):
            continue
        if _PASSWORD.search(match["name"]):
            found.append(match["name"])
        text = text[: match.start(group)] + shown + text[match.end(group) :]
    return text, found[::-1]


def may_hold_secrets(text: str) -> bool:
    """Return whether a text is worth searching: a fast test, for the lines of large logs."""
    small = text.lower()
    return any(sign in small for sign in SIGNS)


def is_secret_name(name: str) -> bool:
    """Whether a name is that of a secret: `HF_TOKEN`, `password`, `apiKey`; not `tokenizer`, `public_key`."""
    return _NAME.fullmatch(name) is not None


def is_random(value: str) -> bool:
    """Whether a text looks random, as keys and tokens do, rather than made of words, numbers or a path."""
    if sum(len(_CHANGE.findall(word)) for word in _LONG_WORD.findall(value)) < LEAST_CHANGES:
        return False
    shares = [count / len(value) for count in Counter(value).values()]
    return -sum(share * math.log2(share) for share in shares) >= LEAST_ENTROPY


def _spans(text: str) -> Iterator[tuple[int, int, str]]:
    """Yield start, end and kind of each secret, in order."""
    last = 0
    for start, end, kind in sorted((*_shaped(text), *_named(text))):
        if start >= last:  # a token after the name `token` is one secret
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
