"""An exported single file is the same model to diffusers, to dbsweep, and in its header."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from diffusers import StableDiffusionPipeline
from safetensors import safe_open

from dbsweep.models.export.metadata import Origin, architecture, describe
from dbsweep.models.export.whole import save_pipeline, save_single_file
from dbsweep.models.loading import load_base
from dbsweep.models.safetensors_file import tensors_sha256
from tests.tiny_models import write_pipeline

ORIGIN = Origin(
    title="ohwx b01-000120",
    date="2026-01-02T03:04:05+00:00",
    resolution=64,
    trigger_phrase="ohwx",
    base_sha256="ab" * 32,
    checkpoint="faces@b01-000120",
    settings={"learning_rate": 2e-6, "epochs": 10},
)


@pytest.fixture(scope="module", params=[(1, "epsilon"), (2, "v_prediction")], ids=["sd1", "sd2"])
def narrow(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """SD 1.5 or 2.1 with all its layers and few channels."""
    version, prediction_type = request.param
    folder = tmp_path_factory.mktemp("narrow") / "model"
    return write_pipeline(folder, version=version, prediction_type=prediction_type)


def draw(pipeline: StableDiffusionPipeline) -> np.ndarray:
    pipeline.set_progress_bar_config(disable=True)
    for network in (pipeline.unet, pipeline.text_encoder, pipeline.vae):
        for parameter in network.parameters():  # where weights of a file lie in memory decides how a processor rounds
            parameter.data = parameter.data.clone()
    generator = torch.Generator().manual_seed(5)
    images: np.ndarray = pipeline(
        "photo of ohwx man", num_inference_steps=2, height=64, width=64, generator=generator, output_type="np"
    ).images
    return images


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


def test_the_header_says_what_the_file_is(narrow: Path, tmp_path: Path) -> None:
    models = load_base(str(narrow))
    path = tmp_path / "out.safetensors"
    save_single_file(models, path, metadata=describe(models, ORIGIN), dtype=torch.float16)
    with safe_open(path, "pt") as file:
        metadata = file.metadata()
        dtypes = {name: file.get_slice(name).get_dtype() for name in file.keys()}  # noqa: SIM118
    is_v2 = models.prediction_type == "v_prediction"
    expected = {
        "format": "pt",
        "modelspec.sai_model_spec": "1.0.0",
        "modelspec.architecture": "stable-diffusion-v2-768-v" if is_v2 else "stable-diffusion-v1",
        "modelspec.prediction_type": "v" if is_v2 else "epsilon",
        "modelspec.title": "ohwx b01-000120",
        "modelspec.date": "2026-01-02T03:04:05+00:00",
        "modelspec.resolution": "64x64",
        "modelspec.trigger_phrase": "ohwx",
        "dbsweep.base_sha256": "ab" * 32,
        "dbsweep.checkpoint": "faces@b01-000120",
    }
    assert {key: metadata[key] for key in expected} == expected
    assert json.loads(metadata["dbsweep.settings"]) == ORIGIN.settings
    content = path.read_bytes()
    body = content[8 + int.from_bytes(content[:8], "little") :]
    assert metadata["modelspec.hash_sha256"] == f"0x{hashlib.sha256(body).hexdigest()}" == f"0x{tensors_sha256(path)}"
    integers = [name for name, dtype in dtypes.items() if dtype != "F16"]
    assert integers == ([] if is_v2 else ["cond_stage_model.transformer.text_model.embeddings.position_ids"])


def test_the_architecture_is_that_of_version_and_prediction(narrow: Path) -> None:
    models = load_base(str(narrow))
    is_v2 = models.prediction_type == "v_prediction"
    told = [
        architecture(dataclasses.replace(models, scheduler_config={"prediction_type": predicts}))
        for predicts in ("epsilon", "v_prediction")
    ]
    expected = ["stable-diffusion-v2-512", "stable-diffusion-v2-768-v"] if is_v2 else ["stable-diffusion-v1"] * 2
    assert told == expected


def test_the_same_model_makes_the_same_file(narrow: Path, tmp_path: Path) -> None:
    models = load_base(str(narrow))
    for name in ("a", "b"):
        save_single_file(models, tmp_path / name, metadata=describe(models, ORIGIN))
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "b"]
