"""A Stable Diffusion of random weights, small enough to be made anew in every test session."""

from __future__ import annotations

import json
from pathlib import Path

import torch
from diffusers import AutoencoderKL, UNet2DConditionModel
from tokenizers.pre_tokenizers import ByteLevel
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

WORDS = (
    "photo",
    "of",
    "ohwx",
    "sks",
    "man",
    "woman",
    "dog",
    "ink",
    "poster",
    "pencil",
    "sketch",
    "style",
    "red",
    "hair",
)
"""Words that are one token each; all others are spelled in bytes."""

SCHEDULER = {
    "_class_name": "PNDMScheduler",
    "beta_end": 0.012,
    "beta_schedule": "scaled_linear",
    "beta_start": 0.00085,
    "clip_sample": False,
    "num_train_timesteps": 1000,
    "set_alpha_to_one": False,
    "skip_prk_steps": True,
    "steps_offset": 1,
    "trained_betas": None,
}
"""The scheduler configuration of SD 1.5."""


def vocabulary() -> tuple[dict[str, int], list[tuple[str, str]]]:
    """A byte-level BPE vocabulary and its merges, special tokens last as in CLIP's own."""
    alphabet = sorted(ByteLevel.alphabet())
    merges: list[tuple[str, str]] = []
    for word in WORDS:
        pieces = [*word[:-1], word[-1] + "</w>"]
        for end in range(1, len(pieces)):
            merges.append(("".join(pieces[:end]), pieces[end]))
    unique = list(dict.fromkeys(merges))
    tokens = [*alphabet, *(c + "</w>" for c in alphabet), *dict.fromkeys(a + b for a, b in unique)]
    tokens += ["<|startoftext|>", "<|endoftext|>"]
    return {token: index for index, token in enumerate(tokens)}, unique


def make_tokenizer() -> CLIPTokenizer:
    """CLIP's tokenizer over the small vocabulary, 77 tokens long."""
    vocab, merges = vocabulary()
    return CLIPTokenizer(vocab=vocab, merges=merges, model_max_length=77)


def make_text_encoder(vocab_size: int, width: int = 32) -> CLIPTextModel:
    """Two layers; SD 1.5's activation."""
    config = CLIPTextConfig(
        vocab_size=vocab_size,
        hidden_size=width,
        intermediate_size=2 * width,
        projection_dim=width,
        num_hidden_layers=2,
        num_attention_heads=4,
        max_position_embeddings=77,
        hidden_act="quick_gelu",
        bos_token_id=vocab_size - 2,
        eos_token_id=vocab_size - 1,
        pad_token_id=vocab_size - 1,
    )
    return CLIPTextModel(config)


def make_unet(width: int = 32) -> UNet2DConditionModel:
    """Two levels, one of them with cross attention, for 8×8 latents."""
    return UNet2DConditionModel(
        sample_size=8,
        in_channels=4,
        out_channels=4,
        layers_per_block=1,
        block_out_channels=(16, 32),
        down_block_types=("CrossAttnDownBlock2D", "DownBlock2D"),
        up_block_types=("UpBlock2D", "CrossAttnUpBlock2D"),
        cross_attention_dim=width,
        attention_head_dim=4,
        norm_num_groups=8,
    )


def make_vae() -> AutoencoderKL:
    """Compresses 8 times a side into 4 channels, as SD's does."""
    return AutoencoderKL(
        sample_size=64,
        latent_channels=4,
        layers_per_block=1,
        block_out_channels=(8, 8, 8, 16),
        down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4,
        norm_num_groups=4,
        scaling_factor=0.18215,
    )


def write_pipeline(folder: Path, *, seed: int = 0, prediction_type: str = "epsilon") -> Path:
    """Writes an ordinary diffusers pipeline folder and returns it."""
    torch.manual_seed(seed)
    tokenizer = make_tokenizer()
    parts = {
        "vae": make_vae(),
        "text_encoder": make_text_encoder(len(tokenizer)),
        "tokenizer": tokenizer,
        "unet": make_unet(),
    }
    for name, part in parts.items():
        part.save_pretrained(folder / name)
    scheduler = {**SCHEDULER, "prediction_type": prediction_type}
    (folder / "scheduler").mkdir()
    (folder / "scheduler" / "scheduler_config.json").write_text(json.dumps(scheduler, indent=2))
    index = {
        "_class_name": "StableDiffusionPipeline",
        "feature_extractor": [None, None],
        "image_encoder": [None, None],
        "requires_safety_checker": False,
        "safety_checker": [None, None],
        "scheduler": ["diffusers", "PNDMScheduler"],
        "text_encoder": ["transformers", "CLIPTextModel"],
        "tokenizer": ["transformers", "CLIPTokenizer"],
        "unet": ["diffusers", "UNet2DConditionModel"],
        "vae": ["diffusers", "AutoencoderKL"],
    }
    (folder / "model_index.json").write_text(json.dumps(index, indent=2))
    return folder
