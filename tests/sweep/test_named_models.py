"""Tests of what the names of models in an experiment file stand for."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from dbsweep.config.loading import load_experiment
from dbsweep.config.schema import Experiment
from dbsweep.execution.folder import RunFolder
from dbsweep.execution.ledger.ledger import Ledger
from dbsweep.minisd.paths import clip_path, pipeline_path
from dbsweep.models.sources import BaseSource
from dbsweep.sweep.named_models import base_source, resolve_encoder, with_base_of_base
from dbsweep.sweep.planning import local_rates, make_plan
from tests.models.test_hub import snapshot
from tests.sweep.files import write_experiment


def test_the_embedded_model_is_a_folder_of_the_package() -> None:
    assert resolve_encoder("minisd") == str(clip_path())
    assert resolve_encoder("ViT-L-14/openai") == "ViT-L-14/openai"


def test_a_base_is_what_is_taken_of_it(tmp_path: Path) -> None:
    experiment = load_experiment(write_experiment(tmp_path), ["vae=minisd"])
    assert base_source(experiment) == BaseSource(source=str(pipeline_path()), vae=str(pipeline_path()))
    other = experiment.model_copy(update={"base_model": "a.safetensors", "base_model_ema": True, "vae": "owner/vae"})
    assert base_source(other) == BaseSource(source="a.safetensors", ema=True, vae="owner/vae")


def run_of(experiment: Experiment, name: str) -> str:
    """A run that has begun; the path of a checkpoint in it, which need not be here."""
    experiment = experiment.model_copy(update={"name": name})
    plan = make_plan(experiment)
    folder = RunFolder.create(experiment.output, name, experiment, plan)
    Ledger.create(folder.ledger, name, experiment, plan).close()
    return str(folder.checkpoint("b01", 12))


def test_below_a_chain_of_checkpoints_is_the_model_that_is_none(tmp_path: Path) -> None:
    experiment = load_experiment(write_experiment(tmp_path), ["train.resolution=32"])
    assert with_base_of_base(experiment) is experiment
    first = experiment.model_copy(update={"base_model": run_of(experiment, "first")})
    second = first.model_copy(update={"base_model": run_of(first, "second")})
    assert with_base_of_base(second) == experiment


def test_a_hub_id_in_the_cache_is_measured_by_its_files(
    tiny_sd: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    experiment = load_experiment(write_experiment(tmp_path / "files"), ["base_model=somebody/mine"])
    assert with_base_of_base(experiment) is experiment
    shutil.copytree(tiny_sd, snapshot(tmp_path, "somebody/mine"), dirs_exist_ok=True)
    by_path = experiment.model_copy(update={"base_model": str(tiny_sd)})
    assert local_rates(experiment) == local_rates(by_path)
    assert local_rates(experiment).weight_bytes < 10**7  # Stable Diffusion 1 has hundreds of millions
