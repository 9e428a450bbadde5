"""A picture made larger tile by tile is the one that the model makes of it as a whole."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from dbsweep.errors import ResourceError
from dbsweep.postprocess import upscaling
from dbsweep.postprocess.image_models import load_upscaler
from dbsweep.postprocess.upscaling import Upscaler
from tests.postprocess.small_models import COMPACT_SEES, Pixels, compact, esrgan, noise, span, write_model


def directly(model: nn.Module, picture: Pixels) -> Pixels:
    """What the module itself makes of it, without any of spandrel or ours."""
    with torch.inference_mode():
        made = model(torch.from_numpy(picture / np.float32(255)).permute(2, 0, 1)[None])[0]
    pixels: Pixels = (made.clamp(0, 1) * 255).round().byte().permute(1, 2, 0).numpy()
    return pixels


def upscaler(model: nn.Module, folder: Path, tile: int = 0, overlap: int = 0, suffix: str = ".safetensors") -> Upscaler:
    loaded = load_upscaler(write_model(folder / f"model{suffix}", model), "cpu")
    return Upscaler(loaded, tile=tile, overlap=overlap, note=lambda text: pytest.fail(text))


@pytest.mark.parametrize("suffix", [".safetensors", ".pth"])
@pytest.mark.parametrize(("make", "scale"), [(compact, 2), (esrgan, 4), (span, 2)])
def test_it_is_what_the_module_makes(make: Callable[[], nn.Module], scale: int, suffix: str, tmp_path: Path) -> None:
    picture, made = noise(20, 27), upscaler(make(), tmp_path, suffix=suffix)
    assert made.scale == scale
    assert np.array_equal(made.enlarge(picture, scale), directly(make(), picture))


def test_tiles_whose_overlap_covers_what_the_model_sees_change_nothing(tmp_path: Path) -> None:
    """But for rounding: the outer quarter of an overlap is what a tile does not know enough about."""
    picture = noise(90, 130)
    whole = directly(compact(), picture)
    tiled = upscaler(compact(), tmp_path, tile=40, overlap=4 * COMPACT_SEES).enlarge(picture, 2)
    assert np.abs(tiled.astype(int) - whole).max() <= 1
    seamed = upscaler(compact(), tmp_path, tile=40, overlap=0).enlarge(picture, 2)
    assert np.abs(seamed.astype(int) - whole).max() > 1, "what the test would tell of"


def test_each_tile_is_counted_beforehand_and_told_of(tmp_path: Path) -> None:
    made, ticks = upscaler(compact(), tmp_path, tile=40, overlap=12), []
    made.enlarge(noise(90, 130), 2, lambda: ticks.append(1))
    assert len(ticks) == made.count((130, 90), 2) == 5 * 3  # ceil(118 / 28) columns, ceil(78 / 28) rows


@pytest.mark.parametrize(
    ("scale", "passes"),
    [(1.0, [(20, 30)]), (1.5, [(20, 30)]), (2.0, [(20, 30)]), (3.0, [(20, 30), (40, 60)]),
     (16.0, [(20, 30), (40, 60), (80, 120)])],
)  # fmt: skip
def test_another_factor_is_reached_by_passes_and_lanczos(
    scale: float, passes: list[tuple[int, int]], tmp_path: Path
) -> None:
    """Three passes at most, as in A1111."""
    picture, module = noise(30, 20), compact()
    made = upscaler(module, tmp_path).enlarge(picture, scale)
    expected = picture
    for size in passes:
        assert expected.shape[1::-1] == size
        expected = directly(module, expected)
    wanted = (round(20 * scale), round(30 * scale))
    assert np.array_equal(made, np.asarray(Image.fromarray(expected).resize(wanted, Image.Resampling.LANCZOS)))


def test_a_model_of_factor_1_runs_once(tmp_path: Path) -> None:
    made, ticks = upscaler(compact(1), tmp_path), []
    assert made.enlarge(noise(8, 8), 2, lambda: ticks.append(1)).shape == (16, 16, 3)
    assert (made.scale, len(ticks)) == (1, 1)


@pytest.fixture
def short_of_memory(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """From here on a model has memory for so many pixels."""

    def allow(pixels: int) -> None:
        def run(model: Any, picture: Pixels) -> Pixels:
            if picture.shape[0] * picture.shape[1] > pixels:
                raise torch.OutOfMemoryError("CUDA out of memory")
            return whole(model, picture)

        whole = upscaling.run
        monkeypatch.setattr(upscaling, "run", run)

    return allow


@pytest.mark.parametrize(("tile", "steps"), [(0, [(160, 80), (80, 40)]), (160, [(160, 80), (80, 40)])])
def test_out_of_memory_tiles_are_halved_and_stay_so(
    tile: int, steps: list[tuple[int, int]], short_of_memory, tmp_path: Path
) -> None:
    short_of_memory(40 * 40)
    notes: list[str] = []
    model = load_upscaler(write_model(tmp_path / "model.pth", compact()), "cpu")
    made, picture = Upscaler(model, tile=tile, overlap=4 * COMPACT_SEES, note=notes.append), noise(100, 160)
    assert np.abs(made.enlarge(picture, 2).astype(int) - directly(compact(), picture)).max() <= 1
    assert notes == [f"out of memory with tiles of {a} pixels; goes on with {b}" for a, b in steps]
    made.enlarge(picture, 2)
    assert len(notes) == len(steps)


def test_where_the_smallest_tile_is_too_large_it_is_said_what_helps(short_of_memory, tmp_path: Path) -> None:
    short_of_memory(10)
    model = load_upscaler(write_model(tmp_path / "model.pth", compact()), "cpu")
    with pytest.raises(ResourceError, match=r"while enlarging 50 pixels at once; what helps: .* the CPU"):
        Upscaler(model, tile=100, overlap=8, note=lambda _: None).enlarge(noise(300, 300), 2)


def test_what_fails_for_another_reason_is_not_tried_again(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def run(*_: object) -> Pixels:
        raise RuntimeError("broken kernel")

    monkeypatch.setattr(upscaling, "run", run)
    with pytest.raises(RuntimeError, match="broken kernel"):
        upscaler(compact(), tmp_path, tile=100).enlarge(noise(300, 300), 2)
