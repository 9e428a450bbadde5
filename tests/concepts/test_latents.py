"""Latents are the autoencoder's own, do not depend on their neighbours, and are encoded once."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import torch

from dbsweep.concepts.latents import cached_latents, encode_photos
from dbsweep.models.bundle import StableDiffusion
from dbsweep.models.loading import load_base
from tests.tiny_models import make_vae


@pytest.fixture(scope="module")
def models(tiny_sd: Path) -> StableDiffusion:
    return load_base(str(tiny_sd))


@pytest.fixture
def encoded(models: StableDiffusion) -> Iterator[list[int]]:
    """Batches that the autoencoder has encoded: grows by the batch size at each."""
    sizes: list[int] = []
    hook = models.vae.encoder.register_forward_hook(lambda module, args, output: sizes.append(len(args[0])))
    yield sizes
    hook.remove()


def images(count: int, seed: int = 0, resolution: int = 64) -> list[npt.NDArray[np.uint8]]:
    rng = np.random.default_rng(seed)
    return list(rng.integers(0, 256, (count, resolution, resolution, 3), dtype=np.uint8))


def test_moments_are_the_autoencoders(models: StableDiffusion) -> None:
    photos = images(2)
    moments = encode_photos(models, photos)
    pixels = torch.tensor(np.stack(photos)).permute(0, 3, 1, 2) / 127.5 - 1
    with torch.no_grad():
        posterior = models.vae.encode(pixels).latent_dist
    torch.testing.assert_close(moments.mean, posterior.mean)
    torch.testing.assert_close(moments.logvar, posterior.logvar)
    assert moments.mean.shape == (2, *models.latent_shape(64))
    assert (len(moments), len(moments.first(1))) == (2, 1)
    assert not moments.mean.is_inference()  # training takes gradients through batches made of them


def test_an_image_does_not_depend_on_its_neighbours(models: StableDiffusion, encoded: list[int]) -> None:
    photos = images(20)
    together = encode_photos(models, photos)
    assert encoded == [16, 16]
    for index in (0, 7, 19):
        alone = encode_photos(models, [photos[index]])
        assert torch.equal(alone.mean[0], together.mean[index])
        assert torch.equal(alone.logvar[0], together.logvar[index])


def test_large_images_are_encoded_one_by_one(
    models: StableDiffusion, encoded: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dbsweep.concepts.latents.PIXELS_PER_BATCH", 64 * 64 - 1)
    assert len(encode_photos(models, images(2))) == 2
    assert encoded == [1, 1]


def test_each_image_is_encoded_once(models: StableDiffusion, encoded: list[int], tmp_path: Path) -> None:
    photos = images(3)
    first = cached_latents(tmp_path, models, [*photos, photos[0]])
    assert encoded == [16]
    again = cached_latents(tmp_path, models, [photos[0], *photos[::-1]])
    assert encoded == [16]
    assert torch.equal(again.mean, first.mean[[0, 2, 1, 0]])
    assert torch.equal(again.logvar, first.logvar[[0, 2, 1, 0]])
    direct = encode_photos(models, photos)
    assert torch.equal(first.mean[:3], direct.mean)
    assert torch.equal(first.logvar[:3], direct.logvar)
    assert len(list(tmp_path.iterdir())) == 3  # and nothing half-written


@pytest.mark.parametrize("what", ["a pixel", "the resolution", "the autoencoder"])
def test_what_changes_an_image_misses_the_cache(
    models: StableDiffusion, encoded: list[int], tmp_path: Path, what: str
) -> None:
    photo = images(1)[0]
    cached_latents(tmp_path, models, [photo])
    assert len(encoded) == 1
    if what == "a pixel":
        photo[0, 0, 0] ^= 1
    if what == "the resolution":
        photo = photo.reshape(32, 128, 3)  # the same bytes
    if what == "the autoencoder":
        models = dataclasses.replace(models, vae=make_vae())
    before = sorted(tmp_path.iterdir())
    cached_latents(tmp_path, models, [photo])
    assert len(sorted(tmp_path.iterdir())) == len(before) + 1


@pytest.mark.parametrize("damage", [b"", b"text", None])
def test_a_damaged_file_is_made_again(
    models: StableDiffusion, encoded: list[int], tmp_path: Path, damage: bytes | None
) -> None:
    photo = images(1)
    first = cached_latents(tmp_path, models, photo)
    (path,) = tmp_path.iterdir()
    whole = path.read_bytes()
    path.write_bytes(whole[:-10] if damage is None else damage)
    again = cached_latents(tmp_path, models, photo)
    assert torch.equal(again.mean, first.mean)
    assert len(encoded) == 2
    assert path.read_bytes() == whole


def test_no_images_is_a_mistake_of_the_caller(models: StableDiffusion, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no images to encode"):
        cached_latents(tmp_path, models, [])
