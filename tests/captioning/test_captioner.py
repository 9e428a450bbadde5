"""Errors of loading a captioner are one line, and a lack of memory is told as one."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from dbsweep.captioning.captioner import load_or_refuse, no_memory, refuse_no_numbers
from dbsweep.errors import ModelError, ResourceError


def raising(error: Exception) -> object:
    raise error


def test_what_can_be_loaded_is_given() -> None:
    assert load_or_refuse("git", lambda: 7) == 7


@pytest.mark.parametrize("error", [OSError("a\n b"), AttributeError("a b"), RuntimeError("a b"), KeyError("a b")])
def test_damaged_files_are_one_line(error: Exception) -> None:
    message = rf"^model git: cannot be loaded \({type(error).__name__}: '?a b'?\); get its files again$"
    with pytest.raises(ModelError, match=message):
        load_or_refuse("git", lambda: raising(error))


@pytest.mark.parametrize("error", [MemoryError(), torch.OutOfMemoryError("full"), RuntimeError("CUDA out of memory")])
def test_a_lack_of_memory_is_told_with_what_helps(error: Exception) -> None:
    with pytest.raises(ResourceError, match=r"^out of memory while model git was loaded; what helps: a smaller model,"):
        load_or_refuse("git", lambda: raising(error))


def test_a_fault_of_ours_passes() -> None:
    with pytest.raises(ZeroDivisionError):
        load_or_refuse("git", lambda: raising(ZeroDivisionError()))


def test_a_model_of_no_numbers_is_refused() -> None:
    model = nn.Linear(2, 1)
    refuse_no_numbers("git", model)
    with torch.no_grad():
        model.bias[0] = float("nan")
    with pytest.raises(ModelError, match=r"^model git: sees nothing, NaN or infinity .* in 1 weight, such as bias"):
        refuse_no_numbers("git", model)


def test_what_was_being_done_is_said() -> None:
    assert str(no_memory("while it looked at one photo")).startswith("out of memory while it looked at one photo; ")
