"""The weight names of the original Stable Diffusion code (CompVis), which A1111, ComfyUI and Forge load."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import TypeAlias

import torch
from torch import Tensor

from dbsweep.models.bundle import StableDiffusion
from dbsweep.models.single_file.kinds import CLIP_PREFIX, OPEN_CLIP_PREFIX, UNET_PREFIX, VAE_PREFIX

State: TypeAlias = dict[str, Tensor]

OPEN_CLIP_LAYERS = 24
"""Of SD 2's text encoder as published; it reads the output of the last but one, so diffusers keeps 23."""

_UNET_ENDS = {
    "time_embedding.linear_1": "time_embed.0",
    "time_embedding.linear_2": "time_embed.2",
    "conv_in": "input_blocks.0.0",
    "conv_norm_out": "out.0",
    "conv_out": "out.2",
    "mid_block.resnets.0": "middle_block.0",
    "mid_block.attentions.0": "middle_block.1",
    "mid_block.resnets.1": "middle_block.2",
}
_UNET_RESNET = {
    "norm1": "in_layers.0",
    "conv1": "in_layers.2",
    "time_emb_proj": "emb_layers.1",
    "norm2": "out_layers.0",
    "conv2": "out_layers.3",
    "conv_shortcut": "skip_connection",
}
_VAE_PARTS = {
    "conv_norm_out": "norm_out",
    "conv_shortcut": "nin_shortcut",
    "mid_block.resnets.0": "mid.block_1",
    "mid_block.resnets.1": "mid.block_2",
    "mid_block.attentions.0.group_norm": "mid.attn_1.norm",
    "mid_block.attentions.0.to_q": "mid.attn_1.q",
    "mid_block.attentions.0.to_k": "mid.attn_1.k",
    "mid_block.attentions.0.to_v": "mid.attn_1.v",
    "mid_block.attentions.0.to_out.0": "mid.attn_1.proj_out",
    "downsamplers.0": "downsample",
    "upsamplers.0": "upsample",
    "resnets": "block",
}
_OPEN_CLIP_PARTS = {
    "embeddings.token_embedding": "token_embedding",
    "embeddings.position_embedding.weight": "positional_embedding",
    "final_layer_norm": "ln_final",
    "encoder.layers": "transformer.resblocks",
    "layer_norm1": "ln_1",
    "layer_norm2": "ln_2",
    "mlp.fc1": "mlp.c_fc",
    "mlp.fc2": "mlp.c_proj",
    "self_attn": "attn",
}


def ldm_state(models: StableDiffusion) -> State:
    """All weights of a model under their original names, without copying what keeps its shape."""
    layers = int(models.unet.config.layers_per_block)
    has_attention = [block.startswith("CrossAttn") for block in models.unet.config.up_block_types]
    unet = {_unet_name(key, layers, has_attention): value for key, value in models.unet.state_dict().items()}
    vae_levels = len(models.vae.config.block_out_channels)
    vae = dict(_vae_entry(key, value, vae_levels) for key, value in models.vae.state_dict().items())
    text = {key.removeprefix("text_model."): value for key, value in models.text_encoder.state_dict().items()}
    return {
        **{UNET_PREFIX + key: value for key, value in unet.items()},
        **{VAE_PREFIX + key: value for key, value in vae.items()},
        **(_open_clip_state(text) if is_open_clip(models) else _clip_state(text)),
    }


def is_open_clip(models: StableDiffusion) -> bool:
    """Whether the text encoder is SD 2's; the file's layout tells programs which activation to compute with."""
    return str(models.text_encoder.config.hidden_act) == "gelu"


