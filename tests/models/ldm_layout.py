"""The weight names of the original Stable Diffusion 1 code, written out for tests of reading them."""

from __future__ import annotations

import re

from torch import Tensor

from dbsweep.models.bundle import StableDiffusion

RESNET = {
    "norm1": "in_layers.0",
    "conv1": "in_layers.2",
    "norm2": "out_layers.0",
    "conv2": "out_layers.3",
    "time_emb_proj": "emb_layers.1",
    "conv_shortcut": "skip_connection",
}
UNET_ENDS = {
    "time_embedding.linear_1": "time_embed.0",
    "time_embedding.linear_2": "time_embed.2",
    "conv_in": "input_blocks.0.0",
    "conv_norm_out": "out.0",
    "conv_out": "out.2",
    "mid_block.resnets.0": "middle_block.0",
    "mid_block.attentions.0": "middle_block.1",
    "mid_block.resnets.1": "middle_block.2",
}
VAE_MIDDLE = {"resnets.0": "block_1", "resnets.1": "block_2", "attentions.0": "attn_1"}
VAE_ATTENTION = {"group_norm": "norm", "to_q": "q", "to_k": "k", "to_v": "v", "to_out.0": "proj_out"}


def ldm_state(models: StableDiffusion) -> dict[str, Tensor]:
    """All weights of an SD 1 model under their original names."""
    state = {f"model.diffusion_model.{unet_name(models, k)}": v for k, v in models.unet.state_dict().items()}
    for key, value in models.vae.state_dict().items():
        name = vae_name(models, key)
        # The original VAE's attention is made of 1×1 convolutions.
        is_attention = re.search(r"attn_1\.(q|k|v|proj_out)\.weight$", name) is not None
        state[f"first_stage_model.{name}"] = value[:, :, None, None] if is_attention else value
    for key, value in models.text_encoder.state_dict().items():
        state[f"cond_stage_model.transformer.text_model.{key}"] = value
    return {key: value.contiguous() for key, value in state.items()}


def unet_name(models: StableDiffusion, key: str) -> str:
    """``down_blocks.0.resnets.0.norm1.weight`` → ``input_blocks.1.0.in_layers.0.weight``."""
    layers = models.unet.config.layers_per_block
    levels = len(models.unet.config.block_out_channels)
    for old, new in UNET_ENDS.items():
        if key.startswith(f"{old}."):
            return new + _resnet(key.removeprefix(old))
    side, block, kind, layer, rest = _split(key)
    level = int(block)
    if side == "down":
        number = 1 + level * (layers + 1) + (layers if kind == "downsamplers" else int(layer))
        place = {"resnets": "0", "attentions": "1", "downsamplers": "0.op"}[kind]
        return f"input_blocks.{number}.{place}" + _resnet(
            rest.removeprefix(".conv") if kind == "downsamplers" else rest
        )
    number = level * (layers + 1) + (layers if kind == "upsamplers" else int(layer))
    has_attention = models.unet.config.up_block_types[level].startswith("CrossAttn")
    assert level < levels
    place = {"resnets": "0", "attentions": "1", "upsamplers": "2" if has_attention else "1"}[kind]
    return f"output_blocks.{number}.{place}" + _resnet(rest)


def vae_name(models: StableDiffusion, key: str) -> str:
    """``decoder.up_blocks.0.resnets.0.conv1.weight`` → ``decoder.up.3.block.0.conv1.weight``."""
    levels = len(models.vae.config.block_out_channels)
    key = key.replace("conv_norm_out", "norm_out").replace("conv_shortcut", "nin_shortcut")
    for old, new in VAE_MIDDLE.items():
        key = key.replace(f"mid_block.{old}", f"mid.{new}")
    for old, new in VAE_ATTENTION.items():
        key = key.replace(f"attn_1.{old}.", f"attn_1.{new}.")
    key = re.sub(r"down_blocks\.(\d+)\.resnets", r"down.\1.block", key)
    key = re.sub(r"down_blocks\.(\d+)\.downsamplers\.0", r"down.\1.downsample", key)
    key = re.sub(r"up_blocks\.(\d+)\.resnets", lambda m: f"up.{levels - 1 - int(m[1])}.block", key)
    return re.sub(r"up_blocks\.(\d+)\.upsamplers\.0", lambda m: f"up.{levels - 1 - int(m[1])}.upsample", key)


def _split(key: str) -> tuple[str, str, str, str, str]:
    match = re.fullmatch(r"(down|up)_blocks\.(\d+)\.(\w+)\.(\d+)(\..*)", key)
    assert match is not None, key
    side, block, kind, layer, rest = match.groups()
    return side, block, kind, layer, rest


def _resnet(rest: str) -> str:
    for old, new in RESNET.items():
        if rest.startswith(f".{old}."):
            return f".{new}{rest.removeprefix(f'.{old}')}"
    return rest
