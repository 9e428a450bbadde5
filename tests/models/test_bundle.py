"""What is asked of a loaded model."""

from __future__ import annotations

from pathlib import Path

from dbsweep.models.loading import load_base


def test_latents_have_an_eighth_of_each_side(tiny_sd: Path) -> None:
    models = load_base(str(tiny_sd))
    assert models.latent_factor == 8
    assert models.latent_shape(64) == (4, 8, 8)
    assert models.latent_shape(64, 128) == (4, 8, 16)  # channels, height, width
