"""Other programs' YAML files beside zk0's."""

import pytest

from zk0.checklists.loading import CHECKLIST
from zk0.core.foreign import foreign_files, is_foreign
from zk0.workflow.names import WORKFLOW
from zk0.workflow.spec import WorkflowSpec

OTHERS = {
    "github": "name: train\non: push\njobs:\n  train:\n    runs-on: ubuntu-latest\n",
    "composite": "name: x\ndescription: y\ninputs: {}\noutputs: {}\nruns:\n  using: composite\n  steps: []\n",
    "azure": "trigger: [main]\npool: {}\nsteps:\n  - script: make\n",
    "cloudbuild": "steps:\n  - name: gcr.io/x\nimages: [x]\n",
    "argo": "apiVersion: argoproj.io/v1alpha1\nkind: Workflow\nmetadata: {}\nspec: {}\n",
    "circle": "version: 2.1\njobs: {}\nworkflows: {}\n",
    "config": "lr: 0.1\nbatch: 32\n",
}
OURS = {
    "whole": "name: whole\ntitle: T\npurpose: P\nsteps: []\n",
    "mistyped": "name: mistyped\ntitle: T\npurpose: P\nstpes: []\n",
    "torn": "name: torn\n",
    "flow": "{name: flow, steps: []}\n",
    "empty": "",
    "told": "# yaml-language-server: $schema=../docs/workflow.schema.json\nid: told\nsteps: []\n",
}


@pytest.mark.parametrize(("texts", "foreign"), [(OTHERS, True), (OURS, False)])
def test_files_are_told_apart_by_what_they_hold(tmp_path, texts, foreign):
    for name, text in texts.items():
        (tmp_path / f"{name}.yaml").write_text(text)

    assert {path.stem for path in tmp_path.iterdir() if is_foreign(path, WORKFLOW)} == (
        set(texts) if foreign else set()
    )
    assert len(foreign_files(tmp_path, WORKFLOW)) == (len(texts) if foreign else 0)


def test_a_kind_knows_the_keys_of_its_model():
    assert WORKFLOW.known == set(WorkflowSpec.model_fields)


def test_another_program_s_checklist_is_told_apart(tmp_path):
    (tmp_path / "a.yaml").write_text("title: Release\nitems: [build, tag]\nowner: ops\n")
    (tmp_path / "b.yaml").write_text("name: b\ntitle: Ours\nphase: x\nitms: []\nrenewed_by: train\n")

    assert [path.stem for path in foreign_files(tmp_path, CHECKLIST)] == ["a"]
