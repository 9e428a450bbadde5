"""What diffusers draws with an exported model."""

from __future__ import annotations

import numpy as np
import torch
from diffusers import StableDiffusionPipeline


def draw(pipeline: StableDiffusionPipeline) -> np.ndarray:
    """One picture, (1, 64, 64, 3) float32 from 0 to 1; the same for the same weights."""
    pipeline.set_progress_bar_config(disable=True)
    for network in (pipeline.unet, pipeline.text_encoder, pipeline.vae):
        for parameter in network.parameters():  # where weights of a file lie in memory decides how a processor rounds
            parameter.data = parameter.data.clone()
    generator = torch.Generator().manual_seed(5)
    images: np.ndarray = pipeline(
        "photo of ohwx man", num_inference_steps=2, height=64, width=64, generator=generator, output_type="np"
    ).images
    return images
