"""Torch's choice of kernels is changed for as long as is trained, and not beyond."""

from __future__ import annotations

import os

import pytest
import torch

from dbsweep.errors import ResourceError
from dbsweep.training.determinism import same_bits


@pytest.mark.parametrize("wanted", [True, False])
def test_inside_kernels_are_as_wanted_and_afterwards_as_before(wanted: bool):
    def modes() -> tuple[bool, bool]:
        return torch.are_deterministic_algorithms_enabled(), torch.is_deterministic_algorithms_warn_only_enabled()

    torch.use_deterministic_algorithms(not wanted, warn_only=not wanted)
    before = modes()
    try:
        with pytest.raises(KeyError):  # noqa: SIM117, PT012
            with same_bits(wanted):
                assert modes() == (wanted, False)
                raise KeyError
        assert modes() == before == (not wanted, not wanted)
    finally:
        torch.use_deterministic_algorithms(False)


def scatter() -> None:
    """Torch has no kernel of it that gives the same bits every time."""
    torch.zeros(3).put_(torch.tensor([0, 0]), torch.ones(2))


def test_what_has_no_such_kernel_says_how_to_go_on() -> None:
    says = r"^put_ cannot give the same bits every time on this device: set train\.deterministic to false"
    with pytest.raises(ResourceError, match=says), same_bits(True):
        scatter()
    with same_bits(False):
        scatter()


def test_other_errors_are_not_taken_for_it() -> None:
    with pytest.raises(RuntimeError, match="mat1 and mat2"), same_bits(True):
        raise RuntimeError("mat1 and mat2 shapes cannot be multiplied")


def test_cublas_is_told_before_it_is_used():
    assert os.environ["CUBLAS_WORKSPACE_CONFIG"] in (":4096:8", ":16:8")
