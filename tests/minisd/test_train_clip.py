"""What the open_clip model is trained on."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from diffusers import AutoencoderKL
from torch import Tensor, nn
from transformers import CLIPTokenizer

from dbsweep.minisd.paths import pipeline_path
from dbsweep.minisd.train_clip import REDRAWN_SHARE, clip_loss, redraw_renders
from dbsweep.minisd.train_denoiser import encode_renders
from dbsweep.minisd.world import draw_samples, render_samples


def silent(line: str) -> None:
    pass


def test_renders_are_redrawn_once_alike_and_not_the_same(tmp_path: Path):
    vae = AutoencoderKL.from_pretrained(pipeline_path() / "vae", torch_dtype=torch.float32)
    renders = render_samples(draw_samples(5, 24))
    latents = encode_renders(vae, renders, tmp_path / "latents.npy", silent)
    redrawn = redraw_renders(vae, latents, tmp_path / "redrawn.npy", 0, silent)
    away = np.abs(redrawn.astype(float) - renders).mean(axis=(1, 2, 3))
    others = np.abs(redrawn.astype(float) - np.roll(renders, 1, axis=0)).mean(axis=(1, 2, 3))
    assert away.min() > 0
    assert away.max() < 15 < others.min()

    lines: list[str] = []
    again = redraw_renders(vae, latents, tmp_path / "redrawn.npy", 1, lines.append)
    assert np.array_equal(again, redrawn)
    assert not lines


class Watched(nn.Module):
    """Keeps the pictures that it is shown."""

    def __init__(self) -> None:
        super().__init__()
        self.logit_scale = nn.Parameter(torch.zeros(()))

    def encode_image(self, images: Tensor) -> Tensor:
        self.seen = images
        return images.flatten(1)[:, :4]

    def encode_text(self, ids: Tensor) -> Tensor:
        return ids[:, :4].float()


def test_two_fifths_of_what_it_sees_is_redrawn():
    samples = draw_samples(5, 8)
    white = np.full((8, 64, 64, 3), 255, np.uint8)
    tokenizer = CLIPTokenizer.from_pretrained(pipeline_path() / "tokenizer")
    watched = Watched()
    loss = clip_loss(watched, white, np.zeros_like(white), samples, tokenizer, batch=600)
    loss(torch.Generator().manual_seed(0))
    dark = (watched.seen.mean(dim=(1, 2, 3)) < 0).float().mean()
    assert float(dark) == pytest.approx(REDRAWN_SHARE, abs=0.06)
