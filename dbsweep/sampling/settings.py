"""With what a prompt is to be drawn, as far as somebody has said."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Any

from dbsweep.errors import DbsweepError
from dbsweep.sampling.infotext import ImageInfo
from dbsweep.sampling.request import Hires, ImageRequest, Picture
from dbsweep.sampling.upscalers import upscaler_named


@dataclass(frozen=True)
class DrawSettings:
    """Settings of a prompt; None is what was not said.

    Attributes:
        images_per_prompt: image i has seed + i (A1111's rule).
        clip_skip: as in `dbsweep.sampling.conditioning.encode_prompts`.
        negative_prompt, seed, guidance_scale, num_inference_steps, sampler, width, height, tiling: as in
            `dbsweep.sampling.request.ImageRequest`.
        hires_scale, hires_steps, denoising, hires_upscaler: as in `dbsweep.sampling.request.Hires`; without a scale
            there is no second pass.
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
    tiling: bool | None = None
    hires_scale: float | None = None
    hires_steps: int | None = None
    denoising: float | None = None
    hires_upscaler: str | None = None

    def over(self, others: DrawSettings) -> DrawSettings:
        """What is said here, and of the rest what others say."""
        return replace(others, **self._said())

    def pictures(self, prompt: str) -> list[Picture]:
        """The images of a prompt; what nobody has said is as in `ImageRequest`, and one image.

        Raises:
            DbsweepError: a number is out of its range, or something is said of a second pass that there is not.
        """
        said = {name: value for name, value in self._said().items() if name in _OF_REQUEST}
        first = ImageRequest(prompt, **said, hires=self._hires())
        count, clip_skip = self.images_per_prompt or 1, 1 if self.clip_skip is None else self.clip_skip
        return [Picture(replace(first, seed=first.seed + i), clip_skip) for i in range(count)]

    def _hires(self) -> Hires | None:
        said = {of: value for name, of in _OF_HIRES.items() if (value := getattr(self, name)) is not None}
        if not said:
            return None
        if self.hires_scale is None:
            raise DbsweepError("hires steps, denoising and upscaler are those of a second pass: give a hires scale too")
        if self.hires_upscaler is not None:
            said["upscaler"] = upscaler_named(self.hires_upscaler)
        return Hires(**said)

    def _said(self) -> dict[str, Any]:
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        return {name: value for name, value in values.items() if value is not None}


_OF_REQUEST = tuple(field.name for field in fields(ImageRequest) if field.name != "hires")
_OF_HIRES = {"hires_scale": "scale", "hires_steps": "steps", "denoising": "denoising", "hires_upscaler": "upscaler"}


def settings_of(info: ImageInfo) -> DrawSettings:
    """Those of a picture's infotext, which is one image of its prompt."""
    said = {name: getattr(info.request, name) for name in _OF_REQUEST if name != "prompt"}
    hires = info.request.hires
    second = {} if hires is None else {name: getattr(hires, of) for name, of in _OF_HIRES.items()}
    return DrawSettings(**said, **second, images_per_prompt=1, clip_skip=info.clip_skip)
