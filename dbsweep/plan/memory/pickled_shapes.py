"""Shapes of the weights in a zipped pickle of torch (``.bin``, ``.ckpt``): nothing of it is run; needs no torch."""

from __future__ import annotations

import pickle
import zipfile
import zlib
from collections import OrderedDict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

_DAMAGED = (
    zipfile.BadZipFile, zlib.error, StopIteration, pickle.UnpicklingError, EOFError, LookupError, TypeError,
    AttributeError, OverflowError, RuntimeError,
)  # fmt: skip

BESIDE_WEIGHTS = (
    "pytorch_lightning.callbacks.model_checkpoint.ModelCheckpoint",
    "numpy.core.multiarray.scalar",
    "numpy._core.multiarray.scalar",
    "numpy.dtype",
)
"""What published ``.ckpt`` files ask for beside weights (sd-v1-4.ckpt has a Lightning callback), as A1111 lets pass."""

_BYTES = "_codecs.encode"
"""How bytes are written."""


def pickled_shapes(file: Path) -> dict[str, Sequence[int]]:
    """Sizes of tensors, by name; in a ``.ckpt`` they may lie below ``state_dict``.

    Raises:
        ValueError: it is older than torch 1.6, damaged, or asks for more than tensors.
        OSError: it cannot be read.
    """
    try:
        with zipfile.ZipFile(file) as archive:
            name = next(each for each in archive.namelist() if each.endswith("/data.pkl"))
            with archive.open(name) as stream:
                state = _Shapes(stream).load()
        weights = state.get("state_dict", state)
        return {key: shape for key, shape in weights.items() if isinstance(shape, tuple)}
    except _DAMAGED as error:
        raise ValueError(f"{file}: no weights that torch has zipped ({error})") from error


class _Shapes(pickle.Unpickler):
    """Puts shapes in the place of tensors, and refuses whatever else a pickle may call."""

    def find_class(self, module: str, name: str) -> Any:  # noqa: ANN401
        if (module, name) == ("collections", "OrderedDict"):
            return OrderedDict
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return _shape
        if (module, name) == ("torch._utils", "_rebuild_parameter"):
            return _of_parameter
        if module == "torch" and name.endswith("Storage"):
            return name
        if f"{module}.{name}" in (*BESIDE_WEIGHTS, _BYTES):
            return Ignored
        raise pickle.UnpicklingError(f"it asks for {module}.{name}")

    def persistent_load(self, pid: object) -> None:
        """Storages, which stay where they are."""


class Ignored:
    """Stands for what a training left in its checkpoint beside the weights; nothing of it is imported or called."""

    def __new__(cls, *_: object) -> Ignored:
        return super().__new__(cls)

    def __setstate__(self, state: object) -> None:
        pass


def _shape(storage: None, offset: int, size: tuple[int, ...], *_: object) -> tuple[int, ...]:
    return size


def _of_parameter(shape: tuple[int, ...], *_: object) -> tuple[int, ...]:
    return shape
