"""The shared tiny pipeline is a real one."""

from __future__ import annotations

from pathlib import Path

import torch
from diffusers import StableDiffusionPipeline


def test_diffusers_loads_and_draws_with_the_tiny_pipeline(tiny_sd: Path) -> None:
    pipeline = StableDiffusionPipeline.from_pretrained(tiny_sd)
    pipeline.set_progress_bar_config(disable=True)
    parameters = sum(p.numel() for m in (pipeline.unet, pipeline.text_encoder, pipeline.vae) for p in m.parameters())
    assert 100_000 < parameters < 300_000
    images = pipeline(
        "photo of ohwx man", num_inference_steps=2, generator=torch.Generator().manual_seed(0), output_type="np"
    ).images
    assert images.shape == (1, 64, 64, 3)
    assert pipeline.tokenizer("photo of ohwx man").input_ids[1:-1] == [
        pipeline.tokenizer.convert_tokens_to_ids(word + "</w>") for word in ("photo", "of", "ohwx", "man")
    ]
