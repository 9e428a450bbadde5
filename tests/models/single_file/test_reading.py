"""Single files in the original layout load as the same model."""

from __future__ import annotations

import json
import logging
import os
import shutil
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from dbsweep.errors import ModelError
from dbsweep.models.loading import load_base
from dbsweep.models.sources import BaseSource
from tests.lightning import save_as_lightning
from tests.models.ldm_layout import ldm_state


@pytest.fixture
def state(tiny_sd: Path) -> dict[str, Tensor]:
    return ldm_state(load_base(str(tiny_sd)))


@pytest.fixture
def single(tiny_sd: Path, tmp_path: Path) -> Path:
    """Where to write a file; its configuration lies beside it, without weights."""
    shutil.copytree(tiny_sd, tmp_path / "model", ignore=shutil.ignore_patterns("*.safetensors"))
    return tmp_path / "model.safetensors"


@pytest.mark.parametrize("suffix", [".safetensors", ".ckpt"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float16])
def test_a_single_file_is_the_model_that_it_was_written_from(
    state: dict[str, Tensor], single: Path, tiny_sd: Path, suffix: str, dtype: torch.dtype
) -> None:
    path = single.with_suffix(suffix)
    state = {key: value.to(dtype) for key, value in state.items()}
    if suffix == ".ckpt":
        torch.save({"state_dict": state, "global_step": 3}, path)
    else:
        save_file(state, path)
    loaded = load_base(str(path), dtype=dtype)
    assert loaded.sha256 == load_base(str(tiny_sd), dtype=dtype).sha256
    assert loaded.dtype == dtype
    assert loaded.source == BaseSource(source=str(path))
    assert not any(network.training for network in loaded.networks.values())


def test_the_folder_beside_a_file_says_what_it_predicts(state: dict[str, Tensor], single: Path) -> None:
    """By its weights and its header an SD 1 predicts epsilon; whoever put the folder there knows better."""
    save_file(state, single)
    assert load_base(str(single)).prediction_type == "epsilon"
    config = single.with_suffix("") / "scheduler" / "scheduler_config.json"
    config.write_text(json.dumps({**json.loads(config.read_text()), "prediction_type": "v_prediction"}))
    assert load_base(str(single)).prediction_type == "v_prediction"


def test_a_text_encoder_without_the_usual_prefix_loads(state: dict[str, Tensor], single: Path, tiny_sd: Path) -> None:
    short = {key.replace("transformer.text_model.", "transformer."): value for key, value in state.items()}
    assert short.keys() != state.keys()
    torch.save(short, single.with_suffix(".ckpt"))  # as they mostly come: without state_dict around
    assert load_base(str(single.with_suffix(".ckpt"))).sha256 == load_base(str(tiny_sd)).sha256


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16])
def test_loading_says_nothing_that_is_not_so(
    state: dict[str, Tensor],
    single: Path,
    dtype: torch.dtype,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """diffusers warns of modules to be kept in float32, and then names none."""
    monkeypatch.setattr(logging.getLogger("diffusers"), "propagate", True)
    save_file(state, single)
    load_base(str(single), dtype=dtype)
    assert caplog.messages == []


def test_what_is_trained_does_not_change_the_file(state: dict[str, Tensor], single: Path) -> None:
    save_file(state, single)
    before, loaded = single.read_bytes(), load_base(str(single))
    with torch.no_grad():
        for parameter in loaded.unet.parameters():
            assert parameter.requires_grad
            parameter.add_(1.0)
    assert single.read_bytes() == before


@pytest.mark.parametrize(
    ("dropped", "message"),
    [
        ("model.diffusion_model.out.2.weight", r"unet lacks 1 weight, e\.g\. conv_out\.weight"),
        ("first_stage_model.decoder.conv_out.weight", r"vae lacks 1 weight, e\.g\. decoder\.conv_out\.weight"),
        (
            "first_stage_model.encoder.down.0.downsample.conv.bias",
            r"vae lacks 1 weight, e\.g\. encoder\.down_blocks\.0\.downsamplers\.0\.conv\.bias",
        ),
        (
            "cond_stage_model.transformer.text_model.final_layer_norm.weight",
            r"text_encoder lacks 1 weight, e\.g\. final_layer_norm\.weight",
        ),
    ],
)
def test_a_file_that_lacks_a_weight_is_refused(
    state: dict[str, Tensor], single: Path, dropped: str, message: str
) -> None:
    save_file({key: value for key, value in state.items() if key != dropped}, single)
    with pytest.raises(ModelError, match=rf"base model {single}: {message}$"):
        load_base(str(single))


def test_a_file_of_another_shape_is_refused(state: dict[str, Tensor], single: Path) -> None:
    key = "model.diffusion_model.input_blocks.0.0.weight"
    save_file({**state, key: torch.zeros(8, 4, 3, 3)}, single)
    with pytest.raises(ModelError, match="cannot read unet"):
        load_base(str(single))


def test_offline_without_a_configuration_says_where_to_put_one(state: dict[str, Tensor], tmp_path: Path) -> None:
    path = tmp_path / "alone.safetensors"
    save_file(state, path)
    with pytest.raises(ModelError, match=rf"folder of the same family \(Stable Diffusion 1\) at {tmp_path / 'alone'}"):
        load_base(str(path))


def test_what_lightning_left_beside_the_weights_is_passed_over(
    state: dict[str, Tensor], single: Path, tiny_sd: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save_as_lightning(state, single.with_suffix(".ckpt"), monkeypatch)
    assert load_base(str(single.with_suffix(".ckpt"))).sha256 == load_base(str(tiny_sd)).sha256
    assert "pytorch_lightning" not in sys.modules


@pytest.mark.parametrize("content", [{"state_dict": None}, [1, 2], None], ids=str)
def test_a_pickle_without_weights_is_refused(tmp_path: Path, content: object) -> None:
    torch.save(content, tmp_path / "m.ckpt")
    with pytest.raises(ModelError, match=r"m\.ckpt: holds no weights by name; use a \.safetensors file"):
        load_base(str(tmp_path / "m.ckpt"))


def test_safetensors_by_another_name_are_told_their_own(state: dict[str, Tensor], tmp_path: Path) -> None:
    save_file(state, tmp_path / "m.ckpt")
    with pytest.raises(ModelError, match=r"m\.ckpt: safetensors by its content; rename it m\.safetensors$"):
        load_base(str(tmp_path / "m.ckpt"))


class Call:
    """Calls a function when unpickled."""

    def __reduce__(self):
        return os.system, ("exit 1",)


def test_what_a_pickle_asks_for_is_named(tmp_path: Path) -> None:
    path = tmp_path / "model.ckpt"
    torch.save({"state_dict": {}, "hook": Call()}, path)
    with pytest.raises(ModelError, match=r"holds code besides weights: it asks for (posix|nt)\.system; use a \.safe"):
        load_base(str(path))
