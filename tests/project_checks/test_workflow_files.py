import pytest

from zk0.core.errors import AssetMissingError

GOOD = """\
name: good
title: Good
purpose: To try.
{more}steps:
  - {{id: look, title: Look, run: [ls]}}
"""
MORE = "checklist: training\nnotes: [mind it]\nissues: [{sign: it hangs, remedy: wait}]\n"


def test_workflows_are_valid_explained_and_have_a_checklist(small):
    small.write({"workflows/good.yaml": GOOD.format(more=MORE)})

    for check in ("workflow-files.valid", "workflow-files.explained", "workflow-files.checklists"):
        assert small.verdicts(check) == {"pass"}


def test_workflows_that_come_with_zk0_are_not_the_project_s(small):
    for check in ("workflow-files.valid", "workflow-files.explained", "workflow-files.checklists"):
        with pytest.raises(AssetMissingError, match="no workflow of its own"):
            small.ask(check)

    small.write({"README.md": "# It\n"})
    assert small.verdicts("documentation.troubleshooting") == {"warn"}


def test_what_a_workflow_lacks_is_named(small):
    small.write({"workflows/good.yaml": GOOD.format(more="")})

    assert [one.message for one in small.ask("workflow-files.explained") if one.at == "good"] == [
        "does not say in words what may go wrong (`issues`)",
        "has no notes in words",
    ]
    assert [one.message for one in small.ask("workflow-files.checklists") if one.at == "good"] == ["names no checklist"]

    small.write({"workflows/good.yaml": GOOD.format(more="checklist: traning\n")})
    assert "names the checklist traning, which does not exist" in [
        one.message for one in small.ask("workflow-files.checklists")
    ]


def test_an_invalid_workflow_fails_with_its_place(small):
    small.write({"workflows/torn.yaml": "name: torn\n"})

    assert any("workflows/torn.yaml:1" in one.message for one in small.ask("workflow-files.valid"))
