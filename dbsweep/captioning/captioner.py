"""What writing captions asks of a model, whether it says sentences or tags, and the errors of loading one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pickle import UnpicklingError
from typing import Protocol, TypeVar

import torch
from PIL import Image
from safetensors import SafetensorError

from dbsweep.errors import ModelError, ResourceError
from dbsweep.models.device_memory import is_out_of_memory
from dbsweep.models.refusals import without_numbers

Loaded = TypeVar("Loaded")

_ERRORS = (
    *(OSError, ValueError, KeyError, TypeError, AttributeError, RuntimeError, MemoryError),
    *(SafetensorError, UnpicklingError),
)
"""What damaged files, or those of another model, raise in transformers, timm and torch."""


class Captioner(Protocol):
    """What looks at pictures and says what is on them."""

    @property
    def says_tags(self) -> bool:
        """Whether it says tags, and no sentence."""

    def describe(self, images: Sequence[Image.Image]) -> list[tuple[str, ...]]:
        """The sentence of each image (RGB, of any size), or its tags; nothing where it has nothing to say."""


def load_or_refuse(name: str, load: Callable[[], Loaded]) -> Loaded:
    """What ``load`` returns, read from files or moved to a device.

    Raises:
        ResourceError: there is no memory for it.
        ModelError: its files cannot be read.
    """
    try:
        return load()
    except _ERRORS as error:
        if is_out_of_memory(error):
            raise no_memory(f"while model {name} was loaded") from error
        reason = " ".join(f"{type(error).__name__}: {error}".split())[:300]
        raise ModelError(f"model {name}: cannot be loaded ({reason}); get its files again") from error


def refuse_no_numbers(name: str, model: torch.nn.Module) -> None:
    """ModelError if some of its weights are NaN or infinite."""
    if (reason := without_numbers(model)) is not None:
        raise ModelError(f"model {name}: sees nothing, {reason}; get its files again")


def no_memory(doing: str) -> ResourceError:
    """The error where memory has run out for a captioner.

    Args:
        doing: what it was about.
    """
    return ResourceError(f"out of memory {doing}; what helps: a smaller model, fewer --beams, or another machine")
