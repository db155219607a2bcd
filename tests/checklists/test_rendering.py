"""What a rendered checklist looks like, and that no template can tick a box."""

import re
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from zk0.checklists.evaluation import Evaluated, evaluate
from zk0.checklists.loading import load_checklist
from zk0.checklists.rendering import TICK, cell, render
from zk0.checklists.snapshot import ProjectSnapshot
from zk0.core.errors import SpecError
from zk0.core.git import GitState
from zk0.core.project import Project
from zk0.core.receipts import Receipt
from zk0.core.verdicts import failed, passed

type MakeReceipt = Callable[..., Receipt]

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
REPOSITORY = Path(__file__).parents[2]
TEMPLATE = (REPOSITORY / "checklists" / "templates" / "checklist.md.j2").read_text()


@pytest.fixture
def evaluated(make_receipt: MakeReceipt) -> Evaluated:
    """Evaluate a run whose data sets are enough, and one of which has the wrong unit."""
    receipt = make_receipt(
        passed("4 clients | 8 episodes\neach [x]").model_copy(update={"check": "data.episodes"}),
        passed("degrees", at="client 1").model_copy(update={"check": "data.units"}),
        failed("radians", at="client 2").model_copy(update={"check": "data.units"}),
    )
    return evaluate(load_checklist(Project(REPOSITORY), "training"), [receipt], ProjectSnapshot(GitState(), NOON))


def test_each_line_shows_the_box_the_sentence_and_the_evidence(evaluated: Evaluated) -> None:
    text = render(evaluated, TEMPLATE)
    [digest] = {line.receipt for item in evaluated.items for line in item.evidence}

    assert (
        "- [x] Every data set has enough episodes to train on some and hold others out. — **pass** "
        rf"`data.episodes`: 4 clients \| 8 episodes each \[x\] · receipt `{digest}`" in text
    )
    assert "- [ ] Joint positions are in LeRobot's units. — **fail** `data.units`: client 2: radians" in text
    assert f"  - fail: client 2: radians (`data.units` of `train/data`, receipt `{digest}`)" in text
    assert "  - pass: 1 of 2 findings" in text


def test_the_top_counts_every_verdict(evaluated: Evaluated) -> None:
    text = render(evaluated, TEMPLATE)

    assert "**1 of 18 ticked.**" in text
    assert "| not-applicable | pass | not-available | warn | fail | error | by a person |" in text
    assert "| 0 | 1 | 16 | 0 | 1 | 0 | 0 |" in text


def test_the_code_is_named_or_said_to_be_unknown(evaluated: Evaluated) -> None:
    assert "unknown whether it changed" in render(evaluated, TEMPLATE)

    known = Evaluated(
        evaluated.checklist, evaluated.items, ProjectSnapshot(GitState(commit="0123456789abcdef", dirty=True), NOON)
    )
    assert "The code is commit `01234567` with uncommitted changes." in render(known, TEMPLATE)


def test_the_parts_of_a_union_have_headings_and_all_items_their_lines(make_receipt: MakeReceipt) -> None:
    whole = load_checklist(Project(REPOSITORY), "comprehensive")

    text = render(evaluate(whole, [make_receipt()], ProjectSnapshot(GitState(), NOON)), TEMPLATE)

    assert len(re.findall(r"^- \[ \] ", text, flags=re.MULTILINE)) == 87
    assert re.findall(r"^## .*", text, flags=re.MULTILINE) == [f"## {part.title}" for part in whole.parts]


def test_rendering_twice_gives_the_same_bytes(evaluated: Evaluated) -> None:
    assert render(evaluated, TEMPLATE) == render(evaluated, TEMPLATE)


@pytest.mark.parametrize("tick", ["[x]", "[X]", "[ x ]", "✅", "☑", "[✓]", '<input type="checkbox" checked>'])
def test_a_template_with_a_tick_of_its_own_is_refused_with_its_line(evaluated: Evaluated, tick: str) -> None:
    with pytest.raises(SpecError, match="mine:2: it has a tick of its own"):
        render(evaluated, f"first\n- {tick} done", name="mine")


@pytest.mark.parametrize(
    "template",
    [
        "- [{{ 'x' }}] done",
        "- {{ '[' ~ 'x' ~ ']' }} done",
        "{% for section in sections %}{% for i in section.items %}[{{ i.verdict and 'x' }}]{% endfor %}{% endfor %}",
        # a text that was not escaped
        "{% for section in sections %}{% for i in section.items %}{{ i.message }}{% endfor %}{% endfor %}",
    ],
)
def test_a_template_can_not_put_a_tick_together(evaluated: Evaluated, template: str) -> None:
    with pytest.raises(SpecError, match="makes a tick without `box`"):
        render(evaluated, template)


@pytest.mark.parametrize("item", ["'done'", "true", "{'ticked': true}", "checklist"])
def test_box_ticks_nothing_but_an_item_of_the_checklist(evaluated: Evaluated, item: str) -> None:
    with pytest.raises(SpecError, match="needs an item of this checklist"):
        render(evaluated, f"{{{{ {item} | box }}}}")


@pytest.mark.parametrize("template", ["{{ nothing_of_this_name }}", "{% for %}", "{{ sections[0].items[0].colour }}"])
def test_a_template_that_asks_for_what_is_not_there_is_an_error(evaluated: Evaluated, template: str) -> None:
    with pytest.raises(SpecError) as refused:
        render(evaluated, template, name="mine")

    assert refused.value.message.startswith("mine")


def test_a_cell_keeps_its_line_its_cell_and_makes_no_tick() -> None:
    text = cell("a | b\nc [x] <input checked>")

    assert text == r"a \| b c \[x\] &lt;input checked>"
    assert not TICK.search(text)
