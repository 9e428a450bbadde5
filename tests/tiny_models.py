"""A Stable Diffusion of random weights, small enough to be made anew in every test session."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

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


SD1_UNET: dict[str, Any] = {
    "sample_size": 64,
    "block_out_channels": (320, 640, 1280, 1280),
    "cross_attention_dim": 768,
    "attention_head_dim": 8,
}
SD2_UNET: dict[str, Any] = {
    "sample_size": 96,
    "block_out_channels": (320, 640, 1280, 1280),
    "cross_attention_dim": 1024,
    "attention_head_dim": (5, 10, 20, 20),
    "use_linear_projection": True,
}
SD_VAE: dict[str, Any] = {
    "latent_channels": 4,
    "layers_per_block": 2,
    "block_out_channels": (128, 256, 512, 512),
    "down_block_types": ("DownEncoderBlock2D",) * 4,
    "up_block_types": ("UpDecoderBlock2D",) * 4,
    "scaling_factor": 0.18215,
}
SD1_TEXT: dict[str, Any] = {
    "hidden_size": 768,
    "intermediate_size": 3072,
    "num_hidden_layers": 12,
    "num_attention_heads": 12,
}
SD2_TEXT: dict[str, Any] = {
    "hidden_size": 1024,
    "intermediate_size": 4096,
    "num_hidden_layers": 23,
    "num_attention_heads": 16,
    "hidden_act": "gelu",
}
"""The published configurations, where they differ from the classes' defaults."""


def published_parts(version: int) -> dict[str, torch.nn.Module]:
    """SD 1.5's or 2.1's networks at full size, to be made on the meta device."""
    text = {1: SD1_TEXT, 2: SD2_TEXT}[version]
    return {
        "vae": AutoencoderKL(**SD_VAE),
        "text_encoder": CLIPTextModel(CLIPTextConfig(vocab_size=49408, **text)),
        "unet": UNet2DConditionModel(**{1: SD1_UNET, 2: SD2_UNET}[version]),
    }


def narrow_parts(version: int, tokenizer: CLIPTokenizer) -> dict[str, torch.nn.Module]:
    """SD 1.5's or 2.1's networks with all their layers and few channels (1M parameters), for 64×64 images."""
    text, unet = {1: SD1_TEXT, 2: SD2_TEXT}[version], {1: SD1_UNET, 2: SD2_UNET}[version]
    few = {"block_out_channels": (8, 16, 16, 16), "norm_num_groups": 4}
    heads = 2 if version == 1 else (2, 4, 4, 4)
    ids = {"bos_token_id": len(tokenizer) - 2, "eos_token_id": len(tokenizer) - 1, "pad_token_id": len(tokenizer) - 1}
    narrow = {"hidden_size": 32, "intermediate_size": 64, "num_attention_heads": 4, "projection_dim": 32}
    return {
        "vae": AutoencoderKL(**SD_VAE | few | {"block_out_channels": (8, 8, 8, 8), "sample_size": 64}),
        "text_encoder": CLIPTextModel(CLIPTextConfig(vocab_size=len(tokenizer), **text | narrow | ids)),
        "unet": UNet2DConditionModel(
            **unet | few | {"sample_size": 8, "cross_attention_dim": 32, "attention_head_dim": heads}
        ),
    }


def write_pipeline(
    folder: Path, *, seed: int = 0, prediction_type: str = "epsilon", version: int | None = None
) -> Path:
    """Writes an ordinary diffusers pipeline folder and returns it.

    Args:
        version: 1 or 2 for all the layers of SD 1.5 or 2.1; None for a model of two levels.
    """
    torch.manual_seed(seed)
    tokenizer = make_tokenizer()
    smallest: dict[str, Any] = {
        "vae": make_vae,
        "unet": make_unet,
        "text_encoder": lambda: make_text_encoder(len(tokenizer)),
    }
    networks = (
        {name: make() for name, make in smallest.items()} if version is None else narrow_parts(version, tokenizer)
    )
    parts: dict[str, Any] = {**networks, "tokenizer": tokenizer}
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
