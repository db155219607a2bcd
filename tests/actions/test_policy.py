"""A start policy that is not there is refused at once; one that is built trains something, in fp32, and loads back."""

from pathlib import Path

import pytest
from pydantic import ValidationError

from zk0.actions.policy import BuildInputs, BuildOutputs, build
from zk0.core.errors import ConfigurationError, PolicyError
from zk0.core.verdicts import Verdict


def outputs(**fields):
    values = {
        "path": Path("policy"),
        "parameters": 2000,
        "trainable": 1500,
        "tensors": 3,
        "dtypes": ["float32"],
        "trainable_by_module": {"expert": 1000, "vision": 500},
        "relative_actions": True,
        "digest": "d" * 16,
        "digest_loaded": "d" * 16,
    }
    return BuildOutputs(**values | fields)


def test_parameters_in_fp32_pass_with_where_they_are(judge, numbers):
    [finding] = judge("policy.trainable", outputs())

    assert (finding.verdict, finding.message) == ("pass", "1,500 of 2,000 parameters are trained, in fp32")
    assert numbers(finding) == {
        "parameters": 2000,
        "trainable parameters": 1500,
        "trainable in expert": 1000,
        "trainable in vision": 500,
    }


def test_a_frozen_policy_fails(judge):
    [finding] = judge("policy.trainable", outputs(trainable=0, tensors=0, dtypes=[], trainable_by_module={}))

    assert (finding.verdict, finding.message) == ("fail", "no parameter is trainable")
    assert finding.cause == "everything is frozen"


@pytest.mark.parametrize("dtypes", [["bfloat16"], ["bfloat16", "float32"]])
def test_lower_precision_fails_because_small_updates_are_lost(judge, dtypes):
    [finding] = judge("policy.trainable", outputs(dtypes=dtypes))

    assert finding.verdict is Verdict.failed
    assert finding.message == f"trainable parameters are {', '.join(dtypes)}"
    assert "rounded away" in finding.cause


def test_a_policy_that_loads_to_the_same_tensors_passes(judge):
    [finding] = judge("policy.loads-back", outputs())

    assert (finding.verdict, finding.message) == ("pass", "every tensor equal, dddddddd")


def test_a_policy_that_loads_to_others_fails_with_both_digests(judge, numbers):
    [finding] = judge("policy.loads-back", outputs(digest_loaded="e" * 16))

    assert (finding.verdict, finding.message) == ("fail", "the loaded policy differs from the saved one")
    assert numbers(finding) == {"digest built": "d" * 16, "digest loaded": "e" * 16}


@pytest.mark.parametrize("field", ["policy", "backbone"])
@pytest.mark.parametrize("given", ["/absent/policy", "./absent", "~/absent"])
def test_a_folder_without_a_policy_is_refused_before_the_run(context, field, given):
    with pytest.raises(PolicyError, match=f"{field} {given} has no config.json") as raised:
        BuildInputs(**{field: given}).preflight(context.project)

    assert raised.value.remedy == "give a folder written by save_pretrained"


def test_a_saved_policy_and_a_hub_id_are_let_through(context, tmp_path):
    (tmp_path / "config.json").touch()

    inputs = BuildInputs(policy=str(tmp_path), backbone="HuggingFaceTB/SmolLM2-135M")

    assert inputs.preflight(context.project) is None


def test_an_unknown_preset_is_refused():
    with pytest.raises(ValidationError, match="'tiny', 'small', 'base' or 'base-shape'"):
        BuildInputs(preset="huge")


def test_a_checkpoint_goes_on_with_the_kind_of_actions_that_it_has_learnt(context):
    built = build(BuildInputs(), context)
    start = context.directory / "start"
    built.path.rename(start)
    absolute = build(BuildInputs(policy=str(start)), context)
    (start / "policy_preprocessor.json").write_text('{"steps": [{"registry_name": "relative_actions_processor"}]}')
    relative = build(BuildInputs(policy=str(start)), context)

    assert (built.relative_actions, absolute.relative_actions, relative.relative_actions) == (False, False, True)
    assert build(BuildInputs(relative_actions=True), context).relative_actions is True
    with pytest.raises(ConfigurationError, match="predicts how far each joint goes"):
        build(BuildInputs(policy=str(start), relative_actions=False), context)
