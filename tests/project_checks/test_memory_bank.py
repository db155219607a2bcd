import json
import shutil

import pytest

from zk0.core.errors import AssetMissingError

ENTRY = """---
kind: "decision"
title: "Keep mu"
generated: {"by": "person:ada", "at": "2026-03-01T12:00:00Z"}
sources: [{"receipt": "0123456789abcdef"}]
---
"""


def test_a_run_is_in_the_memory_bank_or_it_is_named(ran):
    assert ran.verdicts("memory-bank.recorded") == {"pass"}
    assert ran.verdicts("memory-bank.sound") == {"pass"}

    shutil.rmtree(ran.root / "memory-bank" / "entries")
    [finding] = ran.ask("memory-bank.recorded")

    assert finding.verdict == "fail"
    assert "look" in finding.at


def test_an_entry_that_can_t_be_read_fails(small):
    with pytest.raises(AssetMissingError, match="no entries"):
        small.ask("memory-bank.sound")

    small.write({"memory-bank/entries/2026-03-01-aaaaaaaa.md": "no front matter\n"})
    assert [finding.at for finding in small.ask("memory-bank.sound")] == [
        "memory-bank/entries/2026-03-01-aaaaaaaa.md:1"
    ]


def test_a_focus_or_a_next_step_is_named_or_not(ran):
    assert ran.verdicts("memory-bank.next") == {"fail"}

    note = ran.root / "memory-bank" / "notes" / "focus.md"
    note.parent.mkdir()
    note.write_text("Make it faster.\n")
    assert ran.verdicts("memory-bank.next") == {"pass"}


def test_what_an_entry_states_is_read_again(ran):
    assert ran.verdicts("memory-bank.verified") == {"pass"}

    text = ENTRY
    ran.write({"memory-bank/entries/2026-03-01-aaaaaaaa.md": text})
    [finding] = ran.ask("memory-bank.verified")

    assert (finding.verdict, finding.at) == ("not-available", "2026-03-01-aaaaaaaa")
    assert finding.message.startswith("unverifiable: ")


def test_an_empty_bank_has_nothing_to_read_again(small):
    with pytest.raises(AssetMissingError, match="no entries"):
        small.ask("memory-bank.verified")


FACTS = {
    "objective": "A step takes half as long",
    "scope": "zk0/training",
    "criteria": ["a step ≤ 100 ms", "it is nicer"],
    "constraints": ["no GPU is needed"],
    "critical": ["mu stays 0.01"],
    "risks": ["slower data"],
    "recovery": ["git revert"],
}
TASK = f"""---
kind: "task"
title: "Make it faster"
generated: {{"by": "person:ada", "at": "2026-03-01T12:00:00Z"}}
task: {json.dumps(FACTS)}
---
"""


def test_the_task_in_hand_is_judged_by_what_is_written_down(small):
    with pytest.raises(AssetMissingError, match="no open task"):
        small.ask("task.context")

    small.write({"memory-bank/entries/2026-03-01-aaaaaaaa.md": TASK})

    assert small.verdicts("task.context") == {"pass"}
    assert small.verdicts("task.constraints") == {"pass"}
    assert small.verdicts("task.risks") == {"pass"}
    assert small.verdicts("task.dependencies") == {"fail"}
    assert small.verdicts("task.plan") == {"fail"}
    assert [str(finding.verdict) for finding in small.ask("task.criteria")] == ["pass", "warn"]
