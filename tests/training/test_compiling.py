"""A compiled UNet, and one in channels-last layout, train as the plain one does and leave it as it is."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import torch

from dbsweep.errors import ResourceError
from dbsweep.training import compiling
from tests.training.dreambooth import distance, fresh_models, make_trainer, settings, state_sha256

ROUNDING = 1e-3
"""Of what three steps change: other kernels, and other layouts, add in another order."""


@pytest.fixture
def captured(monkeypatch: pytest.MonkeyPatch) -> None:
    """torch.compile's capture of the network without a compiler for the result."""
    monkeypatch.setattr(compiling, "BACKEND", "eager")
    torch.compiler.reset()


@pytest.mark.usefixtures("captured")
@pytest.mark.parametrize("changes", [{}, {"lora_rank": 2}], ids=["whole networks", "LoRA"])
def test_a_compiled_unet_trains_the_same_weights_and_goes_on_from_a_state(tiny_sd: Path, changes: dict[str, object]):
    plain = make_trainer(fresh_models(tiny_sd), settings(**changes), text_encoder_steps=2)
    plain.train_until(3)
    first = make_trainer(fresh_models(tiny_sd), settings(compile=True, **changes), text_encoder_steps=2)
    first.train_until(1)
    second = make_trainer(fresh_models(tiny_sd), settings(compile=True, **changes), text_encoder_steps=2)
    second.load_state(first.state())
    second.train_until(3)
    first.train_until(3)
    compiled = first.state()
    assert state_sha256(compiled) == state_sha256(second.state())
    assert compiled.keys() == plain.state().keys()
    for name, value in plain.state().items():
        torch.testing.assert_close(compiled[name], value, rtol=1e-3, atol=1e-5)


@pytest.mark.slow
@pytest.mark.skipif(not any(map(shutil.which, compiling._CPU_COMPILERS)), reason="needs a C++ compiler")
def test_torch_s_own_compiler_trains_the_same_weights(tiny_sd: Path):
    start, plain, compiled = (fresh_models(tiny_sd) for _ in range(3))
    make_trainer(plain, settings()).train_until(3)
    make_trainer(compiled, settings(compile=True)).train_until(3)
    assert distance(compiled.unet, plain.unet, start.unet) < 1e-2


def test_without_a_compiler_it_is_said_before_the_first_step(tiny_sd: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(shutil, "which", lambda name: None)
    with pytest.raises(ResourceError, match=r"train.compile needs a C\+\+ compiler on the CPU"):
        make_trainer(fresh_models(tiny_sd), settings(compile=True))


def test_channels_last_changes_the_layout_and_not_the_weights(tiny_sd: Path):
    start, plain, models = (fresh_models(tiny_sd) for _ in range(3))
    make_trainer(plain, settings()).train_until(3)
    trainer = make_trainer(models, settings(channels_last=True))
    assert models.unet.conv_in.weight.is_contiguous(memory_format=torch.channels_last)
    trainer.train_until(3)
    assert all(value.is_contiguous() for value in trainer.state().values())
    make_trainer(models, settings())
    assert models.unet.conv_in.weight.is_contiguous()
    assert distance(models.unet, plain.unet, start.unet) < ROUNDING
