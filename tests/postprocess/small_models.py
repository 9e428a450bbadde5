"""Models of real architectures with few random weights, as files and loaded; detectors that are arithmetic."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import safetensors.torch
import torch
from spandrel import ImageModelDescriptor
from spandrel.architectures.Compact import Compact
from spandrel.architectures.ESRGAN import ESRGAN
from spandrel.architectures.GFPGAN import GFPGAN, GFPGANArch
from spandrel.architectures.RestoreFormer import RestoreFormer
from spandrel.architectures.SPAN import SPAN
from torch import nn

from dbsweep.postprocess.faces import TEMPLATE
from dbsweep.postprocess.image_models import ImageModel

Pixels = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float32]

COMPACT_SEES = 3
"""Pixels to each side of one that its value depends on: three convolutions of 3×3."""


def seeded(make: Callable[[], nn.Module], seed: int = 0) -> nn.Module:
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return make().eval()


def compact(scale: int = 2) -> nn.Module:
    """Real-ESRGAN's small one: purely local."""
    return seeded(lambda: Compact(num_feat=8, num_conv=1, upscale=scale))


def esrgan(scale: int = 4) -> nn.Module:
    return seeded(lambda: ESRGAN(num_filters=8, num_blocks=2, scale=scale))


def span() -> nn.Module:
    return seeded(lambda: SPAN(num_in_ch=3, num_out_ch=3, feature_channels=8, upscale=2))


def restoreformer() -> nn.Module:
    """Restores faces by few weights; ``attn_resolutions`` and ``head_size`` are what its loader takes."""
    return seeded(
        lambda: RestoreFormer(
            n_embed=16, embed_dim=32, ch=32, out_ch=3, ch_mult=(1, 1), num_res_blocks=1, attn_resolutions=(16,),
            dropout=0.0, in_channels=3, resolution=512, z_channels=32, double_z=False, enable_mid=False, head_size=8,
        )
    )  # fmt: skip


def gfpgan() -> ImageModel:
    """GFPGAN with a 16th of its channels, as spandrel hands it out; from a file it would load the real size alone."""
    model = seeded(lambda: GFPGAN(num_style_feat=8, narrow=1 / 16))
    for parameter in model.parameters():
        if parameter.shape == (1,):  # how much noise counts, none where nothing is trained
            nn.init.ones_(parameter)
    loaded: ImageModel = ImageModelDescriptor(
        model, model.state_dict(), architecture=GFPGANArch(), purpose="FaceSR", tags=[], supports_half=False,
        supports_bfloat16=True, scale=1, input_channels=3, output_channels=3,
    )  # fmt: skip
    return loaded


def write_model(path: Path, model: nn.Module) -> Path:
    state = {key: value.contiguous().clone() for key, value in model.state_dict().items()}
    if path.suffix == ".safetensors":
        safetensors.torch.save_file(state, path)
    else:
        torch.save({"params_ema": state}, path)
    return path


def noise(height: int, width: int, seed: int = 0) -> Pixels:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def face_row(points: npt.NDArray[Any]) -> Floats:
    """The row of a detection with these landmarks and a box around them."""
    (left, top), (right, bottom) = points.min(axis=0), points.max(axis=0)
    return np.array([left, top, right - left, bottom - top, *points.ravel(), 0.9], dtype=np.float32)


class Knows:
    """A detector that knows where the faces of a picture are, at whatever size it sees it."""

    def __init__(self, width: int, *faces: npt.NDArray[Any]) -> None:
        self._width, self._rows = width, [face_row(face) for face in faces]
        self.size = (0, 0)

    def setInputSize(self, input_size: tuple[int, int]) -> None:
        self.size = input_size

    def detect(self, image: Pixels) -> tuple[int, Floats | None]:
        rows = np.array(self._rows, dtype=np.float32).reshape(-1, 15)
        rows[:, :14] *= self.size[0] / self._width
        return 1, rows if len(rows) else None


def landmarks(scale: float, degrees: float, at: tuple[float, float]) -> npt.NDArray[np.float64]:
    """FFHQ's five points turned about the middle of its square, scaled, and moved there."""
    angle = np.deg2rad(degrees)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    moved: npt.NDArray[np.float64] = (TEMPLATE - 256) @ turn.T * scale + np.array(at)
    return moved
