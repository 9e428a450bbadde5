"""What writing captions asks of a model, whether it says sentences or tags, and what it cannot be."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import torch
from PIL import Image

from dbsweep.errors import ModelError, ResourceError
from dbsweep.models.refusals import without_numbers


class Captioner(Protocol):
    """What looks at pictures and says what is on them."""

    @property
    def says_tags(self) -> bool:
        """Whether it says tags, and no sentence."""

    def describe(self, images: Sequence[Image.Image]) -> list[tuple[str, ...]]:
        """The sentence of each image (RGB, of any size), or its tags; nothing where it has nothing to say."""


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
