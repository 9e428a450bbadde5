"""Activations that are computed again on the way back in place of being kept."""

from __future__ import annotations

import functools

from torch.utils.checkpoint import checkpoint

from dbsweep.models.bundle import StableDiffusion


def set_recomputing(models: StableDiffusion, wanted: bool, *, drops_out: bool) -> None:
    """Gradient checkpointing of UNet and text encoder on or off; another trial may have left it otherwise.

    Args:
        drops_out: the networks draw random numbers, so that random states must be kept and set again, which asks the
            processor.
    """
    unet, text_encoder = models.unet, models.text_encoder
    # transformers 5 renamed its methods on the way, and warns about the old names.
    renamed = hasattr(text_encoder, "activation_checkpointing_enable")
    name = "activation_checkpointing" if renamed else "gradient_checkpointing"
    if not wanted:
        if unet.is_gradient_checkpointing:
            unet.disable_gradient_checkpointing()
            getattr(text_encoder, f"{name}_disable")()
        return
    options = {"use_reentrant": False, "preserve_rng_state": drops_out}
    unet.enable_gradient_checkpointing(functools.partial(checkpoint, **options))
    getattr(text_encoder, f"{name}_enable")(options)
