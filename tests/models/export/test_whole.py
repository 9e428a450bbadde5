"""What is exported, as a folder or a single file, is the same model to diffusers and to dbsweep."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch
from diffusers import StableDiffusionPipeline
from safetensors.torch import load_file

from dbsweep.models.export.metadata import Origin, describe
from dbsweep.models.export.whole import save_pipeline, save_single_file
from dbsweep.models.loading import load_base
from tests.models.export.drawn import draw

ORIGIN = Origin(title="ohwx b01-000120", date="2026-01-02T03:04:05+00:00", resolution=64)


def test_diffusers_draws_the_same_image_from_an_exported_folder(narrow: Path, tmp_path: Path) -> None:
    save_pipeline(load_base(str(narrow)), tmp_path / "out")
    expected = draw(StableDiffusionPipeline.from_pretrained(narrow))
    assert np.abs(draw(StableDiffusionPipeline.from_pretrained(tmp_path / "out")) - expected).max() <= 1e-6


@pytest.mark.parametrize("dtype", [None, torch.float16])
def test_an_exported_folder_loads_in_diffusers_with_the_same_weights(
    tiny_sd: Path, tmp_path: Path, dtype: torch.dtype | None
) -> None:
    models = load_base(str(tiny_sd))
    with torch.no_grad():
        next(models.unet.parameters()).add_(0.25)
        next(models.text_encoder.parameters()).add_(0.25)
    save_pipeline(models, tmp_path / "out", dtype=dtype)
    pipeline = StableDiffusionPipeline.from_pretrained(tmp_path / "out")
    for name, network in models.networks.items():
        theirs = getattr(pipeline, name).state_dict()
        for key, value in network.state_dict().items():
            assert torch.equal(theirs[key], value if dtype is None else value.to(dtype).float())
    assert pipeline.scheduler.config.beta_end == 0.012
    assert pipeline.tokenizer("ohwx man").input_ids == models.tokenizer("ohwx man").input_ids


def test_an_exported_folder_has_the_scheduler_of_the_model(tiny_sd: Path, tmp_path: Path) -> None:
    models = load_base(str(tiny_sd))
    for name in ("PNDMScheduler", "DDIMScheduler"):
        config = {**models.scheduler_config, "_class_name": name}
        save_pipeline(dataclasses.replace(models, scheduler_config=config), tmp_path / name)
        assert type(StableDiffusionPipeline.from_pretrained(tmp_path / name).scheduler).__name__ == name


def test_an_exported_folder_is_a_base_model_again(tiny_sd: Path, tmp_path: Path) -> None:
    models = load_base(str(tiny_sd))
    save_pipeline(models, tmp_path / "out")
    assert load_base(str(tmp_path / "out")).sha256 == models.sha256
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_the_text_encoder_has_the_names_that_older_transformers_read(tiny_sd: Path, tmp_path: Path) -> None:
    save_pipeline(load_base(str(tiny_sd)), tmp_path / "out")
    names = load_file(tmp_path / "out" / "text_encoder" / "model.safetensors")
    assert "text_model.encoder.layers.0.mlp.fc1.weight" in names


def test_the_tokenizer_has_the_files_that_older_transformers_read(tiny_sd: Path, tmp_path: Path) -> None:
    models = load_base(str(tiny_sd))
    save_pipeline(models, tmp_path / "out")
    folder = tmp_path / "out" / "tokenizer"
    (folder / "tokenizer.json").unlink()
    text = "photo of ohwx man, großes Bild"
    assert load_base(str(tmp_path / "out")).tokenizer(text).input_ids == models.tokenizer(text).input_ids


def test_no_configuration_tells_where_the_base_model_lay(tiny_sd: Path, tmp_path: Path) -> None:
    save_pipeline(load_base(str(tiny_sd)), tmp_path / "out")
    written = {path: path.read_text() for path in (tmp_path / "out").rglob("*.json")}
    assert len(written) >= 6
    for path, text in written.items():
        assert str(tiny_sd.parent) not in text, path
        assert "name_or_path" not in text, path


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 1e-6), (torch.float16, 0.02), (torch.bfloat16, 0.1)])
def test_diffusers_draws_the_same_image_from_the_file(
    narrow: Path, tmp_path: Path, dtype: torch.dtype, tolerance: float
) -> None:
    models = load_base(str(narrow))
    path = tmp_path / "out.safetensors"
    save_single_file(models, path, metadata=describe(models, ORIGIN), dtype=dtype)
    pipeline = StableDiffusionPipeline.from_single_file(str(path), config=str(narrow), local_files_only=True)
    assert np.abs(draw(pipeline) - draw(StableDiffusionPipeline.from_pretrained(narrow))).max() <= tolerance
    for name, network in models.networks.items():
        theirs = getattr(pipeline, name).state_dict()
        for key, value in network.state_dict().items():
            assert torch.equal(theirs[key], value.to(dtype).float()), f"{name}.{key}"


def test_dbsweep_loads_what_it_wrote(narrow: Path, tmp_path: Path) -> None:
    models = load_base(str(narrow))
    save_pipeline(models, tmp_path / "out")
    save_single_file(models, tmp_path / "out.safetensors", metadata=describe(models, ORIGIN))
    assert load_base(str(tmp_path / "out.safetensors")).sha256 == models.sha256


def test_the_same_model_makes_the_same_file(narrow: Path, tmp_path: Path) -> None:
    models = load_base(str(narrow))
    for name in ("a", "b"):
        save_single_file(models, tmp_path / name, metadata=describe(models, ORIGIN))
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "b"]
