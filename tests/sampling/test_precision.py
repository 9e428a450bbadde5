"""Drawing in half precision: the same pictures, the weights that train untouched, float32 where it is not enough."""

from __future__ import annotations

import copy
from dataclasses import replace

import numpy as np
import pytest
import torch

from dbsweep.errors import ResourceError
from dbsweep.models.bundle import StableDiffusion
from dbsweep.models.making_room import Movable
from dbsweep.sampling import denoising
from dbsweep.sampling import sampler as sampler_module
from dbsweep.sampling.denoising import Image, NotFinite, Work
from dbsweep.sampling.precision import converted, drawing_dtype
from dbsweep.sampling.request import ImageRequest
from dbsweep.sampling.sampler import draw
from dbsweep.training.lora import hold_in_half
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
    exact = draw(models, REQUESTS, precision="fp32")
    no_copies(monkeypatch)
    assert np.array_equal(draw(models, REQUESTS, precision="fp16"), exact)


def no_copies(monkeypatch: pytest.MonkeyPatch) -> None:
    """There is no memory for weights in another precision than the UNet has them in."""

    def no_room(models: StableDiffusion, dtype: torch.dtype) -> StableDiffusion:
        if dtype is not models.dtype:
            raise torch.OutOfMemoryError(CUDA_SAYS)
        return converted(models, dtype)

    monkeypatch.setattr(sampler_module, "converted", no_room)


@pytest.fixture
def held(models: StableDiffusion) -> StableDiffusion:
    """The models with a UNet held in half precision, as while a LoRA trains."""
    unet = copy.deepcopy(models.unet).requires_grad_(False)
    hold_in_half(unet, torch.bfloat16)
    return replace(models, unet=unet)


def test_a_unet_in_half_precision_draws_without_a_copy_of_it(models: StableDiffusion, held: StableDiffusion) -> None:
    drawing = converted(held, torch.bfloat16)
    copied = {key for key, value in drawing.unet.state_dict().items()
              if value.data_ptr() != held.unet.state_dict()[key].data_ptr()}  # fmt: skip
    assert drawing.unet.dtype is drawing.vae.dtype is torch.bfloat16
    assert copied == {key for key, value in held.unet.state_dict().items() if value.dtype is torch.float32} != set()
    assert np.array_equal(draw(held, REQUESTS, precision="bf16"), draw(models, REQUESTS, precision="bf16"))


def test_a_unet_in_half_precision_draws_in_any(models: StableDiffusion, held: StableDiffusion) -> None:
    exact = draw(models, REQUESTS, precision="fp32")
    for precision in ("fp32", "fp16"):
        assert mean_difference(exact, draw(held, REQUESTS, precision=precision)) < 4.0


def test_without_memory_for_copies_a_unet_in_half_precision_draws_in_its_own(
    models: StableDiffusion, held: StableDiffusion, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = draw(models, REQUESTS, precision="bf16")
    no_copies(monkeypatch)
    assert np.array_equal(draw(held, REQUESTS, precision="fp16"), expected)


def test_what_is_too_large_and_not_finite_in_half_is_told(
    held: StableDiffusion, monkeypatch: pytest.MonkeyPatch
) -> None:
    """float32 takes more than there is, and the UNet's own precision is not enough: nothing is tried for ever."""
    tried: list[torch.dtype] = []

    def decode(models: StableDiffusion, latents: torch.Tensor) -> list[Image]:
        tried.append(models.dtype)
        if models.dtype is torch.float32:
            raise torch.OutOfMemoryError(CUDA_SAYS)
        raise NotFinite

    monkeypatch.setattr(sampler_module, "decode", decode)
    with pytest.raises(ResourceError, match="out of memory while drawing one image of 64×64"):
        draw(held, [REQUEST], precision="bf16")
    assert tried == [torch.bfloat16, torch.float32]


def test_copies_that_leave_no_memory_for_one_image_make_room(
    models: StableDiffusion, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried: list[tuple[torch.dtype, int]] = []

    def decode(models: StableDiffusion, latents: torch.Tensor) -> list[Image]:
        tried.append((models.dtype, len(latents)))
        if models.dtype is torch.float16:
            raise torch.OutOfMemoryError(CUDA_SAYS)
        return real(models, latents)

    real = denoising.decode
    exact = draw(models, REQUESTS, precision="fp32", batch_size=1)
    monkeypatch.setattr(sampler_module, "decode", decode)
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
