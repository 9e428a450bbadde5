"""Weight files with metadata: one safetensors file that appears whole, with the hash of its tensors in its header."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import save_file
from torch import Tensor

from dbsweep.models.durable import new_file
from dbsweep.models.hashes import KOHYA_SHA256, tensors_sha256

TENSORS_SHA256 = "modelspec.hash_sha256"
"""Metadata key: SHA-256 of all that follows the header, as ``0x`` and 64 hex digits (ModelSpec 1.0)."""

_BLANK = "0x" + "0" * 64

_UMASK = os.umask(0o022)
os.umask(_UMASK)  # it can only be read by setting it: once, before there are threads that write files


def save_tensors(path: Path, tensors: Mapping[str, Tensor], metadata: Mapping[str, str] | None = None) -> None:
    """Writes a safetensors file that others may read as any new file of this person's.

    Raises:
        OSError: the system refuses; safetensors has an error of its own for that.
    """
    try:
        save_file(dict(tensors), path, metadata=None if metadata is None else dict(metadata))
    except SafetensorError as error:
        refused = re.search(r"\(os error (\d+)\)", str(error))
        if refused is None:
            raise
        raise OSError(int(refused[1]), os.strerror(int(refused[1])), str(path)) from error
    # safetensors 0.8 leaves files to their owner alone: a web UI or a worker of another user could not read them.
    with suppress(PermissionError):  # of disks that know no modes
        path.chmod(0o666 & ~_UMASK)


def write_weights(
    path: Path, tensors: Mapping[str, Tensor], metadata: Mapping[str, str], *, dtype: torch.dtype | None = None
) -> None:
    """Writes a safetensors file, in place of an older one of that name; equal input gives equal bytes.

    Args:
        metadata: goes into the header, beside the hash of the tensors.
        dtype: of floating-point tensors; None keeps their own.

    Raises:
        DiskError: the disk is full; nothing is left behind.
    """
    ready = {name: cast(value, dtype) for name, value in tensors.items()}
    with new_file(path) as temporary:
        hashes = {key: _BLANK for key in (TENSORS_SHA256, KOHYA_SHA256) if key in (TENSORS_SHA256, *metadata)}
        save_tensors(temporary, ready, {**metadata, "format": "pt", **hashes})
        _finish_header(temporary)


def cast(value: Tensor, dtype: torch.dtype | None) -> Tensor:
    """A copy on the CPU that a file can hold; integers keep their type."""
    value = value.detach().cpu()
    return (value.to(dtype) if dtype is not None and value.is_floating_point() else value).contiguous()


def _finish_header(path: Path) -> None:
    """Fills in the hash, and puts the metadata, which safetensors writes in random order, into a fixed one."""
    # Only the finished file has the tensors in the order of their bytes, and holding all of them twice costs gigabytes.
    digest = tensors_sha256(path)
    with path.open("r+b") as stream:
        size = int.from_bytes(stream.read(8), "little")
        header = json.loads(stream.read(size))
        metadata = dict(sorted(header.pop("__metadata__").items())) | {TENSORS_SHA256: f"0x{digest}"}
        if KOHYA_SHA256 in metadata:
            metadata[KOHYA_SHA256] = digest
        fresh = json.dumps({"__metadata__": metadata, **header}, separators=(",", ":"), ensure_ascii=False).encode()
        assert len(fresh) <= size
        stream.seek(8)
        stream.write(fresh.ljust(size))  # spaces after the header are part of the format
