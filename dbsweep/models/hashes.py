"""Fingerprints of weights and of files; `dbsweep.models.hash_cache` has those that A1111 shows."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import Tensor, nn  # files are hashed where torch is not loaded

KOHYA_SHA256 = "sshs_model_hash"
"""Metadata key of a LoRA file: `tensors_sha256`, by which A1111 names it."""

_LARGEST_HEADER = 100_000_000
"""Bytes; safetensors' own limit."""


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


def tensors_sha256(path: Path) -> str:
    """SHA-256 of what follows a safetensors file's header, 64 hex digits."""
    with path.open("rb") as stream:
        stream.seek(int.from_bytes(stream.read(8), "little"), 1)
        return hashlib.file_digest(stream, "sha256").hexdigest()


def lora_hash(path: Path) -> str | None:
    """What A1111 shows of a LoRA file, as in ``Lora hashes`` of its images; None for any other file.

    Returns:
        12 hex digits: of the hash that its metadata names, or of its tensors, whatever its metadata.

    Raises:
        OSError: the file cannot be read.
    """
    header = _header(path)
    metadata = header.pop("__metadata__", {})
    if not any(key.startswith("lora_") or ".lora" in key for key in header):
        return None
    named = metadata.get(KOHYA_SHA256) if isinstance(metadata, dict) else None
    return (named or tensors_sha256(path))[:12]


def _header(path: Path) -> dict[str, Any]:
    """Of a safetensors file; empty for any other."""
    with path.open("rb") as stream:
        size = int.from_bytes(stream.read(8), "little")
        if path.suffix != ".safetensors" or not 0 < size <= _LARGEST_HEADER:
            return {}
        try:
            header = json.loads(stream.read(size))
        except ValueError:
            return {}
    return header if isinstance(header, dict) else {}


def _flat(value: Tensor) -> Tensor:
    value = value.detach().cpu()
    return (value.float() if value.is_floating_point() else value).contiguous().reshape(-1)


def _stable_name(key: str) -> str:
    # transformers 5.6 dropped this prefix from CLIPTextModel's keys: the hash must not depend on its version.
    return key.removeprefix("text_model.")
