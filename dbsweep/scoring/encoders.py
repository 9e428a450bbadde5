"""Image and text encoders: any open_clip model by name, or from a local folder."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pickle import UnpicklingError
from typing import Protocol, TypeAlias, TypeVar

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image
from safetensors import SafetensorError

from dbsweep.config.fields import LOCAL
from dbsweep.errors import ModelError, ResourceError
from dbsweep.models import batches
from dbsweep.models.device_memory import is_out_of_memory
from dbsweep.models.making_room import Movable
from dbsweep.models.refusals import without_numbers
from dbsweep.plan.memory.encoders import SMALL_ENCODER
from dbsweep.scoring.encoder_source import HUB, encoder_source, model_and_tag

Pixels: TypeAlias = npt.NDArray[np.uint8]
"""One image: (h, w, 3) uint8 sRGB."""
Embeddings: TypeAlias = npt.NDArray[np.float32]
"""(n, d) float32, L2-normalised."""


Item = TypeVar("Item")


class ImageEncoder(Protocol):
    """What scoring asks of an encoder of identity."""

    @property
    def name(self) -> str:
        """What it was loaded as."""

    def encode_images(self, images: Sequence[Pixels]) -> Embeddings:
        """(n, d) float32, L2-normalised; (0, d) for no images. A row of NaN where it sees nothing (no face)."""


class Encoder(ImageEncoder, Protocol):
    """What scoring asks of the encoder of style: images and texts in one space, no rows of NaN."""

    def encode_texts(self, texts: Sequence[str]) -> Embeddings:
        """(m, d) float32, L2-normalised, in the space of the images."""


class OpenClipEncoder:
    """An open_clip model with its own preprocessing and tokenizer, in float32 evaluation mode.

    Args:
        name: what it was loaded as.
        model: an open_clip model on the device where it looks; `with_room` may move it.
        preprocess: PIL image to (3, s, s) float32 tensor.
        tokenize: texts to (n, context) token ids.
        batch_size: images or texts a forward pass.
    """

    def __init__(
        self,
        name: str,
        model: torch.nn.Module,
        preprocess: Callable[[Image.Image], torch.Tensor],
        tokenize: Callable[[list[str]], torch.Tensor],
        *,
        batch_size: int = 32,
    ) -> None:
        self.name = name
        self._model = Movable(model)
        self._preprocess = preprocess
        self._tokenize = tokenize
        self._batch_size = batch_size

    def encode_images(self, images: Sequence[Pixels]) -> Embeddings:
        """Embed images of any size; each row depends on its own image only."""

        def encode(batch: Sequence[Pixels]) -> torch.Tensor:
            tensors = [self._preprocess(Image.fromarray(image)) for image in batch]
            model = self._model.on_device()
            features: torch.Tensor = model.encode_image(torch.stack(tensors).to(self._model.device), normalize=True)
            return features

        return in_batches(images, encode, self._batch_size, name=self.name)

    def encode_texts(self, texts: Sequence[str]) -> Embeddings:
        """Embed texts; what does not fit the model's context (77 tokens in CLIP) is cut off."""

        def encode(batch: Sequence[str]) -> torch.Tensor:
            tokens, model = self._tokenize(list(batch)), self._model.on_device()
            features: torch.Tensor = model.encode_text(tokens.to(self._model.device), normalize=True)
            return features

        return in_batches(texts, encode, self._batch_size, name=self.name)


def in_batches(
    items: Sequence[Item],
    encode: Callable[[Sequence[Item]], torch.Tensor],
    batch_size: int,
    *,
    name: str,
    width: int = 0,
) -> Embeddings:
    """What a model makes of images or texts, some at a time; of fewer where there is no memory for as many.

    Args:
        encode: (n, d), of up to `batch_size` items.
        name: of the model, for the person.
        width: d of no items.

    Raises:
        ResourceError: there is no memory for one.
    """
    rows = list(
        batches.in_batches(
            items,
            lambda batch: encode(batch).float().cpu().numpy(),
            batch_size,
            lambda: no_memory(f"while {name!r} looked at one picture or text"),
        )
    )
    return np.concatenate(rows) if rows else np.zeros((0, width), dtype=np.float32)


def no_memory(doing: str) -> ResourceError:
    """The error of an encoder that memory has run out for.

    Args:
        doing: what it was about.
    """
    return ResourceError(
        f"out of memory {doing}; what helps: a smaller encoder (evaluate.encoder {SMALL_ENCODER}, "
        "evaluate.identity.dinov2 facebook/dinov2-small), or a larger share of a GPU"
    )


def load_encoder(
    name_or_folder: str,
    device: str | torch.device = "cpu",
    *,
    batch_size: int = 32,
    field: str = "evaluate.encoder",
) -> OpenClipEncoder:
    """Load an encoder.

    Args:
        name_or_folder: ``ViT-L-14/openai`` (open_clip's model and pretrained tag), ``hf-hub:owner/name``, or a folder
            with ``open_clip_config.json`` and weights, bare or after ``local-dir:``.
        device: where it runs.
        batch_size: images or texts a forward pass.
        field: the setting that names it.

    Raises:
        ResourceError: there is no memory for it.
        ModelError: there is no such model, tag or folder, it holds no weights, or they cannot be fetched or read or are
            no numbers.
    """
    import open_clip  # 50 MiB with timm: a process that is training has no need of it yet

    model_name, tag = _resolve(name_or_folder, field)
    try:
        model, preprocess = open_clip.create_model_from_pretrained(
            model_name, pretrained=tag, device=device, force_quick_gelu=_wants_quick_gelu(model_name, tag)
        )
        tokenize = open_clip.get_tokenizer(model_name)
    except (
        RuntimeError, MemoryError, ValueError, OSError, KeyError, TypeError, SafetensorError, UnpicklingError
    ) as error:  # fmt: skip
        if is_out_of_memory(error):
            raise no_memory(f"while {field} {name_or_folder} was loaded") from error
        reason = str(error).strip().splitlines()[0][:200] if str(error).strip() else type(error).__name__
        raise ModelError(f"{field}: cannot load {name_or_folder!r}: {reason}; {_advice(model_name)}") from error
    refuse_no_numbers(model, f"{field}: {name_or_folder!r}")
    return OpenClipEncoder(name_or_folder, model, preprocess, tokenize, batch_size=batch_size)


def refuse_no_numbers(model: torch.nn.Module, named: str) -> None:
    """ModelError, beginning with how the model is named, if some of its weights are NaN or infinite."""
    if (reason := without_numbers(model)) is not None:
        raise ModelError(f"{named} sees nothing: {reason}; get its files again, or name another encoder")


def _resolve(name: str, field: str) -> tuple[str, str | None]:
    """open_clip's model name and pretrained tag."""
    source = encoder_source(name, field)
    if source.startswith((HUB, LOCAL)):
        return source, None
    return model_and_tag(source, field)


def _wants_quick_gelu(model: str, tag: str | None) -> bool:
    import open_clip

    # OpenAI's weights were trained with QuickGELU; open_clip only warns when the tag and the architecture disagree,
    # and the embeddings are then quietly off.
    return tag is not None and bool(open_clip.get_pretrained_cfg(model, tag).get("quick_gelu", False))


def _advice(model_name: str) -> str:
    if model_name.startswith(LOCAL):
        return "check its open_clip_config.json, weights and tokenizer files"
    return "without a network, give a local open_clip folder"
