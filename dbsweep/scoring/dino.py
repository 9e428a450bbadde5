"""DINOv2 as an image encoder: sees who it is where CLIP sees what it is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pickle import UnpicklingError
from typing import Protocol

import torch
from PIL import Image
from safetensors import SafetensorError
from transformers import AutoImageProcessor, Dinov2Model

from dbsweep.errors import ModelError
from dbsweep.models.device_memory import is_out_of_memory
from dbsweep.models.making_room import Movable
from dbsweep.models.quiet import without_reports
from dbsweep.scoring.encoders import Embeddings, Pixels, in_batches, no_memory, refuse_no_numbers


class Preprocess(Protocol):
    """What makes a model's input of images; transformers' image processors do."""

    def __call__(self, *, images: list[Image.Image], return_tensors: str) -> Mapping[str, torch.Tensor]:
        """``{"pixel_values": (n, 3, s, s) float32}``."""


class DinoEncoder:
    """A DINOv2 model with its own preprocessing, in float32 evaluation mode; it has no texts.

    Args:
        name: what it was loaded as.
        model: its class token after the last norm is the embedding, as Oquab et al. 2023 (DINOv2, section 7) use it.
        preprocess: the model's own.
        batch_size: images a forward pass.
    """

    def __init__(self, name: str, model: Dinov2Model, preprocess: Preprocess, *, batch_size: int = 32) -> None:
        self.name = name
        self._model = Movable(model)
        self._width = int(model.config.hidden_size)
        self._preprocess = preprocess
        self._batch_size = batch_size

    def encode_images(self, images: Sequence[Pixels]) -> Embeddings:
        """(n, d) float32, L2-normalised; (0, d) for no images. Each row depends on its own image only."""
        return in_batches(images, self._encode, self._batch_size, name=self.name, width=self._width)

    def _encode(self, batch: Sequence[Pixels]) -> torch.Tensor:
        tensors = self._preprocess(images=[Image.fromarray(image) for image in batch], return_tensors="pt")
        pixels = tensors["pixel_values"].to(self._model.device)
        tokens: torch.Tensor = self._model.on_device()(pixel_values=pixels).last_hidden_state[:, 0]
        return torch.nn.functional.normalize(tokens.float(), dim=1)


def load_dino(name_or_folder: str, device: str | torch.device = "cpu", *, batch_size: int = 32) -> DinoEncoder:
    """Load a DINOv2 model.

    Args:
        name_or_folder: ``facebook/dinov2-base`` or a local folder with ``config.json``, ``preprocessor_config.json``
            and weights.
        device: where it runs.
        batch_size: images a forward pass.

    Raises:
        ResourceError: there is no memory for it.
        ModelError: there is no such model or folder, it is not a whole DINOv2, or it cannot be fetched or read or its
            weights are no numbers.
    """
    try:
        with without_reports():
            model, found = Dinov2Model.from_pretrained(name_or_folder, dtype=torch.float32, output_loading_info=True)
        preprocess = AutoImageProcessor.from_pretrained(name_or_folder)
    except (OSError, ValueError, RuntimeError, SafetensorError, UnpicklingError) as error:
        reason = str(error).strip().splitlines()[0][:200] if str(error).strip() else type(error).__name__
        raise ModelError(
            f"cannot load the DINOv2 model {name_or_folder!r}: {reason}; without a network, give a local folder with "
            "config.json, preprocessor_config.json and weights"
        ) from error
    if model.config.model_type != "dinov2":
        raise ModelError(f"{name_or_folder!r} is a {model.config.model_type} model, not a dinov2")
    if missing := sorted(found["missing_keys"]):  # transformers only warns, and makes them up at random
        raise ModelError(
            f"DINOv2 model {name_or_folder!r} lacks {len(missing)} of its weights, such as {missing[0]}; get it again"
        )
    refuse_no_numbers(model, f"DINOv2 model {name_or_folder!r}")
    try:
        model.to(device)
    except RuntimeError as error:
        if not is_out_of_memory(error):
            raise
        raise no_memory(f"while evaluate.identity.dinov2 {name_or_folder} was loaded") from error
    return DinoEncoder(name_or_folder, model, preprocess, batch_size=batch_size)
