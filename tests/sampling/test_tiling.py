"""A tiled picture has no seam, and leaves no trace in the model that drew it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from dbsweep.minisd.paths import pipeline_path
from dbsweep.models.bundle import StableDiffusion
from dbsweep.models.loading import load_base
from dbsweep.sampling import denoising
from dbsweep.sampling.denoising import Image
from dbsweep.sampling.request import Hires, ImageRequest
from dbsweep.sampling.sampler import draw
from dbsweep.sampling.tiling import tiled
from tests.sampling.pictures import REQUEST, ROUNDING, furthest

TILED = replace(REQUEST, tiling=True)


def rolled(models: StableDiffusion, request: ImageRequest, monkeypatch: pytest.MonkeyPatch) -> Image:
    """What is drawn where the noise is rolled by half, rolled back."""

    def noise(*args: Any) -> torch.Tensor:
        drawn: torch.Tensor = real(*args)
        return drawn.roll((drawn.shape[-2] // 2, drawn.shape[-1] // 2), dims=(-2, -1))

    real = denoising._noise
    with monkeypatch.context() as patch:
        patch.setattr(denoising, "_noise", noise)
        image = draw(models, [request])[0]
    return np.roll(image, (image.shape[0] // 2, image.shape[1] // 2), axis=(0, 1))


@pytest.mark.parametrize("hires", [None, Hires(scale=2.0, upscaler="Latent (nearest)")])
def test_a_tiled_picture_has_no_edge(models, monkeypatch, hires: Hires | None) -> None:
    """Where its noise is rolled, it rolls with it; what lies at an edge is drawn as what lies in the middle."""
    request = replace(TILED, hires=hires)
    assert furthest(rolled(models, request, monkeypatch), draw(models, [request])[0]) <= ROUNDING
    plain = replace(request, tiling=False)
    assert furthest(rolled(models, plain, monkeypatch), draw(models, [plain])[0]) > 10 * ROUNDING


def test_opposite_edges_of_what_minisd_draws_join() -> None:
    """The figure may lie there; of a picture that is not tiled the edge shows as one."""
    models = load_base(str(pipeline_path()))
    request = ImageRequest("photo of man", seed=3, num_inference_steps=8, width=64, height=64)
    seams = {tiling: _seam(draw(models, [replace(request, tiling=tiling)])[0]) for tiling in (True, False)}
    assert 3 * seams[True] < seams[False]


def _seam(image: Image) -> float:
    """How many times larger the steps between pixels are across the edges than within the picture, on average."""
    levels = image.astype(float)
    across = [np.abs(levels - np.roll(levels, 1, axis)).mean(axis=(1 - axis, 2)) for axis in (0, 1)]
    return float(sum(steps[0] for steps in across) / sum(steps[1:].mean() for steps in across))


def test_the_model_draws_as_before_afterwards_even_after_an_error(tiny_sd: Path) -> None:
    models = load_base(str(tiny_sd))
    before = draw(models, [REQUEST])[0]
    draw(models, [TILED])
    assert np.array_equal(draw(models, [REQUEST])[0], before)
    with pytest.raises(ValueError, match="lost"), tiled(models):
        raise ValueError("lost")
    assert np.array_equal(draw(models, [REQUEST])[0], before)


def test_tiled_pictures_and_others_are_drawn_by_one_call(models: StableDiffusion) -> None:
    images = draw(models, [REQUEST, TILED])
    assert furthest(images[0], images[1]) > ROUNDING
    assert np.array_equal(images[0], draw(models, [REQUEST])[0])
    assert np.array_equal(images[1], draw(models, [TILED])[0])
