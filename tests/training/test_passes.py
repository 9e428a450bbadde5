"""When passes are captured, replayed and run as they are; `test_gpu` has the real graphs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode

from dbsweep.training import passes
from dbsweep.training.passes import Pass, Replayed, can_replay
from tests.training.dreambooth import LONG, fresh_models, make_trainer, settings

GPU = torch.device("cuda")

FOR_THE_PROCESSOR = {"lift_fresh", "_local_scalar_dense", "is_nonzero", "nonzero", "masked_select", "equal"}
"""Operations that wait for the device, or bring it numbers from the processor's memory."""


class Spy(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Notes all operations inside."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.seen: set[str] = set()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self.seen.add(func.overloadpacket.__name__)
        return func(*args, **(kwargs or {}))


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
    return Replayed(run)


def run(given: Pass) -> torch.Tensor:
    return given.tensors["x"].sum()


def given(size: int, fixed: str = "") -> Pass:
    return Pass({"x": torch.ones(size)}, (fixed,))


def outcomes(replayed: Replayed, *passes: Pass) -> list[float]:
    return [float(replayed(each, [])) for each in passes]


def test_the_third_of_a_kind_in_a_row_is_captured_and_all_after_it_replayed(replayed: Replayed) -> None:
    assert outcomes(replayed, *[given(4)] * 5) == [4.0, 4.0, 104.0, 104.0, 104.0]
    assert replayed.is_replaying


def test_another_kind_takes_the_place_of_the_graph(replayed: Replayed) -> None:
    """The last batch of an epoch is smaller; one graph's activations at a time are in memory."""
    assert outcomes(replayed, *[given(4)] * 6) == [4.0, 4.0, 104.0, 104.0, 104.0, 104.0]
    assert outcomes(replayed, given(2), *[given(4)] * 3) == [2.0, 4.0, 4.0, 104.0]
    assert outcomes(replayed, given(4, "another prompt")) == [4.0]
    assert not replayed.is_replaying


def test_a_kind_that_another_soon_follows_is_not_captured_again(replayed: Replayed) -> None:
    """An epoch of five full batches and a smaller one."""
    assert outcomes(replayed, *[given(4)] * 5, given(2)) == [4.0, 4.0, 104.0, 104.0, 104.0, 2.0]
    assert outcomes(replayed, *[given(4)] * 5, given(2)) == [4.0, 4.0, 4.0, 4.0, 4.0, 2.0]
    assert outcomes(replayed, *[given(3)] * 3) == [3.0, 3.0, 103.0]
    replayed.forget()
    assert outcomes(replayed, *[given(3)] * 3) == [3.0, 3.0, 103.0]  # training paused, no other pass came


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
    for change in ({}, {"gradient_checkpointing": True}, {"compile": True}, {"gradient_accumulation": 2}):
        assert can_replay(settings(**change), GPU)
        assert not can_replay(settings(**change), torch.device("cpu"))
        assert not can_replay(settings(**change, cuda_graphs=False), GPU)
    dropping = {"lora_rank": 2, "lora_dropout": 0.1}
    assert can_replay(settings(**dropping), GPU)
    assert not can_replay(settings(**dropping, gradient_checkpointing=True), GPU)


@pytest.mark.parametrize("adds_up", [False, True])
def test_gradients_that_a_replay_adds_to_are_there_when_it_is_captured(
    monkeypatch: pytest.MonkeyPatch, adds_up: bool
) -> None:
    """Those alone that passes reach: what has no gradient is not decayed either."""
    reached, other = nn.Parameter(torch.ones(3)), nn.Parameter(torch.ones(3))
    captured: list[list[float] | None] = []

    class Capture(Graph):
        def __init__(self, run: passes.Run, given: Pass, parameters: Sequence[nn.Parameter]) -> None:
            super().__init__(run, given, parameters)
            captured.extend(None if each.grad is None else each.grad.tolist() for each in parameters)

    def backward(given: Pass) -> torch.Tensor:
        (reached * given.tensors["x"]).sum().backward()  # type: ignore[no-untyped-call]
        return given.tensors["x"].sum()

    monkeypatch.setattr(passes, "_Graph", Capture)
    replayed = Replayed(backward, adds_up=adds_up)
    for _ in range(3):
        reached.grad = None
        replayed(given(3), [reached, other])
    assert captured == [[0.0, 0.0, 0.0] if adds_up else None, None]


@pytest.mark.parametrize(
    ("changes", "more"),
    [
        ({"precision": "bf16"}, {}),
        ({}, {"caption": LONG}),
        ({}, {"caption": LONG, "text_encoder_steps": 0}),
        ({}, {"clip_skip": 2}),
        ({"min_snr_gamma": 5.0, "class_images_per_instance": 0}, {}),
        ({"lora_rank": 2, "lora_dropout": 0.2, "lora_targets": "convolution"}, {}),
        ({"lora_rank": 2, "lora_dora": True}, {}),
        ({"gradient_checkpointing": True}, {}),
    ],
    ids=["bf16", "prompts of two lengths", "frozen", "clip skip", "v-prediction", "LoRA", "DoRA", "recomputed"],
)
def test_a_pass_asks_nothing_of_the_processor(tiny_sd: Path, changes: dict[str, object], more: dict[str, Any]) -> None:
    """What does ends the capture of a CUDA graph."""
    models = fresh_models(tiny_sd, "v_prediction" if "min_snr_gamma" in changes else "epsilon")
    trainer = make_trainer(models, settings(**changes), **more)
    trainer.train_until(1)
    gradients = trainer._gradients
    epoch, (images,) = gradients._order.step(1)
    given = gradients._given(epoch, images, 1.0)
    with Spy() as spy:
        gradients._pass(given)
    assert "convolution_backward" in spy.seen
    assert not spy.seen & FOR_THE_PROCESSOR
