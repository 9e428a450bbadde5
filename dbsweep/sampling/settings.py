"""With what a prompt is to be drawn, as far as somebody has said."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Any

from dbsweep.sampling.infotext import ImageInfo
from dbsweep.sampling.request import ImageRequest, Picture


@dataclass(frozen=True)
class DrawSettings:
    """Settings of a prompt; None is what was not said.

    Attributes:
        images_per_prompt: image i has seed + i (A1111's rule).
        clip_skip: as in `dbsweep.sampling.conditioning.encode_prompts`.
        negative_prompt, seed, guidance_scale, num_inference_steps, sampler, width, height: as in
            `dbsweep.sampling.request.ImageRequest`.
    """

    negative_prompt: str | None = None
    images_per_prompt: int | None = None
    seed: int | None = None
    guidance_scale: float | None = None
    num_inference_steps: int | None = None
    sampler: str | None = None
    width: int | None = None
    height: int | None = None
    clip_skip: int | None = None

    def over(self, others: DrawSettings) -> DrawSettings:
        """What is said here, and of the rest what others say."""
        return replace(others, **self._said())

    def pictures(self, prompt: str) -> list[Picture]:
        """The images of a prompt; what nobody has said is as in `ImageRequest`, and one image.

        Raises:
            DbsweepError: a number is out of its range.
        """
        first = ImageRequest(prompt, **{name: value for name, value in self._said().items() if name in _OF_REQUEST})
        count, clip_skip = self.images_per_prompt or 1, 1 if self.clip_skip is None else self.clip_skip
        return [Picture(replace(first, seed=first.seed + i), clip_skip) for i in range(count)]

    def _said(self) -> dict[str, Any]:
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        return {name: value for name, value in values.items() if value is not None}


_OF_REQUEST = tuple(field.name for field in fields(ImageRequest))


def settings_of(info: ImageInfo) -> DrawSettings:
    """Those of a picture's infotext, which is one image of its prompt."""
    said = {name: getattr(info.request, name) for name in _OF_REQUEST if name != "prompt"}
    return DrawSettings(**said, images_per_prompt=1, clip_skip=info.clip_skip)
