"""Turning what libraries raise on bad model files into one-line errors."""

from __future__ import annotations

import json
import pickle
from collections.abc import Callable, Collection
from typing import TypeVar

from safetensors import SafetensorError

from dbsweep.config.messages import counted
from dbsweep.errors import ModelError

T = TypeVar("T")

_NAMED = 3
"""Keys that a message names."""

# What damaged, foreign or truncated files raise in safetensors, diffusers, transformers, torch and json.
LOADING_ERRORS = (
    OSError,
    SafetensorError,
    pickle.UnpicklingError,
    json.JSONDecodeError,
    RuntimeError,
    ValueError,
    KeyError,
    TypeError,
    EOFError,
)


def read_or_refuse(source: str, part: str, read: Callable[[], T]) -> T:
    """What ``read`` returns; ModelError in one line, naming the source and the part, when its files are damaged."""
    try:
        return read()
    except LOADING_ERRORS as error:
        reason = " ".join(f"{type(error).__name__}: {error}".split())[:200]
        raise ModelError(
            f"base model {source}: cannot read {part}, the file is damaged or foreign ({reason})"
        ) from error


def refuse_lacking(source: str, part: str, keys: Collection[str]) -> None:
    """ModelError, naming the source and the part, if there are keys of weights that its files lack."""
    if keys:
        named = ", ".join(sorted(keys)[:_NAMED])
        raise ModelError(f"base model {source}: {part} lacks {counted(len(keys), 'weight')}, e.g. {named}")
