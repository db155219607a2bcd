"""What a page names and what is not there is found; what names no one thing is left alone."""

from pathlib import Path

import pytest

from zk0.core.markdown import Page
from zk0.core.references import KnownNames, dead_references

ID = "2026-03-01-0123abcd"


@pytest.fixture
def known(tmp_path: Path) -> KnownNames:
    (tmp_path / "zk0").mkdir()
    (tmp_path / "memory-bank").mkdir()
    (tmp_path / "zk0" / "loop.py").write_text("one\ntwo\n")
    return KnownNames(tmp_path, ".zk0", {ID}, {"train"}, {"run", "memory"})


def dead(text: str, known: KnownNames) -> list[str]:
    page = Page(known.root, "memory-bank/tech.md", text)
    return [f"{reference.line}: {reference.message}" for reference in dead_references(page, known)]


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("See `zk0/gone.py`.", "names zk0/gone.py, which is not there"),
        ("See `src/task.py:12`.", "names src/task.py, which is not there"),
        ("See `zk0/loop.py:12`.", "names zk0/loop.py:12, and zk0/loop.py has fewer lines"),
        ("See `zk0/gone/`.", "names zk0/gone/, which is not there"),
        ("See [it](docs/gone.md#part).", "docs/gone.md#part leads nowhere"),
        ("See `2026-03-01-ffffffff`.", "names the entry 2026-03-01-ffffffff, which is not there"),
        ("Do `zk0 repair`.", "names an unknown command: zk0 repair"),
        ("Do `zk0 run fedprox-debug -i a=1`.", "names an unknown workflow: fedprox-debug"),
    ],
)
def test_what_is_not_there_is_named_with_its_line(text: str, wrong: str, known: KnownNames) -> None:
    assert dead(f"# Title\n\n{text}\n", known) == [f"3: {wrong}"]


@pytest.mark.parametrize(
    "text",
    [
        "`zk0/loop.py:2`, `zk0/`, [it](../zk0/loop.py), [web](https://example.org/a.md), [part](#title)",
        f"`{ID}`, `zk0 run train -i rounds=3`, `zk0 run NAME`, `zk0 memory verify`",
        "`.zk0/runs/<id>/journal.jsonl`, `.zk0/runs/x/y.json`: what each machine has for itself",
        "`lerobot/smolvla_base`, `F(w) + mu/2`, `a/b`: a hub's name and formulas are no paths",
        "`zk0/<module>.py`, `zk0/*.py`, `~/.cache/zk0/`, `docs/…`",
        "```\nzk0/gone.py\n`zk0/gone.py`\n```",
        "zk0/gone.py is only mentioned",
    ],
)
def test_what_is_there_or_names_no_one_thing_is_left_alone(text: str, known: KnownNames) -> None:
    assert dead(f"# Title\n\n{text}\n", known) == []


def test_a_heading_that_is_not_on_the_page_is_named(known: KnownNames) -> None:
    assert dead("# Title\n\n[part](#part)\n", known) == ["3: #part: memory-bank/tech.md has no such heading"]


def test_each_line_of_a_paragraph_has_its_own_number(known: KnownNames) -> None:
    assert dead("one\ntwo `zk0/gone.py`\n", known) == ["2: names zk0/gone.py, which is not there"]
