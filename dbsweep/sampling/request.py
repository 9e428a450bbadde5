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
class ImageRequest:
    """One image; equal requests give equal images, whatever is drawn beside them.

    Attributes:
        prompt, negative_prompt: with A1111's attention grammar (`dbsweep.sampling.grammar`).
        seed: of the starting noise and of the noise that ancestral samplers add.
        guidance_scale: CFG scale, at least 1; 1 is without guidance, and without the negative prompt.
        num_inference_steps: sampling steps, 1 to 1000.
        sampler: A1111's name (`dbsweep.sampling.schedulers.SAMPLERS`).
        width, height: pixels, multiples of 8 up to 16,384.

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
