"""A judge of portraits for tests and benchmarks: what class, style and attributes does an image show?

It is a convolutional classifier trained on renders whose attributes are known, some blurred, noisy or redrawn by the
autoencoder. The product never imports it and its own scoring never uses it.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn import functional as F

from dbsweep.minisd.attributes import STYLES, SUBJECT_VALUES, Style, Subject

HEADS: Final[dict[str, tuple[str, ...]]] = {"style": STYLES, **SUBJECT_VALUES}
"""What the judge tells, and between which values."""
WEIGHTS: Final = Path(__file__).parent / "data" / "oracle.safetensors"
WIDTHS: Final = (24, 48, 80, 96)

Images = Sequence[Image.Image] | NDArray[np.uint8]
"""Images of any size, or (n, height, width, 3) uint8."""


class _Block(nn.Module):
    """Two convolutions beside a shortcut, at half the resolution of the input."""

    def __init__(self, wide_in: int, wide_out: int) -> None:
        super().__init__()
        self.short = nn.Conv2d(wide_in, wide_out, 1)
        self.first = nn.Conv2d(wide_in, wide_out, 3, padding=1)
        self.norm = nn.GroupNorm(4, wide_out)
        self.second = nn.Conv2d(wide_out, wide_out, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        x = F.avg_pool2d(x, 2)
        inner: Tensor = self.second(F.silu(self.norm(self.first(F.silu(x)))))
        shortcut: Tensor = self.short(x)
        return inner + shortcut


class Oracle(nn.Module):
    """The classifier: one backbone, one linear head an attribute."""

    def __init__(self) -> None:
        """Build it untrained."""
        super().__init__()
        self.stem = nn.Conv2d(3, WIDTHS[0], 5, padding=2)
        pairs = zip(WIDTHS, (*WIDTHS[1:], WIDTHS[-1]), strict=True)
        self.blocks = nn.Sequential(*(_Block(a, b) for a, b in pairs))
        self.squeeze = nn.Linear(WIDTHS[-1] * 16, 128)
        self.heads = nn.ModuleDict({name: nn.Linear(128, len(values)) for name, values in HEADS.items()})

    def forward(self, images: Tensor) -> dict[str, Tensor]:
        """Return the logits of every head for (n, 3, 64, 64) images in [-1, 1]."""
        features = F.silu(self.squeeze(F.silu(self.blocks(self.stem(images))).flatten(1)))
        return {name: head(features) for name, head in self.heads.items()}


@lru_cache(maxsize=1)
def load_oracle() -> Oracle:
    """Return the trained judge.

    Raises:
        FileNotFoundError: if its weights are not there; `python -m benchmarks.oracle_training` makes them.
    """
    if not WEIGHTS.exists():
        raise FileNotFoundError(f"{WEIGHTS} is missing; run `python -m benchmarks.oracle_training`")
    oracle = Oracle()
    oracle.load_state_dict({name: value.float() for name, value in load_file(WEIGHTS).items()})
    return oracle.eval()


def as_tensor(images: Images) -> Tensor:
    """Return images as (n, 3, 64, 64) float32 in [-1, 1]."""
    pictures = [image if isinstance(image, Image.Image) else Image.fromarray(image) for image in images]
    small = [np.asarray(picture.convert("RGB").resize((64, 64), Image.Resampling.BICUBIC)) for picture in pictures]
    return torch.from_numpy(np.stack(small)).permute(0, 3, 1, 2).float() / 127.5 - 1.0


@torch.no_grad()
def probabilities(images: Images) -> dict[str, NDArray[np.float32]]:
    """Return for every head the probability of each of its values, (n, values) float32."""
    logits = load_oracle()(as_tensor(images))
    return {name: value.softmax(dim=1).numpy() for name, value in logits.items()}


def guesses(images: Images) -> dict[str, list[str]]:
    """Return for every head the most probable value of each image."""
    return {name: [HEADS[name][int(i)] for i in p.argmax(axis=1)] for name, p in probabilities(images).items()}


def identity_score(images: Images, subject: Subject) -> NDArray[np.float32]:
    """Return how much each image shows `subject`: the mean probability of its attributes, (n,) from 0 to 1."""
    seen = probabilities(images)
    true = [seen[name][:, values.index(getattr(subject, name))] for name, values in SUBJECT_VALUES.items()]
    score: NDArray[np.float32] = np.mean(true, axis=0).astype(np.float32)
    return score


def style_probability(images: Images, style: Style) -> NDArray[np.float32]:
    """Return how probable `style` is for each image, (n,) from 0 to 1."""
    return probabilities(images)["style"][:, STYLES.index(style)]
