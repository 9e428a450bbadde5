"""The DINOv2 encoder on a tiny random model, saved and loaded as the published ones are."""

from __future__ import annotations

import json
import logging
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import BitImageProcessor, Dinov2Config, Dinov2Model

from dbsweep.errors import ModelError, ResourceError
from dbsweep.scoring.dino import load_dino


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("dino")
    torch.manual_seed(0)
    config = Dinov2Config(
        hidden_size=16, num_hidden_layers=2, num_attention_heads=2, intermediate_size=32, image_size=28, patch_size=14
    )
    Dinov2Model(config).save_pretrained(path)
    size = {"height": 28, "width": 28}
    BitImageProcessor(size={"shortest_edge": 28}, crop_size=size).save_pretrained(path)
    return path


def images(count: int) -> list[np.ndarray]:
    rng = np.random.default_rng(0)
    return [rng.integers(0, 256, (40, 40, 3), dtype=np.uint8) for _ in range(count)]


def test_rows_are_normalised_and_do_not_depend_on_the_batch(folder: Path) -> None:
    encoder = load_dino(str(folder), batch_size=2)
    rows = encoder.encode_images(images(5))
    assert rows.shape == (5, 16)
    assert rows.dtype == np.dtype(np.float32)
    assert np.linalg.norm(rows, axis=1) == pytest.approx(np.ones(5), abs=1e-5)
    assert encoder.encode_images(images(5)[4:]) == pytest.approx(rows[4:], abs=1e-5)
    assert len(np.unique(rows.round(4), axis=0)) == 5


def test_the_embedding_is_the_class_token(folder: Path) -> None:
    """The same by transformers' own pooled output, which is the class token after the last norm."""
    processor = BitImageProcessor.from_pretrained(folder)
    with torch.inference_mode():
        pooled = Dinov2Model.from_pretrained(folder)(**processor(images(1), return_tensors="pt")).pooler_output[0]
    expected = (pooled / pooled.norm()).numpy()
    assert load_dino(str(folder)).encode_images(images(1))[0] == pytest.approx(expected, abs=1e-5)


def test_who_has_made_room_comes_back_to_look(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    encoder = load_dino(str(folder))
    moves: list[torch.device] = []
    monkeypatch.setattr(encoder._model, "_is_away", True)
    monkeypatch.setattr(encoder._model, "_move", moves.append)
    encoder.encode_images(images(1))
    assert moves == [torch.device("cpu")]


def test_no_images_are_no_rows(folder: Path) -> None:
    assert load_dino(str(folder)).encode_images([]).shape == (0, 16)


def test_no_memory_for_it_names_a_smaller_one(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def to(*_: object) -> object:
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")

    monkeypatch.setattr(Dinov2Model, "to", to)
    with pytest.raises(
        ResourceError, match=r"was loaded; what helps: .*evaluate.identity.dinov2 facebook/dinov2-small"
    ):
        load_dino(str(folder))


def test_a_folder_that_is_none_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="cannot load the DINOv2 model"):
        load_dino(str(tmp_path))


@pytest.mark.parametrize(
    ("file", "content"),
    [
        ("model.safetensors", b"half of a file"),
        ("pytorch_model.bin", b"version https://git-lfs.github.com/spec/v1\n"),
    ],
)
def test_damaged_weights_are_refused(folder: Path, tmp_path: Path, file: str, content: bytes) -> None:
    shutil.copytree(folder, tmp_path / "dino", ignore=shutil.ignore_patterns("model.safetensors"))
    (tmp_path / "dino" / file).write_bytes(content)
    with pytest.raises(ModelError, match="cannot load the DINOv2 model"):
        load_dino(str(tmp_path / "dino"))


def test_another_model_is_no_dinov2(folder: Path, tmp_path: Path) -> None:
    """transformers only warns, and takes of it what has the same name."""
    shutil.copytree(folder, tmp_path / "vit")
    config = json.loads((folder / "config.json").read_text())
    (tmp_path / "vit" / "config.json").write_text(json.dumps({**config, "model_type": "vit"}))
    with pytest.raises(ModelError, match="is a vit model, not a dinov2"):
        load_dino(str(tmp_path / "vit"))


def test_weights_that_are_missing_are_not_made_up(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """As they are by transformers, which says so in a table."""
    monkeypatch.setattr(logging.getLogger("transformers"), "propagate", True)
    shutil.copytree(folder, tmp_path / "dino")
    config = json.loads((folder / "config.json").read_text())
    (tmp_path / "dino" / "config.json").write_text(json.dumps({**config, "num_hidden_layers": 3}))
    with pytest.raises(ModelError, match=r"lacks \d+ of its weights, such as encoder\.layer\.2\."):
        load_dino(str(tmp_path / "dino"))
    assert caplog.messages == []


def test_weights_that_are_no_numbers_are_told_as_such(folder: Path, tmp_path: Path) -> None:
    """And not as photos that show no face, which rows of NaN stand for."""
    model = Dinov2Model.from_pretrained(folder)
    torch.nn.init.constant_(model.layernorm.weight, float("nan"))
    shutil.copytree(folder, tmp_path / "dino")
    model.save_pretrained(tmp_path / "dino")
    message = r"dino' sees nothing: NaN .* in 1 weight, such as layernorm\.weight; get its files again"
    with pytest.raises(ModelError, match=message):
        load_dino(str(tmp_path / "dino"))
