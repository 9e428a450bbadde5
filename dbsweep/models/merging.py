"""Merging by difference: what one model has learned beyond another is added to a third, one of them in memory."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import safe_open
from torch import Tensor

from dbsweep.errors import ModelError
from dbsweep.models.adapters import weight_tensors
from dbsweep.models.bundle import StableDiffusion
from dbsweep.models.refusals import without_numbers
from dbsweep.models.safetensors_file import save_tensors
from dbsweep.models.single_file.ldm_layout import is_open_clip


@dataclass(frozen=True)
class SetAside:
    """Weights of a model in a file, so that its memory is free for the next one.

    Attributes:
        name: of the model, for messages.
        path: of the file, float32; of a difference it has only what is not zero everywhere.
        is_sd2, prediction_type, shapes: of the model: what another must have too that it is added to.
    """

    name: str
    path: Path
    is_sd2: bool
    prediction_type: str
    shapes: Mapping[str, torch.Size]

    @property
    def changes_vae(self) -> bool:
        """Whether a difference is one of the VAE too."""
        with safe_open(self.path, "pt") as file:
            return any(key.startswith("vae.") for key in file.keys())  # noqa: SIM118


def set_aside(models: StableDiffusion, name: str, path: Path) -> SetAside:
    """Writes the weights of a model that was loaded in float32.

    Raises:
        ModelError: some are not finite.
    """
    weights = _finite_weights(models, name)
    save_tensors(path, {key: value.contiguous() for key, value in weights.items()})
    return _described(models, name, path)


def take_difference(trained: StableDiffusion, name: str, base: SetAside, path: Path) -> SetAside:
    """Makes the weights of ``trained`` their difference to those of ``base``, and writes what is not zero of it.

    The file of ``base`` goes, to make room.

    Raises:
        ModelError: the models are of different kinds, some weights are not finite, or there is no difference.
    """
    _refuse_unlike(trained, name, base)
    weights = _finite_weights(trained, name)
    with safe_open(base.path, "pt") as file:
        for key, value in weights.items():
            value.sub_(file.get_tensor(key))
    base.path.unlink()
    changed = {key: value.contiguous() for key, value in weights.items() if value.any()}
    if not changed:
        raise ModelError(f"{name} has the very weights of {base.name}: there is nothing that it has learned beyond it")
    save_tensors(path, changed)
    return _described(trained, name, path)


def add_difference(
    models: StableDiffusion, name: str, difference: SetAside, multiplier: float, dtype: torch.dtype
) -> None:
    """Adds ``multiplier`` times the difference to the weights of a model, in place and in float32.

    A1111's "Add difference": A + m (B - C). What is equal in B and C stays as A has it.

    Args:
        dtype: in which the weights have to stay finite, for they will be written in it.

    Raises:
        ModelError: the models are of different kinds, or some weights are not finite before or afterwards.
    """
    _refuse_unlike(models, name, difference)
    if abs(multiplier) > torch.finfo(torch.float32).max:
        raise ModelError(f"merged by {multiplier:g}, no weight would be finite: take a smaller multiplier")
    weights = _finite_weights(models, name)
    if multiplier != 0:
        with safe_open(difference.path, "pt") as file:
            for key in file.keys():  # noqa: SIM118
                weights[key].add_(file.get_tensor(key), alpha=multiplier)
    for key, value in weights.items():
        if not value.to(dtype).isfinite().all():
            raise ModelError(
                f"merged by {multiplier:g}, {key} has values too large for {str(dtype).removeprefix('torch.')}: "
                "take a smaller multiplier, or another precision"
            )


def _finite_weights(models: StableDiffusion, name: str) -> dict[str, Tensor]:
    """The weights themselves, by network and name in it; ModelError where some are not finite."""
    for part, network in models.networks.items():
        if (reason := without_numbers(network)) is not None:
            raise ModelError(f"{name}: {part} is damaged: {reason}; take another")
    weights = weight_tensors(models.networks, lambda _: True)
    return {key: each for key, each in weights.items() if each.is_floating_point()}


def _described(models: StableDiffusion, name: str, path: Path) -> SetAside:
    return SetAside(name, path, is_open_clip(models), models.prediction_type, _shapes(models))


def _shapes(models: StableDiffusion) -> dict[str, torch.Size]:
    return {key: value.shape for key, value in weight_tensors(models.networks, lambda _: True).items()}


def _refuse_unlike(models: StableDiffusion, name: str, other: SetAside) -> None:
    """ModelError unless both have the same layers and predict the same: a difference means nothing elsewhere."""
    versions = [2 if is_sd2 else 1 for is_sd2 in (is_open_clip(models), other.is_sd2)]
    if versions[0] != versions[1]:
        raise ModelError(
            f"{name} is a Stable Diffusion {versions[0]} and {other.name} a Stable Diffusion {versions[1]}: only "
            "models of one family can be merged"
        )
    if models.prediction_type != other.prediction_type:
        raise ModelError(
            f"{name} predicts {models.prediction_type} and {other.name} {other.prediction_type}: only models that "
            "predict the same can be merged"
        )
    shapes = _shapes(models)
    for key in sorted({*shapes, *other.shapes}, key=lambda key: (key in shapes and key in other.shapes, key)):
        if key not in shapes or key not in other.shapes:
            has, lacks = (name, other.name) if key in shapes else (other.name, name)
            raise ModelError(f"{has} has {key} and {lacks} has not: only models of the same layers can be merged")
        if shapes[key] != other.shapes[key]:
            raise ModelError(
                f"{key} is {tuple(shapes[key])} in {name} and {tuple(other.shapes[key])} in {other.name}: only models "
                "of the same layers can be merged"
            )
