"""Models out: a diffusers folder, or a single file in the original layout, that other programs load."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import nn

from dbsweep.models.bundle import StableDiffusion
from dbsweep.models.durable import flush, new_folder
from dbsweep.models.safetensors_file import cast, save_tensors, write_weights
from dbsweep.models.single_file.ldm_layout import ldm_state


def save_pipeline(models: StableDiffusion, folder: Path, *, dtype: torch.dtype | None = None) -> None:
    """Writes a folder that diffusers' ``StableDiffusionPipeline.from_pretrained`` loads, whole or not at all.

    Args:
        dtype: of the weight files; None keeps the networks' own.

    Raises:
        DiskError: the disk is full; nothing is left behind.
    """
    with new_folder(folder) as temporary:
        for name, network in models.networks.items():
            _save_weights(network, temporary / name, dtype)
        models.unet.save_config(temporary / "unet")
        models.vae.save_config(temporary / "vae")
        models.text_encoder.config.save_pretrained(temporary / "text_encoder")
        models.tokenizer.save_pretrained(temporary / "tokenizer")
        # As vocab.json and merges.txt, which is all that transformers before 5 reads.
        models.tokenizer.backend_tokenizer.model.save(str(temporary / "tokenizer"))
        (temporary / "scheduler").mkdir()
        _write_json(temporary / "scheduler" / "scheduler_config.json", dict(models.scheduler_config))
        _write_json(temporary / "model_index.json", _index(models))
        for path in temporary.rglob("*.json"):
            _drop_paths(path)
        for path in temporary.rglob("*"):
            flush(path)


def save_single_file(
    models: StableDiffusion, path: Path, *, metadata: Mapping[str, str], dtype: torch.dtype | None = None
) -> None:
    """Writes a ``.safetensors`` file that A1111, ComfyUI, Forge and diffusers' ``from_single_file`` load.

    Args:
        metadata: of the header (`dbsweep.models.export.metadata.describe`).
        dtype: of all weights; None keeps the networks' own.

    Raises:
        DiskError: the disk is full; nothing is left behind.
    """
    write_weights(path, ldm_state(models), metadata, dtype=dtype)


def _save_weights(network: nn.Module, folder: Path, dtype: torch.dtype | None) -> None:
    is_text_encoder = folder.name == "text_encoder"
    folder.mkdir()
    weights = {
        # transformers before 5.6 knows only the prefixed names, later versions read both.
        f"text_model.{name.removeprefix('text_model.')}" if is_text_encoder else name: cast(value, dtype)
        for name, value in network.state_dict().items()
    }
    stem = "model" if is_text_encoder else "diffusion_pytorch_model"
    save_tensors(folder / f"{stem}.safetensors", weights, {"format": "pt"})


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


def _drop_paths(path: Path) -> None:
    """Takes out where the base model lay on this machine, which the libraries write into their configurations."""
    content = json.loads(path.read_text(encoding="utf-8"))
    kept = {key: value for key, value in content.items() if key not in ("_name_or_path", "name_or_path")}
    if kept != content:
        _write_json(path, kept)


def _write_json(path: Path, content: dict[str, object]) -> None:
    path.write_text(json.dumps(content, indent=2))
