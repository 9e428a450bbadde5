"""Nested training state as one safetensors file and one JSON file, without pickle."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TypeAlias

from safetensors.torch import load_file
from torch import Tensor

from dbsweep.models.checkpoint_files import TENSORS, TREE
from dbsweep.models.safetensors_file import save_tensors

State: TypeAlias = (
    "Tensor | bool | int | float | str | Mapping[str, State] | Mapping[int, State] | Sequence[State] | None"
)
"""Tensors and plain values, nested in mappings (string or integer keys), lists and tuples (read back as lists)."""


def write_tree(folder: Path, state: Mapping[str, State]) -> None:
    """Writes ``state.safetensors`` and ``state.json`` into the folder; TypeError for values of another kind."""
    tensors: dict[str, Tensor] = {}
    tree = _encode(state, "", tensors)
    save_tensors(folder / TENSORS, _apart(tensors))
    (folder / TREE).write_text(json.dumps(tree))


def read_tree(folder: Path) -> dict[str, State]:
    """The state as written, tensors on the CPU in their own dtypes; OSError or SafetensorError on damaged files."""
    state = _decode(json.loads((folder / TREE).read_text()), load_file(folder / TENSORS))
    assert isinstance(state, dict)
    return state


def _encode(value: State, path: str, tensors: dict[str, Tensor]) -> object:
    """The JSON form of a value; its tensors are added to ``tensors`` under their paths."""
    if isinstance(value, Tensor):
        tensors[path] = value.detach().cpu().contiguous()
        return {"tensor": path}
    if isinstance(value, Mapping):
        return {"items": [[key, _encode(item, f"{path}/{key}", tensors)] for key, item in value.items()]}
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, Sequence):
        return [_encode(item, f"{path}/{index}", tensors) for index, item in enumerate(value)]
    raise TypeError(f"state{path} is a {type(value).__name__}; only tensors, plain values, mappings and lists are kept")


def _apart(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Copies of those tensors that share memory (tied weights, views of one buffer), which safetensors refuses.

    The others are as they are: a training state is three times as large as the model, and copies would double it.
    """
    uses = Counter(tensor.untyped_storage().data_ptr() for tensor in tensors.values())
    return {
        name: tensor.clone() if uses[tensor.untyped_storage().data_ptr()] > 1 else tensor
        for name, tensor in tensors.items()
    }


def _decode(value: object, tensors: Mapping[str, Tensor]) -> State:
    if isinstance(value, list):
        return [_decode(item, tensors) for item in value]
    if isinstance(value, dict):
        if "tensor" in value:
            return tensors[value["tensor"]]
        return {key: _decode(item, tensors) for key, item in value["items"]}
    assert value is None or isinstance(value, bool | int | float | str)
    return value
