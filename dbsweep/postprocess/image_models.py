"""Models that make pictures of pictures, by file: upscalers and face restorers of every architecture spandrel knows."""

from __future__ import annotations

import pickle
import warnings
from pathlib import Path
from typing import Any, Final, Protocol

import safetensors.torch
import torch
from spandrel import MAIN_REGISTRY, ImageModelDescriptor, UnsupportedModelError
from torch import Tensor, nn

from dbsweep.errors import ModelError
from dbsweep.models.refusals import LOADING_ERRORS, pickle_fault, without_numbers


class ImageModel(Protocol):
    """What is asked of spandrel's ``ImageModelDescriptor``."""

    model: nn.Module
    architecture: Any
    """``id`` and ``name``."""
    purpose: str
    tiling: object
    scale: int
    device: torch.device
    dtype: torch.dtype

    def __call__(self, image: Tensor) -> Tensor:
        """(1, 3, h, w), 0 to 1, to (1, 3, h * scale, w * scale) of that range."""


_PICKLES: Final = (".pth", ".pt", ".ckpt", ".bin")
_CHANNELS: Final = 3


def load_upscaler(path: Path, device: str, option: str = "--upscaler") -> ImageModel:
    """A model that makes pictures larger, or cleaner at their size.

    Args:
        option: what names the file, for messages.

    Raises:
        ModelError: it is no such model, or a pickle that wants to run code; nothing of it has been run.
    """
    model = _load(path, device, option)
    if model.purpose == "FaceSR":
        raise ModelError(
            f"{option}: {path} ({model.architecture.name}) restores faces and makes nothing larger: give it as"
            " --restore-faces"
        )
    return model


def load_face_restorer(path: Path, device: str, option: str = "--restore-faces") -> ImageModel:
    """A model that draws a face anew, of 512×512 pixels as FFHQ is aligned: GFPGAN or RestoreFormer.

    Raises:
        ModelError: as `load_upscaler`.
    """
    model = _load(path, device, option)
    if model.purpose != "FaceSR":
        raise ModelError(
            f"{option}: {path} ({model.architecture.name}) is no restorer of faces such as GFPGANv1.4.pth: give it as"
            " --upscaler"
        )
    return model


def _load(path: Path, device: str, option: str) -> ImageModel:
    state = _read(path, option)
    try:
        model = MAIN_REGISTRY.load(state)
    except UnsupportedModelError as error:
        raise ModelError(
            f"{option}: {path} is no model of pictures that spandrel knows (ESRGAN, Real-ESRGAN, SwinIR, DAT, SPAN, …;"
            " GFPGAN, RestoreFormer)"
        ) from error
    except (*LOADING_ERRORS, AssertionError, AttributeError, IndexError) as error:
        # of an architecture that it looks like, and is not
        raise ModelError(f"{option}: {path} cannot be loaded ({_shown(error)}); get it again") from error
    if not isinstance(model, ImageModelDescriptor):
        raise ModelError(
            f"{option}: {path} ({model.architecture.name}) fills holes in pictures, which is not done here"
        )
    if (model.input_channels, model.output_channels) != (_CHANNELS, _CHANNELS):
        raise ModelError(
            f"{option}: {path} makes {model.output_channels} channels of {model.input_channels}; give a model of RGB"
        )
    if fault := without_numbers(model.model):
        raise ModelError(f"{option}: {path}: {fault}; get it again")
    model.model.requires_grad_(False)
    loaded: ImageModel = model.to(device).eval()
    return loaded


def _read(path: Path, option: str) -> dict[str, Any]:
    """Weights by name; a pickle is read by torch's reader of weights alone."""
    if not path.is_file():
        raise ModelError(f"{option}: there is no file {str(path)!r}")
    try:
        if path.suffix.lower() == ".safetensors":
            return dict(safetensors.torch.load_file(path))
        if path.suffix.lower() not in _PICKLES:
            raise ModelError(f"{option}: {path} is no model file; give a .safetensors or a .pth file")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of a TorchScript archive it says that it runs it, and then does not
            state = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise ModelError(f"{option}: {path} refused, {pickle_fault(error)}; get it as .safetensors") from error
    except LOADING_ERRORS as error:
        raise ModelError(f"{option}: {path} cannot be read, it is damaged or no model ({_shown(error)})") from error
    if not isinstance(state, dict):
        raise ModelError(f"{option}: {path} holds no weights by name; get it again")
    return state


def _shown(error: Exception) -> str:
    return " ".join(f"{type(error).__name__}: {error}".split())[:200]
