"""A LoRA written to a file does to the base model what it did while it was trained."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from diffusers import StableDiffusionPipeline
from peft import LoraConfig, inject_adapter_in_model
from safetensors import safe_open
from safetensors.torch import load_file

from dbsweep.errors import ModelError
from dbsweep.models.bundle import StableDiffusion
from dbsweep.models.export.lora import take_lora
from dbsweep.models.export.lora_files import save_kohya, save_peft
from dbsweep.models.export.metadata import Origin
from dbsweep.models.loading import load_base
from tests.models.export.drawn import draw

ORIGIN = Origin(title="ohwx", date="2026-01-02T03:04:05+00:00", resolution=64)
RANK, ALPHA = 4, 6
UNET_TARGETS = ["to_q", "to_k", "to_v", "to_out.0", "ff.net.0.proj", "ff.net.2", "proj_in", "conv1", "time_emb_proj"]
TEXT_TARGETS = ["q_proj", "k_proj", "v_proj", "out_proj", "fc1", "fc2"]
SAVERS = {"kohya": save_kohya, "peft": save_peft}


def add_lora(models: StableDiffusion, *names: str, **changes: Any) -> None:
    """A LoRA that peft could have trained, on the networks of these names or on both."""
    torch.manual_seed(1)
    for name in names or ("unet", "text_encoder"):
        network, targets = networks(models)[name], {"unet": UNET_TARGETS, "text_encoder": TEXT_TARGETS}[name]
        inject_adapter_in_model(LoraConfig(r=RANK, lora_alpha=ALPHA, target_modules=targets, **changes), network)
        with torch.no_grad():
            for key, parameter in network.named_parameters():
                if "lora_B" in key:
                    parameter.normal_(std=0.1)


def trained(base: Path) -> StableDiffusion:
    models = load_base(str(base))
    add_lora(models)
    return models


def networks(models: StableDiffusion) -> dict[str, torch.nn.Module]:
    return {"unet": models.unet, "text_encoder": models.text_encoder}


def pipeline_of(base: Path, models: StableDiffusion) -> StableDiffusionPipeline:
    pipeline = StableDiffusionPipeline.from_pretrained(base)
    pipeline.unet, pipeline.text_encoder = models.unet, models.text_encoder
    return pipeline


@pytest.mark.parametrize("kind", SAVERS)
def test_diffusers_draws_the_same_image_with_the_file(narrow: Path, tmp_path: Path, kind: str) -> None:
    models = trained(narrow)
    expected = draw(pipeline_of(narrow, models))
    path = tmp_path / "ohwx.safetensors"
    SAVERS[kind](take_lora(networks(models)), models, path, origin=ORIGIN)
    pipeline = StableDiffusionPipeline.from_pretrained(narrow)
    untrained = draw(pipeline)
    pipeline.load_lora_weights(path.parent, weight_name=path.name)
    assert len(take_lora(networks(pipeline), "default_0")) == len(take_lora(networks(models)))
    assert np.abs(draw(pipeline) - expected).max() < 1e-4
    assert np.abs(untrained - expected).max() > 0.01


def test_kohyas_file_has_kohyas_names_alphas_and_metadata(narrow: Path, tmp_path: Path) -> None:
    models = trained(narrow)
    path = tmp_path / "ohwx.safetensors"
    save_kohya(take_lora(networks(models)), models, path, origin=ORIGIN, dtype=torch.float16)
    tensors = load_file(path)
    stem = "lora_unet_down_blocks_0_attentions_0_transformer_blocks_0_attn1_to_out_0"
    assert tensors[f"{stem}.lora_down.weight"].shape == (RANK, 8)
    assert tensors[f"{stem}.lora_up.weight"].shape == (8, RANK)
    assert tensors["lora_te_text_model_encoder_layers_0_self_attn_q_proj.alpha"] == ALPHA
    assert {key.partition(".")[2] for key in tensors} == {"lora_down.weight", "lora_up.weight", "alpha"}
    assert {value.dtype for value in tensors.values()} == {torch.float16}
    with safe_open(path, "pt") as file:
        metadata = file.metadata()
    is_v2 = models.prediction_type == "v_prediction"
    content = path.read_bytes()
    expected = {
        "ss_network_module": "networks.lora",
        "ss_network_dim": "4",
        "ss_network_alpha": "6.0",
        "ss_output_name": "ohwx",
        "ss_v2": str(is_v2),
        "ss_base_model_version": "sd_v2_v" if is_v2 else "sd_v1",
        "modelspec.architecture": f"stable-diffusion-{'v2-768-v' if is_v2 else 'v1'}/lora",
        "sshs_model_hash": hashlib.sha256(content[8 + int.from_bytes(content[:8], "little") :]).hexdigest(),
    }
    assert {key: metadata[key] for key in expected} == expected


def test_kohyas_version_tells_an_sd_1_that_predicts_v(tiny_sd: Path, tmp_path: Path) -> None:
    models = load_base(str(tiny_sd))
    add_lora(models, "unet")
    told = {}
    for predicts in ("epsilon", "v_prediction"):
        of_kind = dataclasses.replace(models, scheduler_config={**models.scheduler_config, "prediction_type": predicts})
        save_kohya(take_lora(networks(models)), of_kind, tmp_path / "l", origin=ORIGIN)
        with safe_open(tmp_path / "l", "pt") as file:
            told[predicts] = file.metadata()["ss_base_model_version"], file.metadata()["ss_v2"]
    assert told == {"epsilon": ("sd_v1", "False"), "v_prediction": ("sd_v1_v", "False")}


@pytest.mark.parametrize("kind", SAVERS)
def test_the_layer_of_the_text_encoder_that_it_was_trained_on_is_told(tiny_sd: Path, tmp_path: Path, kind: str) -> None:
    models = load_base(str(tiny_sd))
    add_lora(models, "unet")
    told = {}
    for clip_skip in (1, 2):
        path = tmp_path / f"{clip_skip}.safetensors"
        origin = ORIGIN.model_copy(update={"clip_skip": clip_skip})
        SAVERS[kind](take_lora(networks(models)), models, path, origin=origin)
        with safe_open(path, "pt") as file:
            metadata = file.metadata()
        told[clip_skip] = metadata.get("modelspec.encoder_layer"), metadata.get("ss_clip_skip")
    assert told == {"kohya": {1: (None, "None"), 2: ("2", "2")}, "peft": {1: (None, None), 2: ("2", None)}}[kind]


def test_layers_of_other_ranks_and_alphas_keep_theirs(tiny_sd: Path, tmp_path: Path) -> None:
    models = load_base(str(tiny_sd))
    add_lora(models, "unet", rank_pattern={"to_q": 2}, alpha_pattern={"to_k": 3.0}, use_rslora=True)
    lora = take_lora(networks(models))
    # Rank-stabilised: the scale is alpha / sqrt(rank), so the alpha of the file is sqrt(rank) times peft's.
    by_layer = {"to_q": (2, 6 * 2**0.5), "to_k": (4, 6.0), "to_v": (4, 12.0)}
    save_kohya(lora, models, tmp_path / "kohya.safetensors", origin=ORIGIN)
    tensors = load_file(tmp_path / "kohya.safetensors")
    for layer, (rank, alpha) in by_layer.items():
        names = {name.partition(".")[0] for name in tensors if name.partition(".")[0].endswith(layer)}
        assert names
        for name in names:
            assert len(tensors[f"{name}.lora_down.weight"]) == rank
            assert tensors[f"{name}.alpha"].item() == pytest.approx(alpha)
    save_peft(lora, models, tmp_path / "peft.safetensors", origin=ORIGIN)
    pipeline = StableDiffusionPipeline.from_pretrained(tiny_sd)
    # diffusers takes one alpha for all layers of a kohya file; A1111 and ComfyUI read each layer's.
    pipeline.load_lora_weights(tmp_path, weight_name="peft.safetensors")
    assert np.abs(draw(pipeline) - draw(pipeline_of(tiny_sd, models))).max() < 1e-4


def test_a_dora_is_written_for_diffusers(tiny_sd: Path, tmp_path: Path) -> None:
    models = load_base(str(tiny_sd))
    add_lora(models, use_dora=True)
    with torch.no_grad():
        for network in networks(models).values():
            for key, parameter in network.named_parameters():
                if "lora_magnitude_vector" in key:
                    parameter.mul_(torch.rand_like(parameter) + 0.5)
    dora = take_lora(networks(models))
    save_peft(dora, models, tmp_path / "dora.safetensors", origin=ORIGIN)
    base, pipeline = (StableDiffusionPipeline.from_pretrained(tiny_sd) for _ in range(2))
    pipeline.load_lora_weights(tmp_path, weight_name="dora.safetensors")
    wanted = draw(pipeline_of(tiny_sd, models))
    assert np.abs(draw(pipeline) - wanted).max() < 1e-4
    assert np.abs(draw(base) - wanted).max() > 1e-2


def test_a_dora_is_not_written_where_its_readers_disagree(tiny_sd: Path, tmp_path: Path) -> None:
    models = load_base(str(tiny_sd))
    add_lora(models, use_dora=True)
    with pytest.raises(ModelError, match=r"cannot be written for A1111 and ComfyUI.*export it as peft"):
        save_kohya(take_lora(networks(models)), models, tmp_path / "dora.safetensors", origin=ORIGIN)
    assert list(tmp_path.iterdir()) == []


def test_peft_settings_are_those_that_diffusers_expects(tiny_sd: Path, tmp_path: Path) -> None:
    models = load_base(str(tiny_sd))
    add_lora(models)
    save_peft(take_lora({"unet": models.unet}), models, tmp_path / "l", origin=ORIGIN)
    with safe_open(tmp_path / "l", "pt") as file:
        settings = json.loads(file.metadata()["lora_adapter_metadata"])
    assert (settings["unet.r"], settings["unet.lora_alpha"]) == (4, 6.0)
    assert not any(key.startswith("text_encoder.") for key in settings)