def _unet_name(key: str, layers: int, has_attention: list[bool]) -> str:
    """``down_blocks.0.resnets.0.norm1.weight`` → ``input_blocks.1.0.in_layers.0.weight``."""
    for ours, theirs in _UNET_ENDS.items():
        if key.startswith(f"{ours}."):
            return theirs + _in_resnet(key.removeprefix(ours))
    match = re.fullmatch(r"(down|up)_blocks\.(\d+)\.(\w+)\.(\d+)(\..+)", key)
    assert match is not None, key
    side, level, kind, layer, rest = match[1], int(match[2]), match[3], int(match[4]), match[5]
    # A level has `layers` numbered blocks and its resampling; the way up one more, and its resampling is in the last.
    if kind == "downsamplers":
        return f"input_blocks.{(level + 1) * (layers + 1)}.0.op{rest.removeprefix('.conv')}"
    if kind == "upsamplers":
        return f"output_blocks.{level * (layers + 1) + layers}.{2 if has_attention[level] else 1}{rest}"
    place = {"resnets": 0, "attentions": 1}[kind]
    number = level * (layers + 1) + layer
    if side == "down":
        return f"input_blocks.{1 + number}.{place}{_in_resnet(rest)}"
    return f"output_blocks.{number}.{place}{_in_resnet(rest)}"


def _in_resnet(rest: str) -> str:
    name, dot, tail = rest.removeprefix(".").partition(".")
    return f".{_UNET_RESNET.get(name, name)}{dot}{tail}"


def _vae_entry(key: str, value: Tensor, levels: int) -> tuple[str, Tensor]:
    name = _replace(key, _VAE_PARTS).replace("encoder.down_blocks.", "encoder.down.")
    # The original counts the decoder's levels from the image down.
    name = re.sub(r"decoder\.up_blocks\.(\d+)", lambda m: f"decoder.up.{levels - 1 - int(m[1])}", name)
    # Its attention is made of 1×1 convolutions.
    is_convolution = re.search(r"attn_1\.(q|k|v|proj_out)\.weight$", name) is not None
    return name, value[:, :, None, None] if is_convolution else value


def _clip_state(text: Mapping[str, Tensor]) -> State:
    state = {CLIP_PREFIX + key: value for key, value in text.items()}
    length = text["embeddings.position_embedding.weight"].shape[0]
    # A buffer of the transformers of that time, which some programs still look for.
    state[f"{CLIP_PREFIX}embeddings.position_ids"] = torch.arange(length)[None]
    return state


def _open_clip_state(text: Mapping[str, Tensor]) -> State:
    """OpenCLIP's names, with q, k and v in one, and what Stable Diffusion never reads but published files hold."""
    state: State = {}
    for key, value in text.items():
        name = _replace(key, _OPEN_CLIP_PARTS)
        if ".attn.q_proj." in name:
            joined = [text[key.replace(".q_proj.", f".{part}_proj.")] for part in "qkv"]
            state[name.replace(".q_proj.", ".in_proj_")] = torch.cat(joined)
        elif ".attn.k_proj." not in name and ".attn.v_proj." not in name:
            state[name] = value
    if f"transformer.resblocks.{OPEN_CLIP_LAYERS - 2}.ln_1.weight" in state:
        state |= _unread_layer(state)
    norm = text["final_layer_norm.weight"]
    state["text_projection"] = torch.eye(len(norm), dtype=norm.dtype)
    state["logit_scale"] = torch.tensor(math.log(100), dtype=norm.dtype)  # where CLIP's training caps it
    return {OPEN_CLIP_PREFIX + key: value for key, value in state.items()}


def _unread_layer(state: State) -> State:
    """A copy of the last layer as the 24th, if it is not there."""
    last, unread = (f"transformer.resblocks.{OPEN_CLIP_LAYERS - i}." for i in (2, 1))
    copies = {key.replace(last, unread): value.clone() for key, value in state.items() if key.startswith(last)}
    return {key: value for key, value in copies.items() if key not in state}


def _replace(name: str, parts: Mapping[str, str]) -> str:
    for ours, theirs in parts.items():
        name = name.replace(ours, theirs)
    return name
