"""What a file is, is found from its weights; what cannot be trained is refused by its name."""

from __future__ import annotations

import dataclasses
import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from diffusers import AutoencoderKL
from safetensors.torch import load, load_file, save_file
from torch import Tensor

from dbsweep.errors import ModelError
from dbsweep.models.bundle import StableDiffusion
from dbsweep.models.export.metadata import Origin, describe
from dbsweep.models.export.whole import save_single_file
from dbsweep.models.loading import load_base
from dbsweep.models.single_file.config import SD1_CONFIGS, SD2_CONFIGS
from dbsweep.models.single_file.families import V_MARK, Family, find_family
from dbsweep.models.sources import BaseSource, check_source
from tests.tiny_models import SD_VAE, write_pipeline

UNET = "model.diffusion_model."
OPEN_CLIP = {"cond_stage_model.model.ln_final.weight": torch.ones(4)}


def read(path: Path) -> dict[str, Tensor]:
    """In memory of their own: these tests write over the file that they have read."""
    tensors: dict[str, Tensor] = load(path.read_bytes())
    return tensors


@pytest.mark.parametrize(
    ("spread", "metadata", "expected"),
    [
        (0.08, {}, Family.SD2_BASE),
        (0.10, {}, Family.SD2_V),
        (0.08, {"modelspec.prediction_type": "v"}, Family.SD2_V),
        (0.10, {"modelspec.prediction_type": "epsilon"}, Family.SD2_BASE),
    ],
)
def test_sd_2_predicts_what_its_header_or_the_spread_of_a_bias_says(
    spread: float, metadata: dict[str, str], expected: Family
) -> None:
    bias = torch.tensor([-spread, spread])  # its standard deviation over the whole is the spread
    assert find_family("f", {**OPEN_CLIP, V_MARK: bias}, metadata) is expected


@pytest.mark.parametrize(
    ("metadata", "expected"),
    [
        ({}, Family.SD1),
        ({"modelspec.prediction_type": "v"}, Family.SD1_V),
        ({"modelspec.prediction_type": "epsilon"}, Family.SD1),
    ],
)
def test_without_openclip_it_is_sd_1_whatever_its_biases(metadata: dict[str, str], expected: Family) -> None:
    assert find_family("f", {V_MARK: torch.tensor([-1.0, 1.0])}, metadata) is expected


@pytest.mark.parametrize("state", [{}, OPEN_CLIP], ids=["sd1", "sd2"])
@pytest.mark.parametrize(
    ("line", "told", "expected"),
    [
        ("parameterization: v", "epsilon", "v_prediction"),
        ("parameterization: eps", "v", "epsilon"),
        ("", "v", "epsilon"),
    ],
)
def test_the_original_configuration_beside_a_file_overrules_its_header(
    tmp_path: Path, state: dict[str, Tensor], line: str, told: str, expected: str
) -> None:
    (tmp_path / "m.yaml").write_text(f"model:\n  params:\n    unet_config: {{}}\n    {line}\n")
    found = find_family(str(tmp_path / "m.ckpt"), state, {"modelspec.prediction_type": told})
    assert found.prediction_type == expected
    assert found.is_sd2 is bool(state)


@pytest.mark.parametrize(
    ("class_name", "kind"),
    [
        ("StableDiffusionXLPipeline", "an SDXL model"),
        ("StableDiffusion3Pipeline", "a Stable Diffusion 3 model"),
        ("FluxPipeline", "a Flux model"),
        ("StableDiffusionInpaintPipeline", "an inpainting model"),
        ("StableUnCLIPImg2ImgPipeline", "an unCLIP model"),
        ("LatentConsistencyModelPipeline", "a latent consistency model"),
    ],
)
def test_folders_of_other_pipelines_are_refused_by_name(tmp_path: Path, class_name: str, kind: str) -> None:
    (tmp_path / "model_index.json").write_text(json.dumps({"_class_name": class_name}))
    with pytest.raises(ModelError, match=f"this is {kind}"):
        check_source(str(tmp_path))


def test_an_inpainting_unet_in_an_ordinary_folder_is_refused(tiny_sd: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(tiny_sd, tmp_path / "sd"))
    config = json.loads((folder / "unet" / "config.json").read_text())
    (folder / "unet" / "config.json").write_text(json.dumps({**config, "in_channels": 9}))
    with pytest.raises(ModelError, match="this is an inpainting model"):
        check_source(str(folder))


# ---------------------------------------------------------------- the hub's configuration, from its cache


@pytest.fixture(scope="module")
def narrow(tmp_path_factory: pytest.TempPathFactory) -> dict[int, Path]:
    """SD 1.5 and 2.1 with few channels, as folders."""
    root = tmp_path_factory.mktemp("families")
    return {
        1: write_pipeline(root / "sd1", version=1),
        2: write_pipeline(root / "sd2", seed=1, version=2, prediction_type="v_prediction"),
    }


