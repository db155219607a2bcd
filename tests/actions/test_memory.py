"""What a workflow found out is an entry of the memory bank."""

from zk0.actions.memory import RememberInputs, remember
from zk0.core.checks import CHECKS, CheckContext
from zk0.memory.bank import Bank


def test_a_fact_is_remembered_with_its_sentences_and_can_be_read_again(context, judge, monkeypatch):
    monkeypatch.chdir(context.project.root)
    (context.project.root / "pyproject.toml").touch()

    outputs = remember(RememberInputs(title="Repaired the term", sentences=["it never acted", "it does now"]), context)

    [entry] = Bank.of(context.project).read().in_force
    assert (entry.kind, entry.title, entry.generated.by) == ("fact", "Repaired the term", "process:run-1")
    assert entry.body == "- it never acted\n- it does now\n"
    assert judge("memory.remembered", outputs)[0].verdict == "pass"
    lost = outputs.model_copy(update={"entry": "2026-01-01-00000000"})
    assert CHECKS.get("memory.remembered").run(CheckContext(context.project, lost), {})[0].verdict == "fail"
