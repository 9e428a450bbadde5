"""Images do not depend on what shares their batch, and less memory means fewer of them at once."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from dbsweep.errors import DbsweepError, ResourceError
from dbsweep.models.bundle import StableDiffusion
from dbsweep.models.loading import load_base
from dbsweep.models.making_room import Movable
from dbsweep.sampling import conditioning, denoising
from dbsweep.sampling import sampler as sampler_module
from dbsweep.sampling.denoising import Image
from dbsweep.sampling.sampler import draw
from tests.models.on_device import OnDevice
from tests.sampling.pictures import REQUEST, ROUNDING, furthest


def test_clip_skip_draws_from_another_layer(models: StableDiffusion) -> None:
    """Its text embeddings are compared in the tests of conditioning: diffusers cannot skip with these transformers."""
    assert furthest(*(draw(models, [REQUEST], clip_skip=skip)[0] for skip in (1, 2))) > ROUNDING


LONG = "photo of a man with " + ", ".join(["red hair"] * 12)  # more than 75 tokens of the tiny vocabulary
MIXED = [
    REQUEST,
    replace(REQUEST, seed=8),
    replace(REQUEST, prompt=LONG),
    replace(REQUEST, negative_prompt=LONG),
    replace(REQUEST, guidance_scale=1.0),
    replace(REQUEST, guidance_scale=3.0, prompt="photo of (ohwx man:1.4)"),
    replace(REQUEST, sampler="Euler a"),
    replace(REQUEST, sampler="Euler a", seed=8),
    replace(REQUEST, sampler="DPM++ 2M SDE Karras"),
    replace(REQUEST, num_inference_steps=3),
    replace(REQUEST, height=128),
]


def test_images_do_not_depend_on_their_batch(models: StableDiffusion) -> None:
    alone = [draw(models, [request])[0] for request in MIXED]
    for batch_size in (3, 16):
        together = draw(models, MIXED, batch_size=batch_size)
        assert [image.shape for image in together] == [image.shape for image in alone]
        assert max(map(furthest, alone, together)) <= ROUNDING
    assert len({image.tobytes() for image in alone}) == len(MIXED)


def test_the_same_call_gives_the_same_bytes(models: StableDiffusion) -> None:
    first, second = draw(models, MIXED), draw(models, MIXED)
    assert all(np.array_equal(a, b) for a, b in zip(first, second, strict=True))


def test_the_global_random_state_is_neither_used_nor_changed(models: StableDiffusion) -> None:
    torch.manual_seed(1)
    before = torch.get_rng_state()
    request = replace(REQUEST, sampler="Euler a")
    first = draw(models, [request])[0]
    assert torch.equal(before, torch.get_rng_state())
    torch.manual_seed(2)
    assert np.array_equal(first, draw(models, [request])[0])


def test_each_text_is_encoded_once(models: StableDiffusion, monkeypatch: pytest.MonkeyPatch) -> None:
    encoded: list[int] = []
    original = conditioning._encode_chunks

    def count(models: StableDiffusion, chunks: list[conditioning.Chunk], clip_skip: int) -> list[torch.Tensor]:
        encoded.append(len(chunks))
        return original(models, chunks, clip_skip)

    monkeypatch.setattr(conditioning, "_encode_chunks", count)
    draw(models, [replace(REQUEST, seed=seed, num_inference_steps=1) for seed in range(6)], batch_size=2)
    assert encoded == [2]


def test_progress_counts_images(models: StableDiffusion) -> None:
    done: list[int] = []
    draw(
        models,
        [replace(REQUEST, seed=seed, num_inference_steps=1) for seed in range(5)],
        batch_size=2,
        progress=done.append,
    )
    assert done == [2, 4, 5]


def test_training_mode_comes_back_and_gradients_stay_off(tiny_sd: Path) -> None:
    models = load_base(str(tiny_sd))
    models.unet.train()
    draw(models, [replace(REQUEST, num_inference_steps=1)])
    assert models.unet.training
    assert not models.vae.training
    assert all(parameter.grad is None and not parameter.is_inference() for parameter in models.unet.parameters())


def test_half_precision_draws_nearly_the_same(models: StableDiffusion, tiny_sd: Path) -> None:
    half = draw(load_base(str(tiny_sd), dtype=torch.bfloat16), [REQUEST])[0]
    assert half.dtype == np.uint8
    assert np.abs(half.astype(float) - draw(models, [REQUEST])[0]).mean() < 6


def test_nothing_asked_nothing_drawn(models: StableDiffusion) -> None:
    assert draw(models, []) == []


def test_unknown_sampler_is_an_error(models: StableDiffusion) -> None:
    with pytest.raises(DbsweepError, match=r"unknown sampler 'Eular a'; did you mean 'Euler a'\?"):
        draw(models, [replace(REQUEST, sampler="Eular a")])


def test_out_of_memory_halves_the_batch_for_all_that_follow(
    models: StableDiffusion, monkeypatch: pytest.MonkeyPatch
) -> None:
    requests = [replace(REQUEST, seed=seed, num_inference_steps=2) for seed in range(6)]
    expected = draw(models, requests)
    tried: list[int] = []

    def decode(models: StableDiffusion, latents: torch.Tensor) -> list[Image]:
        tried.append(len(latents))
        if len(latents) > 2:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")
        return real(models, latents)

    real = denoising.decode
    monkeypatch.setattr(sampler_module, "decode", decode)
    drawn = draw(models, requests)
    assert tried == [6, 3, 2, 1, 2, 1]
    assert all(furthest(*pair) <= ROUNDING for pair in zip(drawn, expected, strict=True))


def test_who_scores_makes_room_before_fewer_are_drawn_at_once(
    models: StableDiffusion, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Once: where that is not enough the batch is halved, and only then."""
    requests = [replace(REQUEST, seed=seed, num_inference_steps=2) for seed in range(4)]
    expected, tried = draw(models, requests), list[tuple[int, int]]()
    most, scoring = 0, OnDevice()
    movable = Movable(scoring)

    def decode(models: StableDiffusion, latents: torch.Tensor) -> list[Image]:
        beside = scoring.bytes_on_device
        tried.append((len(latents), beside))
        if beside + 1000 * len(latents) > most:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")
        return real(models, latents)

    real = denoising.decode
    monkeypatch.setattr(sampler_module, "decode", decode)
    for room, tries in (
        (8000, [(4, 4000)]),
        (4000, [(4, 4000), (4, 0)]),
        (2000, [(4, 4000), (4, 0), (2, 0), (2, 0)]),
        (1000, [(4, 4000), (4, 0), (2, 0), *4 * [(1, 0)]]),
    ):
        most = room
        movable.on_device()
        drawn = draw(models, requests)
        assert tried == tries
        assert all(furthest(*pair) <= ROUNDING for pair in zip(drawn, expected, strict=True))
        tried.clear()


def test_another_error_is_no_lack_of_memory(models: StableDiffusion, monkeypatch: pytest.MonkeyPatch) -> None:
    def decode(models: StableDiffusion, latents: torch.Tensor) -> list[Image]:
        raise RuntimeError("a size that does not match")

    monkeypatch.setattr(sampler_module, "decode", decode)
    with pytest.raises(RuntimeError, match="a size that does not match"):
        draw(models, [REQUEST, replace(REQUEST, seed=8)])


def test_no_memory_for_one_image_is_an_error(models: StableDiffusion, monkeypatch: pytest.MonkeyPatch) -> None:
    def decode(models: StableDiffusion, latents: torch.Tensor) -> list[Image]:
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")

    monkeypatch.setattr(sampler_module, "decode", decode)
    with pytest.raises(
        ResourceError, match=r"drawing one image of 64×64; what helps: .*train.resolution.*train.optimizer adamw_8bit"
    ):
        draw(models, [REQUEST])
