import json

import pytest

from zk0.core.errors import AssetMissingError

FACTS = {
    "objective": "A step takes half as long",
    "scope": "zk0/training",
    "criteria": ["a step ≤ 100 ms", "it is nicer"],
    "constraints": ["no GPU"],
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
    with pytest.raises(AssetMissingError, match="no task is in hand"):
        small.ask("task.context")

    small.write({"memory-bank/entries/2026-03-01-aaaaaaaa.md": TASK})

    assert small.verdicts("task.context") == {"pass"}
    assert small.verdicts("task.constraints") == {"pass"}
    assert small.verdicts("task.risks") == {"pass"}
    assert small.verdicts("task.dependencies") == {"fail"}
    assert small.verdicts("task.plan") == {"fail"}
    assert [str(finding.verdict) for finding in small.ask("task.criteria")] == ["pass", "warn"]
