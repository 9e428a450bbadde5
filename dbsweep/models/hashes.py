"""Fingerprints of weights and of files; `dbsweep.models.hash_cache` has those that A1111 shows."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor, nn  # files are hashed where torch is not loaded


def weights_sha256(modules: Mapping[str, nn.Module]) -> str:
    """SHA-256 of the values of all weights, the same for equal weights whatever their dtype, device or order.

    Args:
        modules: by the name that tells them apart: ``{"unet": …, "text_encoder": …}``.

    Returns:
        64 hex digits. Floating-point values are hashed as float32, so float16 weights and their float32 copy agree.
    """
    return values_sha256({name: module.state_dict() for name, module in modules.items()})


def values_sha256(states: Mapping[str, Mapping[str, Tensor]]) -> str:
    """As `weights_sha256`, of tensors by their module's and their own name."""
    digest = hashlib.sha256()
    for module_name in sorted(states):
        state = states[module_name]
        for key in sorted(state, key=_stable_name):
            value, shape = _flat(state[key]), tuple(state[key].shape)
            digest.update(f"{module_name}/{_stable_name(key)}:{value.dtype}:{shape}\n".encode())
            digest.update(value.numpy().data.cast("B") if value.numel() else b"")
    return digest.hexdigest()


def file_sha256(path: Path) -> str:
    """SHA-256 of a file's bytes, 64 hex digits; OSError when it cannot be read."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _flat(value: Tensor) -> Tensor:
    value = value.detach().cpu()
    return (value.float() if value.is_floating_point() else value).contiguous().reshape(-1)


def _stable_name(key: str) -> str:
    # transformers 5.6 dropped this prefix from CLIPTextModel's keys: the hash must not depend on its version.
    return key.removeprefix("text_model.")
