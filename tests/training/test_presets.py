"""A preset is found by its name, and its shape can be built."""

from typing import get_args

import pytest

from zk0.actions.policy import PresetName
from zk0.core.errors import UnknownNameError
from zk0.training.presets import FEATURE_NAMES, JOINTS, PRESETS, Backbone, preset

SHAPES = [one for one in PRESETS.values() if isinstance(one.backbone, Backbone)]


def test_a_preset_is_found_by_its_name():
    assert preset("small").name == "small"


def test_a_wrong_name_is_answered_with_the_nearest():
    with pytest.raises(UnknownNameError, match=r"there is no preset 'tinny'") as raised:
        preset("tinny")

    assert raised.value.remedy == "did you mean 'tiny'?"


def test_a_name_like_no_other_is_answered_with_all():
    with pytest.raises(UnknownNameError) as raised:
        preset("xxl")

    assert raised.value.remedy == "choose one of tiny, small, base, base-shape"


def test_the_presets_a_workflow_may_choose_are_all_there_are():
    assert get_args(PresetName.__value__) == tuple(PRESETS)
    assert all(name == one.name for name, one in PRESETS.items())


def test_an_arm_has_six_joints_and_their_positions_are_its_features():
    assert len(JOINTS) == 6
    assert FEATURE_NAMES[-1] == "gripper.pos"


@pytest.mark.parametrize("one", PRESETS.values(), ids=PRESETS.keys())
def test_a_policy_has_room_for_the_joints_and_for_a_second_of_actions(one):
    assert one.padded_joints >= len(JOINTS)
    assert one.chunk >= 10  # a second at the 10 Hz of the simulator's recordings
    assert 1 <= one.executed <= one.chunk


@pytest.mark.parametrize("one", SHAPES, ids=[one.name for one in SHAPES])
def test_a_backbone_s_parts_divide(one):
    vision, language = one.backbone.vision, one.backbone.language

    assert vision.width % vision.heads == 0
    assert language.head_width * language.heads == language.width
    assert language.heads % language.key_value_heads == 0
    assert vision.image_size == one.image_size
    assert vision.image_size % (vision.patch_size * one.backbone.scale) == 0
    assert one.language_layers <= language.layers


def test_only_base_starts_from_weights_that_have_learnt():
    assert {name: one.pretrained for name, one in PRESETS.items() if one.pretrained} == {"base": "lerobot/smolvla_base"}
