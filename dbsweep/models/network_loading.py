"""Loading networks of transformers and timm by name: what is wrong with their files is one error of one line."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from pickle import UnpicklingError
from typing import Any, TypeVar

import torch
from safetensors import SafetensorError
from transformers.utils import logging

from dbsweep.errors import ModelError, ResourceError
from dbsweep.models.device_memory import is_out_of_memory
from dbsweep.models.quiet import without_reports
from dbsweep.models.refusals import causes, pickle_fault

Loaded = TypeVar("Loaded")

_ERRORS = (
    *(OSError, ValueError, KeyError, TypeError, AttributeError, RuntimeError, MemoryError),
    *(SafetensorError, UnpicklingError),
)
"""What damaged files, or those of another model, raise in transformers, timm and torch."""


def load_or_refuse(name: str, load: Callable[[], Loaded]) -> Loaded:
    """What ``load`` returns, read from files or moved to a device.

    Raises:
        ResourceError: there is no memory for it.
        ModelError: its files cannot be read, or are pickles that want to run code.
    """
    try:
        return load()
    except _ERRORS as error:
        if is_out_of_memory(error):
            raise ResourceError(
                f"out of memory while model {name} was loaded; what helps: a smaller model, or another machine"
            ) from error
        refused = next((each for each in causes(error) if isinstance(each, UnpicklingError)), None)
        if refused is not None:
            raise ModelError(f"model {name}: refused, {pickle_fault(refused)}; use .safetensors files") from error
        reason = " ".join(f"{type(error).__name__}: {error}".split())[:300]
        raise ModelError(f"model {name}: cannot be loaded ({reason}); get its files again") from error


def load_pretrained(name: str, model_class: Any, folder: Path) -> Any:  # noqa: ANN401
    """A network of transformers in float32 on the CPU.

    Args:
        model_class: of transformers; what it says and draws of its own is kept off the screen.

    Raises:
        ResourceError: there is no memory for it.
        ModelError: its files cannot be read, or lack weights.
    """
    logging.disable_progress_bar()

    def load() -> Any:  # noqa: ANN401
        return model_class.from_pretrained(
            folder, dtype=torch.float32, output_loading_info=True, local_files_only=True, trust_remote_code=False
        )

    with without_reports():
        model, found = load_or_refuse(name, load)
    if missing := sorted(found["missing_keys"]):  # transformers only warns, and makes them up at random
        raise ModelError(f"model {name}: lacks {len(missing)} of its weights, such as {missing[0]}; get it again")
    return model
