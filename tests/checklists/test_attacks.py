"""`docs/attacks.md` names tests that exist, and every way in which the twins fake a box."""

import os
import re
from itertools import groupby
from pathlib import Path

from .fakes import FAKES
from .fakes_of_implementation import FAKES_OF_CHECKS, FAKES_OF_IMPLEMENTATION

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "attacks.md"
BEGIN, END = "<!-- twins -->\n", "<!-- end of twins -->"
DEFINITION = re.compile(r"^(?:async )?def (\w+)", re.MULTILINE)
FEWEST = 30  # ways to fake a tick, a receipt, an entry or an approval


def twins() -> str:
    """Return the table of what the false twins do, by item or check."""
    fakes = sorted([*FAKES, *FAKES_OF_IMPLEMENTATION, *FAKES_OF_CHECKS], key=lambda fake: fake[0])
    rows = [
        f"| `{subject}` | {'; '.join(name for _, name, _ in made)} |"
        for subject, made in groupby(fakes, lambda one: one[0])
    ]
    return "\n".join(["| item or check | what was done |", "|---|---|", *rows]) + "\n"


def test_the_page_of_attacks_names_what_the_twins_do():
    """Write it with ZK0_GOLDEN=write, as the golden files."""
    before, _, rest = PAGE.read_text(encoding="utf-8").partition(BEGIN)
    written, _, after = rest.partition(END)
    if os.environ.get("ZK0_GOLDEN") == "write":
        PAGE.write_text(f"{before}{BEGIN}{twins()}{END}{after}", encoding="utf-8")
        written = twins()

    assert written == twins()
    assert len(FAKES) + len(FAKES_OF_IMPLEMENTATION) + len(FAKES_OF_CHECKS) >= FEWEST


def test_every_test_that_the_page_of_attacks_names_exists():
    text = PAGE.read_text(encoding="utf-8")
    files = {
        path.relative_to(ROOT).as_posix(): path.read_text(encoding="utf-8") for path in (ROOT / "tests").rglob("*.py")
    }
    known = {name for content in files.values() for name in DEFINITION.findall(content)}
    cells = [line.rstrip(" |").rpartition(" | ")[2] for line in text.splitlines() if line.startswith("| ")]

    named = {name for cell in cells for name in re.findall(r"`(test_\w+|(?:edit|cut|drop|swap|add)_\w+)`", cell)}
    places = {path for cell in cells for path in re.findall(r"`(tests/[\w/.]+\.py)`", cell)}

    assert named - known == set()
    assert places - set(files) == set()
    assert len(named) >= FEWEST
