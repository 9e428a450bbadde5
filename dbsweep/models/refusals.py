"""Turning what libraries raise on bad model files into one-line errors."""

from __future__ import annotations

import json
import pickle
import re
from collections.abc import Callable, Collection, Iterator, Sequence
from typing import TYPE_CHECKING, TypeVar

from safetensors import SafetensorError

from dbsweep.config.messages import counted
from dbsweep.errors import ModelError

if TYPE_CHECKING:
    from torch import Tensor, nn

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
    """What ``read`` returns.

    Raises:
        ModelError: its files are damaged, or are pickles that want to run code; one line that names source and part.
    """
    try:
        return read()
    except LOADING_ERRORS as error:
        refused = next((each for each in causes(error) if isinstance(each, pickle.UnpicklingError)), None)
        if refused is not None:
            raise ModelError(
                f"base model {source}: {part} refused, {pickle_fault(refused)}; use .safetensors files"
            ) from error
        reason = " ".join(f"{type(error).__name__}: {error}".split())[:200]
        raise ModelError(
            f"base model {source}: cannot read {part}, the file is damaged or foreign ({reason})"
        ) from error


def pickle_fault(error: pickle.UnpicklingError) -> str:
    """What the pickle asks for; torch's message itself advises to switch the protection off."""
    asked = re.search(r"GLOBAL ([\w.]+)", str(error))
    if asked is None:
        return "it is damaged or a pickle that holds code besides weights"
    return f"it is a pickle that holds code besides weights: it asks for {asked[1]}"


def causes(error: BaseException) -> Iterator[BaseException]:
    """The error and those that it was raised for: diffusers says of a refused pickle only that it cannot be loaded."""
    at: BaseException | None = error
    while at is not None:
        yield at
        at = at.__cause__ or at.__context__


def refuse_lacking(source: str, part: str, keys: Collection[str]) -> None:
    """ModelError, naming the source and the part, if there are keys of weights that its files lack."""
    if keys:
        named = ", ".join(sorted(keys)[:_NAMED])
        raise ModelError(f"base model {source}: {part} lacks {counted(len(keys), 'weight')}, e.g. {named}")


def refuse_misfits(
    source: str, part: str, mismatched: Collection[tuple[str, Sequence[int], Sequence[int]]], more: Collection[str]
) -> None:
    """ModelError, naming the source and the part, if its files are of another network than its ``config.json`` tells.

    Args:
        mismatched: keys, the shape in the files and the shape that is needed.
        more: keys of layers for which there is no place.
    """
    if mismatched:
        key, has, needs = min(mismatched)
        reason = f"{key} is {tuple(has)} and not {tuple(needs)}"
    elif more:
        reason = f"that has no place for {counted(len(more), 'weight')}, e.g. {min(more)}"
    else:
        return
    raise ModelError(f"base model {source}: {part} does not fit its config.json: {reason}; get both again")


def without_numbers(network: nn.Module) -> str | None:
    """What to say of a network some of whose weights are NaN or infinite; None of others."""
    bad = [key for key, weight in network.state_dict().items() if not _is_finite(weight)]
    if not bad:
        return None
    return f"NaN or infinity stands in place of numbers in {counted(len(bad), 'weight')}, such as {bad[0]}"


def _is_finite(weight: Tensor) -> bool:
    # NaN is the least and the largest of what it is among; a tensor of truth values would take twelve times as long.
    return weight.numel() == 0 or all(bool(end.isfinite()) for end in weight.aminmax())
