"""Models out: a diffusers folder that other programs load."""

from __future__ import annotations

import json
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import nn

from dbsweep.models.bundle import StableDiffusion
from dbsweep.models.durable import flush, new_folder


def save_pipeline(models: StableDiffusion, folder: Path, *, dtype: torch.dtype | None = None) -> None:
    """Writes a folder that diffusers' ``StableDiffusionPipeline.from_pretrained`` loads, whole or not at all.

    Args:
        dtype: of the weight files; None keeps the networks' own.

    Raises:
        ResourceError: the disk is full; nothing is left behind.
    """
    with new_folder(folder) as temporary:
        for name, network in models.networks.items():
            _save_weights(network, temporary / name, dtype)
        models.unet.save_config(temporary / "unet")
        models.vae.save_config(temporary / "vae")
        models.text_encoder.config.save_pretrained(temporary / "text_encoder")
        models.tokenizer.save_pretrained(temporary / "tokenizer")
        (temporary / "scheduler").mkdir()
        _write_json(temporary / "scheduler" / "scheduler_config.json", dict(models.scheduler_config))
        _write_json(temporary / "model_index.json", _index(models))
        for path in temporary.rglob("*"):
            flush(path)


def _save_weights(network: nn.Module, folder: Path, dtype: torch.dtype | None) -> None:
    is_text_encoder = folder.name == "text_encoder"
    folder.mkdir()
    weights = {
        # transformers before 5.6 knows only the prefixed names, later versions read both.
        f"text_model.{name.removeprefix('text_model.')}" if is_text_encoder else name: _cast(value, dtype)
        for name, value in network.state_dict().items()
    }
    stem = "model" if is_text_encoder else "diffusion_pytorch_model"
    save_file(weights, folder / f"{stem}.safetensors", metadata={"format": "pt"})


def _cast(value: torch.Tensor, dtype: torch.dtype | None) -> torch.Tensor:
    value = value.detach().cpu()
    return (value.to(dtype) if dtype is not None and value.is_floating_point() else value).contiguous()


def _index(models: StableDiffusion) -> dict[str, object]:
    return {
        "_class_name": "StableDiffusionPipeline",
        "feature_extractor": [None, None],
        "image_encoder": [None, None],
        "requires_safety_checker": False,
        "safety_checker": [None, None],
        "scheduler": ["diffusers", models.scheduler_config.get("_class_name", "PNDMScheduler")],
        "text_encoder": ["transformers", "CLIPTextModel"],
        "tokenizer": ["transformers", "CLIPTokenizer"],
        "unet": ["diffusers", "UNet2DConditionModel"],
        "vae": ["diffusers", "AutoencoderKL"],
    }


def _write_json(path: Path, content: dict[str, object]) -> None:
    path.write_text(json.dumps(content, indent=2))
