"""A loaded model put back to its base model's weights, or to those of one of its checkpoints."""

from __future__ import annotations

from pathlib import Path

from torch import nn

from dbsweep.errors import ModelError
from dbsweep.models.adapters import remove_adapters
from dbsweep.models.bundle import StableDiffusion
from dbsweep.models.checkpoints import TEXT_ENCODER, manifest_for, read_onto_base
from dbsweep.models.hashes import weights_sha256
from dbsweep.models.loading import load_again


def restore_base(models: StableDiffusion) -> None:
    """Puts UNet and text encoder back to the weights of ``models.source``, without adapters.

    Raises:
        ModelError: the files have changed.
    """
    _without_training(models)
    fresh = load_again(models)
    if fresh.sha256 != models.sha256:
        raise ModelError(f"base model {models.source}: its files changed since they were loaded; start again")
    models.unet.load_state_dict(fresh.unet.state_dict())
    models.text_encoder.load_state_dict(fresh.text_encoder.state_dict())


def read_weights(folder: Path, models: StableDiffusion) -> None:
    """Loads a checkpoint's weights, whatever the networks have now; a text encoder never trained becomes the base's.

    Raises:
        ModelError: not a finished checkpoint, damaged, or of another base model, whose files may have changed.
    """
    manifest = manifest_for(folder, models)
    _without_training(models)
    if manifest.lora is not None or (TEXT_ENCODER not in manifest.files and _has_other_text_encoder(models)):
        restore_base(models)
    read_onto_base(folder, models)


def _without_training(models: StableDiffusion) -> None:
    """Takes off what training a LoRA leaves: adapters, and half precision, which never was the autoencoder's."""
    remove_adapters(models.networks)
    for network in (models.unet, models.text_encoder):
        nn.Module.to(network, models.vae.dtype)  # diffusers' own method warns of modules to keep in float32


def _has_other_text_encoder(models: StableDiffusion) -> bool:
    return weights_sha256({"text_encoder": models.text_encoder}) != models.text_encoder_sha256
