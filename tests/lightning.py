"""A ``.ckpt`` as PyTorch Lightning leaves it, without that package."""

from __future__ import annotations

import sys
import types
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
import torch

_MODULE = "pytorch_lightning.callbacks.model_checkpoint"


def save_as_lightning(state: Mapping[str, torch.Tensor], file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As in sd-v1-4.ckpt: the class of a callback is a key, and its best score a number of numpy's."""
    callback = type("ModelCheckpoint", (), {"__module__": _MODULE})
    with monkeypatch.context() as patch:
        for name in ("pytorch_lightning", "pytorch_lightning.callbacks", _MODULE):
            patch.setitem(sys.modules, name, types.ModuleType(name))
        patch.setattr(sys.modules[_MODULE], "ModelCheckpoint", callback, raising=False)
        beside = {"callbacks": {callback: {"best": np.float64(0.5)}}, "hook": callback()}
        torch.save({"state_dict": state, **beside}, file)
