"""Kernels that give the same bits every time, on a GPU as on the CPU: what branches share depends on it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
import torch.utils.deterministic

from dbsweep.errors import ResourceError

os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
"""cuBLAS gives the same bits only with a work space of fixed size; it looks once, when it is first used."""

_MEMORY: Any = torch.utils.deterministic
"""Whose settings are properties of a module, which no type checker knows."""


@contextmanager
def same_bits(wanted: bool) -> Iterator[None]:
    """Inside, torch takes none of the faster kernels whose sums depend on which thread comes first.

    Raises:
        ResourceError: an operation has no other kernel here.
    """
    was_on, was_filling = torch.are_deterministic_algorithms_enabled(), _MEMORY.fill_uninitialized_memory
    only_warned = torch.is_deterministic_algorithms_warn_only_enabled()
    torch.use_deterministic_algorithms(wanted)
    _MEMORY.fill_uninitialized_memory = False  # nothing here reads what it has not written
    try:
        yield
    except RuntimeError as error:
        operation, refuses, _ = str(error).partition(" does not have a deterministic implementation")
        if not refuses:
            raise
        raise ResourceError(
            f"{operation} cannot give the same bits every time on this device: set train.deterministic to false; trials"
            " that share steps then differ in their last digits from ones trained alone"
        ) from error
    finally:
        torch.use_deterministic_algorithms(was_on, warn_only=only_warned)
        _MEMORY.fill_uninitialized_memory = was_filling
