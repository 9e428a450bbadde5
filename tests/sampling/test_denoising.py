"""A batch is drawn as diffusers' pipeline draws each picture of it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from diffusers import StableDiffusionPipeline

from dbsweep.models.bundle import StableDiffusion
from dbsweep.models.loading import load_base
from dbsweep.sampling import denoising
from dbsweep.sampling.denoising import Image, NotFinite, Work, decode
from dbsweep.sampling.precision import converted
from dbsweep.sampling.request import ImageRequest
from dbsweep.sampling.sampler import draw
from dbsweep.sampling.schedulers import SAMPLERS, make_scheduler
from tests.sampling.pictures import REQUEST, ROUNDING, furthest
from tests.tiny_models import write_pipeline


def drawn_by_diffusers(folder: Path, request: ImageRequest) -> Image:
    pipeline = StableDiffusionPipeline.from_pretrained(folder)
    pipeline.set_progress_bar_config(disable=True)
    pipeline.scheduler = make_scheduler(request.sampler, pipeline.scheduler.config)
    images = pipeline(
        request.prompt,
        negative_prompt=request.negative_prompt,
        num_inference_steps=request.num_inference_steps,
        guidance_scale=request.guidance_scale,
        height=request.height,
        width=request.width,
        generator=torch.Generator().manual_seed(request.seed),
        output_type="np",
    ).images
    drawn: Image = (images[0] * 255).round().astype(np.uint8)
    return drawn


@pytest.mark.parametrize("sampler", sorted(SAMPLERS))
def test_one_image_is_what_diffusers_draws(models: StableDiffusion, tiny_sd: Path, sampler: str) -> None:
    request = replace(REQUEST, sampler=sampler)
    theirs = drawn_by_diffusers(tiny_sd, request)
    assert theirs.std() > 5  # the tiny model's images are not flat, so equality means something
    assert furthest(draw(models, [request])[0], theirs) <= ROUNDING


@pytest.mark.parametrize(
    "change", [{"guidance_scale": 1.0}, {"width": 128}, {"negative_prompt": ""}, {"num_inference_steps": 1}]
)
def test_settings_mean_what_diffusers_means(models: StableDiffusion, tiny_sd: Path, change: dict[str, object]) -> None:
    request = replace(REQUEST, **change)  # type: ignore[arg-type]
    assert furthest(draw(models, [request])[0], drawn_by_diffusers(tiny_sd, request)) <= ROUNDING


def test_v_prediction_is_respected(tmp_path: Path) -> None:
    folder = write_pipeline(tmp_path / "v", prediction_type="v_prediction")
    models = load_base(str(folder))
    ours = draw(models, [REQUEST])[0]
    assert furthest(ours, drawn_by_diffusers(folder, REQUEST)) <= ROUNDING
    epsilon = replace(models, scheduler_config={**models.scheduler_config, "prediction_type": "epsilon"})
    assert furthest(ours, draw(epsilon, [REQUEST])[0]) > ROUNDING


def test_images_larger_than_the_vae_decodes_at_once_are_decoded_one_by_one(
    models: StableDiffusion, monkeypatch: pytest.MonkeyPatch
) -> None:
    latents = torch.randn(3, *models.latent_shape(64), generator=torch.Generator().manual_seed(0))
    decoded: list[int] = []

    def count(latents: torch.Tensor, **options: bool) -> tuple[torch.Tensor, ...]:
        decoded.append(len(latents))
        made: tuple[torch.Tensor, ...] = real(latents, **options)
        return made

    real = models.vae.decode
    monkeypatch.setattr(models.vae, "decode", count)
    with torch.inference_mode():
        together = decode(models, latents)
        monkeypatch.setattr(denoising, "DECODE_PIXELS", 2 * 64 * 64 - 1)
        alone = decode(models, latents)
    assert decoded == [3, 1, 1, 1]
    assert max(map(furthest, alone, together)) <= ROUNDING


def test_what_is_not_finite_is_refused_in_half_precision_alone(models: StableDiffusion) -> None:
    latents = torch.full((1, *models.latent_shape(64)), torch.nan)
    with torch.inference_mode():
        with pytest.raises(NotFinite):
            decode(converted(models, torch.bfloat16), latents)
        assert decode(models, latents)[0].shape == (64, 64, 3)


def test_work_counts_unet_evaluations(models: StableDiffusion) -> None:
    work = Work()
    # 3 guided images cost 2 evaluations a step, 1 unguided costs 1: 5 steps of one call of 7.
    draw(
        models,
        [REQUEST, replace(REQUEST, seed=8), replace(REQUEST, seed=9), replace(REQUEST, guidance_scale=1.0)],
        work=work,
    )
    assert work == Work(unet_calls=5, unet_evaluations=35)
    # Heun evaluates twice a step but for the last: 2·5 - 1.
    draw(models, [replace(REQUEST, sampler="Heun", guidance_scale=1.0)], work=work)
    assert work == Work(unet_calls=14, unet_evaluations=44)
