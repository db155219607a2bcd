"""Compute the frozen part of a training step once per frame: keys and values of its images and its sentence.

In SmolVLA's attention neither images nor language attend to the state or to the actions. So while the backbone is
frozen, what they contribute to each layer is the same whenever a frame is trained on, and needs no gradient. A step
then computes the state's token and the action expert alone (LeRobot does the same between the steps of denoising).

Each frame is computed by itself, so that its bits depend on no other frame: with a cache, too, results do not depend
on which worker trains a client. They differ from those without a cache by the rounding of float32.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from lerobot.policies.smolvla.modeling_smolvla import SmolVLAPolicy, make_att_2d_masks
from lerobot.utils.constants import OBS_LANGUAGE_ATTENTION_MASK, OBS_LANGUAGE_TOKENS
from torch import Tensor, nn
from torch.nn import functional
from transformers import DynamicCache

LIMIT = 512 * 1024**2  # bytes of keys and values for one client's frames; with more of them nothing is cached


class PrefixCache:
    """The keys and values of frames, by the frames' numbers; of a policy for which `is_valid` and `fits`."""

    def __init__(self, policy: SmolVLAPolicy) -> None:
        self._policy = policy
        self._kept: dict[int, tuple[Tensor, Tensor]] = {}

    def loss(self, batch: dict[str, Any], frames: Sequence[int]) -> Tensor:
        """Return the policy's loss for a preprocessed batch of these frames."""
        for place, frame in enumerate(frames):
            if frame not in self._kept:
                self._kept[frame] = self._prefix(_one(batch, place))
        kept, masks = zip(*(self._kept[frame] for frame in frames), strict=True)
        prefix, mask = torch.stack(kept, dim=2), torch.stack(masks)

        def forward(*given: Any) -> Tensor:
            return self._losses(prefix, mask, *given[4:])

        with replaced(self._policy, prepare_images=lambda _: ([], [])), replaced(self._policy.model, forward=forward):
            loss: Tensor = self._policy.forward(batch)[0]
        return loss

    @torch.no_grad()
    def _prefix(self, batch: dict[str, Any]) -> tuple[Tensor, Tensor]:
        """Return a frame's keys and values (layers, 2, heads, tokens, width), and which tokens are none (tokens,)."""
        model = self._policy.model
        images, image_masks = self._policy.prepare_images(batch)
        words = batch[OBS_LANGUAGE_TOKENS], batch[OBS_LANGUAGE_ATTENTION_MASK]
        made = model.embed_prefix(images, image_masks, *words, state=self._policy.prepare_state(batch))
        embedded, real, attends = (part[:, :-1] for part in made)  # the last token is the state
        _, cache = model.vlm_with_expert.forward(
            attention_mask=make_att_2d_masks(real, attends),
            position_ids=torch.cumsum(real, dim=1) - 1,
            inputs_embeds=[embedded, None],
            use_cache=True,
        )
        return torch.stack([torch.stack((layer.keys[0], layer.values[0])) for layer in cache.layers]), real[0]

    def _losses(
        self,
        prefix: Tensor,
        mask: Tensor,
        state: Tensor,
        actions: Tensor,
        noise: Tensor | None = None,
        time: Tensor | None = None,
    ) -> Tensor:
        """Return what `VLAFlowMatching.forward` does, whose names and order of random numbers are kept."""
        model = self._policy.model
        noise = model.sample_noise(actions.shape, actions.device) if noise is None else noise
        time = model.sample_time(actions.shape[0], actions.device) if time is None else time
        share = time[:, None, None]
        suffix, suffix_real, suffix_attends = model.embed_suffix(share * noise + (1 - share) * actions, time)
        own = model.state_proj(state)[:, None, :]
        one = torch.ones_like(mask[:, :1])
        real = torch.cat([mask, one, suffix_real], dim=1)
        attends = torch.cat([torch.zeros_like(mask), one, suffix_attends.bool()], dim=1)
        length = mask.shape[1]
        cache = DynamicCache()
        for number, (keys, values) in enumerate(prefix):
            cache.update(keys, values, number)
        stack = model.vlm_with_expert
        with replaced(stack, forward_cross_attn_layer=_cross_attention(stack)):
            (_, out), _ = stack.forward(
                attention_mask=make_att_2d_masks(real, attends)[:, length:],
                position_ids=(torch.cumsum(real, dim=1) - 1)[:, length:],
                past_key_values=cache,
                inputs_embeds=[own, suffix],
                use_cache=True,
            )
        velocity = model.action_out_proj(out[:, -model.config.chunk_size :].float())
        return functional.mse_loss(noise - actions, velocity, reduction="none")


def _cross_attention(stack: Any) -> Any:
    """Return LeRobot's cross-attention with the state's token apart: it attends to the prefix, the expert to both."""
    state_layer, expert_layer = stack.forward_attn_layer, stack.forward_cross_attn_layer

    def attention(
        layers: Any,
        embedded: list[Tensor],
        number: int,
        positions: Tensor,
        mask: Tensor,
        *rest: Any,
        past_key_values: DynamicCache,
        use_cache: bool,
    ) -> tuple[list[Tensor], DynamicCache]:
        own, expert = embedded
        split = own.shape[1]
        seen = past_key_values.layers[number].keys.shape[2] + split
        given = {"past_key_values": past_key_values, "use_cache": use_cache}
        [state], _ = state_layer(
            layers, [own, None], number, positions[:, :split], mask[:, :split, :seen], *rest, **given
        )
        [*_, action], _ = expert_layer(layers, [None, expert], number, positions[:, split:], mask, *rest, **given)
        return [state, action], past_key_values

    return attention


def is_valid(policy: nn.Module) -> bool:
    """Whether a frame's images and sentence contribute the same each time: nothing there is trained or random."""
    if not isinstance(policy, SmolVLAPolicy):
        return False
    backbone = policy.model.vlm_with_expert.vlm
    dropout = (getattr(module, "attention_dropout", getattr(module, "p", 0.0)) for module in backbone.modules())
    is_frozen = not any(value.requires_grad for value in backbone.parameters())
    return is_frozen and not any(dropout) and policy.config.prefix_length <= 0 and not policy.config.compile_model


def fits(policy: SmolVLAPolicy, frames: int, samples: int) -> bool:
    """Whether the frames' keys and values have room, and are read more often than made in a run of so many samples."""
    text, config = policy.model.vlm_with_expert.config.text_config, policy.config
    side = policy.model.vlm_with_expert.config.vision_config
    patches = (side.image_size // side.patch_size) ** 2 // policy.model.vlm_with_expert.config.scale_factor**2
    tokens = patches * len(config.image_features) + config.tokenizer_max_length
    size = 2 * policy.model.vlm_with_expert.num_vlm_layers * tokens * text.num_key_value_heads * text.head_dim * 4
    return frames * size <= LIMIT and samples >= 2 * frames


def _one(batch: Mapping[str, Any], place: int) -> dict[str, Any]:
    return {name: value[place : place + 1] for name, value in batch.items() if isinstance(value, Tensor)}


@contextmanager
def replaced(target: Any, **methods: Any) -> Iterator[None]:
    """Put functions in the place of an object's methods in the block."""
    for name, method in methods.items():
        setattr(target, name, method)
    try:
        yield
    finally:
        for name in methods:
            delattr(target, name)
