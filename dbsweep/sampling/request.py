"""What one image is drawn from."""

from __future__ import annotations

import math
from dataclasses import dataclass

from dbsweep.errors import DbsweepError

MOST_STEPS = 1000
"""Timesteps of every published Stable Diffusion: some samplers cannot take more steps."""
_LARGEST_SIDE = 16_384
"""Pixels; no machine draws more at once, and a slip of the finger must not be told as a lack of memory."""


@dataclass(frozen=True)
class Hires:
    """A second pass over an enlarged picture, A1111's "Hires. fix".

    Attributes:
        scale: how many times larger a side becomes, at least 1; rounded down to whole latents.
        steps: of the second pass; 0 is as many as the first has.
        denoising: which part of the noise comes back, above 0, up to 1.
        upscaler: A1111's name (`dbsweep.sampling.upscalers.UPSCALERS`).

    Raises:
        DbsweepError: a number is out of its range.
    """

    scale: float = 2.0
    steps: int = 0
    denoising: float = 0.7
    upscaler: str = "Latent"

    def __post_init__(self) -> None:
        if not 1.0 <= self.scale < math.inf:
            raise DbsweepError(f"hires scale must be at least 1, got {self.scale}")
        if self.steps < 0:
            raise DbsweepError(f"hires steps must be at least 0, got {self.steps}")
        if not 0.0 < self.denoising <= 1.0:
            raise DbsweepError(f"denoising must be above 0 and at most 1, got {self.denoising}")

    def passes(self, first: int) -> tuple[int, int]:
        """Steps of the second pass, and of how many they are the last, by A1111's rule, when the first has so many."""
        steps = self.steps or first
        return steps, int(steps / min(self.denoising, 0.999))


@dataclass(frozen=True)
class ImageRequest:
    """One image; equal requests give equal images, whatever is drawn beside them.

    Attributes:
        prompt, negative_prompt: with A1111's attention grammar (`dbsweep.sampling.grammar`).
        seed: of the starting noise and of the noise that ancestral samplers add.
        guidance_scale: CFG scale, at least 1; 1 is without guidance, and without the negative prompt.
        num_inference_steps: sampling steps, 1 to 1000.
        sampler: A1111's name (`dbsweep.sampling.schedulers.SAMPLERS`).
        width, height: pixels, multiples of 8 up to 16,384; of the first pass, where there is a second.
        tiling: opposite edges join.
        hires: the second pass, if there is one.

    Raises:
        DbsweepError: a number is out of its range.
    """

    prompt: str
    negative_prompt: str = ""
    seed: int = 0
    guidance_scale: float = 7.5
    num_inference_steps: int = 20
    sampler: str = "DPM++ 2M Karras"
    width: int = 512
    height: int = 512
    tiling: bool = False
    hires: Hires | None = None

    def __post_init__(self) -> None:
        if not 1.0 <= self.guidance_scale < math.inf:
            raise DbsweepError(f"guidance_scale must be at least 1, got {self.guidance_scale}")
        if not 1 <= self.num_inference_steps <= MOST_STEPS:
            raise DbsweepError(
                f"num_inference_steps must be between 1 and {MOST_STEPS}, got {self.num_inference_steps}"
            )
        if not 0 <= self.seed < 2**63:
            raise DbsweepError(f"seed must be between 0 and 2^63 - 1, got {self.seed}")
        for name, value in (("width", self.width), ("height", self.height)):
            if not 8 <= value <= _LARGEST_SIDE or value % 8:
                raise DbsweepError(f"{name} must be a multiple of 8 pixels from 8 to {_LARGEST_SIDE:,}, got {value}")
        if self.hires is not None:
            self._check(self.hires)

    def _check(self, hires: Hires) -> None:
        steps, total = hires.passes(self.num_inference_steps)
        if total > MOST_STEPS:
            raise DbsweepError(
                f"{steps} hires steps at denoising {hires.denoising:g} are the last of {total:,}, and there are"
                f" {MOST_STEPS:,} at most: take fewer, or more denoising"
            )
        if max(self.width, self.height) * hires.scale > _LARGEST_SIDE:
            raise DbsweepError(f"hires scale {hires.scale:g} makes a side longer than {_LARGEST_SIDE:,} pixels")

    @property
    def together(self) -> tuple[object, ...]:
        """What requests that are drawn at once have in common."""
        return self.sampler, self.num_inference_steps, self.width, self.height, self.tiling, self.hires

    @property
    def final_size(self) -> tuple[int, int]:
        """Width and height that the last pass aims at, pixels; what is written is rounded down to whole latents."""
        scale = 1.0 if self.hires is None else self.hires.scale
        return int(self.width * scale), int(self.height * scale)

    @property
    def is_guided(self) -> bool:
        """Whether classifier-free guidance acts."""
        return self.guidance_scale > 1.0


@dataclass(frozen=True)
class Picture:
    """A request, and the text encoder's layer; `clip_skip` as in `dbsweep.sampling.conditioning.encode_prompts`.

    Raises:
        DbsweepError: a layer before the first is named.
    """

    request: ImageRequest
    clip_skip: int = 1

    def __post_init__(self) -> None:
        if self.clip_skip < 1:
            raise DbsweepError(f"clip_skip must be at least 1, got {self.clip_skip}")
