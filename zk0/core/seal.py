"""The digest that a generated file carries in a line of its own: whether somebody edited it is known without a list.

The line has `zk0-digest: ` in the comment syntax of the file, and the digest is that of the text without it.
"""

import re

from zk0.core.receipts import DIGEST_LENGTH, canonical_digest

DIGEST = re.compile(r"zk0-digest: ([0-9a-f]{16})")
BEGIN, END = "<!-- zk0 begin", "<!-- zk0 end -->"  # of a block in a file that is somebody else's
BLOCK = re.compile(rf"{re.escape(BEGIN)}.*?{re.escape(END)}\n?", re.DOTALL)
PLACE = "zk0-digest: "  # in the text to seal: where the digest goes


def seal(text: str) -> str:
    """Return a text with the digest in the place that is kept for it."""
    return text.replace(PLACE, f"{PLACE}{_digest(text)}", 1)


def is_sealed(text: str) -> bool:
    """Whether a text is as zk0 generated it."""
    found = DIGEST.search(text)
    return found is not None and _digest(DIGEST.sub(PLACE, text, count=1)) == found[1]


def is_generated(text: str) -> bool:
    """Whether zk0 generated a text, or one that somebody changed since."""
    return DIGEST.search(text) is not None


def without_generated(text: str) -> str:
    """Return what zk0 did not generate of a text: blank lines for its block, nothing of its own file."""
    rest = BLOCK.sub(lambda block: "\n" * block[0].count("\n"), text)
    return "" if is_generated(rest) else rest


def _digest(text: str) -> str:
    return canonical_digest(text)[:DIGEST_LENGTH]
