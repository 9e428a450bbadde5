"""What diffusers makes of a LoRA file."""

from __future__ import annotations

from pathlib import Path

from diffusers import StableDiffusionPipeline


def with_lora(folder: Path, file: Path) -> StableDiffusionPipeline:
    """The pipeline of a folder with a LoRA file worked into its weights."""
    pipeline = StableDiffusionPipeline.from_pretrained(folder)
    pipeline.load_lora_weights(file.parent, weight_name=file.name)
    pipeline.fuse_lora()
    pipeline.unload_lora_weights()
    return pipeline
