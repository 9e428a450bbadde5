"""What goes wrong while a network is loaded is one error of one line that names it."""

from __future__ import annotations

from pickle import UnpicklingError

import pytest
import torch

from dbsweep.errors import DbsweepError, ModelError, ResourceError
from dbsweep.models.network_loading import load_or_refuse


def raising(error: Exception, cause: Exception | None = None) -> object:
    raise error from cause


@pytest.mark.parametrize(
    ("error", "cause", "kind", "message"),
    [
        (
            torch.OutOfMemoryError("CUDA out of memory"),
            None,
            ResourceError,
            "while model some was loaded; what helps: a",
        ),
        (MemoryError(), None, ResourceError, "out of memory while model some was loaded"),
        (
            ValueError("no\nsuch layer"),
            None,
            ModelError,
            r"model some: cannot be loaded \(ValueError: no such layer\); get",
        ),
        (
            OSError("cannot load"),
            UnpicklingError("Unsupported global: GLOBAL os.system was not an allowed global by default."),
            ModelError,
            r"model some: refused, .* holds code besides weights: it asks for os\.system; use \.safetensors files",
        ),
    ],
)
def test_errors_name_the_model(error, cause, kind: type[DbsweepError], message: str) -> None:
    with pytest.raises(kind, match=message):
        load_or_refuse("some", lambda: raising(error, cause))


@pytest.mark.parametrize("error", [OSError("a\n b"), AttributeError("a b"), RuntimeError("a b"), KeyError("a b")])
def test_damaged_files_are_one_line(error: Exception) -> None:
    message = rf"^model git: cannot be loaded \({type(error).__name__}: '?a b'?\); get its files again$"
    with pytest.raises(ModelError, match=message):
        load_or_refuse("git", lambda: raising(error))


def test_what_can_be_loaded_is_given() -> None:
    assert load_or_refuse("git", lambda: 7) == 7


def test_a_fault_of_ours_is_none_of_the_files() -> None:
    with pytest.raises(ZeroDivisionError, match="ours"):
        load_or_refuse("some", lambda: raising(ZeroDivisionError("ours")))
