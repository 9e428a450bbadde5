"""Counter-based randomness: a draw depends on the seed, its purpose and its counters, never on earlier draws."""

from __future__ import annotations

import hashlib
from enum import StrEnum

import numpy as np
import torch


class Purpose(StrEnum):
    """What a draw is for; a new purpose never changes the draws of another."""

    ORDER = "order"  # counters: epoch
    PARTNER = "partner"  # epoch, instance image
    TIMESTEP = "timestep"  # epoch, instance image, half
    LATENT = "latent"  # epoch, instance image, half
    NOISE = "noise"  # epoch, instance image, half
    NOISE_OFFSET = "noise offset"  # epoch, instance image, half
    MULTIRES = "multires noise"  # epoch, instance image, half
    PERTURBATION = "perturbation"  # epoch, instance image, half
    CAPTION = "caption"  # epoch, instance image, half
    TAGS = "tags"  # epoch, instance image, half
    FLIP = "flip"  # epoch, instance image
    CROP = "crop"  # epoch, instance image
    VALIDATION = "validation"  # held-out photo, draw
    DROPOUT = "dropout"  # step
    LORA = "lora"  # letters of the network's name


def key(seed: int, purpose: Purpose, *counters: int) -> int:
    """128 bits that stand for the seed, the purpose and the counters (BLAKE2b)."""
    text = "/".join([str(seed), purpose.value, *map(str, counters)])
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=16).digest(), "little")


def generator(seed: int, purpose: Purpose, *counters: int) -> np.random.Generator:
    """A fresh Philox generator for one draw (Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3")."""
    return np.random.Generator(np.random.Philox(key=key(seed, purpose, *counters)))


def seed_torch(seed: int, device: torch.device) -> None:
    """Seeds what torch's own draws on a device come from, dropout's among them.

    On the CPU its generator alone: `torch.manual_seed` leaves word for every other kind of device too, each time with
    the stack that asked for it, which takes as long as a hundredth of MiniSD's step.
    """
    if device.type == "cpu":
        torch.default_generator.manual_seed(seed)
    else:
        torch.manual_seed(seed)
