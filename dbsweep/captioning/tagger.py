"""SmilingWolf's taggers (WD14, v3) by timm: what a picture would be tagged with on Danbooru."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import timm
import torch
from PIL import Image
from safetensors.torch import load_file
from timm.data import create_transform, resolve_data_config

from dbsweep.captioning.captioner import refuse_no_numbers
from dbsweep.captioning.tags import TAG_FILE, Tag, chosen_tags, read_tags
from dbsweep.captioning.telling import TagSettings
from dbsweep.errors import ModelError
from dbsweep.models.network_loading import load_or_refuse

_WEIGHTS = "model.safetensors"
_BGR = [2, 1, 0]
"""The order of colours in which they were trained, by OpenCV."""


class Tagger:
    """A tagger in float32 evaluation mode.

    Args:
        model: of timm, with one output for each tag, on the device where it looks.
        preprocess: PIL image to (3, s, s) float32 tensor.
    """

    says_tags = True

    def __init__(self, model: Any, preprocess: Any, tags: Sequence[Tag], settings: TagSettings) -> None:  # noqa: ANN401
        self._model = model.eval().requires_grad_(False)
        self._device = next(model.parameters()).device
        self._preprocess = preprocess
        self._tags = tags
        self._settings = settings

    def describe(self, images: Sequence[Image.Image]) -> list[tuple[str, ...]]:
        """The tags of each image, the surest first; none where it is sure of none."""
        pixels = torch.stack([self._preprocess(on_white_square(image)) for image in images])[:, _BGR]
        probabilities = self._model(pixels.to(self._device)).sigmoid().float().cpu().numpy()
        least = self._settings.threshold, self._settings.character_threshold
        return [chosen_tags(self._tags, row, *least) for row in probabilities]


def on_white_square(image: Image.Image) -> Image.Image:
    """A picture in the middle of a white square, as their training showed it."""
    side = max(image.size)
    square = Image.new("RGB", (side, side), "white")
    square.paste(image, ((side - image.width) // 2, (side - image.height) // 2))
    return square


def load_tagger(name: str, folder: Path, settings: TagSettings, device: str | torch.device = "cpu") -> Tagger:
    """Load a tagger.

    Args:
        name: as messages name it.
        folder: timm's ``config.json`` and ``model.safetensors``, and ``selected_tags.csv``.

    Raises:
        ResourceError: there is no memory for it.
        ModelError: its files cannot be read, do not fit each other, or hold what are no numbers.
    """
    tags = read_tags(folder / TAG_FILE)
    model = load_or_refuse(name, lambda: timm.create_model(f"local-dir:{folder}"))
    if model.num_classes != len(tags):
        raise ModelError(
            f"model {name}: {TAG_FILE} has {len(tags):,} tags and the model {model.num_classes:,} outputs, so words"
            " would stand for others; get both from one place"
        )
    load_or_refuse(name, lambda: model.load_state_dict(load_file(folder / _WEIGHTS)))
    refuse_no_numbers(name, model)
    preprocess = create_transform(**resolve_data_config(model.pretrained_cfg, model=model))
    load_or_refuse(name, lambda: model.to(device))
    return Tagger(model, preprocess, tags, settings)
