"""A single file of MiniSD finds its configuration in the package, and no other file does."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from dbsweep.errors import ModelError
from dbsweep.minisd.paths import pipeline_path
from dbsweep.models.export.whole import save_single_file
from dbsweep.models.loading import load_base
from dbsweep.models.native_size import native_size
from dbsweep.models.single_file import config
from dbsweep.models.single_file.config import check_single_file, find_config
from dbsweep.models.single_file.embedded import PIPELINE, is_minisd
from dbsweep.models.sources import BaseSource
from tests.tiny_models import write_pipeline

FIRST, WORDS = (
    "model.diffusion_model.input_blocks.0.0.weight",
    "cond_stage_model.transformer.text_model.embeddings.token_embedding.weight",
)


@pytest.fixture(scope="module")
def single(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What `dbsweep export --format single-file` writes of MiniSD, in float32."""
    file = tmp_path_factory.mktemp("exported") / "mine.safetensors"
    save_single_file(load_base(str(pipeline_path())), file, metadata={})
    return file


@pytest.fixture(autouse=True)
def no_hub(monkeypatch: pytest.MonkeyPatch) -> None:
    def download(hub_id: str, files: object) -> Path:
        raise ModelError(f"{hub_id} is not to be had")

    monkeypatch.setattr(config, "download", download)
    monkeypatch.setattr(config, "find_cached", lambda hub_id, files: None)


def test_what_was_exported_of_minisd_is_a_base_model_without_a_network(single: Path) -> None:
    check_single_file(BaseSource(source=str(single)))
    embedded, loaded = load_base(str(pipeline_path())), load_base(str(single))
    assert loaded.sha256 == embedded.sha256
    assert loaded.tokenizer("photo of ohwx man").input_ids == embedded.tokenizer("photo of ohwx man").input_ids
    assert loaded.scheduler_config == embedded.scheduler_config
    assert native_size(str(single)) == 64


def test_a_folder_beside_it_comes_first(single: Path, tmp_path: Path) -> None:
    file = tmp_path / "mine.safetensors"
    file.write_bytes(single.read_bytes())
    assert find_config(file, sd2=False) == PIPELINE == pipeline_path()
    write_pipeline(tmp_path / "mine")
    assert find_config(file, sd2=False) == tmp_path / "mine"


def test_another_small_model_is_none(tmp_path: Path) -> None:
    save_single_file(load_base(str(write_pipeline(tmp_path / "tiny"))), tmp_path / "m.safetensors", metadata={})
    with pytest.raises(ModelError, match="a single file lacks its configuration and tokenizer"):
        check_single_file(BaseSource(source=str(tmp_path / "m.safetensors")))
    assert native_size(str(tmp_path / "m.safetensors")) is None


def shapes_of_minisd() -> dict[str, list[int]]:
    models = load_base(str(pipeline_path()))
    words = models.text_encoder.get_input_embeddings().weight
    return {FIRST: list(models.unet.conv_in.weight.shape), WORDS: list(words.shape)}


@pytest.mark.parametrize(
    "changes",
    [
        {FIRST: [320, 4, 3, 3]},
        {WORDS: [49408, 768]},
        {WORDS: [49408, 160]},
        {FIRST: ()},
        {WORDS: ()},
    ],
)
def test_both_layers_must_be_minisds(changes: dict[str, list[int]]) -> None:
    assert is_minisd(shapes_of_minisd())
    assert not is_minisd(shapes_of_minisd() | changes)
    assert not is_minisd({})


def test_another_half_of_its_values_changes_nothing(tmp_path: Path) -> None:
    save_single_file(load_base(str(pipeline_path())), tmp_path / "m.safetensors", metadata={}, dtype=torch.float16)
    assert find_config(tmp_path / "m.safetensors", sd2=False) == PIPELINE
