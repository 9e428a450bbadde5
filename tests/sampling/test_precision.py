"""Drawing in half precision: the same pictures, the weights that train untouched, float32 where it is not enough."""

from __future__ import annotations

import copy
from dataclasses import replace

import numpy as np
import pytest
import torch

from dbsweep.models.bundle import StableDiffusion
from dbsweep.models.making_room import Movable
from dbsweep.sampling import sampler as sampler_module
from dbsweep.sampling.precision import converted, drawing_dtype
from dbsweep.sampling.request import ImageRequest
from dbsweep.sampling.sampler import Image, Work, draw
from tests.models.on_device import OnDevice

REQUEST = ImageRequest("photo of ohwx man", "", seed=7, num_inference_steps=3, sampler="Euler", width=64, height=64)
REQUESTS = [REQUEST, replace(REQUEST, seed=8, guidance_scale=1.0)]


def mean_difference(first: list[Image], second: list[Image]) -> float:
    """In levels of 255."""
    return float(
        np.mean([np.abs(a.astype(float) - b.astype(float)).mean() for a, b in zip(first, second, strict=True)])
    )


@pytest.mark.parametrize(("precision", "furthest"), [("fp16", 1.0), ("bf16", 4.0)])
def test_half_precision_draws_the_same_pictures(models: StableDiffusion, precision: str, furthest: float) -> None:
    exact = draw(models, REQUESTS, precision="fp32")
    half = draw(models, REQUESTS, precision=precision)  # type: ignore[arg-type]
    assert 0.0 < mean_difference(exact, half) < furthest
    assert mean_difference(exact, [exact[1], exact[0]]) > 4 * furthest


def test_the_weights_that_train_stay_as_they_are(models: StableDiffusion) -> None:
    before = {name: value.clone() for name, value in models.unet.state_dict().items()}
    draw(models, [REQUEST], precision="bf16")
    assert models.unet.dtype is models.vae.dtype is torch.float32
    assert all(torch.equal(value, before[name]) for name, value in models.unet.state_dict().items())
    assert converted(models, torch.float32) is models


def test_the_cpu_draws_in_float32_unless_told_otherwise(models: StableDiffusion) -> None:
    assert drawing_dtype("auto", torch.device("cpu")) is torch.float32
    assert np.array_equal(draw(models, [REQUEST])[0], draw(models, [REQUEST], precision="fp32")[0])


def test_what_leaves_the_range_of_float16_is_drawn_in_float32(models: StableDiffusion) -> None:
    """The last layer of an overtrained VAE makes what float16 cannot hold, and its colours are right all the same."""
    vae = converted(models, torch.bfloat16).vae.float()  # a copy
    with torch.no_grad():
        vae.decoder.conv_norm_out.weight.mul_(1e6)
        vae.decoder.conv_out.weight.mul_(1e-6)
    wide = replace(models, vae=vae)
    exact, work = draw(wide, REQUESTS, precision="fp32"), Work()
    assert np.array_equal(draw(wide, REQUESTS, precision="fp16", batch_size=1, work=work), exact)
    assert work.unet_calls == 3 * REQUEST.num_inference_steps  # the first batch twice, the second in float32 at once
    assert mean_difference(exact, draw(wide, REQUESTS, precision="bf16")) < 4.0  # its range is float32's


CUDA_SAYS = "CUDA out of memory. Tried to allocate 2.00 GiB."


def test_without_memory_for_copies_the_weights_themselves_draw(
    models: StableDiffusion, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_room(models: StableDiffusion, dtype: torch.dtype) -> StableDiffusion:
        raise torch.OutOfMemoryError(CUDA_SAYS)

    exact = draw(models, REQUESTS, precision="fp32")
    monkeypatch.setattr(sampler_module, "converted", no_room)
    assert np.array_equal(draw(models, REQUESTS, precision="fp16"), exact)


def test_copies_that_leave_no_memory_for_one_image_make_room(
    models: StableDiffusion, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried: list[tuple[torch.dtype, int]] = []

    def decode(models: StableDiffusion, latents: torch.Tensor) -> list[Image]:
        tried.append((models.dtype, len(latents)))
        if models.dtype is torch.float16:
            raise torch.OutOfMemoryError(CUDA_SAYS)
        return real(models, latents)

    real = sampler_module._decode
    exact = draw(models, REQUESTS, precision="fp32", batch_size=1)
    monkeypatch.setattr(sampler_module, "_decode", decode)
    assert np.array_equal(draw(models, REQUESTS, precision="fp16"), exact)
    assert tried == [(torch.float16, 2), (torch.float16, 1), (torch.float32, 1), (torch.float32, 1)]


def test_who_scores_makes_room_for_copies(models: StableDiffusion, monkeypatch: pytest.MonkeyPatch) -> None:
    scoring = OnDevice()
    movable = Movable(scoring)

    def copies(models: StableDiffusion, dtype: torch.dtype) -> StableDiffusion:
        if scoring.bytes_on_device > 0:
            raise torch.OutOfMemoryError(CUDA_SAYS)
        return converted(models, dtype)

    half = draw(models, REQUESTS, precision="fp16")
    monkeypatch.setattr(sampler_module, "converted", copies)
    movable.on_device()
    assert np.array_equal(draw(models, REQUESTS, precision="fp16"), half)


@pytest.mark.gpu
def test_a_gpu_draws_what_the_cpu_draws(models: StableDiffusion) -> None:
    exact = draw(models, REQUESTS)
    on_gpu = replace(models, unet=copy.deepcopy(models.unet), vae=copy.deepcopy(models.vae),
                     text_encoder=copy.deepcopy(models.text_encoder)).to("cuda")  # fmt: skip
    assert drawing_dtype("auto", on_gpu.device) is torch.float16
    assert mean_difference(exact, draw(on_gpu, REQUESTS, precision="fp32")) < 0.5
    assert 0.0 < mean_difference(exact, draw(on_gpu, REQUESTS)) < 1.0
    assert all(np.array_equal(a, b) for a, b in zip(draw(on_gpu, REQUESTS), draw(on_gpu, REQUESTS), strict=True))
