"""What kind of model a single file holds, by the names and shapes of its weights; needs no torch."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence

from dbsweep.errors import ModelError
from dbsweep.models.sources import ONLY_SD, more_channels

UNET_PREFIX = "model.diffusion_model."
EMA_PREFIX = "model_ema."
VAE_PREFIX = "first_stage_model."
CLIP_PREFIX = "cond_stage_model.transformer.text_model."
OPEN_CLIP_PREFIX = "cond_stage_model.model."
LATER_CLIP_PREFIX = "conditioner.embedders.0.model."
"""SD 2's text encoder in files of Stability's later code (generative-models), such as SD Turbo."""

_OTHERS = {
    "conditioner.embedders.0.transformer.": "an SDXL model",
    "conditioner.embedders.1.": "an SDXL model",
    f"{UNET_PREFIX}joint_blocks.": "a Stable Diffusion 3 model",
    "joint_blocks.": "a Stable Diffusion 3 model",
    f"{UNET_PREFIX}double_blocks.": "a Flux model",
    "double_blocks.": "a Flux model",
    f"{UNET_PREFIX}label_emb.": "an unCLIP model, SDXL's refiner or another whose UNet reads labels",
    f"{UNET_PREFIX}time_embed.cond_proj.": "a latent consistency model (LCM)",
    "control_model.": "a ControlNet",
}
"""Beginnings of names that only other kinds of file have."""

_LORAS = {"lora_": "a LoRA, not a model", "unet.": "a LoRA or another part, not a model"}
"""The same, of what holds no whole model."""


def is_sd2(names: Iterable[str]) -> bool:
    """Whether a Stable Diffusion's text encoder is that of its second version."""
    return any(name.startswith((OPEN_CLIP_PREFIX, LATER_CLIP_PREFIX)) for name in names)


def refuse_other_kinds(path: str, shapes: Mapping[str, Sequence[int]]) -> None:
    """ModelError, naming the kind, for what is no Stable Diffusion 1.x or 2.x that draws from text alone."""
    for beginning, kind in _LORAS.items():
        if any(name.startswith(beginning) for name in shapes):
            raise ModelError(
                f"base model {path}: this is {kind}; name the run that has trained it (RUN@best), or of another program"
                " what it makes of the LoRA and its base model as one file"
            )
    for beginning, kind in _OTHERS.items():
        if any(name.startswith(beginning) for name in shapes):
            raise ModelError(f"base model {path}: this is {kind}; {ONLY_SD}")
    first, latents = shapes.get(f"{UNET_PREFIX}input_blocks.0.0.weight"), shapes.get(f"{UNET_PREFIX}out.2.weight")
    if first is not None and latents is not None and len(first) == 4 and first[1] > latents[0]:
        raise ModelError(f"base model {path}: this is {more_channels(first[1], latents[0])}; {ONLY_SD}")


def check_parts(path: str, names: Collection[str], *, needs_vae: bool) -> None:
    """ModelError unless the file has a UNet, a text encoder and, unless another is used, a VAE."""
    prefixes: dict[str, tuple[str, ...]] = {
        "UNet": (UNET_PREFIX,),
        "text encoder": ("cond_stage_model.", LATER_CLIP_PREFIX),
        **({"VAE": (VAE_PREFIX,)} if needs_vae else {}),
    }
    missing = [part for part, beginnings in prefixes.items() if not any(name.startswith(beginnings) for name in names)]
    if missing == ["VAE"]:
        raise ModelError(
            f"base model {path}: it has no VAE; name one: vae: stabilityai/sd-vae-ft-mse, or a folder or file"
        )
    if missing:
        raise ModelError(f"base model {path}: not a whole Stable Diffusion model, it has no {' and no '.join(missing)}")
