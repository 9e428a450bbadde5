"""What is exported draws the same in diffusers."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch
from diffusers import StableDiffusionPipeline
from safetensors.torch import load_file

from dbsweep.models.export.whole import save_pipeline
from dbsweep.models.loading import load_base
from tests.models.export.test_single_file import draw
from tests.tiny_models import write_pipeline


@pytest.mark.parametrize(("version", "prediction_type"), [(1, "epsilon"), (2, "v_prediction")])
def test_diffusers_draws_the_same_image_from_an_exported_folder(
    tmp_path: Path, version: int, prediction_type: str
) -> None:
    base = write_pipeline(tmp_path / "base", version=version, prediction_type=prediction_type)
    save_pipeline(load_base(str(base)), tmp_path / "out")
    expected = draw(StableDiffusionPipeline.from_pretrained(base))
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
