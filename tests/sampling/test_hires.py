"""A second pass is that of diffusers' image-to-image pipeline, by A1111's rule of steps."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from diffusers import StableDiffusionImg2ImgPipeline, StableDiffusionPipeline
from PIL import Image
from torch import Tensor

from dbsweep.errors import DbsweepError
from dbsweep.models.bundle import StableDiffusion
from dbsweep.sampling.denoising import Work
from dbsweep.sampling.hires import begin_late
from dbsweep.sampling.request import Hires, ImageRequest
from dbsweep.sampling.sampler import draw
from dbsweep.sampling.schedulers import SAMPLERS, make_scheduler
from tests.sampling.pictures import REQUEST, ROUNDING, furthest

HIRES = Hires(scale=1.5, steps=4, denoising=0.6)
OWN_MEMORY = ("LMS", "LMS Karras", "PLMS")
"""Samplers whose late beginning is not that of diffusers."""


def by_diffusers(pipeline: Any, request: ImageRequest, **options: Any) -> Any:
    pipeline.set_progress_bar_config(disable=True)
    pipeline.scheduler = make_scheduler(request.sampler, pipeline.scheduler.config)
    return pipeline(
        request.prompt,
        negative_prompt=request.negative_prompt,
        guidance_scale=request.guidance_scale,
        generator=torch.Generator().manual_seed(request.seed),
        **options,
    ).images


def first_pass(folder: Path, request: ImageRequest, output_type: str) -> Any:
    return by_diffusers(
        StableDiffusionPipeline.from_pretrained(folder),
        request,
        num_inference_steps=request.num_inference_steps,
        height=request.height,
        width=request.width,
        output_type=output_type,
    )


def second_pass(folder: Path, request: ImageRequest, latents: Tensor) -> Any:
    assert request.hires is not None
    steps, total = request.hires.passes(request.num_inference_steps)
    pipeline = StableDiffusionImg2ImgPipeline.from_pretrained(folder)
    strength = (steps + 0.5) / total  # of which diffusers takes int(total * strength) steps
    images = by_diffusers(
        pipeline, request, image=latents, strength=strength, num_inference_steps=total, output_type="np"
    )
    return (images[0] * 255).round().astype(np.uint8)


@pytest.mark.parametrize("sampler", sorted(set(SAMPLERS) - set(OWN_MEMORY)))
def test_the_second_pass_is_what_diffusers_draws(models: StableDiffusion, tiny_sd: Path, sampler: str) -> None:
    request = replace(REQUEST, sampler=sampler, width=80, hires=HIRES)
    small = first_pass(tiny_sd, request, "latent")
    larger = torch.nn.functional.interpolate(small, size=(12, 15), mode="bilinear", antialias=False)
    theirs = second_pass(tiny_sd, request, larger)
    assert theirs.shape == (96, 120, 3)
    assert theirs.std() > 5
    assert furthest(draw(models, [request])[0], theirs) <= ROUNDING


def test_a_picture_that_is_enlarged_as_one_goes_through_the_vae(models: StableDiffusion, tiny_sd: Path) -> None:
    request = replace(REQUEST, hires=replace(HIRES, upscaler="Lanczos"))
    image = first_pass(tiny_sd, request, "pil")[0].resize((96, 96), Image.Resampling.LANCZOS)
    pixels = torch.from_numpy(np.array(image)).permute(2, 0, 1)[None] / 127.5 - 1.0
    with torch.inference_mode():
        latents = models.vae.encode(pixels).latent_dist.mean * models.vae.config.scaling_factor
    assert furthest(draw(models, [request])[0], second_pass(tiny_sd, request, latents)) <= ROUNDING


@pytest.mark.parametrize("steps", [1, 2, 3, 8])
@pytest.mark.parametrize("denoising", [0.3, 0.6, 1.0])
@pytest.mark.parametrize("sampler", sorted(SAMPLERS))
def test_who_predicts_perfectly_draws_what_was_there_before(
    models: StableDiffusion, sampler: str, denoising: float, steps: int
) -> None:
    """Wherever the second pass begins: a sampler that took steps for others would end elsewhere."""
    _, total = Hires(steps=steps, denoising=denoising).passes(20)
    scheduler = make_scheduler(sampler, models.scheduler_config)
    scheduler.set_timesteps(total)
    timesteps = begin_late(scheduler, steps, total)
    before, noise = torch.randn(2, 1, 4, 8, 8, generator=torch.Generator().manual_seed(1))
    latents = scheduler.add_noise(before, noise, timesteps[:1])
    made = scheduler.alphas_cumprod
    for timestep in timesteps:
        inputs = scheduler.scale_model_input(latents, timestep)
        kept = np.interp(float(timestep), np.arange(len(made)), ((1 - made) / made).log().numpy())
        share = 1 / (1 + np.exp(kept))
        prediction = (inputs - share**0.5 * before) / (1 - share) ** 0.5
        latents = scheduler.step(prediction, timestep, latents, return_dict=False)[0]
    assert float((latents - before).abs().mean()) < 0.03  # the last alpha of SD's DDIM and PLMS is not 1


@pytest.mark.parametrize(
    ("first", "hires", "passes"),
    [
        (20, Hires(denoising=0.7), (20, 28)),
        (20, Hires(steps=10, denoising=0.5), (10, 20)),
        (20, Hires(steps=10, denoising=1.0), (10, 10)),
        (500, Hires(denoising=1.0), (500, 500)),
        (33, Hires(denoising=0.55), (33, 59)),  # 59.99…: as A1111 cuts it off
    ],
)
def test_steps_are_the_last_of_so_many(first: int, hires: Hires, passes: tuple[int, int]) -> None:
    assert hires.passes(first) == passes


def test_both_passes_cost(models: StableDiffusion) -> None:
    work = Work()
    draw(models, [replace(REQUEST, hires=HIRES)], work=work)
    assert work.unet_calls == REQUEST.num_inference_steps + 4


def test_pictures_with_and_without_a_second_pass_are_drawn_by_one_call(models: StableDiffusion) -> None:
    requests = [replace(REQUEST, hires=hires) for hires in (None, HIRES, replace(HIRES, denoising=0.3), HIRES)]
    images = draw(models, requests)
    assert [image.shape for image in images] == [(64, 64, 3), *3 * [(96, 96, 3)]]
    assert np.array_equal(images[1], images[3])
    assert furthest(images[1], images[2]) > ROUNDING
    assert furthest(images[1], draw(models, [requests[1]])[0]) <= ROUNDING


def test_every_upscaler_has_a_picture_of_its_own(models: StableDiffusion) -> None:
    names = ("Latent", "Latent (nearest)", "Latent (bicubic)", "Lanczos", "Nearest")
    images = draw(models, [replace(REQUEST, hires=replace(HIRES, upscaler=name)) for name in names])
    assert len({image.tobytes() for image in images}) == len(names)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"scale": 0.5}, "hires scale must be at least 1, got 0.5"),
        ({"scale": float("nan")}, "hires scale must be at least 1, got nan"),
        ({"scale": 300.0}, "hires scale 300 makes a side longer than 16,384 pixels"),
        ({"steps": -1}, "hires steps must be at least 0, got -1"),
        ({"denoising": 0.0}, "denoising must be above 0 and at most 1, got 0.0"),
        ({"denoising": 1.5}, "denoising must be above 0 and at most 1, got 1.5"),
        ({"denoising": 0.001}, "4 hires steps at denoising 0.001 are the last of 4,000, and there are 1,000 at most"),
    ],
)
def test_a_second_pass_that_cannot_be_is_refused(change: dict[str, Any], message: str) -> None:
    with pytest.raises(DbsweepError, match=message):
        replace(REQUEST, hires=replace(HIRES, **change))
