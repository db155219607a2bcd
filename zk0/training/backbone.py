"""Build a SmolVLM folder offline: configuration, tokenizer and processor, and weights if a source has them.

LeRobot's SmolVLA always loads an `AutoConfig` and an `AutoProcessor` from the folder or hub name in its
configuration. A folder made here satisfies both. Without a source the vision and language parts get random weights;
from a local SmolLM2 (or any Llama) folder come the language trunk and the tokenizer, with the image tokens added.
"""

import json
import shutil
import tempfile
from pathlib import Path
from typing import Any

from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer, PreTrainedTokenizerFast
from transformers.models.smolvlm.configuration_smolvlm import SmolVLMConfig
from transformers.models.smolvlm.modeling_smolvlm import SmolVLMForConditionalGeneration

from zk0.core.errors import PolicyError
from zk0.core.receipts import canonical_digest
from zk0.training.presets import Backbone

VERSION = 3  # raise it with every change to the built folder: it is part of the cached folder's name

IMAGE_TOKENS = {
    "fake_image_token": "<fake_token_around_image>",
    "image_token": "<image>",
    "end_of_utterance_token": "<end_of_utterance>",
    "global_image_token": "<global-img>",
    "video_token": "<video>",
}
BOUNDS = {"bos_token": "<|im_start|>", "eos_token": "<end_of_utterance>", "pad_token": "<pad>"}
# The tokenizer is trained on this text; other words fall back to bytes, so no sentence is out of vocabulary.
SENTENCES = (
    "pick up the red cube and lift it",
    "pick up the small blue cylinder and place it in the green box",
    "touch the yellow sphere with the gripper",
    "stack the orange cube on the white cube",
    "grasp the lego block and put it into the bin on the left, then on the right",
    "move the pink object to the target",
)
VOCABULARY = 512


def random_backbone(name: str, shape: Backbone, cache: Path) -> Path:
    """Return a folder with the configuration, tokenizer and processor of a SmolVLM of this shape; built once."""
    folder = cache / "backbones" / f"{name}-{VERSION}"
    if not folder.is_dir():
        _build_beside(folder, lambda target: _write_random(shape, target))
    return folder


def composed_backbone(source: Path, shape: Backbone, cache: Path) -> Path:
    """Return a SmolVLM folder whose language trunk and tokenizer come from a local Llama folder; built once.

    A folder that already is a SmolVLM is returned as it is.

    Raises:
        PolicyError: the folder holds neither.
    """
    if not (source / "config.json").is_file():
        raise PolicyError(f"{source} has no config.json", remedy="name a folder saved by transformers")
    config = AutoConfig.from_pretrained(source)
    if config.model_type == "smolvlm":
        return source
    if config.model_type != "llama":
        raise PolicyError(f"{source} holds a {config.model_type}; zk0 can use smolvlm and llama", remedy=None)
    folder = cache / "backbones" / f"{source.resolve().name}-{_identity(source)}-{VERSION}"
    if not folder.is_dir():
        _build_beside(folder, lambda target: _write_composed(source, shape, target))
    return folder


def _write_random(shape: Backbone, folder: Path) -> None:
    tokenizer = _trained_tokenizer()
    language = shape.language
    text = {
        "model_type": "llama",
        "hidden_size": language.width,
        "intermediate_size": language.feed_forward,
        "num_hidden_layers": language.layers,
        "num_attention_heads": language.heads,
        "num_key_value_heads": language.key_value_heads,
        "head_dim": language.head_width,
        "vocab_size": len(tokenizer),
        "max_position_embeddings": 8192,
        "rms_norm_eps": 1e-5,
        "rope_theta": 100000.0,
        "pad_token_id": tokenizer.pad_token_id,
    }
    _write_configuration(shape, text, tokenizer, folder)


