"""The shapes of MiniSD's networks: an SD 1.5 scaled down to 64 pixels and a few million parameters."""

from __future__ import annotations

from typing import Any, Final

import open_clip
from diffusers import AutoencoderKL, DDIMScheduler, UNet2DConditionModel
from torch import nn
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

LATENT_CHANNELS: Final = 8
LATENT_SIZE: Final = 8
TEXT_WIDTH: Final = 160

NOISE_SCHEDULE: Final[dict[str, Any]] = {
    "num_train_timesteps": 1000,
    "beta_start": 0.00085,
    "beta_end": 0.012,
    "beta_schedule": "scaled_linear",
    "clip_sample": False,
    "set_alpha_to_one": False,
    "steps_offset": 1,
    "prediction_type": "epsilon",
}
"""The noise schedule of SD 1.5."""


CLIP_CONFIG: Final[dict[str, Any]] = {
    "model_cfg": {
        "embed_dim": 128,
        "vision_cfg": {"image_size": 64, "layers": 4, "width": 128, "head_width": 32, "patch_size": 8},
        "text_cfg": {
            "context_length": 77,
            "vocab_size": 1921,
            "width": 96,
            "heads": 3,
            "layers": 2,
            "hf_tokenizer_name": "minisd",
        },
    },
    "preprocess_cfg": {
        "mean": [0.5, 0.5, 0.5],
        "std": [0.5, 0.5, 0.5],
        "interpolation": "bicubic",
        "resize_mode": "shortest",
    },
}
"""`open_clip_config.json`. A tokenizer name makes open_clip read the tokenizer from the model's own folder."""


def new_autoencoder() -> AutoencoderKL:
    """Return an untrained autoencoder: 64×64×3 pixels to 8×8×8 latents, thin where the image is large."""
    return AutoencoderKL(
        in_channels=3,
        out_channels=3,
        down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4,
        block_out_channels=(16, 48, 96, 128),
        layers_per_block=1,
        latent_channels=LATENT_CHANNELS,
        norm_num_groups=4,
        sample_size=64,
    )


def new_unet() -> UNet2DConditionModel:
    """Return an untrained denoiser: wide and shallow, because the latents are only 8×8."""
    return UNet2DConditionModel(
        sample_size=LATENT_SIZE,
        in_channels=LATENT_CHANNELS,
        out_channels=LATENT_CHANNELS,
        down_block_types=("CrossAttnDownBlock2D", "DownBlock2D"),
        up_block_types=("UpBlock2D", "CrossAttnUpBlock2D"),
        block_out_channels=(128, 128),
        layers_per_block=1,
        cross_attention_dim=TEXT_WIDTH,
        attention_head_dim=4,
        norm_num_groups=16,
    )


def new_text_encoder(tokenizer: CLIPTokenizer) -> CLIPTextModel:
    """Return an untrained text encoder for the vocabulary of `tokenizer`."""
    config = CLIPTextConfig(
        vocab_size=len(tokenizer),
        hidden_size=TEXT_WIDTH,
        intermediate_size=3 * TEXT_WIDTH,
        num_hidden_layers=4,
        num_attention_heads=4,
        max_position_embeddings=77,
        projection_dim=TEXT_WIDTH,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    return CLIPTextModel(config)


def new_clip() -> nn.Module:
    """Return an untrained open_clip model: a vision transformer on 8-pixel patches and a small text tower."""
    config = CLIP_CONFIG["model_cfg"]
    model: nn.Module = open_clip.CLIP(
        embed_dim=config["embed_dim"],
        vision_cfg=config["vision_cfg"],
        text_cfg=config["text_cfg"],
    )
    return model


def new_scheduler() -> DDIMScheduler:
    """Return the scheduler that is saved with the pipeline."""
    return DDIMScheduler(**NOISE_SCHEDULE)
