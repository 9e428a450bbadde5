"""The kernel of attention: torch's own unless another can run."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest
from diffusers.models.attention_processor import AttnProcessor, AttnProcessor2_0

from dbsweep.errors import ResourceError
from dbsweep.training import attention as attention_module
from dbsweep.training.attention import check_xformers, set_attention
from tests.training.dreambooth import fresh_models, make_trainer, settings


@pytest.mark.parametrize("choice", ["auto", "sdpa"])
def test_torch_s_own_kernel_replaces_what_another_trial_left(tiny_sd: Path, choice: str):
    models = fresh_models(tiny_sd)
    models.unet.set_attn_processor(AttnProcessor())
    make_trainer(models, settings(attention=choice))
    assert {type(each) for each in models.unet.attn_processors.values()} == {AttnProcessor2_0}


def test_xformers_needs_a_gpu(tiny_sd: Path):
    with pytest.raises(ResourceError, match=r"attention xformers needs a GPU, and trials run on the CPU: use .* sdpa"):
        make_trainer(fresh_models(tiny_sd), settings(attention="xformers"))


def test_xformers_needs_its_package(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ResourceError, match=r"not installed: pip install 'dbsweep\[xformers\]'"):
        check_xformers(on_gpu=True)


def test_a_kernel_that_does_not_load_is_told_with_its_reason(tiny_sd: Path, monkeypatch: pytest.MonkeyPatch):
    unet = fresh_models(tiny_sd).unet
    monkeypatch.setattr(attention_module, "check_xformers", lambda on_gpu: None)
    with pytest.raises(ResourceError, match=r"xformers does not run here \(.+\): use train.attention sdpa"):
        set_attention(unet, "xformers")
