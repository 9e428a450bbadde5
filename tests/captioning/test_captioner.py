"""A captioner of no numbers is refused, and a lack of memory is told with what was being done."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from dbsweep.captioning.captioner import no_memory, refuse_no_numbers
from dbsweep.errors import ModelError


def test_a_model_of_no_numbers_is_refused() -> None:
    model = nn.Linear(2, 1)
    refuse_no_numbers("git", model)
    with torch.no_grad():
        model.bias[0] = float("nan")
    with pytest.raises(ModelError, match=r"^model git: sees nothing, NaN or infinity .* in 1 weight, such as bias"):
        refuse_no_numbers("git", model)


def test_what_was_being_done_is_said() -> None:
    assert str(no_memory("while it looked at one photo")).startswith("out of memory while it looked at one photo; ")
