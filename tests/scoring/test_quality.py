"""Saturation and sharpness, by hand; and that noise, blur and burnt colours fall out of what is known."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageEnhance, ImageFilter

from dbsweep.scoring.quality import image_features, image_quality

PHOTOS = Path(__file__).parents[2] / "experiments" / "data" / "ohwx_man"


def photos() -> list[Image.Image]:
    return [Image.open(path).convert("RGB") for path in sorted(PHOTOS.glob("*.png"))]


def features_of(images: list[Image.Image]) -> np.ndarray:
    return image_features([np.asarray(image) for image in images])


def test_flat_colour() -> None:
    """(255, 51, 0): max - min = 255 of 255; nothing to sharpen."""
    image = np.full((4, 4, 3), (255, 51, 0), dtype=np.uint8)
    assert image_features([image]).tolist() == [[1.0, 0.0]]


def test_a_checkerboard_by_hand() -> None:
    """Grey 0 and 1 alternate: every Laplacian is ±4 (4·1 - 0, or 0 - 4·1), the grey is ±0.5 around 0.5: 4 / 0.5."""
    board = (np.indices((6, 6)).sum(axis=0) % 2 * 255).astype(np.uint8)
    assert image_features([np.repeat(board[:, :, None], 3, axis=2)])[0] == pytest.approx([0.0, 8.0])


def test_white_noise_has_root_20_at_any_strength() -> None:
    rng = np.random.default_rng(0)
    for spread in (5, 40):
        noise = np.clip(rng.normal(128, spread, (128, 128, 1)), 0, 255).astype(np.uint8)
        assert image_features([np.repeat(noise, 3, axis=2)])[0, 1] == pytest.approx(np.sqrt(20), rel=0.03)


def test_quality_by_hand() -> None:
    """Known saturation 0.18–0.48 (+0.02: 0.2–0.5), sharpness 0.98–1.98 (1–2). 0.08 + 0.02 is half of 0.2; 3.98 + 0.02
    is twice 2; the worse counts."""
    known = np.array([[0.18, 0.98], [0.48, 1.98]])
    rows = np.array([[0.3, 1.5], [0.08, 1.5], [0.3, 3.98], [0.08, 7.98], [np.nan, np.nan]])
    assert image_quality(rows, known[:1], known[1:]) == pytest.approx([1.0, 0.5, 0.5, 0.25, np.nan], nan_ok=True)


def test_photos_in_other_light_are_images_and_ruins_are_not() -> None:
    known, mine = photos()[:6], photos()[6:]
    reference = features_of(known)

    def quality(images: list[Image.Image]) -> float:
        return float(image_quality(features_of(images), reference[:3], reference[3:]).mean())

    rng = np.random.default_rng(0)
    noise = [Image.fromarray(rng.integers(0, 256, (64, 64, 3), dtype=np.uint8)) for _ in range(4)]
    assert quality(mine) > 0.85
    assert quality([ImageEnhance.Brightness(image).enhance(0.8) for image in mine]) > 0.75
    assert quality(noise) < 0.5
    assert quality([image.filter(ImageFilter.GaussianBlur(4)) for image in mine]) < 0.2
    assert quality([image.convert("L").convert("RGB") for image in mine]) < 0.2
