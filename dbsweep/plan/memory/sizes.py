"""How large the base models are: parameters, those of a LoRA, and the shapes that a training pass depends on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from dbsweep.config.lora import Targets
from dbsweep.config.optimization import OptimizerName
from dbsweep.plan.memory.activations import TextShape, UNetShape

MOMENTS_BYTES: Final[Mapping[OptimizerName, float]] = {
    "adamw": 8,
    "adamw_8bit": 2,
    "paged_adamw_8bit": 2,
    "lion_8bit": 1,
    "paged_lion_8bit": 1,
    "adafactor": 1.9,
    "prodigy": 16,
}
"""Of a parameter. Adafactor keeps sums of a tensor's last two sides: 1.9 bytes by the shapes of SD 1, where 3×3 kernels
are many, 1.4 of SD 2. Prodigy also keeps where it started and a running sum of gradients."""


@dataclass(frozen=True, slots=True)
class ModelSize:
    """A base model's size.

    Attributes:
        name: for the person.
        unet, text_encoder, vae: parameters.
        lora: parameters of a LoRA of rank 1, by the network that it is around and `train.lora_targets`: counted.
        dora: those that DoRA adds at any rank, likewise: a magnitude of each feature that a layer gives.
        unet_shape, text_shape: what a training pass keeps depends on.
        vae_features: of the VAE's widest tensors at full resolution.
    """

    name: str
    unet: int
    text_encoder: int
    vae: int
    lora: Mapping[str, Mapping[Targets, int]]
    dora: Mapping[str, Mapping[Targets, int]]
    unet_shape: UNetShape
    text_shape: TextShape
    vae_features: int

    def trained(self, lora_rank: int, lora_targets: Targets, *, dora: bool, text_encoder: bool) -> int:
        """Parameters that train; the text encoder's count where it trains."""
        if lora_rank == 0:
            return self.unet + (self.text_encoder if text_encoder else 0)
        networks = ("unet", "text_encoder") if text_encoder else ("unet",)
        factors = lora_rank * sum(self.lora[network][lora_targets] for network in networks)
        return factors + (sum(self.dora[network][lora_targets] for network in networks) if dora else 0)


_VAE, _VAE_FEATURES = 83_700_000, 256
_UNET_SHAPE = UNetShape(channels=(320, 640, 1280, 1280), layers=2, attends=(True, True, True, False))

MINISD = ModelSize(
    name="MiniSD's size",
    unet=5_740_000,
    text_encoder=1_350_000,
    vae=3_220_000,
    lora={
        "unet": {"attention": 8_448, "linear": 17_664, "convolution": 46_848},
        "text_encoder": {"attention": 5_120, "linear": 10_240, "convolution": 10_240},
    },
    dora={
        "unet": {"attention": 4_096, "linear": 9_728, "convolution": 12_544},
        "text_encoder": {"attention": 2_560, "linear": 5_120, "convolution": 5_120},
    },
    unet_shape=UNetShape(channels=(128, 128), layers=1, attends=(True, False)),
    text_shape=TextShape(width=160, layers=4, hidden=480, quick=True),
    vae_features=48,
)
SD1 = ModelSize(
    name="Stable Diffusion 1's size",
    unet=860_000_000,
    text_encoder=123_000_000,
    vae=_VAE,
    lora={
        "unet": {"attention": 199_296, "linear": 423_936, "convolution": 1_002_496},
        "text_encoder": {"attention": 73_728, "linear": 165_888, "convolution": 165_888},
    },
    dora={
        "unet": {"attention": 99_840, "linear": 237_120, "convolution": 295_360},
        "text_encoder": {"attention": 36_864, "linear": 82_944, "convolution": 82_944},
    },
    unet_shape=_UNET_SHAPE,
    text_shape=TextShape(width=768, layers=12, hidden=3072, quick=True),
    vae_features=_VAE_FEATURES,
)
SD2 = ModelSize(
    name="Stable Diffusion 2's size",
    unet=866_000_000,
    text_encoder=340_000_000,
    vae=_VAE,
    lora={
        "unet": {"attention": 207_488, "linear": 432_128, "convolution": 1_010_688},
        "text_encoder": {"attention": 188_416, "linear": 423_936, "convolution": 423_936},
    },
    dora={
        "unet": {"attention": 99_840, "linear": 237_120, "convolution": 295_360},
        "text_encoder": {"attention": 94_208, "linear": 211_968, "convolution": 211_968},
    },
    unet_shape=_UNET_SHAPE,
    text_shape=TextShape(width=1024, layers=23, hidden=4096, quick=False),
    vae_features=_VAE_FEATURES,
)