def _write_composed(source: Path, shape: Backbone, folder: Path) -> None:
    own = AutoTokenizer.from_pretrained(source)
    bounds = {name: getattr(own, name) for name in ("bos_token", "eos_token", "unk_token") if getattr(own, name)}
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=own.backend_tokenizer,
        pad_token=own.pad_token or own.eos_token,
        extra_special_tokens=IMAGE_TOKENS,  # attributes that a SmolVLM processor reads from its tokenizer
        **bounds,
    )
    trunk = AutoModelForCausalLM.from_pretrained(source, dtype="float32")
    trunk.resize_token_embeddings(len(tokenizer), mean_resizing=True)
    text = trunk.config.to_dict() | {"model_type": "llama", "vocab_size": len(tokenizer)}
    text["pad_token_id"] = tokenizer.pad_token_id
    text.setdefault("head_dim", text["hidden_size"] // text["num_attention_heads"])
    config = _write_configuration(shape, text, tokenizer, folder)
    whole = SmolVLMForConditionalGeneration(config).float()
    whole.model.text_model.load_state_dict(trunk.model.state_dict())
    whole.lm_head.load_state_dict(trunk.lm_head.state_dict())
    whole.save_pretrained(folder)


def _trained_tokenizer() -> PreTrainedTokenizerFast:
    specials = ["<|endoftext|>", "<|im_start|>", "<|im_end|>", "<pad>", *IMAGE_TOKENS.values()]
    raw = Tokenizer(models.BPE())
    raw.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    raw.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY,
        special_tokens=specials,
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    raw.train_from_iterator([f"{sentence}\n" for sentence in SENTENCES], trainer=trainer)
    return PreTrainedTokenizerFast(tokenizer_object=raw, **BOUNDS, extra_special_tokens=IMAGE_TOKENS)


def _write_configuration(
    shape: Backbone, text: dict[str, Any], tokenizer: PreTrainedTokenizerFast, folder: Path
) -> SmolVLMConfig:
    vision = shape.vision
    config = SmolVLMConfig(
        vision_config={
            "hidden_size": vision.width,
            "intermediate_size": 4 * vision.width,
            "num_hidden_layers": vision.layers,
            "num_attention_heads": vision.heads,
            "image_size": vision.image_size,
            "patch_size": vision.patch_size,
        },
        text_config=text,
        scale_factor=shape.scale,
        image_token_id=tokenizer.convert_tokens_to_ids(IMAGE_TOKENS["image_token"]),
        pad_token_id=tokenizer.pad_token_id,
    )
    config.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    side = {"longest_edge": vision.image_size}
    image_tokens = (vision.image_size // vision.patch_size // shape.scale) ** 2
    for name, content in {
        "preprocessor_config": {
            "image_processor_type": "SmolVLMImageProcessor",
            "do_resize": True,
            "do_image_splitting": False,
            "size": side,
            "max_image_size": side,
            "image_mean": [0.5] * 3,
            "image_std": [0.5] * 3,
        },
        "video_preprocessor_config": {
            "video_processor_type": "SmolVLMVideoProcessor",
            "size": side,
            "max_image_size": side,
            "video_sampling": {"fps": 1, "max_frames": 4, "video_size": side},
        },
        "processor_config": {"processor_class": "SmolVLMProcessor", "image_seq_len": image_tokens},
    }.items():
        (folder / f"{name}.json").write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
    return config


def _identity(source: Path) -> str:
    files = {path.name: path.stat().st_size for path in sorted(source.iterdir()) if path.is_file()}
    return canonical_digest([files, (source / "config.json").read_text(encoding="utf-8")])[:8]


def _build_beside(folder: Path, write: Any) -> None:
    """Build in a temporary sibling and rename it, so that a killed build never looks finished."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    beside = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
    try:
        write(beside)
        try:
            beside.rename(folder)
        except OSError:
            # Another process was first; its result is the same.
            if not folder.is_dir():
                raise
    finally:
        shutil.rmtree(beside, ignore_errors=True)
