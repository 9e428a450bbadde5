"""Torch's choice of kernels is changed for as long as is trained, and not beyond."""

from __future__ import annotations

import os

import pytest
import torch

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


def test_cublas_is_told_before_it_is_used():
    assert os.environ["CUBLAS_WORKSPACE_CONFIG"] in (":4096:8", ":16:8")
