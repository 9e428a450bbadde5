"""A picture that takes more than there is is refused before it is drawn, where running out ends the process."""

from __future__ import annotations

import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from dbsweep.errors import ResourceError
from dbsweep.sampling.request import Hires, ImageRequest
from dbsweep.sweep.drawing_room import refuse_too_large

NEEDED = 3 * 4 * 48 * 6400**2
"""Three float32 tensors of 48 features at full resolution."""


def models(device: str = "cpu") -> Any:
    """What is asked of a model with MiniSD's VAE and UNet."""
    vae, unet = (
        SimpleNamespace(config=SimpleNamespace(block_out_channels=channels)) for channels in ([16, 48, 96], [128, 256])
    )
    return SimpleNamespace(device=torch.device(device), vae=vae, unet=unet, latent_factor=8)


def picture(side: int, scale: float | None = None, **more: Any) -> ImageRequest:
    return ImageRequest("a", width=side, height=side, hires=None if scale is None else Hires(scale), **more)


@pytest.fixture
def free(monkeypatch: pytest.MonkeyPatch) -> Any:
    return lambda count: monkeypatch.setattr("dbsweep.sweep.drawing_room.free_bytes", lambda: count)


@pytest.mark.parametrize("large", [picture(64, 100.0), picture(6400)])
def test_the_largest_picture_decides(free, large: ImageRequest) -> None:
    free(NEEDED)
    refuse_too_large([[picture(64)], [large], [picture(512)]], models(), "auto")
    free(NEEDED - 1)
    message = r"^drawing a picture of 6400×6400 pixels takes 22\.0 GB beside the model, and 22\.0 GB are free: give a"
    with pytest.raises(ResourceError, match=message):
        refuse_too_large([[picture(64)], [large], [picture(512)]], models(), "auto")


@pytest.mark.parametrize("one", [picture(1024), picture(256, 4.0)])
def test_the_unet_takes_all_of_a_batch_at_once(free, one: ImageRequest) -> None:
    """Eight guided pictures of 128×128 latents, 24 float32 tensors of 128 features; the VAE takes one at a time."""
    needed = 24 * 4 * 128 * 16 * 128**2
    free(needed)
    refuse_too_large([[one] * 8], models(), "fp32")
    free(needed - 2**20)
    message = (
        r"drawing 8 pictures of 1024×1024 pixels at once takes 3\.000 GB beside the model, and 2\.999 GB are free: "
    )
    with pytest.raises(ResourceError, match=message + r"give --batch-size 7, a smaller size or hires scale, or draw"):
        refuse_too_large([[one] * 2, [one] * 8], models(), "fp32")


def test_pictures_without_guidance_take_one_place(free) -> None:
    free(24 * 4 * 128 * 8 * 128**2)
    refuse_too_large([[picture(1024, guidance_scale=1.0)] * 8], models(), "fp32")


def test_the_vae_takes_as_many_small_ones_at_once_as_it_decodes(free) -> None:
    free(4 * 3 * 4 * 48 * 512**2)
    refuse_too_large([[picture(512, guidance_scale=1.0)] * 5], models(), "fp32")
    free(4 * 3 * 4 * 48 * 512**2 - 1)
    with pytest.raises(ResourceError, match=r"at once takes .* give --batch-size 3, a smaller"):
        refuse_too_large([[picture(512, guidance_scale=1.0)] * 5], models(), "fp32")


def test_half_precision_takes_half(free) -> None:
    free(NEEDED // 2)
    refuse_too_large([[picture(6400)]], models(), "bf16")
    with pytest.raises(ResourceError, match="pixels takes"):
        refuse_too_large([[picture(6400)]], models(), "fp32")


def test_a_gpu_says_itself_when_it_is_full(free) -> None:
    free(0)
    refuse_too_large([[picture(6400)]], models("cuda"), "fp32")


def test_where_nobody_knows_what_is_free_nothing_is_refused(free) -> None:
    free(None)
    refuse_too_large([[picture(6400)]], models(), "fp32")


def test_minisd_by_a_hundred_is_told_and_nothing_is_drawn(dbsweep, free, monkeypatch, tmp_path: Path) -> None:
    free(16 * 2**30)
    monkeypatch.setattr("dbsweep.execution.drawing.picture_folder.draw", lambda *_, **__: pytest.fail("drawn"))
    words = ("--prompt", "a", "--hires-scale", "100", "--out", tmp_path / "pics")
    code, out, err = dbsweep("draw", "minisd", *words)
    assert (code, out) == (2, "")
    assert re.search(r"drawing \d pictures of 6400×6400 pixels at once takes .* 16\.0 GB are free: give a smaller", err)
    assert list((tmp_path / "pics").iterdir()) == []


def test_what_is_there_already_needs_no_memory(dbsweep, free, tmp_path: Path) -> None:
    words = ("draw", "minisd", "--prompt", "a", "--steps", "1", "--images-per-prompt", "1", "--out", tmp_path / "pics")
    free(None)
    assert dbsweep(*words)[0] == 0
    free(0)
    code, out, err = dbsweep(*words)
    assert (code, out) == (0, f"{tmp_path / 'pics'}\n"), err
    code, out, err = dbsweep(*words, "--prompt", "b")
    assert (code, out) == (2, "")
    assert "drawing 2 pictures of 64×64 pixels at once takes" in err  # a batch is drawn whole
