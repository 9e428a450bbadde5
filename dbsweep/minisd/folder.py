"""How a trained set of weights is written: a diffusers pipeline and an open_clip folder."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import torch
from diffusers import AutoencoderKL, StableDiffusionPipeline, UNet2DConditionModel
from safetensors.torch import save_file
from torch import nn
from transformers import CLIPTextModel, CLIPTokenizer

from dbsweep.minisd.architecture import CLIP_CONFIG, new_scheduler
from dbsweep.minisd.tokenizer import save_tokenizer


def replace_folder(folder: Path, write: Callable[[Path], None]) -> None:
    """Write a folder beside its place and swap it in, so that a reader never sees half of it."""
    fresh, old = folder.with_name(f".{folder.name}.new"), folder.with_name(f".{folder.name}.old")
    for leftover in (fresh, old):
        shutil.rmtree(leftover, ignore_errors=True)
    fresh.parent.mkdir(parents=True, exist_ok=True)
    write(fresh)
    for file in fresh.rglob("*.safetensors"):
        file.chmod(0o644)
    if folder.exists():
        folder.rename(old)
    fresh.rename(folder)
    shutil.rmtree(old, ignore_errors=True)


def save_pipeline(
    folder: Path,
    vae: AutoencoderKL,
    unet: UNet2DConditionModel,
    text_encoder: CLIPTextModel,
    tokenizer: CLIPTokenizer,
) -> None:
    """Write an ordinary `StableDiffusionPipeline` folder in fp16 safetensors."""
    pipeline = StableDiffusionPipeline(
        vae=vae,
        text_encoder=text_encoder,
        tokenizer=tokenizer,
        unet=unet,
        scheduler=new_scheduler(),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )

    def write(target: Path) -> None:
        pipeline.to(dtype=torch.float16).save_pretrained(target, safe_serialization=True)
        save_tokenizer(tokenizer, target / "tokenizer")
        _load_as_float32(target / "text_encoder" / "config.json")
        for part in ("vae", "unet"):
            _forget_origin(target / part / "config.json")

    replace_folder(folder, write)
    pipeline.to(dtype=torch.float32)


def _load_as_float32(config_path: Path) -> None:
    """Make transformers widen the fp16 weights when nothing else is asked, as diffusers does for its own parts."""
    config = json.loads(config_path.read_text(encoding="utf-8"))
    config["dtype"] = "float32"
    config_path.write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")


def _forget_origin(config_path: Path) -> None:
    """Take out the folder that diffusers noted a part to have been loaded from."""
    config = json.loads(config_path.read_text(encoding="utf-8"))
    config.pop("_name_or_path", None)
    config_path.write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")


def save_clip(folder: Path, model: nn.Module, tokenizer: CLIPTokenizer) -> None:
    """Write an open_clip folder: config, fp16 weights, and the tokenizer beside them."""

    def write(target: Path) -> None:
        target.mkdir(parents=True)
        (target / "open_clip_config.json").write_text(json.dumps(CLIP_CONFIG, indent=2) + "\n", encoding="utf-8")
        weights = {name: value.detach().half().contiguous() for name, value in model.state_dict().items()}
        save_file(weights, target / "open_clip_model.safetensors", metadata={"format": "pt"})
        save_tokenizer(tokenizer, target)

    replace_folder(folder, write)


def file_hashes(root: Path) -> dict[str, str]:
    """Return the SHA-256 of every file under `root`, by its path relative to `root`."""
    files = sorted(path for path in root.rglob("*") if path.is_file())
    return {path.relative_to(root).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def total_bytes(root: Path) -> int:
    """Return the size of all files under `root`."""
    return sum(path.stat().st_size for path in root.rglob("*") if path.is_file())