@pytest.fixture
def hub(narrow: dict[int, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache of the hub that has both families."""
    cache = tmp_path / "hub"
    for hub_id, folder in {SD1_CONFIGS[0]: narrow[1], **dict.fromkeys(SD2_CONFIGS, narrow[2])}.items():
        repository = cache / f"models--{hub_id.replace('/', '--')}"
        shutil.copytree(folder, repository / "snapshots" / ("0" * 40))
        (repository / "refs").mkdir()
        (repository / "refs" / "main").write_text("0" * 40)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(cache))
    return cache


@pytest.mark.usefixtures("hub")
def test_a_hub_id_loads_from_the_cache_offline(narrow: dict[int, Path]) -> None:
    loaded = load_base(SD2_CONFIGS[0])
    assert loaded.sha256 == load_base(str(narrow[2])).sha256
    assert loaded.prediction_type == "v_prediction"


@pytest.mark.usefixtures("hub")
@pytest.mark.parametrize(
    ("version", "spread", "prediction_type"), [(1, 1.0, "epsilon"), (2, 0.0, "epsilon"), (2, 1.0, "v_prediction")]
)
@pytest.mark.parametrize("suffix", [".safetensors", ".ckpt"])
def test_a_lone_file_finds_its_family_and_configuration(
    narrow: dict[int, Path], tmp_path: Path, version: int, spread: float, prediction_type: str, suffix: str
) -> None:
    models = load_base(str(narrow[version]))
    models.unet.up_blocks[3].attentions[2].transformer_blocks[0].norm1.bias.data.normal_(std=1.0).mul_(spread)
    path = tmp_path / f"alone{suffix}"
    save_single_file(models, path, metadata={})
    if suffix == ".ckpt":
        torch.save({"state_dict": read(path), "global_step": 3}, path)
    loaded = load_base(str(path))
    assert loaded.prediction_type == prediction_type
    assert all(torch.equal(a, b) for a, b in zip(values(loaded.networks), values(models.networks), strict=True))


@pytest.mark.usefixtures("hub")
@pytest.mark.parametrize("suffix", [".safetensors", ".ckpt"])
def test_sd_2_under_the_names_of_stability_s_later_code_loads(
    narrow: dict[int, Path], tmp_path: Path, suffix: str
) -> None:
    models, path = load_base(str(narrow[2])), tmp_path / f"alone{suffix}"
    save_single_file(models, path, metadata={})
    state = {k.replace("cond_stage_model.model.", "conditioner.embedders.0.model."): v for k, v in read(path).items()}
    assert not any(name.startswith("cond_stage_model.") for name in state)
    save_file(state, path) if suffix == ".safetensors" else torch.save(state, path)
    assert load_base(str(path)).sha256 == models.sha256


@pytest.mark.usefixtures("hub")
def test_an_exported_sd_1_that_predicts_v_still_does_when_it_is_alone(narrow: dict[int, Path], tmp_path: Path) -> None:
    models = load_base(str(narrow[1]))
    models = dataclasses.replace(
        models, scheduler_config={**models.scheduler_config, "prediction_type": "v_prediction"}
    )
    origin = Origin(title="t", date="2026-01-02", resolution=64)
    save_single_file(models, tmp_path / "alone.safetensors", metadata=describe(models, origin))
    loaded = load_base(str(tmp_path / "alone.safetensors"))
    assert (loaded.prediction_type, loaded.sha256) == ("v_prediction", models.sha256)


@pytest.mark.parametrize("kept", SD2_CONFIGS)
def test_either_copy_of_a_configuration_will_do(hub: Path, narrow: dict[int, Path], tmp_path: Path, kept: str) -> None:
    for hub_id in set(SD2_CONFIGS) - {kept}:
        shutil.rmtree(hub / f"models--{hub_id.replace('/', '--')}")
    save_single_file(load_base(str(narrow[2])), tmp_path / "alone.safetensors", metadata={})
    assert load_base(str(tmp_path / "alone.safetensors")).sha256 == load_base(str(narrow[2])).sha256


def values(networks: dict[str, torch.nn.Module]) -> list[Tensor]:
    return [value for _, network in sorted(networks.items()) for _, value in sorted(network.state_dict().items())]


# ---------------------------------------------------------------- halves and other VAEs


@pytest.fixture
def single(narrow: dict[int, Path], tmp_path: Path) -> Path:
    """A file with both halves; the averaged one is 1 more everywhere. Its configuration lies beside it."""
    shutil.copytree(narrow[1], tmp_path / "model", ignore=shutil.ignore_patterns("*.safetensors"))
    path = tmp_path / "model.safetensors"
    save_single_file(load_base(str(narrow[1])), path, metadata={})
    state = read(path)
    averaged = {
        f"model_ema.diffusion_model{name.removeprefix(UNET).replace('.', '')}": value + 1
        for name, value in state.items()
        if name.startswith(UNET)
    }
    assert "model_ema.diffusion_modelinput_blocks00weight" in averaged
    save_file({**state, **averaged, "model_ema.decay": torch.ones(())}, path)
    return path


@pytest.mark.parametrize(("ema", "more"), [(False, 0.0), (True, 1.0)])
def test_either_half_of_a_file_loads(single: Path, narrow: dict[int, Path], ema: bool, more: float) -> None:
    loaded, plain = load_base(BaseSource(source=str(single), ema=ema)), load_base(str(narrow[1]))
    weights = loaded.unet.state_dict()
    for key, value in plain.unet.state_dict().items():
        assert torch.equal(weights[key], value + more)
    assert loaded.text_encoder_sha256 == plain.text_encoder_sha256


def test_averaged_weights_that_are_not_there_are_not_made_up(single: Path, narrow: dict[int, Path]) -> None:
    state = read(single)
    save_file({key: value for key, value in state.items() if not key.startswith("model_ema.")}, single)
    with pytest.raises(ModelError, match="asks for averaged weights, and it has none; leave base_model_ema out"):
        load_base(BaseSource(source=str(single), ema=True))
    del state["model_ema.diffusion_modelinput_blocks00weight"]
    save_file(state, single)
    with pytest.raises(ModelError, match=r"it has no model_ema\.diffusion_modelinput_blocks00weight"):
        load_base(BaseSource(source=str(single), ema=True))
    with pytest.raises(ModelError, match="only single files have two halves"):
        load_base(BaseSource(source=str(narrow[1]), ema=True))


@pytest.fixture(scope="module")
def vaes(narrow: dict[int, Path], tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """SD 2.1's VAE in all the ways in which VAEs are handed round; read only."""
    folder, prefix = tmp_path_factory.mktemp("vaes"), "first_stage_model."
    save_single_file(load_base(str(narrow[2])), folder / "whole.safetensors", metadata={})
    state = read(folder / "whole.safetensors")
    bare = {name.removeprefix(prefix): value for name, value in state.items() if name.startswith(prefix)}
    save_file(bare, folder / "bare.safetensors")
    torch.save({"state_dict": bare}, folder / "bare.ckpt")
    old = {"to_q": "query", "to_k": "key", "to_v": "value", "to_out.0": "proj_attn"}
    named = load_file(narrow[2] / "vae" / "diffusion_pytorch_model.safetensors")
    for new, name in old.items():
        named = {key.replace(f".{new}.", f".{name}."): value for key, value in named.items()}
    assert "encoder.mid_block.attentions.0.proj_attn.weight" in named
    save_file(named, folder / "old.safetensors")
    return {
        "pipeline": narrow[2],
        "folder": narrow[2] / "vae",
        "bare file": folder / "bare.safetensors",
        "whole file": folder / "whole.safetensors",
        "bare ckpt": folder / "bare.ckpt",
        "old diffusers file": folder / "old.safetensors",
    }


@pytest.fixture(scope="module")
def bases(narrow: dict[int, Path], tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """SD 1.5 as a folder, and as a file without a VAE with its configuration beside it; read only."""
    folder = tmp_path_factory.mktemp("bases")
    shutil.copytree(narrow[1], folder / "model", ignore=shutil.ignore_patterns("*.safetensors"))
    path = folder / "model.safetensors"
    save_single_file(load_base(str(narrow[1])), path, metadata={})
    save_file({key: value for key, value in read(path).items() if not key.startswith("first_stage_model.")}, path)
    return {"folder": narrow[1], "file without a VAE": path}


@pytest.fixture(scope="module")
def plain(narrow: dict[int, Path]) -> dict[int, StableDiffusion]:
    """Both families, loaded; not to be changed."""
    return {version: load_base(str(folder)) for version, folder in narrow.items()}


@pytest.mark.parametrize("kind", ["pipeline", "folder", "bare file", "whole file", "bare ckpt", "old diffusers file"])
@pytest.mark.parametrize("base", ["folder", "file without a VAE"])
def test_another_vae_takes_the_place_of_the_models_own(
    plain: dict[int, StableDiffusion], vaes: dict[str, Path], bases: dict[str, Path], kind: str, base: str
) -> None:
    loaded = load_base(BaseSource(source=str(bases[base]), vae=str(vaes[kind])))
    assert all(torch.equal(a, b) for a, b in zip(values({"v": loaded.vae}), values({"v": plain[2].vae}), strict=True))
    assert loaded.sha256 != plain[1].sha256


@pytest.mark.parametrize("layout", ["original", "diffusers"])
def test_what_a_vae_file_lacks_is_named(narrow: dict[int, Path], tmp_path: Path, layout: str) -> None:
    path = tmp_path / "vae.safetensors"
    state = read(narrow[2] / "vae" / "diffusion_pytorch_model.safetensors")
    if layout == "original":
        save_single_file(load_base(str(narrow[2])), path, metadata={})
        state = {
            name.removeprefix("first_stage_model."): value for name, value in read(path).items() if "first" in name
        }
    kept = {name: value for name, value in state.items() if not name.startswith(("decoder.conv_out", "quant_conv"))}
    save_file(kept, path)
    with pytest.raises(ModelError, match=rf"{path}: vae lacks 4 weights, e\.g\. decoder\.conv_out\.bias, decoder\."):
        load_base(BaseSource(source=str(narrow[1]), vae=str(path)))


def test_a_file_without_a_vae_is_none(narrow: dict[int, Path], tmp_path: Path) -> None:
    save_file({"lora_unet_x.lora_down.weight": torch.zeros(1)}, tmp_path / "lora.safetensors")
    with pytest.raises(ModelError, match=r"lora\.safetensors: has no vae"):
        load_base(BaseSource(source=str(narrow[1]), vae=str(tmp_path / "lora.safetensors")))


def test_a_vae_of_other_latents_is_refused(narrow: dict[int, Path], tmp_path: Path) -> None:
    folder = Path(shutil.copytree(narrow[1], tmp_path / "sd"))
    AutoencoderKL(latent_channels=16, block_out_channels=(32,)).save_pretrained(folder / "vae")
    with pytest.raises(ModelError, match=r"has latents of 16 channels, and the UNet of .* draws them of 4 channels"):
        load_base(BaseSource(source=str(narrow[1]), vae=str(folder)))
    with pytest.raises(ModelError, match=r"has latents of 16 channels, and the UNet of .* draws 4"):
        load_base(BaseSource(source=str(folder)))


@pytest.mark.parametrize(
    ("others", "message"),
    [
        ({"scaling_factor": 0.13025}, r"scaled by 0\.13025, and the UNet of .* draws them scaled by 0\.18215"),
        (
            {
                "block_out_channels": (8, 8, 8),
                "down_block_types": ("DownEncoderBlock2D",) * 3,
                "up_block_types": ("UpDecoderBlock2D",) * 3,
            },
            r"of 4 pixels a side, and the UNet of .* draws them of 8 pixels a side",
        ),
    ],
    ids=["SDXL", "levels"],
)
def test_a_vae_whose_latents_mean_something_else_is_refused(
    narrow: dict[int, Path], tmp_path: Path, others: dict[str, Any], message: str
) -> None:
    """An SDXL VAE has the very shapes of SD's."""
    few: dict[str, Any] = {"norm_num_groups": 4, "block_out_channels": (8, 8, 8, 8)}
    AutoencoderKL(**SD_VAE | few | others).save_pretrained(tmp_path / "vae")
    with pytest.raises(ModelError, match=rf"^VAE {tmp_path / 'vae'}: has latents {message}; give a VAE of its family$"):
        load_base(BaseSource(source=str(narrow[1]), vae=str(tmp_path / "vae")))


@pytest.mark.parametrize(
    ("others", "message"),
    [
        ({"latent_channels": 16}, "has latents of 16 channels, and 4 are needed"),
        ({"block_out_channels": (8, 8, 16, 16)}, r"cannot read vae, .* is \(16,.*where its configuration has \(8,"),
        (
            {"layers_per_block": 3},
            r"cannot read vae, .*resnets\.\d.* is of a layer that its configuration does not have",
        ),
    ],
)
@pytest.mark.parametrize("suffix", [".safetensors", ".ckpt"])
def test_a_vae_file_of_another_shape_is_refused(
    narrow: dict[int, Path], tmp_path: Path, others: dict[str, Any], message: str, suffix: str
) -> None:
    """It is built after the model's own configuration, and what that has no room for would be left out."""
    own: dict[str, Any] = {"norm_num_groups": 4, "block_out_channels": (8, 8, 8, 8)}
    state, path = AutoencoderKL(**SD_VAE | own | others).state_dict(), tmp_path / f"vae{suffix}"
    if suffix == ".ckpt":
        torch.save({"state_dict": state}, path)
    else:
        save_file(state, path)
    with pytest.raises(ModelError, match=rf"^VAE {path}: {message}"):
        load_base(BaseSource(source=str(narrow[1]), vae=str(path)))
