"""When passes are captured, replayed and run as they are; `test_gpu` has the real graphs."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
import torch
from torch import nn

from dbsweep.training import passes
from dbsweep.training.passes import Pass, Replayed, can_replay
from tests.training.dreambooth import settings

GPU = torch.device("cuda")


class Graph:
    """A captured pass that adds 100 to what the pass gives."""

    def __init__(self, run: passes.Run, given: Pass, parameters: Sequence[nn.Parameter]) -> None:
        if given.fixed == ("refuses",):
            raise RuntimeError("operation not permitted\nwhen stream is capturing")
        self._run = run

    def replay(self, given: Pass, parameters: Sequence[nn.Parameter]) -> torch.Tensor:
        return self._run(given) + 100.0


@pytest.fixture
def replayed(monkeypatch: pytest.MonkeyPatch) -> Replayed:
    monkeypatch.setattr(passes, "_Graph", Graph)
    return Replayed()


def run(given: Pass) -> torch.Tensor:
    return given.tensors["x"].sum()


def given(size: int, fixed: str = "") -> Pass:
    return Pass({"x": torch.ones(size)}, (fixed,))


def outcomes(replayed: Replayed, *passes: Pass) -> list[float]:
    return [float(replayed(run, each, [])) for each in passes]


def test_the_third_of_a_kind_in_a_row_is_captured_and_all_after_it_replayed(replayed: Replayed) -> None:
    assert outcomes(replayed, *[given(4)] * 5) == [4.0, 4.0, 104.0, 104.0, 104.0]
    assert replayed.is_replaying


def test_another_kind_takes_the_place_of_the_graph(replayed: Replayed) -> None:
    """The last batch of an epoch is smaller; one graph's activations at a time are in memory."""
    assert outcomes(replayed, *[given(4)] * 3, given(2), *[given(4)] * 3) == [4.0, 4.0, 104.0, 2.0, 4.0, 4.0, 104.0]
    assert outcomes(replayed, given(4, "another prompt")) == [4.0]
    assert not replayed.is_replaying


def test_forgotten_passes_are_captured_again(replayed: Replayed) -> None:
    outcomes(replayed, *[given(4)] * 3)
    replayed.forget()
    assert outcomes(replayed, *[given(4)] * 3) == [4.0, 4.0, 104.0]


def test_what_cannot_be_captured_runs_as_it_is(replayed: Replayed) -> None:
    refused = given(4, "refuses")
    with pytest.warns(RuntimeWarning, match=r"without CUDA graphs \(operation not permitted when stream"):
        assert outcomes(replayed, *[refused] * 5) == [4.0] * 5
    assert outcomes(replayed, *[given(4)] * 4) == [4.0] * 4


def test_what_needs_the_processor_is_never_captured() -> None:
    assert can_replay(settings(), GPU)
    assert not can_replay(settings(), torch.device("cpu"))
    changes = (
        {"gradient_checkpointing": True},
        {"compile": True},
        {"gradient_accumulation": 2},
        {"cuda_graphs": False},
    )
    assert not any(can_replay(settings(**change), GPU) for change in changes)
