"""Backbones built offline, and composed from a local language model."""

import pytest
import torch
from transformers import AutoProcessor, LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from zk0.core.errors import PolicyError
from zk0.training.backbone import composed_backbone, random_backbone
from zk0.training.policy import build_policy
from zk0.training.presets import TINY


@pytest.fixture
def language_model(cache, tmp_path):
    """Return a folder with a small Llama and its tokenizer, as transformers saves them."""
    tokenizer = PreTrainedTokenizerFast.from_pretrained(random_backbone("tiny", TINY.backbone, cache))
    plain = PreTrainedTokenizerFast(tokenizer_object=tokenizer.backend_tokenizer, eos_token="<|endoftext|>")
    folder = tmp_path / "language-model"
    plain.save_pretrained(folder)
    torch.manual_seed(1)
    config = LlamaConfig(
        hidden_size=64,
        intermediate_size=128,
        num_hidden_layers=4,
        num_attention_heads=4,
        num_key_value_heads=2,
        head_dim=16,
        vocab_size=len(plain),
        tie_word_embeddings=True,
    )
    LlamaForCausalLM(config).save_pretrained(folder)
    return folder


def test_a_backbone_is_built_once_and_has_a_real_smolvlm_processor(cache):
    folder = random_backbone("tiny", TINY.backbone, cache)
    made = (folder / "config.json").stat().st_mtime_ns

    assert random_backbone("tiny", TINY.backbone, cache) == folder
    assert (folder / "config.json").stat().st_mtime_ns == made
    processor = AutoProcessor.from_pretrained(folder)
    assert type(processor).__name__ == "SmolVLMProcessor"
    assert not list(folder.parent.glob(".*"))


def test_any_sentence_survives_the_tokenizer(cache):
    tokenizer = AutoProcessor.from_pretrained(random_backbone("tiny", TINY.backbone, cache)).tokenizer
    sentence = "Nimm den Würfel 42 und lege ihn in die Kiste!\n"

    assert tokenizer.decode(tokenizer(sentence)["input_ids"]) == sentence


def test_the_language_trunk_of_a_local_model_is_the_one_in_the_policy(language_model, cache):
    folder = composed_backbone(language_model, TINY.backbone, cache)
    policy = build_policy(TINY, cameras=("wrist",), seed=0, cache=cache, backbone=str(language_model))

    trunk = LlamaForCausalLM.from_pretrained(language_model)
    ours = policy.model.vlm_with_expert.vlm.model.text_model.layers[0].self_attn.q_proj.weight
    # SmolVLA loads its backbone in bfloat16, so the trunk arrives rounded to it.
    wanted = trunk.model.layers[0].self_attn.q_proj.weight.bfloat16().float()
    assert torch.equal(ours, wanted)
    assert composed_backbone(folder, TINY.backbone, cache) == folder
    assert ours.dtype == torch.float32


def test_a_folder_without_a_configuration_is_refused(tmp_path, cache):
    with pytest.raises(PolicyError, match=r"no config\.json"):
        composed_backbone(tmp_path, TINY.backbone, cache)
